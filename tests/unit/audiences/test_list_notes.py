"""Whatever dies or is refused, what is noted of lists is what the catalogue has in force."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import count
from threading import Barrier, get_ident

import pytest

from chalicelib.domain.audiences.segments import Segment, SegmentType
from chalicelib.domain.catalogue.lists import LISTS, holders, is_free, listed
from chalicelib.domain.catalogue.purge import HANDOVER, SECOND_PASS, LooseLists
from chalicelib.domain.errors import Invalid, LostRace, NotFound, SwitchyardError, Unavailable
from chalicelib.services import Services
from chalicelib.services.catalogue.imports import ListDraft
from chalicelib.services.features.purge import DROPPED_AT_ONCE, ROWS_AT_ONCE, RUN_TIME, WORKERS
from tests.fakes.memory import START, FixedClock, Memory
from tests.fakes.stores import fake_stores, once
from tests.unit.measure_samples import flag
from tests.unit.samples import process
from tests.unit.upgrade_service_samples import Killed, design, mortal, purge_later, segment


def private(segment_id: str) -> Segment:
    return segment(segment_id, kind=SegmentType.PRIVATE)


def drafts(*segment_ids: str) -> list[ListDraft]:
    return [ListDraft(private(each), ["u", "v"]) for each in segment_ids]


def join(services: Services, segment_id: str = "new", experiment_id: str = "e") -> object:
    draft = ListDraft(private(segment_id), ["v", "w"])
    return services.lists.add_to_experiment(experiment_id, draft, exclude=False)


def join_nowhere(services: Services) -> object:
    """The experiment goes after it was found to have room."""

    def refuse(_: Segment) -> object:
        raise NotFound("it was deleted")

    return services.lists._join(ListDraft(private("new"), ["v", "w"]), refuse)


def remove_list(services: Services) -> object:
    return services.lists.remove_from_experiments("l", exclude=False)


STEPS: dict[str, Callable[[Services], object]] = {
    "a new segment": lambda s: s.segments.put(segment("new"), ["u", "w"]),
    "a segment replaced": lambda s: s.segments.put(segment("s"), ["v", "w"]),
    "a list of a segment": lambda s: s.segments.put_list("parent", private("new"), ["u", "w"]),
    "a segment deleted": lambda s: s.segment_deletion.delete("s"),
    "a segment deleted with its list": lambda s: s.segment_deletion.delete("parent"),
    "a list taken out": lambda s: s.segment_deletion.delete_list("parent", "inside"),
    "an experiment with lists": lambda s: s.imports.experiment(design("f"), drafts("x"), []),
    "an experiment deleted": lambda s: s.experiments.delete("e"),
    "a list joined": join,
    "a list joined nowhere": join_nowhere,
    "a list of an experiment removed": remove_list,
    "a flag with lists": lambda s: s.imports.flag(flag("g", key="g"), drafts("x"), []),
    "a flag deleted": lambda s: s.flags.delete("f"),
    "a list of a flag removed": lambda s: s.lists.remove_from_flag("m", exclude=False),
}


def assert_settled(services: Services, memory: Memory) -> None:
    """Every note and entry is of a list in force, and every private segment is a list."""
    catalogue = services.catalogue.fresh()
    in_force = {(each.id, each.version) for each in catalogue.segments.values()}
    assert {key for key, users in memory.lists.items() if users} <= in_force
    for user in memory.participants.values():
        noted = {(key, version) for key, all_ in user.members.items() for version in all_}
        assert noted == {key for key, users in memory.lists.items() if user.id in users}
    assert not [
        each.id
        for each in catalogue.segments.values()
        if each.type is SegmentType.PRIVATE and is_free(catalogue, each.id)
    ]


def made() -> tuple[Memory, FixedClock, Services]:
    """Lists of all kinds, settled."""
    memory, clock = Memory(), FixedClock()
    services = process(memory, clock)
    services.segments.put(segment("s"), ["u", "v"])
    services.segments.put(segment("parent"), ["u"])
    services.segments.put_list("parent", private("inside"), ["v"])
    services.imports.experiment(design("e"), drafts("l"), [])
    services.imports.flag(flag("f", key="f"), drafts("m"), [])
    work_off(services, clock)
    assert memory.queue == {}
    return memory, clock, services


def work_off(services: Services, clock: FixedClock) -> None:
    for _ in range(4):
        clock.advance(SECOND_PASS)
        services.purge.run_due()


@pytest.mark.parametrize("step", ["before", "after"])
@pytest.mark.parametrize("name", STEPS)
def test_a_step_that_dies_at_any_call_leaves_no_note_and_no_segment_for_good(
    name: str, step: str
) -> None:
    at, done = 0, False
    while not done:
        memory, clock, services = made()
        try:
            with suppress(SwitchyardError):
                STEPS[name](mortal(memory, clock, at, step))
            done = True
        except Killed:
            at += 1
        work_off(services, clock)
        assert_settled(services, memory)
        assert not [each for each in memory.queue.values() if isinstance(each, LooseLists)]
    assert at > 2


@pytest.mark.parametrize("name", STEPS)
def test_a_step_that_is_done_leaves_nothing_but_notes_to_the_purge(name: str) -> None:
    memory, _, services = made()
    with suppress(SwitchyardError):
        STEPS[name](services)
    segments = dict(memory.segments)
    purge_later(memory)
    assert memory.segments == segments
    assert_settled(services, memory)


def test_a_list_that_its_holder_refuses_is_gone_at_once(services: Services, memory: Memory) -> None:
    services.experiments.create(design("e"))
    many = drafts(*(f"l{number}" for number in range(LISTS)))
    services.imports.into_experiment("e", exclude=False).store(many)
    before = set(memory.segments)
    with pytest.raises(Invalid, match="at most"):
        join(services)
    assert set(memory.segments) == before
    purge_later(memory)
    assert "new" not in memory.participants["v"].members


def test_notes_that_cannot_be_removed_are_removed_by_the_next_run(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    def fail() -> None:
        raise Unavailable("throttled")

    services.segments.put(segment("s"), ["u"])
    services.segment_deletion.delete("s")
    clock.advance(SECOND_PASS)
    failing = process(memory, clock, before=once("members.forget", fail))
    with pytest.raises(Unavailable):
        failing.purge.run_due()
    assert memory.participants["u"].members
    clock.advance(HANDOVER)
    assert services.purge.run_due() == 1
    assert not memory.participants["u"].members
    assert memory.queue == {}


def test_a_purge_that_finds_all_lists_in_use_changes_no_revision(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.imports.experiment(design("e"), drafts("l"), [])
    services.imports.flag(flag("f", key="f"), drafts("m"), [])
    before = services.catalogue.fresh().revision
    assert memory.queue
    clock.advance(SECOND_PASS)
    services.purge.run_due()
    assert memory.queue == {}
    assert services.catalogue.fresh().revision == before
    services.segment_deletion.delete_unused("l")
    assert services.catalogue.fresh().revision == before


# The purge and who writes anew


def loose(*, claimed: bool = False) -> LooseLists:
    return LooseLists("s 1", (("s", 1),), START, claimed=claimed)


def test_what_the_purge_removes_is_not_written_anew_meanwhile(memory: Memory) -> None:
    queue = fake_stores(memory).queue
    queue.open(loose())
    claimed = queue.claim(loose(), START + HANDOVER)
    with pytest.raises(LostRace):
        queue.open(loose())
    queue.close(claimed)
    queue.open(loose())


def test_a_version_that_is_written_anew_is_left_alone_by_the_purge(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    stores = fake_stores(memory)
    stores.members.note("s", 1, ["u"])
    stores.queue.open(loose())

    def renew() -> None:
        stores.queue.open(replace(loose(), due=clock.now + SECOND_PASS))

    slow = process(memory, clock, before=once("queue.claim", renew))
    assert slow.purge.run_due() == 0
    assert memory.participants["u"].members
    clock.advance(SECOND_PASS)
    assert services.purge.run_due() == 1
    assert not memory.participants["u"].members


def test_a_purge_of_lists_that_died_is_finished_by_the_next_run(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    stores = fake_stores(memory)
    for step in ("before", "after"):
        at, done = 0, False
        while not done:
            stores.members.note("s", 1, ["u"])
            stores.queue.open(replace(loose(), due=clock.now))
            try:
                mortal(memory, clock, at, step).purge.run_due()
                done = True
            except Killed:
                at += 1
            clock.advance(HANDOVER)
            services.purge.run_due()
            assert not memory.participants["u"].members
            assert memory.queue == {}
        assert at > 3


# Long lists

LONG = 2 * ROWS_AT_ONCE + DROPPED_AT_ONCE + 1


def long_list(memory: Memory) -> None:
    """A list of many users, that was never put in force."""
    stores = fake_stores(memory)
    stores.members.note("s", 1, [f"u{number:04}" for number in range(LONG)])
    stores.queue.open(loose())


def test_a_long_list_goes_in_small_parts_which_the_workers_share(memory: Memory) -> None:
    long_list(memory)
    threads: set[int] = set()
    gate = Barrier(2)

    def step(call: str) -> None:
        if call == "members.forget" and get_ident() not in threads:
            threads.add(get_ident())
            if len(threads) <= 2:
                gate.wait(10)

    assert process(memory, FixedClock(), before=step).purge.run_due() == LONG
    assert 1 < len(threads) <= WORKERS
    assert not any(user.members for user in memory.participants.values())
    assert (memory.lists, memory.queue) == ({}, {})


def test_a_long_list_that_takes_longer_than_a_run_is_gone_on_with_by_the_next(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    long_list(memory)
    late = once("members.forget", lambda: clock.advance(RUN_TIME))
    first = process(memory, clock, before=late).purge.run_due()
    assert 0 < first <= WORKERS * DROPPED_AT_ONCE
    assert len(memory.lists["s", 1]) == LONG - first
    noted = {user.id for user in memory.participants.values() if user.members}
    assert noted == {*memory.lists["s", 1]}
    assert services.purge.run_due() == LONG - first
    assert (memory.lists, memory.queue) == ({}, {})


def test_lists_that_nothing_lists_are_deleted_until_the_time_is_up(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    made = [services.segments.put_listed(private(each), ["u"]).id for each in ("l", "m")]
    memory.queue.clear()
    fake_stores(memory).queue.open(LooseLists("1", (), clock.now, tuple(made)))
    late = once("catalogue.commit", lambda: clock.advance(RUN_TIME))
    process(memory, clock, after=late).purge.run_due()
    assert set(memory.segments) == {"m"}
    services.purge.run_due()
    assert memory.segments == {}


# A version that one call takes out of force, while another is about to put it in force

CLAIMS: dict[str, Callable[[LooseLists], LooseLists]] = {
    "waits": lambda entry: entry,
    "is claimed": lambda entry: replace(entry, claimed=True),
    "is due": lambda entry: replace(entry, due=START),
}


@pytest.mark.parametrize("own", CLAIMS)
def test_a_version_that_a_call_may_yet_put_in_force_is_left_to_the_entry_of_that_call(
    services: Services, memory: Memory, clock: FixedClock, own: str
) -> None:
    stores = fake_stores(memory)
    stores.members.note("s", 1, ["u"])
    memory.enqueue(LooseLists("7", (("s", 1), ("t", 1)), START))
    entry = CLAIMS[own](LooseLists.written("s", 1, START + SECOND_PASS))
    memory.enqueue(entry)
    services.purge.run_due()
    assert bool(memory.participants["u"].members) is (own == "waits")
    clock.advance(SECOND_PASS)
    services.purge.run_due()
    assert not memory.participants["u"].members
    assert memory.queue == {}


# What was stored to be listed, and is gone, or is something else, before it is


def join_flag(services: Services) -> object:
    return services.lists.put_in_flag("f", ListDraft(private("new"), ["v"]), exclude=False)


LISTING: dict[str, Callable[[Services], object]] = {
    "a list of an experiment": join,
    "a list of a flag": join_flag,
    "lists of an experiment": lambda s: s.imports.into_experiment("e", exclude=True).store(
        drafts("new")
    ),
    "lists of a flag": lambda s: s.imports.into_flag("f", exclude=True).store(drafts("new")),
    "lists of a segment": lambda s: s.imports.into_segment("parent").store(drafts("new")),
    "a segment with lists": lambda s: s.imports.segment(
        segment("whole", sub_segments=["new"]), ["u"], drafts("new")
    ),
    "an experiment with lists": lambda s: s.imports.experiment(design("g"), drafts("new"), []),
    "a flag with lists": lambda s: s.imports.flag(flag("g", key="g"), drafts("new"), []),
}

RIVALS: dict[str, Callable[[Services], object]] = {
    "gone": lambda s: s.segment_deletion.delete_unused("new"),
    "replaced": lambda s: s.segments.put(private("new"), ["w"]),
}


@pytest.mark.parametrize("rival", RIVALS)
@pytest.mark.parametrize("name", LISTING)
def test_what_was_stored_to_be_listed_is_listed_as_it_was_stored(name: str, rival: str) -> None:
    """Somebody comes in between the commit that stores it and the one that lists it."""
    memory, clock, services = made()
    commits = count(1)

    def step(call: str) -> None:
        if call == "catalogue.commit" and next(commits) == 2:
            RIVALS[rival](services)

    LISTING[name](process(memory, clock, before=step))
    catalogue = services.catalogue.fresh()
    named = {each for holder in holders(catalogue) for each in listed(holder)}
    named.update(part for each in catalogue.segments.values() for part in each.sub_segments)
    assert named <= catalogue.segments.keys()
    [stored] = [catalogue.segments[each] for each in named - {"l", "m", "inside"}]
    assert "v" in memory.lists[stored.id, stored.version]
    work_off(services, clock)
    assert_settled(services, memory)


@pytest.mark.parametrize("name", ["a list of an experiment", "a list of a flag"])
def test_a_list_that_is_listed_already_is_stored_once_whoever_replaces_it_meanwhile(
    name: str,
) -> None:
    memory, clock, services = made()
    LISTING[name](services)
    commits = count(1)

    def step(call: str) -> None:
        if call == "catalogue.commit" and next(commits) == 2:
            services.segments.put(private("new"), ["w"])

    LISTING[name](process(memory, clock, before=step))
    stored = services.catalogue.fresh().segments["new"]
    assert list(memory.lists["new", stored.version]) == ["w"]
