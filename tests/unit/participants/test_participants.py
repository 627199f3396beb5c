from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.domain.participants.participants import (
    EnrollmentCode,
    ExclusionCode,
    GroupKey,
    Membership,
    Participant,
    Profile,
    WorkingGroup,
)
from tests.unit.upgrade_samples import CLASS, ROOM, pupil, user


def member(group: Membership | None, working: WorkingGroup | None) -> Participant:
    return Participant(Profile("user", group, working))


def test_codes_are_those_that_upgrade_answers() -> None:
    assert [code.value for code in ExclusionCode] == [
        "participant reached experiment prior to experiment enrolling",
        "participant reached experiment during enrollment complete",
        "participant was on the exclusion list",
        "participant\u2019s group was on the exclusion list",
        "participant excluded due to group assignment logic",
        "participant excluded due to incomplete group information",
        "participant's group or working group is incorrect",
        "participant is excluded by client",
    ]
    assert [code.value for code in EnrollmentCode] == [
        "participant enrolled via algorithm",
        "participant enrolled due to group enrollment",
    ]


def test_a_participant_has_the_id_of_the_profile() -> None:
    assert user("someone").id == "someone"


def test_a_new_user_has_no_history() -> None:
    new = user()
    assert not any((new.enrollments, new.exclusions, new.points, new.lifted, new.strata))
    assert (new.preview, new.testlab, new.revision) == (None, None, 0)


def test_groups_are_all_memberships_of_all_types() -> None:
    known = member({CLASS: ("1", "2"), "school": ("1",), "teacher": ()}, {CLASS: "2"})
    assert known.groups() == {GroupKey(CLASS, "1"), GroupKey(CLASS, "2"), GroupKey("school", "1")}
    assert known.working_groups() == {GroupKey(CLASS, "2")}


@pytest.mark.parametrize("nothing", [None, {}])
def test_a_user_who_said_nothing_has_no_groups(nothing: dict[str, str] | None) -> None:
    unknown = member(None, nothing)
    assert unknown.groups() == set()
    assert unknown.working_groups() == set()
    assert unknown.working_group(CLASS) is None
    assert unknown.valid_group(CLASS) is None


@pytest.mark.parametrize(
    ("kind", "found"), [(CLASS, ROOM), ("school", None), (None, None), ("", None)]
)
def test_the_working_group_is_found_by_its_type(kind: str | None, found: GroupKey | None) -> None:
    assert pupil().working_group(kind) == found


@pytest.mark.parametrize(
    ("group", "working", "valid"),
    [
        ({CLASS: ("1",)}, {CLASS: "1"}, True),
        ({CLASS: ("2", "1"), "school": ("s",)}, {"school": "s", CLASS: "1"}, True),
        (None, {CLASS: "1"}, False),
        ({}, {CLASS: "1"}, False),
        ({CLASS: ("1",)}, None, False),
        ({CLASS: ("1",)}, {}, False),
        ({"school": ("1",)}, {CLASS: "1"}, False),
        ({CLASS: ("1",)}, {"school": "1"}, False),
        ({CLASS: ("2",)}, {CLASS: "1"}, False),
        ({CLASS: ()}, {CLASS: "1"}, False),
        ({CLASS: ("2",), "school": ("1",)}, {CLASS: "1", "school": "1"}, False),
    ],
)
def test_a_group_is_valid_if_it_is_in_force_and_one_of_the_users_own(
    group: Membership | None, working: WorkingGroup | None, valid: bool
) -> None:
    found = member(group, working).valid_group(CLASS)
    assert found == (GroupKey(CLASS, "1") if valid else None)


def test_no_type_has_no_valid_group() -> None:
    assert pupil().valid_group(None) is None


def test_an_alias_counts_by_its_owner() -> None:
    alias = replace(user(), profile=Profile("owner", owner="owner"))
    assert alias.id == "owner"
