"""The work of every minute: what has to happen in time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from chalicelib.domain.catalogue.faults import Failure, Round
from chalicelib.domain.errors import Unavailable
from chalicelib.services import Services

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class UpkeepReport:
    """The catalogue's version afterwards, and the experiments that the run failed at."""

    catalogue_version: int
    failures: tuple[Failure, ...]


def upkeep(services: Services, tell: Callable[[Failure], None] | None = None) -> UpkeepReport:
    """Bring features, user blocks and experiments up to date with the day and time.

    Experiments in UpGrade's form start and end by their dates, and end when they are complete. Once
    a day there are snapshots of what their queries come to: last, for that takes longest.
    Each of these parts, and in it each experiment, is handled alone: what fails stops nothing
    else, is told to `tell` and noted as a fault of its experiment. A part ends early where the
    store answers for none of some experiments.

    Running it twice, or beside another run, changes nothing more.

    Raises:
        Unavailable: if the store did not answer somewhere, after all else was done.
    """
    errors: list[Exception] = []
    failed: list[str] = []

    def part(name: str, work: Callable[[], T], instead: T) -> T:
        try:
            return work()
        except Exception as error:  # noqa: BLE001 - raised below, once the other parts are done
            errors.append(error)
            failed.append(f"{name}: {type(error).__name__}")
            return instead

    part("user blocks", services.user_blocks.catch_up, None)
    for name, work in (
        ("starts of Test Lab's experiments", services.features.begin_due),
        ("folding cohorts", services.cohorts.fold_due),
        ("counting earlier users", services.cohorts.backfill_due),
    ):
        part(name, work, None)
    rounds = [
        part("schedules", services.experiments.follow_schedules, Round(whole=False)),
        part("ends of complete experiments", services.marking.end_complete, Round(whole=False)),
    ]
    _tell(rounds, tell)
    # Also if the rest is killed, which may be long.
    part("noting faults", lambda: services.faults.note([*rounds, Round(whole=False)]), None)
    rounds.append(part("snapshots", services.snapshots.take_due, Round(whole=False)))
    _tell(rounds[-1:], tell)
    # The last snapshots decide, so they come first.
    part("results", services.results.renew_due, 0)
    part("noting faults", lambda: services.faults.note(rounds), None)
    part("noting the run", lambda: services.runs.note(failed), None)
    failures = tuple(failure for each in rounds for failure in each.failures)
    errors += [each.error for each in failures if isinstance(each.error, Unavailable)]
    if errors:
        raise errors[0]
    return UpkeepReport(services.catalogue.snapshot().revision.version, failures)


def _tell(rounds: Sequence[Round], tell: Callable[[Failure], None] | None) -> None:
    if tell is not None:
        for each in rounds:
            for failure in each.failures:
                tell(failure)
