"""Logs and kept results, in memory."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence

from chalicelib.domain.access.idempotency import IdempotencyRecord
from chalicelib.domain.errors import Invalid
from chalicelib.domain.outcomes.logs import Merge, Sheet, SheetKey
from chalicelib.domain.outcomes.metric_results import QueryResult
from chalicelib.storage.outcomes.logs import SHEET_BYTES
from tests.fakes.memory import Memory


class FakeLogStore:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def new_id(self) -> int:
        with self._memory.lock:
            return self._memory.reserve("log", 1)[0]

    def sheets(self, user_id: str, sheet_keys: Collection[SheetKey]) -> Mapping[SheetKey, Sheet]:
        with self._memory.lock:
            found = {key: self._memory.sheets.get((user_id, key)) for key in sheet_keys}
        return {key: sheet for key, sheet in found.items() if sheet is not None}

    def store(
        self, merges: Sequence[Merge], record: IdempotencyRecord | None = None
    ) -> Collection[SheetKey]:
        lost = []
        for sheet in (merge.sheet for merge in merges):
            data = [dict(row.data) for row in sheet.rows]
            if len(json.dumps(data, ensure_ascii=False).encode()) > SHEET_BYTES:
                raise Invalid("too much is logged of one user and key")
        with self._memory.lock:
            self._memory.require_unanswered(record)
            for sheet in (merge.sheet for merge in merges):
                stored = self._memory.sheets.get((sheet.user_id, sheet.key))
                if (stored.revision if stored else 0) != sheet.revision - 1:
                    lost.append(sheet.key)
            if record is not None and lost:
                return [merge.sheet.key for merge in merges]
            for sheet in (merge.sheet for merge in merges):
                if sheet.key not in lost:
                    self._memory.sheets[sheet.user_id, sheet.key] = sheet
            self._memory.keep(record)
        return lost

    def keep_results(self, number: int, results: Sequence[QueryResult]) -> None:
        self._memory.results[number] = list(results)

    def kept_results(self, number: int) -> Sequence[QueryResult]:
        return self._memory.results.get(number, [])

    def of_metric(self, metric_key: str) -> Iterator[Sequence[Sheet]]:
        for sheet in list(self._memory.sheets.values()):
            if metric_key in sheet.metrics():
                yield [sheet]
