"""The rules of `IdempotencyStore`, and of the stores that keep an answer with an effect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.access.idempotency import (
    KEPT,
    AlreadyAnswered,
    IdempotencyRecord,
    RequestKey,
    StoredResponse,
)
from chalicelib.domain.catalogue.catalogue import CatalogueChange
from chalicelib.domain.errors import Invalid, LostRace
from chalicelib.domain.experiments.marks import Outcome
from chalicelib.domain.features.users import Event, TotalsShard, User
from chalicelib.domain.outcomes.logs import LogRecord, merge
from chalicelib.domain.participants.participants import MonitoredPoint, Profile
from chalicelib.services.experiments.ports import Counting
from chalicelib.services.stores import Stores
from chalicelib.storage.access.idempotency import ANSWER_BYTES
from tests.fakes.memory import START
from tests.unit.measure_samples import SIMPLE, part
from tests.unit.upgrade_service_samples import HERE

ANSWER = StoredResponse(200, {"Content-Type": "application/json"}, '"наш ответ"')
OTHER = StoredResponse(403, {}, '"no"')
SHARD = TotalsShard(1, 1, 0)
USER = User("u", 1, "1.2.3.4", START)


def key(client_key: str = "k", owner: str | None = "u", body: bytes = b"{}") -> RequestKey:
    return RequestKey.of(owner, "POST /api/events", "caller", client_key, body)


def record(answer: StoredResponse = ANSWER, **of_key: Any) -> IdempotencyRecord:
    return IdempotencyRecord(key(**of_key), answer, START)


@pytest.mark.parametrize("owner", ["u", "a#b%", "é" * 256, None])
def test_an_answer_comes_back_as_it_was_kept(stores: Stores, owner: str | None) -> None:
    stores.idempotency.keep(record(owner=owner))
    assert stores.idempotency.find(key(owner=owner), START) == record(owner=owner)


@pytest.mark.parametrize("owner", ["u", "a#b%", "x" * 1500])
def test_the_answers_of_a_user_come_some_at_a_time(stores: Stores, owner: str) -> None:
    kept = [record(client_key=str(n), owner=owner) for n in range(5)]
    expired = replace(record(client_key="old", owner=owner), at=START - KEPT)
    for each in (*kept, expired, record(owner="v"), record(owner=None)):
        stores.idempotency.keep(each)
    kept.sort(key=lambda each: each.key.digest)
    found: list[IdempotencyRecord] = []
    after = ""
    while some := stores.idempotency.of_user(owner, START, after, 2):
        assert len(some) <= 2
        found += some
        after = found[-1].key.digest
    assert found == kept


def test_it_is_found_by_another_body_with_that_of_the_first(stores: Stores) -> None:
    stores.idempotency.keep(record())
    found = stores.idempotency.find(key(body=b"[]"), START)
    assert found == record()


@pytest.mark.parametrize("other", [key("other"), key(owner="v"), key(owner=None)])
def test_another_key_or_user_has_another_answer(stores: Stores, other: RequestKey) -> None:
    stores.idempotency.keep(record())
    assert stores.idempotency.find(other, START) is None


def test_the_first_answer_stays(stores: Stores) -> None:
    stores.idempotency.keep(record())
    with pytest.raises(AlreadyAnswered) as refused:
        stores.idempotency.keep(record(OTHER))
    assert refused.value.record == record()


def test_after_a_day_it_is_forgotten_and_may_be_replaced(stores: Stores) -> None:
    stores.idempotency.keep(record())
    almost, over = START + KEPT - timedelta(seconds=1), START + KEPT
    assert stores.idempotency.find(key(), almost) == record()
    assert stores.idempotency.find(key(), over) is None
    stores.idempotency.keep(IdempotencyRecord(key(), OTHER, over))
    assert stores.idempotency.find(key(), over) == IdempotencyRecord(key(), OTHER, over)


def test_an_answer_that_is_too_long_is_refused(dynamo_stores: Stores) -> None:
    incompressible = "".join(chr(0x4E00 + (n * n * 7919) % 20_000) for n in range(ANSWER_BYTES))
    with pytest.raises(Invalid, match="too long"):
        dynamo_stores.idempotency.keep(record(StoredResponse(200, {}, incompressible)))
    assert dynamo_stores.idempotency.find(key(), START) is None


def test_kept_answers_are_no_records_of_their_user(stores: Stores) -> None:
    stores.profiles.create([Profile("u")])
    before = stores.participants.read("u")
    stores.idempotency.keep(record())
    assert stores.participants.read("u") == before


Write = Callable[[IdempotencyRecord | None], None]
Effect = Callable[[Stores], Write]
"""Reads what it has to know, and returns the write that is based on it."""


def create_user(stores: Stores) -> Write:
    return lambda kept: stores.users.create(USER, SHARD, kept)


def add_event(stores: Stores) -> Write:
    user = stores.users.get("u")
    assert user is not None
    event = Event(stores.events.new_id(), 1, "u", START)
    return lambda kept: stores.events.add(event, user, SHARD, record=kept)


def store_mark(stores: Stores) -> Write:
    participant = stores.participants.read("u")
    outcome = Outcome(None, MonitoredPoint("p", HERE, None, None, START), None)
    return lambda kept: stores.enrollments.store_mark(
        participant, {}, outcome, Counting(), (), kept
    )


def store_log(stores: Stores) -> Write:
    log_record = stores.logs.log_records("u", [SIMPLE]).get(SIMPLE) or LogRecord("u", SIMPLE)
    ids = iter(range(stores.logs.new_id(), 10**9))
    merged = merge(log_record, [part(len(log_record.rows), 1, time=1)], ids, START)

    def write(kept: IdempotencyRecord | None) -> None:
        if stores.logs.store([merged], kept):
            raise LostRace

    return write


def commit(stores: Stores) -> Write:
    base = stores.catalogue.revision()
    change = base.following(START)
    return lambda kept: stores.catalogue.commit(base, change, CatalogueChange(record=kept))


EFFECTS = pytest.mark.parametrize("effect", [create_user, add_event, store_mark, store_log, commit])


def prepare(stores: Stores, effect: Effect) -> None:
    stores.profiles.create([Profile("u")])
    if effect is add_event:
        create_user(stores)(None)


def state(stores: Stores) -> object:
    return (
        stores.users.get("u"),
        stores.events.of_variant(1, None, 100),
        stores.participants.read("u"),
        stores.logs.log_records("u", [SIMPLE]),
        stores.catalogue.revision(),
        stores.totals.of_feature(1),
    )


@EFFECTS
def test_an_answer_is_stored_with_its_effect(stores: Stores, effect: Effect) -> None:
    prepare(stores, effect)
    before = state(stores)
    effect(stores)(record())
    assert stores.idempotency.find(key(), START) == record()
    assert state(stores) != before


@EFFECTS
def test_there_is_no_effect_where_there_is_an_answer(stores: Stores, effect: Effect) -> None:
    prepare(stores, effect)
    effect(stores)(record())
    before = state(stores)
    with pytest.raises(AlreadyAnswered) as refused:
        effect(stores)(record(OTHER))
    assert refused.value.record == record()
    assert state(stores) == before


@EFFECTS
def test_an_effect_that_comes_too_late_keeps_no_answer(stores: Stores, effect: Effect) -> None:
    prepare(stores, effect)
    late = effect(stores)
    (late if effect is add_event else effect(stores))(None)
    before = state(stores)
    with pytest.raises(LostRace):
        late(record())
    assert stores.idempotency.find(key(), START) is None
    assert state(stores) == before


@EFFECTS
def test_of_two_at_once_one_takes_effect(stores: Stores, effect: Effect) -> None:
    prepare(stores, effect)
    late = effect(stores)
    effect(stores)(record())
    before = state(stores)
    with pytest.raises(AlreadyAnswered):
        late(record(OTHER))
    assert state(stores) == before
