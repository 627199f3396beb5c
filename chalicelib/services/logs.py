"""Logs: what clients report of a user's outcomes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from chalicelib.domain.logs import Logged, LogPart, Merge, Sheet, SheetKey, measured_part, merge
from chalicelib.domain.metrics import Metric
from chalicelib.services.attempts import attempts
from chalicelib.services.experiments import OfferService
from chalicelib.services.participant_ports import LogStore
from chalicelib.services.ports import Clock


@dataclass(frozen=True, slots=True)
class LogReport:
    """What became of each part that something was kept of, in the order of the call.

    `metrics` are those that are measured, by key.
    """

    logged: tuple[Logged, ...]
    metrics: Mapping[str, Metric]


class LogService:
    """Answers log and bloblog."""

    def __init__(self, offers: OfferService, store: LogStore, clock: Clock) -> None:
        self._offers = offers
        self._store = store
        self._clock = clock

    def log(self, user_id: str, parts: Sequence[LogPart]) -> LogReport:
        """Store what a user's client logged, as far as an experiment measures it.

        Each sheet is stored by itself: killed half-way, some are stored and some are not, and the
        same call made again stores the rest.

        Raises:
            Invalid: if a sheet would be larger than the store takes.
        """
        measured = self._offers.current()[1].measured
        kept = [each for part in parts if (each := measured_part(part, measured)) is not None]
        waiting: defaultdict[SheetKey, list[LogPart]] = defaultdict(list)
        for part in kept:
            waiting[part.key].append(part)
        done: list[Logged] = []
        tries = attempts("the log")
        while waiting:
            next(tries)
            merges = self._merged(user_id, waiting)
            lost = self._store.store([each for each in merges if each.is_new])
            for merged in merges:
                if merged.sheet.key not in lost:
                    done.extend(merged.logged)
                    del waiting[merged.sheet.key]
        order = {id(part): position for position, part in enumerate(kept)}
        return LogReport(tuple(sorted(done, key=lambda each: order[id(each.part)])), measured)

    def _merged(self, user_id: str, waiting: Mapping[SheetKey, Sequence[LogPart]]) -> list[Merge]:
        now, sheets = self._clock(), self._store.sheets(user_id, waiting)
        return [
            merge(sheets.get(key) or Sheet(user_id, key), parts, self._ids(), now)
            for key, parts in waiting.items()
        ]

    def _ids(self) -> Iterator[int]:
        while True:
            yield self._store.new_id()
