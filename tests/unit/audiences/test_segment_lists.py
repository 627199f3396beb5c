"""Private lists inside segments, and what goes when segments are deleted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from chalicelib.domain.audiences.segments import SegmentType
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.services import Services
from chalicelib.services.audiences.segment_deletion import (
    DELETED_AT_ONCE,
    USERS_NAMED,
    SegmentInUse,
)
from chalicelib.services.audiences.segments import global_id
from tests.fakes.memory import FixedClock, Memory
from tests.fakes.stores import once
from tests.unit.samples import process
from tests.unit.upgrade_service_samples import (
    CONTEXT,
    Killed,
    assign,
    at_once,
    design,
    dying,
    join,
    lists,
    lists_of,
    purge_later,
    segment,
)

PRIVATE = SegmentType.PRIVATE


def notes(memory: Memory) -> set[str]:
    """Those whose records say something of segments, once the purge was there."""
    purge_later(memory)
    return {user.id for user in memory.participants.values() if user.members}


def ids(memory: Memory) -> list[str]:
    return sorted(memory.segments)


def add(services: Services, list_id: str, *users: str, parent: str = "s") -> None:
    services.segments.put_list(parent, segment(list_id), users)


# Lists inside a segment


def test_a_list_inside_a_segment_is_private_and_counts(
    services: Services, clock: FixedClock
) -> None:
    made = services.segments.put(segment(), ["u"])
    join(services, "u", "v", "w")
    clock.advance(timedelta(hours=1))
    stored = services.segments.put_list("s", segment("p"), ["v"])
    assert stored.type is PRIVATE
    after = services.segments.get("s")
    assert after == replace(made, sub_segments=("p",), updated_at=clock.now)
    assert [lists(services, "s", user_id) for user_id in "uvw"] == [True, True, False]


def test_a_list_can_be_replaced_by_its_id(services: Services) -> None:
    services.segments.put(segment(), [])
    join(services, "u", "v")
    add(services, "p", "u")
    before = services.segments.get("s")
    add(services, "p", "v")
    assert services.segments.get("s") == before
    assert [lists(services, "s", user_id) for user_id in "uv"] == [False, True]


def test_a_list_that_is_named_but_was_never_made_can_be(services: Services) -> None:
    services.segments.put(segment(sub_segments=["p"]), [])
    join(services, "u")
    add(services, "p", "u")
    assert services.segments.get("s").sub_segments == ("p",)
    assert lists(services, "s", "u")


def test_a_list_needs_a_parent(services: Services, memory: Memory) -> None:
    with pytest.raises(NotFound, match="Parent Segment not found"):
        add(services, "p", "u")
    assert (ids(memory), notes(memory)) == ([], set())


@pytest.mark.parametrize("taken", ["s", "t", "apart", "inside", global_id(CONTEXT)])
def test_what_is_no_list_of_the_segment_is_not_replaced(
    taken: str, services: Services, memory: Memory
) -> None:
    services.segments.put(segment(sub_segments=["inside", "s"]), [])
    services.segments.put(segment("t"), [])
    services.segments.put(segment("inside"), [])
    services.segments.put(segment("apart", kind=PRIVATE), [])
    before = dict(memory.segments)
    with pytest.raises(Conflict, match="exists already"):
        add(services, taken, "u")
    assert (memory.segments, notes(memory)) == (before, set())


def test_a_global_exclusion_can_have_lists_before_it_was_stored(services: Services) -> None:
    services.experiments.create(design())
    join(services, "u", "v")
    add(services, "p", "u", parent=global_id(CONTEXT))
    assert (assign(services, "u"), bool(assign(services, "v"))) == ({}, True)
    shut_out = services.segments.get(global_id(CONTEXT))
    assert (shut_out.type, shut_out.sub_segments) == (SegmentType.GLOBAL_EXCLUDE, ("p",))
    services.segments.put(shut_out, ["v"])
    assert (assign(services, "u"), assign(services, "v")) == ({}, {})


def test_lists_added_at_once_are_all_kept(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.segments.put(segment(), [])
    others = [process(memory, clock) for _ in range(6)]
    at_once(*(partial(add, each, f"p{i}", f"u{i}") for i, each in enumerate(others)))
    assert sorted(services.segments.get("s").sub_segments) == [f"p{i}" for i in range(6)]


def test_a_list_whose_parent_goes_meanwhile_is_not_made(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.segments.put(segment(), [])
    rival = once("catalogue.commit", lambda: services.segment_deletion.delete("s"))
    with pytest.raises(NotFound):
        add(process(memory, clock, before=rival), "p", "u")
    assert ids(memory) == []


def test_a_list_killed_at_any_call_counts_or_not_and_can_be_repeated(clock: FixedClock) -> None:
    call = 0
    while True:
        memory = Memory()
        services = process(memory, clock)
        services.segments.put(segment(), [])
        join(services, "u")
        try:
            add(process(memory, clock, before=dying(call)), "p", "u")
        except Killed:
            assert lists(services, "s", "u") == ("p" in memory.segments)
            assert ("p" in memory.segments) == (memory.segments["s"].sub_segments == ("p",))
            add(services, "p", "u")
            assert lists(services, "s", "u")
            call += 1
            continue
        break
    assert call > 3


# Taking them out


def test_a_list_that_is_taken_out_is_gone_with_its_notes(
    services: Services, memory: Memory
) -> None:
    services.segments.put(segment(), ["u"])
    add(services, "p", "v")
    add(services, "inner", "w", parent="p")
    gone = services.segment_deletion.delete_list("s", "p")
    assert gone.id == "p"
    assert (ids(memory), notes(memory)) == (["s"], {"u"})
    assert services.segments.get("s").sub_segments == ()


def test_a_list_that_something_else_uses_is_only_taken_out(
    services: Services, memory: Memory
) -> None:
    services.segments.put(segment(), [])
    add(services, "p", "v")
    services.segments.put(segment("t", sub_segments=["p"]), [])
    services.segment_deletion.delete_list("s", "p")
    assert (ids(memory), notes(memory)) == (["p", "s", "t"], {"v"})
    services.segment_deletion.delete_list("t", "p")
    assert (ids(memory), notes(memory)) == (["s", "t"], set())


@pytest.mark.parametrize(
    ("parent", "list_id", "message"),
    [
        ("gone", "p", "Parent Segment not found"),
        ("s", "gone", "List gone not found in parent segment s"),
        ("s", "public", "List public not found in parent segment s"),
        ("s", "dangling", "List dangling not found in parent segment s"),
        ("public", "p", "List p not found in parent segment public"),
    ],
)
def test_only_a_list_of_the_segment_is_taken_out(
    parent: str, list_id: str, message: str, services: Services, memory: Memory
) -> None:
    services.segments.put(segment("public"), [])
    services.segments.put(segment(sub_segments=["public", "dangling"]), [])
    add(services, "p")
    before = dict(memory.segments)
    with pytest.raises(NotFound, match=message):
        services.segment_deletion.delete_list(parent, list_id)
    assert memory.segments == before


# Deleting segments


def test_a_deleted_segment_takes_its_own_lists_along(services: Services, memory: Memory) -> None:
    services.segments.put(segment(sub_segments=["public", "shared"]), ["u"])
    services.segments.put(segment("public"), ["v"])
    services.segments.put(segment("shared", kind=PRIVATE), ["w"])
    services.experiments.create(design(include=["shared"]))
    add(services, "p", "x")
    assert services.segment_deletion.delete("s").id == "s"
    assert (ids(memory), notes(memory)) == (["public", "shared"], {"v", "w"})


def many(services: Services, memory: Memory, count: int) -> None:
    """A segment with lists inside lists, more than one commit deletes."""
    services.segments.put(segment(), ["u"])
    add(services, "outer")
    for number in range(count):
        add(services, f"p{number}", parent="outer")
    assert len(memory.segments) == count + 2


def test_any_number_of_lists_goes_with_a_segment(services: Services, memory: Memory) -> None:
    many(services, memory, 2 * DELETED_AT_ONCE)
    before = memory.revision.version
    assert services.segment_deletion.delete("s").id == "s"
    assert (ids(memory), notes(memory)) == ([], set())
    assert memory.revision.version == before + 3


def test_a_list_with_any_number_of_lists_can_be_taken_out(
    services: Services, memory: Memory
) -> None:
    many(services, memory, DELETED_AT_ONCE)
    services.segment_deletion.delete_list("s", "outer")
    assert ids(memory) == ["s"]
    assert services.segments.get("s").sub_segments == ()


@pytest.mark.parametrize("call", range(6))
def test_a_deletion_killed_half_way_is_finished_by_the_next(
    call: int, services: Services, memory: Memory, clock: FixedClock
) -> None:
    many(services, memory, 2 * DELETED_AT_ONCE)
    with pytest.raises(Killed):
        process(memory, clock, before=dying(call)).segment_deletion.delete("s")
    assert "s" in memory.segments
    services.segment_deletion.delete("s")
    assert ids(memory) == []


def test_a_segment_that_is_in_use_goes_only_by_force(services: Services, memory: Memory) -> None:
    services.segments.put(segment(), ["u"])
    services.experiments.create(design(exclude=["s"]))
    before = memory.revision
    refusal = 'Segment "segment s" is in use by the experiment "experiment e" .e.. Remove it there'
    with pytest.raises(SegmentInUse, match=refusal):
        services.segment_deletion.delete("s")
    assert (memory.revision, notes(memory)) == (before, {"u"})
    assert services.segment_deletion.delete("s", force=True).id == "s"
    assert (ids(memory), notes(memory)) == ([], set())


def test_a_segment_that_is_used_while_it_is_deleted_stays(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.segments.put(segment(), ["u"])
    services.experiments.create(design())
    rival = once("catalogue.commit", lambda: lists_of(services).add_list("e", "s", exclude=True))
    with pytest.raises(SegmentInUse):
        process(memory, clock, before=rival).segment_deletion.delete("s")
    assert (ids(memory), notes(memory)) == (["s"], {"u"})


def test_of_many_that_use_a_segment_some_are_named(services: Services) -> None:
    services.segments.put(segment(), [])
    for number in range(USERS_NAMED + 2):
        services.segments.put(segment(f"parent {number}", sub_segments=["s"]), [])
    with pytest.raises(SegmentInUse) as refusal:
        services.segment_deletion.delete("s")
    assert str(refusal.value).count('the segment "') == USERS_NAMED
    assert " and 2 more. " in str(refusal.value)


def test_a_deletion_beside_a_new_list_leaves_neither(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.segments.put(segment(), [])
    rival = once("catalogue.commit", lambda: add(services, "p", "u"))
    process(memory, clock, before=rival).segment_deletion.delete("s")
    assert (ids(memory), notes(memory)) == ([], set())


def test_usage_is_that_of_the_newest_catalogue(services: Services) -> None:
    services.segments.put(segment(), [])
    assert services.segments.usage().status(services.segments.get("s")).value == "unused"
    services.experiments.create(design(include=["s"]))
    assert services.segments.usage().status(services.segments.get("s")).value == "used"


# Lists of experiments and flags


def test_the_segment_of_a_list_is_made_and_replaced(services: Services) -> None:
    services.experiments.create(design("e"))
    services.segments.put_listed(segment("p", kind=PRIVATE), ["u"])
    lists_of(services).add_list("e", "p", exclude=False)
    join(services, "u", "v")
    services.segments.put_listed(segment("p", kind=PRIVATE), ["v"])
    assert [lists(services, "p", user_id) for user_id in "uv"] == [False, True]


@pytest.mark.parametrize("taken", ["public", "part", global_id(CONTEXT)])
def test_what_something_else_has_does_not_become_a_list(
    services: Services, memory: Memory, taken: str
) -> None:
    services.segments.put(segment("public"), [])
    services.segments.put(segment("part", kind=PRIVATE), [])
    services.segments.put(segment("whole", sub_segments=["part"]), [])
    before = memory.revision
    with pytest.raises(Conflict, match="exists already"):
        services.segments.put_listed(segment(taken, kind=PRIVATE), [])
    assert memory.revision == before


def test_only_an_unused_private_segment_is_deleted(services: Services, memory: Memory) -> None:
    services.segments.put(segment("public"), [])
    services.segments.put(segment("p", kind=PRIVATE), [])
    services.segments.put(segment("inner", kind=PRIVATE), [])
    services.segments.put(segment("q", kind=PRIVATE, sub_segments=["inner"]), [])
    services.experiments.create(design("e", include=["p"]))
    for segment_id in ("public", "p", "q"):
        assert services.segment_deletion.delete_unused(segment_id).id == segment_id
    assert ids(memory) == ["p", "public"]
    with pytest.raises(NotFound):
        services.segment_deletion.delete_unused("q")
