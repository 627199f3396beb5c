"""Events whose totals are written apart from them (EXACT_TOTALS=false)."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from chalicelib.bootstrap import Stores, dynamo_stores
from chalicelib.domain.errors import LostRace
from chalicelib.domain.features.users import Event, Totals, TotalsShard, User
from chalicelib.storage.dynamodb.connection import shared
from tests.api.test_round_trips import CallCounter, counter
from tests.fakes.memory import START
from tests.storage.test_idempotency_store import record

__all__ = ["counter"]

SHARD = TotalsShard(1, 1, 0)
USER = User("u", 1, "1.2.3.4", START)


@pytest.fixture
def stores(app: ModuleType) -> Stores:  # noqa: ARG001 - it connects and empties
    made = dynamo_stores(exact_totals=False)
    made.users.create(USER, SHARD)
    return made


def add(stores: Stores, event_id: int) -> Event:
    user = stores.users.get("u")
    assert user is not None
    event = Event(event_id, 1, "u", START)
    stores.events.add(event, user, SHARD)
    return event


def test_events_are_stored_and_counted_as_with_a_transaction(stores: Stores) -> None:
    events = [add(stores, event_id) for event_id in (1, 2)]
    assert stores.events.of_variant(1, None, 10) == events
    assert stores.totals.of_feature(1) == {1: Totals(2, 1, 1)}
    assert stores.users.get("u") == replace(USER, variants_with_events=frozenset({1}))


def test_no_transaction_is_paid_for(stores: Stores, counter: CallCounter) -> None:
    add(stores, 1)
    assert counter.calls == ["GetItem", "UpdateItem", "PutItem", "UpdateItem"]
    counter.calls.clear()
    add(stores, 2)
    assert counter.calls == ["GetItem", "PutItem", "UpdateItem"]


@pytest.mark.parametrize("operation", ["UpdateItem", "PutItem"])
def test_an_event_is_stored_once_though_an_answer_is_lost(stores: Stores, operation: str) -> None:
    """The client repeats a write that took effect."""
    pauses = [0]

    def repeat(**_: Any) -> int | None:
        return pauses.pop() if pauses else None

    events = shared().client.meta.events
    events.register_first(f"needs-retry.dynamodb.{operation}", repeat)
    try:
        made = add(stores, 1)
    finally:
        events.unregister(f"needs-retry.dynamodb.{operation}", repeat)
    assert not pauses
    assert stores.events.of_variant(1, None, 10) == [made]
    assert stores.totals.of_feature(1) == {1: Totals(1, 1, 1)}


def test_an_event_of_a_user_who_moved_is_decided_anew(stores: Stores) -> None:
    with pytest.raises(LostRace):
        stores.events.add(Event(2, 1, "u", START), replace(USER, variant_id=2), SHARD)
    assert stores.events.of_variant(1, None, 10) == []


def test_an_event_with_an_answer_to_keep_is_exact(stores: Stores, counter: CallCounter) -> None:
    stores.events.add(Event(1, 1, "u", START), USER, SHARD, record=record())
    assert counter.calls == ["TransactWriteItems"]
    assert stores.totals.of_feature(1) == {1: Totals(1, 1, 1)}
