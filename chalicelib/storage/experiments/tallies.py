"""Counts of enrollments and exclusions in DynamoDB, in shards."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from pynamodb.transactions import TransactWrite

from chalicelib.domain.experiments.tallies import ExclusionTally, HourlyTally, Tally
from chalicelib.domain.participants.decision_points import Place
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.tables import HOURS, CounterRow, EnrolledOnRow, EnrolledRow

COUNTS = ("users", "condition_users", "point_users", "groups", "point_groups")

ACTIONS_PER_TALLY = 2
"""A tally counts in all and by day."""


def add_tallies(write: TransactWrite, tallies: Iterable[Tally], shard: int) -> None:
    """Add to the enrollments, in all and by day, within a transaction."""
    for tally in tallies:
        figures = {name: by for name in COUNTS if (by := getattr(tally, name))}
        place_key = _place_key(tally.place)
        if figures:
            key = keys.enrolled(tally.condition_id, place_key, shard)
            actions = [getattr(EnrolledRow, name).add(by) for name, by in figures.items()]
            write.update(EnrolledRow(tally.number, key), actions=actions)
        if tally.at is not None and (tally.point_users or tally.point_groups):
            _add_by_day(write, tally, tally.at.astimezone(UTC), place_key, shard)


def _add_by_day(
    write: TransactWrite, tally: Tally, at: datetime, place_key: str, shard: int
) -> None:
    figures = {f"u{at.hour}": tally.point_users, f"g{at.hour}": tally.point_groups}
    day = at.date().isoformat()
    write.update(
        EnrolledOnRow(tally.number, keys.enrolled_on(day, tally.condition_id, place_key, shard)),
        actions=[getattr(EnrolledOnRow, name).add(by) for name, by in figures.items() if by],
    )


def add_count(write: TransactWrite, number: int, kind: str, shard: int, by: int) -> None:
    """Add to another counter of an experiment or flag within a transaction."""
    write.update(CounterRow(number, keys.counter(kind, shard)), actions=[CounterRow.n.add(by)])


def add_exclusions(write: TransactWrite, tallies: Iterable[ExclusionTally], shard: int) -> None:
    """Add to the exclusions within a transaction."""
    for tally in tallies:
        figures = {
            keys.excluded_users(shard): tally.users,
            keys.excluded_groups(shard): tally.groups,
        }
        for key, by in figures.items():
            if by:
                write.update(CounterRow(tally.number, key), actions=[CounterRow.n.add(by)])


def read_counts(
    number: int, places: Collection[Place] = ()
) -> tuple[list[Tally], ExclusionTally, int]:
    """The enrollments of an experiment by condition and place, its exclusions, and the groups
    with users enough.

    Enrollments at other places than `places` come with None for a place.
    """
    by_key = _by_key(places)
    tallies: dict[tuple[str | None, Place | None], Tally] = {}
    excluded: defaultdict[str, int] = defaultdict(int)
    complete = 0
    span = EnrolledRow.sk.between(f"{keys.ENROLLED}#", f"{keys.GROUPS}#~")
    for row in EnrolledRow.query(number, span, consistent_read=True):
        kind, *rest = row.sk.split("#")
        if kind == keys.ENROLLED:
            condition_id, place = _condition(rest[0]), by_key.get(rest[1])
            before = tallies.get((condition_id, place)) or Tally(number, condition_id, place)
            tallies[condition_id, place] = replace(
                before,
                **{name: getattr(before, name) + int(getattr(row, name) or 0) for name in COUNTS},
            )
        elif kind == keys.EXCLUDED:
            excluded[rest[0]] += int(row.n or 0)
        elif kind == keys.GROUPS:
            complete += int(row.n or 0)
    return (
        list(tallies.values()),
        ExclusionTally(number, excluded["users"], excluded["groups"]),
        complete,
    )


def read_hourly(number: int, since: date, places: Collection[Place]) -> Sequence[HourlyTally]:
    """The new enrollments from a day (UTC) on, by the hour."""
    by_key = _by_key(places)
    users: defaultdict[tuple[datetime, str | None, Place | None], int] = defaultdict(int)
    groups: defaultdict[tuple[datetime, str | None, Place | None], int] = defaultdict(int)
    days = EnrolledOnRow.sk.between(f"day#{since.isoformat()}", "day#~")
    for row in EnrolledOnRow.query(number, days, consistent_read=True):
        _, day, condition, place_key, _ = row.sk.split("#")
        start = datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC)
        for hour in HOURS:
            key = start + timedelta(hours=hour), _condition(condition), by_key.get(place_key)
            users[key] += int(getattr(row, f"u{hour}") or 0)
            groups[key] += int(getattr(row, f"g{hour}") or 0)
    return [HourlyTally(*key, n, groups[key]) for key, n in users.items() if n or groups[key]]


def _condition(part: str) -> str | None:
    return None if part == keys.NO_CONDITION else keys.unescaped(part)


def _by_key(places: Collection[Place]) -> Mapping[str, Place]:
    return {_place_key(place): place for place in places}


def _place_key(place: Place | None) -> str:
    return keys.place(place.site, place.target) if place else keys.place("", "")
