"""The records of users and groups in DynamoDB: one item collection each, read by one Query."""

from __future__ import annotations

import functools
import operator
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import replace
from datetime import date, datetime

from chalicelib.domain.access.idempotency import IdempotencyRecord
from chalicelib.domain.experiments.compiled_experiments import CompiledExperiment
from chalicelib.domain.experiments.enrollment_counts import (
    EnrollmentCount,
    ExclusionCount,
    HourlyEnrollmentCount,
)
from chalicelib.domain.experiments.group_change import GroupChange
from chalicelib.domain.experiments.marking import Outcome, Records, Repeat
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import (
    UNKNOWN_POINT,
    Enrollment,
    Exclusion,
    GroupEnrollment,
    GroupKey,
    GroupRecord,
    Participant,
    Profile,
)
from chalicelib.services.participants.ports import Counting
from chalicelib.services.running.pools import Pool
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import store_errors, transaction
from chalicelib.storage.dynamodb.reading import read_rows
from chalicelib.storage.dynamodb.tables import CounterRow, RecordRow
from chalicelib.storage.experiments.enrollment_counts import add_count, read_counts, read_hourly
from chalicelib.storage.experiments.group_changes import change_group, parts_of
from chalicelib.storage.experiments.marks import (
    read_repeats,
    store_group_record,
    store_mark,
    store_records,
)
from chalicelib.storage.participants.records import (
    enrollment_of,
    group_record_of,
    participant_of,
    point_text,
    profile_values,
)

GROUPS_AT_ONCE = 8
MEMBERS_AT_ONCE = 200
WRITERS = 8
READERS = 16

ACTIONS = 95
"""Actions that note exposures in one transaction, which may hold a hundred."""

FLAGS_PER_ITEM = 64
"""Flags, by feature ids, that share an item of what was on for a user."""


