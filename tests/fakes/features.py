"""Users, events, totals and the purge queue, in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from chalicelib.domain.access.idempotency import IdempotencyRecord
from chalicelib.domain.catalogue.purge import Entry, ErasedUser, LooseLists, PurgeEntry, claimed
from chalicelib.domain.features.cohorts import Cohort, Cohorts, OwnEvent
from chalicelib.domain.features.users import Event, Marked, Own, Totals, TotalsShard, User
from chalicelib.domain.participants.participants import Participant
from tests.fakes.memory import (
    TRANSACTION_ACTIONS,
    EventKey,
    Memory,
    loose_lists,
    page_of,
    queue_key,
    require,
)


class FakeUserStore:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def get(self, user_id: str) -> User | None:
        return self._memory.users.get(user_id)

    def many(self, user_ids: Sequence[str]) -> Sequence[User]:
        return [user for each in user_ids if (user := self.get(each)) is not None]

    def create(
        self,
        user: User,
        shard: TotalsShard,
        record: IdempotencyRecord | None = None,
        marked: Marked | None = None,
    ) -> None:
        with self._memory.lock:
            self._memory.require_unanswered(record)
            require(user.id not in self._memory.users)
            stored = self._memory.participant(user.id)
            if marked is None:
                require(not any(e.variant_id for own in stored.enrollments.values() for e in own))
            else:
                self._count_by_row(stored, marked, shard)
            self._memory.users[user.id] = replace(_bare(user), own=user.own)
            self._memory.count_users(shard, 1)
            self._memory.keep(record)

    def _count_by_row(self, stored: Participant, marked: Marked, shard: TotalsShard) -> None:
        known, counted = marked.participant, marked.counted
        require(stored.revision == known.revision)
        if stored.revision:
            stored = replace(stored, revision=stored.revision + 1)
        if counted is not None and counted.variant_id is not None:
            feature_id, by_row = counted.feature_id, replace(counted, variant_id=None)
            own = tuple(by_row if e == counted else e for e in stored.enrollments[feature_id])
            stored = replace(stored, enrollments={**stored.enrollments, feature_id: own})
            before = replace(shard, variant_id=counted.variant_id, day=None)
            if counted.in_cohort and shard.day is not None:
                before = before.of_day(counted.at.date(), shard.day)
            self._memory.count_users(before, -1)
        self._memory.participants[stored.id] = stored

    def of_variant(self, variant_id: int, after: str | None, limit: int) -> Sequence[User]:
        with self._memory.lock:
            rows = {
                user.id: _bare(user)
                for user in self._memory.users.values()
                if user.variant_id == variant_id and not user.erased
            }
        return page_of(rows, after, limit)

    def begin_erasure(
        self, user: User, entry: ErasedUser, shard: TotalsShard | None, cohort: Cohort
    ) -> None:
        with self._memory.lock:
            row = self._memory.users.get(user.id)
            require(row is not None and not row.erased and _same(row, user))
            assert row is not None
            require(row.own == user.own)
            self._memory.users[user.id] = replace(row, erased=True, own=None, late=0)
            self._memory.enqueue(entry)
            self._memory.count(shard, Totals(), -cohort)

    def backfill(self, user: User, own: Own, shard: TotalsShard, cohort: Cohort) -> None:
        with self._memory.lock:
            row = self._memory.users.get(user.id)
            require(row is not None and not row.erased and _same(row, user))
            assert row is not None
            require(row.own is None and row.late == user.late)
            self._memory.users[user.id] = replace(row, own=dict(own), late=0)
            self._memory.count(shard, Totals(), cohort)

    def finish_erasure(self, user: User, shard: TotalsShard | None, entry: ErasedUser) -> None:
        with self._memory.lock:
            row = self._memory.users.get(user.id)
            require(row is not None and row.erased and _same(row, user))
            assert row is not None
            require(not row.variants_with_events)
            del self._memory.users[user.id]
            self._memory.count(shard, Totals(total_users=-1))
            self._memory.dequeue(entry)

    def remove_idle(self, user: User) -> None:
        with self._memory.lock:
            row = self._memory.users.get(user.id)
            require(row is not None and not row.erased and _same(row, user))
            require(row is not None and not row.variants_with_events)
            del self._memory.users[user.id]

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

    def add(
        self,
        event: Event,
        user: User,
        shard: TotalsShard,
        own: OwnEvent | None = None,
        record: IdempotencyRecord | None = None,
    ) -> None:
        first = event.variant_id not in user.variants_with_events
        with self._memory.lock:
            self._memory.require_unanswered(record)
            require(_event_key(event) not in self._memory.events)
            row = self._memory.users.get(user.id)
            require(row is not None and not row.erased and row.variant_id == user.variant_id)
            assert row is not None
            require(first == (event.variant_id not in row.variants_with_events))
            row = _noting(row, row.variants_with_events | {event.variant_id})
            cohort = Cohort(foreign_events=int(event.variant_id != user.variant_id))
            if own is not None:
                require(row.own == user.own)
                row, cohort = replace(row, own=own.after), own.cohort
            elif event.variant_id == user.variant_id and user.own is None:
                require(row.own is None)
                row = replace(row, late=row.late + 1)
            self._memory.users[user.id] = row
            self._memory.events[_event_key(event)] = event
            self._memory.count(shard, Totals(1, int(first)), cohort)
            self._memory.keep(record)

    def of_user(self, user_id: str, variant_id: int, limit: int, after: int = 0) -> Sequence[Event]:
        rows = self._of_variant(variant_id)
        own = {key: event for key, event in rows.items() if event.user_id == user_id}
        return page_of(own, (user_id, after), limit)

    def of_variant(
        self, variant_id: int, after: tuple[str, int] | None, limit: int
    ) -> Sequence[Event]:
        rows = self._of_variant(variant_id)
        return page_of(rows, after, limit)

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
            require(all(_event_key(event) in self._memory.events for event in events))
            row = self._memory.users.get(user.id)
            require(row is not None and row.erased and _same(row, user))
            assert row is not None
            require(variant_id in row.variants_with_events)
            self.drop(events)
            if last:
                self._memory.users[user.id] = _noting(row, row.variants_with_events - {variant_id})
            foreign = 0 if variant_id == user.variant_id else -len(events)
            change = Totals(-len(events), -int(last))
            self._memory.count(shard, change, Cohort(foreign_events=foreign))

    def drop(self, events: Sequence[Event]) -> None:
        with self._memory.lock:
            for event in events:
                self._memory.events.pop(_event_key(event), None)

    def _of_variant(self, variant_id: int) -> dict[tuple[str, int], Event]:
        with self._memory.lock:
            return {
                (user_id, event_id): event
                for (of_variant, user_id, event_id), event in self._memory.events.items()
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
            for shard in [each for each in self._memory.cohorts if each.variant_id == variant_id]:
                del self._memory.cohorts[shard]
        return len(shards)


FOLDED = -1
"""The shard that days gone by are folded into."""


class FakeCohortStore:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def of_feature(self, feature_id: int) -> Cohorts:
        cohorts: dict[tuple[int, date | None], Cohort] = {}
        with self._memory.lock:
            for shard, figures in self._memory.cohorts.items():
                if shard.feature_id == feature_id:
                    key = shard.variant_id, shard.day
                    cohorts[key] = cohorts.get(key, Cohort()) + figures
        return Cohorts.of(cohorts)

    def fold(self, feature_id: int, before: date) -> Iterator[int]:
        memory = self._memory
        with memory.lock:
            due = [
                shard
                for shard in {*memory.totals, *memory.cohorts}
                if shard.feature_id == feature_id and shard.shard != FOLDED
                if shard.day is not None and shard.day < before
            ]
        for shard in due:
            with memory.lock:
                folded = replace(shard, shard=FOLDED)
                memory.count(replace(folded, day=None), memory.totals.pop(shard, Totals()))
                memory.count(folded, Totals(), memory.cohorts.pop(shard, Cohort()))
            yield 1


class FakeNoteStore:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def read(self, name: str) -> Mapping[str, object]:
        return self._memory.notes.get(name, {})

    def write(self, name: str, note: Mapping[str, object]) -> None:
        self._memory.notes[name] = note


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

    def open(self, entry: LooseLists) -> None:
        with self._memory.lock:
            stored = self._memory.queue.get(queue_key(entry))
            require(not (isinstance(stored, LooseLists) and stored.claimed))
            self._memory.enqueue(entry)

    def lists(self, names: Collection[str]) -> Sequence[LooseLists]:
        with self._memory.lock:
            found = [self._memory.queue.get(loose_lists(name)) for name in names]
        return [each for each in found if isinstance(each, LooseLists)]

    def claim(self, entry: Entry, due: datetime) -> Entry:
        with self._memory.lock:
            stored = self._memory.queue.get(queue_key(entry))
            require(stored is not None and stored.due == entry.due)
            after = claimed(entry, due)
            self._memory.enqueue(after)
        return after

    def close(self, entry: PurgeEntry) -> None:
        with self._memory.lock:
            stored = self._memory.queue.get(queue_key(entry))
            if stored is not None and stored.due == entry.due:
                self._memory.dequeue(entry)


def _bare(user: User) -> User:
    return replace(user, variants_with_events=frozenset(), erased=False, own={}, late=0)


def _same(row: User, user: User) -> bool:
    return (row.variant_id, row.time_stamp) == (user.variant_id, user.time_stamp)


def _noting(row: User, variant_ids: frozenset[int]) -> User:
    return replace(row, variants_with_events=variant_ids)


def _event_key(event: Event) -> EventKey:
    return event.variant_id, event.user_id, event.id
