"""Flags as people look at them."""

from __future__ import annotations

import pytest

from chalicelib.domain.audiences.filters import ListEntry
from chalicelib.domain.audiences.member_changes import Change, MemberChange
from chalicelib.domain.audiences.segments import SegmentType
from chalicelib.domain.catalogue.lists import with_switched_list
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.services import Services
from chalicelib.services.audiences.member_counts import Reach
from chalicelib.services.audiences.segments import global_id
from tests.fakes.memory import FixedClock, Memory
from tests.unit.measure_samples import flag
from tests.unit.samples import process
from tests.unit.upgrade_service_samples import class_key, segment


def switch(services: Services, *, enabled: bool) -> None:
    services.flags.edit(
        "f", lambda each: with_switched_list(each, "in", enabled=enabled, exclude=False)
    )


def test_a_flag_comes_with_whom_its_lists_name(services: Services) -> None:
    services.segments.put(segment("all"), ["a", "b"])
    services.segments.put(segment("in", kind=SegmentType.PRIVATE), ["u", "v"])
    services.segments.put(
        segment("ex", kind=SegmentType.PRIVATE, sub_segments=["all"], groups=[class_key("1a")]), []
    )
    made = services.flags.create(flag("f", "f"))
    services.flags.put_list("f", ListEntry("in"), exclude=False)
    services.flags.put_list("f", ListEntry("ex"), exclude=True)
    services.flags.put_list("f", ListEntry("gone"), exclude=True)
    found = services.pages.flag_details.of("f")
    assert found.flag.id == made.id
    assert [(each.entry.segment_id, each.reach) for each in found.include] == [("in", Reach(2, 0))]
    excluding = [(each.segment and each.segment.id, each.reach) for each in found.exclude]
    assert excluding == [("ex", Reach(2, 1)), (None, Reach(0, 0))]
    assert (found.included, found.excluded) == (Reach(2, 0), Reach(2, 1))
    assert found.shut_out == Reach(0, 0)
    assert found.exposures == 0
    assert [each.id for each in found.segments] == ["all"]
    assert found.group_types


def test_no_list_is_counted_twice(services: Services, memory: Memory, clock: FixedClock) -> None:
    services.segments.put(segment("all"), ["a", "b"])
    for name in ("in", "ex"):
        services.segments.put(segment(name, kind=SegmentType.PRIVATE, sub_segments=["all"]), ["u"])
    services.flags.create(flag("f", "f"))
    services.flags.put_list("f", ListEntry("in"), exclude=False)
    services.flags.put_list("f", ListEntry("ex"), exclude=True)
    switch(services, enabled=True)
    calls: list[str] = []
    watched = process(memory, clock, before=calls.append)
    assert watched.pages.flag_details.of("f").included == Reach(3, 0)
    assert calls.count("members.count") == 3


def test_lists_that_are_switched_off_do_not_count(services: Services) -> None:
    services.flags.create(flag("f", "f"))
    services.segments.put(segment("in", kind=SegmentType.PRIVATE), ["u"])
    services.flags.put_list("f", ListEntry("in"), exclude=False)
    switch(services, enabled=False)
    off = services.pages.flag_details.of("f")
    assert (off.included, off.include[0].reach) == (Reach(0, 0), Reach(1, 0))
    switch(services, enabled=True)
    assert services.pages.flag_details.of("f").included == Reach(1, 0)


def test_who_is_shut_out_of_the_context_is_counted(services: Services) -> None:
    made = services.flags.create(flag("f", "f"))
    own = global_id(made.context)
    services.pages.segment_edits.change_members(own, MemberChange(Change.ADD, ("u",)))
    assert services.pages.flag_details.of("f").shut_out == Reach(1, 0)


def test_only_a_list_of_that_side_is_switched() -> None:
    from dataclasses import replace

    both = replace(flag(), include=(ListEntry("a"),), exclude=(ListEntry("b"), ListEntry("c")))
    off = with_switched_list(both, "b", enabled=False, exclude=True)
    assert off == replace(both, exclude=(ListEntry("b", enabled=False), ListEntry("c")))
    with pytest.raises(NotFound, match="no such list: a"):
        with_switched_list(both, "a", enabled=False, exclude=True)


def test_a_flag_is_deleted_by_its_name(services: Services) -> None:
    services.flags.create(flag("f", "f"))
    with pytest.raises(Invalid, match="type its name"):
        services.flags.delete("f", "other")
    name = services.flags.get("f").name
    assert services.flags.delete("f", f" {name} ").id == "f"


def test_a_segment_is_deleted_by_its_name(services: Services) -> None:
    services.segments.put(segment("s"), [])
    with pytest.raises(Invalid, match="type its name"):
        services.segment_deletion.delete("s", name="other")
    name = services.segments.get("s").name
    assert services.segment_deletion.delete("s", name=name).id == "s"
