"""Snapshots: what the queries of an experiment came to, day by day, and when one is due.

A snapshot holds sums and no ids of users. So the sums of past days stay as they were read when a
user is erased, as a printed page would.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from chalicelib.domain.experiments.experiments import Experiment, State, Unit
from chalicelib.domain.features.features import Feature
from chalicelib.domain.features.runs import in_force
from chalicelib.domain.outcomes.query_sums import Cell, QuerySums
from chalicelib.domain.outcomes.value_sums import ValueSums, exact_text

BYTES_OF_A_CELL = 200
"""What a cell takes besides its numbers and names."""

BYTES_OF_A_SNAPSHOT = 8_000
"""What a snapshot takes besides its cells."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The sums of a query to the end of a day (UTC), as they were read at a moment after it.

    The `final` one is the look that the plan of the experiment ends with: the first at or after its
    planned end. There is one of a query at the most.
    """

    day: date
    at: datetime
    final: bool
    sums: QuerySums


@dataclass(frozen=True, slots=True)
class Taken:
    """How far the snapshots of a query are: the last one, and when one was `tried` for last."""

    day: date | None = None
    at: datetime | None = None
    final: bool = False
    tried: datetime | None = None


NONE_TAKEN = Taken()


def last_day(now: datetime) -> date:
    """The last day that is over (UTC)."""
    return now.astimezone(UTC).date() - timedelta(days=1)


def planned_end_of(feature: Feature) -> datetime | None:
    """The end of the last day that was planned at the start, or by now; None without one."""
    ends_on = in_force(feature.effective_plan(), feature.run).ends_on
    return None if ends_on is None else datetime.combine(ends_on + timedelta(days=1), time(0), UTC)


def ends_by_number(feature: Feature) -> bool:
    """Whether the end is planned as a number of units, and not as a day."""
    plan = in_force(feature.effective_plan(), feature.run)
    return plan.ends_on is None and plan.units is not None


def have_come(feature: Feature, users: int, complete_groups: int, sums: QuerySums) -> bool:
    """Whether the units have come with which an experiment ends that `ends_by_number`.

    `users` are enrolled, and `complete_groups` have users enough. A design that ends by itself is
    over when it did; else so many units are planned for each two conditions.
    """
    design = feature.design
    planned = in_force(feature.effective_plan(), feature.run).units
    if design is None or planned is None:
        return False
    complete = design.complete_condition
    by_itself = complete is not None and (feature.plan is None or feature.plan.units is None)
    if complete is not None and by_itself:
        if design.state is State.ENROLLING:
            return False
        if design.unit is Unit.GROUP:
            return complete_groups >= (complete.group_count or 0)
        return users >= (complete.user_count or 0)
    in_groups = design.unit is Unit.GROUP
    enrolled = sum(sums.enrolled.values()) if in_groups else users
    return enrolled >= planned * len(design.conditions) / 2


def ended_at(experiment: Experiment) -> datetime:
    """When an experiment that does not enroll any more last did."""
    ends = (each.at for each in experiment.state_changes if each.before is State.ENROLLING)
    return max(ends, default=experiment.started_at or experiment.created_at)


def is_due(
    experiment: Experiment, taken: Taken, now: datetime, planned_end: datetime | None
) -> bool:
    """Whether the last day that is over lacks a snapshot of a query.

    One that enrolls gets one each day; one that has ended gets one more, with all that was logged
    on the day of its end, and one after its planned end, if that comes later.
    """
    day, started = last_day(now), experiment.started_at
    if started is None or started.date() > day or (taken.day is not None and taken.day >= day):
        return False
    if experiment.state is State.ENROLLING:
        return True
    ended = ended_at(experiment)
    looks = [ended] if taken.at is None or taken.at < ended else []
    if planned_end is not None and not taken.final:
        looks.append(planned_end)
    return any(_is_over(look, now) for look in looks)


def is_final(
    taken: Taken, at: datetime, planned_end: datetime | None, *, all_came: bool = False
) -> bool:
    """Whether a snapshot that is read at a moment is the first at or after the planned end.

    That is a moment, or that all planned units came.
    """
    is_past = all_came or (planned_end is not None and at >= planned_end)
    return is_past and not taken.final


def _is_over(moment: datetime, now: datetime) -> bool:
    """Whether the day of a moment is over, up to the midnight at which it ends."""
    return last_day(moment - timedelta(microseconds=1)) < last_day(now)


def fitted(sums: QuerySums, room: int) -> QuerySums:
    """The sums in at most `room` bytes of JSON: as they are, else with small strata merged.

    The strata with the fewest units go together, as few as will do. Should that not be enough, for
    the numbers themselves are too long, no sums are left, and they are marked as too large.
    """
    room -= BYTES_OF_A_SNAPSHOT
    units: defaultdict[str | None, int] = defaultdict(int)
    for cell in sums.cells:
        units[cell.stratum] += cell.sums.n
    by_size = sorted(units, key=lambda name: (-units[name], name is not None, name or ""))
    kept, shorter = len(by_size), sums
    while _bytes(shorter) > room:
        if kept <= 0 or len(by_size) == 1:
            return replace(sums, cells=(), beside=(), too_large=True)
        # One stratum alone is not merged with anything, so at least two go at first.
        kept = min(kept - 1, len(by_size) - 2, kept * 9 // 10)
        shorter = replace(sums, cells=_merged(sums.cells, set(by_size[:kept])))
    return shorter


def _merged(cells: Sequence[Cell], kept: set[str | None]) -> tuple[Cell, ...]:
    """The cells of the strata that are `kept`, and one for all others of each condition."""
    others: dict[str, list[Cell]] = {}
    for cell in cells:
        if cell.stratum not in kept:
            others.setdefault(cell.condition_id, []).append(cell)
    strata = len({cell.stratum for own in others.values() for cell in own})
    return (
        *(cell for cell in cells if cell.stratum in kept),
        *(_together(condition_id, own, strata) for condition_id, own in others.items()),
    )


def _together(condition_id: str, cells: Sequence[Cell], strata: int) -> Cell:
    enrolled = [cell.enrolled for cell in cells if cell.enrolled is not None]
    return Cell(
        condition_id,
        None,
        sum((cell.sums for cell in cells), ValueSums()),
        sum(enrolled) if len(enrolled) == len(cells) else None,
        sum(cell.left_out for cell in cells),
        strata,
    )


def _bytes(sums: QuerySums) -> int:
    """At least what the cells take as JSON."""
    return sum(map(_bytes_of_cell, (*sums.cells, *sums.beside)))


def _bytes_of_cell(cell: Cell) -> int:
    numbers = (cell.sums.total, cell.sums.squares, cell.sums.cubes)
    names = json.dumps([cell.condition_id, cell.stratum], ensure_ascii=False)
    return BYTES_OF_A_CELL + len(names.encode()) + sum(len(exact_text(each)) for each in numbers)


def by_query(snapshots: Iterable[Snapshot]) -> Mapping[str, Sequence[Snapshot]]:
    """The series of each query, the oldest day first."""
    found: defaultdict[str, list[Snapshot]] = defaultdict(list)
    for snapshot in sorted(snapshots, key=lambda each: each.day):
        found[snapshot.sums.query_id].append(snapshot)
    return found
