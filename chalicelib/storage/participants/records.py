"""Items of users and groups, and the records that they hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path
from pynamodb.transactions import TransactWrite

from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import (
    Enrollment,
    EnrollmentCode,
    Exclusion,
    ExclusionCode,
    GroupEnrollment,
    GroupKey,
    GroupRecord,
    MonitoredPoint,
    Participant,
    Profile,
    TestLabRow,
)
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.stored_forms import word
from chalicelib.storage.dynamodb.tables import CompactJson, RecordRow, UserRow
from chalicelib.storage.dynamodb.times import from_ms, to_ms


def participant_of(user_id: str, rows: Sequence[RecordRow]) -> Participant:
    """All records of a user, from the items of the collection."""
    enrollments: defaultdict[int, tuple[Enrollment, ...]] = defaultdict(tuple)
    fields: dict[str, Any] = {"profile": Profile(user_id)}
    exclusions: dict[int, Exclusion] = {}
    points: dict[DecisionPointKey, MonitoredPoint] = {}
    members: defaultdict[str, set[int]] = defaultdict(set)
    strata: dict[str, str] = {}
    lifted: dict[int, datetime] = {}
    exposures: set[int] = set()
    for row in rows:
        kind, *rest = row.sk.split("#")
        match kind:
            case "exposures":
                exposures.update(map(int, row.numbers))
            case "profile":
                fields.update(profile=profile_of(row), revision=int(row.n))
            case "enrollment":
                enrollments[int(rest[0])] += (enrollment_of(row),)
                if row.point is not None:
                    point = point_of(row)
                    points[point.point_key] = point
            case "exclusion":
                exclusions[int(rest[0])] = exclusion_of(row)
            case "point":
                point = point_of(row)
                points[point.point_key] = point
            case "member":
                members[keys.unescaped(rest[0])].add(int(rest[1]))
            case "stratum":
                strata[keys.unescaped(rest[0])] = row.data["value"]
            case "lifted":
                lifted[int(rest[0])] = from_ms(row.data["at"])
            case "preview":
                fields["preview"] = row.data
            case "testlab":
                fields["testlab"] = testlab_row_of(row)
    return Participant(
        enrollments=dict(enrollments),
        exclusions=exclusions,
        points=points,
        members={key: frozenset(versions) for key, versions in members.items()},
        strata=strata,
        lifted=lifted,
        exposures=frozenset(exposures),
        **fields,
    )


def testlab_row_of(row: RecordRow) -> TestLabRow | None:
    """The row in Test Lab that an item holds; none where that is being erased."""
    if row.variant_id is None:
        return None
    return TestLabRow(int(row.variant_id), from_ms(row.time_stamp))


def group_record_of(key: GroupKey, rows: Sequence[RecordRow]) -> GroupRecord:
    """All records of a group, from the items of the collection."""
    enrollments: dict[int, GroupEnrollment] = {}
    exclusions: dict[int, Exclusion] = {}
    reached: dict[DecisionPointKey, datetime] = {}
    counts: dict[int, int] = {}
    enrolled_at: set[tuple[int, DecisionPointKey]] = set()
    for row in rows:
        kind, *rest = row.sk.split("#")
        match kind:
            case "enrollment":
                enrollments[int(rest[0])] = group_enrollment_of(row)
            case "exclusion":
                exclusions[int(rest[0])] = exclusion_of(row)
            case "point":
                reached[_where(row)] = from_ms(row.data["at"])
            case "count":
                counts[int(rest[0])] = int(row.n)
                if row.data is not None:
                    enrolled_at.add((int(rest[0]), _where(row)))
            case "at":
                enrolled_at.add((int(rest[0]), _where(row)))
    return GroupRecord(key, enrollments, exclusions, reached, counts, frozenset(enrolled_at))


def profile_values(profile: Profile) -> dict[str, Any]:
    """The fields of a profile by name."""
    group = profile.group
    return {
        "id": profile.id,
        "group": None if group is None else {k: list(v) for k, v in group.items()},
        "working_group": None if profile.working_group is None else dict(profile.working_group),
        "owner": profile.owner,
        "created_at": _to_ms(profile.created_at),
        "updated_at": _to_ms(profile.updated_at),
    }


def enrollment_row(
    pk: str, enrollment: Enrollment, repeats: int, point: MonitoredPoint | None = None
) -> RecordRow:
    """The item of an enrollment, and of the point that was reached first with the same mark."""
    data = {
        "site": enrollment.point_key.site,
        "target": enrollment.point_key.target,
        "condition": enrollment.condition_id,
        "group": enrollment.group_id,
        "code": enrollment.code.value,
        "at": to_ms(enrollment.at),
        "stratum": enrollment.stratum,
        "variant": enrollment.variant_id,
        "cohort": enrollment.in_cohort,
    }
    sort_key = keys.enrollment(enrollment.feature_id, point_text(enrollment.point_key))
    return RecordRow(
        pk,
        sort_key,
        data=data,
        n=repeats,
        met=set(enrollment.met) or None,
        experiment=enrollment.feature_id,
        point=None if point is None else _point_values(point),
    )


def point_row(pk: str, point: MonitoredPoint) -> RecordRow:
    """The item of a point alone."""
    point_key = point.point_key
    data = {"site": point_key.site, "target": point_key.target, **_point_values(point)}
    return RecordRow(pk, keys.point(point_text(point_key)), data=data)


def _point_values(point: MonitoredPoint) -> dict[str, Any]:
    return {
        "at": to_ms(point.at),
        "id": point.id,
        "experiment": point.experiment_id,
        "condition": point.condition,
    }


def end_enrollments(
    write: TransactWrite, participant: Participant, enrollments: Collection[Enrollment]
) -> None:
    """Delete some enrollments; a point that one of them may hold stays as an item of its own."""
    pk = keys.user(participant.id)
    for enrollment in enrollments:
        key = keys.enrollment(enrollment.feature_id, point_text(enrollment.point_key))
        write.delete(RecordRow(pk, key))
    for point_key in sorted({enrollment.point_key for enrollment in enrollments}):
        if (point := participant.points.get(point_key)) is not None:
            write.save(point_row(pk, point))


def group_enrollment_row(key: GroupKey, enrollment: GroupEnrollment) -> RecordRow:
    """The item of a group's enrollment."""
    data = {
        "group": [key.type, key.id],
        "site": enrollment.point_key.site,
        "target": enrollment.point_key.target,
        "condition": enrollment.condition_id,
        "at": to_ms(enrollment.at),
    }
    feature_id = enrollment.feature_id
    pk, sort_key = keys.group(key.type, key.id), keys.enrollment(feature_id, "")
    return RecordRow(pk, sort_key, data=data, experiment=feature_id)


