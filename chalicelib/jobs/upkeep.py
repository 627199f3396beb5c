"""The work of every minute."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.services import Services


@dataclass(frozen=True, slots=True)
class UpkeepReport:
    """The catalogue's version afterwards, and the rows that the purge removed."""

    catalogue_version: int
    purged_rows: int


def upkeep(services: Services) -> UpkeepReport:
    """Bring features, user blocks and experiments up to date with the day and time, then purge.

    Experiments in UpGrade's form start and end by their dates, and end when they are complete.

    Running it twice, or beside another run, changes nothing more.
    """
    try:
        version = services.user_blocks.catch_up().revision.version
        services.experiments.follow_schedules()
        services.marking.end_complete()
    finally:
        purged_rows = services.purge.run_due()
    return UpkeepReport(version, purged_rows)
