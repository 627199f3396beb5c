"""Records of participants that move from one backend to another."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import (
    Enrollment,
    EnrollmentCode,
    Exclusion,
    ExclusionCode,
    GroupEnrollment,
    GroupKey,
    MonitoredPoint,
    Profile,
)


class RecordKind(StrEnum):
    """The kinds of records that are listed and brought in, each by itself."""

    ENROLLMENTS = "enrollments"
    EXCLUSIONS = "exclusions"
    POINTS = "points"
    GROUP_ENROLLMENTS = "enrollments of groups"
    GROUP_EXCLUSIONS = "exclusions of groups"


@dataclass(frozen=True, slots=True)
class UserRecord:
    """A record of a user."""

    user: Profile
    record: Enrollment | Exclusion | MonitoredPoint


@dataclass(frozen=True, slots=True)
class GroupOwnRecord:
    """A record of a group."""

    group: GroupKey
    record: GroupEnrollment | Exclusion


OwnedRecord = UserRecord | GroupOwnRecord


@dataclass(frozen=True, slots=True)
class ForeignEnrollment:
    """The enrollment of a user by another backend; `point_key` is None if it does not say."""

    user: Profile
    experiment_id: str
    condition_id: str | None
    group_id: str | None
    code: EnrollmentCode
    point_key: DecisionPointKey | None
    at: datetime


@dataclass(frozen=True, slots=True)
class ForeignExclusion:
    """The exclusion of a user by another backend."""

    user: Profile
    experiment_id: str
    code: ExclusionCode
    at: datetime


@dataclass(frozen=True, slots=True)
class ForeignPoint:
    """A decision point that a user reached with another backend."""

    user: Profile
    point: MonitoredPoint

    @property
    def at(self) -> datetime:
        """When that was."""
        return self.point.at


@dataclass(frozen=True, slots=True)
class ForeignGroupEnrollment:
    """The enrollment of a group by another backend; its type is that of the experiment."""

    group_id: str
    experiment_id: str
    condition_id: str
    point_key: DecisionPointKey | None
    at: datetime


@dataclass(frozen=True, slots=True)
class ForeignGroupExclusion:
    """The exclusion of a group by another backend."""

    group_id: str
    experiment_id: str
    code: ExclusionCode
    at: datetime


ForeignUserRecord = ForeignEnrollment | ForeignExclusion | ForeignPoint
ForeignGroupRecord = ForeignGroupEnrollment | ForeignGroupExclusion
