"""Parts of the answers that show an experiment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.api.pages.answer_sizes import row_text
from chalicelib.api.upgrade.audiences.segment_models import (
    Listings,
    list_answers,
)
from chalicelib.api.upgrade.experiments.designs.metric_models import MetricRecord
from chalicelib.api.upgrade.wire.pages import Search
from chalicelib.api.upgrade.wire.records import Json, iso, stamps
from chalicelib.api.upgrade.wire.shapes import Stamps
from chalicelib.api.upgrade.wire.state_names import DISPLAY_NAMES, display_name
from chalicelib.domain.catalogue.answer_room import answer_bytes
from chalicelib.domain.experiments.experiments import (
    CompleteCondition,
    Condition,
    ConditionPayload,
    DecisionPoint,
    Experiment,
    Factor,
    Level,
    Payload,
    State,
    StateChange,
)

BACKEND_VERSION = "6.5.0"

METRICS_BYTES = 400_000
"""What the metrics of an experiment's queries may take in an answer."""

Metrics = Mapping[str, MetricRecord]


def own_stamps(experiment: Experiment) -> Stamps:
    return stamps(experiment.created_at, experiment.updated_at, experiment.version)


def head(experiment: Experiment, state: str) -> Json:
    """The experiment without its parts."""
    return {
        **own_stamps(experiment),
        "id": experiment.id,
        "name": experiment.name,
        "description": experiment.description,
        "context": [experiment.context],
        "state": state,
        "startOn": experiment.start_on,
        "consistencyRule": experiment.rule.value if experiment.rule else None,
        "assignmentUnit": experiment.unit.value,
        "postExperimentRule": experiment.post_rule.value,
        "enrollmentCompleteCondition": _complete_condition(experiment.complete_condition),
        "endOn": experiment.end_on,
        "revertTo": experiment.revert_to,
        "tags": list(experiment.tags),
        "group": experiment.group,
        "conditionOrder": experiment.condition_order.value if experiment.condition_order else None,
        "assignmentAlgorithm": experiment.algorithm.value,
        "filterMode": experiment.filter_mode.value,
        "backendVersion": BACKEND_VERSION,
        "type": experiment.type.value,
    }


def _complete_condition(condition: CompleteCondition | None) -> Json | None:
    """Only the counts that are set."""
    if condition is None:
        return None
    counts = {"userCount": condition.user_count, "groupCount": condition.group_count}
    return {name: count for name, count in counts.items() if count is not None}


def stratification(experiment: Experiment, *, shown_if_none: bool = True) -> Json:
    if experiment.stratification_factor is None:
        return {"stratificationFactor": None} if shown_if_none else {}
    name = experiment.stratification_factor
    return {"stratificationFactor": {"stratificationFactorName": name}}


def condition_row(experiment: Experiment, condition: Condition) -> Json:
    weight = condition.weight
    return {
        **own_stamps(experiment),
        "id": condition.id,
        "twoCharacterId": condition.two_character_id,
        "name": condition.name,
        "description": condition.description,
        "conditionCode": condition.code,
        "assignmentWeight": int(weight) if weight.is_integer() else weight,
        "order": condition.order,
    }


def level_elements(
    experiment: Experiment, condition: Condition, *, shown_if_none: bool = False
) -> Json:
    """The levels that a condition combines."""
    if not condition.levels and not shown_if_none:
        return {}
    levels = {level.id: level for factor in experiment.factors for level in factor.levels}
    return {
        "levelCombinationElements": [
            {
                **own_stamps(experiment),
                "id": element.id,
                "level": _level(experiment, levels[element.level_id]),
            }
            for element in condition.levels
        ]
    }


def point_row(experiment: Experiment, point: DecisionPoint) -> Json:
    return {
        **own_stamps(experiment),
        "id": point.id,
        "twoCharacterId": point.two_character_id,
        "site": point.site,
        "target": point.target,
        "description": point.description,
        "order": point.order,
        "excludeIfReached": point.exclude_if_reached,
    }


def payload_rows(experiment: Experiment) -> list[Json]:
    return [
        {
            **own_stamps(experiment),
            "id": each.id,
            "parentCondition": each.condition_id,
            **_at_point(each),
            "payload": _payload(each.payload),
        }
        for each in experiment.payloads
    ]


def _at_point(payload: ConditionPayload) -> Json:
    return {"decisionPoint": payload.point_id} if payload.point_id else {}


def _payload(payload: Payload) -> Json:
    return {"type": payload.type, "value": payload.value}


def factor_rows(experiment: Experiment) -> list[Json]:
    return [_factor(experiment, factor) for factor in experiment.factors]


def _factor(experiment: Experiment, factor: Factor) -> Json:
    return {
        **own_stamps(experiment),
        "id": factor.id,
        "name": factor.name,
        "description": factor.description,
        "order": factor.order,
        "levels": [_level(experiment, level) for level in factor.levels],
    }


def _level(experiment: Experiment, level: Level) -> Json:
    return {
        **own_stamps(experiment),
        "id": level.id,
        "name": level.name,
        "description": level.description,
        "order": level.order,
        "payload": _payload(level.payload) if level.payload else None,
    }


def query_rows(experiment: Experiment, metrics: Metrics) -> list[Json]:
    """The queries with the records of their metrics.

    Of a metric that is gone there is the mere reference, and so there is of all of them where they
    are too long together: they are shown with each query, and change after it.
    """
    keys = [_metric_key(query) for query in experiment.queries]
    sizes = {key: answer_bytes(row_text(metrics[key])) for key in {*keys} if key in metrics}
    fit = sum(sizes.get(key, 0) for key in keys) <= METRICS_BYTES
    return [
        {
            **own_stamps(experiment),
            **query,
            "metric": metrics.get(key, query["metric"]) if fit else query["metric"],
        }
        for key, query in zip(keys, experiment.queries, strict=True)
    ]


def _metric_key(query: Mapping[str, Any]) -> str:
    return str(query["metric"]["key"])


def state_change(change: StateChange, *, display: bool = True) -> Json:
    return {
        "id": change.id,
        "fromState": display_name(change.before) if display else change.before.value,
        "toState": display_name(change.after) if display else change.after.value,
        "timeLog": iso(change.at),
    }


def list_rows(experiment: Experiment, listings: Listings) -> Json:
    return {
        "experimentSegmentInclusion": list_answers(experiment.id, experiment.include, listings),
        "experimentSegmentExclusion": list_answers(experiment.id, experiment.exclude, listings),
    }


def _display_state(experiment: Experiment) -> str:
    return DISPLAY_NAMES.get(experiment.state, experiment.state.value)


EXPERIMENT_SEARCH: Search[Experiment] = Search(
    {
        "name": lambda each: each.name,
        "status": _display_state,
        "tag": lambda each: ",".join(each.tags),
        "context": lambda each: each.context,
        "id": lambda each: each.id,
    },
    {
        "name": lambda each: each.name.casefold(),
        "state": _display_state,
        "updatedAt": lambda each: each.updated_at,
        "postExperimentRule": lambda each: each.post_rule.value,
    },
    lambda each: each.state is State.ARCHIVED,
)
