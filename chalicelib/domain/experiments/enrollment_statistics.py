"""How many take part in an experiment: in all, by condition and point, and by date."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from chalicelib.domain.experiments.enrollment_counts import (
    EnrollmentCount,
    ExclusionCount,
    HourlyEnrollmentCount,
)
from chalicelib.domain.experiments.experiments import Experiment
from chalicelib.domain.participants.decision_points import DecisionPointKey


class DateRange(StrEnum):
    """How far back statistics by date go; the shorter ones by day, then by month, then by year."""

    SEVEN_DAYS = "last_seven_days"
    TWO_WEEKS = "last_two_weeks"
    ONE_MONTH = "last_one_month"
    THREE_MONTHS = "last_three_months"
    SIX_MONTHS = "last_six_months"
    TWELVE_MONTHS = "last_twelve_months"
    TOTAL = "total"


DAYS = {DateRange.SEVEN_DAYS: 7, DateRange.TWO_WEEKS: 14, DateRange.ONE_MONTH: 30}
MONTHS = {DateRange.THREE_MONTHS: 3, DateRange.SIX_MONTHS: 6, DateRange.TWELVE_MONTHS: 12}


@dataclass(frozen=True, slots=True)
class Head:
    """Users and groups."""

    users: int = 0
    groups: int = 0


@dataclass(frozen=True, slots=True)
class PointCounts:
    """Users and groups enrolled at a decision point under a condition."""

    point_id: str
    enrolled: Head


@dataclass(frozen=True, slots=True)
class ConditionCounts:
    """Users and groups enrolled under a condition, in all and by decision point."""

    condition_id: str
    enrolled: Head
    points: tuple[PointCounts, ...]


@dataclass(frozen=True, slots=True)
class EnrollmentDetail:
    """Users and groups enrolled in an experiment, and those excluded."""

    experiment_id: str
    enrolled: Head
    excluded: Head
    conditions: tuple[ConditionCounts, ...]


@dataclass(frozen=True, slots=True)
class DateCounts:
    """Users and groups enrolled in a day, month or year, which begins at `first`."""

    first: date
    conditions: tuple[ConditionCounts, ...]


def enrolled(enrollment_counts: Iterable[EnrollmentCount]) -> Head:
    """Users and groups that take part."""
    users = groups = 0
    for enrollment_count in enrollment_counts:
        users += enrollment_count.users
        groups += enrollment_count.groups
    return Head(users, groups)


def detail(
    experiment: Experiment, enrollment_counts: Sequence[EnrollmentCount], excluded: ExclusionCount
) -> EnrollmentDetail:
    """The statistics of an experiment, from the enrollment counts of its points."""
    at: dict[tuple[str | None, DecisionPointKey | None], EnrollmentCount] = {
        (enrollment_count.condition_id, enrollment_count.point_key): enrollment_count
        for enrollment_count in enrollment_counts
    }

    def there(condition_id: str, point_key: DecisionPointKey) -> Head:
        enrollment_count = at.get((condition_id, point_key))
        return (
            Head(enrollment_count.point_users, enrollment_count.point_groups)
            if enrollment_count
            else Head()
        )

    def of(condition_id: str) -> Head:
        own = [
            enrollment_count
            for enrollment_count in enrollment_counts
            if enrollment_count.condition_id == condition_id
        ]
        return Head(sum(t.condition_users for t in own), sum(t.groups for t in own))

    return EnrollmentDetail(
        experiment.id,
        enrolled(enrollment_counts),
        Head(excluded.users, excluded.groups),
        tuple(
            ConditionCounts(
                condition.id,
                of(condition.id),
                tuple(
                    PointCounts(point.id, there(condition.id, point.point_key))
                    for point in experiment.points
                ),
            )
            for condition in experiment.conditions
        ),
    )


def periods(reach: DateRange, today: date, created: date) -> list[date]:
    """The first days of the periods that statistics by date show, the newest first.

    >>> periods(DateRange.THREE_MONTHS, date(2026, 2, 14), date(2020, 1, 1))
    [datetime.date(2026, 2, 1), datetime.date(2026, 1, 1), datetime.date(2025, 12, 1)]
    """
    if reach in DAYS:
        return [today - timedelta(days=back) for back in range(DAYS[reach])]
    if reach is DateRange.TOTAL:
        return [date(year, 1, 1) for year in range(today.year, min(created, today).year - 1, -1)]
    months = [today.year * 12 + today.month - 1 - back for back in range(MONTHS[reach])]
    return [date(month // 12, month % 12 + 1, 1) for month in months]


def by_date(
    experiment: Experiment,
    hourly: Iterable[HourlyEnrollmentCount],
    reach: DateRange,
    offset: timedelta,
    now: datetime,
) -> list[DateCounts]:
    """New enrollments by day, month or year of a caller whose clock is `offset` before UTC.

    They are counted by the hour (UTC): one in which the caller's day begins is of the day before.
    """
    users: defaultdict[tuple[date, str | None, DecisionPointKey | None], int] = defaultdict(int)
    groups: defaultdict[tuple[date, str | None, DecisionPointKey | None], int] = defaultdict(int)
    for enrollment_count in hourly:
        key = (
            _period(reach, (enrollment_count.at + offset).date()),
            enrollment_count.condition_id,
            enrollment_count.point_key,
        )
        users[key] += enrollment_count.users
        groups[key] += enrollment_count.groups
    firsts = periods(reach, (now + offset).date(), (experiment.created_at + offset).date())
    return [DateCounts(first, _of_period(experiment, first, users, groups)) for first in firsts]


def _of_period(
    experiment: Experiment,
    first: date,
    users: Mapping[tuple[date, str | None, DecisionPointKey | None], int],
    groups: Mapping[tuple[date, str | None, DecisionPointKey | None], int],
) -> tuple[ConditionCounts, ...]:
    def there(condition_id: str, point_key: DecisionPointKey) -> Head:
        key = first, condition_id, point_key
        return Head(users.get(key, 0), groups.get(key, 0))

    return tuple(
        ConditionCounts(
            condition.id,
            Head(),
            tuple(
                PointCounts(point.id, there(condition.id, point.point_key))
                for point in experiment.points
            ),
        )
        for condition in experiment.conditions
    )


def _period(reach: DateRange, day: date) -> date:
    if reach in DAYS:
        return day
    return day.replace(month=1, day=1) if reach is DateRange.TOTAL else day.replace(day=1)
