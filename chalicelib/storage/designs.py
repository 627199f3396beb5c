"""What UpGrade's administration makes, as JSON values of an item, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, TypeVar

from chalicelib.domain.api_keys import ApiKey, Role
from chalicelib.domain.experiments import (
    Algorithm,
    CompleteCondition,
    Condition,
    ConditionOrder,
    ConditionPayload,
    ConsistencyRule,
    DecisionPoint,
    DesignType,
    Experiment,
    Factor,
    FilterMode,
    Level,
    LevelElement,
    ListEntry,
    Payload,
    PostRule,
    State,
    StateChange,
    Unit,
)
from chalicelib.domain.faults import Fault
from chalicelib.domain.flags import Flag, FlagStatus
from chalicelib.domain.metrics import Metric, MetricType
from chalicelib.domain.participants import GroupKey
from chalicelib.domain.segments import Segment, SegmentType
from chalicelib.storage.stored_forms import read_as
from chalicelib.storage.times import from_ms, to_ms

T = TypeVar("T")


def to_values(experiment: Experiment) -> dict[str, Any]:
    """The fields by name; times as milliseconds, all else as JSON has it."""
    values = asdict(experiment)
    for change in values["state_changes"]:
        change["at"] = to_ms(change["at"])
    for name in ("created_at", "updated_at", "started_at"):
        values[name] = None if values[name] is None else to_ms(values[name])
    return values


def from_values(values: Mapping[str, Any]) -> Experiment:
    """The experiment that `to_values` was given."""
    complete = values.get("complete_condition")
    return read_as(
        Experiment,
        values,
        state=State(values.get("state", State.INACTIVE)),
        type=DesignType(values.get("type", DesignType.SIMPLE)),
        unit=Unit(values.get("unit", Unit.INDIVIDUAL)),
        rule=_optional(ConsistencyRule, values.get("rule")),
        condition_order=_optional(ConditionOrder, values.get("condition_order")),
        algorithm=Algorithm(values.get("algorithm", Algorithm.RANDOM)),
        post_rule=PostRule(values.get("post_rule", PostRule.CONTINUE)),
        filter_mode=FilterMode(values.get("filter_mode", FilterMode.EXCLUDE_ALL)),
        complete_condition=None if complete is None else read_as(CompleteCondition, complete),
        tags=tuple(values.get("tags", ())),
        conditions=tuple(map(_condition, values.get("conditions", ()))),
        points=_all_as(DecisionPoint, values.get("points", ())),
        payloads=tuple(map(_condition_payload, values.get("payloads", ()))),
        factors=tuple(map(_factor, values.get("factors", ()))),
        queries=tuple(values.get("queries", ())),
        state_changes=tuple(map(_state_change, values.get("state_changes", ()))),
        **_lists(values),
        **_times(values),
        started_at=_optional(from_ms, values.get("started_at")),
    )


def _condition(row: Mapping[str, Any]) -> Condition:
    return read_as(Condition, row, levels=_all_as(LevelElement, row.get("levels", ())))


def _condition_payload(row: Mapping[str, Any]) -> ConditionPayload:
    return read_as(ConditionPayload, row, payload=read_as(Payload, row["payload"]))


def _factor(row: Mapping[str, Any]) -> Factor:
    return read_as(Factor, row, levels=tuple(map(_level, row.get("levels", ()))))


def _level(row: Mapping[str, Any]) -> Level:
    payload = row.get("payload")
    return read_as(Level, row, payload=None if payload is None else read_as(Payload, payload))


def _state_change(row: Mapping[str, Any]) -> StateChange:
    return StateChange(row["id"], State(row["before"]), State(row["after"]), from_ms(row["at"]))


def _optional(convert: Callable[[Any], T], value: Any) -> T | None:
    return None if value is None else convert(value)


def _all_as(cls: type[T], rows: Iterable[Mapping[str, Any]]) -> tuple[T, ...]:
    return tuple(read_as(cls, row) for row in rows)


def _lists(values: Mapping[str, Any]) -> dict[str, tuple[ListEntry, ...]]:
    return {side: _all_as(ListEntry, values.get(side, ())) for side in ("include", "exclude")}


def segment_values(segment: Segment) -> dict[str, Any]:
    """The fields of a segment by name."""
    return {
        **asdict(segment),
        "groups": [[group.type, group.id] for group in sorted(segment.groups)],
        **_milliseconds(segment),
    }


def segment_of(values: Mapping[str, Any]) -> Segment:
    """The segment that `segment_values` was given."""
    return read_as(
        Segment,
        values,
        type=SegmentType(values["type"]),
        groups=frozenset(GroupKey(*group) for group in values.get("groups", ())),
        sub_segments=tuple(values.get("sub_segments", ())),
        tags=tuple(values.get("tags", ())),
        **_times(values),
    )


def flag_values(flag: Flag) -> dict[str, Any]:
    """The fields of a flag by name."""
    return {**asdict(flag), **_milliseconds(flag)}


def flag_of(values: Mapping[str, Any]) -> Flag:
    """The flag that `flag_values` was given."""
    return read_as(
        Flag,
        values,
        status=FlagStatus(values.get("status", FlagStatus.DISABLED)),
        filter_mode=FilterMode(values.get("filter_mode", FilterMode.EXCLUDE_ALL)),
        tags=tuple(values.get("tags", ())),
        **_lists(values),
        **_times(values),
    )


def metric_values(metric: Metric) -> dict[str, Any]:
    """The fields of a metric by name."""
    return {**asdict(metric), **_milliseconds(metric)}


def metric_of(values: Mapping[str, Any]) -> Metric:
    """The metric that `metric_values` was given."""
    return read_as(
        Metric,
        values,
        type=MetricType(values["type"]),
        allowed_values=_optional(tuple, values.get("allowed_values")),
        contexts=tuple(values.get("contexts", ())),
        **_times(values),
    )


def key_values(key: ApiKey) -> dict[str, Any]:
    """The fields of an API key by name."""
    return {**asdict(key), "created_at": to_ms(key.created_at)}


def key_of(values: Mapping[str, Any]) -> ApiKey:
    """The API key that `key_values` was given."""
    role, created_at = Role(values["role"]), from_ms(values["created_at"])
    return read_as(ApiKey, values, role=role, created_at=created_at)


def fault_values(fault: Fault) -> dict[str, Any]:
    """The fields of a fault by name."""
    return {**asdict(fault), "since": to_ms(fault.since)}


def fault_of(values: Mapping[str, Any]) -> Fault:
    """The fault that `fault_values` was given."""
    return Fault(values["what"], from_ms(values["since"]))


def _milliseconds(stamped: Segment | Flag | Metric) -> dict[str, int]:
    return {
        "created_at": to_ms(stamped.created_at),
        "updated_at": to_ms(stamped.updated_at),
    }


def _times(values: Mapping[str, Any]) -> dict[str, datetime]:
    return {name: from_ms(values[name]) for name in ("created_at", "updated_at")}