class DynamoParticipantStore:
    """`ParticipantStore` on the tables `users` and `variants`."""

    @store_errors()
    def read(self, user_id: str) -> Participant:
        # Kept answers lie behind: they would make the records dear to read.
        rows = RecordRow.query(keys.user(user_id), RecordRow.sk < keys.ASIDE, consistent_read=True)
        return participant_of(user_id, list(rows))

    def get(self, user_id: str) -> Participant | None:
        participant = self.read(user_id)
        return participant if participant.revision else None

    def groups(self, groups: Collection[GroupKey]) -> Mapping[GroupKey, GroupRecord]:
        if len(groups) <= 1:
            return {key: self._group(key) for key in groups}
        with Pool(min(len(groups), GROUPS_AT_ONCE)) as pool:
            return dict(zip(groups, pool.map(self._group, groups), strict=True))

    @store_errors()
    def _group(self, key: GroupKey) -> GroupRecord:
        rows = RecordRow.query(keys.group(key.type, key.id), consistent_read=True)
        return group_record_of(key, list(rows))

    def create(self, profiles: Sequence[Profile]) -> None:
        aliases: defaultdict[str, list[str]] = defaultdict(list)
        for profile in profiles:
            if profile.owner is not None:
                aliases[profile.owner].append(profile.id)
        with transaction() as write:
            for profile in profiles:
                write.save(
                    RecordRow(
                        keys.user(profile.id), keys.PROFILE, data=profile_values(profile), n=1
                    ),
                    condition=RecordRow.pk.does_not_exist(),
                )
            # By these an owner's aliases are found, all of one call in one item.
            for owner, ids in aliases.items():
                note = RecordRow(keys.user(owner), keys.aliases(ids[0]))
                write.update(note, actions=[RecordRow.ids.add(set(ids))])

    def update(
        self, participant: Participant, profile: Profile, change: GroupChange, at: datetime
    ) -> None:
        groups = self.groups({left.group for left in change.left})
        *first, last = parts_of(change)
        for part in first:
            change_group(participant, participant.profile, part, at, groups)
            participant = replace(participant, revision=participant.revision + 1)
        change_group(participant, profile, last, at, groups)

    def store_mark(
        self,
        participant: Participant,
        groups: Mapping[GroupKey, GroupRecord],
        outcome: Outcome,
        counting: Counting,
        reached_by: Collection[GroupKey],
        record: IdempotencyRecord | None = None,
    ) -> None:
        store_mark(participant, groups, outcome, counting, reached_by, record)

    def store_records(
        self,
        participant: Participant,
        groups: Mapping[GroupKey, GroupRecord],
        compiled: CompiledExperiment,
        records: Records,
        counting: Counting,
    ) -> None:
        store_records(participant, groups, compiled, records, counting)

    def store_group_record(
        self, key: GroupKey, record: GroupEnrollment | Exclusion, shard: int
    ) -> None:
        store_group_record(key, record, shard)

    @store_errors()
    def counted(self, feature_id: int) -> tuple[int, int]:
        enrollment_counts, _, complete_groups = read_counts(feature_id)
        return sum(
            enrollment_count.users for enrollment_count in enrollment_counts
        ), complete_groups

    @store_errors()
    def enrollment_counts(
        self, feature_id: int, point_keys: Collection[DecisionPointKey]
    ) -> tuple[Sequence[EnrollmentCount], ExclusionCount]:
        enrollment_counts, excluded, _ = read_counts(feature_id, point_keys)
        return enrollment_counts, excluded

    @store_errors()
    def hourly(
        self, feature_id: int, since: date, point_keys: Collection[DecisionPointKey]
    ) -> Sequence[HourlyEnrollmentCount]:
        return read_hourly(feature_id, since, point_keys)

    def enrollments(
        self, feature_id: int, point_keys: Collection[DecisionPointKey], user_ids: Collection[str]
    ) -> Mapping[str, Sequence[Enrollment]]:
        by_key = {keys.user(user_id): user_id for user_id in user_ids}
        sort_keys = [
            keys.enrollment(feature_id, point_text(point_key))
            for point_key in {*point_keys, UNKNOWN_POINT}
        ]
        found: defaultdict[str, list[Enrollment]] = defaultdict(list)
        for row in read_rows(RecordRow, [(pk, sk) for pk in by_key for sk in sort_keys]):
            found[by_key[row.pk]].append(enrollment_of(row))
        return found

    def repeats(self, feature_id: int, user_ids: Collection[str]) -> Mapping[str, Sequence[Repeat]]:
        users = sorted(user_ids)
        with Pool(READERS) as pool:
            found = pool.map(lambda user_id: read_repeats(feature_id, user_id), users)
            return {
                user_id: [kept.repeat for kept in own]
                for user_id, own in zip(users, found, strict=True)
                if own
            }

    @store_errors()
    def stratum(self, feature_id: int, value: str) -> Mapping[int, int]:
        prefix = keys.stratum_counter_prefix(value)
        counts: defaultdict[int, int] = defaultdict(int)
        for row in CounterRow.query(
            feature_id, CounterRow.sk.startswith(prefix), consistent_read=True
        ):
            counts[int(row.sk.split("#")[2])] += int(row.n or 0)
        return counts

    def note_members(self, segment_id: str, version: int, user_ids: Sequence[str]) -> None:
        noted = self._noted(segment_id, version, frozenset(user_ids))
        user_ids = [user_id for user_id in user_ids if user_id not in noted]
        chunks = [
            user_ids[start : start + MEMBERS_AT_ONCE]
            for start in range(0, len(user_ids), MEMBERS_AT_ONCE)
        ]
        with Pool(WRITERS) as pool:
            list(pool.map(lambda chunk: self._note_some(segment_id, version, chunk), chunks))

    @store_errors()
    def _note_some(self, segment_id: str, version: int, user_ids: Sequence[str]) -> None:
        with RecordRow.batch_write() as batch:
            for user_id in user_ids:
                sort_key, data = keys.member_of(version, user_id), {"user_id": user_id}
                batch.save(RecordRow(keys.segment(segment_id), sort_key, data=data))
        # Only then: whoever is told is named there, and found when the version goes.
        with RecordRow.batch_write() as batch:
            for user_id in user_ids:
                batch.save(RecordRow(keys.user(user_id), keys.member(segment_id, version)))

    def _noted(self, segment_id: str, version: int, user_ids: Set[str]) -> Set[str]:
        """Those of some users of a list whom an earlier attempt told."""
        sort_key = keys.member(segment_id, version)
        named = {keys.user(each): each for each in self.members(segment_id, version)}
        wanted = [(pk, sort_key) for pk, each in named.items() if each in user_ids]
        return {named[row.pk] for row in read_rows(RecordRow, wanted)}

    @store_errors()
    def members(self, segment_id: str, version: int, limit: int | None = None) -> Sequence[str]:
        return [
            row.data["user_id"]
            for row in RecordRow.query(
                keys.segment(segment_id),
                RecordRow.sk.startswith(f"{version}#"),
                consistent_read=True,
                limit=limit,
            )
        ]

    @store_errors()
    def count_members(self, segment_id: str, version: int) -> int:
        return RecordRow.count(
            keys.segment(segment_id), RecordRow.sk.startswith(f"{version}#"), consistent_read=True
        )

    @store_errors()
    def forget_members(self, segment_id: str, version: int, user_ids: Sequence[str]) -> None:
        with RecordRow.batch_write() as batch:
            for user_id in user_ids:
                batch.delete(RecordRow(keys.user(user_id), keys.member(segment_id, version)))
        # Only then: by these the notes are found.
        with RecordRow.batch_write() as batch:
            for user_id in user_ids:
                batch.delete(RecordRow(keys.segment(segment_id), keys.member_of(version, user_id)))

    def note_exposures(self, user_id: str, feature_ids: Collection[int], shard: int) -> None:
        parts = _exposure_parts(feature_ids)
        if len(parts) == 1:
            _note_exposed(user_id, parts[0], shard)
            return
        with Pool(min(len(parts), WRITERS)) as pool:
            list(pool.map(lambda part: _note_exposed(user_id, part, shard), parts))

    @store_errors()
    def exposures(self, feature_id: int) -> int:
        prefix = keys.counter_prefix(keys.EXPOSED)
        rows = CounterRow.query(feature_id, CounterRow.sk.startswith(prefix), consistent_read=True)
        return sum(int(row.n or 0) for row in rows)


