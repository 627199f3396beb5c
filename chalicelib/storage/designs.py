"""What UpGrade's administration makes, as JSON values of an item, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

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
from chalicelib.domain.flags import Flag, FlagStatus
from chalicelib.domain.metrics import Metric, MetricType
from chalicelib.domain.participants import GroupKey
from chalicelib.domain.segments import Segment, SegmentType
from chalicelib.storage.times import from_ms, to_ms


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
    complete = values["complete_condition"]
    return Experiment(
        **{
            **values,
            "state": State(values["state"]),
            "type": DesignType(values["type"]),
            "unit": Unit(values["unit"]),
            "rule": values["rule"] and ConsistencyRule(values["rule"]),
            "condition_order": values["condition_order"]
            and ConditionOrder(values["condition_order"]),
            "algorithm": Algorithm(values["algorithm"]),
            "post_rule": PostRule(values["post_rule"]),
            "filter_mode": FilterMode(values["filter_mode"]),
            "complete_condition": None if complete is None else CompleteCondition(**complete),
            "tags": tuple(values["tags"]),
            "conditions": tuple(map(_condition, values["conditions"])),
            "points": tuple(DecisionPoint(**point) for point in values["points"]),
            "payloads": tuple(
                ConditionPayload(**{**row, "payload": Payload(**row["payload"])})
                for row in values["payloads"]
            ),
            "factors": tuple(map(_factor, values["factors"])),
            "queries": tuple(values["queries"]),
            "include": tuple(ListEntry(**entry) for entry in values["include"]),
            "exclude": tuple(ListEntry(**entry) for entry in values["exclude"]),
            "state_changes": tuple(map(_state_change, values["state_changes"])),
            "created_at": from_ms(values["created_at"]),
            "updated_at": from_ms(values["updated_at"]),
            "started_at": _moment(values["started_at"]),
        }
    )


def _condition(row: Mapping[str, Any]) -> Condition:
    levels = tuple(LevelElement(**element) for element in row["levels"])
    return Condition(**{**row, "levels": levels})


def _factor(row: Mapping[str, Any]) -> Factor:
    levels = tuple(
        Level(**{**level, "payload": level["payload"] and Payload(**level["payload"])})
        for level in row["levels"]
    )
    return Factor(**{**row, "levels": levels})


def _state_change(row: Mapping[str, Any]) -> StateChange:
    return StateChange(row["id"], State(row["before"]), State(row["after"]), from_ms(row["at"]))


def _moment(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else from_ms(milliseconds)


def segment_values(segment: Segment) -> dict[str, Any]:
    """The fields of a segment by name."""
    return {
        **asdict(segment),
        "groups": [[group.type, group.id] for group in sorted(segment.groups)],
        **_milliseconds(segment),
    }


def segment_of(values: Mapping[str, Any]) -> Segment:
    """The segment that `segment_values` was given."""
    return Segment(
        **{
            **values,
            "type": SegmentType(values["type"]),
            "groups": frozenset(GroupKey(*group) for group in values["groups"]),
            "sub_segments": tuple(values["sub_segments"]),
            "tags": tuple(values["tags"]),
            **_times(values),
        }
    )


def flag_values(flag: Flag) -> dict[str, Any]:
    """The fields of a flag by name."""
    return {**asdict(flag), **_milliseconds(flag)}


def flag_of(values: Mapping[str, Any]) -> Flag:
    """The flag that `flag_values` was given."""
    return Flag(
        **{
            **values,
            "status": FlagStatus(values["status"]),
            "filter_mode": FilterMode(values["filter_mode"]),
            "tags": tuple(values["tags"]),
            "include": tuple(ListEntry(**entry) for entry in values["include"]),
            "exclude": tuple(ListEntry(**entry) for entry in values["exclude"]),
            **_times(values),
        }
    )


def metric_values(metric: Metric) -> dict[str, Any]:
    """The fields of a metric by name."""
    return {**asdict(metric), **_milliseconds(metric)}


def metric_of(values: Mapping[str, Any]) -> Metric:
    """The metric that `metric_values` was given."""
    allowed = values["allowed_values"]
    return Metric(
        **{
            **values,
            "type": MetricType(values["type"]),
            "allowed_values": None if allowed is None else tuple(allowed),
            "contexts": tuple(values["contexts"]),
            **_times(values),
        }
    )


def key_values(key: ApiKey) -> dict[str, Any]:
    """The fields of an API key by name."""
    return {**asdict(key), "created_at": to_ms(key.created_at)}


def key_of(values: Mapping[str, Any]) -> ApiKey:
    """The API key that `key_values` was given."""
    role, created_at = Role(values["role"]), from_ms(values["created_at"])
    return ApiKey(**{**values, "role": role, "created_at": created_at})


def _milliseconds(stamped: Segment | Flag | Metric) -> dict[str, int]:
    return {
        "created_at": to_ms(stamped.created_at),
        "updated_at": to_ms(stamped.updated_at),
    }


def _times(values: Mapping[str, Any]) -> dict[str, datetime]:
    return {name: from_ms(values[name]) for name in ("created_at", "updated_at")}
