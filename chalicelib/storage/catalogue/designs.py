"""Experiments, flags and segments as JSON values of an item, and back.

Words that only a newer version knows have stand-ins, and are kept (`stored_forms`). An experiment
that holds such a word is inactive besides: nobody takes part by rules that are not known here. For
the same reason a flag is disabled then, and a key is good for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from enum import Enum
from typing import Any, TypeVar

from chalicelib.domain.access.api_keys import ApiKey, Role
from chalicelib.domain.audiences.filters import FilterMode, ListEntry
from chalicelib.domain.audiences.segments import Segment, SegmentType
from chalicelib.domain.catalogue.faults import Fault
from chalicelib.domain.experiments.experiments import (
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
    Level,
    LevelElement,
    Payload,
    PostRule,
    State,
    StateChange,
    Unit,
)
from chalicelib.domain.experiments.metrics import Metric, MetricType
from chalicelib.domain.flags.flags import Flag, FlagStatus
from chalicelib.domain.participants.participants import GroupKey
from chalicelib.storage.dynamodb.stored_forms import read_as, read_words, stored_words, word
from chalicelib.storage.dynamodb.times import from_ms, to_ms

T = TypeVar("T")

OF_EXPERIMENTS: Mapping[str, Enum] = {
    "state": State.INACTIVE,
    "type": DesignType.SIMPLE,
    "unit": Unit.INDIVIDUAL,
    "rule": ConsistencyRule.INDIVIDUAL,
    "condition_order": ConditionOrder.RANDOM,
    "algorithm": Algorithm.RANDOM,
    "post_rule": PostRule.CONTINUE,
    "filter_mode": FilterMode.EXCLUDE_ALL,
}
OF_FLAGS: Mapping[str, Enum] = {
    "status": FlagStatus.DISABLED,
    "filter_mode": FilterMode.EXCLUDE_ALL,
}
OF_SEGMENTS: Mapping[str, Enum] = {"type": SegmentType.PUBLIC}
OF_METRICS: Mapping[str, Enum] = {"type": MetricType.CATEGORICAL}
OF_KEYS: Mapping[str, Enum] = {"role": Role.CLIENT}
"""What stands in for words that are not known here, by field."""

OPTIONAL = frozenset({"rule", "condition_order"})
"""Fields that may hold no word."""


NUMBER = "number"
"""The name under which a condition's `variant_id` and a flag's `feature_id` are stored."""


def to_values(experiment: Experiment) -> dict[str, Any]:
    """The fields by name; times as milliseconds, all else as JSON has it."""
    values = stored_words(asdict(experiment), OF_EXPERIMENTS)
    values["conditions"] = [_renamed(each, "variant_id", NUMBER) for each in values["conditions"]]
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
        **_unserved(values, OF_EXPERIMENTS, "state"),
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


def _unserved(
    values: Mapping[str, Any], stand_ins: Mapping[str, Enum], name: str
) -> dict[str, Any]:
    """The words of something that is not in force if any of them is not known here.

    `name` is the field whose stand-in says so.
    """
    held = {k: each for k, each in stand_ins.items() if k not in OPTIONAL or values.get(k)}
    words = read_words(values, held)
    newer = dict(words["newer"])
    if newer and words[name] is not stand_ins[name]:
        newer[name], words[name] = values[name], stand_ins[name]
    return {**words, "newer": tuple(newer.items())}


def _condition(row: Mapping[str, Any]) -> Condition:
    return read_as(
        Condition,
        row,
        variant_id=row.get(NUMBER),
        levels=_all_as(LevelElement, row.get("levels", ())),
    )


def _condition_payload(row: Mapping[str, Any]) -> ConditionPayload:
    return read_as(ConditionPayload, row, payload=read_as(Payload, row["payload"]))


def _factor(row: Mapping[str, Any]) -> Factor:
    return read_as(Factor, row, levels=tuple(map(_level, row.get("levels", ()))))


def _level(row: Mapping[str, Any]) -> Level:
    payload = row.get("payload")
    return read_as(Level, row, payload=None if payload is None else read_as(Payload, payload))


def _state_change(row: Mapping[str, Any]) -> StateChange:
    before, after = (word(row[name], State.INACTIVE) for name in ("before", "after"))
    return StateChange(row["id"], before, after, from_ms(row["at"]))


def _optional(convert: Callable[[Any], T], value: Any) -> T | None:
    return None if value is None else convert(value)


def _all_as(cls: type[T], rows: Iterable[Mapping[str, Any]]) -> tuple[T, ...]:
    return tuple(read_as(cls, row) for row in rows)


def _lists(values: Mapping[str, Any]) -> dict[str, tuple[ListEntry, ...]]:
    return {side: _all_as(ListEntry, values.get(side, ())) for side in ("include", "exclude")}


def segment_values(segment: Segment) -> dict[str, Any]:
    """The fields of a segment by name."""
    return {
        **stored_words(asdict(segment), OF_SEGMENTS),
        "groups": [[group.type, group.id] for group in sorted(segment.groups)],
        **_milliseconds(segment),
    }


def segment_of(values: Mapping[str, Any]) -> Segment:
    """The segment that `segment_values` was given."""
    return read_as(
        Segment,
        values,
        **read_words(values, OF_SEGMENTS),
        groups=frozenset(GroupKey(*group) for group in values.get("groups", ())),
        sub_segments=tuple(values.get("sub_segments", ())),
        tags=tuple(values.get("tags", ())),
        **_times(values),
    )


def flag_values(flag: Flag) -> dict[str, Any]:
    """The fields of a flag by name."""
    values = _renamed(stored_words(asdict(flag), OF_FLAGS), "feature_id", NUMBER)
    return {**values, **_milliseconds(flag)}


def flag_of(values: Mapping[str, Any]) -> Flag:
    """The flag that `flag_values` was given."""
    return read_as(
        Flag,
        values,
        feature_id=values.get(NUMBER),
        **_unserved(values, OF_FLAGS, "status"),
        tags=tuple(values.get("tags", ())),
        **_lists(values),
        **_times(values),
    )


def metric_values(metric: Metric) -> dict[str, Any]:
    """The fields of a metric by name."""
    return {**stored_words(asdict(metric), OF_METRICS), **_milliseconds(metric)}


def metric_of(values: Mapping[str, Any]) -> Metric:
    """The metric that `metric_values` was given."""
    return read_as(
        Metric,
        values,
        **read_words(values, OF_METRICS),
        allowed_values=_optional(tuple, values.get("allowed_values")),
        contexts=tuple(values.get("contexts", ())),
        **_times(values),
    )


def key_values(key: ApiKey) -> dict[str, Any]:
    """The fields of an API key by name."""
    return {**stored_words(asdict(key), OF_KEYS), "created_at": to_ms(key.created_at)}


def key_of(values: Mapping[str, Any]) -> ApiKey:
    """The API key that `key_values` was given."""
    created_at = from_ms(values["created_at"])
    return read_as(ApiKey, values, **read_words(values, OF_KEYS), created_at=created_at)


def fault_values(fault: Fault) -> dict[str, Any]:
    """The fields of a fault by name."""
    return {**asdict(fault), "since": to_ms(fault.since)}


def fault_of(values: Mapping[str, Any]) -> Fault:
    """The fault that `fault_values` was given."""
    return Fault(values["what"], from_ms(values["since"]))


def _renamed(values: Mapping[str, Any], name: str, stored: str) -> dict[str, Any]:
    """`values` in their order, one of them under the name by which it is `stored`."""
    return {stored if each == name else each: value for each, value in values.items()}


def _milliseconds(stamped: Segment | Flag | Metric) -> dict[str, int]:
    return {
        "created_at": to_ms(stamped.created_at),
        "updated_at": to_ms(stamped.updated_at),
    }


def _times(values: Mapping[str, Any]) -> dict[str, datetime]:
    return {name: from_ms(values[name]) for name in ("created_at", "updated_at")}
