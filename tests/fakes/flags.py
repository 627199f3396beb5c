"""The flags that were on for users, in memory."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from tests.fakes.memory import Memory, require


class FakeExposureStore:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def note(self, user_id: str, feature_ids: Collection[int], shard: int) -> None:  # noqa: ARG002
        with self._memory.lock:
            row = self._memory.participant(user_id)
            require(row.exposures.isdisjoint(feature_ids))
            self._memory.store(replace(row, exposures=row.exposures.union(feature_ids)))
            self._memory.exposed.update(feature_ids)

    def count(self, feature_id: int) -> int:
        return self._memory.exposed[feature_id]
