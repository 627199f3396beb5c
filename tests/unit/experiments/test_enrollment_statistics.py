"""Statistics of enrollment, from counts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from chalicelib.domain.errors import NotFound
from chalicelib.domain.experiments.enrollment_counts import (
    EnrollmentCount,
    ExclusionCount,
    HourlyEnrollmentCount,
)
from chalicelib.domain.experiments.enrollment_statistics import (
    DateRange,
    Head,
    by_date,
    detail,
    enrolled,
    periods,
)
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.services import Services
from tests.fakes.memory import FixedClock, Memory
from tests.unit.upgrade_samples import POINT_KEY, conditions, points
from tests.unit.upgrade_samples import design as sample
from tests.unit.upgrade_service_samples import HERE, design, group_design, in_class, join, mark

THERE = DecisionPointKey("quiz", "end")
DESIGN = sample(at=points(POINT_KEY, THERE), arms=conditions(a=50, b=50))
A, B = (condition.id for condition in DESIGN.conditions)


def test_points_conditions_and_the_experiment_count_each_their_own() -> None:
    enrollment_counts = [
        EnrollmentCount(
            1, A, POINT_KEY, users=3, condition_users=3, point_users=3, groups=1, point_groups=1
        ),
        EnrollmentCount(1, A, THERE, users=1, condition_users=1, point_users=4, point_groups=1),
        EnrollmentCount(1, "gone", None, users=2, condition_users=2, point_users=2),
    ]
    found = detail(DESIGN, enrollment_counts, ExclusionCount(1, 5, 2))
    assert (found.enrolled, found.excluded) == (Head(6, 1), Head(5, 2))
    assert enrolled(enrollment_counts) == Head(6, 1)
    first, second = found.conditions
    assert (first.condition_id, first.enrolled) == (A, Head(4, 1))
    assert [point.enrolled for point in first.points] == [Head(3, 1), Head(4, 1)]
    assert (second.condition_id, second.enrolled) == (B, Head())
    assert [point.enrolled for point in second.points] == [Head(), Head()]


@pytest.mark.parametrize(
    ("reach", "count", "newest", "oldest"),
    [
        (DateRange.SEVEN_DAYS, 7, date(2026, 3, 2), date(2026, 2, 24)),
        (DateRange.TWO_WEEKS, 14, date(2026, 3, 2), date(2026, 2, 17)),
        (DateRange.ONE_MONTH, 30, date(2026, 3, 2), date(2026, 2, 1)),
        (DateRange.THREE_MONTHS, 3, date(2026, 3, 1), date(2026, 1, 1)),
        (DateRange.SIX_MONTHS, 6, date(2026, 3, 1), date(2025, 10, 1)),
        (DateRange.TWELVE_MONTHS, 12, date(2026, 3, 1), date(2025, 4, 1)),
        (DateRange.TOTAL, 3, date(2026, 1, 1), date(2024, 1, 1)),
    ],
)
def test_periods_go_back_from_today(
    reach: DateRange, count: int, newest: date, oldest: date
) -> None:
    found = periods(reach, date(2026, 3, 2), date(2024, 7, 1))
    assert (len(found), found[0], found[-1]) == (count, newest, oldest)
    assert found == sorted(set(found), reverse=True)


@pytest.mark.parametrize(
    ("minutes", "days"),
    [
        (0, {"05": 1, "06": 2}),
        (60, {"06": 3}),
        (-300, {"05": 3}),
        # The hour in which the caller's day begins is counted on the day before.
        (30, {"05": 1, "06": 2}),
    ],
)
def test_a_day_is_that_of_the_caller(minutes: int, days: dict[str, int]) -> None:
    hours = [datetime(2026, 3, 5, 23, tzinfo=UTC), datetime(2026, 3, 6, 3, tzinfo=UTC)]
    hourly = [
        HourlyEnrollmentCount(hours[0], A, POINT_KEY, 1, 0),
        HourlyEnrollmentCount(hours[1], A, POINT_KEY, 2, 1),
        HourlyEnrollmentCount(hours[1], A, None, 7, 7),
    ]
    now, offset = datetime(2026, 3, 7, 12, tzinfo=UTC), timedelta(minutes=minutes)
    found = by_date(DESIGN, hourly, DateRange.SEVEN_DAYS, offset, now)
    counted = {
        f"{each.first:%d}": each.conditions[0].points[0].enrolled.users
        for each in found
        if each.conditions[0].points[0].enrolled.users
    }
    assert counted == days


@pytest.mark.parametrize("reach", [DateRange.THREE_MONTHS, DateRange.TOTAL])
def test_longer_periods_add_up_their_days(reach: DateRange) -> None:
    hourly = [
        HourlyEnrollmentCount(datetime(2026, 3, day, 5, tzinfo=UTC), B, THERE, 1, 1)
        for day in (1, 9, 20)
    ]
    now = datetime(2026, 3, 21, tzinfo=UTC)
    newest = by_date(DESIGN, hourly, reach, timedelta(), now)[0]
    assert newest.conditions[1].points[1].enrolled == Head(3, 3)


def test_enrollment_is_counted_as_it_happens(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.experiments.create(design("e"))
    services.experiments.create(group_design("g"))
    join(services, "u", "v", update=in_class("1a"))
    mark(services, "u", experiment_id="e")
    mark(services, "v", experiment_id="e")
    mark(services, "u", experiment_id="g")
    statistics = services.enrollment_statistics
    assert statistics.enrolled(["g", "nothing", "e"]) == [
        ("g", Head(1, 1)),
        ("nothing", Head()),
        ("e", Head(2, 0)),
    ]
    assert statistics.detail("g").enrolled == Head(1, 1)
    clock.advance(timedelta(days=1))
    newest, before, *_ = statistics.by_date("e", DateRange.SEVEN_DAYS, timedelta())

    def users(of: object) -> int:
        return sum(p.enrolled.users for c in of.conditions for p in c.points)  # type: ignore[attr-defined]

    assert (users(newest), users(before)) == (0, 2)
    assert memory.participants["u"].enrollments
    assert HERE in memory.participants["u"].points


@pytest.mark.parametrize("ask", ["detail", "by_date"])
def test_an_unknown_experiment_has_no_details(services: Services, ask: str) -> None:
    statistics = services.enrollment_statistics
    arguments = () if ask == "detail" else (DateRange.TOTAL, timedelta())
    with pytest.raises(NotFound):
        getattr(statistics, ask)("nothing", *arguments)
