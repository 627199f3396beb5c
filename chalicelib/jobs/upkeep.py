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

    def part(work: Callable[[], T], failed: T) -> T:
        try:
            return work()
        except Exception as error:  # noqa: BLE001 - raised below, once the other parts are done
            errors.append(error)
            return failed

    part(services.user_blocks.catch_up, None)
    for work in (
        services.features.begin_due,
        services.cohorts.fold_due,
        services.cohorts.backfill_due,
    ):
        part(work, None)
    by_experiment = (services.experiments.follow_schedules, services.marking.end_complete)
    rounds = [part(work, Round(whole=False)) for work in by_experiment]
    _tell(rounds, tell)
    # Also if the rest is killed, which may be long.
    part(lambda: services.faults.note([*rounds, Round(whole=False)]), None)
    rounds.append(part(services.snapshots.take_due, Round(whole=False)))
    _tell(rounds[-1:], tell)
    # The last snapshots decide, so they come first.
    part(services.results.renew_due, 0)
    services.faults.note(rounds)
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
