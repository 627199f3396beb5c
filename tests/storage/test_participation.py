"""The rules of the stores of users, events and totals, and of the purge queue."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.catalogue.purge import DeadVariants, ErasedUser, PurgeEntry
from chalicelib.domain.errors import LostRace
from chalicelib.domain.features.cohorts import Cohort
from chalicelib.domain.features.users import Event, Totals, TotalsShard, User
from chalicelib.services.stores import Stores

NOW = datetime(2026, 1, 15, 12, 0, 0, 123000, tzinfo=UTC)
SHARD = TotalsShard(1, 10, 0)
NOBODY = Cohort()
OTHER_SHARD = TotalsShard(1, 10, 1)
OTHER_VARIANT = TotalsShard(1, 11, 0)
HOSTILE_IDS = ["", " ", "a", "a#b", "a#", "group#x", "%23", "#", "é" * 256, "#" * 512, "%" * 512]


def make_user(stores: Stores, user_id: str = "u", shard: TotalsShard = SHARD) -> User:
    user = User(user_id, shard.variant_id, "10.0.0.1", NOW)
    stores.users.create(user, shard)
    return user


def add_event(stores: Stores, user_id: str, shard: TotalsShard = SHARD) -> Event:
    user = stores.users.get(user_id)
    assert user is not None
    event = Event(stores.events.new_id(), shard.variant_id, user_id, NOW)
    stores.events.add(event, user, shard)
    return event


def totals(stores: Stores, variant_id: int = 10) -> Totals:
    return stores.totals.of_feature(1).get(variant_id, Totals())


@pytest.mark.parametrize("user_id", HOSTILE_IDS)
def test_a_user_comes_back_as_stored_whatever_the_id(stores: Stores, user_id: str) -> None:
    user = make_user(stores, user_id)
    event = add_event(stores, user_id)
    assert stores.users.get(user_id) == replace(user, variants_with_events=frozenset({10}))
    assert list(stores.users.of_variant(10, None, 5)) == [user]
    assert list(stores.events.of_user(user_id, 10, 5)) == [event]
    assert list(stores.events.of_variant(10, None, 5)) == [event]


def test_a_users_events_are_nobody_elses(stores: Stores) -> None:
    mine = {user_id: user_id for user_id in HOSTILE_IDS}
    events = {}
    for user_id in mine:
        make_user(stores, user_id)
        events[user_id] = add_event(stores, user_id)
    for user_id, event in events.items():
        assert list(stores.events.of_user(user_id, 10, 50)) == [event]


@pytest.mark.parametrize("user_id", HOSTILE_IDS)
def test_a_users_events_come_some_at_a_time(stores: Stores, user_id: str) -> None:
    make_user(stores, user_id)
    events = [add_event(stores, user_id) for _ in range(5)]
    for number, event in enumerate(events):
        some = stores.events.of_user(user_id, 10, 2, event.id)
        assert list(some) == events[number + 1 : number + 3]
    assert list(stores.events.of_user(user_id, 10, 2, 0)) == events[:2]


def test_an_unknown_user_is_none(stores: Stores) -> None:
    assert stores.users.get("nobody") is None


def test_an_id_can_be_taken_once_and_is_counted_once(stores: Stores) -> None:
    user = make_user(stores)
    with pytest.raises(LostRace):
        stores.users.create(replace(user, variant_id=11), OTHER_VARIANT)
    assert stores.users.get("u") == user
    assert totals(stores) == Totals(total_users=1)
    assert totals(stores, 11) == Totals()


def test_totals_are_the_sum_of_all_shards(stores: Stores) -> None:
    make_user(stores, "a", SHARD)
    make_user(stores, "b", OTHER_SHARD)
    for shard in (SHARD, OTHER_SHARD, SHARD):
        add_event(stores, "a", shard)
    assert totals(stores) == Totals(3, 1, 2)


def test_the_first_event_for_a_variant_counts_its_user(stores: Stores) -> None:
    make_user(stores)
    add_event(stores, "u")
    add_event(stores, "u")
    add_event(stores, "u", OTHER_VARIANT)
    assert totals(stores) == Totals(2, 1, 1)
    assert totals(stores, 11) == Totals(1, 1, 0)
    user = stores.users.get("u")
    assert user is not None
    assert user.variants_with_events == {10, 11}


@pytest.mark.parametrize("knows_the_variant", [True, False])
def test_an_event_that_read_another_state_of_its_user_loses(
    stores: Stores, knows_the_variant: bool
) -> None:
    user = make_user(stores)
    if not knows_the_variant:
        add_event(stores, "u")
    stale = replace(user, variants_with_events=frozenset({10} if knows_the_variant else ()))
    before = totals(stores)
    with pytest.raises(LostRace):
        stores.events.add(Event(stores.events.new_id(), 10, "u", NOW), stale, SHARD)
    assert totals(stores) == before


def test_an_event_of_an_unknown_or_moved_user_loses(stores: Stores) -> None:
    ghost = User("ghost", 10, "10.0.0.1", NOW)
    moved = replace(make_user(stores), variant_id=11)
    for user in (ghost, moved):
        with pytest.raises(LostRace):
            stores.events.add(Event(stores.events.new_id(), 10, user.id, NOW), user, SHARD)
    assert stores.events.of_variant(10, None, 5) == []
    assert stores.users.get("ghost") is None


def test_users_are_listed_in_pages_by_id(stores: Stores) -> None:
    ids = [f"user {i}" for i in range(7)]
    for user_id in ids:
        make_user(stores, user_id)
    make_user(stores, "elsewhere", OTHER_VARIANT)
    seen: list[str] = []
    while page := stores.users.of_variant(10, seen[-1] if seen else None, 3):
        assert len(page) <= 3
        seen += [user.id for user in page]
    assert seen == ids


def test_events_are_listed_in_pages_by_user_and_id(stores: Stores) -> None:
    for user_id in ("b", "a"):
        make_user(stores, user_id)
    events = [add_event(stores, user_id) for user_id in ("b", "a", "b", "a", "a")]
    expected = sorted(events, key=lambda event: (event.user_id, event.id))
    seen: list[Event] = []
    while page := stores.events.of_variant(
        10, (seen[-1].user_id, seen[-1].id) if seen else None, 2
    ):
        assert len(page) <= 2
        seen += page
    assert seen == expected


def erased(stores: Stores) -> tuple[User, ErasedUser]:
    user = stores.users.get("u")
    assert user is not None
    entry = ErasedUser("u", NOW + timedelta(minutes=1))
    stores.users.begin_erasure(user, entry, SHARD, NOBODY)
    return user, entry


def test_an_erased_user_is_out_of_sight_and_takes_no_events(stores: Stores) -> None:
    make_user(stores)
    add_event(stores, "u")
    user, entry = erased(stores)
    assert stores.users.of_variant(10, None, 5) == []
    assert stores.users.get("u") == replace(user, erased=True, own=None)
    assert list(stores.queue.due(entry.due)) == [entry]
    with pytest.raises(LostRace):
        stores.events.add(Event(stores.events.new_id(), 10, "u", NOW), user, SHARD)
    with pytest.raises(LostRace):
        stores.users.begin_erasure(user, entry, SHARD, NOBODY)
    with pytest.raises(LostRace):
        stores.users.create(user, SHARD)


def test_erasing_events_and_user_takes_them_off_the_totals(stores: Stores) -> None:
    make_user(stores)
    make_user(stores, "stays")
    events = [add_event(stores, "u") for _ in range(3)]
    add_event(stores, "stays")
    user, entry = erased(stores)
    with pytest.raises(LostRace):
        stores.users.finish_erasure(user, SHARD, entry)
    stores.events.erase(events[:2], user, 10, OTHER_SHARD, last=False)
    assert totals(stores) == Totals(2, 2, 2)
    stores.events.erase(events[2:], user, 10, SHARD, last=True)
    assert totals(stores) == Totals(1, 1, 2)
    stores.users.finish_erasure(user, SHARD, entry)
    assert totals(stores) == Totals(1, 1, 1)
    assert stores.users.get("u") is None
    assert stores.queue.due(entry.due) == []
    with pytest.raises(LostRace):
        stores.users.finish_erasure(user, SHARD, entry)


def test_events_cannot_be_erased_twice_nor_of_a_user_who_lives(stores: Stores) -> None:
    alive = make_user(stores)
    events = [add_event(stores, "u") for _ in range(2)]
    with pytest.raises(LostRace):
        stores.events.erase(events, alive, 10, SHARD, last=True)
    user, _ = erased(stores)
    stores.events.erase(events[:1], user, 10, SHARD, last=False)
    with pytest.raises(LostRace):
        stores.events.erase(events, user, 10, SHARD, last=True)
    assert totals(stores) == Totals(1, 1, 1)
    assert list(stores.events.of_user("u", 10, 5)) == events[1:]


def test_an_erasure_ends_where_its_user_has_come_back_and_gone_again(stores: Stores) -> None:
    before = make_user(stores)
    _, entry = erased(stores)
    stores.users.finish_erasure(before, SHARD, entry)
    stores.users.create(replace(before, time_stamp=NOW + timedelta(seconds=1)), SHARD)
    event = add_event(stores, "u")
    erased(stores)
    with pytest.raises(LostRace):
        stores.events.erase([], before, 10, SHARD, last=True)
    assert totals(stores) == Totals(1, 1, 1)
    assert list(stores.events.of_user("u", 10, 5)) == [event]


def test_what_belongs_to_a_dead_variant_is_dropped_without_a_count(stores: Stores) -> None:
    make_user(stores)
    events = [add_event(stores, "u", shard) for shard in (SHARD, OTHER_SHARD)]
    stores.events.drop([*events, replace(events[0], id=events[0].id + 10_000)])
    stores.users.forget_variants("u", [10])
    stores.users.forget_variants("nobody", [10])
    assert stores.totals.drop(1, 10) == 2
    assert stores.totals.drop(1, 10) == 0
    assert stores.totals.of_feature(1) == {}
    user = stores.users.get("u")
    assert user is not None
    assert user.variants_with_events == frozenset()
    assert stores.users.get("nobody") is None


def test_the_totals_of_a_variant_are_not_those_of_its_namesakes(stores: Stores) -> None:
    make_user(stores, "a", TotalsShard(1, 1, 0))
    make_user(stores, "b", TotalsShard(1, 10, 0))
    assert stores.totals.drop(1, 1) == 1
    assert stores.totals.of_feature(1) == {10: Totals(total_users=1)}


def test_an_erasure_for_a_dead_variant_counts_nowhere(stores: Stores) -> None:
    make_user(stores)
    events = [add_event(stores, "u")]
    user, entry = erased(stores)
    stores.events.erase(events, user, 10, None, last=True)
    stores.users.finish_erasure(user, None, entry)
    assert totals(stores) == Totals(1, 1, 1)
    assert stores.users.get("u") is None


def test_the_queue_is_worked_from_its_oldest_entry(stores: Stores) -> None:
    entries: list[PurgeEntry] = [
        DeadVariants(1, (10, 11), NOW, NOW + timedelta(minutes=3)),
        DeadVariants(1, (12,), NOW, NOW + timedelta(minutes=1)),
        ErasedUser("u", NOW + timedelta(minutes=2)),
    ]
    for entry in entries:
        stores.queue.postpone(entry)
    assert list(stores.queue.due(NOW + timedelta(hours=1))) == [entries[1], entries[2], entries[0]]
    stores.queue.postpone(DeadVariants(1, (12,), NOW, NOW + timedelta(hours=2)))
    stores.queue.close(entries[0])
    assert list(stores.queue.due(NOW + timedelta(hours=1))) == [entries[2]]


def test_only_the_entry_that_was_worked_on_is_closed(stores: Stores) -> None:
    old, new = (ErasedUser("u", NOW + timedelta(minutes=minutes)) for minutes in (1, 2))
    stores.queue.postpone(old)
    stores.queue.postpone(new)
    stores.queue.close(old)
    assert list(stores.queue.due(new.due)) == [new]
    stores.queue.close(new)
    assert stores.queue.due(new.due) == []


def test_an_idle_user_of_a_dead_variant_goes_without_a_count(stores: Stores) -> None:
    user = User("u", 10, "10.0.0.1", NOW)
    shard = TotalsShard(1, 10, 0)
    for changed in (
        replace(user, variant_id=11),
        replace(user, time_stamp=NOW + timedelta(seconds=1)),
    ):
        stores.users.create(user, shard)
        with pytest.raises(LostRace):
            stores.users.remove_idle(changed)
        stores.users.remove_idle(user)
        assert stores.users.get("u") is None
    with pytest.raises(LostRace):
        stores.users.remove_idle(user)
    stores.users.create(user, shard)
    stores.events.add(Event(1, 10, "u", NOW), user, shard)
    with pytest.raises(LostRace):
        stores.users.remove_idle(user)
    assert stores.users.get("u") is not None
    assert stores.totals.of_feature(1)[10].total_users == 3
