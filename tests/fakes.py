"""The ports in memory, a clock that stands still, and a way to step in between two calls."""

from __future__ import annotations

import functools
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from chalicelib.bootstrap import Stores
from chalicelib.domain.blocks import FREE_BLOCKS
from chalicelib.domain.catalogue import Catalogue, CatalogueChange, Revision
from chalicelib.domain.errors import LostRace
from chalicelib.domain.features import Feature
from chalicelib.domain.purge import ErasedUser, PurgeEntry
from chalicelib.domain.users import Event, Totals, TotalsShard, User
from chalicelib.storage import keys

R = TypeVar("R")

START = datetime(2026, 1, 15, 12, tzinfo=UTC)
TRANSACTION_ACTIONS = 100
"""What DynamoDB takes in one transaction."""


class FixedClock:
    """A clock that moves only when it is told to, in whole milliseconds, as times are stored."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        now = self.now + by
        self.now = now.replace(microsecond=now.microsecond // 1000 * 1000)


@dataclass
class Memory:
    """All that the fakes store. The lock makes each call of a port atomic."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    revision: Revision = field(default_factory=Revision)
    sequences: Counter[str] = field(default_factory=Counter)
    features: dict[int, Feature] = field(default_factory=dict)
    blocks: dict[int, int | None] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    events: dict[tuple[int, str], Event] = field(default_factory=dict)
    totals: dict[TotalsShard, Totals] = field(default_factory=dict)
    queue: dict[str, PurgeEntry] = field(default_factory=dict)

    def reserve(self, sequence: str, count: int) -> range:
        first = self.sequences[sequence] + 1
        self.sequences[sequence] += count
        return range(first, first + count)

    def count(self, shard: TotalsShard | None, change: Totals) -> None:
        if shard is not None and change != Totals():
            self.totals[shard] = self.totals.get(shard, Totals()) + change

    def enqueue(self, entry: PurgeEntry) -> None:
        self.queue[_queue_key(entry)] = entry

    def dequeue(self, entry: PurgeEntry) -> None:
        self.queue.pop(_queue_key(entry), None)

    def counted(self) -> dict[int, Totals]:
        """What the totals of each variant say; those that are all 0 are left out."""
        totals: defaultdict[int, Totals] = defaultdict(Totals)
        for shard, figures in self.totals.items():
            totals[shard.variant_id] += figures
        return {
            variant_id: figures for variant_id, figures in totals.items() if figures != Totals()
        }

    def recount(self) -> dict[int, Totals]:
        """What `counted` should say, by counting the rows."""
        totals: defaultdict[int, Totals] = defaultdict(Totals)
        for user in self.users.values():
            totals[user.variant_id] += Totals(total_users=1)
        for event in self.events.values():
            totals[event.variant_id] += Totals(event_total=1)
        for variant_id, _ in {(event.variant_id, event.user_id) for event in self.events.values()}:
            totals[variant_id] += Totals(distinct_user_events_total=1)
        return dict(totals)


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
        return Catalogue(revision, tuple(features), tuple(blocks))

    def commit(self, base: Revision, revision: Revision, change: CatalogueChange) -> None:
        with self._memory.lock:
            _require(self._memory.revision.version == base.version)
            self._memory.revision = revision
            for feature in change.features:
                if feature.after is not None:
                    self._memory.features[feature.after.id] = feature.after
                elif feature.before is not None:
                    self._memory.features.pop(feature.before.id, None)
            self._memory.blocks.update((block.id, block.feature_id) for block in change.blocks)
            if change.dead is not None:
                self._memory.enqueue(change.dead)

    def new_feature_id(self) -> int:
        with self._memory.lock:
            return self._memory.reserve("feature", 1)[0]

    def new_variant_ids(self, count: int) -> Sequence[int]:
        with self._memory.lock:
            return self._memory.reserve("variant", count)


