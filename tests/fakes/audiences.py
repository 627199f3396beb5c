"""The users of lists, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tests.fakes.memory import Memory


class FakeMemberStore:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def note(self, segment_id: str, version: int, user_ids: Sequence[str]) -> None:
        for user_id in user_ids:
            with self._memory.lock:
                self._memory.lists.setdefault((segment_id, version), {})[user_id] = None
            with self._memory.lock:
                row = self._memory.participant(user_id)
                versions = row.members.get(segment_id, frozenset()) | {version}
                self._memory.store(replace(row, members={**row.members, segment_id: versions}))

    def of_version(self, segment_id: str, version: int, limit: int | None = None) -> Sequence[str]:
        with self._memory.lock:
            return sorted(self._memory.lists.get((segment_id, version), ()))[:limit]

    def count(self, segment_id: str, version: int) -> int:
        with self._memory.lock:
            return len(self._memory.lists.get((segment_id, version), ()))

    def forget(self, segment_id: str, version: int, user_ids: Sequence[str]) -> None:
        assert len(user_ids) <= 25, "as many as one call takes"
        with self._memory.lock:
            named = self._memory.lists.setdefault((segment_id, version), {})
            for user_id in user_ids:
                named.pop(user_id, None)
                row = self._memory.participant(user_id)
                kept = {
                    s: v - ({version} if s == segment_id else set()) for s, v in row.members.items()
                }
                self._memory.store(replace(row, members={s: v for s, v in kept.items() if v}))
            if not named:
                del self._memory.lists[segment_id, version]
