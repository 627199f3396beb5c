"""Records of participants in the JSON in which the original lists its tables (section 19)."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, model_validator

from chalicelib.api.upgrade.experiments.designs.experiment_answers import (
    condition_columns,
    experiment_columns,
)
from chalicelib.api.upgrade.outcomes.log_models import moment_of
from chalicelib.api.upgrade.participants.client_models import GroupField, Name, WorkingGroupField
from chalicelib.api.upgrade.wire.records import Json, stamps
from chalicelib.api.upgrade.wire.texts import AdminBody, Text, Uuid, is_uuid
from chalicelib.domain.experiments.experiments import Condition, Experiment
from chalicelib.domain.experiments.transfer import (
    ForeignEnrollment,
    ForeignExclusion,
    ForeignGroupEnrollment,
    ForeignGroupExclusion,
    ForeignPoint,
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

ROWS = 1000
"""Rows of one call that brings them in."""

NAMESPACE = uuid.UUID("5d0c6d7e-7a53-4f0a-8f3f-0c3c1f0f9a21")
"""Of the ids of rows, which are told apart here by what they are about."""

TEXT_SHOWN = 200
"""Characters of a text of a design in a row that would be too long with all of it."""

SEPARATOR = "_"
"""Between the experiment and the user in the id of an exclusion."""


def _experiment_and_user(text: str) -> str:
    experiment_id, _, user_id = text.partition(SEPARATOR)
    if not (is_uuid(experiment_id.lower()) and user_id):
        raise ValueError(f"must be the UUID of an experiment, {SEPARATOR} and the id of a user")
    return text


Time = Annotated[datetime, BeforeValidator(moment_of)]


class UserRow(AdminBody):
    """A user as other rows show them."""

    id: Name
    group: GroupField | None = None
    working_group: WorkingGroupField | None = None
    created_at: Time | None = None
    updated_at: Time | None = None

    def profile(self, at: datetime) -> Profile:
        """The user, to be created if nobody has the id."""
        group = None if self.group is None else {k: tuple(v) for k, v in self.group.items()}
        created = self.created_at or at
        return Profile(
            self.id, group, self.working_group, None, created, self.updated_at or created
        )


class PartitionRow(AdminBody):
    site: Name
    target: Text | None = None

    def point_key(self) -> DecisionPointKey:
        return DecisionPointKey(self.site, self.target or "")


class RowOfUser(AdminBody):
    """A row that names its user, with or without what is known of them."""

    created_at: Time
    user_id: Name | None = None
    user: UserRow | None = None

    @model_validator(mode="after")
    def _names_a_user(self) -> Self:
        if self.user is None and self.user_id is None:
            raise ValueError("user or userId must be given")
        return self

    def profile(self) -> Profile:
        """The user, to be created if nobody has the id."""
        row = self.user or UserRow(id=self.user_id or "")
        return row.profile(self.created_at)


class EnrollmentRow(RowOfUser):
    """A row of individualAssignment; the original leaves out at which point it was."""

    experiment_id: Uuid
    group_id: Name | None = None
    condition_id: Uuid | None = None
    enrollment_code: EnrollmentCode
    partition: PartitionRow | None = None

    def record(self) -> ForeignEnrollment:
        """The record that the row is."""
        return ForeignEnrollment(
            self.profile(),
            self.experiment_id,
            self.condition_id,
            self.group_id,
            self.enrollment_code,
            self.partition.point_key() if self.partition else None,
            self.created_at,
        )


class ExclusionRow(AdminBody):
    """A row of individualExclusion, whose id names the experiment and the user."""

    created_at: Time
    id: Annotated[Name, AfterValidator(_experiment_and_user)]
    user: UserRow | None = None
    exclusion_code: ExclusionCode

    def record(self) -> ForeignExclusion:
        """The record that the row is."""
        experiment_id, _, user_id = self.id.partition(SEPARATOR)
        user = (self.user or UserRow(id=user_id)).profile(self.created_at)
        return ForeignExclusion(user, experiment_id.lower(), self.exclusion_code, self.created_at)


class PointRow(RowOfUser):
    """A row of monitoredExperimentPoint."""

    id: Name
    site: Name
    target: Text | None = None
    experiment_id: Text | None = None
    condition: Text | None = None

    def record(self) -> ForeignPoint:
        """The record that the row is."""
        return ForeignPoint(
            self.profile(),
            MonitoredPoint(
                self.id,
                DecisionPointKey(self.site, self.target or ""),
                self.experiment_id,
                self.condition,
                self.created_at,
            ),
        )


class GroupEnrollmentRow(AdminBody):
    """A row of groupAssignment."""

    created_at: Time
    experiment_id: Uuid
    group_id: Name
    condition_id: Uuid
    partition: PartitionRow | None = None

    def record(self) -> ForeignGroupEnrollment:
        """The record that the row is."""
        point_key = self.partition.point_key() if self.partition else None
        return ForeignGroupEnrollment(
            self.group_id, self.experiment_id, self.condition_id, point_key, self.created_at
        )


class GroupExclusionRow(AdminBody):
    """A row of groupExclusion."""

    created_at: Time
    experiment_id: Uuid
    group_id: Name
    exclusion_code: ExclusionCode

    def record(self) -> ForeignGroupExclusion:
        """The record that the row is."""
        return ForeignGroupExclusion(
            self.group_id, self.experiment_id, self.exclusion_code, self.created_at
        )


def row_answer(listed: ListedRecord) -> Json:
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
                "exclusionCode": exclusion.code.value,
            }
        case GroupOwnRecord(group, GroupEnrollment() as enrollment) if experiment is not None:
            return _group_enrollment(group.id, enrollment, experiment)
        case GroupOwnRecord(group, Exclusion() as exclusion) if experiment is not None:
            return {
                **stamps(exclusion.at, exclusion.at, 1),
                "id": f"{experiment.id}_{group.id}",
                "experimentId": experiment.id,
                "exclusionCode": exclusion.code.value,
                "groupId": group.id,
            }
    raise AssertionError("a record belongs to an experiment")


def shortened(row: Json) -> Json:
    """A row that does not fit an answer, with the beginnings only of what it repeats of designs."""
    repeated = {
        name: {key: _beginning(value) for key, value in part.items()}
        for name in ("experiment", "condition")
        if isinstance(part := row.get(name), dict)
    }
    return {**row, **repeated}


def _beginning(value: Any) -> Any:
    """A field of a design, cut off where it is long; the only lists are tags and the context."""
    if isinstance(value, list):
        return [_beginning(each) for each in value[:1]]
    if isinstance(value, str) and len(value) > TEXT_SHOWN:
        return f"{value[:TEXT_SHOWN]}…"
    return value


def _enrollment(user: Profile, enrollment: Enrollment, experiment: Experiment) -> Json:
    subject = f"{experiment.id} {user.id} {enrollment.point_key.site} {enrollment.point_key.target}"
    return {
        **stamps(enrollment.at, enrollment.at, 1),
        "id": str(uuid.uuid5(NAMESPACE, subject)),
        "experimentId": experiment.id,
        "userId": user.id,
        "groupId": enrollment.group_id,
        "enrollmentCode": enrollment.code.value,
        "conditionId": enrollment.condition_id,
        "experiment": experiment_columns(experiment),
        "user": _user_columns(user, enrollment.at),
        "condition": _condition(experiment, enrollment.condition_id),
        "partition": _partition(enrollment.point_key),
    }


def _group_enrollment(group_id: str, enrollment: GroupEnrollment, experiment: Experiment) -> Json:
    return {
        **stamps(enrollment.at, enrollment.at, 1),
        "id": str(uuid.uuid5(NAMESPACE, f"{experiment.id} group {group_id}")),
        "experimentId": experiment.id,
        "groupId": group_id,
        "conditionId": enrollment.condition_id,
        "condition": _condition(experiment, enrollment.condition_id),
        "partition": _partition(enrollment.point_key),
    }


def _point(user: Profile, point: MonitoredPoint) -> Json:
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


def _user_columns(user: Profile, at: datetime) -> Json:
    created = user.created_at or at
    return {
        **stamps(created, user.updated_at or created, 1),
        "id": user.id,
        "group": user.group,
        "workingGroup": user.working_group,
    }


def _condition(experiment: Experiment, condition_id: str | None) -> Json | None:
    found: Condition | None = next(
        (each for each in experiment.conditions if each.id == condition_id), None
    )
    return None if found is None else condition_columns(experiment, found)


def _partition(point_key: DecisionPointKey) -> Any:
    """Where it was, which the original does not say; None if it is not known here either."""
    return {"site": point_key.site, "target": point_key.target} if point_key.site else None
