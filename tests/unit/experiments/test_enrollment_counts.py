"""What enrollments add up to, whatever the order of marks."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from chalicelib.domain.experiments.compiled_experiments import CompiledExperiment
from chalicelib.domain.experiments.enrollment_counts import (
    DROPPED_AT_ONCE,
    DailyEnrollmentCount,
    EnrollmentCount,
    ExclusionCount,
    counted_from,
    dropped_at_once,
    exclusions_of,
    group_new_at_point,
    of_ending,
    of_records,
)
from chalicelib.domain.experiments.marks import Mark, Outcome, Records, Repeat
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import (
    Enrollment,
    EnrollmentCode,
    Exclusion,
    ExclusionCode,
    GroupEnrollment,
    GroupKey,
    GroupRecord,
)
from tests.unit.upgrade_samples import (
    GROUP,
    NOW,
    POINT_KEY,
    ROOM,
    WITHIN,
    World,
    compiled,
    conditions,
    design,
    points,
    pupil,
    user,
)

THERE = DecisionPointKey("quiz", "end")
SIMPLE = compiled(design(at=points(POINT_KEY, THERE), arms=conditions(a=100)))
ON_GROUPS = compiled(design(at=points(POINT_KEY, THERE), unit=GROUP, arms=conditions(a=100)))
WITHIN_SUBJECTS = compiled(
    design(at=points(POINT_KEY, THERE), unit=WITHIN, arms=conditions(x=1, y=1))
)


class CountingWorld(World):
    """Adds up what each mark adds."""

    enrollment_counts: list[EnrollmentCount]

    def mark(
        self, user_id: str, mark: Mark, made: CompiledExperiment | None, at: datetime = NOW
    ) -> Outcome:
        before, groups = self.users[user_id], self.groups_of(user_id)
        outcome = super().mark(user_id, mark, made, at)
        added = of_records(before, groups, outcome.compiled, outcome.records)
        self.enrollment_counts = [*getattr(self, "enrollment_counts", []), *added]
        return outcome

    def sums(self, figure: str) -> dict[tuple[str | None, DecisionPointKey | None], int]:
        counted: Counter[tuple[str | None, DecisionPointKey | None]] = Counter()
        for enrollment_count in self.enrollment_counts:
            counted[enrollment_count.condition_id, enrollment_count.point_key] += getattr(
                enrollment_count, figure
            )
        return {key: n for key, n in counted.items() if n}

    def total(self, figure: str) -> int:
        return sum(self.sums(figure).values())


def test_a_user_counts_once_in_an_experiment_and_at_each_point() -> None:
    world = CountingWorld(user("u"), user("v"))
    for user_id, point_key in (("u", POINT_KEY), ("u", THERE), ("u", POINT_KEY), ("v", THERE)):
        world.mark(user_id, Mark(point_key), SIMPLE)
    assert (world.total("users"), world.total("condition_users")) == (2, 2)
    condition = SIMPLE.conditions[0].id
    assert world.sums("point_users") == {(condition, POINT_KEY): 1, (condition, THERE): 2}
    assert world.total("groups") == world.total("point_groups") == 0


def test_a_group_counts_once_and_at_each_point_where_a_member_is_enrolled() -> None:
    world = CountingWorld(pupil("u"), pupil("v"), pupil("w", "room 2"))
    marks = [("u", POINT_KEY), ("v", POINT_KEY), ("v", THERE), ("u", THERE), ("w", THERE)]
    for user_id, point_key in marks:
        world.mark(user_id, Mark(point_key), ON_GROUPS)
    condition = ON_GROUPS.conditions[0].id
    assert (world.total("users"), world.total("groups")) == (3, 2)
    assert world.sums("point_groups") == {(condition, POINT_KEY): 1, (condition, THERE): 2}


def test_within_subjects_users_count_by_the_conditions_that_they_met() -> None:
    world = CountingWorld(user("u"), user("v"))
    for user_id, code, point_key in (
        ("u", "x", POINT_KEY),
        ("u", "x", POINT_KEY),
        ("u", "y", POINT_KEY),
        ("u", "y", THERE),
        ("v", None, POINT_KEY),
    ):
        world.mark(user_id, Mark(point_key, code), WITHIN_SUBJECTS)
    x, y = (condition.id for condition in WITHIN_SUBJECTS.conditions)
    assert world.total("users") == 2
    assert world.sums("condition_users") == {
        (x, POINT_KEY): 1,
        (y, POINT_KEY): 1,
        (None, POINT_KEY): 1,
    }
    assert world.sums("point_users") == {
        (x, POINT_KEY): 1,
        (y, POINT_KEY): 1,
        (y, THERE): 1,
        (None, POINT_KEY): 1,
    }


def test_what_ends_takes_away_what_it_added() -> None:
    world = CountingWorld(user("u"))
    world.mark("u", Mark(POINT_KEY), SIMPLE)
    world.mark("u", Mark(THERE), SIMPLE)
    ended = of_ending(world.users["u"].enrollments[SIMPLE.feature_id])
    figures = ("users", "condition_users", "point_users", "groups", "point_groups")
    for figure in figures:
        assert (
            world.total(figure)
            + sum(getattr(-enrollment_count, figure) for enrollment_count in ended)
            == 0
        )


def test_enrollments_of_two_experiments_end_each_with_its_user() -> None:
    one = Enrollment(1, POINT_KEY, "a", None, EnrollmentCode.ALGORITHM, NOW)
    ended = of_ending([one, replace(one, point_key=THERE), replace(one, feature_id=2)])
    assert [enrollment_count.users for enrollment_count in ended] == [1, 0, 1]
    assert [enrollment_count.condition_users for enrollment_count in ended] == [1, 0, 1]


def test_a_group_that_loses_its_enrollments_is_counted_off_as_far_as_they_go_at_once() -> None:
    enrolled = {n: GroupEnrollment(n, POINT_KEY, "a", NOW) for n in range(DROPPED_AT_ONCE + 5)}
    record = GroupRecord(ROOM, enrolled)
    assert [each.feature_id for each in dropped_at_once(record)] == list(range(DROPPED_AT_ONCE))
    enrollment_counts = of_records(user(), {ROOM: record}, None, Records(dropped=(ROOM,)))
    assert [
        (enrollment_count.feature_id, enrollment_count.groups)
        for enrollment_count in enrollment_counts
    ] == [(number, -1) for number in range(DROPPED_AT_ONCE)]


def test_a_group_may_be_enrolled_without_its_user() -> None:
    records = Records(group_enrollment=(ROOM, GroupEnrollment(1, POINT_KEY, "a", NOW)))
    assert of_records(pupil(), {}, ON_GROUPS, records) == (
        EnrollmentCount(1, "a", POINT_KEY, NOW, groups=1),
    )


@pytest.mark.parametrize("group_id", [None, ROOM.id])
def test_only_users_of_group_experiments_are_enrolled_with_a_group(group_id: str | None) -> None:
    enrollment = Enrollment(1, POINT_KEY, "a", group_id, EnrollmentCode.ALGORITHM, NOW)
    records = Records(enrollment=enrollment)
    assert group_new_at_point({}, None, records) is None
    known = {ROOM: GroupRecord(ROOM, enrolled_at=frozenset({(1, POINT_KEY)}))}
    assert group_new_at_point(known, ON_GROUPS, records) is None
    new = group_new_at_point({ROOM: GroupRecord(ROOM)}, ON_GROUPS, records)
    assert new == (None if group_id is None else ROOM)


def test_a_repeat_of_a_user_who_met_nothing_yet_counts_the_user() -> None:
    repeat = Repeat(1, POINT_KEY, None, None, NOW)
    (enrollment_count,) = of_records(user(), {}, WITHIN_SUBJECTS, Records(repeat=repeat))
    assert (
        enrollment_count.users,
        enrollment_count.condition_users,
        enrollment_count.point_users,
    ) == (1, 1, 1)


def test_exclusions_count_by_users_and_groups() -> None:
    own = Exclusion(4, ExclusionCode.LISTED, NOW)
    groups = ((ROOM, own), (GroupKey("school", "s"), own))
    assert exclusions_of(Records()) == ()
    assert exclusions_of(Records(exclusion=own)) == (ExclusionCount(4, 1, 0),)
    assert exclusions_of(Records(group_exclusions=groups)) == (ExclusionCount(4, 0, 2),)
    both = Records(exclusion=own, group_exclusions=groups)
    assert exclusions_of(both) == (ExclusionCount(4, 1, 2),)


def test_days_count_from_the_first_after_the_last_that_is_not_whole() -> None:
    day = NOW.date()
    days = [day + timedelta(days=n) for n in range(3)]
    whole = [DailyEnrollmentCount(each, "a", 1, 0) for each in days]
    assert counted_from([]) is None
    assert counted_from(whole) is None
    assert counted_from([replace(whole[1], whole=False), *whole]) == days[2]
