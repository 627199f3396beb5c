from __future__ import annotations

import itertools

import pytest

from chalicelib.domain.audiences.filters import FilterMode
from chalicelib.domain.audiences.segments import (
    NOBODY,
    ResolvedSegments,
    Screening,
    globally_excluded,
    resolve,
    screen,
)
from chalicelib.domain.participants.participants import GroupKey, Participant, Profile
from tests.unit.upgrade_samples import CLASS, ROOM, pupil, segment, user

INCLUDE_ALL, EXCLUDE_ALL = FilterMode.INCLUDE_ALL, FilterMode.EXCLUDE_ALL
IN, OUT = Screening.IN, Screening.OUT
BY_GROUP, BY_OWN_GROUP = Screening.OUT_BY_GROUP, Screening.OUT_BY_OWN_GROUP

OTHER_ROOM = GroupKey(CLASS, "room 2")
SCHOOL = GroupKey("school", "north")


def resolved(*groups: GroupKey, **versions: int) -> ResolvedSegments:
    return ResolvedSegments(versions, frozenset(groups))


# Resolving


def test_resolved_segments_have_the_lists_and_groups_of_segments_and_all_their_subsegments() -> (
    None
):
    segments = {
        "top": segment("top", ROOM, version=3, subs=("mid", "side")),
        "mid": segment("mid", version=5, subs=("low",)),
        "low": segment("low", SCHOOL, version=7),
        "side": segment("side", OTHER_ROOM, version=9),
        "apart": segment("apart", GroupKey(CLASS, "apart")),
    }
    assert resolve(["top"], segments) == resolved(
        ROOM, OTHER_ROOM, SCHOOL, top=3, mid=5, low=7, side=9
    )
    assert resolve(["low", "side"], segments) == resolved(SCHOOL, OTHER_ROOM, low=7, side=9)


def test_unknown_segments_are_skipped() -> None:
    segments = {"known": segment("known", ROOM, subs=("gone",))}
    assert resolve(["gone", "known"], segments) == resolved(ROOM, known=1)


def test_segments_that_contain_each_other_are_visited_once() -> None:
    segments = {
        "a": segment("a", ROOM, subs=("b", "a")),
        "b": segment("b", SCHOOL, subs=("a",)),
    }
    assert resolve(["a", "b", "a"], segments) == resolved(ROOM, SCHOOL, a=1, b=1)


def test_no_segments_name_nobody() -> None:
    assert resolve([], {"a": segment("a", ROOM)}) == NOBODY
    assert not NOBODY.lists(user(a=1))


@pytest.mark.parametrize(
    ("members", "listed"),
    [
        ({}, False),
        ({"a": 2}, True),
        ({"a": 1}, False),
        ({"a": 3}, False),
        ({"other": 2}, False),
        ({"a": 1, "b": 4}, True),
        ({"x": 1, "y": 1, "z": 1}, False),
        ({"x": 1, "y": 1, "a": 2}, True),
        ({"x": 1, "y": 1, "a": 1}, False),
    ],
)
def test_a_list_names_those_who_are_members_of_its_present_version(
    members: dict[str, int], listed: bool
) -> None:
    assert resolved(a=2, b=4).lists(user("user", **members)) is listed


# Global exclusion


@pytest.mark.parametrize(
    ("participant", "listed_groups", "shut_out"),
    [
        (user(), (), False),
        (user(gone=1), (), True),
        (user(gone=2), (), False),
        (user(), (ROOM,), True),
        (pupil(), (), False),
        (pupil(), (ROOM,), True),
        (pupil(), (OTHER_ROOM, SCHOOL), False),
        (pupil(), (GroupKey("school", ROOM.id),), False),
        (pupil("pupil", ROOM.id, gone=1), (SCHOOL,), True),
        (Participant(Profile("p", {CLASS: (ROOM.id,)}, {})), (SCHOOL,), True),
        (Participant(Profile("p", {CLASS: (ROOM.id,)}, {"school": "south"})), (ROOM,), False),
        (Participant(Profile("p", None, {CLASS: ROOM.id})), (ROOM,), True),
    ],
)
def test_the_global_exclusion_goes_by_user_id_and_working_group_or_any_group_without_one(
    participant: Participant, listed_groups: tuple[GroupKey, ...], shut_out: bool
) -> None:
    assert globally_excluded(resolved(*listed_groups, gone=1), participant) is shut_out


