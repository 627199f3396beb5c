"""The records of users and groups in DynamoDB: one item collection each, read by one Query."""

from __future__ import annotations

import functools
import operator
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import Any

from pynamodb.transactions import TransactWrite

from chalicelib.domain.group_change import GroupChange, GroupLeft
from chalicelib.domain.marking import Outcome, Repeat
from chalicelib.domain.participants import (
    GroupEnrollment,
    GroupKey,
    GroupRecord,
    MonitoredPoint,
    Participant,
    Profile,
)
from chalicelib.domain.users import Totals
from chalicelib.services.ports import Counting
from chalicelib.storage import keys
from chalicelib.storage.connection import store_errors, transaction
from chalicelib.storage.records import (
    enrollment_row,
    exclusion_row,
    group_record_of,
    participant_of,
    place_key,
    profile_values,
)
from chalicelib.storage.tables import CounterRow, RecordRow, RepeatRow
from chalicelib.storage.times import to_ms
from chalicelib.storage.totals import count

GROUPS_AT_ONCE = 8
MEMBERS_AT_ONCE = 200
WRITERS = 8
ACTIONS = 95
"""Actions on the records of experiments in one transaction, which may hold a hundred."""

COUNTERS = 8
"""Actions that each experiment needs besides those on its enrollments."""

DROPPED_AT_ONCE = 30
FLAGS_PER_ITEM = 64
"""Flags by their numbers, that share an item of what was on for a user."""

ENROLLED = "enrolled"
EXPOSED = "exposed"
GROUPS = "groups"


