"""The ports in memory, a clock that stands still, and a way to step in between two calls."""

from __future__ import annotations

import functools
import json
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from chalicelib.bootstrap import Stores
from chalicelib.domain.access.api_keys import ApiKey
from chalicelib.domain.access.idempotency import AlreadyAnswered, IdempotencyRecord, RequestKey
from chalicelib.domain.audiences.segments import Segment
from chalicelib.domain.catalogue.catalogue import (
    Catalogue,
    CatalogueChange,
    Change,
    ClientSettings,
    Revision,
    changed,
)
from chalicelib.domain.catalogue.faults import Fault
from chalicelib.domain.catalogue.purge import Entry, ErasedUser, LooseLists, PurgeEntry, claimed
from chalicelib.domain.errors import Invalid, LostRace
from chalicelib.domain.experiments.group_change import GroupChange, GroupLeft
from chalicelib.domain.experiments.marking import Outcome, Records, Repeat
from chalicelib.domain.experiments.metrics import Metric
from chalicelib.domain.experiments.offers import Offer
from chalicelib.domain.experiments.tallies import (
    ExclusionTally,
    HourlyTally,
    Tally,
    dropped_at_once,
    exclusions_of,
    group_new_at_point,
    of_ending,
    of_records,
)
from chalicelib.domain.experiments.transfer import (
    GroupOwnRecord,
    OwnedRecord,
    RecordKind,
    UserRecord,
)
from chalicelib.domain.features.blocks import FREE_BLOCKS
from chalicelib.domain.features.features import Feature
from chalicelib.domain.features.users import Event, Totals, TotalsShard, User
from chalicelib.domain.flags.flags import Flag
from chalicelib.domain.outcomes.logs import Merge, Sheet, SheetKey
from chalicelib.domain.outcomes.metric_results import QueryResult
from chalicelib.domain.participants.decision_points import Place
from chalicelib.domain.participants.participants import (
    NOWHERE,
    Enrollment,
    Exclusion,
    GroupEnrollment,
    GroupKey,
    GroupRecord,
    MonitoredPoint,
    Participant,
    Profile,
    TestLabRow,
)
from chalicelib.domain.participants.preview_users import PreviewUser
from chalicelib.domain.participants.strata import StratificationFactor
from chalicelib.services.participants.participant_ports import Counting, Position, RecordPage
from chalicelib.services.running.ports import Clock
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.experiments.tallies import COUNTS
from chalicelib.storage.outcomes.logs import SHEET_BYTES

R = TypeVar("R")
K = TypeVar("K")

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
    segments: dict[str, Segment] = field(default_factory=dict)
    flags: dict[str, Flag] = field(default_factory=dict)
    metrics: dict[str, Metric] = field(default_factory=dict)
    settings: ClientSettings = field(default_factory=ClientSettings)
    keys: tuple[ApiKey, ...] = ()
    faults: Mapping[str, Fault] = field(default_factory=dict)
    participants: dict[str, Participant] = field(default_factory=dict)
    groups: dict[GroupKey, GroupRecord] = field(default_factory=dict)
    repeats: dict[tuple[int, str], list[Repeat]] = field(default_factory=dict)
    lists: dict[tuple[str, int], dict[str, None]] = field(default_factory=dict)
    tallies: list[Tally] = field(default_factory=list)
    excluded: list[ExclusionTally] = field(default_factory=list)
    complete_groups: Counter[int] = field(default_factory=Counter)
    strata: Counter[tuple[int, str, int]] = field(default_factory=Counter)
    exposed: Counter[int] = field(default_factory=Counter)
    sheets: dict[tuple[str, SheetKey], Sheet] = field(default_factory=dict)
    results: dict[int, list[QueryResult]] = field(default_factory=dict)
    preview_users: dict[str, PreviewUser] = field(default_factory=dict)
    factors: dict[str, StratificationFactor] = field(default_factory=dict)
    others: dict[tuple[str, str], Mapping[str, object]] = field(default_factory=dict)
    answers: dict[tuple[str | None, str], IdempotencyRecord] = field(default_factory=dict)

    def require_unanswered(self, record: IdempotencyRecord | None) -> None:
        if record is not None and (first := self.answered(record.key, record.at)) is not None:
            raise AlreadyAnswered(first)

    def answered(self, key: RequestKey, now: datetime) -> IdempotencyRecord | None:
        found = self.answers.get((key.owner, key.digest))
        return found if found is not None and found.expires_at > now else None

    def keep(self, record: IdempotencyRecord | None) -> None:
        if record is not None:
            self.answers[record.key.owner, record.key.digest] = record

    def participant(self, user_id: str) -> Participant:
        return self.participants.get(user_id) or Participant(Profile(user_id))

    def reserve(self, sequence: str, count: int) -> range:
        first = self.sequences[sequence] + 1
        self.sequences[sequence] += count
        return range(first, first + count)

    def count(self, shard: TotalsShard | None, change: Totals) -> None:
        if shard is not None and change != Totals():
            self.totals[shard] = self.totals.get(shard, Totals()) + change

    def enqueue(self, entry: PurgeEntry) -> None:
        self.queue[queue_key(entry)] = entry

    def dequeue(self, entry: PurgeEntry) -> None:
        self.queue.pop(queue_key(entry), None)

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


