"""Answers under a client's key, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from chalicelib.domain.access.idempotency import IdempotencyRecord, RequestKey
from tests.fakes.memory import Memory, page_of


class FakeIdempotencyStore:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def find(self, key: RequestKey, now: datetime) -> IdempotencyRecord | None:
        with self._memory.lock:
            return self._memory.answered(key, now)

    def keep(self, record: IdempotencyRecord) -> None:
        with self._memory.lock:
            self._memory.require_unanswered(record)
            self._memory.keep(record)

    def of_user(
        self, owner: str, now: datetime, after: str, limit: int
    ) -> Sequence[IdempotencyRecord]:
        with self._memory.lock:
            rows = dict(self._memory.answers)
        alive = {
            digest: kept
            for (of, digest), kept in rows.items()
            if of == owner and kept.expires_at > now
        }
        return page_of(alive, after, limit)
