"""Counts of enrollments and exclusions in DynamoDB, in shards."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from pynamodb.transactions import TransactWrite

from chalicelib.domain.experiments.enrollment_counts import (
    COUNTS,
    DailyEnrollmentCount,
    EnrollmentCount,
    ExclusionCount,
    HourlyEnrollmentCount,
)
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import store_errors
from chalicelib.storage.dynamodb.tables import HOURS, CounterRow, EnrolledOnRow, EnrolledRow
from chalicelib.storage.participants.records import point_text

ACTIONS_PER_COUNT = 2
"""An enrollment count counts in all and by day."""

Hours = defaultdict[tuple[datetime, str | None, DecisionPointKey | None], int]
"""How many enrolled in an hour, with a condition, at a decision point."""


def add_enrollment_counts(
    write: TransactWrite, enrollment_counts: Iterable[EnrollmentCount], shard: int
) -> None:
    """Add to the enrollments, in all and by day, within a transaction."""
    for enrollment_count in enrollment_counts:
        figures = {name: by for name in COUNTS if (by := getattr(enrollment_count, name))}
        point = point_text(enrollment_count.point_key)
        if figures:
            key = keys.enrolled(enrollment_count.condition_id, point, shard)
            actions = [getattr(EnrolledRow, name).add(by) for name, by in figures.items()]
            write.update(EnrolledRow(enrollment_count.feature_id, key), actions=actions)
        if enrollment_count.at is not None:
            _add_by_day(write, enrollment_count, enrollment_count.at.astimezone(UTC), shard)


def _add_by_day(
    write: TransactWrite,
    enrollment_count: EnrollmentCount,
    at: datetime,
    shard: int,
) -> None:
    figures = {
        f"u{at.hour}": enrollment_count.point_users,
        f"g{at.hour}": enrollment_count.point_groups,
        "condition_users": enrollment_count.condition_users,
        "condition_groups": enrollment_count.groups,
        "counted": enrollment_count.point_users,
    }
    actions = [getattr(EnrolledOnRow, name).add(by) for name, by in figures.items() if by]
    if actions:
        day, point = at.date().isoformat(), point_text(enrollment_count.point_key)
        key = keys.enrolled_on(day, enrollment_count.condition_id, point, shard)
        write.update(EnrolledOnRow(enrollment_count.feature_id, key), actions=actions)


def add_exclusions(
    write: TransactWrite, enrollment_counts: Iterable[ExclusionCount], shard: int
) -> None:
    """Add to the exclusions within a transaction."""
    for enrollment_count in enrollment_counts:
        figures = {
            keys.excluded_users(shard): enrollment_count.users,
            keys.excluded_groups(shard): enrollment_count.groups,
        }
        for key, by in figures.items():
            if by:
                write.update(
                    CounterRow(enrollment_count.feature_id, key), actions=[CounterRow.n.add(by)]
                )


class DynamoEnrollmentCountStore:
    """`EnrollmentCountStore` on the table `variants`."""

    @store_errors()
    def in_all(self, feature_id: int) -> tuple[int, int]:
        enrollment_counts, _, complete_groups = _read_counts(feature_id)
        return sum(
            enrollment_count.users for enrollment_count in enrollment_counts
        ), complete_groups

    @store_errors()
    def by_point(
        self, feature_id: int, point_keys: Collection[DecisionPointKey]
    ) -> tuple[Sequence[EnrollmentCount], ExclusionCount]:
        enrollment_counts, excluded, _ = _read_counts(feature_id, point_keys)
        return enrollment_counts, excluded

    @store_errors()
    def hourly(
        self, feature_id: int, since: date, point_keys: Collection[DecisionPointKey]
    ) -> Sequence[HourlyEnrollmentCount]:
        by_key = _by_key(point_keys)
        users: defaultdict[tuple[datetime, str | None, DecisionPointKey | None], int] = defaultdict(
            int
        )
        groups: defaultdict[tuple[datetime, str | None, DecisionPointKey | None], int] = (
            defaultdict(int)
        )
        days = EnrolledOnRow.sk.between(f"day#{since.isoformat()}", "day#~")
        for row in EnrolledOnRow.query(feature_id, days, consistent_read=True):
            _, day, condition, point, _ = row.sk.split("#")
            start = datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC)
            for hour in HOURS:
                key = start + timedelta(hours=hour), _condition(condition), by_key.get(point)
                users[key] += int(getattr(row, f"u{hour}") or 0)
                groups[key] += int(getattr(row, f"g{hour}") or 0)
        return [
            HourlyEnrollmentCount(*key, n, groups[key])
            for key, n in users.items()
            if n or groups[key]
        ]

    @store_errors()
    def daily(self, feature_id: int) -> Sequence[DailyEnrollmentCount]:
        sums: defaultdict[tuple[date, str | None], Counter[str]] = defaultdict(Counter)
        days = EnrolledOnRow.sk.startswith("day#")
        for row in EnrolledOnRow.query(feature_id, days, consistent_read=True):
            _, day, condition, _, _ = row.sk.split("#")
            own = sums[date.fromisoformat(day), _condition(condition)]
            own["users"] += int(row.condition_users or 0)
            own["groups"] += int(row.condition_groups or 0)
            # Counters lose as much as they got, so the difference stays however many leave.
            own["uncounted"] += sum(int(getattr(row, f"u{hour}") or 0) for hour in HOURS)
            own["uncounted"] -= int(row.counted or 0)
        return [
            DailyEnrollmentCount(
                *key,
                own["users"],
                own["groups"],
                whole=not own["uncounted"] and min(own["users"], own["groups"]) >= 0,
            )
            for key, own in sums.items()
            if any(own.values())
        ]

    @store_errors()
    def in_strata(self, feature_id: int, values: Collection[str]) -> Mapping[tuple[str, int], int]:
        by_prefix = {keys.stratum_counter_prefix(value): value for value in values}
        counts: Counter[tuple[str, int]] = Counter()
        strata = CounterRow.sk.startswith(keys.STRATUM_COUNTERS)
        for row in CounterRow.query(feature_id, strata, consistent_read=True):
            kind, digest, variant_id, _ = row.sk.split("#")
            value = by_prefix.get(f"{kind}#{digest}#")
            if value is not None:
                counts[value, int(variant_id)] += int(row.n or 0)
        return {key: count for key, count in counts.items() if count}

    @store_errors()
    def in_stratum(self, feature_id: int, value: str) -> Mapping[int, int]:
        prefix = keys.stratum_counter_prefix(value)
        counts: defaultdict[int, int] = defaultdict(int)
        for row in CounterRow.query(
            feature_id, CounterRow.sk.startswith(prefix), consistent_read=True
        ):
            counts[int(row.sk.split("#")[2])] += int(row.n or 0)
        return counts


def _read_counts(
    feature_id: int, point_keys: Collection[DecisionPointKey] = ()
) -> tuple[list[EnrollmentCount], ExclusionCount, int]:
    """The enrollments of an experiment by condition and point, its exclusions, and the groups
    with users enough.

    Enrollments at other decision points than `point_keys` come with None for a decision point.
    """
    by_key = _by_key(point_keys)
    enrollment_counts: dict[tuple[str | None, DecisionPointKey | None], EnrollmentCount] = {}
    excluded: defaultdict[str, int] = defaultdict(int)
    complete = 0
    span = EnrolledRow.sk.between(f"{keys.ENROLLED}#", f"{keys.GROUPS}#~")
    for row in EnrolledRow.query(feature_id, span, consistent_read=True):
        kind, *rest = row.sk.split("#")
        if kind == keys.ENROLLED:
            condition_id, point_key = _condition(rest[0]), by_key.get(rest[1])
            before = enrollment_counts.get((condition_id, point_key)) or EnrollmentCount(
                feature_id, condition_id, point_key
            )
            enrollment_counts[condition_id, point_key] = replace(
                before,
                **{name: getattr(before, name) + int(getattr(row, name) or 0) for name in COUNTS},
            )
        elif kind == keys.EXCLUDED:
            excluded[rest[0]] += int(row.n or 0)
        elif kind == keys.GROUPS:
            complete += int(row.n or 0)
    return (
        list(enrollment_counts.values()),
        ExclusionCount(feature_id, excluded["users"], excluded["groups"]),
        complete,
    )


def _condition(part: str) -> str | None:
    return None if part == keys.NO_CONDITION else keys.unescaped(part)


def _by_key(point_keys: Collection[DecisionPointKey]) -> Mapping[str, DecisionPointKey]:
    return {point_text(point_key): point_key for point_key in point_keys}