class FakeUserStore:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def get(self, user_id: str) -> User | None:
        return self._memory.users.get(user_id)

    def create(
        self, user: User, shard: TotalsShard, record: IdempotencyRecord | None = None
    ) -> None:
        with self._memory.lock:
            self._memory.require_unanswered(record)
            require(user.id not in self._memory.users)
            self._memory.users[user.id] = _bare(user)
            self._memory.count(shard, Totals(total_users=1))
            self._memory.keep(record)

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
            require(row is not None and not row.erased and _same(row, user))
            assert row is not None
            self._memory.users[user.id] = replace(row, erased=True)
            self._memory.enqueue(entry)

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
        self, event: Event, user: User, shard: TotalsShard, record: IdempotencyRecord | None = None
    ) -> None:
        first = event.variant_id not in user.variants_with_events
        with self._memory.lock:
            self._memory.require_unanswered(record)
            require(_event_key(event) not in self._memory.events)
            row = self._memory.users.get(user.id)
            require(row is not None and not row.erased and row.variant_id == user.variant_id)
            assert row is not None
            require(first == (event.variant_id not in row.variants_with_events))
            self._memory.users[user.id] = _noting(
                row, row.variants_with_events | {event.variant_id}
            )
            self._memory.events[_event_key(event)] = event
            self._memory.count(shard, Totals(1, int(first)))
            self._memory.keep(record)

    def of_user(self, user_id: str, variant_id: int, limit: int, after: int = 0) -> Sequence[Event]:
        rows = self._of_variant(variant_id)
        own = {key: event for key, event in rows.items() if event.user_id == user_id}
        return _slice(own, keys.event(user_id, after), limit)

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
            require(all(_event_key(event) in self._memory.events for event in events))
            row = self._memory.users.get(user.id)
            require(row is not None and row.erased and _same(row, user))
            assert row is not None
            require(variant_id in row.variants_with_events)
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

    def open(self, entry: LooseLists) -> None:
        with self._memory.lock:
            stored = self._memory.queue.get(queue_key(entry))
            require(not (isinstance(stored, LooseLists) and stored.claimed))
            self._memory.enqueue(entry)

    def lists(self, names: Collection[str]) -> Sequence[LooseLists]:
        with self._memory.lock:
            found = [self._memory.queue.get(keys.loose_lists(name)) for name in names]
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