class DynamoParticipantStore:
    """`ParticipantStore` on the tables `users` and `variants`."""

    @store_errors()
    def read(self, user_id: str) -> Participant:
        rows = RecordRow.query(keys.user(user_id), consistent_read=True)
        return participant_of(user_id, list(rows))

    def get(self, user_id: str) -> Participant | None:
        participant = self.read(user_id)
        return participant if participant.revision else None

    def groups(self, groups: Collection[GroupKey]) -> Mapping[GroupKey, GroupRecord]:
        if len(groups) <= 1:
            return {key: self._group(key) for key in groups}
        with ThreadPoolExecutor(min(len(groups), GROUPS_AT_ONCE)) as pool:
            return dict(zip(groups, pool.map(self._group, groups), strict=True))

    @store_errors()
    def _group(self, key: GroupKey) -> GroupRecord:
        rows = RecordRow.query(keys.group(key.type, key.id), consistent_read=True)
        return group_record_of(key, list(rows))

    def create(self, profiles: Sequence[Profile]) -> None:
        with transaction() as write:
            for profile in profiles:
                write.save(
                    RecordRow(
                        keys.user(profile.id), keys.PROFILE, data=profile_values(profile), n=1
                    ),
                    condition=RecordRow.pk.does_not_exist(),
                )

    def update(
        self, participant: Participant, profile: Profile, change: GroupChange, at: datetime
    ) -> None:
        groups = self.groups({left.group for left in change.left})
        parts = _parts(change)
        for part in parts[:-1]:
            self._change_group(participant, participant.profile, part, at, groups)
            participant = replace(participant, revision=participant.revision + 1)
        self._change_group(participant, profile, parts[-1], at, groups)

    def _change_group(
        self,
        participant: Participant,
        profile: Profile,
        change: GroupChange,
        at: datetime,
        groups: Mapping[GroupKey, GroupRecord],
    ) -> None:
        pk = keys.user(participant.id)
        with transaction() as write:
            _next_revision(write, participant, profile)
            for left in change.left:
                _leave_group(write, groups[left.group], left)
            for enrollment in change.enrollments:
                place = keys.place(enrollment.place.site, enrollment.place.target)
                write.delete(RecordRow(pk, keys.enrollment(enrollment.number, place)))
            for enrolled, rows in Counter(change.uncounted).items():
                kind = keys.stratum_counter(enrolled.value, enrolled.condition)
                _count(write, enrolled.number, kind, 0, -rows)
            for number in change.lifted:
                write.delete(RecordRow(pk, keys.exclusion(number)))
                write.save(RecordRow(pk, keys.lifted(number), data={"at": to_ms(at)}))

    def store_mark(
        self,
        participant: Participant,
        groups: Mapping[GroupKey, GroupRecord],
        outcome: Outcome,
        counting: Counting,
        reached_by: Collection[GroupKey],
    ) -> None:
        records = outcome.records
        pk = keys.user(participant.id)
        with transaction() as write:
            _next_revision(write, participant, participant.profile)
            if outcome.point.place not in participant.points:
                _write_point(write, pk, outcome.point)
                for key in reached_by:
                    _note_reached(write, key, outcome.point)
            if records.exclusion is not None:
                write.save(exclusion_row(pk, records.exclusion))
            for key, exclusion in records.group_exclusions:
                row = exclusion_row(keys.group(key.type, key.id), exclusion)
                # The first one stays, also where two members are marked at once.
                write.update(row, actions=[RecordRow.data.set(RecordRow.data | row.data)])
            if records.group_enrollment is not None:
                _write_group_enrollment(write, *records.group_enrollment)
            for key in records.dropped:
                _drop_enrollments(write, groups[key])
            _write_enrollment(write, participant, groups, outcome, counting)

    @store_errors()
    def counted(self, number: int) -> tuple[int, int]:
        users = groups = 0
        for row in CounterRow.query(
            number, CounterRow.sk.between(ENROLLED, GROUPS + "~"), consistent_read=True
        ):
            if row.sk.startswith(keys.counter_prefix(ENROLLED)):
                users += int(row.n or 0)
            elif row.sk.startswith(keys.counter_prefix(GROUPS)):
                groups += int(row.n or 0)
        return users, groups

    @store_errors()
    def stratum(self, number: int, value: str) -> Mapping[int, int]:
        prefix = keys.stratum_counter_prefix(value)
        counts: defaultdict[int, int] = defaultdict(int)
        for row in CounterRow.query(number, CounterRow.sk.startswith(prefix), consistent_read=True):
            counts[int(row.sk.split("#")[2])] += int(row.n or 0)
        return counts

    def note_members(self, segment_id: str, version: int, user_ids: Sequence[str]) -> None:
        chunks = [
            user_ids[start : start + MEMBERS_AT_ONCE]
            for start in range(0, len(user_ids), MEMBERS_AT_ONCE)
        ]
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(lambda chunk: self._note_some(segment_id, version, chunk), chunks))

    @store_errors()
    def _note_some(self, segment_id: str, version: int, user_ids: Sequence[str]) -> None:
        with RecordRow.batch_write() as batch:
            for user_id in user_ids:
                batch.save(RecordRow(keys.user(user_id), keys.member(segment_id, version)))
        # Only then: whoever is named here has been told.
        with RecordRow.batch_write() as batch:
            for user_id in user_ids:
                sort_key = f"{version}#{keys.part(user_id)}"
                data = {"user_id": user_id}
                batch.save(RecordRow(keys.segment(segment_id), sort_key, data=data))

    @store_errors()
    def members(self, segment_id: str, version: int) -> Sequence[str]:
        return [
            row.data["user_id"]
            for row in RecordRow.query(
                keys.segment(segment_id),
                RecordRow.sk.startswith(f"{version}#"),
                consistent_read=True,
            )
        ]

    @store_errors()
    def forget_members(self, segment_id: str, version: int) -> None:
        gone = self.members(segment_id, version)
        with RecordRow.batch_write() as batch:
            for user_id in gone:
                batch.delete(RecordRow(keys.user(user_id), keys.member(segment_id, version)))
        # Only then: it is by these that the notes are found.
        with RecordRow.batch_write() as batch:
            for user_id in gone:
                sort_key = f"{version}#{keys.part(user_id)}"
                batch.delete(RecordRow(keys.segment(segment_id), sort_key))

    def note_exposures(self, user_id: str, numbers: Collection[int], shard: int) -> None:
        parts = _exposure_parts(numbers)
        if len(parts) == 1:
            _note_exposed(user_id, parts[0], shard)
            return
        with ThreadPoolExecutor(min(len(parts), WRITERS)) as pool:
            list(pool.map(lambda part: _note_exposed(user_id, part, shard), parts))

    @store_errors()
    def exposures(self, number: int) -> int:
        prefix = keys.counter_prefix(EXPOSED)
        rows = CounterRow.query(number, CounterRow.sk.startswith(prefix), consistent_read=True)
        return sum(int(row.n or 0) for row in rows)


