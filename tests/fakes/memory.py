"""The ports in memory, a clock that stands still, and a way to step in between two calls."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

from chalicelib.domain.access.api_keys import ApiKey
from chalicelib.domain.access.idempotency import AlreadyAnswered, IdempotencyRecord, RequestKey
from chalicelib.domain.audiences.segments import Segment
from chalicelib.domain.catalogue.catalogue import (
    ClientSettings,
    Revision,
)
from chalicelib.domain.catalogue.faults import Fault
from chalicelib.domain.catalogue.purge import ErasedUser, LooseLists, PurgeEntry
from chalicelib.domain.errors import LostRace
from chalicelib.domain.experiments.enrollment_counts import (
    EnrollmentCount,
    ExclusionCount,
)
from chalicelib.domain.experiments.group_change import GroupLeft
from chalicelib.domain.experiments.marks import Repeat
from chalicelib.domain.experiments.metrics import Metric
from chalicelib.domain.features.cohorts import Cohort, MetricSums
from chalicelib.domain.features.features import Feature
from chalicelib.domain.features.users import Event, Totals, TotalsShard, User
from chalicelib.domain.flags.flags import Flag
from chalicelib.domain.outcomes.logs import LogRecord, LogRecordKey
from chalicelib.domain.outcomes.metric_results import QueryResult
from chalicelib.domain.outcomes.results.results import Summary
from chalicelib.domain.outcomes.snapshots import Snapshot, Taken
from chalicelib.domain.participants.participants import (
    GroupKey,
    GroupRecord,
    Participant,
    Profile,
    TestLabRow,
)
from chalicelib.domain.participants.preview_users import PreviewUser
from chalicelib.domain.participants.strata import StratificationFactor

R = TypeVar("R")
K = TypeVar("K")
Ordered = TypeVar("Ordered", str, tuple[str, int])

START = datetime(2026, 1, 15, 12, tzinfo=UTC)
TRANSACTION_ACTIONS = 100
"""What DynamoDB takes in one transaction."""


EventKey = tuple[int, str, int]
"""What an event is known by: variant, user, id."""

QueueKey = tuple[str, str]
"""What an entry of the purge queue is known by: its kind, and what it is about."""


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
    events: dict[EventKey, Event] = field(default_factory=dict)
    totals: dict[TotalsShard, Totals] = field(default_factory=dict)
    cohorts: dict[TotalsShard, Cohort] = field(default_factory=dict)
    notes: dict[str, Mapping[str, object]] = field(default_factory=dict)
    summaries: dict[int, Summary] = field(default_factory=dict)
    queue: dict[QueueKey, PurgeEntry] = field(default_factory=dict)
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
    enrollment_counts: list[EnrollmentCount] = field(default_factory=list)
    excluded: list[ExclusionCount] = field(default_factory=list)
    complete_groups: Counter[int] = field(default_factory=Counter)
    strata: Counter[tuple[int, str, int]] = field(default_factory=Counter)
    exposed: Counter[int] = field(default_factory=Counter)
    log_records: dict[tuple[str, LogRecordKey], LogRecord] = field(default_factory=dict)
    results: dict[int, list[QueryResult]] = field(default_factory=dict)
    snapshots: dict[int, list[Snapshot]] = field(default_factory=dict)
    taken: dict[tuple[int, str], Taken] = field(default_factory=dict)
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

    def testlab(self, user_id: str) -> TestLabRow | None:
        """A user's row in Test Lab, as records of participants have it."""
        user = self.users.get(user_id)
        if user is None or user.erased:
            return None
        return TestLabRow(user.variant_id, user.time_stamp)

    def next(self, participant: Participant, profile: Profile) -> Participant:
        """The user's row as it follows on what was read."""
        row = self.participant(participant.id)
        require(row.revision == participant.revision > 0)
        require(row.profile.created_at == participant.profile.created_at)
        return replace(row, profile=profile, revision=row.revision + 1)

    def store(self, row: Participant) -> None:
        self.participants[row.id] = row

    def group(self, key: GroupKey) -> GroupRecord:
        return self.groups.get(key) or GroupRecord(key)

    def leave_group(self, left: GroupLeft) -> None:
        group = self.group(left.group)
        before = group.counts.get(left.feature_id, 0)
        if before:
            counts = {**group.counts, left.feature_id: before - 1}
            self.groups[left.group] = replace(group, counts=counts)
            self.complete_groups[left.feature_id] -= int(before == left.users_needed)

    def reserve(self, sequence: str, count: int) -> range:
        first = self.sequences[sequence] + 1
        self.sequences[sequence] += count
        return range(first, first + count)

    def count(
        self, shard: TotalsShard | None, change: Totals, cohort: Cohort | None = None
    ) -> None:
        if shard is not None and change != Totals():
            self.totals[shard] = self.totals.get(shard, Totals()) + change
        if shard is not None and cohort is not None:
            self.cohorts[shard] = self.cohorts.get(shard, Cohort()) + cohort

    def count_users(self, shard: TotalsShard | None, by: int) -> None:
        """Count users, of a shard of a day in its cohort too."""
        in_cohort = shard is not None and shard.day is not None
        self.count(shard, Totals(total_users=by), Cohort(by) if in_cohort else None)

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

    def counted_cohorts(self) -> tuple[dict[tuple[int, date], Cohort], Counter[int]]:
        """What the cohorts of each variant and day say, and how many foreign events there are."""
        cohorts: dict[tuple[int, date], Cohort] = {}
        foreign: Counter[int] = Counter()
        for shard, figures in self.cohorts.items():
            foreign[shard.variant_id] += figures.foreign_events
            if shard.day is not None:
                key = shard.variant_id, shard.day
                cohorts[key] = cohorts.get(key, Cohort()) + replace(figures, foreign_events=0)
        return {
            key: tidy(each) for key, each in cohorts.items() if tidy(each) != Cohort()
        }, +foreign

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


