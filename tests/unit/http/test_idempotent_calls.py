"""What is performed once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from chalice.app import Response

from chalicelib.api.http.idempotent_calls import IdempotentCall
from chalicelib.domain.access.idempotency import RequestKey, Seal
from chalicelib.services.access.idempotency import IdempotencyService
from tests.fakes.memory import FixedClock, Memory
from tests.fakes.stores import fake_stores


def key_for(owner: str | None) -> RequestKey:
    return RequestKey.of(owner, "POST /api/v6/mark", "", "k", b"{}")


def serialised(answer: Any) -> Response:
    return Response(str(answer), {"Content-Type": "text/plain", "X-Two": ["a", "b"]})


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def requests(memory: Memory) -> Iterator[IdempotentCall]:
    """The same request again and again."""
    service = IdempotencyService(fake_stores(memory).idempotency, FixedClock())
    return (IdempotentCall(service, key_for) for _ in itertools.count())


def sent(
    requests: Iterator[IdempotentCall], perform: Callable[[Seal[str] | None], str]
) -> Response:
    answer = next(requests)("u", perform, serialised)
    assert isinstance(answer, Response)
    return answer


def kept(memory: Memory) -> list[str]:
    return [record.answer.body for record in memory.answers.values()]


def test_what_was_not_stored_with_the_effect_is_kept_apart_from_it(
    memory: Memory, requests: Iterator[IdempotentCall]
) -> None:
    """A first try lost its race, and the second found nothing left to do."""

    def perform(seal: Seal[str] | None) -> str:
        assert seal is not None
        seal("first try")
        return "nothing to do"

    answers = [sent(requests, perform).body for _ in range(2)]
    assert answers == ["nothing to do"] * 2
    assert kept(memory) == ["nothing to do"]


def test_what_was_stored_with_the_effect_is_not_stored_again(
    memory: Memory, requests: Iterator[IdempotentCall]
) -> None:
    def perform(seal: Seal[str] | None) -> str:
        assert seal is not None
        result = "done"
        memory.keep(seal(result))
        return result

    first, again = sent(requests, perform), sent(requests, perform)
    assert (first.body, again.body) == ("done", "done")
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers == {
        "Content-Type": "text/plain",
        "X-Two": "a, b",
        "Idempotent-Replayed": "true",
    }


def test_without_a_key_it_is_just_performed(memory: Memory) -> None:
    service = IdempotencyService(fake_stores(memory).idempotency, FixedClock())
    once = IdempotentCall(service, None)
    given: list[object] = []

    def perform(seal: Seal[str] | None) -> str:
        given.append(seal)
        return "done"

    assert once("u", perform, lambda result: f"{result}!") == "done!"
    assert given == [None]
    assert kept(memory) == []
