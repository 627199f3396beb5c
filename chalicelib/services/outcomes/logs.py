"""Logs: what clients report of a user's outcomes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from chalicelib.domain.access.idempotency import Seal
from chalicelib.domain.experiments.metrics import Metric
from chalicelib.domain.outcomes.logs import (
    Logged,
    LogPart,
    LogRecord,
    LogRecordKey,
    Merge,
    measured_part,
    merge,
)
from chalicelib.services.outcomes.ports import LogStore
from chalicelib.services.running.compilation import CompilationService
from chalicelib.services.running.ports import Clock
from chalicelib.services.running.retries import retries


@dataclass(frozen=True, slots=True)
class LogReport:
    """What became of each part that something was kept of, in the order of the call.

    `metrics` are those that are measured, by key.
    """

    logged: tuple[Logged, ...]
    metrics: Mapping[str, Metric]


class LogService:
    """Answers log and bloblog."""

    def __init__(self, compilation: CompilationService, store: LogStore, clock: Clock) -> None:
        self._compilation = compilation
        self._store = store
        self._clock = clock

    def log(
        self, user_id: str, parts: Sequence[LogPart], seal: Seal[LogReport] | None = None
    ) -> LogReport:
        """Store what a user's client logged, as far as an experiment measures it.

        Each log record is stored by itself: killed half-way, some are stored and some are not, and
        the same call made again stores the rest. With `seal` all are stored, or none.

        Raises:
            AlreadyAnswered: if the request that `seal` makes a record of was answered before.
            Invalid: if a log record would be larger than the store takes, or all of them with the
                record are more than it stores at once.
        """
        measured = self._compilation.current()[1].measured
        kept = [each for part in parts if (each := measured_part(part, measured)) is not None]
        waiting: defaultdict[LogRecordKey, list[LogPart]] = defaultdict(list)
        for part in kept:
            waiting[part.key].append(part)
        order = {id(part): position for position, part in enumerate(kept)}

        def report(logged: Iterable[Logged]) -> LogReport:
            return LogReport(tuple(sorted(logged, key=lambda each: order[id(each.part)])), measured)

        done: list[Logged] = []
        tries = retries("the log")
        while waiting:
            next(tries)
            merges = self._merged(user_id, waiting)
            new = [each for each in merges if each.is_new]
            if seal is not None and new:
                whole = report(logged for each in merges for logged in each.logged)
                if not self._store.store(new, seal(whole)):
                    return whole
                continue
            lost = self._store.store(new)
            for merged in merges:
                if merged.log_record.key not in lost:
                    done.extend(merged.logged)
                    del waiting[merged.log_record.key]
        return report(done)

    def _merged(
        self, user_id: str, waiting: Mapping[LogRecordKey, Sequence[LogPart]]
    ) -> list[Merge]:
        now, log_records = self._clock(), self._store.log_records(user_id, waiting)
        return [
            merge(log_records.get(key) or LogRecord(user_id, key), parts, self._ids(), now)
            for key, parts in waiting.items()
        ]

    def _ids(self) -> Iterator[int]:
        while True:
            yield self._store.new_id()