def tidy(cohort: Cohort) -> Cohort:
    """The cohort without metrics of which nothing is left."""
    left = {metric: sums for metric, sums in cohort.metrics.items() if sums != MetricSums()}
    return replace(cohort, metrics=left)


def recounted(
    users: Iterable[User], events: Iterable[Event], ids: Mapping[str, int], window: timedelta
) -> tuple[dict[tuple[int, date], Cohort], Counter[int]]:
    """The cohorts by variant and day of enrollment, and foreign events, counted from the rows.

    Values are in 1/10,000; `ids` are those of named metrics. Caps are left out.
    """
    rows = {user.id: user for user in users}
    totals: defaultdict[tuple[str, int], int] = defaultdict(int)
    foreign: Counter[int] = Counter()
    for event in events:
        user = rows[event.user_id]
        if event.variant_id != user.variant_id:
            foreign[event.variant_id] += 1
        elif event.time_stamp < user.time_stamp + window:
            if event.measurement is None:
                totals[user.id, 0] += 1
            else:
                metric, value = event.measurement.metric, event.measurement.value
                totals[user.id, ids[metric]] += int(value * 10_000)
    cohorts: dict[tuple[int, date], Cohort] = {}
    for user in rows.values():
        own = {metric: x for (user_id, metric), x in totals.items() if user_id == user.id}
        alone = Cohort(1, {m: MetricSums(1, x, x**2, x**3) for m, x in own.items()})
        key = user.variant_id, user.time_stamp.date()
        cohorts[key] = cohorts.get(key, Cohort()) + alone
    return cohorts, foreign


def require(held: bool) -> None:
    """Lose the race if something was not as the caller took it for."""
    if not held:
        raise LostRace("an item is not what it was")


def page_of(rows: Mapping[Ordered, R], after: Ordered | None, limit: int) -> list[R]:
    """Up to `limit` rows in the order of their keys, those behind the key `after`."""
    found = sorted(key for key in rows if after is None or key > after)
    return [rows[key] for key in found[:limit]]


def queue_key(entry: PurgeEntry) -> QueueKey:
    """What the queue knows an entry by."""
    if isinstance(entry, ErasedUser):
        return erased_user(entry.user_id)
    if isinstance(entry, LooseLists):
        return loose_lists(entry.name)
    return "dead variants", f"{entry.feature_id} {entry.first}"


def erased_user(user_id: str) -> QueueKey:
    """What the queue knows the entry of a user by."""
    return "erased user", user_id


def loose_lists(name: str) -> QueueKey:
    """What the queue knows the entry of some lists by."""
    return "loose lists", name