def group_exclusion_row(key: GroupKey, exclusion: Exclusion) -> RecordRow:
    """The item of a group's exclusion."""
    row = exclusion_row(keys.group(key.type, key.id), exclusion)
    row.data = {"group": [key.type, key.id], **row.data}
    return row


def exclusion_row(pk: str, exclusion: Exclusion) -> RecordRow:
    """The item of a user's exclusion."""
    data = {"code": exclusion.code.value, "at": to_ms(exclusion.at)}
    feature_id = exclusion.feature_id
    return RecordRow(pk, keys.exclusion(feature_id), data=data, experiment=feature_id)


def next_revision(write: TransactWrite, participant: Participant, profile: Profile) -> None:
    """Store the profile, on the condition that the user's records are as they were read."""
    write.update(
        RecordRow(keys.user(participant.id), keys.PROFILE),
        actions=[
            RecordRow.n.set(participant.revision + 1),
            RecordRow.data.set(profile_values(profile)),
        ],
        condition=unchanged(participant),
    )


def move_on(write: TransactWrite, participant: Participant) -> Participant:
    """Move the revision of the user's records, if they are as they were read; the user then."""
    pk = keys.user(participant.id)
    if not participant.revision:
        nobody = RecordRow.pk.does_not_exist()
        write.condition_check(RecordRow, pk, keys.PROFILE, condition=nobody)
        return participant
    write.update(
        RecordRow(pk, keys.PROFILE),
        actions=[RecordRow.n.set(participant.revision + 1)],
        condition=unchanged(participant),
    )
    return replace(participant, revision=participant.revision + 1)