def _exposure_parts(feature_ids: Collection[int]) -> list[list[list[int]]]:
    """Flags by the item that notes them; the items of each part fit one transaction.

    An item is in one part only, so that the parts can be written at the same time.
    """
    buckets: defaultdict[int, list[int]] = defaultdict(list)
    for feature_id in sorted(feature_ids):
        buckets[feature_id // FLAGS_PER_ITEM].append(feature_id)
    parts: list[list[list[int]]] = []
    room = 0
    for bucket in buckets.values():
        needed = 1 + len(bucket)
        if needed > room:
            parts.append([])
            room = ACTIONS
        parts[-1].append(bucket)
        room -= needed
    return parts


def _note_exposed(user_id: str, part: Sequence[Sequence[int]], shard: int) -> None:
    with transaction() as write:
        for feature_ids in part:
            unseen = [~RecordRow.numbers.contains(feature_id) for feature_id in feature_ids]
            write.update(
                RecordRow(keys.user(user_id), keys.exposures(feature_ids[0] // FLAGS_PER_ITEM)),
                actions=[RecordRow.numbers.add(set(feature_ids))],
                condition=functools.reduce(operator.and_, unseen),
            )
            for feature_id in feature_ids:
                add_count(write, feature_id, keys.EXPOSED, shard, 1)
