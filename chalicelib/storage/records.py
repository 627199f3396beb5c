"""Items of users and groups, and the records that they hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pynamodb.transactions import TransactWrite

from chalicelib.domain.experiments import Place
from chalicelib.domain.participants import (
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
)
from chalicelib.storage import keys
from chalicelib.storage.tables import RecordRow
from chalicelib.storage.times import from_ms, to_ms


def participant_of(user_id: str, rows: Sequence[RecordRow]) -> Participant:
    """All records of a user, from the items of the collection."""
    enrollments: defaultdict[int, tuple[Enrollment, ...]] = defaultdict(tuple)
    fields: dict[str, Any] = {"profile": Profile(user_id)}
    exclusions: dict[int, Exclusion] = {}
    points: dict[Place, MonitoredPoint] = {}
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
                fields.update(profile=_profile(row), revision=int(row.n))
            case "enrollment":
                number = int(rest[0])
                enrollments[number] += (_enrollment(number, row),)
            case "exclusion":
                exclusions[int(rest[0])] = _exclusion(int(rest[0]), row)
            case "point":
                point = _point(row)
                points[point.place] = point
            case "member":
                members[keys.unescaped(rest[0])].add(int(rest[1]))
            case "stratum":
                strata[keys.unescaped(rest[0])] = row.data["value"]
            case "lifted":
                lifted[int(rest[0])] = from_ms(row.data["at"])
            case "preview":
                fields["preview"] = row.data
            case "testlab":
                fields["variant_id"] = None if row.variant_id is None else int(row.variant_id)
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


def group_record_of(key: GroupKey, rows: Sequence[RecordRow]) -> GroupRecord:
    """All records of a group, from the items of the collection."""
    enrollments: dict[int, GroupEnrollment] = {}
    exclusions: dict[int, Exclusion] = {}
    reached: dict[Place, datetime] = {}
    counts: dict[int, int] = {}
    enrolled_at: set[tuple[int, Place]] = set()
    for row in rows:
        kind, *rest = row.sk.split("#")
        match kind:
            case "enrollment":
                number = int(rest[0])
                enrollments[number] = GroupEnrollment(
                    number, _where(row), row.data["condition"], from_ms(row.data["at"])
                )
            case "exclusion":
                exclusions[int(rest[0])] = _exclusion(int(rest[0]), row)
            case "point":
                reached[_where(row)] = from_ms(row.data["at"])
            case "count":
                counts[int(rest[0])] = int(row.n)
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


def enrollment_row(pk: str, enrollment: Enrollment, repeats: int) -> RecordRow:
    """The item of an enrollment."""
    data = {
        "site": enrollment.place.site,
        "target": enrollment.place.target,
        "condition": enrollment.condition_id,
        "group": enrollment.group_id,
        "code": enrollment.code.value,
        "at": to_ms(enrollment.at),
        "stratum": enrollment.stratum,
    }
    sort_key = keys.enrollment(enrollment.number, place_key(enrollment.place))
    return RecordRow(pk, sort_key, data=data, n=repeats, met=set(enrollment.met) or None)


def exclusion_row(pk: str, exclusion: Exclusion) -> RecordRow:
    """The item of an exclusion, of a user or a group."""
    data = {"code": exclusion.code.value, "at": to_ms(exclusion.at)}
    return RecordRow(pk, keys.exclusion(exclusion.number), data=data)


def next_revision(write: TransactWrite, participant: Participant, profile: Profile) -> None:
    """Store the profile, and insist that nobody changed the user's records since they were read."""
    write.update(
        RecordRow(keys.user(participant.id), keys.PROFILE),
        actions=[
            RecordRow.n.set(participant.revision + 1),
            RecordRow.data.set(profile_values(profile)),
        ],
        condition=RecordRow.n == participant.revision,
    )


def place_key(place: Place) -> str:
    """A decision point as a part of a key."""
    return keys.place(place.site, place.target)


def _profile(row: RecordRow) -> Profile:
    values = row.data
    group = values["group"]
    return Profile(
        values["id"],
        None if group is None else {kind: tuple(ids) for kind, ids in group.items()},
        values["working_group"],
        values["owner"],
        _from_ms(values["created_at"]),
        _from_ms(values["updated_at"]),
    )


def _where(row: RecordRow) -> Place:
    return Place(row.data["site"], row.data["target"])


def _enrollment(number: int, row: RecordRow) -> Enrollment:
    data = row.data
    return Enrollment(
        number,
        _where(row),
        data["condition"],
        data["group"],
        EnrollmentCode(data["code"]),
        from_ms(data["at"]),
        int(row.n or 0),
        data["stratum"],
        frozenset(row.met or ()),
    )


def _exclusion(number: int, row: RecordRow) -> Exclusion:
    return Exclusion(number, ExclusionCode(row.data["code"]), from_ms(row.data["at"]))


def _point(row: RecordRow) -> MonitoredPoint:
    data = row.data
    return MonitoredPoint(
        data["id"], _where(row), data["experiment"], data["condition"], from_ms(data["at"])
    )


def _to_ms(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)


def _from_ms(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else from_ms(milliseconds)
