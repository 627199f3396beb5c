from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from chalicelib.domain.errors import Conflict, Invalid, LostRace, NotFound, Unavailable
from chalicelib.domain.features.ip_addresses import IpAddressMode
from chalicelib.domain.features.users import Totals, User
from chalicelib.services import Services
from chalicelib.services.features.users import UserService
from chalicelib.services.running.paging import PageRequest
from chalicelib.services.running.retries import FEWEST
from tests.fakes.memory import START, FixedClock, Memory
from tests.fakes.stores import once
from tests.unit.samples import (
    SHARDS,
    add_user,
    experiment,
    listed_events,
    listed_users,
    process,
    record,
)


def _raise(error: Exception) -> Callable[[], None]:
    def throw() -> None:
        raise error

    return throw


# Assigning


def test_a_new_user_is_stored_counted_and_listed(services: Services, memory: Memory) -> None:
    _, [a, b] = experiment(services, "button")
    assert add_user(services, "u", a) == User("u", a, "127.0.0.1", START)
    assert listed_users(services) == ["u"]
    assert memory.counted() == {a: Totals(total_users=1)}
    add_user(services, "v", a)
    add_user(services, "w", b)
    assert memory.counted() == {a: Totals(total_users=2), b: Totals(total_users=1)}


def test_addresses_are_stored_as_far_as_they_may_be(services: Services, memory: Memory) -> None:
    _, [a, _] = experiment(services, "button")
    service = services.users
    users = UserService(
        service._catalogue,
        service._store,
        service._participants,
        service._purge,
        service._clock,
        IpAddressMode.TRUNCATED,
    )
    assert users.create("u", a, "192.0.2.77").ip_address == "192.0.2.0"
    assert memory.users["u"].ip_address == "192.0.2.0"


def test_users_spread_over_the_shards(services: Services, memory: Memory) -> None:
    _, [a] = experiment(services, "button", 1)
    for i in range(50):
        add_user(services, f"user {i}", a)
    assert {shard.shard for shard in memory.totals} == set(range(SHARDS))


def test_a_user_id_that_cannot_be_stored_is_refused(services: Services, memory: Memory) -> None:
    _, [a, _] = experiment(services, "button")
    with pytest.raises(Invalid, match="user id"):
        add_user(services, "u" * 513, a)
    assert memory.users == {}


def test_an_unknown_variant_takes_no_users(services: Services, memory: Memory) -> None:
    with pytest.raises(NotFound, match="there is no variant 7"):
        add_user(services, "u", 7)
    assert memory.users == {}