def _exposure_parts(numbers: Collection[int]) -> list[list[list[int]]]:
    """Flags by the item that notes them; the items of each part fit one transaction.

    An item is in one part only, so that the parts can be written at the same time.
    """
    buckets: defaultdict[int, list[int]] = defaultdict(list)
    for number in sorted(numbers):
        buckets[number // FLAGS_PER_ITEM].append(number)
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
        for numbers in part:
            unseen = [~RecordRow.numbers.contains(number) for number in numbers]
            write.update(
                RecordRow(keys.user(user_id), keys.exposures(numbers[0] // FLAGS_PER_ITEM)),
                actions=[RecordRow.numbers.add(set(numbers))],
                condition=functools.reduce(operator.and_, unseen),
            )
            for number in numbers:
                _count(write, number, EXPOSED, shard, 1)


def _parts(change: GroupChange) -> list[GroupChange]:
    """What fits one transaction each: all of an experiment in one; at least one part."""
    parts: list[set[int]] = [set()]
    room = ACTIONS
    for number in sorted({e.number for e in change.enrollments} | {*change.lifted}):
        needed = COUNTERS + sum(e.number == number for e in change.enrollments)
        if needed > room:
            parts.append(set())
            room = ACTIONS
        parts[-1].add(number)
        room -= needed
    return [
        GroupChange(
            tuple(e for e in change.enrollments if e.number in numbers),
            tuple(number for number in change.lifted if number in numbers),
            tuple(left for left in change.left if left.number in numbers),
            tuple(counted for counted in change.uncounted if counted.number in numbers),
        )
        for numbers in parts
    ]


def _next_revision(write: TransactWrite, participant: Participant, profile: Profile) -> None:
    """Insist that nobody changed the user's records since they were read."""
    write.update(
        RecordRow(keys.user(participant.id), keys.PROFILE),
        actions=[
            RecordRow.n.set(participant.revision + 1),
            RecordRow.data.set(profile_values(profile)),
        ],
        condition=RecordRow.n == participant.revision,
    )


def _write_point(write: TransactWrite, pk: str, point: MonitoredPoint) -> None:
    data = {
        **_reached(point),
        "id": point.id,
        "experiment": point.experiment_id,
        "condition": point.condition,
    }
    write.save(RecordRow(pk, keys.point(place_key(point.place)), data=data))


def _note_reached(write: TransactWrite, key: GroupKey, point: MonitoredPoint) -> None:
    """Note at a group that a member reached a place, unless one did before."""
    write.update(
        RecordRow(keys.group(key.type, key.id), keys.point(place_key(point.place))),
        actions=[RecordRow.data.set(RecordRow.data | _reached(point))],
    )


def _reached(point: MonitoredPoint) -> dict[str, Any]:
    return {"site": point.place.site, "target": point.place.target, "at": to_ms(point.at)}


def _write_group_enrollment(
    write: TransactWrite, key: GroupKey, enrollment: GroupEnrollment
) -> None:
    data = {
        "site": enrollment.place.site,
        "target": enrollment.place.target,
        "condition": enrollment.condition_id,
        "at": to_ms(enrollment.at),
    }
    write.save(
        RecordRow(keys.group(key.type, key.id), keys.enrollment(enrollment.number, ""), data=data),
        condition=RecordRow.pk.does_not_exist(),
    )


def _drop_enrollments(write: TransactWrite, record: GroupRecord) -> None:
    pk = keys.group(record.key.type, record.key.id)
    # Should there be more, the next mark of a member finds them.
    for number in sorted(record.enrollments)[:DROPPED_AT_ONCE]:
        write.delete(RecordRow(pk, keys.enrollment(number, "")))


def _write_enrollment(
    write: TransactWrite,
    participant: Participant,
    groups: Mapping[GroupKey, GroupRecord],
    outcome: Outcome,
    counting: Counting,
) -> None:
    pk = keys.user(participant.id)
    enrollment, repeat = outcome.records.enrollment, outcome.records.repeat
    if enrollment is not None:
        write.save(enrollment_row(pk, enrollment, 1 if repeat else 0))
        if enrollment.number not in participant.enrollments:
            _count(write, enrollment.number, ENROLLED, counting.shard, 1)
            _count_group(write, groups, outcome, counting)
            count(write, counting.totals, Totals(total_users=1))
        if counting.stratum is not None:
            kind = keys.stratum_counter(*counting.stratum)
            _count(write, enrollment.number, kind, counting.shard, 1)
    elif repeat is not None:
        write.update(
            RecordRow(pk, keys.enrollment(repeat.number, place_key(repeat.place))),
            actions=[RecordRow.n.add(1)],
        )
    if repeat is not None:
        write.save(_repeat_row(participant, repeat))


def _repeat_row(participant: Participant, repeat: Repeat) -> RepeatRow:
    index = sum(
        enrollment.repeats
        for enrollment in participant.enrollments.get(repeat.number, ())
        if enrollment.place == repeat.place
    )
    return RepeatRow(
        keys.repeats(repeat.number, participant.id),
        keys.repeat(place_key(repeat.place), index),
        data={"condition": repeat.condition_id, "uniquifier": repeat.uniquifier},
    )


def _count_group(
    write: TransactWrite,
    groups: Mapping[GroupKey, GroupRecord],
    outcome: Outcome,
    counting: Counting,
) -> None:
    """Count a newly enrolled user in the group; and the group, once it has users enough."""
    enrollment, offer = outcome.records.enrollment, outcome.offer
    if enrollment is None or offer is None or enrollment.group_id is None:
        return
    key = GroupKey(offer.group_type or "", enrollment.group_id)
    before = groups[key].counts.get(enrollment.number, 0)
    unchanged = RecordRow.n == before
    if before == 0:
        unchanged |= RecordRow.pk.does_not_exist()
    write.update(
        RecordRow(keys.group(key.type, key.id), keys.count(enrollment.number)),
        actions=[RecordRow.n.set(before + 1)],
        condition=unchanged,
    )
    if before + 1 == counting.users_per_group:
        _count(write, enrollment.number, GROUPS, counting.shard, 1)


def _leave_group(write: TransactWrite, record: GroupRecord, left: GroupLeft) -> None:
    """Count a user less in an experiment and in the group; and the group, if it is incomplete."""
    _count(write, left.number, ENROLLED, 0, -1)
    before = record.counts.get(left.number, 0)
    if before == 0:
        return
    write.update(
        RecordRow(keys.group(record.key.type, record.key.id), keys.count(left.number)),
        actions=[RecordRow.n.set(before - 1)],
        condition=RecordRow.n == before,
    )
    if before == left.users_needed:
        _count(write, left.number, GROUPS, 0, -1)


def _count(write: TransactWrite, number: int, kind: str, shard: int, by: int) -> None:
    write.update(CounterRow(number, keys.counter(kind, shard)), actions=[CounterRow.n.add(by)])
