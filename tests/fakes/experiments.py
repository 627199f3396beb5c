"""Participants' records and counts of experiments, in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from chalicelib.domain.access.idempotency import IdempotencyRecord
from chalicelib.domain.experiments.compiled_experiments import CompiledExperiment
from chalicelib.domain.experiments.enrollment_counts import (
    EnrollmentCount,
    ExclusionCount,
    HourlyEnrollmentCount,
    dropped_at_once,
    exclusions_of,
    group_new_at_point,
    of_ending,
    of_records,
)
from chalicelib.domain.experiments.group_change import GroupChange, GroupLeft
from chalicelib.domain.experiments.marking import Outcome, Records, Repeat
from chalicelib.domain.experiments.transfer import (
    GroupOwnRecord,
    OwnedRecord,
    RecordKind,
    UserRecord,
)
from chalicelib.domain.features.users import Totals
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import (
    UNKNOWN_POINT,
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
from chalicelib.services.experiments.ports import Position, RecordPage
from chalicelib.services.participants.ports import Counting
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.experiments.enrollment_counts import COUNTS
from tests.fakes.memory import TRANSACTION_ACTIONS, Memory, require


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
            self._memory.enrollment_counts.extend(
                -enrollment_count for enrollment_count in of_ending(change.enrollments)
            )
            stored = participant.exclusions.keys() & set(change.lifted)
            self._memory.excluded.extend(ExclusionCount(feature_id, -1) for feature_id in stored)
            for gone in change.left:
                self.leave_group(gone)
            for enrolled in change.uncounted:
                self._memory.strata[enrolled.feature_id, enrolled.value, enrolled.variant_id] -= 1
            left = {
                feature_id: tuple(e for e in enrollments if e not in change.enrollments)
                for feature_id, enrollments in row.enrollments.items()
            }
            self._store(
                replace(
                    row,
                    enrollments={feature_id: kept for feature_id, kept in left.items() if kept},
                    exclusions={
                        feature_id: exclusion
                        for feature_id, exclusion in row.exclusions.items()
                        if feature_id not in change.lifted
                    },
                    lifted={**row.lifted, **dict.fromkeys(change.lifted, at)},
                )
            )

    def leave_group(self, left: GroupLeft) -> None:
        group = self._group(left.group)
        before = group.counts.get(left.feature_id, 0)
        if before:
            counts = {**group.counts, left.feature_id: before - 1}
            self._memory.groups[left.group] = replace(group, counts=counts)
            self._memory.complete_groups[left.feature_id] -= int(before == left.users_needed)

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
            self._require_unchanged(participant, groups, outcome.compiled, outcome.records)
            if counting.totals is not None:
                require(self.read(participant.id).testlab == participant.testlab)
            if point.point_key not in participant.points:
                row = replace(row, points={**row.points, point.point_key: point})
                for key in reached_by:
                    group = self._group(key)
                    reached = {point.point_key: point.at, **group.reached}
                    self._memory.groups[key] = replace(group, reached=reached)
            self._add(row, participant, groups, outcome.compiled, outcome.records, counting)
            self._memory.keep(record)

    def store_records(
        self,
        participant: Participant,
        groups: Mapping[GroupKey, GroupRecord],
        compiled: CompiledExperiment,
        records: Records,
        counting: Counting,
    ) -> None:
        with self._memory.lock:
            row = self.next(participant, participant.profile)
            self._require_unchanged(participant, groups, compiled, records)
            self._add(row, participant, groups, compiled, records, counting)

    def store_group_record(
        self,
        key: GroupKey,
        record: GroupEnrollment | Exclusion,
        shard: int,  # noqa: ARG002
    ) -> None:
        with self._memory.lock:
            group = self._group(key)
            if isinstance(record, GroupEnrollment):
                require(record.feature_id not in group.enrollments)
                enrollment_count = EnrollmentCount(
                    record.feature_id, record.condition_id, record.point_key, groups=1
                )
                self._memory.enrollment_counts.append(enrollment_count)
                group = replace(group, enrollments={**group.enrollments, record.feature_id: record})
            else:
                require(record.feature_id not in group.exclusions)
                self._memory.excluded.append(ExclusionCount(record.feature_id, 0, 1))
                group = replace(group, exclusions={**group.exclusions, record.feature_id: record})
            self._memory.groups[key] = group

    def _require_unchanged(
        self,
        participant: Participant,
        groups: Mapping[GroupKey, GroupRecord],
        compiled: CompiledExperiment | None,
        records: Records,
    ) -> None:
        if records.group_enrollment is not None:
            key, enrolled = records.group_enrollment
            require(enrolled.feature_id not in self._group(key).enrollments)
        for key, exclusion in records.group_exclusions:
            require(exclusion.feature_id not in self._group(key).exclusions)
        for key in records.dropped:
            gone = {each.feature_id for each in dropped_at_once(groups[key])}
            require(gone <= self._group(key).enrollments.keys())
        there, enrollment = group_new_at_point(groups, compiled, records), records.enrollment
        if there is not None and enrollment is not None:
            at = (enrollment.feature_id, enrollment.point_key)
            require(at not in self._group(there).enrolled_at)
        counted = _counted_group(participant, compiled, records)
        if counted is not None and enrollment is not None:
            before = groups[counted].counts.get(enrollment.feature_id, 0)
            require(self._group(counted).counts.get(enrollment.feature_id, 0) == before)

    def _add(
        self,
        row: Participant,
        participant: Participant,
        groups: Mapping[GroupKey, GroupRecord],
        compiled: CompiledExperiment | None,
        records: Records,
        counting: Counting,
    ) -> None:
        if records.exclusion is not None:
            own = records.exclusion
            row = replace(row, exclusions={**row.exclusions, own.feature_id: own})
        self._store(self._enrolled(row, records))
        there, enrollment = group_new_at_point(groups, compiled, records), records.enrollment
        if there is not None and enrollment is not None:
            group = self._group(there)
            at = group.enrolled_at | {(enrollment.feature_id, enrollment.point_key)}
            self._memory.groups[there] = replace(group, enrolled_at=at)
        self._memory.enrollment_counts.extend(of_records(participant, groups, compiled, records))
        self._memory.excluded.extend(exclusions_of(records))
        self._store_groups(groups, records)
        counted = _counted_group(participant, compiled, records)
        self._count(records, counting, counted)

    def counted(self, feature_id: int) -> tuple[int, int]:
        with self._memory.lock:
            users = sum(
                enrollment_count.users
                for enrollment_count in self._memory.enrollment_counts
                if enrollment_count.feature_id == feature_id
            )
            return users, self._memory.complete_groups[feature_id]

    def enrollment_counts(
        self, feature_id: int, point_keys: Collection[DecisionPointKey]
    ) -> tuple[Sequence[EnrollmentCount], ExclusionCount]:
        with self._memory.lock:
            added = [
                enrollment_count
                for enrollment_count in self._memory.enrollment_counts
                if enrollment_count.feature_id == feature_id
            ]
            excluded = [each for each in self._memory.excluded if each.feature_id == feature_id]
        sums: dict[tuple[str | None, DecisionPointKey | None], EnrollmentCount] = {}
        for enrollment_count in added:
            point_key = (
                enrollment_count.point_key if enrollment_count.point_key in point_keys else None
            )
            key = enrollment_count.condition_id, point_key
            before = sums.get(key) or EnrollmentCount(
                feature_id, enrollment_count.condition_id, point_key
            )
            sums[key] = replace(
                before,
                **{
                    name: getattr(before, name) + getattr(enrollment_count, name) for name in COUNTS
                },
            )
        users = sum(each.users for each in excluded)
        return list(sums.values()), ExclusionCount(
            feature_id, users, sum(each.groups for each in excluded)
        )

    def hourly(
        self, feature_id: int, since: date, point_keys: Collection[DecisionPointKey]
    ) -> Sequence[HourlyEnrollmentCount]:
        sums: dict[tuple[datetime, str | None, DecisionPointKey | None], HourlyEnrollmentCount] = {}
        with self._memory.lock:
            added = [
                enrollment_count
                for enrollment_count in self._memory.enrollment_counts
                if enrollment_count.feature_id == feature_id
            ]
        for enrollment_count in added:
            if enrollment_count.at is None or enrollment_count.at.date() < since:
                continue
            hour = enrollment_count.at.replace(minute=0, second=0, microsecond=0)
            key = (
                hour,
                enrollment_count.condition_id,
                enrollment_count.point_key if enrollment_count.point_key in point_keys else None,
            )
            before = sums.get(key) or HourlyEnrollmentCount(*key, 0, 0)
            sums[key] = replace(
                before,
                users=before.users + enrollment_count.point_users,
                groups=before.groups + enrollment_count.point_groups,
            )
        return [each for each in sums.values() if each.users or each.groups]

    def enrollments(
        self, feature_id: int, point_keys: Collection[DecisionPointKey], user_ids: Collection[str]
    ) -> Mapping[str, Sequence[Enrollment]]:
        known = {*point_keys, UNKNOWN_POINT}
        with self._memory.lock:
            found = {
                user_id: [e for e in own.enrollments.get(feature_id, ()) if e.point_key in known]
                for user_id in user_ids
                if (own := self._memory.participants.get(user_id)) is not None
            }
        return {user_id: enrollments for user_id, enrollments in found.items() if enrollments}

    def repeats(self, feature_id: int, user_ids: Collection[str]) -> Mapping[str, Sequence[Repeat]]:
        with self._memory.lock:
            found = {
                user_id: self._memory.repeats.get((feature_id, user_id)) for user_id in user_ids
            }
        return {user_id: repeats for user_id, repeats in found.items() if repeats}

    def stratum(self, feature_id: int, value: str) -> Mapping[int, int]:
        with self._memory.lock:
            return {
                variant_id: count
                for (of_feature, of_value, variant_id), count in self._memory.strata.items()
                if (of_feature, of_value) == (feature_id, value)
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

    def note_exposures(self, user_id: str, feature_ids: Collection[int], shard: int) -> None:  # noqa: ARG002
        with self._memory.lock:
            row = self._row(user_id)
            require(row.exposures.isdisjoint(feature_ids))
            self._store(replace(row, exposures=row.exposures.union(feature_ids)))
            self._memory.exposed.update(feature_ids)

    def exposures(self, feature_id: int) -> int:
        return self._memory.exposed[feature_id]

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
                e for e in enrollments.get(enrollment.feature_id, ()) if not _at(e, enrollment)
            )
            made = replace(enrollment, repeats=1 if repeat else 0)
            enrollments[enrollment.feature_id] = _by_point([*others, made])
        elif repeat is not None:
            enrollments[repeat.feature_id] = tuple(
                replace(e, repeats=e.repeats + 1, met=e.met | {repeat.condition_id or ""})
                if _at(e, repeat)
                else e
                for e in enrollments[repeat.feature_id]
            )
        if repeat is not None:
            self._memory.repeats.setdefault((repeat.feature_id, row.id), []).append(repeat)
        return replace(row, enrollments=enrollments)

    def _store_groups(self, groups: Mapping[GroupKey, GroupRecord], records: Records) -> None:
        for key, exclusion in records.group_exclusions:
            group = self._group(key)
            exclusions = {**group.exclusions, exclusion.feature_id: exclusion}
            self._memory.groups[key] = replace(group, exclusions=exclusions)
        if records.group_enrollment is not None:
            key, enrollment = records.group_enrollment
            group = self._group(key)
            enrolled: dict[int, GroupEnrollment] = {
                **group.enrollments,
                enrollment.feature_id: enrollment,
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
        feature_id = enrollment.feature_id
        self._memory.count(counting.totals, Totals(total_users=1))
        if counting.stratum is not None:
            self._memory.strata[feature_id, *counting.stratum] += 1
        if counted is not None:
            group = self._group(counted)
            count = group.counts.get(feature_id, 0) + 1
            self._memory.groups[counted] = replace(
                group, counts={**group.counts, feature_id: count}
            )
            self._memory.complete_groups[feature_id] += count == counting.users_per_group


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


def _counted_group(
    participant: Participant, compiled: CompiledExperiment | None, records: Records
) -> GroupKey | None:
    """The group in which a user is counted, who is enrolled for the first time."""
    enrollment = records.enrollment
    if enrollment is None or compiled is None or enrollment.group_id is None:
        return None
    if enrollment.feature_id in participant.enrollments:
        return None
    return GroupKey(compiled.group_type or "", enrollment.group_id)


def _at(enrollment: Enrollment, other: Enrollment | Repeat) -> bool:
    return enrollment.point_key == other.point_key


def _by_point(enrollments: Iterable[Enrollment]) -> tuple[Enrollment, ...]:
    """In the order of their sort keys."""
    return tuple(
        sorted(enrollments, key=lambda e: keys.point_key(e.point_key.site, e.point_key.target))
    )
