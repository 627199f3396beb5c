"""Records of marks in DynamoDB, and those that come from elsewhere: one transaction each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pynamodb.transactions import TransactWrite

from chalicelib.domain.access.idempotency import IdempotencyRecord
from chalicelib.domain.experiments.compiled_experiments import CompiledExperiment
from chalicelib.domain.experiments.enrollment_counts import (
    ExclusionCount,
    dropped_at_once,
    exclusions_of,
    group_new_at_point,
    of_group,
    of_records,
)
from chalicelib.domain.experiments.marks import Outcome, Records
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
from chalicelib.services.experiments.ports import Counting
from chalicelib.storage.access.idempotency import transaction_once
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import transaction
from chalicelib.storage.dynamodb.counters import add_count
from chalicelib.storage.dynamodb.tables import RecordRow
from chalicelib.storage.dynamodb.times import to_ms
from chalicelib.storage.experiments.enrollment_counts import (
    add_enrollment_counts,
    add_exclusions,
)
from chalicelib.storage.experiments.repeats import repeat_row
from chalicelib.storage.experiments.totals import count_users
from chalicelib.storage.participants.records import (
    enrollment_row,
    exclusion_row,
    group_enrollment_row,
    group_exclusion_row,
    next_revision,
    note_counted,
    point_row,
    point_text,
)


class DynamoEnrollmentStore:
    """`EnrollmentStore` on the tables `users`, `events` and `variants`."""

    def store_mark(
        self,
        participant: Participant,
        groups: Mapping[GroupKey, GroupRecord],
        outcome: Outcome,
        counting: Counting,
        reached_by: Collection[GroupKey],
        record: IdempotencyRecord | None = None,
    ) -> None:
        with transaction_once(record) as write:
            next_revision(write, participant, participant.profile)
            point = None if outcome.point.point_key in participant.points else outcome.point
            if point is not None:
                if outcome.records.enrollment is None:
                    write.save(point_row(keys.user(participant.id), point))
                for key in reached_by:
                    _note_reached(write, key, point)
            _write_records(
                write, participant, groups, outcome.compiled, outcome.records, counting, point
            )

    def store_records(
        self,
        participant: Participant,
        groups: Mapping[GroupKey, GroupRecord],
        compiled: CompiledExperiment,
        records: Records,
        counting: Counting,
    ) -> None:
        with transaction() as write:
            next_revision(write, participant, participant.profile)
            _write_records(write, participant, groups, compiled, records, counting)

    def store_group_record(
        self, key: GroupKey, record: GroupEnrollment | Exclusion, shard: int
    ) -> None:
        with transaction() as write:
            if isinstance(record, GroupEnrollment):
                _write_group_enrollment(write, key, record)
                add_enrollment_counts(write, (of_group(record),), shard)
            else:
                _write_group_exclusion(write, key, record)
                add_exclusions(write, (ExclusionCount(record.feature_id, 0, 1),), shard)


def _write_records(
    write: TransactWrite,
    participant: Participant,
    groups: Mapping[GroupKey, GroupRecord],
    compiled: CompiledExperiment | None,
    records: Records,
    counting: Counting,
    point: MonitoredPoint | None = None,
) -> None:
    if records.exclusion is not None:
        write.save(exclusion_row(keys.user(participant.id), records.exclusion))
    for key, exclusion in records.group_exclusions:
        _write_group_exclusion(write, key, exclusion)
    if records.group_enrollment is not None:
        _write_group_enrollment(write, *records.group_enrollment)
    for key in records.dropped:
        for enrollment in dropped_at_once(groups[key]):
            row = RecordRow(
                keys.group(key.type, key.id), keys.enrollment(enrollment.feature_id, "")
            )
            # Else two members at once would take it off the count twice.
            write.delete(row, condition=RecordRow.pk.exists())
    _write_enrollment(write, participant, groups, compiled, records, counting, point)
    key_there, own = group_new_at_point(groups, compiled, records), records.enrollment
    if key_there is not None and own is not None:
        _note_enrolled_at(write, participant, groups[key_there], own)
    add_enrollment_counts(write, of_records(participant, groups, compiled, records), counting.shard)
    add_exclusions(write, exclusions_of(records), counting.shard)


def _begins_count(participant: Participant, group: GroupRecord, enrollment: Enrollment) -> bool:
    """Whether an enrollment is the first that is counted in a group: the count notes its point."""
    feature_id = enrollment.feature_id
    return feature_id not in participant.enrollments and feature_id not in group.counts


def _note_enrolled_at(
    write: TransactWrite, participant: Participant, group: GroupRecord, enrollment: Enrollment
) -> None:
    """Note that a member of a group is enrolled at a decision point, the first one there."""
    if _begins_count(participant, group, enrollment):
        return
    feature_id, point_key = enrollment.feature_id, enrollment.point_key
    write.save(
        RecordRow(
            keys.group(group.key.type, group.key.id),
            keys.enrolled_at(feature_id, point_text(point_key)),
            data=_at(point_key),
            experiment=feature_id,
        ),
        condition=RecordRow.pk.does_not_exist(),
    )


def _note_reached(write: TransactWrite, key: GroupKey, point: MonitoredPoint) -> None:
    """Note at a group that a member reached a decision point, unless one did before."""
    write.update(
        RecordRow(keys.group(key.type, key.id), keys.point(point_text(point.point_key))),
        actions=[RecordRow.data.set(RecordRow.data | _reached(point))],
    )


def _reached(point: MonitoredPoint) -> dict[str, Any]:
    return {**_at(point.point_key), "at": to_ms(point.at)}


def _at(point_key: DecisionPointKey) -> dict[str, Any]:
    return {"site": point_key.site, "target": point_key.target}


def _write_group_enrollment(
    write: TransactWrite, key: GroupKey, enrollment: GroupEnrollment
) -> None:
    write.save(group_enrollment_row(key, enrollment), condition=RecordRow.pk.does_not_exist())


def _write_group_exclusion(write: TransactWrite, key: GroupKey, exclusion: Exclusion) -> None:
    # The first one stays: who comes second, of two members, decides anew.
    write.save(group_exclusion_row(key, exclusion), condition=RecordRow.pk.does_not_exist())


def _write_enrollment(
    write: TransactWrite,
    participant: Participant,
    groups: Mapping[GroupKey, GroupRecord],
    compiled: CompiledExperiment | None,
    records: Records,
    counting: Counting,
    point: MonitoredPoint | None,
) -> None:
    pk = keys.user(participant.id)
    enrollment, repeat = records.enrollment, records.repeat
    if enrollment is not None:
        row = enrollment_row(pk, enrollment, 1 if repeat else 0, point)
        if _is_there(participant, enrollment):
            # Not replaced: the point within it stays.
            met = RecordRow.met.set(row.met) if row.met else RecordRow.met.remove()
            fields = RecordRow.data, RecordRow.n, RecordRow.experiment
            values = row.data, row.n, row.experiment
            same = [field.set(value) for field, value in zip(fields, values, strict=True)]
            write.update(row, actions=[*same, met])
        else:
            write.save(row)
        if enrollment.feature_id not in participant.enrollments:
            _count_group(write, participant, groups, compiled, enrollment, counting)
        if counting.totals is not None:
            count_users(write, counting.totals, 1)
            note_counted(write, participant, enrollment.feature_id)
        if counting.stratum is not None:
            kind = keys.stratum_counter(*counting.stratum)
            add_count(write, enrollment.feature_id, kind, counting.shard, 1)
    elif repeat is not None:
        write.update(
            RecordRow(pk, keys.enrollment(repeat.feature_id, point_text(repeat.point_key))),
            actions=[RecordRow.n.add(1), RecordRow.met.add({repeat.condition_id or ""})],
            condition=RecordRow.pk.exists(),  # the purge may have come in between
        )
    if repeat is not None:
        write.save(repeat_row(participant, repeat))


def _is_there(participant: Participant, enrollment: Enrollment) -> bool:
    """Whether a user is enrolled at the decision point already, with a condition that is gone."""
    own = participant.enrollments.get(enrollment.feature_id, ())
    return any(each.point_key == enrollment.point_key for each in own)


def _count_group(
    write: TransactWrite,
    participant: Participant,
    groups: Mapping[GroupKey, GroupRecord],
    compiled: CompiledExperiment | None,
    enrollment: Enrollment,
    counting: Counting,
) -> None:
    """Count a newly enrolled user in the group; and the group, once it has users enough."""
    if compiled is None or enrollment.group_id is None:
        return
    key = GroupKey(compiled.group_type or "", enrollment.group_id)
    feature_id = enrollment.feature_id
    before = groups[key].counts.get(feature_id, 0)
    row = RecordRow(keys.group(key.type, key.id), keys.count(feature_id))
    if _begins_count(participant, groups[key], enrollment):
        row.data, row.n, row.experiment = _at(enrollment.point_key), 1, feature_id
        write.save(row, condition=RecordRow.pk.does_not_exist())
    else:
        write.update(
            row,
            actions=[RecordRow.n.set(before + 1), RecordRow.experiment.set(feature_id)],
            condition=RecordRow.n == before,
        )
    if before + 1 == counting.users_per_group:
        add_count(write, enrollment.feature_id, keys.GROUPS, counting.shard, 1)
