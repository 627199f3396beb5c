"""What is answered of all that is stored of a user."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Self

from chalicelib.api.testlab.fields import Moment, Share
from chalicelib.api.testlab.models import Answer
from chalicelib.api.testlab.privacy.names import Named, Names
from chalicelib.api.testlab.privacy.user_lists import ListAnswer
from chalicelib.domain.access.idempotency import IdempotencyRecord
from chalicelib.domain.experiments.marks import Repeat
from chalicelib.domain.features.users import Event, User
from chalicelib.domain.outcomes.logs import LogRecord, LogRow
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import (
    Enrollment,
    Exclusion,
    MonitoredPoint,
    Participant,
)
from chalicelib.domain.participants.preview_users import PreviewUser
from chalicelib.services.privacy.user_export import UserData, UserRecords


class TestLabEvent(Answer):
    """An event of Test Lab."""

    id: int
    feature: Named | None
    variant: Named
    time_stamp: Moment


class TestLabMetricEvent(TestLabEvent):
    """An event of a metric."""

    metric: str
    value: Share


class TestLabRow(Answer):
    """The user's row in Test Lab; `deleted` says that only the removal of events is left."""

    feature: Named | None
    variant: Named
    ip_address: str
    time_stamp: Moment
    deleted: bool


class ProfileAnswer(Answer):
    """The user as clients of UpGrade described them."""

    group: Mapping[str, list[str]] | None
    working_group: Mapping[str, str] | None
    alias_of: str | None
    created_at: Moment | None
    updated_at: Moment | None


class EnrollmentAnswer(Answer):
    """That the user takes part in an experiment, from a mark at a site and target."""

    experiment: Named
    site: str
    target: str
    condition: Named
    group: str | None
    how: str
    stratum: str | None
    marks: int
    conditions_met: list[Named]
    at: Moment


class MarkAnswer(Answer):
    """One mark of a within-subjects experiment."""

    experiment: Named
    site: str
    target: str
    condition: Named
    uniquifier: str | None
    at: Moment


class ExclusionAnswer(Answer):
    """That the user does not take part in an experiment."""

    experiment: Named
    why: str
    at: Moment


class PointAnswer(Answer):
    """The first mark of the user at a site and target."""

    id: str
    site: str
    target: str
    experiment: Named | None
    condition: str | None
    at: Moment


class LiftedAnswer(Answer):
    """Until when points that were reached exclude no longer, after a change of the group."""

    experiment: Named
    at: Moment


class PreviewAnswer(Answer):
    """A condition that a preview user gets."""

    id: str
    experiment: Named
    condition: Named


class PreviewUserAnswer(Answer):
    """That the user sees experiments in preview."""

    assignments: list[PreviewAnswer]
    created_at: Moment
    updated_at: Moment

    @classmethod
    def of_user(cls, user: PreviewUser, names: Names) -> Self:
        return cls(
            assignments=[
                PreviewAnswer(
                    id=each.id,
                    experiment=names.design(each.experiment_id),
                    condition=names.condition(each.condition_id),
                )
                for each in user.assignments
            ],
            created_at=user.created_at,
            updated_at=user.updated_at,
        )