class FakeParticipantStore:
    """A user of revision 0 is unknown as yet, though segments and the like may name them."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def read(self, user_id: str) -> Participant:
        with self._memory.lock:
            row = self._row(user_id)
            user = self._memory.users.get(user_id)
        if user is None or user.erased:
            return replace(row, testlab=None)
        return replace(row, testlab=TestLabRow(user.variant_id, user.time_stamp))

    def get(self, user_id: str) -> Participant | None:
        row = self.read(user_id)
        return row if row.revision else None

    def groups(self, groups: Collection[GroupKey]) -> Mapping[GroupKey, GroupRecord]:
        with self._memory.lock:
            return {key: self._group(key) for key in groups}

    def create(self, profiles: Sequence[Profile]) -> None:
        assert len(profiles) <= TRANSACTION_ACTIONS
        with self._memory.lock:
            require(not any(self._row(profile.id).revision for profile in profiles))
            for profile in profiles:
                self._store(replace(self._row(profile.id), profile=profile, revision=1))

    def update(
        self,
        participant: Participant,
        profile: Profile,
        change: GroupChange,
        at: datetime,
    ) -> None:
        with self._memory.lock:
            row = self.next(participant, profile)
            self._memory.tallies.extend(-tally for tally in of_ending(change.enrollments))
            stored = participant.exclusions.keys() & set(change.lifted)
            self._memory.excluded.extend(ExclusionTally(number, -1) for number in stored)
            for gone in change.left:
                self.leave_group(gone)
            for enrolled in change.uncounted:
                self._memory.strata[enrolled.number, enrolled.value, enrolled.condition] -= 1
            left = {
                number: tuple(e for e in enrollments if e not in change.enrollments)
                for number, enrollments in row.enrollments.items()
            }
            self._store(
                replace(
                    row,
                    enrollments={number: kept for number, kept in left.items() if kept},
                    exclusions={
                        number: exclusion
                        for number, exclusion in row.exclusions.items()
                        if number not in change.lifted
                    },
                    lifted={**row.lifted, **dict.fromkeys(change.lifted, at)},
                )
            )

    def leave_group(self, left: GroupLeft) -> None:
        group = self._group(left.group)
        before = group.counts.get(left.number, 0)
        if before:
            counts = {**group.counts, left.number: before - 1}
            self._memory.groups[left.group] = replace(group, counts=counts)
            self._memory.complete_groups[left.number] -= int(before == left.users_needed)

    def store_mark(
        self,
        participant: Participant,
        groups: Mapping[GroupKey, GroupRecord],
        outcome: Outcome,
        counting: Counting,
        reached_by: Collection[GroupKey],
        record: IdempotencyRecord | None = None,
    ) -> None:
        point = outcome.point
        with self._memory.lock:
            self._memory.require_unanswered(record)
            row = self.next(participant, participant.profile)
            self._require_unchanged(participant, groups, outcome.offer, outcome.records)
            if point.place not in participant.points:
                row = replace(row, points={**row.points, point.place: point})
                for key in reached_by:
                    group = self._group(key)
                    reached = {point.place: point.at, **group.reached}
                    self._memory.groups[key] = replace(group, reached=reached)
            self._add(row, participant, groups, outcome.offer, outcome.records, counting)
            self._memory.keep(record)

    def store_records(
        self,
        participant: Participant,
        groups: Mapping[GroupKey, GroupRecord],
        offer: Offer,
        records: Records,
        counting: Counting,
    ) -> None:
        with self._memory.lock:
            row = self.next(participant, participant.profile)
            self._require_unchanged(participant, groups, offer, records)
            self._add(row, participant, groups, offer, records, counting)

    def store_group_record(
        self,
        key: GroupKey,
        record: GroupEnrollment | Exclusion,
        shard: int,  # noqa: ARG002
    ) -> None:
        with self._memory.lock:
            group = self._group(key)
            if isinstance(record, GroupEnrollment):
                require(record.number not in group.enrollments)
                tally = Tally(record.number, record.condition_id, record.place, groups=1)
                self._memory.tallies.append(tally)
                group = replace(group, enrollments={**group.enrollments, record.number: record})
            else:
                require(record.number not in group.exclusions)
                self._memory.excluded.append(ExclusionTally(record.number, 0, 1))
                group = replace(group, exclusions={**group.exclusions, record.number: record})
            self._memory.groups[key] = group

    def _require_unchanged(
        self,
        participant: Participant,
        groups: Mapping[GroupKey, GroupRecord],
        offer: Offer | None,
        records: Records,
    ) -> None:
        if records.group_enrollment is not None:
            key, enrolled = records.group_enrollment
            require(enrolled.number not in self._group(key).enrollments)
        for key, exclusion in records.group_exclusions:
            require(exclusion.number not in self._group(key).exclusions)
        for key in records.dropped:
            gone = {each.number for each in dropped_at_once(groups[key])}
            require(gone <= self._group(key).enrollments.keys())
        there, enrollment = group_new_at_point(groups, offer, records), records.enrollment
        if there is not None and enrollment is not None:
            at = (enrollment.number, enrollment.place)
            require(at not in self._group(there).enrolled_at)
        counted = _counted_group(participant, offer, records)
        if counted is not None and enrollment is not None:
            before = groups[counted].counts.get(enrollment.number, 0)
            require(self._group(counted).counts.get(enrollment.number, 0) == before)

    def _add(
        self,
        row: Participant,
        participant: Participant,
        groups: Mapping[GroupKey, GroupRecord],
        offer: Offer | None,
        records: Records,
        counting: Counting,
    ) -> None:
        if records.exclusion is not None:
            own = records.exclusion
            row = replace(row, exclusions={**row.exclusions, own.number: own})
        self._store(self._enrolled(row, records))
        there, enrollment = group_new_at_point(groups, offer, records), records.enrollment
        if there is not None and enrollment is not None:
            group = self._group(there)
            at = group.enrolled_at | {(enrollment.number, enrollment.place)}
            self._memory.groups[there] = replace(group, enrolled_at=at)
        self._memory.tallies.extend(of_records(participant, groups, offer, records))
        self._memory.excluded.extend(exclusions_of(records))
        self._store_groups(groups, records)
        counted = _counted_group(participant, offer, records)
        self._count(records, counting, counted)

    def counted(self, number: int) -> tuple[int, int]:
        with self._memory.lock:
            users = sum(tally.users for tally in self._memory.tallies if tally.number == number)
            return users, self._memory.complete_groups[number]

    def tallies(
        self, number: int, places: Collection[Place]
    ) -> tuple[Sequence[Tally], ExclusionTally]:
        with self._memory.lock:
            added = [tally for tally in self._memory.tallies if tally.number == number]
            excluded = [each for each in self._memory.excluded if each.number == number]
        sums: dict[tuple[str | None, Place | None], Tally] = {}
        for tally in added:
            place = tally.place if tally.place in places else None
            key = tally.condition_id, place
            before = sums.get(key) or Tally(number, tally.condition_id, place)
            sums[key] = replace(
                before, **{name: getattr(before, name) + getattr(tally, name) for name in COUNTS}
            )
        users = sum(each.users for each in excluded)
        return list(sums.values()), ExclusionTally(
            number, users, sum(each.groups for each in excluded)
        )

    def hourly(self, number: int, since: date, places: Collection[Place]) -> Sequence[HourlyTally]:
        sums: dict[tuple[datetime, str | None, Place | None], HourlyTally] = {}
        with self._memory.lock:
            added = [tally for tally in self._memory.tallies if tally.number == number]
        for tally in added:
            if tally.at is None or tally.at.date() < since:
                continue
            hour = tally.at.replace(minute=0, second=0, microsecond=0)
            key = hour, tally.condition_id, tally.place if tally.place in places else None
            before = sums.get(key) or HourlyTally(*key, 0, 0)
            sums[key] = replace(
                before,
                users=before.users + tally.point_users,
                groups=before.groups + tally.point_groups,
            )
        return [each for each in sums.values() if each.users or each.groups]

    def enrollments(
        self, number: int, places: Collection[Place], user_ids: Collection[str]
    ) -> Mapping[str, Sequence[Enrollment]]:
        known = {*places, NOWHERE}
        with self._memory.lock:
            found = {
                user_id: [e for e in own.enrollments.get(number, ()) if e.place in known]
                for user_id in user_ids
                if (own := self._memory.participants.get(user_id)) is not None
            }
        return {user_id: enrollments for user_id, enrollments in found.items() if enrollments}

    def repeats(self, number: int, user_ids: Collection[str]) -> Mapping[str, Sequence[Repeat]]:
        with self._memory.lock:
            found = {user_id: self._memory.repeats.get((number, user_id)) for user_id in user_ids}
        return {user_id: repeats for user_id, repeats in found.items() if repeats}

    def stratum(self, number: int, value: str) -> Mapping[int, int]:
        with self._memory.lock:
            return {
                condition: count
                for (of_number, of_value, condition), count in self._memory.strata.items()
                if (of_number, of_value) == (number, value)
            }

    def note_members(self, segment_id: str, version: int, user_ids: Sequence[str]) -> None:
        for user_id in user_ids:
            with self._memory.lock:
                self._memory.lists.setdefault((segment_id, version), {})[user_id] = None
            with self._memory.lock:
                row = self._row(user_id)
                versions = row.members.get(segment_id, frozenset()) | {version}
                self._store(replace(row, members={**row.members, segment_id: versions}))

    def members(self, segment_id: str, version: int, limit: int | None = None) -> Sequence[str]:
        with self._memory.lock:
            return sorted(self._memory.lists.get((segment_id, version), ()), key=keys.part)[:limit]

    def count_members(self, segment_id: str, version: int) -> int:
        with self._memory.lock:
            return len(self._memory.lists.get((segment_id, version), ()))

    def forget_members(self, segment_id: str, version: int, user_ids: Sequence[str]) -> None:
        assert len(user_ids) <= 25, "as many as one call takes"
        with self._memory.lock:
            named = self._memory.lists.setdefault((segment_id, version), {})
            for user_id in user_ids:
                named.pop(user_id, None)
                row = self._row(user_id)
                kept = {
                    s: v - ({version} if s == segment_id else set()) for s, v in row.members.items()
                }
                self._store(replace(row, members={s: v for s, v in kept.items() if v}))
            if not named:
                del self._memory.lists[segment_id, version]

    def note_exposures(self, user_id: str, numbers: Collection[int], shard: int) -> None:  # noqa: ARG002
        with self._memory.lock:
            row = self._row(user_id)
            require(row.exposures.isdisjoint(numbers))
            self._store(replace(row, exposures=row.exposures.union(numbers)))
            self._memory.exposed.update(numbers)

    def exposures(self, number: int) -> int:
        return self._memory.exposed[number]

    def _row(self, user_id: str) -> Participant:
        return self._memory.participant(user_id)

    def _store(self, row: Participant) -> None:
        self._memory.participants[row.id] = row

    def next(self, participant: Participant, profile: Profile) -> Participant:
        """The user's row as it follows on what was read."""
        row = self._row(participant.id)
        require(row.revision == participant.revision > 0)
        require(row.profile.created_at == participant.profile.created_at)
        return replace(row, profile=profile, revision=row.revision + 1)

    def _group(self, key: GroupKey) -> GroupRecord:
        return self._memory.groups.get(key) or GroupRecord(key)

    def _enrolled(self, row: Participant, records: Records) -> Participant:
        enrollment, repeat = records.enrollment, records.repeat
        enrollments = dict(row.enrollments)
        if enrollment is not None:
            others = tuple(
                e for e in enrollments.get(enrollment.number, ()) if not _at(e, enrollment)
            )
            made = replace(enrollment, repeats=1 if repeat else 0)
            enrollments[enrollment.number] = _by_place([*others, made])
        elif repeat is not None:
            enrollments[repeat.number] = tuple(
                replace(e, repeats=e.repeats + 1, met=e.met | {repeat.condition_id or ""})
                if _at(e, repeat)
                else e
                for e in enrollments[repeat.number]
            )
        if repeat is not None:
            self._memory.repeats.setdefault((repeat.number, row.id), []).append(repeat)
        return replace(row, enrollments=enrollments)

    def _store_groups(self, groups: Mapping[GroupKey, GroupRecord], records: Records) -> None:
        for key, exclusion in records.group_exclusions:
            group = self._group(key)
            exclusions = {**group.exclusions, exclusion.number: exclusion}
            self._memory.groups[key] = replace(group, exclusions=exclusions)
        if records.group_enrollment is not None:
            key, enrollment = records.group_enrollment
            group = self._group(key)
            enrolled: dict[int, GroupEnrollment] = {
                **group.enrollments,
                enrollment.number: enrollment,
            }
            self._memory.groups[key] = replace(group, enrollments=enrolled)
        for key in records.dropped:
            group, gone = self._group(key), dropped_at_once(groups[key])
            kept = {n: e for n, e in group.enrollments.items() if e not in gone}
            self._memory.groups[key] = replace(group, enrollments=kept)

    def _count(
        self,
        records: Records,
        counting: Counting,
        counted: GroupKey | None,
    ) -> None:
        enrollment = records.enrollment
        if enrollment is None:
            return
        number = enrollment.number
        self._memory.count(counting.totals, Totals(total_users=1))
        if counting.stratum is not None:
            self._memory.strata[number, *counting.stratum] += 1
        if counted is not None:
            group = self._group(counted)
            count = group.counts.get(number, 0) + 1
            self._memory.groups[counted] = replace(group, counts={**group.counts, number: count})
            self._memory.complete_groups[number] += count == counting.users_per_group


