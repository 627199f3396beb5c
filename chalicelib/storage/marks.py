"""What a mark stores, in DynamoDB: one transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pynamodb.transactions import TransactWrite

from chalicelib.domain.marking import Outcome, Repeat
from chalicelib.domain.participants import (
    GroupEnrollment,
    GroupKey,
    GroupRecord,
    MonitoredPoint,
    Participant,
)
from chalicelib.domain.tallies import exclusions_of_mark, group_new_at_point, of_mark
from chalicelib.domain.users import Totals
from chalicelib.services.ports import Counting
from chalicelib.storage import keys
from chalicelib.storage.connection import transaction
from chalicelib.storage.records import (
    enrollment_row,
    exclusion_row,
    next_revision,
    place_key,
)
from chalicelib.storage.tables import RecordRow, RepeatRow
from chalicelib.storage.tallies import add_count, add_exclusions, add_tallies
from chalicelib.storage.times import to_ms
from chalicelib.storage.totals import count

DROPPED_AT_ONCE = 10


def store_mark(
    participant: Participant,
    groups: Mapping[GroupKey, GroupRecord],
    outcome: Outcome,
    counting: Counting,
    reached_by: Collection[GroupKey],
) -> None:
    """Store what a mark adds to the records of its user and groups, and count it.

    Raises:
        LostRace: if the records are not what they were.
    """
    records = outcome.records
    pk = keys.user(participant.id)
    with transaction() as write:
        next_revision(write, participant, participant.profile)
        if outcome.point.place not in participant.points:
            _write_point(write, pk, outcome.point)
            for key in reached_by:
                _note_reached(write, key, outcome.point)
        if records.exclusion is not None:
            write.save(exclusion_row(pk, records.exclusion))
        for key, exclusion in records.group_exclusions:
            # The first one stays: who comes second, of two members, decides anew.
            row = exclusion_row(keys.group(key.type, key.id), exclusion)
            write.save(row, condition=RecordRow.pk.does_not_exist())
        if records.group_enrollment is not None:
            _write_group_enrollment(write, *records.group_enrollment)
        for key in records.dropped:
            _drop_enrollments(write, groups[key])
        _write_enrollment(write, participant, groups, outcome, counting)
        if (key_there := group_new_at_point(groups, outcome)) is not None:
            _note_enrolled_at(write, key_there, outcome)
        add_tallies(write, of_mark(participant, groups, outcome), counting.shard)
        add_exclusions(write, exclusions_of_mark(records), counting.shard)


def _write_point(write: TransactWrite, pk: str, point: MonitoredPoint) -> None:
    data = {
        **_reached(point),
        "id": point.id,
        "experiment": point.experiment_id,
        "condition": point.condition,
    }
    write.save(RecordRow(pk, keys.point(place_key(point.place)), data=data))


def _note_enrolled_at(write: TransactWrite, key: GroupKey, outcome: Outcome) -> None:
    """Note that a member of a group is enrolled at a place, the first one there."""
    enrollment = outcome.records.enrollment
    assert enrollment is not None  # noqa: S101 - so `group_new_at_point` said
    place = enrollment.place
    write.save(
        RecordRow(
            keys.group(key.type, key.id),
            keys.enrolled_at(enrollment.number, place_key(place)),
            data={"site": place.site, "target": place.target},
        ),
        condition=RecordRow.pk.does_not_exist(),
    )


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
            _count_group(write, groups, outcome, counting)
            count(write, counting.totals, Totals(total_users=1))
        if counting.stratum is not None:
            kind = keys.stratum_counter(*counting.stratum)
            add_count(write, enrollment.number, kind, counting.shard, 1)
    elif repeat is not None:
        write.update(
            RecordRow(pk, keys.enrollment(repeat.number, place_key(repeat.place))),
            actions=[RecordRow.n.add(1), RecordRow.met.add({repeat.condition_id or ""})],
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
        data={
            "condition": repeat.condition_id,
            "uniquifier": repeat.uniquifier,
            "at": to_ms(repeat.at),
        },
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
        add_count(write, enrollment.number, keys.GROUPS, counting.shard, 1)
