"""What UpGrade answers to clients, and about metrics, results, participants and settings."""

from __future__ import annotations

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from chalicelib.domain.experiments.experiments import DesignType
from chalicelib.domain.experiments.metrics import MetricType
from chalicelib.domain.participants.participants import EnrollmentCode, ExclusionCode
from infra.openapi.experiment_parts import (
    Condition,
    ExperimentColumns,
    Id,
    MetricRecord,
    Moment,
    Payload,
    Stamps,
)
from infra.openapi.experiment_shapes import (
    DecisionPointKey,
)

Groups = dict[str, list[str]]
WorkingGroups = dict[str, str]


class StoredUser(TypedDict):
    """A user as stored; what nobody ever said of one is empty or null."""

    id: str
    group: Groups | None
    workingGroup: WorkingGroups | None


class Aliases(TypedDict):
    """The aliases of a user that a call named, under both names that the API has for them."""

    userId: str
    aliases: list[str]
    userAliases: list[str]


class AssignedCondition(TypedDict):
    id: Id
    conditionCode: str
    payload: Payload | None
    experimentId: Id


class AssignedLevel(TypedDict):
    level: str
    payload: Payload | None


class Assignment(TypedDict):
    """What a user gets at a decision point.

    There are several conditions within subjects only; factorial designs show the level of each
    factor by its name. `condition` is the code of the first.
    """

    site: str
    target: str
    condition: str
    experimentType: DesignType
    assignedCondition: list[AssignedCondition]
    assignedFactor: NotRequired[list[dict[str, AssignedLevel]]]


class MarkedPoint(TypedDict):
    """That a user reached a decision point; one that was brought in keeps the id it had.

    `enrollmentCode` says how the user came to take part in the experiment there, or why not.
    """

    id: str
    userId: str
    site: str
    target: str
    experimentId: str | None
    condition: str | None
    enrollmentCode: EnrollmentCode | ExclusionCode | None


class FlagsOfGroupSets(TypedDict):
    """The keys of the flags that are on by each set of groups; the main one where it was sent."""

    mainGroupset: NotRequired[list[str]]
    subGroupsets: dict[str, list[str]]


class ChangedLogRow(TypedDict):
    """A row of the log that was there before."""

    id: int
    uniquifier: str | None
    timeStamp: Moment
    data: dict[str, Any]
    userId: str


class LogUser(Stamps):
    id: str
    group: Groups | None
    workingGroup: WorkingGroups | None
    requestedUserId: str


class NewLogRow(TypedDict):
    """A row of the log that is new."""

    id: int
    uniquifier: str | None
    timeStamp: Moment
    data: dict[str, Any]
    metrics: list[MetricRecord]
    user: LogUser


class NamedLogRow(TypedDict):
    """A row of the log, where all of them with their values are more than an answer holds."""

    id: int
    uniquifier: str | None
    timeStamp: Moment


class StampedChangedLogRow(Stamps, ChangedLogRow):
    pass


class StampedNewLogRow(Stamps, NewLogRow):
    pass


LogRows = list[NewLogRow | ChangedLogRow | NamedLogRow]
StampedLogRows = list[StampedNewLogRow | StampedChangedLogRow | ChangedLogRow | NamedLogRow]


class MetricMetadata(TypedDict):
    type: MetricType


class MetricNode(TypedDict):
    """A metric, or a class of metrics with those below it."""

    key: str
    children: list[MetricNode]
    metadata: MetricMetadata
    allowedData: list[str] | None
    context: list[str]


class Enrollment(TypedDict):
    id: Id
    users: int
    groups: int


class ConditionEnrollment(Enrollment):
    partitions: list[Enrollment]


class EnrollmentDetail(Enrollment):
    usersExcluded: int
    groupsExcluded: int
    conditions: list[ConditionEnrollment]


class DatedCondition(TypedDict):
    id: Id
    partitions: list[Enrollment]


class DatedStatistics(TypedDict):
    id: Id
    conditions: list[DatedCondition]


class DatedEnrollment(TypedDict):
    """Who enrolled in a day, month or year; `date` is its first day, as JavaScript writes it."""

    date: str
    stats: DatedStatistics


class ConditionResult(TypedDict):
    """The result of a condition, in PostgreSQL's digits."""

    conditionId: Id
    result: str | int | float | None
    participantsLogged: str | int


class LevelResult(TypedDict):
    """The result of a level of a factorial design."""

    levelId: Id
    result: str | int | float | None
    participantsLogged: str | int


class QueryResult(TypedDict):
    """The results of a query; those of factorial designs by level, then by condition."""

    id: Id
    mainEffect: list[ConditionResult | LevelResult]
    interactionEffect: list[ConditionResult] | None


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


class StratificationUse(TypedDict):
    """How many users have each value of a factor, and which experiments go by it."""

    factor: str
    factorValue: dict[str, int]
    experimentIds: list[Id]


class UploadedFactor(TypedDict):
    factor: str
    users: int


class DeletedFactor(Stamps):
    stratificationFactorName: str


class ClientSettings(TypedDict):
    toCheckAuth: bool
    toFilterMetric: bool


class ServiceDescription(TypedDict):
    name: str
    version: str
    description: str


BatchAssignment = dict[str, Assignment | Literal["NOT_FOUND"] | None]
"""By user; null for those who get nothing."""


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
