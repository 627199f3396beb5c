"""Requests that take effect once, however often they are sent."""

from __future__ import annotations

from chalicelib.domain.access.idempotency import (
    AlreadyAnswered,
    IdempotencyRecord,
    RequestKey,
    StoredResponse,
)
from chalicelib.domain.errors import LostRace
from chalicelib.services.access.ports import IdempotencyStore
from chalicelib.services.running.ports import Clock
from chalicelib.services.running.retries import retries


class IdempotencyService:
    """Keeps answers, and finds them again."""

    def __init__(self, store: IdempotencyStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def first_answer(self, key: RequestKey) -> StoredResponse | None:
        """The stored response to the same request, if there is one.

        Raises:
            KeyReused: if that was another request.
        """
        found = self._store.find(key, self._clock())
        return None if found is None else found.answer_to(key)

    def record(self, key: RequestKey, answer: StoredResponse) -> IdempotencyRecord:
        """The record of an answer, to be stored with the effect of its request."""
        return IdempotencyRecord(key, answer, self._clock())

    def keep(self, key: RequestKey, answer: StoredResponse) -> StoredResponse:
        """Keep the answer to a request without effect; the first one, if there was one meanwhile.

        Raises:
            KeyReused: if that was to another request.
        """
        record = self.record(key, answer)
        tries = retries("the answer")
        while True:
            next(tries)
            try:
                self._store.keep(record)
            except LostRace:
                continue
            except AlreadyAnswered as first:
                # It may be this very record: the client repeats a write whose answer was lost.
                if first.record.key == key and first.record.answer == answer:
                    return answer
                return first.record.answer_to(key)
            return answer
