"""Events whose totals are written apart from them (EXACT_TOTALS=false)."""

from __future__ import annotations

from dataclasses import astuple, replace
from datetime import date
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest

from chalicelib.domain.catalogue.purge import ErasedUser
from chalicelib.domain.errors import LostRace
from chalicelib.domain.features.cohorts import Cohort, MetricSums, cohort_of, own_event_of
from chalicelib.domain.features.result_plans import (
    MetricRole,
    PlannedMetric,
    ResultPlan,
    named,
)
from chalicelib.domain.features.users import Event, Measurement, Totals, TotalsShard, User
from chalicelib.services.stores import Stores
from chalicelib.storage.dynamodb.connection import shared
from chalicelib.storage.stores import dynamo_stores
from tests.api.test_round_trips import CallCounter, counter
from tests.fakes.memory import START, tidy
from tests.storage.test_idempotency_store import record
from tests.unit.samples import feature, variant

__all__ = ["counter"]

SHARD = TotalsShard(1, 1, 0)
DAY_SHARD = replace(SHARD, day=START.date())
USER = User("u", 1, "1.2.3.4", START)


@pytest.fixture
def stores(app: ModuleType) -> Stores:  # noqa: ARG001 - it connects and empties
    made = dynamo_stores(exact_totals=False)
    made.users.create(USER, DAY_SHARD)
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


# Cohorts: who converts, not how often

PLANNED = replace(
    feature(1, variants=(variant(1, 1), variant(2, 1))),
    plan=named(ResultPlan((PlannedMetric("revenue", role=MetricRole.PRIMARY),)), None),
)


def act(stores: Stores, *metrics: str | None, variant_id: int = 1) -> None:
    for name in metrics:
        user = stores.users.get("u")
        assert user is not None
        value = None if name is None else Measurement(name, Decimal("2.5"))
        event = Event(stores.events.new_id(), variant_id, "u", START, value)
        own = own_event_of(event, user, PLANNED)
        shard = DAY_SHARD if own else TotalsShard(1, variant_id, 0)
        stores.events.add(event, user, shard, own)


def erase(stores: Stores) -> None:
    user = stores.users.get("u")
    assert user is not None
    assert user.own is not None
    entry = ErasedUser("u", START)
    stores.users.begin_erasure(user, entry, DAY_SHARD, cohort_of(user.own, PLANNED))


def cohorts(stores: Stores) -> dict[tuple[int, date | None], Cohort]:
    found = {key: tidy(each) for key, each in stores.cohorts.of_feature(1).items()}
    return {key: each for key, each in found.items() if each != Cohort()}


def test_of_own_events_the_first_of_each_metric_is_counted(stores: Stores) -> None:
    act(stores, None, None, "revenue", None, "revenue", "revenue")
    act(stores, None, variant_id=2)
    cohort = cohorts(stores)[1, START.date()]
    assert cohorts(stores)[2, None] == Cohort(foreign_events=1)
    assert cohort.metrics[0] == MetricSums(1, 1, 1, 1)
    assert cohort.metrics[1] == MetricSums(1, 25_000, 25_000**2, 25_000**3)
    assert stores.totals.of_feature(1)[1].event_total == 6


@pytest.mark.parametrize("keyed", [False, True])
def test_no_sum_is_negative_after_an_erasure(stores: Stores, keyed: bool) -> None:
    act(stores, None, None, "revenue", "revenue")
    if keyed:
        user = stores.users.get("u")
        assert user is not None
        event = Event(9, 1, "u", START)
        own = own_event_of(event, user, PLANNED)
        stores.events.add(event, user, DAY_SHARD, own, record=record())
        assert cohorts(stores)[1, START.date()].metrics[0] == MetricSums(1, 2, 4, 8)
        act(stores, None)
    erase(stores)
    assert cohorts(stores) == {}


def test_first_events_of_two_metrics_at_once_leave_no_negative_sum(stores: Stores) -> None:
    stale = stores.users.get("u")
    assert stale is not None
    act(stores, None)
    event = Event(9, 1, "u", START, Measurement("revenue"))
    stores.events.add(event, stale, DAY_SHARD, own_event_of(event, stale, PLANNED))
    erase(stores)
    [left] = cohorts(stores).values()
    assert all(number >= 0 for number in astuple(left.metrics[0]))
