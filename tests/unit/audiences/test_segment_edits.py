"""Edits of parts of segments."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.audiences.member_changes import Change, MemberChange
from chalicelib.domain.audiences.segments import SegmentType
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.services import Services
from chalicelib.services.audiences.segments import NameTaken, global_id
from tests.fakes.memory import START, FixedClock, Memory
from tests.fakes.stores import once
from tests.unit.samples import process
from tests.unit.upgrade_service_samples import CONTEXT, class_key, segment


def users(services: Services, segment_id: str = "s") -> list[str]:
    return sorted(services.segments.members(services.segments.get(segment_id)))


def add(*ids: str, group_type: str | None = None) -> MemberChange:
    return MemberChange(Change.ADD, ids, group_type)


def test_an_edit_leaves_users_and_their_notes(services: Services, clock: FixedClock) -> None:
    before = services.segments.put(segment(), ["u"])
    clock.advance(timedelta(hours=1))
    after = services.pages.segment_edits.edit("s", lambda each: replace(each, name="new"))
    assert after == replace(before, name="new", updated_at=START + timedelta(hours=1))
    assert users(services) == ["u"]


def test_an_edit_takes_no_name_of_another(services: Services) -> None:
    services.segments.put(segment(), [])
    services.segments.put(segment("t"), [])
    name = services.segments.get("t").name
    with pytest.raises(NameTaken):
        services.pages.segment_edits.edit("s", lambda each: replace(each, name=name))
    with pytest.raises(NotFound):
        services.pages.segment_edits.edit("none", lambda each: each)


def test_what_is_there_without_being_made_is_made_by_its_edit(services: Services) -> None:
    own = global_id(CONTEXT)
    made = services.pages.segment_edits.edit(own, lambda each: replace(each, description="d"))
    assert made.version > 0
    assert services.segments.stored()[own] == made
    services.pages.segment_edits.change_members(own, add("u"))
    assert users(services, own) == ["u"]


def test_users_are_changed_and_all_else_stays(services: Services) -> None:
    before = services.segments.put(segment(groups=[class_key("1a")]), ["u"])
    after = services.pages.segment_edits.change_members("s", add("v"))
    assert users(services) == ["u", "v"]
    assert replace(after, version=before.version) == before


def test_the_first_users_of_a_global_exclusion(services: Services) -> None:
    services.pages.segment_edits.change_members(global_id(CONTEXT), add("u"))
    assert users(services, global_id(CONTEXT)) == ["u"]


def test_groups_are_changed_by_their_type(services: Services) -> None:
    services.segments.put(segment(groups=[class_key("1a")]), ["u"])
    kind = class_key("1a").type
    after = services.pages.segment_edits.change_members("s", add("1b", group_type=kind))
    assert after.groups == {class_key("1a"), class_key("1b")}
    assert users(services) == ["u"]


@pytest.mark.parametrize("first", [["u"], []])
def test_no_change_of_another_is_lost(
    services: Services, memory: Memory, clock: FixedClock, first: list[str]
) -> None:
    """Nor that which made the list: nothing is stored of a global exclusion before its first."""
    own = "s" if first else global_id(CONTEXT)
    if first:
        services.segments.put(segment(), first)

    def meanwhile() -> None:
        services.pages.segment_edits.change_members(own, add("other"))

    slow = process(memory, clock, before=once("members.note", meanwhile))
    slow.pages.segment_edits.change_members(own, add("v"))
    assert users(services, own) == ["other", *first, "v"]


def test_a_part_is_named_by_its_id_or_its_name(services: Services) -> None:
    services.segments.put(segment(), [])
    services.segments.put(segment("t"), [])
    services.segments.put(segment("t2", kind=SegmentType.PRIVATE), [])
    name = services.segments.get("t").name
    assert services.pages.segment_edits.add_part("s", name).sub_segments == ("t",)
    assert services.pages.segment_edits.add_part("s", "T").sub_segments == ("t",)
    assert services.pages.segment_edits.add_part("s", "t2").sub_segments == ("t", "t2")
    with pytest.raises(Invalid, match="part of itself"):
        services.pages.segment_edits.add_part("s", "s")
    with pytest.raises(NotFound, match="unheard of"):
        services.pages.segment_edits.add_part("s", "unheard of")


def test_a_part_is_taken_out_and_a_list_goes_with_that(services: Services) -> None:
    services.segments.put(segment(), [])
    services.segments.put(segment("t"), [])
    services.segments.put(segment("l", kind=SegmentType.PRIVATE), [])
    for part in ("t", "l"):
        services.pages.segment_edits.add_part("s", part)
    assert services.pages.segment_edits.remove_part("s", "t").sub_segments == ("l",)
    assert services.pages.segment_edits.remove_part("s", "l").sub_segments == ()
    assert set(services.segments.stored()) == {"s", "t"}
    assert services.pages.segment_edits.remove_part("s", "gone").sub_segments == ()
