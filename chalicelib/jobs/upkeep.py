"""The work of every minute: what has to happen in time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.domain.errors import Unavailable
from chalicelib.domain.faults import Failure
from chalicelib.services import Services


@dataclass(frozen=True, slots=True)
class UpkeepReport:
    """The catalogue's version afterwards, and the experiments that the run failed at."""

    catalogue_version: int
    failures: tuple[Failure, ...]


def upkeep(services: Services, tell: Callable[[Failure], None] | None = None) -> UpkeepReport:
    """Bring features, user blocks and experiments up to date with the day and time.

    Experiments in UpGrade's form start and end by their dates, and end when they are complete.
    Each of these parts, and in it each experiment, is handled alone: what fails stops nothing
    else, is told to `tell` and noted as a fault of its experiment.

    Running it twice, or beside another run, changes nothing more.

    Raises:
        Unavailable: if the store did not answer somewhere, after all else was done.
    """
    failures: list[Failure] = []
    errors: list[Exception] = []

    def part(work: Callable[[], list[Failure]]) -> None:
        try:
            failures.extend(work())
        except Exception as error:  # noqa: BLE001 - raised below, once the other parts are done
            errors.append(error)

    def allocate() -> list[Failure]:
        services.user_blocks.catch_up()
        return []

    for work in (allocate, services.experiments.follow_schedules, services.marking.end_complete):
        part(work)
    if tell is not None:
        for failure in failures:
            tell(failure)
    services.faults.note(failures)
    errors += [each.error for each in failures if isinstance(each.error, Unavailable)]
    if errors:
        raise errors[0]
    return UpkeepReport(services.catalogue.snapshot().revision.version, tuple(failures))
