"""What designs in UpGrade's form consist of, as they are answered."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import WithJsonSchema
from typing_extensions import TypedDict

from chalicelib.api.upgrade.experiments.designs.metric_models import MetricRecord
from chalicelib.domain.audiences.filters import FilterMode
from chalicelib.domain.audiences.segments import SegmentType
from chalicelib.domain.experiments.experiments import (
    Algorithm,
    ConditionOrder,
    ConsistencyRule,
    DesignType,
    PostRule,
    Unit,
)
from chalicelib.domain.experiments.metrics import Operation, RepeatedMeasure

Id = Annotated[str, WithJsonSchema({"type": "string", "format": "uuid"})]
Moment = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]

StateName = Literal[
    "inactive", "draft", "scheduled", "preview", "archived",
    "enrolling", "enrollmentComplete", "cancelled",
    "running", "paused", "completed",
]  # fmt: skip
"""The last three are what administrators see in place of the three before."""


MembersTotal = Annotated[
    int,
    WithJsonSchema(
        {
            "type": "integer",
            "description": "How many members there are, where not all of them are shown: a Link"
            " leads to the others.",
        }
    ),
]


class Stamps(TypedDict):
    createdAt: Moment
    updatedAt: Moment
    versionNumber: int


class Payload(TypedDict):
    """What a client gets with a condition."""

    type: Literal["string", "json", "csv"]
    value: str


class CompleteCondition(TypedDict):
    """At how many users, or groups with users enough, enrollment ends."""

    userCount: NotRequired[int]
    groupCount: NotRequired[int]


class StratificationFactor(TypedDict):
    stratificationFactorName: str


class ExperimentFields(TypedDict):
    id: Id
    name: str
    description: str | None
    context: list[str]
    state: StateName
    startOn: Moment | None
    consistencyRule: ConsistencyRule | None
    assignmentUnit: Unit
    postExperimentRule: PostRule
    enrollmentCompleteCondition: CompleteCondition | None
    endOn: Moment | None
    revertTo: Id | None
    tags: list[str]
    group: str | None
    conditionOrder: ConditionOrder | None
    assignmentAlgorithm: Algorithm
    filterMode: FilterMode
    backendVersion: str
    type: DesignType


class ExperimentColumns(Stamps, ExperimentFields):
    """An experiment without its parts."""


class Condition(Stamps):
    id: Id
    twoCharacterId: str
    name: str | None
    description: str | None
    conditionCode: str
    assignmentWeight: int | float
    order: int


class Level(Stamps):
    id: Id
    name: str
    description: str | None
    order: int | None
    payload: Payload | None


class LevelElement(Stamps):
    """A level that a condition of a factorial design combines."""

    id: Id
    level: Level


class CreatedCondition(Condition):
    levelCombinationElements: NotRequired[list[LevelElement]]


class EditedCondition(CreatedCondition):
    experimentId: Id


class StoredPayload(Stamps):
    id: Id
    payloadValue: str
    payloadType: str


class ExportedCondition(Condition):
    levelCombinationElements: list[LevelElement]
    conditionPayloads: NotRequired[list[StoredPayload]]


class ShownCondition(Condition):
    levelCombinationElements: list[LevelElement]
    conditionPayloads: list[StoredPayload]


class Point(Stamps):
    """A decision point."""

    id: Id
    twoCharacterId: str
    site: str
    target: str
    description: str
    order: int
    excludeIfReached: bool


class EditedPoint(Point):
    experimentId: Id


class ExportedPoint(Point):
    conditionPayloads: NotRequired[list[Any]]


class ConditionPayload(Stamps):
    """The payload of a condition, at one point or (factorial designs) at all."""

    id: Id
    parentCondition: Id
    decisionPoint: NotRequired[Id]
    payload: Payload


class Factor(Stamps):
    id: Id
    name: str
    description: str | None
    order: int
    levels: list[Level]


class ExportedFactor(TypedDict):
    id: Id
    name: str
    description: str | None
    order: int
    levels: list[Level]


class GoneMetric(TypedDict):
    """A metric that is gone."""

    key: str


class QueryDetail(TypedDict):
    operationType: Operation
    compareFn: NotRequired[str | None]
    compareValue: NotRequired[str | int | float | None]


class Query(Stamps):
    """What is asked of a metric."""

    id: Id
    name: str
    query: QueryDetail
    metric: MetricRecord | GoneMetric
    repeatedMeasure: RepeatedMeasure
    order: int


class CreatedQuery(Query):
    experiment: ExperimentColumns


class EditedQuery(Query):
    experimentId: Id


class StateChange(Stamps):
    """An entry of the log of states."""

    id: Id
    fromState: StateName
    toState: StateName
    timeLog: Moment


class ExperimentBefore(ExperimentColumns):
    """An experiment as it was before a change of its state."""

    stateTimeLogs: list[StateChange]
    partitions: list[Point]
    queries: list[Query]


class NewStateChange(StateChange):
    experiment: NotRequired[ExperimentBefore]


class SegmentColumns(Stamps):
    """A segment without its members."""

    id: Id
    name: str
    description: str | None
    listType: str | None
    context: str
    type: SegmentType
    tags: list[str] | None


class SegmentUser(Stamps):
    segmentId: Id
    userId: str


class SegmentGroup(Stamps):
    segmentId: Id
    groupId: str
    type: str


class Segment(SegmentColumns):
    """A segment with its members."""

    individualForSegment: list[SegmentUser]
    groupForSegment: list[SegmentGroup]
    subSegments: list[SegmentColumns]
    membersTotal: NotRequired[MembersTotal]


class ListColumns(Stamps):
    """That a list belongs to an experiment."""

    segmentId: Id
    experimentId: Id


class ExperimentList(ListColumns):
    """A list of an experiment."""

    segment: Segment


class AddedList(ExperimentList):
    experiment: ExperimentColumns


class DeletedList(TypedDict):
    id: Id
    name: str
