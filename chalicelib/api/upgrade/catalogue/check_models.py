"""Records of participants in the JSON in which the original lists its tables (section 19)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, model_validator

from chalicelib.api.upgrade.outcomes.log_models import moment_of
from chalicelib.api.upgrade.participants.client_models import GroupField, Name, WorkingGroupField
from chalicelib.api.upgrade.wire.texts import AdminBody, Text, Uuid, is_uuid
from chalicelib.domain.experiments.transfer import (
    ForeignEnrollment,
    ForeignExclusion,
    ForeignGroupEnrollment,
    ForeignGroupExclusion,
    ForeignPoint,
)
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import (
    EnrollmentCode,
    ExclusionCode,
    MonitoredPoint,
    Profile,
)

ROWS = 1000
"""Rows of one call that brings them in."""


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
