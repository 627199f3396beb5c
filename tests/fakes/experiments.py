"""What marks store, the counts of it, and records as they are listed, in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from chalicelib.domain.access.idempotency import IdempotencyRecord
from chalicelib.domain.experiments.compiled_experiments import CompiledExperiment
from chalicelib.domain.experiments.enrollment_counts import (
    COUNTS,
    DailyEnrollmentCount,
    EnrollmentCount,
    ExclusionCount,
    HourlyEnrollmentCount,
    dropped_at_once,
    exclusions_of,
    group_new_at_point,
    of_group,
    of_records,
)
from chalicelib.domain.experiments.marks import Outcome, Records, Repeat
from chalicelib.domain.experiments.transfer import (
    GroupOwnRecord,
    OwnedRecord,
    RecordKind,
    UserRecord,
)
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import (
    Enrollment,
    Exclusion,
    GroupEnrollment,
    GroupKey,
    GroupRecord,
    MonitoredPoint,
    Participant,
)
from chalicelib.services.experiments.ports import Counting, Position, RecordPage
from tests.fakes.memory import Memory, require


class FakeEnrollmentStore:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

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
            row = self._memory.next(participant, participant.profile)
            self._require_unchanged(participant, groups, outcome.compiled, outcome.records)
            if counting.totals is not None:
                require(self._memory.testlab(participant.id) == participant.testlab)
            if point.point_key not in participant.points:
                row = replace(row, points={**row.points, point.point_key: point})
                for key in reached_by:
                    group = self._memory.group(key)
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
            row = self._memory.next(participant, participant.profile)
            self._require_unchanged(participant, groups, compiled, records)
            self._add(row, participant, groups, compiled, records, counting)

    def store_group_record(
        self,
        key: GroupKey,
        record: GroupEnrollment | Exclusion,
        shard: int,  # noqa: ARG002
    ) -> None:
        with self._memory.lock:
            group = self._memory.group(key)
            if isinstance(record, GroupEnrollment):
                require(record.feature_id not in group.enrollments)
                self._memory.enrollment_counts.append(of_group(record))
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
            require(enrolled.feature_id not in self._memory.group(key).enrollments)
        for key, exclusion in records.group_exclusions:
            require(exclusion.feature_id not in self._memory.group(key).exclusions)
        for key in records.dropped:
            gone = {each.feature_id for each in dropped_at_once(groups[key])}
            require(gone <= self._memory.group(key).enrollments.keys())
        there, enrollment = group_new_at_point(groups, compiled, records), records.enrollment
        if there is not None and enrollment is not None:
            at = (enrollment.feature_id, enrollment.point_key)
            require(at not in self._memory.group(there).enrolled_at)
        counted = _counted_group(participant, compiled, records)
        if counted is not None and enrollment is not None:
            before = groups[counted].counts.get(enrollment.feature_id, 0)
            require(self._memory.group(counted).counts.get(enrollment.feature_id, 0) == before)

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
        self._memory.store(self._enrolled(row, records))
        there, enrollment = group_new_at_point(groups, compiled, records), records.enrollment
        if there is not None and enrollment is not None:
            group = self._memory.group(there)
            at = group.enrolled_at | {(enrollment.feature_id, enrollment.point_key)}
            self._memory.groups[there] = replace(group, enrolled_at=at)
        self._memory.enrollment_counts.extend(of_records(participant, groups, compiled, records))
        self._memory.excluded.extend(exclusions_of(records))
        self._store_groups(groups, records)
        counted = _counted_group(participant, compiled, records)
        self._count(records, counting, counted)

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
            group = self._memory.group(key)
            exclusions = {**group.exclusions, exclusion.feature_id: exclusion}
            self._memory.groups[key] = replace(group, exclusions=exclusions)
        if records.group_enrollment is not None:
            key, enrollment = records.group_enrollment
            group = self._memory.group(key)
            enrolled: dict[int, GroupEnrollment] = {
                **group.enrollments,
                enrollment.feature_id: enrollment,
            }
            self._memory.groups[key] = replace(group, enrollments=enrolled)
        for key in records.dropped:
            group, gone = self._memory.group(key), dropped_at_once(groups[key])
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
        self._memory.count_users(counting.totals, 1)
        if counting.stratum is not None:
            self._memory.strata[feature_id, *counting.stratum] += 1
        if counted is not None:
            group = self._memory.group(counted)
            count = group.counts.get(feature_id, 0) + 1
            self._memory.groups[counted] = replace(
                group, counts={**group.counts, feature_id: count}
            )
            self._memory.complete_groups[feature_id] += count == counting.users_per_group


class FakeEnrollmentCountStore:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def in_all(self, feature_id: int) -> tuple[int, int]:
        with self._memory.lock:
            users = sum(
                enrollment_count.users
                for enrollment_count in self._memory.enrollment_counts
                if enrollment_count.feature_id == feature_id
            )
            return users, self._memory.complete_groups[feature_id]

    def by_point(
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

    def daily(self, feature_id: int) -> Sequence[DailyEnrollmentCount]:
        sums: dict[tuple[date, str | None], DailyEnrollmentCount] = {}
        with self._memory.lock:
            added = [
                (each.at, each)
                for each in self._memory.enrollment_counts
                if each.feature_id == feature_id and each.at is not None
            ]
        for at, each in added:
            key = at.date(), each.condition_id
            before = sums.get(key) or DailyEnrollmentCount(*key, 0, 0)
            sums[key] = replace(
                before,
                users=before.users + each.condition_users,
                groups=before.groups + each.groups,
            )
        return [each for each in sums.values() if each.users or each.groups]

    def in_strata(self, feature_id: int, values: Collection[str]) -> Mapping[tuple[str, int], int]:
        with self._memory.lock:
            return {
                (value, variant_id): count
                for (of_feature, value, variant_id), count in self._memory.strata.items()
                if of_feature == feature_id and value in values and count
            }

    def in_stratum(self, feature_id: int, value: str) -> Mapping[int, int]:
        with self._memory.lock:
            return {
                variant_id: count
                for (of_feature, of_value, variant_id), count in self._memory.strata.items()
                if (of_feature, of_value) == (feature_id, value)
            }


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
    return tuple(sorted(enrollments, key=lambda each: each.point_key))
