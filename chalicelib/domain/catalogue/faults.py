"""What the scheduled function could not do for an experiment, as administrators are told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from chalicelib.domain.errors import SwitchyardError

FAULTS = 100
"""Experiments that are shown as faulty at once: all of them are one item, which must stay small."""

WHAT = 200
"""Characters of what is shown."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A failure to move an experiment to the state that it should be in, and since when."""

    what: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Failure:
    """An error that an experiment, held by the feature `feature_id`, met with in one run."""

    feature_id: int
    experiment_id: str
    error: Exception

    @property
    def what(self) -> str:
        """What an administrator is told: what the program says itself, of others their kind."""
        if isinstance(self.error, SwitchyardError):
            return str(self.error)[:WHAT]
        return f"{type(self.error).__name__}: the log of the scheduled function says where"


@dataclass(frozen=True, slots=True)
class Round:
    """What work on each experiment alone came to: where it failed, and whether all were tried."""

    failures: tuple[Failure, ...] = ()
    whole: bool = True


def after_run(
    known: Mapping[str, Fault], failures: Iterable[Failure], now: datetime
) -> Mapping[str, Fault]:
    """The faults by experiment after a run with some failures; what did not fail is well again."""
    found: dict[str, Fault] = {}
    for failure in islice(failures, FAULTS):
        before = known.get(failure.experiment_id)
        same = before is not None and before.what == failure.what
        found[failure.experiment_id] = before if same and before else Fault(failure.what, now)
    return found