class FakeRecordStore:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def page(self, kind: RecordKind, after: Position | None, limit: int) -> RecordPage:
        with self._memory.lock:
            found = dict(sorted(self._all(kind)))
        rest = [key for key in found if after is None or key > after]
        chosen = rest[:limit]
        return RecordPage(
            [found[key] for key in chosen], chosen[-1] if len(rest) > len(chosen) else None
        )

    def _all(self, kind: RecordKind) -> Iterator[tuple[Position, OwnedRecord]]:
        for user_id, own in self._memory.participants.items():
            records: list[Enrollment | Exclusion | MonitoredPoint] = []
            if kind is RecordKind.ENROLLMENTS:
                records = [e for enrollments in own.enrollments.values() for e in enrollments]
            elif kind is RecordKind.EXCLUSIONS:
                records = list(own.exclusions.values())
            elif kind is RecordKind.POINTS:
                records = list(own.points.values())
            for index, record in enumerate(records):
                yield (user_id, f"{index:06d}"), UserRecord(own.profile, record)
        for key, group in self._memory.groups.items():
            of_group: list[GroupEnrollment | Exclusion] = []
            if kind is RecordKind.GROUP_ENROLLMENTS:
                of_group = list(group.enrollments.values())
            elif kind is RecordKind.GROUP_EXCLUSIONS:
                of_group = list(group.exclusions.values())
            for index, each in enumerate(of_group):
                yield (f"{key.type}#{key.id}", f"{index:06d}"), GroupOwnRecord(key, each)