class LogRowAnswer(Answer):
    """Values that were logged together; `time` is the client's."""

    id: int
    time: Moment
    values: Mapping[str, str | int | float]
    created_at: Moment
    updated_at: Moment

    @classmethod
    def of_row(cls, row: LogRow) -> Self:
        return cls(
            id=row.id,
            time=row.time,
            values=row.data,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


class LogAnswer(Answer):
    """What was logged for one class, key and uniquifier; simple metrics have no class and key."""

    group_class: str | None
    group_key: str | None
    uniquifier: str
    rows: list[LogRowAnswer]

    @classmethod
    def of_log_record(cls, log_record: LogRecord) -> Self:
        group_class, group_key = log_record.key.group or (None, None)
        rows = [LogRowAnswer.of_row(row) for row in log_record.rows]
        return cls(
            group_class=group_class,
            group_key=group_key,
            uniquifier=log_record.key.uniquifier,
            rows=rows,
        )


class StoredResponseAnswer(Answer):
    """What a request with an Idempotency-Key was answered; of the request a digest is stored."""

    status: int
    body: Any
    expires_at: Moment

    @classmethod
    def of_record(cls, record: IdempotencyRecord) -> Self:
        answer = record.answer
        try:
            body = json.loads(answer.body)
        except ValueError:
            body = answer.body
        return cls(status=answer.status, body=body, expires_at=record.expires_at)


class OtherAnswer(Answer):
    """A record of no kind that this program knows, as it is stored."""

    key: str
    values: Mapping[str, Any]


class UserExport(Answer):
    """All that is stored under a user's id, in both APIs; or a part of it."""

    id: str
    testlab: TestLabRow | None
    events: list[TestLabMetricEvent | TestLabEvent]
    profile: ProfileAnswer | None
    enrollments: list[EnrollmentAnswer]
    marks_within_subjects: list[MarkAnswer]
    exclusions: list[ExclusionAnswer]
    points: list[PointAnswer]
    lifted: list[LiftedAnswer]
    flags: list[Named]
    preview: PreviewUserAnswer | None
    strata: Mapping[str, str]
    lists: list[ListAnswer]
    old_lists: list[str]
    logs: list[LogAnswer]
    answers: list[StoredResponseAnswer]
    others: list[OtherAnswer]
    aliases: list[UserExport]

    @classmethod
    def of_data(cls, data: UserData, names: Names, aliases: Sequence[UserData] = ()) -> Self:
        records = data.records
        return cls(
            **(_NO_RECORDS if records is None else _records(records, names)),
            id=data.id,
            events=[_event(event, names) for event in data.events],
            marks_within_subjects=[_mark(each, names) for each in data.repeats],
            logs=[LogAnswer.of_log_record(log_record) for log_record in data.log_records],
            answers=[StoredResponseAnswer.of_record(each) for each in data.answers],
            aliases=[cls.of_data(alias, names) for alias in aliases],
        )


_NO_RECORDS: dict[str, Any] = {
    **dict.fromkeys(("testlab", "profile", "preview")),
    **{
        name: []
        for name in (
            "enrollments", "exclusions", "points", "lifted", "flags", "lists", "old_lists", "others"
        )
    },
    "strata": {},
}  # fmt: skip
"""What parts tell of records but the first."""


def _records(data: UserRecords, names: Names) -> dict[str, Any]:
    records = data.participant
    return {
        "testlab": None if data.user is None else _testlab(data.user, names),
        "profile": _profile(records),
        "enrollments": [
            _enrollment(each, names) for own in records.enrollments.values() for each in own
        ],
        "exclusions": [_exclusion(each, names) for each in records.exclusions.values()],
        "points": [_point(each, names) for each in records.points.values()],
        "lifted": [
            LiftedAnswer(experiment=names.experiment(feature_id), at=at)
            for feature_id, at in records.lifted.items()
        ],
        "flags": [names.flag(feature_id) for feature_id in sorted(records.exposures)],
        "preview": data.preview and PreviewUserAnswer.of_user(data.preview, names),
        "strata": records.strata,
        "lists": [ListAnswer.of_list(each) for each in data.lists],
        "old_lists": data.old_lists,
        "others": [OtherAnswer.of(each) for each in data.others],
    }


def _testlab(user: User, names: Names) -> TestLabRow:
    feature, variant = names.variant(user.variant_id)
    return TestLabRow(
        feature=feature,
        variant=variant,
        ip_address=user.ip_address,
        time_stamp=user.time_stamp,
        deleted=user.erased,
    )


def _event(event: Event, names: Names) -> TestLabMetricEvent | TestLabEvent:
    feature, variant = names.variant(event.variant_id)
    told = TestLabEvent(id=event.id, feature=feature, variant=variant, time_stamp=event.time_stamp)
    if event.measurement is None:
        return told
    return TestLabMetricEvent(**dict(told), **asdict(event.measurement))


def _profile(participant: Participant) -> ProfileAnswer | None:
    if not participant.revision:
        return None
    profile = participant.profile
    group = profile.group
    return ProfileAnswer(
        group=None if group is None else {kind: list(ids) for kind, ids in group.items()},
        working_group=profile.working_group,
        alias_of=profile.owner,
        created_at=profile.created_at,
        updated_at=profile.updated_at,
    )


def _point_key(point_key: DecisionPointKey) -> dict[str, str]:
    return {"site": point_key.site, "target": point_key.target}


def _enrollment(each: Enrollment, names: Names) -> EnrollmentAnswer:
    return EnrollmentAnswer(
        experiment=names.experiment(each.feature_id),
        **_point_key(each.point_key),
        condition=names.condition(each.condition_id),
        group=each.group_id,
        how=each.code.value,
        stratum=each.stratum,
        marks=each.repeats,
        conditions_met=[names.condition(met or None) for met in sorted(each.met)],
        at=each.at,
    )


def _mark(each: Repeat, names: Names) -> MarkAnswer:
    return MarkAnswer(
        experiment=names.experiment(each.feature_id),
        **_point_key(each.point_key),
        condition=names.condition(each.condition_id),
        uniquifier=each.uniquifier,
        at=each.at,
    )


def _exclusion(each: Exclusion, names: Names) -> ExclusionAnswer:
    return ExclusionAnswer(
        experiment=names.experiment(each.feature_id), why=each.code.value, at=each.at
    )


def _point(each: MonitoredPoint, names: Names) -> PointAnswer:
    return PointAnswer(
        id=each.id,
        **_point_key(each.point_key),
        experiment=None if each.experiment_id is None else names.design(each.experiment_id),
        condition=each.condition,
        at=each.at,
    )