def note_counted(write: TransactWrite, participant: Participant, feature_id: int) -> None:
    """Note that a mark counts a user as one of a variant of an experiment of Test Lab.

    The note lies where the user's row in Test Lab would, so that a row which comes at the same
    time, or later, meets with it. Where there is a row, that is to stay what it was.
    """
    pk, row = keys.user(participant.id), participant.testlab
    if row is None:
        write.update(
            RecordRow(pk, keys.TESTLAB),
            actions=[RecordRow.experiment.set(feature_id)],
            condition=RecordRow.variant_id.does_not_exist(),
        )
    else:
        same = RecordRow.variant_id == row.variant_id
        write.condition_check(RecordRow, pk, keys.TESTLAB, condition=same)


def drop_note_of_count(write: TransactWrite, pk: str) -> None:
    """Remove that note, and insist that there is no row in its place."""
    write.delete(UserRow(pk, keys.TESTLAB), condition=UserRow.user_id.does_not_exist())


def uncount(write: TransactWrite, user_id: str, counted: Enrollment) -> None:
    """Note that an enrollment by a mark no longer counts as a user of a variant of Test Lab."""
    row = enrollment_row(keys.user(user_id), replace(counted, variant_id=None), counted.repeats)
    write.update(row, actions=[RecordRow.data.set(row.data)], condition=RecordRow.pk.exists())


def unchanged(participant: Participant) -> Condition:
    """The condition that the profile has the revision that was read, and is of the same user.

    Who was erased and came back may be at the same revision, but was not made at the same time.
    """
    made = f'"created_at":{CompactJson().serialize(_to_ms(participant.profile.created_at))},'
    both: Condition = (RecordRow.n == participant.revision) & Path("data").contains(made)
    return both


def point_text(point_key: DecisionPointKey | None) -> str:
    """A decision point as a part of a key."""
    site, target = (point_key.site, point_key.target) if point_key else ("", "")
    return keys.point_text(site, target)


def profile_of(row: RecordRow) -> Profile:
    """The profile that an item holds."""
    values = row.data
    group = values.get("group")
    return Profile(
        values["id"],
        None if group is None else {kind: tuple(ids) for kind, ids in group.items()},
        values.get("working_group"),
        values.get("owner"),
        _from_ms(values.get("created_at")),
        _from_ms(values.get("updated_at")),
    )


def _where(row: RecordRow) -> DecisionPointKey:
    return DecisionPointKey(row.data["site"], row.data["target"])


def enrollment_of(row: RecordRow) -> Enrollment:
    """The enrollment that an item holds."""
    feature_id, data = int(row.sk.split("#")[1]), row.data
    return Enrollment(
        feature_id,
        _where(row),
        data.get("condition"),
        data.get("group"),
        word(data["code"], EnrollmentCode.ALGORITHM),
        from_ms(data["at"]),
        int(row.n or 0),
        data.get("stratum"),
        frozenset(row.met or ()),
        data.get("variant"),
        bool(data.get("cohort")),
    )


def group_enrollment_of(row: RecordRow) -> GroupEnrollment:
    """The enrollment of a group that an item holds."""
    data = row.data
    feature_id = int(row.sk.split("#")[1])
    return GroupEnrollment(feature_id, _where(row), data.get("condition"), from_ms(data["at"]))


def exclusion_of(row: RecordRow) -> Exclusion:
    """The exclusion of a user or a group that an item holds."""
    feature_id = int(row.sk.split("#")[1])
    code = word(row.data["code"], ExclusionCode.REACHED_BEFORE)
    return Exclusion(feature_id, code, from_ms(row.data["at"]))


def point_of(row: RecordRow) -> MonitoredPoint:
    """The first mark of a user at a point that an item holds, alone or in an enrollment."""
    data = row.point or row.data
    return MonitoredPoint(
        data["id"], _where(row), data.get("experiment"), data.get("condition"), from_ms(data["at"])
    )


def _to_ms(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)


def _from_ms(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else from_ms(milliseconds)
