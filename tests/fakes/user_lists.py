"""Lists of records of a user, in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from chalicelib.domain.experiments.marking import Repeat
from chalicelib.domain.outcomes.logs import Sheet
from chalicelib.storage.outcomes.logs import sheet_key
from tests.fakes.memory import Memory

R = TypeVar("R")


class FakeUserListStore:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def repeats(
        self, user_id: str, number: int, after: str, limit: int
    ) -> Sequence[tuple[str, Repeat]]:
        with self._memory.lock:
            found = list(self._memory.repeats.get((number, user_id), ()))
        return _behind({f"{n:06}": each for n, each in enumerate(found)}, after, limit)

    def sheets(self, user_id: str, after: str, limit: int) -> Sequence[tuple[str, Sheet]]:
        with self._memory.lock:
            found = dict(self._memory.sheets)
        own = {sheet_key(key): sheet for (owner, key), sheet in found.items() if owner == user_id}
        return _behind(own, after, limit)


def _behind(rows: Mapping[str, R], after: str, limit: int) -> list[tuple[str, R]]:
    return [(key, rows[key]) for key in sorted(rows) if key > after][:limit]
