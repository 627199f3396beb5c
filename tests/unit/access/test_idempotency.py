"""Requests that are sent again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.domain.access.idempotency import KEPT, KEY_LENGTH, RequestKey, StoredResponse
from chalicelib.domain.errors import Invalid, KeyReused, LostRace
from chalicelib.services.access.idempotency import IdempotencyService
from tests.fakes.memory import FixedClock
from tests.fakes.stores import fake_stores, watched

FIRST = StoredResponse(200, {}, "1")
SECOND = StoredResponse(200, {}, "2")


def key(
    owner: str | None = "u",
    route: str = "POST /api/events",
    caller: str = "c",
    client_key: str = "k",
    body: bytes = b"{}",
) -> RequestKey:
    return RequestKey.of(owner, route, caller, client_key, body)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def service(clock: FixedClock) -> IdempotencyService:
    return IdempotencyService(fake_stores().idempotency, clock)


@pytest.mark.parametrize("client_key", ["a", " ", "~" * KEY_LENGTH])
def test_a_key_is_printable_ascii(client_key: str) -> None:
    assert key(client_key=client_key).digest


@pytest.mark.parametrize("client_key", ["", "é", "a\n", "a" * (KEY_LENGTH + 1)])
def test_any_other_key_is_refused(client_key: str) -> None:
    with pytest.raises(Invalid, match="Idempotency-Key"):
        key(client_key=client_key)


def test_its_scope_is_route_caller_and_key_whatever_their_limits() -> None:
    digests = {
        key().digest,
        key(route="POST /api/users").digest,
        key(caller="d").digest,
        key(client_key="l").digest,
        key(caller="", client_key="ck").digest,
        key(caller="c1:k", client_key="k").digest,
    }
    assert len(digests) == 6


def test_the_first_answer_is_given_again_for_a_day(
    service: IdempotencyService, clock: FixedClock
) -> None:
    assert service.first_answer(key()) is None
    assert service.keep(key(), FIRST) is FIRST
    assert service.first_answer(key()) == FIRST
    assert service.keep(key(), SECOND) is FIRST
    clock.advance(KEPT - timedelta(seconds=1))
    assert service.first_answer(key()) == FIRST
    clock.advance(timedelta(seconds=1))
    assert service.first_answer(key()) is None
    assert service.keep(key(), SECOND) is SECOND


def test_a_conflict_with_another_write_is_tried_again(clock: FixedClock) -> None:
    conflicts = [LostRace("a transaction holds the item")]

    def conflict(_: str) -> None:
        if conflicts:
            raise conflicts.pop()

    store = watched(fake_stores(), before=conflict).idempotency
    assert IdempotencyService(store, clock).keep(key(), FIRST) is FIRST
    assert not conflicts


def test_an_answer_that_was_kept_by_a_lost_write_is_no_replay(
    service: IdempotencyService,
) -> None:
    """The store's client repeats a write that took effect, and finds what it wrote."""
    service.keep(key(), FIRST)
    own = StoredResponse(200, {}, "1")
    assert service.keep(key(), own) is own


def test_a_key_with_another_body_is_refused(service: IdempotencyService) -> None:
    service.keep(key(), FIRST)
    other = key(body=b"[]")
    with pytest.raises(KeyReused):
        service.first_answer(other)
    with pytest.raises(KeyReused):
        service.keep(other, SECOND)
    assert service.first_answer(key()) == FIRST
