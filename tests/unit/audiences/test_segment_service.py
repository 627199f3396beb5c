from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from chalicelib.bootstrap import build
from chalicelib.domain.audiences.segments import Segment, SegmentType
from chalicelib.domain.catalogue.purge import HANDOVER, SECOND_PASS
from chalicelib.domain.errors import NotFound
from chalicelib.services import Services
from chalicelib.services.audiences.segments import NameTaken, global_id
from chalicelib.settings import Settings
from tests.fakes.audiences import FakeMemberStore
from tests.fakes.memory import START, FixedClock, Memory
from tests.fakes.stores import fake_stores, once
from tests.unit.samples import process
from tests.unit.upgrade_service_samples import (
    CONTEXT,
    HERE,
    Killed,
    assign,
    at_once,
    class_key,
    design,
    dying,
    join,
    known,
    lists,
    purge_later,
    segment,
)

MANY = [f"user {i:04}" for i in range(1000)]
OTHERS = [f"user {i:04}" for i in range(500, 1500)]
PARALLEL = 6


class HalfDone(FakeMemberStore):
    """Ends the process after half of the users of a list."""

    def note(self, segment_id: str, version: int, user_ids: Sequence[str]) -> None:
        super().note(segment_id, version, user_ids[: (len(user_ids) + 1) // 2])
        raise Killed


def half_done(memory: Memory, clock: FixedClock) -> Services:
    """A process that does not live to the end of a list."""
    stores = replace(fake_stores(memory), members=HalfDone(memory))
    return build(Settings(), stores, clock)


TTL = 60
STALE_FOR = timedelta(milliseconds=Settings().stale_for_ms)


def named(services: Services, users: Sequence[str], segment_id: str = "s") -> list[str]:
    """Those of `users` whom a segment names."""
    return [user_id for user_id in users if lists(services, segment_id, user_id)]


def listed(services: Services, segment_id: str = "s") -> list[str]:
    return sorted(services.segments.members(services.segments.get(segment_id)))


def notes(memory: Memory) -> dict[str, object]:
    """What users' records say of segments, once the purge was there."""
    purge_later(memory)
    return {user.id: user.members for user in memory.participants.values() if user.members}


# Creating and reading


def test_a_segment_is_what_it_was_made(services: Services, clock: FixedClock) -> None:
    draft = segment(groups=[class_key("1a")], sub_segments=["t"])
    clock.advance(timedelta(hours=1))
    stored = services.segments.put(draft, ["u", "v"])
    assert stored == replace(
        draft, version=stored.version, created_at=clock.now, updated_at=clock.now
    )
    assert services.segments.get("s") == stored
    assert services.segments.all() == [stored]
    assert "s" in services.segments.stored()
    assert listed(services) == ["u", "v"]


def test_an_unknown_segment_is_not_found(services: Services, memory: Memory) -> None:
    with pytest.raises(NotFound, match="SegmentId not found"):
        services.segments.get("s")
    with pytest.raises(NotFound, match="SegmentId not found"):
        services.segment_deletion.delete("s")
    assert "s" not in services.segments.stored()
    assert memory.revision.version == 0


def test_only_public_segments_are_listed(services: Services) -> None:
    for kind in SegmentType:
        services.segments.put(segment(kind.value, kind=kind), [])
    assert [each.id for each in services.segments.all()] == ["public"]


def test_a_segment_names_users_whom_nobody_initialised_yet(services: Services) -> None:
    services.segments.put(segment(), ["u"])
    assert services.participants.find("u") is None
    join(services, "u", "v")
    assert named(services, ["u", "v"]) == ["u"]


def test_each_context_has_its_types_of_groups(services: Services) -> None:
    types = services.segments.group_types
    assert set(types) == set(services.segments.contexts)
    assert "classId" in types[CONTEXT]


def test_names_are_unique_in_a_context(services: Services, memory: Memory) -> None:
    services.segments.put(segment("s", name="taken"), ["u"])
    before = memory.revision
    with pytest.raises(NameTaken, match="Segment name taken already exists in context home"):
        services.segments.put(segment("t", name="taken"), ["v"])
    assert memory.revision == before
    assert notes(memory).keys() == {"u"}
    services.segments.put(segment("s", name="taken"), [])
    services.segments.put(segment("t", name="taken", context="add"), [])
    services.segments.put(segment("p", name="taken", kind=SegmentType.PRIVATE), [])
    services.segments.put(segment("q", name="taken", kind=SegmentType.PRIVATE), [])


def test_private_segments_take_no_names(services: Services) -> None:
    services.segments.put(segment("p", name="free", kind=SegmentType.PRIVATE), [])
    services.segments.put(segment("s", name="free"), [])


def test_of_two_segments_of_a_name_at_once_one_is_refused(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    rival = once("catalogue.commit", lambda: services.segments.put(segment("s", name="n"), []))
    with pytest.raises(NameTaken):
        process(memory, clock, before=rival).segments.put(segment("t", name="n"), [])
    assert list(memory.segments) == ["s"]


# Global exclusions


def test_each_context_has_a_global_exclusion_without_making_it(services: Services) -> None:
    shut_out = services.segments.shut_out()
    assert tuple(each.context for each in shut_out) == services.segments.contexts
    assert CONTEXT in services.segments.contexts
    assert {each.type for each in shut_out} == {SegmentType.GLOBAL_EXCLUDE}
    assert len({each.id for each in shut_out}) == len(shut_out)
    assert services.segments.get(shut_out[0].id) == shut_out[0]
    assert services.segments.members(shut_out[0]) == ()
    assert shut_out[0].id not in services.segments.stored()


def test_a_global_exclusion_that_was_replaced_is_the_stored_one(services: Services) -> None:
    empty = services.segments.get(global_id(CONTEXT))
    stored = services.segments.put(empty, ["u"])
    assert stored in services.segments.shut_out()
    assert services.segments.get(global_id(CONTEXT)) == stored
    assert len(services.segments.shut_out()) == len(services.segments.contexts)


# Replacing


def test_a_list_that_is_replaced_counts_no_more(services: Services, clock: FixedClock) -> None:
    join(services, "u", "v", "w")
    services.segments.put(segment(), ["u", "v"])
    clock.advance(timedelta(hours=1))
    stored = services.segments.put(segment(name="new name"), ["v", "w"])
    assert (stored.created_at, stored.updated_at) == (START, clock.now)
    assert named(services, ["u", "v", "w"]) == listed(services) == ["v", "w"]


def test_what_a_replaced_list_noted_is_removed(services: Services, memory: Memory) -> None:
    old = services.segments.put(segment(), ["u", "v"])
    services.segments.put(segment(), ["v", "w"])
    assert notes(memory).keys() == {"v", "w"}
    assert fake_stores(memory).members.of_version("s", old.version) == []


def test_lists_of_different_segments_do_not_mix(services: Services) -> None:
    join(services, "u")
    services.segments.put(segment("s"), ["u"])
    services.segments.put(segment("t"), ["u"])
    services.segments.put(segment("s"), [])
    assert (named(services, ["u"], "s"), named(services, ["u"], "t")) == ([], ["u"])


@pytest.mark.parametrize("new", [OTHERS, [], MANY[:300], MANY])
def test_a_thousand_users_replaced_and_killed_half_way_leave_the_old_list(
    new: list[str], services: Services, memory: Memory, clock: FixedClock
) -> None:
    """Until the new version is in the catalogue the old list counts; then the new one, whole."""
    everybody = sorted({*MANY, *OTHERS})
    join(services, *everybody)
    services.segments.put(segment(), MANY)
    for _ in range(2):
        with pytest.raises(Killed):
            half_done(memory, clock).segments.put(segment(), new)
        assert named(services, everybody) == MANY
        assert listed(services) == MANY
    services.segments.put(segment(), new)
    assert named(services, everybody) == new
    assert listed(services) == new


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_replacement_killed_at_any_call_leaves_one_of_the_lists_and_can_be_repeated(
    moment: str, clock: FixedClock
) -> None:
    for call in range(20):
        memory = Memory()
        services = process(memory, clock)
        join(services, *"abcd")
        services.segments.put(segment(), ["a", "b"])
        step = dying(call)
        doomed = process(
            memory,
            clock,
            before=step if moment == "before" else None,
            after=step if moment == "after" else None,
        )
        killed = False
        try:
            doomed.segments.put(segment(), ["b", "c"])
        except Killed:
            killed = True
            assert named(services, "abcd") in (["a", "b"], ["b", "c"])
            assert listed(services) == named(services, "abcd")
            services.segments.put(segment(), ["b", "c"])
        assert named(services, "abcd") == listed(services) == ["b", "c"]
        if not killed:
            break
    assert 3 < call < 19


def test_a_list_that_was_killed_half_way_does_not_come_up_with_the_next_one(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    join(services, *"abcd")
    services.segments.put(segment(), ["a"])
    with pytest.raises(Killed):
        half_done(memory, clock).segments.put(segment(), ["b", "c"])
    services.segments.put(segment(), ["d"])
    assert named(services, "abcd") == listed(services) == ["d"]


def test_a_new_list_that_was_killed_half_way_does_not_come_up_with_the_next_one(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    join(services, *"bcd")
    with pytest.raises(Killed):
        half_done(memory, clock).segments.put(segment(), ["b", "c"])
    services.segments.put(segment(), ["d"])
    assert named(services, "bcd") == listed(services) == ["d"]


def test_a_list_that_was_killed_half_way_can_come_after_others_and_a_deletion(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    join(services, *"bcd")
    with pytest.raises(Killed):
        half_done(memory, clock).segments.put(segment(), ["c", "b"])
    services.segments.put(segment(), ["c", "d"])
    services.segment_deletion.delete("s")
    services.segments.put(segment(), ["c", "b"])
    assert named(services, "bcd") == listed(services) == ["b", "c"]


@pytest.mark.parametrize("call", ["members.note", "catalogue.commit"])
@pytest.mark.parametrize("before", [["a", "b", "c"], None])
def test_of_two_lists_at_once_the_later_counts_whole(
    call: str, before: list[str] | None, services: Services, memory: Memory, clock: FixedClock
) -> None:
    join(services, *"abcd")
    if before is not None:
        services.segments.put(segment(), before)
    rival = once(call, lambda: services.segments.put(segment(), ["b", "c"]))
    process(memory, clock, before=rival).segments.put(segment(), ["c", "d"])
    assert named(services, "abcd") == listed(services) == ["c", "d"]


def test_a_list_that_is_replaced_while_the_old_one_is_forgotten_counts_whole(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    join(services, *"abc")
    services.segments.put(segment(), ["a", "b"])
    services.segments.put(segment(), ["b"])
    rival = once("members.forget", lambda: services.segments.put(segment(), ["a", "c"]))
    clock.advance(SECOND_PASS)
    process(memory, clock, before=rival).purge.run_due()
    assert named(services, "abc") == listed(services) == ["a", "c"]


def test_parallel_lists_end_as_one_of_them(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    processes = [process(memory, clock) for _ in range(PARALLEL)]
    users = [f"u{i}" for i in range(PARALLEL + 1)]
    join(services, *users)
    wanted = [[users[i], users[i + 1]] for i in range(PARALLEL)]
    at_once(
        *(
            partial(p.segments.put, segment(), both)
            for p, both in zip(processes, wanted, strict=True)
        )
    )
    assert named(services, users) == listed(services)
    assert listed(services) in wanted


def test_lists_of_several_segments_at_once_are_all_kept(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    processes = [process(memory, clock) for _ in range(PARALLEL)]
    join(services, "u")
    at_once(*(partial(p.segments.put, segment(f"s{i}"), ["u"]) for i, p in enumerate(processes)))
    assert all(lists(services, f"s{i}", "u") for i in range(PARALLEL))


# Deleting


def test_a_deleted_segment_leaves_no_notes(services: Services, memory: Memory) -> None:
    stored = services.segments.put(segment(), ["u", "v"])
    services.segments.put(segment("t"), ["u"])
    assert services.segment_deletion.delete("s") == stored
    assert "s" not in services.segments.stored()
    assert notes(memory).keys() == {"u"}
    assert known_members(memory, "u") == {"t"}
    assert fake_stores(memory).members.of_version("s", stored.version) == []


def known_members(memory: Memory, user_id: str) -> set[str]:
    return set(memory.participants[user_id].members)


def test_a_deletion_killed_half_way_lets_nobody_in(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    join(services, "u")
    services.segments.put(segment(), ["u"])

    def die() -> None:
        raise Killed

    services.segment_deletion.delete("s")
    clock.advance(SECOND_PASS)
    doomed = process(memory, clock, before=once("members.forget", die))
    with pytest.raises(Killed):
        doomed.purge.run_due()
    assert named(services, ["u"]) == []
    services.segments.put(segment(), ["v"])
    assert named(services, ["u"]) == []


def test_of_two_deletions_at_once_one_finds_nothing(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.segments.put(segment(), ["u"])
    rival = once("catalogue.commit", lambda: services.segment_deletion.delete("s"))
    with pytest.raises(NotFound):
        process(memory, clock, before=rival).segment_deletion.delete("s")
    assert notes(memory) == {}


# Effect


def test_a_subsegment_counts_with_its_parents_as_long_as_it_is_there(services: Services) -> None:
    join(services, "u", "v")
    services.segments.put(segment("child"), ["u"])
    services.segments.put(segment("parent", sub_segments=["child", "unknown"]), [])
    assert named(services, ["u", "v"], "parent") == ["u"]
    services.segments.put(segment("child"), ["v"])
    assert named(services, ["u", "v"], "parent") == ["v"]
    services.segment_deletion.delete("child", force=True)
    assert named(services, ["u", "v"], "parent") == []


def test_a_global_exclusion_takes_effect_at_once(services: Services, memory: Memory) -> None:
    services.experiments.create(design())
    join(services, "u")
    empty: Segment = services.segments.get(global_id(CONTEXT))
    services.segments.put(empty, ["u"])
    assert assign(services) == {}
    services.segments.put(empty, [])
    assert set(assign(services)) == {HERE}
    assert notes(memory) == {}


@pytest.mark.parametrize("change", ["replaced", "deleted"])
def test_a_process_with_an_old_catalogue_goes_on_to_exclude_until_its_time_is_over(
    change: str, services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.experiments.create(design())
    join(services, "u")
    shut_out = services.segments.put(services.segments.get(global_id(CONTEXT)), ["u"])
    other = process(memory, clock, ttl=TTL)
    assert assign(other) == {}
    if change == "replaced":
        services.segments.put(shut_out, ["v"])
    else:
        services.segment_deletion.delete(shut_out.id, force=True)
    assert set(assign(services)) == {HERE}
    assert assign(other) == {}
    clock.advance(timedelta(seconds=TTL) + STALE_FOR)
    other.purge.run_due()
    assert memory.lists[shut_out.id, shut_out.version]
    clock.advance(HANDOVER + timedelta(seconds=TTL))
    other.purge.run_due()
    assert known(services, "u").members == {}
    assert (shut_out.id, shut_out.version) not in memory.lists
