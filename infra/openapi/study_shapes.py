"""What UpGrade answers to clients, and about metrics, results, participants and settings."""

from __future__ import annotations

from typing import Any, NotRequired

from typing_extensions import TypedDict

from chalicelib.domain.participants.participants import EnrollmentCode, ExclusionCode
from infra.openapi.experiment_parts import (
    Condition,
    ExperimentColumns,
    Id,
    Stamps,
)
from infra.openapi.experiment_shapes import (
    DecisionPointKey,
)

Groups = dict[str, list[str]]
WorkingGroups = dict[str, str]


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
    experiment: ExperimentColumns
    user: UserColumns
    condition: Condition | None
    partition: DecisionPointKey | None


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
    condition: Condition | None
    partition: DecisionPointKey | None


class ListedGroupExclusion(Stamps):
    """The exclusion of a group; the id is `<experiment>_<group>`."""

    id: str
    experimentId: Id
    exclusionCode: ExclusionCode
    groupId: str


class RefusedRow(TypedDict):
    index: int
    reason: str


class TransferReport(TypedDict):
    """How many rows were stored, how many were there already, and which were refused."""

    stored: int
    unchanged: int
    refused: list[RefusedRow]


class UpgradeError(TypedDict):
    """Every refusal of UpGrade's routes; `request` is the body as it was received."""

    name: NotRequired[str]
    message: str
    endPoint: str
    errorCode: int
    type: NotRequired[str]
    request: dict[str, Any] | list[Any]


class Problem(TypedDict):
    """Problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str


class PlainError(TypedDict):
    """A refusal that has no documented text."""

    error: str


class GatewayRefusal(TypedDict):
    """What API Gateway answers to a request that it does not pass on."""

    message: str


class Crash(TypedDict):
    """What Chalice answers where the server itself is at fault."""

    Code: str
    Message: str