class FakeUserStore:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def get(self, user_id: str) -> User | None:
        return self._memory.users.get(user_id)

    def create(self, user: User, shard: TotalsShard) -> None:
        with self._memory.lock:
            _require(user.id not in self._memory.users)
            self._memory.users[user.id] = _bare(user)
            self._memory.count(shard, Totals(total_users=1))

    def of_variant(self, variant_id: int, after: str | None, limit: int) -> Sequence[User]:
        with self._memory.lock:
            rows = {
                keys.user(user.id): _bare(user)
                for user in self._memory.users.values()
                if user.variant_id == variant_id and not user.erased
            }
        return _slice(rows, None if after is None else keys.user(after), limit)

    def begin_erasure(self, user: User, entry: ErasedUser) -> None:
        with self._memory.lock:
            row = self._memory.users.get(user.id)
            _require(row is not None and not row.erased and _same(row, user))
            assert row is not None
            self._memory.users[user.id] = replace(row, erased=True)
            self._memory.enqueue(entry)

    def finish_erasure(self, user: User, shard: TotalsShard | None, entry: ErasedUser) -> None:
        with self._memory.lock:
            row = self._memory.users.get(user.id)
            _require(row is not None and row.erased and _same(row, user))
            assert row is not None
            _require(not row.variants_with_events)
            del self._memory.users[user.id]
            self._memory.count(shard, Totals(total_users=-1))
            self._memory.dequeue(entry)

    def forget_variants(self, user_id: str, variant_ids: Collection[int]) -> None:
        with self._memory.lock:
            if (row := self._memory.users.get(user_id)) is not None:
                self._memory.users[user_id] = _noting(
                    row, row.variants_with_events - {*variant_ids}
                )


class FakeEventStore:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def new_id(self) -> int:
        with self._memory.lock:
            return self._memory.reserve("event", 1)[0]

    def add(self, event: Event, user: User, shard: TotalsShard) -> None:
        first = event.variant_id not in user.variants_with_events
        with self._memory.lock:
            _require(_event_key(event) not in self._memory.events)
            row = self._memory.users.get(user.id)
            _require(row is not None and not row.erased and row.variant_id == user.variant_id)
            assert row is not None
            _require(first == (event.variant_id not in row.variants_with_events))
            self._memory.users[user.id] = _noting(
                row, row.variants_with_events | {event.variant_id}
            )
            self._memory.events[_event_key(event)] = event
            self._memory.count(shard, Totals(1, int(first)))

    def of_user(self, user_id: str, variant_id: int, limit: int) -> Sequence[Event]:
        rows = self._of_variant(variant_id)
        return _slice({k: e for k, e in rows.items() if e.user_id == user_id}, None, limit)

    def of_variant(
        self, variant_id: int, after: tuple[str, int] | None, limit: int
    ) -> Sequence[Event]:
        rows = self._of_variant(variant_id)
        return _slice(rows, None if after is None else keys.event(*after), limit)

    def erase(
        self,
        events: Sequence[Event],
        user: User,
        variant_id: int,
        shard: TotalsShard | None,
        *,
        last: bool,
    ) -> None:
        assert len(events) + 2 <= TRANSACTION_ACTIONS, "with the user's row and the totals"
        with self._memory.lock:
            _require(all(_event_key(event) in self._memory.events for event in events))
            row = self._memory.users.get(user.id)
            _require(row is not None and row.erased and _same(row, user))
            assert row is not None
            _require(variant_id in row.variants_with_events)
            self.drop(events)
            if last:
                self._memory.users[user.id] = _noting(row, row.variants_with_events - {variant_id})
            self._memory.count(shard, Totals(-len(events), -int(last)))

    def drop(self, events: Sequence[Event]) -> None:
        with self._memory.lock:
            for event in events:
                self._memory.events.pop(_event_key(event), None)

    def _of_variant(self, variant_id: int) -> dict[str, Event]:
        with self._memory.lock:
            return {
                sort_key: event
                for (of_variant, sort_key), event in self._memory.events.items()
                if of_variant == variant_id
            }


