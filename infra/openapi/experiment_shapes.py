"""What UpGrade's routes answer about experiments."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict

from chalicelib.api.upgrade.wire.pages import PageColumns
from infra.openapi.experiment_parts import (
    ConditionPayload,
    CreatedCondition,
    CreatedQuery,
    EditedCondition,
    EditedPoint,
    EditedQuery,
    ExperimentColumns,
    ExperimentFields,
    ExperimentList,
    ExportedCondition,
    ExportedFactor,
    ExportedPoint,
    Factor,
    Id,
    ListColumns,
    Moment,
    NewStateChange,
    Point,
    Query,
    ShownCondition,
    StateChange,
    StratificationFactor,
)


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


class EditedExperiment(ExperimentFields):
    """An experiment after an edit, without the time of its creation and its history."""

    updatedAt: Moment
    versionNumber: int
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


class PageOfExperiments(PageColumns):
    nodes: list[ListedExperiment]
