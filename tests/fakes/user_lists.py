"""Lists of records of a user, in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TypeVar

from chalicelib.domain.experiments.marks import Repeat
from chalicelib.domain.outcomes.logs import LogRecord
from tests.fakes.memory import Memory

R = TypeVar("R")


class FakeUserListStore:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def repeats(
        self, user_id: str, feature_id: int, after: str, limit: int
    ) -> Sequence[tuple[str, Repeat]]:
        with self._memory.lock:
            found = list(self._memory.repeats.get((feature_id, user_id), ()))
        return _behind({f"{n:06}": each for n, each in enumerate(found)}, after, limit)

    def log_records(self, user_id: str, after: str, limit: int) -> Sequence[tuple[str, LogRecord]]:
        with self._memory.lock:
            found = dict(self._memory.log_records)
        own = {
            hashlib.sha256(repr(key).encode()).hexdigest(): log_record
            for (owner, key), log_record in found.items()
            if owner == user_id
        }
        return _behind(own, after, limit)


def _behind(rows: Mapping[str, R], after: str, limit: int) -> list[tuple[str, R]]:
    return [(key, rows[key]) for key in sorted(rows) if key > after][:limit]