# Lists of an experiment: user excluded, user included, group excluded, group included


def by_the_rules(
    mode: FilterMode, out: bool, named: bool, group_out: bool, group_in: bool
) -> Screening:
    """Section 8, word for word; the group excluded is one of the experiment's type."""
    if out:
        return OUT
    if named:
        return IN
    if mode is INCLUDE_ALL:
        return BY_OWN_GROUP if group_out else IN
    return IN if group_in and not group_out else OUT


@pytest.mark.parametrize("mode", FilterMode)
@pytest.mark.parametrize("flags", list(itertools.product([False, True], repeat=4)))
def test_exclusion_by_name_wins_then_inclusion_by_name_then_groups(
    mode: FilterMode, flags: tuple[bool, bool, bool, bool]
) -> None:
    out, named, group_out, group_in = flags
    participant = pupil("pupil", ROOM.id, **{"no": 1} if out else {}, **{"yes": 1} if named else {})
    found = screen(
        mode,
        resolved(*[ROOM] if group_in else [], yes=1),
        resolved(*[ROOM] if group_out else [], no=1),
        participant,
        CLASS,
    )
    assert found is by_the_rules(mode, *flags)
    assert found.is_in is (found is IN)


@pytest.mark.parametrize(
    ("mode", "include", "exclude", "found"),
    [
        (INCLUDE_ALL, (), (), IN),
        (INCLUDE_ALL, (ROOM,), (), IN),
        (INCLUDE_ALL, (ROOM,), (ROOM,), BY_OWN_GROUP),
        (INCLUDE_ALL, (), (OTHER_ROOM,), IN),
        (INCLUDE_ALL, (), (SCHOOL,), BY_GROUP),
        (INCLUDE_ALL, (), (SCHOOL, ROOM), BY_OWN_GROUP),
        (INCLUDE_ALL, (), (SCHOOL, OTHER_ROOM), BY_GROUP),
        (EXCLUDE_ALL, (), (), OUT),
        (EXCLUDE_ALL, (ROOM,), (), IN),
        (EXCLUDE_ALL, (OTHER_ROOM,), (), OUT),
        (EXCLUDE_ALL, (ROOM,), (SCHOOL,), OUT),
        (EXCLUDE_ALL, (SCHOOL, ROOM), (ROOM,), OUT),
        (EXCLUDE_ALL, (), (SCHOOL,), OUT),
    ],
)
def test_groups_count_by_membership_and_the_experiments_own_type_is_told_apart(
    mode: FilterMode,
    include: tuple[GroupKey, ...],
    exclude: tuple[GroupKey, ...],
    found: Screening,
) -> None:
    groups = {CLASS: (ROOM.id,), "school": (SCHOOL.id,)}
    participant = Participant(Profile("pupil", groups, {"school": "elsewhere"}))
    assert screen(mode, resolved(*include), resolved(*exclude), participant, CLASS) is found


def test_an_experiment_without_a_group_type_has_no_group_of_its_own_type() -> None:
    assert screen(INCLUDE_ALL, NOBODY, resolved(ROOM), pupil()) is BY_GROUP


def test_a_working_group_that_the_user_is_no_member_of_does_not_count() -> None:
    participant = Participant(Profile("pupil", {CLASS: ("room 3",)}, {CLASS: ROOM.id}))
    assert screen(INCLUDE_ALL, NOBODY, resolved(ROOM), participant, CLASS) is IN
    assert screen(EXCLUDE_ALL, resolved(ROOM), NOBODY, participant, CLASS) is OUT
