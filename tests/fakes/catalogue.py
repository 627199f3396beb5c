"""The catalogue and the emptying of everything, in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from chalicelib.domain.catalogue.catalogue import (
    Catalogue,
    CatalogueChange,
    Change,
    ClientSettings,
    Revision,
    changed,
)
from chalicelib.domain.features.blocks import FREE_BLOCKS
from chalicelib.services.running.ports import Clock
from tests.fakes.memory import K, Memory, R, require


class FakeCatalogueStore:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def revision(self) -> Revision:
        return self._memory.revision

    def load(self) -> Catalogue:
        with self._memory.lock:
            revision = self._memory.revision
            features = [self._memory.features[i] for i in sorted(self._memory.features)]
            blocks = [replace(b, feature_id=self._memory.blocks.get(b.id)) for b in FREE_BLOCKS]
            return Catalogue(
                revision,
                tuple(features),
                tuple(blocks),
                dict(self._memory.segments),
                self._memory.settings,
                dict(self._memory.flags),
                dict(self._memory.metrics),
                self._memory.keys,
                dict(self._memory.faults),
            )

    def commit(self, base: Revision, revision: Revision, change: CatalogueChange) -> None:
        with self._memory.lock:
            self._memory.require_unanswered(change.record)
            require(self._memory.revision.version == base.version)
            self._memory.revision = revision
            self._memory.keep(change.record)
            self._memory.blocks.update((block.id, block.feature_id) for block in change.blocks)
            _apply(self._memory.features, change.features, lambda feature: feature.id)
            _apply(self._memory.segments, change.segments, lambda segment: segment.id)
            _apply(self._memory.flags, change.flags, lambda flag: flag.id)
            _apply(self._memory.metrics, change.metrics, lambda metric: metric.key)
            if change.keys is not None:
                self._memory.keys = change.keys
            if change.faults is not None:
                self._memory.faults = change.faults
            self._memory.settings = change.settings or self._memory.settings
            if change.dead is not None:
                self._memory.enqueue(change.dead)
            if change.loose is not None:
                self._memory.enqueue(change.loose)

    def new_feature_id(self) -> int:
        with self._memory.lock:
            return self._memory.reserve("feature", 1)[0]

    def new_variant_ids(self, count: int) -> Sequence[int]:
        with self._memory.lock:
            return self._memory.reserve("variant", count)


class FakeEraser:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def clear(self, clock: Clock, settling: timedelta) -> None:
        memory = self._memory
        with memory.lock:
            for rows in (
                memory.features,
                memory.blocks,
                memory.users,
                memory.events,
                memory.totals,
                memory.cohorts,
                memory.notes,
                memory.summaries,
                memory.queue,
                memory.segments,
                memory.flags,
                memory.metrics,
                memory.participants,
                memory.groups,
                memory.repeats,
                memory.lists,
                memory.enrollment_counts,
                memory.excluded,
                memory.complete_groups,
                memory.strata,
                memory.exposed,
                memory.log_records,
                memory.results,
                memory.snapshots,
                memory.taken,
                memory.preview_users,
                memory.factors,
                memory.answers,
                memory.others,
            ):
                rows.clear()
            memory.settings = ClientSettings()
            memory.faults = {}
            memory.revision = memory.revision.following(clock(), settling=settling)


def _apply(things: dict[K, R], changes: Iterable[Change[R]], key: Callable[[R], K]) -> None:
    after = changed(things, changes, key)
    things.clear()
    things.update(after)
