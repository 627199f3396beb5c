"""What enrollments add up to, whatever the order of marks."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from chalicelib.domain.experiments.marking import Mark, Outcome, Records, Repeat
from chalicelib.domain.experiments.tallies import (
    DROPPED_AT_ONCE,
    ExclusionTally,
    Tally,
    dropped_at_once,
    exclusions_of,
    group_new_at_point,
    of_ending,
    of_records,
)
from chalicelib.domain.participants.decision_points import Place
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
    PLACE,
    ROOM,
    WITHIN,
    World,
    conditions,
    design,
    offer,
    points,
    pupil,
    user,
)

THERE = Place("quiz", "end")
SIMPLE = offer(design(at=points(PLACE, THERE), arms=conditions(a=100)))
ON_GROUPS = offer(design(at=points(PLACE, THERE), unit=GROUP, arms=conditions(a=100)))
WITHIN_SUBJECTS = offer(design(at=points(PLACE, THERE), unit=WITHIN, arms=conditions(x=1, y=1)))


class CountingWorld(World):
    """Adds up what each mark adds."""

    tallies: list[Tally]

    def mark(self, user_id: str, mark: Mark, made, at=NOW) -> Outcome:  # type: ignore[no-untyped-def]
        before, groups = self.users[user_id], self.groups_of(user_id)
        outcome = super().mark(user_id, mark, made, at)
        added = of_records(before, groups, outcome.offer, outcome.records)
        self.tallies = [*getattr(self, "tallies", []), *added]
        return outcome

    def sums(self, figure: str) -> dict[tuple[str | None, Place | None], int]:
        counted: Counter[tuple[str | None, Place | None]] = Counter()
        for tally in self.tallies:
            counted[tally.condition_id, tally.place] += getattr(tally, figure)
        return {key: n for key, n in counted.items() if n}

    def total(self, figure: str) -> int:
        return sum(self.sums(figure).values())


def test_a_user_counts_once_in_an_experiment_and_at_each_point() -> None:
    world = CountingWorld(user("u"), user("v"))
    for user_id, place in (("u", PLACE), ("u", THERE), ("u", PLACE), ("v", THERE)):
        world.mark(user_id, Mark(place), SIMPLE)
    assert (world.total("users"), world.total("condition_users")) == (2, 2)
    condition = SIMPLE.conditions[0].id
    assert world.sums("point_users") == {(condition, PLACE): 1, (condition, THERE): 2}
    assert world.total("groups") == world.total("point_groups") == 0


def test_a_group_counts_once_and_at_each_point_where_a_member_is_enrolled() -> None:
    world = CountingWorld(pupil("u"), pupil("v"), pupil("w", "room 2"))
    marks = [("u", PLACE), ("v", PLACE), ("v", THERE), ("u", THERE), ("w", THERE)]
    for user_id, place in marks:
        world.mark(user_id, Mark(place), ON_GROUPS)
    condition = ON_GROUPS.conditions[0].id
    assert (world.total("users"), world.total("groups")) == (3, 2)
    assert world.sums("point_groups") == {(condition, PLACE): 1, (condition, THERE): 2}


def test_within_subjects_users_count_by_the_conditions_that_they_met() -> None:
    world = CountingWorld(user("u"), user("v"))
    for user_id, code, place in (
        ("u", "x", PLACE),
        ("u", "x", PLACE),
        ("u", "y", PLACE),
        ("u", "y", THERE),
        ("v", None, PLACE),
    ):
        world.mark(user_id, Mark(place, code), WITHIN_SUBJECTS)
    x, y = (condition.id for condition in WITHIN_SUBJECTS.conditions)
    assert world.total("users") == 2
    assert world.sums("condition_users") == {(x, PLACE): 1, (y, PLACE): 1, (None, PLACE): 1}
    assert world.sums("point_users") == {
        (x, PLACE): 1,
        (y, PLACE): 1,
        (y, THERE): 1,
        (None, PLACE): 1,
    }


def test_what_ends_takes_away_what_it_added() -> None:
    world = CountingWorld(user("u"))
    world.mark("u", Mark(PLACE), SIMPLE)
    world.mark("u", Mark(THERE), SIMPLE)
    ended = of_ending(world.users["u"].enrollments[SIMPLE.number])
    figures = ("users", "condition_users", "point_users", "groups", "point_groups")
    for figure in figures:
        assert world.total(figure) + sum(getattr(-tally, figure) for tally in ended) == 0


def test_enrollments_of_two_experiments_end_each_with_its_user() -> None:
    one = Enrollment(1, PLACE, "a", None, EnrollmentCode.ALGORITHM, NOW)
    ended = of_ending([one, replace(one, place=THERE), replace(one, number=2)])
    assert [tally.users for tally in ended] == [1, 0, 1]
    assert [tally.condition_users for tally in ended] == [1, 0, 1]


def test_a_group_that_loses_its_enrollments_is_counted_off_as_far_as_they_go_at_once() -> None:
    enrolled = {n: GroupEnrollment(n, PLACE, "a", NOW) for n in range(DROPPED_AT_ONCE + 5)}
    record = GroupRecord(ROOM, enrolled)
    assert [each.number for each in dropped_at_once(record)] == list(range(DROPPED_AT_ONCE))
    tallies = of_records(user(), {ROOM: record}, None, Records(dropped=(ROOM,)))
    assert [(tally.number, tally.groups) for tally in tallies] == [
        (number, -1) for number in range(DROPPED_AT_ONCE)
    ]


def test_a_group_may_be_enrolled_without_its_user() -> None:
    records = Records(group_enrollment=(ROOM, GroupEnrollment(1, PLACE, "a", NOW)))
    assert of_records(pupil(), {}, ON_GROUPS, records) == (Tally(1, "a", PLACE, groups=1),)


@pytest.mark.parametrize("group_id", [None, ROOM.id])
def test_only_users_of_group_experiments_are_enrolled_with_a_group(group_id: str | None) -> None:
    enrollment = Enrollment(1, PLACE, "a", group_id, EnrollmentCode.ALGORITHM, NOW)
    records = Records(enrollment=enrollment)
    assert group_new_at_point({}, None, records) is None
    known = {ROOM: GroupRecord(ROOM, enrolled_at=frozenset({(1, PLACE)}))}
    assert group_new_at_point(known, ON_GROUPS, records) is None
    new = group_new_at_point({ROOM: GroupRecord(ROOM)}, ON_GROUPS, records)
    assert new == (None if group_id is None else ROOM)


def test_a_repeat_of_a_user_who_met_nothing_yet_counts_the_user() -> None:
    repeat = Repeat(1, PLACE, None, None, NOW)
    (tally,) = of_records(user(), {}, WITHIN_SUBJECTS, Records(repeat=repeat))
    assert (tally.users, tally.condition_users, tally.point_users) == (1, 1, 1)


def test_exclusions_count_by_users_and_groups() -> None:
    own = Exclusion(4, ExclusionCode.LISTED, NOW)
    groups = ((ROOM, own), (GroupKey("school", "s"), own))
    assert exclusions_of(Records()) == ()
    assert exclusions_of(Records(exclusion=own)) == (ExclusionTally(4, 1, 0),)
    assert exclusions_of(Records(group_exclusions=groups)) == (ExclusionTally(4, 0, 2),)
    both = Records(exclusion=own, group_exclusions=groups)
    assert exclusions_of(both) == (ExclusionTally(4, 1, 2),)