def test_a_variant_of_another_process_takes_users_though_the_cache_is_old(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    cached = process(memory, clock, ttl=60)
    cached.catalogue.snapshot()
    _, [a, _] = experiment(services, "button")
    assert add_user(cached, "u", a).variant_id == a


@pytest.mark.parametrize("other", [0, 1, 2])
def test_an_id_has_one_user_in_all(other: int, services: Services, memory: Memory) -> None:
    variants = [*experiment(services, "button")[1], *experiment(services, "banner")[1]]
    first = add_user(services, "u", variants[0])
    record(services, "u", variants[0])
    with pytest.raises(Conflict, match="the user id is taken"):
        add_user(services, "u", variants[other])
    assert memory.users["u"].variant_id == first.variant_id
    assert memory.counted() == memory.recount()


def test_an_id_held_by_a_dead_variant_is_free(
    memory: Memory, services: Services, clock: FixedClock
) -> None:
    gone, [a, _] = experiment(services, "gone")
    _, [kept, _] = experiment(services, "kept")
    add_user(services, "u", a)
    record(services, "u", kept, 3)
    no_purge = process(
        memory, clock, before=once("users.of_variant", _raise(Unavailable("not now")))
    )
    no_purge.features.delete(gone)
    assert memory.users["u"].variant_id == a, "still to be purged"
    assert add_user(services, "u", kept).variant_id == kept
    assert listed_events(services) == [], "what the id's last user left went first"
    assert memory.counted()[kept] == Totals(total_users=1)
    clock.advance(timedelta(minutes=1))
    services.purge.run_due()
    assert listed_users(services) == ["u"], "and the purge does not take the new one"
    assert memory.counted() == memory.recount() == {kept: Totals(total_users=1)}


def test_a_user_of_a_variant_that_the_cache_does_not_know_is_alive(
    memory: Memory, services: Services, clock: FixedClock
) -> None:
    _, [a, _] = experiment(services, "button")
    cached = process(memory, clock, ttl=60)
    cached.catalogue.snapshot()
    _, [new, _] = experiment(services, "banner")
    add_user(services, "u", new)
    with pytest.raises(Conflict):
        add_user(cached, "u", a)
    assert listed_users(services) == ["u"]


def test_an_id_whose_user_is_being_erased_is_free(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    _, [a, b] = experiment(services, "button")
    add_user(services, "u", a)
    record(services, "u", a, 350)
    services.users.delete("u")
    assert memory.users["u"].erased
    assert memory.events != {}
    clock.advance(timedelta(seconds=1))
    add_user(services, "u", b)
    assert memory.events == {}
    assert memory.counted() == memory.recount() == {b: Totals(total_users=1)}
    assert memory.queue == {}


def test_a_conflict_between_counters_is_retried_in_another_shard(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    _, [a] = experiment(services, "button", 1)
    add_user(services, "u", a)
    [first] = memory.totals
    services.users.delete("u")
    memory.totals.clear()
    unlucky = process(memory, clock, before=once("users.create", _raise(LostRace("conflict"))))
    add_user(unlucky, "u", a)
    [second] = memory.totals
    assert second.shard == (first.shard + 1) % SHARDS
    assert memory.counted() == memory.recount()


def test_of_two_processes_that_use_an_id_at_once_one_is_refused(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    _, [a, b] = experiment(services, "button")
    slow = process(memory, clock, before=once("users.create", lambda: add_user(services, "u", b)))
    with pytest.raises(Conflict):
        add_user(slow, "u", a)
    assert memory.counted() == {b: Totals(total_users=1)}


@pytest.mark.usefixtures("no_time")
def test_who_always_loses_gives_up(services: Services, memory: Memory, clock: FixedClock) -> None:
    calls: list[str] = []

    def lose(call: str) -> None:
        calls.append(call)
        if call == "users.create":
            raise LostRace

    _, [a, _] = experiment(services, "button")
    with pytest.raises(Unavailable, match=r"^users: too many writers"):
        add_user(process(memory, clock, before=lose), "u", a)
    assert calls.count("users.create") == FEWEST
    assert (memory.users, memory.totals) == ({}, {})


# Listing


def test_users_of_live_variants_are_listed_by_time(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    _, [a, b] = experiment(services, "button")
    for user_id, variant_id in (("zoe", b), ("amy", a), ("bob", b), ("Ann", a)):
        add_user(services, user_id, variant_id)
        clock.advance(timedelta(milliseconds=1))
    assert listed_users(services) == ["zoe", "amy", "bob", "Ann"]
    memory.features.clear()
    memory.revision = memory.revision.following(clock.now)
    assert listed_users(services) == []


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_pages_of_users_give_every_user_once(limit: int, services: Services) -> None:
    _, variants = experiment(services, "button", 3)
    names = ["", "#", "%", "a", "a#b", "a%23b", "é", "ab"]
    for i, name in enumerate(names):
        add_user(services, name, variants[i % 3])
    seen: list[str] = []
    request: PageRequest | None = PageRequest(limit)
    while request is not None:
        page = services.users.page(request, lambda _: 1)
        seen += [user.id for user in page.rows]
        request = None if page.next is None else PageRequest(limit, page.next)
    assert sorted(seen) == sorted(names)


# Deleting


def test_a_deleted_user_goes_with_all_events_and_their_totals(
    services: Services, memory: Memory
) -> None:
    _, [a, b] = experiment(services, "button")
    _, [c, _] = experiment(services, "banner")
    for user_id in ("u", "v"):
        add_user(services, user_id, a)
        for variant_id in (a, b, c):
            record(services, user_id, variant_id, 2)
    services.users.delete("u")
    assert listed_users(services) == list(memory.users) == ["v"]
    assert {event.user_id for event in memory.events.values()} == {"v"}
    assert memory.counted() == memory.recount()
    assert memory.counted()[a] == Totals(2, 1, 1)
    assert memory.queue == {}


def test_a_deleted_user_is_taken_off_totals_though_the_cache_is_old(
    memory: Memory, services: Services, clock: FixedClock
) -> None:
    cached = process(memory, clock, ttl=60)
    cached.catalogue.snapshot()
    _, [a, b] = experiment(services, "button")
    add_user(services, "u", a)
    record(services, "u", b, 2)
    cached.users.delete("u")
    assert memory.counted() == {}


def test_an_unknown_user_counts_as_deleted(services: Services) -> None:
    services.users.delete("nobody")
    assert listed_users(services) == []


def test_no_user_can_have_an_id_too_long_to_delete(services: Services) -> None:
    with pytest.raises(Invalid, match="user id"):
        services.users.delete("é" * 257)


def test_a_deleted_user_s_id_is_free(services: Services, memory: Memory) -> None:
    _, [a, b] = experiment(services, "button")
    add_user(services, "u", a)
    services.users.delete("u")
    assert add_user(services, "u", b).variant_id == b
    assert memory.counted() == {b: Totals(total_users=1)}


def test_deleting_a_user_leaves_users_whose_ids_begin_alike(
    services: Services, memory: Memory
) -> None:
    _, [a] = experiment(services, "button", 1)
    names = {"u", "u#", "u#1", "u%23", "u1", "U"}
    for name in names:
        add_user(services, name, a)
        record(services, name, a)
    services.users.delete("u#")
    assert {event.user_id for event in memory.events.values()} == names - {"u#"}
    assert memory.counted() == memory.recount()
