"""Records of participants as /api/check lists them."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, cast

from chalicelib.api.upgrade.experiments.designs import shapes
from chalicelib.api.upgrade.experiments.designs.experiment_answers import (
    condition_columns,
    experiment_columns,
)
from chalicelib.api.upgrade.wire.records import stamps
from chalicelib.api.upgrade.wire.shapes import Groups, Id, Stamps, WorkingGroups
from chalicelib.domain.experiments.experiments import Experiment
from chalicelib.domain.experiments.transfer import (
    GroupOwnRecord,
    UserRecord,
)
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import (
    Enrollment,
    EnrollmentCode,
    Exclusion,
    ExclusionCode,
    GroupEnrollment,
    MonitoredPoint,
    Profile,
)
from chalicelib.services.experiments.transfer_reports import ListedRecord

NAMESPACE = uuid.UUID("5d0c6d7e-7a53-4f0a-8f3f-0c3c1f0f9a21")
"""Of the ids of rows, which are told apart here by what they are about."""

TEXT_SHOWN = 200
"""Characters of a text of a design in a row that would be too long with all of it."""


class UserColumns(Stamps):
    id: str
    group: Groups | None
    workingGroup: WorkingGroups | None


class ListedEnrollment(Stamps):
    """The enrollment of a user; `partition` is where, if that is known."""

    id: Id
    experimentId: Id
    userId: str
    groupId: str | None
    enrollmentCode: EnrollmentCode
    conditionId: Id | None
    experiment: shapes.ExperimentColumns
    user: UserColumns
    condition: shapes.Condition | None
    partition: shapes.DecisionPointKey | None


class ListedExclusion(Stamps):
    """The exclusion of a user; the id is `<experiment>_<user>`."""

    id: str
    groupId: str | None
    exclusionCode: ExclusionCode


class ListedPoint(Stamps):
    """A decision point that a user reached."""

    id: str
    site: str
    target: str
    experimentId: str | None
    condition: str | None
    user: UserColumns
    monitoredPointLogs: list[Any]


class ListedGroupEnrollment(Stamps):
    """The enrollment of a group."""

    id: Id
    experimentId: Id
    groupId: str
    conditionId: Id
    condition: shapes.Condition | None
    partition: shapes.DecisionPointKey | None


class ListedGroupExclusion(Stamps):
    """The exclusion of a group; the id is `<experiment>_<group>`."""

    id: str
    experimentId: Id
    exclusionCode: ExclusionCode
    groupId: str


ListedRow = (
    ListedEnrollment | ListedExclusion | ListedPoint | ListedGroupEnrollment | ListedGroupExclusion
)


def row_answer(listed: ListedRecord) -> ListedRow:
    """A record as the original lists it, and what another Switchyard needs besides."""
    owned, experiment = listed.owned, listed.experiment
    match owned:
        case UserRecord(user, MonitoredPoint() as point):
            return _point(user, point)
        case UserRecord(user, Enrollment() as enrollment) if experiment is not None:
            return _enrollment(user, enrollment, experiment)
        case UserRecord(user, Exclusion() as exclusion) if experiment is not None:
            return {
                **stamps(exclusion.at, exclusion.at, 1),
                "id": f"{experiment.id}_{user.id}",
                "groupId": None,
                "exclusionCode": exclusion.code,
            }
        case GroupOwnRecord(group, GroupEnrollment() as enrollment) if experiment is not None:
            return _group_enrollment(group.id, enrollment, experiment)
        case GroupOwnRecord(group, Exclusion() as exclusion) if experiment is not None:
            return {
                **stamps(exclusion.at, exclusion.at, 1),
                "id": f"{experiment.id}_{group.id}",
                "experimentId": experiment.id,
                "exclusionCode": exclusion.code,
                "groupId": group.id,
            }
    raise AssertionError("a record belongs to an experiment")


def shortened(row: ListedRow) -> ListedRow:
    """A row that does not fit an answer, with the beginnings only of what it repeats of designs."""
    repeated = {
        name: {key: _beginning(value) for key, value in part.items()}
        for name in ("experiment", "condition")
        if isinstance(part := row.get(name), dict)
    }
    return cast("ListedRow", {**row, **repeated})


def _beginning(value: Any) -> Any:
    """A field of a design, cut off where it is long; the only lists are tags and the context."""
    if isinstance(value, list):
        return [_beginning(each) for each in value[:1]]
    if isinstance(value, str) and len(value) > TEXT_SHOWN:
        return f"{value[:TEXT_SHOWN]}…"
    return value


def _enrollment(user: Profile, enrollment: Enrollment, experiment: Experiment) -> ListedEnrollment:
    subject = f"{experiment.id} {user.id} {enrollment.point_key.site} {enrollment.point_key.target}"
    return {
        **stamps(enrollment.at, enrollment.at, 1),
        "id": str(uuid.uuid5(NAMESPACE, subject)),
        "experimentId": experiment.id,
        "userId": user.id,
        "groupId": enrollment.group_id,
        "enrollmentCode": enrollment.code,
        "conditionId": enrollment.condition_id,
        "experiment": experiment_columns(experiment),
        "user": _user_columns(user, enrollment.at),
        "condition": _condition(experiment, enrollment.condition_id),
        "partition": _partition(enrollment.point_key),
    }


def _group_enrollment(
    group_id: str, enrollment: GroupEnrollment, experiment: Experiment
) -> ListedGroupEnrollment:
    return {
        **stamps(enrollment.at, enrollment.at, 1),
        "id": str(uuid.uuid5(NAMESPACE, f"{experiment.id} group {group_id}")),
        "experimentId": experiment.id,
        "groupId": group_id,
        "conditionId": enrollment.condition_id,
        "condition": _condition(experiment, enrollment.condition_id),
        "partition": _partition(enrollment.point_key),
    }


def _point(user: Profile, point: MonitoredPoint) -> ListedPoint:
    return {
        **stamps(point.at, point.at, 1),
        "id": point.id,
        "site": point.point_key.site,
        "target": point.point_key.target,
        "experimentId": point.experiment_id,
        "condition": point.condition,
        "user": _user_columns(user, point.at),
        "monitoredPointLogs": [],
    }


def _user_columns(user: Profile, at: datetime) -> UserColumns:
    created = user.created_at or at
    return {
        **stamps(created, user.updated_at or created, 1),
        "id": user.id,
        "group": user.group,
        "workingGroup": user.working_group,
    }


def _condition(experiment: Experiment, condition_id: str | None) -> shapes.Condition | None:
    found = next((each for each in experiment.conditions if each.id == condition_id), None)
    return None if found is None else condition_columns(experiment, found)


def _partition(point_key: DecisionPointKey) -> shapes.DecisionPointKey | None:
    """Where it was, which the original does not say; None if it is not known here either."""
    return {"site": point_key.site, "target": point_key.target} if point_key.site else None
