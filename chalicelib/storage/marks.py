"""What a mark stores, in DynamoDB: one transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pynamodb.transactions import TransactWrite

from chalicelib.domain.erasure import KeptRepeat
from chalicelib.domain.experiments import Place
from chalicelib.domain.idempotency import IdempotencyRecord
from chalicelib.domain.marking import Outcome, Records, Repeat
from chalicelib.domain.offers import Offer
from chalicelib.domain.participants import (
    Enrollment,
    Exclusion,
    GroupEnrollment,
    GroupKey,
    GroupRecord,
    MonitoredPoint,
    Participant,
)
from chalicelib.domain.tallies import (
    ExclusionTally,
    Tally,
    dropped_at_once,
    exclusions_of,
    group_new_at_point,
    of_records,
)
from chalicelib.domain.users import Totals
from chalicelib.services.participant_ports import Counting
from chalicelib.storage import keys
from chalicelib.storage.connection import store_errors, transaction
from chalicelib.storage.idempotency import transaction_once
from chalicelib.storage.records import (
    enrollment_row,
    exclusion_row,
    group_enrollment_row,
    group_exclusion_row,
    next_revision,
    place_key,
    point_row,
)
from chalicelib.storage.tables import RecordRow, RepeatRow
from chalicelib.storage.tallies import add_count, add_exclusions, add_tallies
from chalicelib.storage.times import from_ms, to_ms
from chalicelib.storage.totals import count


def store_mark(
    participant: Participant,
    groups: Mapping[GroupKey, GroupRecord],
    outcome: Outcome,
    counting: Counting,
    reached_by: Collection[GroupKey],
    record: IdempotencyRecord | None = None,
) -> None:
    """Store what a mark adds to the records of its user and groups, and count it.

    Raises:
        AlreadyAnswered: if there is an answer where `record` is to be stored.
        LostRace: if the records are not what they were.
    """
    with transaction_once(record) as write:
        next_revision(write, participant, participant.profile)
        point = None if outcome.point.place in participant.points else outcome.point
        if point is not None:
            if outcome.records.enrollment is None:
                write.save(point_row(keys.user(participant.id), point))
            for key in reached_by:
                _note_reached(write, key, point)
        _write_records(write, participant, groups, outcome.offer, outcome.records, counting, point)


def store_records(
    participant: Participant,
    groups: Mapping[GroupKey, GroupRecord],
    offer: Offer,
    records: Records,
    counting: Counting,
) -> None:
    """Store records of an experiment that come from elsewhere, and count them.

    Raises:
        LostRace: if the records of the user or a group are not what they were.
    """
    with transaction() as write:
        next_revision(write, participant, participant.profile)
        _write_records(write, participant, groups, offer, records, counting)


def store_group_record(key: GroupKey, record: GroupEnrollment | Exclusion, shard: int) -> None:
    """Store an enrollment or an exclusion of a group that comes from elsewhere, and count it.

    Raises:
        LostRace: if the group has one.
    """
    with transaction() as write:
        if isinstance(record, GroupEnrollment):
            _write_group_enrollment(write, key, record)
            tally = Tally(record.number, record.condition_id, record.place, groups=1)
            add_tallies(write, (tally,), shard)
        else:
            _write_group_exclusion(write, key, record)
            add_exclusions(write, (ExclusionTally(record.number, 0, 1),), shard)


def _write_records(
    write: TransactWrite,
    participant: Participant,
    groups: Mapping[GroupKey, GroupRecord],
    offer: Offer | None,
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
            row = RecordRow(keys.group(key.type, key.id), keys.enrollment(enrollment.number, ""))
            # Else two members at once would take it off the count twice.
            write.delete(row, condition=RecordRow.pk.exists())
    _write_enrollment(write, participant, groups, offer, records, counting, point)
    if (key_there := group_new_at_point(groups, offer, records)) is not None:
        _note_enrolled_at(write, key_there, records)
    add_tallies(write, of_records(participant, groups, offer, records), counting.shard)
    add_exclusions(write, exclusions_of(records), counting.shard)


def _note_enrolled_at(write: TransactWrite, key: GroupKey, records: Records) -> None:
    """Note that a member of a group is enrolled at a place, the first one there."""
    enrollment = records.enrollment
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
    write.save(group_enrollment_row(key, enrollment), condition=RecordRow.pk.does_not_exist())


def _write_group_exclusion(write: TransactWrite, key: GroupKey, exclusion: Exclusion) -> None:
    # The first one stays: who comes second, of two members, decides anew.
    write.save(group_exclusion_row(key, exclusion), condition=RecordRow.pk.does_not_exist())


def _write_enrollment(
    write: TransactWrite,
    participant: Participant,
    groups: Mapping[GroupKey, GroupRecord],
    offer: Offer | None,
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
            write.update(row, actions=[RecordRow.data.set(row.data), RecordRow.n.set(row.n), met])
        else:
            write.save(row)
        if enrollment.number not in participant.enrollments:
            _count_group(write, groups, offer, enrollment, counting)
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


def _is_there(participant: Participant, enrollment: Enrollment) -> bool:
    """Whether a user is enrolled at the place already, with a condition that is gone."""
    own = participant.enrollments.get(enrollment.number, ())
    return any(each.place == enrollment.place for each in own)


@store_errors()
def read_repeats(number: int, user_id: str) -> list[KeptRepeat]:
    """The marks of a user in a within-subjects experiment."""
    rows = RepeatRow.query(keys.repeats(number, user_id), consistent_read=True)
    return [kept_repeat(number, row) for row in rows]


def kept_repeat(number: int, row: RepeatRow) -> KeptRepeat:
    """The mark that an item holds."""
    repeat = Repeat(
        number,
        Place(row.data["site"], row.data["target"]),
        row.data["condition"],
        row.data["uniquifier"],
        from_ms(row.data["at"]),
    )
    return KeptRepeat(repeat, int(row.sk.rpartition("#")[2]))


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
            "site": repeat.place.site,
            "target": repeat.place.target,
            "condition": repeat.condition_id,
            "uniquifier": repeat.uniquifier,
            "at": to_ms(repeat.at),
        },
    )


def _count_group(
    write: TransactWrite,
    groups: Mapping[GroupKey, GroupRecord],
    offer: Offer | None,
    enrollment: Enrollment,
    counting: Counting,
) -> None:
    """Count a newly enrolled user in the group; and the group, once it has users enough."""
    if offer is None or enrollment.group_id is None:
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