class FakePreviewUserStore:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def get(self, user_id: str) -> PreviewUser | None:
        return self._memory.preview_users.get(user_id)

    def all(self) -> Sequence[PreviewUser]:
        return list(self._memory.preview_users.values())

    def put(self, user: PreviewUser) -> None:
        with self._memory.lock:
            stored = self.get(user.id)
            require((stored.version if stored else 0) == user.version - 1)
            self._memory.preview_users[user.id] = user
            row = self._memory.participant(user.id)
            self._memory.participants[user.id] = replace(row, preview=user.conditions())

    def remove(self, user: PreviewUser) -> None:
        with self._memory.lock:
            stored = self.get(user.id)
            require(stored is not None and stored.version == user.version)
            del self._memory.preview_users[user.id]
            row = self._memory.participant(user.id)
            self._memory.participants[user.id] = replace(row, preview=None)


class FakeStratumStore:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def register(self, factor: StratificationFactor) -> None:
        with self._memory.lock:
            self._memory.factors.setdefault(factor.name, factor)

    def factors(self) -> Sequence[StratificationFactor]:
        with self._memory.lock:
            return list(self._memory.factors.values())

    def unregister(self, factor: str) -> None:
        self._memory.factors.pop(factor, None)

    def store(self, factor: str, values: Mapping[str, str], at: datetime) -> None:
        assert 3 * len(values) <= TRANSACTION_ACTIONS
        with self._memory.lock:
            for user_id, value in values.items():
                row = self._memory.participant(user_id)
                others = {f: v for f, v in row.strata.items() if f != factor}
                row = replace(row, strata={**others, factor: value} if value else others)
                if not row.revision:
                    profile = Profile(user_id, created_at=at, updated_at=at)
                    row = replace(row, profile=profile, revision=1)
                self._memory.participants[user_id] = row

    def users(self, factor: str) -> Iterator[Sequence[tuple[str, str]]]:
        with self._memory.lock:
            rows = list(self._memory.participants.values())
        yield [(row.id, row.strata[factor]) for row in rows if factor in row.strata]

    def drop(self, factor: str, user_ids: Sequence[str]) -> None:
        assert 2 * len(user_ids) <= TRANSACTION_ACTIONS
        with self._memory.lock:
            for user_id in user_ids:
                row = self._memory.participant(user_id)
                others = {f: v for f, v in row.strata.items() if f != factor}
                self._memory.participants[user_id] = replace(row, strata=others)


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


