"""The shapes of experiments and their parts, as they are answered."""

from __future__ import annotations

from typing import Any, NotRequired

from typing_extensions import TypedDict

from chalicelib.api.upgrade.audiences.segment_answers import ExperimentList, ListColumns
from chalicelib.api.upgrade.experiments.designs.metric_models import MetricRecord
from chalicelib.api.upgrade.wire.shapes import Id, Moment, Payload, Stamps, StateName
from chalicelib.domain.audiences.filters import FilterMode
from chalicelib.domain.experiments.experiments import (
    Algorithm,
    ConditionOrder,
    ConsistencyRule,
    DesignType,
    PostRule,
    Unit,
)
from chalicelib.domain.experiments.metrics import Operation, RepeatedMeasure


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


class BareCondition(Condition):
    levelCombinationElements: list[LevelElement]


class ExportedCondition(BareCondition):
    conditionPayloads: NotRequired[list[StoredPayload]]


class ShownCondition(BareCondition):
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


class StoredQuery(TypedDict):
    id: Id
    name: str
    query: QueryDetail
    metric: GoneMetric
    repeatedMeasure: RepeatedMeasure
    order: int


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


class AddedList(ExperimentList):
    experiment: ExperimentColumns


class CreatedExperiment(ExperimentColumns):
    stratificationFactor: NotRequired[StratificationFactor]
    conditions: list[CreatedCondition]
    partitions: list[Point]
    factors: list[Factor]
    conditionPayloads: list[ConditionPayload]
    queries: list[CreatedQuery]


class ScheduleFault(TypedDict):
    """Why the scheduled function could not move an experiment to the state that is due."""

    message: str
    since: Moment


class Experiment(ExperimentColumns):
    """An experiment with all its parts."""

    scheduleFault: NotRequired[ScheduleFault]

    conditions: list[ShownCondition]
    partitions: list[Point]
    queries: list[Query]
    stateTimeLogs: list[StateChange]
    experimentSegmentInclusion: list[ExperimentList]
    experimentSegmentExclusion: list[ExperimentList]
    factors: list[Factor]
    stratificationFactor: StratificationFactor | None
    conditionPayloads: list[ConditionPayload]


class ExportedExperiment(ExperimentColumns):
    """An experiment as a file holds it; states go by their own names."""

    conditions: list[ExportedCondition]
    partitions: list[ExportedPoint]
    queries: list[Query]
    stateTimeLogs: list[StateChange]
    experimentSegmentInclusion: list[ExperimentList]
    experimentSegmentExclusion: list[ExperimentList]
    factors: list[ExportedFactor]
    stratificationFactor: StratificationFactor | None
    conditionPayloads: list[ConditionPayload]


class EditedFields(ExperimentFields):
    updatedAt: Moment
    versionNumber: int


class EditedExperiment(EditedFields):
    """An experiment after an edit, without the time of its creation and its history."""

    stratificationFactor: StratificationFactor | None
    conditions: list[EditedCondition]
    partitions: list[EditedPoint]
    factors: list[Factor]
    conditionPayloads: list[ConditionPayload]
    queries: list[EditedQuery]
    stateTimeLogs: list[StateChange]
    experimentSegmentInclusion: list[ExperimentList]
    experimentSegmentExclusion: list[ExperimentList]


class MovedExperiment(ExperimentColumns):
    """An experiment after a change of its state."""

    stateTimeLogs: list[NewStateChange]
    partitions: list[Point]
    queries: list[Query]


class ListedExperiment(ExperimentColumns):
    scheduleFault: NotRequired[ScheduleFault]
    partitions: list[Point]
    experimentSegmentInclusion: list[ListColumns]
    stateTimeLogs: list[StateChange]


class DeletedExperiment(ExperimentColumns):
    stratificationFactorStratificationFactorName: str | None


class ExperimentName(TypedDict):
    id: Id
    name: str


class DecisionPointKey(TypedDict):
    site: str
    target: str


class ContextMetadata(TypedDict):
    """What administrators are offered in a context."""

    CONDITIONS: list[str]
    GROUP_TYPES: list[str]
    EXP_IDS: list[str]
    EXP_POINTS: list[str]


class Contexts(TypedDict):
    contextMetadata: dict[str, ContextMetadata]
