"""What clients send to create and edit experiments (section 7)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, StrictBool, WithJsonSchema, model_validator

from chalicelib.api.upgrade.audiences.segment_models import (
    LISTS_SENT,
    SUBSEGMENTS,
    GroupBodies,
    NamedUsers,
    Tags,
)
from chalicelib.api.upgrade.wire.records import iso
from chalicelib.api.upgrade.wire.state_names import DISPLAY_NAMES
from chalicelib.api.upgrade.wire.texts import (
    AdminBody,
    FilledName,
    FilledText,
    Identifier,
    Name,
    Text,
    Uuid,
)
from chalicelib.api.values.bounds import AtMost
from chalicelib.api.values.numbers import as_javascript
from chalicelib.domain.audiences.filters import FilterMode
from chalicelib.domain.audiences.segments import SegmentType
from chalicelib.domain.experiments.experiments import (
    Algorithm,
    ConditionOrder,
    ConsistencyRule,
    DesignType,
    Payload,
    PostRule,
    State,
    Unit,
)
from chalicelib.domain.experiments.metrics import Operation, RepeatedMeasure

MAX_CONDITIONS = 40
MAX_POINTS = 80
PAYLOADS = MAX_CONDITIONS * (MAX_POINTS + 1)
"""Of each condition one for each point, and one for those that have none."""

FACTORS = 40
LEVELS = 100
QUERIES = 1000
MAX_WEIGHT = 10**9
INT32_DIGITS = 10
INT32 = range(-(2**31), 2**31)


_STATES = {name: state for state, name in DISPLAY_NAMES.items()}


class PayloadType(StrEnum):
    STRING = "string"
    JSON = "json"
    CSV = "csv"


def _display_state(value: Any) -> Any:
    return _STATES.get(value, value) if isinstance(value, str) else value


def _integer(value: Any) -> int:
    if isinstance(value, Decimal) and value.adjusted() < INT32_DIGITS and value == int(value):
        value = int(value)  # 2.0 is an integer, as in JavaScript
    if not isinstance(value, int) or isinstance(value, bool) or value not in INT32:
        raise ValueError("must be an integer of 32 bits")
    return value


def _weight(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("must be a number")
    if not 0 <= value <= MAX_WEIGHT:
        raise ValueError(f"must be between 0 and {MAX_WEIGHT}")
    return abs(float(value))


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("must be a number")
    return as_javascript(value)


def _moment(value: Any) -> str:
    try:
        moment = datetime.fromisoformat(value)
        return iso(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (TypeError, ValueError, OverflowError):
        raise ValueError("must be a date and time in ISO 8601") from None


def one_or_more(value: Any) -> Any:
    """One list of a design, as it came up to 6.2, stands for a list of that one."""
    return [value] if isinstance(value, dict) else value


Integer = Annotated[int, BeforeValidator(_integer)]
Count = Annotated[Integer, Field(ge=0)]
Weight = Annotated[float, BeforeValidator(_weight)]
Number = Annotated[int | float, BeforeValidator(_number)]
Moment = Annotated[
    str, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})
]
StateName = Annotated[
    State, BeforeValidator(_display_state), WithJsonSchema({"enum": [*State, *_STATES]})
]
"""A state by its own name or by the one that administrators see."""


class PayloadBody(AdminBody):
    type: PayloadType
    value: Text

    def payload(self) -> Payload:
        return Payload(self.type.value, self.value)


class LevelReference(AdminBody):
    id: Identifier


class ElementBody(AdminBody):
    """A level of a factorial condition."""

    id: Identifier
    level: LevelReference


class ConditionBody(AdminBody):
    id: Identifier
    condition_code: FilledText
    assignment_weight: Weight
    order: Integer
    name: Text | None = None
    description: Text | None = None
    two_character_id: Text | None = None
    level_combination_elements: Annotated[tuple[ElementBody, ...], AtMost(FACTORS)] | None = None


class PointBody(AdminBody):
    id: Identifier
    site: FilledText
    target: Text | None = None
    description: Text | None = None
    order: Integer
    exclude_if_reached: StrictBool
    two_character_id: Text | None = None


class ConditionPayloadBody(AdminBody):
    id: Identifier
    parent_condition: Identifier
    decision_point: Identifier | None = None
    payload: PayloadBody


class LevelBody(AdminBody):
    id: Identifier
    name: FilledText
    order: Integer | None = None
    description: Text | None = None
    payload: PayloadBody | None = None


class FactorBody(AdminBody):
    id: Identifier | None = None
    name: FilledText
    order: Integer
    description: Text | None = None
    levels: Annotated[tuple[LevelBody, ...], AtMost(LEVELS)]


class MetricReference(AdminBody):
    key: FilledText


class QueryDetail(AdminBody):
    operation_type: Operation
    compare_fn: Text | None = None
    compare_value: Text | Number | None = None


class QueryBody(AdminBody):
    id: Identifier | None = None
    name: FilledText
    query: QueryDetail
    metric: MetricReference
    repeated_measure: RepeatedMeasure
    order: Integer | None = None


class CompleteConditionBody(AdminBody):
    user_count: Count | None = None
    group_count: Count | None = None


class StratificationBody(AdminBody):
    stratification_factor_name: FilledText


class NamedSegment(AdminBody):
    id: Identifier


class ListedSegment(AdminBody):
    """A list in the form in which experiments are read."""

    name: Name | None = None
    description: Text | None = None
    list_type: Text | None = None
    type: SegmentType
    individual_for_segment: NamedUsers | None = None
    group_for_segment: GroupBodies | None = None
    sub_segments: Annotated[tuple[NamedSegment, ...], AtMost(SUBSEGMENTS)] | None = None


class RequestedList(AdminBody):
    segment: ListedSegment


RequestedLists = Annotated[
    tuple[RequestedList, ...],
    AtMost(LISTS_SENT),
    BeforeValidator(one_or_more, json_schema_input_type=tuple[RequestedList, ...] | RequestedList),
]


class DesignBody(AdminBody):
    """An experiment without its lists."""

    id: Uuid | None = None
    name: FilledName
    description: Text | None = None
    context: Annotated[tuple[FilledText, ...], Field(min_length=1), AtMost(1)]
    state: StateName
    type: DesignType
    assignment_unit: Unit
    group: Text | None = None
    consistency_rule: ConsistencyRule | None = None
    condition_order: ConditionOrder | None = None
    assignment_algorithm: Algorithm | None = None
    stratification_factor: StratificationBody | None = None
    mooclet_policy_parameters: None = None
    """Adaptive experiments are switched off, as the original is shipped."""
    post_experiment_rule: PostRule
    revert_to: Identifier | Literal[""] | None = None
    filter_mode: FilterMode
    enrollment_complete_condition: CompleteConditionBody | None = None
    start_on: Moment | None = None
    end_on: Moment | None = None
    tags: Tags | None = None
    conditions: Annotated[tuple[ConditionBody, ...], AtMost(MAX_CONDITIONS)]
    partitions: Annotated[tuple[PointBody, ...], AtMost(MAX_POINTS)]
    condition_payloads: Annotated[tuple[ConditionPayloadBody, ...], AtMost(PAYLOADS)] | None = None
    factors: Annotated[tuple[FactorBody, ...], AtMost(FACTORS)] | None = None
    queries: Annotated[tuple[QueryBody, ...], AtMost(QUERIES)] | None = None

    @model_validator(mode="after")
    def _unit_has_its_settings(self) -> Self:
        if (self.assignment_unit is Unit.GROUP) != bool(self.group):
            raise ValueError("group: required with the unit group, and only there")
        within = self.assignment_unit is Unit.WITHIN_SUBJECTS
        if within != (self.condition_order is not None):
            raise ValueError("conditionOrder: required within subjects, and only there")
        if not within and self.consistency_rule is None:
            raise ValueError("consistencyRule: required unless within subjects")
        return self

    @model_validator(mode="after")
    def _references_are_unambiguous(self) -> Self:
        _once("conditions", (condition.id for condition in self.conditions))
        _once("partitions", (point.id for point in self.partitions))
        levels = (level for factor in self.factors or () for level in factor.levels)
        _once("levels", (level.id for level in levels))
        return self


class ExperimentBody(DesignBody):
    """POST /api/experiments."""

    experiment_segment_inclusion: RequestedLists | None = None
    experiment_segment_exclusion: RequestedLists | None = None


class EditExperimentBody(ExperimentBody):
    """PUT /api/experiments/{id}: the payloads must be there."""

    condition_payloads: Annotated[tuple[ConditionPayloadBody, ...], AtMost(PAYLOADS)]

    @model_validator(mode="after")
    def _ids_are_kept_apart(self) -> Self:
        check_ids_apart(self)
        return self


class StateBody(AdminBody):
    """POST /api/experiments/state."""

    experiment_id: Uuid
    state: StateName
    schedule_date: Moment | None = None


def check_ids_apart(body: DesignBody) -> None:
    """Refuse a design whose ids are kept if one of them names two parts.

    Raises:
        ValueError: if so.
    """
    _once("conditionPayloads", (payload.id for payload in body.condition_payloads or ()))
    _once("queries", (query.id for query in body.queries or () if query.id))
    _once("factors", (factor.id for factor in body.factors or () if factor.id))


def _once(name: str, ids: Iterable[str]) -> None:
    listed = list(ids)
    if len(set(listed)) != len(listed):
        raise ValueError(f"{name}: an id is given twice")
