"""A list that is stored or left by a process that dies leaves no note at anybody for good."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from threading import Lock
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.domain.catalogue.purge import (
    HANDOVER,
    SECOND_PASS,
    DeadVariants,
    ErasedUser,
    LooseLists,
    PurgeEntry,
    UnreadableEntry,
)
from chalicelib.domain.errors import LostRace, NotFound
from chalicelib.services import Services
from chalicelib.services.stores import Stores
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import shared
from chalicelib.storage.dynamodb.tables import PurgeRow
from chalicelib.storage.stores import dynamo_stores
from tests.fakes.memory import START
from tests.recount import all_items
from tests.storage.test_killed_calls import Clock, Killed, World, world
from tests.unit.upgrade_service_samples import segment

__all__ = ["world"]

STEPS: dict[str, Callable[[Services], object]] = {
    "stored": lambda services: services.segments.put(segment(), ["u", "v"]),
    "replaced": lambda services: services.segments.put(segment(), ["v", "w"]),
    "left": lambda services: services.segment_deletion.delete("s"),
}


@contextmanager
def dying_at(call: int) -> Iterator[None]:
    """Let the process die before a call to the database, whichever thread makes it."""
    lock, left = Lock(), [call]

    def count(**_: Any) -> None:
        with lock:
            left[0] -= 1
            dead = left[0] < 0
        if dead:
            raise Killed

    events = shared().client.meta.events
    events.register("before-call.dynamodb", count)
    try:
        yield
    finally:
        events.unregister("before-call.dynamodb", count)


def notes() -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """What is noted at users, and what their entries are, by user and version."""
    rows = [(str(item["pk"]), str(item["sk"])) for item in all_items()["users"]]
    at_users = {(pk, sk.split("#")[2]) for pk, sk in rows if sk.startswith("member#")}
    named = [sk.split("#") for pk, sk in rows if pk == "segment#s"]
    return at_users, {(f"user#{user_id}", version) for version, user_id in named}


def test_a_list_that_dies_at_any_call_leaves_no_note_for_good(world: World) -> None:
    clock = Clock()
    services = bootstrap.build(world.settings, dynamo_stores(), clock)
    call = 0
    pending = list(STEPS)
    while pending:
        name, killed = pending[0], False
        with suppress(NotFound):
            services.segment_deletion.delete("s")
        if name != "stored":
            services.segments.put(segment(), ["u", "v"])
        try:
            with dying_at(call):
                STEPS[name](services)
        except Killed:
            killed = True
        clock.ahead += SECOND_PASS + timedelta(seconds=1)
        services.purge.run_due()
        services.purge.run_due()
        at_users, entries = notes()
        stored = services.catalogue.fresh().segments.get("s")
        in_force = {str(stored.version)} if stored else set()
        assert at_users == entries
        assert {version for _, version in entries} == in_force
        call += 1
        if not killed:
            pending.pop(0)
            call = 0


# The queue


def test_an_entry_of_lists_comes_back_as_it_was(stores: Stores) -> None:
    entry = LooseLists("s#% 1", (("s#%", 1), ("t", 2)), START, ("s#%",))
    stores.queue.open(entry)
    assert stores.queue.due(START) == [entry]
    claimed = stores.queue.claim(entry, START + HANDOVER)
    assert stores.queue.due(START) == []
    assert stores.queue.due(START + HANDOVER) == [claimed]
    assert claimed == replace(entry, due=START + HANDOVER, claimed=True)


def test_what_is_claimed_is_neither_opened_nor_claimed_by_another(stores: Stores) -> None:
    entry = LooseLists("s 1", (("s", 1),), START)
    stores.queue.open(entry)
    claimed = stores.queue.claim(entry, START + HANDOVER)
    for attempt in (stores.queue.open, lambda each: stores.queue.claim(each, START)):
        with pytest.raises(LostRace):
            attempt(entry)
    again = stores.queue.claim(claimed, START + 2 * HANDOVER)
    stores.queue.close(claimed)
    assert stores.queue.due(again.due) == [again]
    stores.queue.close(again)
    stores.queue.open(entry)
    assert stores.queue.due(START) == [entry]


@pytest.mark.parametrize(
    "entry",
    [DeadVariants(1, (2, 3), START, START, whole=True), ErasedUser("u", START)],
    ids=lambda entry: type(entry).__name__,
)
def test_whatever_is_claimed_has_a_new_time_once(stores: Stores, entry: PurgeEntry) -> None:
    stores.queue.postpone(entry)
    claimed = stores.queue.claim(entry, START + HANDOVER)
    assert claimed == replace(entry, due=START + HANDOVER)
    assert stores.queue.due(START + HANDOVER) == [claimed]
    with pytest.raises(LostRace):
        stores.queue.claim(entry, START + HANDOVER)


def test_the_entries_of_calls_that_write_lists_are_found_by_what_they_write(stores: Stores) -> None:
    entry = LooseLists.written("s#% 2", 1, START + SECOND_PASS, ("s#% 2",))
    stores.queue.open(entry)
    names = [LooseLists.writing(*version) for version in (("s#% 2", 1), ("s#%", 21), ("t", 1))]
    assert stores.queue.lists(names) == [entry]
    assert stores.queue.lists([]) == []


NEWER: dict[str, dict[str, Any]] = {
    "of another kind": {},
    "without a name": {"lists": {"versions": [], "listed": []}},
    "with other versions": {"lists": {"name": "s 1", "versions": [["s", 1, "part"]], "listed": []}},
    "with none": {"lists": {"name": "s 1", "versions": None, "listed": []}},
}


@pytest.mark.parametrize("values", NEWER.values(), ids=NEWER)
def test_an_entry_that_a_newer_version_made_is_listed_beside_the_others(
    dynamo_stores: Stores, values: dict[str, Any]
) -> None:
    queue, entry = dynamo_stores.queue, ErasedUser("u", START)
    queue.postpone(entry)
    PurgeRow(keys.PURGE, "newer#1", due=0, **values).save()
    [first, second] = queue.due(START)
    assert isinstance(first, UnreadableEntry)
    assert (first.name, second) == ("newer#1", entry)