class FakeTotalsStore:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def of_feature(self, feature_id: int) -> Mapping[int, Totals]:
        totals: dict[int, Totals] = {}
        with self._memory.lock:
            for shard, figures in self._memory.totals.items():
                if shard.feature_id == feature_id:
                    so_far = totals.get(shard.variant_id, Totals())
                    totals[shard.variant_id] = so_far + figures
        return totals

    def drop(self, feature_id: int, variant_id: int) -> int:
        with self._memory.lock:
            shards = [
                shard
                for shard in self._memory.totals
                if (shard.feature_id, shard.variant_id) == (feature_id, variant_id)
            ]
            for shard in shards:
                del self._memory.totals[shard]
        return len(shards)


class FakePurgeQueue:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def due(self, now: datetime) -> Sequence[PurgeEntry]:
        with self._memory.lock:
            entries = [entry for _, entry in sorted(self._memory.queue.items())]
        return sorted((e for e in entries if e.due <= now), key=lambda entry: entry.due)

    def postpone(self, entry: PurgeEntry) -> None:
        with self._memory.lock:
            self._memory.enqueue(entry)

    def close(self, entry: PurgeEntry) -> None:
        with self._memory.lock:
            stored = self._memory.queue.get(_queue_key(entry))
            if stored is not None and stored.due == entry.due:
                self._memory.dequeue(entry)


class FakeEraser:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def clear(self, now: datetime) -> None:
        memory = self._memory
        with memory.lock:
            for rows in (
                memory.features,
                memory.blocks,
                memory.users,
                memory.events,
                memory.totals,
                memory.queue,
            ):
                rows.clear()
            memory.revision = memory.revision.following(now)


def fake_stores(memory: Memory | None = None) -> Stores:
    """All ports on one memory, a new one unless it is given."""
    memory = memory or Memory()
    return Stores(
        FakeCatalogueStore(memory),
        FakeUserStore(memory),
        FakeEventStore(memory),
        FakeTotalsStore(memory),
        FakePurgeQueue(memory),
        FakeEraser(memory),
    )


Step = Callable[[str], None]
"""Is told the call, as in "users.create"; what it raises the caller sees."""


def watched(stores: Stores, *, before: Step | None = None, after: Step | None = None) -> Stores:
    """The same stores, with a step in before or after each call that the use cases make."""
    ports: dict[str, Any] = {
        port.name: _Watched(port.name, getattr(stores, port.name), before, after)
        for port in fields(Stores)
    }
    return Stores(**ports)


def once(call: str, then: Callable[[], object]) -> Step:
    """A step that does something at the first of some calls."""
    pending = [then]

    def step(made: str) -> None:
        if pending and made == call:
            pending.pop()()

    return step


class _Watched:
    def __init__(self, name: str, port: object, before: Step | None, after: Step | None) -> None:
        self._name, self._port, self._before, self._after = name, port, before, after

    def __getattr__(self, method: str) -> Callable[..., Any]:
        call: Callable[..., Any] = getattr(self._port, method)

        @functools.wraps(call)
        def stepped(*args: Any, **kwargs: Any) -> Any:
            if self._before is not None:
                self._before(f"{self._name}.{method}")
            result = call(*args, **kwargs)
            if self._after is not None:
                self._after(f"{self._name}.{method}")
            return result

        return stepped


def _require(held: bool) -> None:
    if not held:
        raise LostRace("an item is not what it was")


def _bare(user: User) -> User:
    return replace(user, variants_with_events=frozenset(), erased=False)


def _same(row: User, user: User) -> bool:
    return (row.variant_id, row.time_stamp) == (user.variant_id, user.time_stamp)


def _noting(row: User, variant_ids: frozenset[int]) -> User:
    return replace(row, variants_with_events=variant_ids)


def _event_key(event: Event) -> tuple[int, str]:
    return event.variant_id, keys.event(event.user_id, event.id)


def _slice(rows: Mapping[str, R], after: str | None, limit: int) -> list[R]:
    found = sorted(key for key in rows if after is None or key > after)
    return [rows[key] for key in found[:limit]]


def _queue_key(entry: PurgeEntry) -> str:
    if isinstance(entry, ErasedUser):
        return keys.erased_user(entry.user_id)
    return keys.dead_variants(entry.feature_id, min(entry.variant_ids))