class FakeIdempotencyStore:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def find(self, key: RequestKey, now: datetime) -> IdempotencyRecord | None:
        with self._memory.lock:
            return self._memory.answered(key, now)

    def keep(self, record: IdempotencyRecord) -> None:
        with self._memory.lock:
            self._memory.require_unanswered(record)
            self._memory.keep(record)

    def of_user(
        self, owner: str, now: datetime, after: str, limit: int
    ) -> Sequence[IdempotencyRecord]:
        with self._memory.lock:
            rows = dict(self._memory.answers)
        alive = {
            digest: kept
            for (of, digest), kept in rows.items()
            if of == owner and kept.expires_at > now
        }
        return _slice(alive, after, limit)


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
                memory.queue,
                memory.segments,
                memory.flags,
                memory.metrics,
                memory.participants,
                memory.groups,
                memory.repeats,
                memory.lists,
                memory.tallies,
                memory.excluded,
                memory.complete_groups,
                memory.strata,
                memory.exposed,
                memory.sheets,
                memory.results,
                memory.preview_users,
                memory.factors,
                memory.answers,
                memory.others,
            ):
                rows.clear()
            memory.settings = ClientSettings()
            memory.faults = {}
            memory.revision = memory.revision.following(clock(), settling=settling)


def fake_stores(memory: Memory | None = None) -> Stores:
    """All ports on one memory, a new one unless it is given."""
    # which build on what is here
    from tests.fake_dead_records import FakeDeadRecordStore
    from tests.fake_user_data import FakeUserDataStore
    from tests.fake_user_lists import FakeUserListStore

    memory = memory or Memory()
    return Stores(
        FakeCatalogueStore(memory),
        FakeUserStore(memory),
        FakeEventStore(memory),
        FakeTotalsStore(memory),
        FakePurgeQueue(memory),
        FakeEraser(memory),
        FakeParticipantStore(memory),
        FakeLogStore(memory),
        FakeRecordStore(memory),
        FakeDeadRecordStore(memory),
        FakePreviewUserStore(memory),
        FakeStratumStore(memory),
        FakeIdempotencyStore(memory),
        FakeUserDataStore(memory, FakeParticipantStore(memory)),
        FakeUserListStore(memory),
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


def _apply(things: dict[K, R], changes: Iterable[Change[R]], key: Callable[[R], K]) -> None:
    after = changed(things, changes, key)
    things.clear()
    things.update(after)


def require(held: bool) -> None:
    """Lose the race if something was not as the caller took it for."""
    if not held:
        raise LostRace("an item is not what it was")


def _bare(user: User) -> User:
    return replace(user, variants_with_events=frozenset(), erased=False)


def _same(row: User, user: User) -> bool:
    return (row.variant_id, row.time_stamp) == (user.variant_id, user.time_stamp)


def _noting(row: User, variant_ids: frozenset[int]) -> User:
    return replace(row, variants_with_events=variant_ids)


def _counted_group(
    participant: Participant, offer: Offer | None, records: Records
) -> GroupKey | None:
    """The group in which a user is counted, who is enrolled for the first time."""
    enrollment = records.enrollment
    if enrollment is None or offer is None or enrollment.group_id is None:
        return None
    if enrollment.number in participant.enrollments:
        return None
    return GroupKey(offer.group_type or "", enrollment.group_id)


def _at(enrollment: Enrollment, other: Enrollment | Repeat) -> bool:
    return enrollment.place == other.place


def _by_place(enrollments: Iterable[Enrollment]) -> tuple[Enrollment, ...]:
    """In the order of their sort keys."""
    return tuple(sorted(enrollments, key=lambda e: keys.place(e.place.site, e.place.target)))


def _event_key(event: Event) -> tuple[int, str]:
    return event.variant_id, keys.event(event.user_id, event.id)


def _slice(rows: Mapping[str, R], after: str | None, limit: int) -> list[R]:
    found = sorted(key for key in rows if after is None or key > after)
    return [rows[key] for key in found[:limit]]


def queue_key(entry: PurgeEntry) -> str:
    """What the queue knows an entry by."""
    if isinstance(entry, ErasedUser):
        return keys.erased_user(entry.user_id)
    if isinstance(entry, LooseLists):
        return keys.loose_lists(entry.name)
    return keys.dead_variants(entry.feature_id, entry.first)
