from __future__ import annotations

import pytest

from chalicelib.domain.audiences import member_changes
from chalicelib.domain.audiences.member_changes import Change, MemberChange
from chalicelib.domain.errors import Invalid
from chalicelib.domain.participants.participants import GroupKey

NORTH, SOUTH, ROOM = GroupKey("school", "n"), GroupKey("school", "s"), GroupKey("class", "n")


@pytest.mark.parametrize(
    ("change", "after"),
    [
        (Change.ADD, ("a", "b", "c")),
        (Change.REMOVE, ("a",)),
        (Change.REPLACE, ("c", "b")),
    ],
)
def test_users_are_added_removed_or_replaced_each_once(
    change: Change, after: tuple[str, ...]
) -> None:
    assert MemberChange(change, ("c", "b", "c")).users(["a", "b"]) == after


@pytest.mark.parametrize(
    ("change", "after"),
    [
        (Change.ADD, {NORTH, SOUTH, ROOM}),
        (Change.REMOVE, {NORTH, ROOM}),
        (Change.REPLACE, {SOUTH, ROOM}),
    ],
)
def test_groups_of_other_types_stay(change: Change, after: set[GroupKey]) -> None:
    assert MemberChange(change, ("s",), "school").groups({NORTH, ROOM}) == after


def test_a_list_has_no_more_members_than_it_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member_changes, "MEMBERS", 2)
    monkeypatch.setattr(member_changes, "GROUPS", 2)
    assert MemberChange(Change.ADD, ("b",)).users(["a"]) == ("a", "b")
    with pytest.raises(Invalid, match="2 of these members, not 3"):
        MemberChange(Change.ADD, ("b", "c")).users(["a"])
    assert MemberChange(Change.REMOVE, ("b",)).users(["a", "b", "c"]) == ("a", "c")
    with pytest.raises(Invalid, match="1 of these members, not 2"):
        MemberChange(Change.REPLACE, ("b", "c"), "school").groups({NORTH, ROOM})
