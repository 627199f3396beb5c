"""Parts of the answers that show an experiment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from typing_extensions import TypedDict

from chalicelib.api.pages.answer_sizes import row_text
from chalicelib.api.upgrade.audiences.segment_answers import ExperimentList, list_answers
from chalicelib.api.upgrade.experiments.designs import shapes
from chalicelib.api.upgrade.experiments.designs.metric_models import MetricRecord
from chalicelib.api.upgrade.wire import shapes as wire
from chalicelib.api.upgrade.wire.pages import Search
from chalicelib.api.upgrade.wire.records import iso, stamps
from chalicelib.api.upgrade.wire.shapes import Stamps
from chalicelib.api.upgrade.wire.state_names import DISPLAY_NAMES, display_name
from chalicelib.domain.audiences.listings import Listings
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


class _AtPoint(TypedDict, total=False):
    decisionPoint: wire.Id


class Lists(TypedDict):
    """The lists of an experiment on both sides."""

    experimentSegmentInclusion: list[ExperimentList]
    experimentSegmentExclusion: list[ExperimentList]


def own_stamps(experiment: Experiment) -> Stamps:
    return stamps(experiment.created_at, experiment.updated_at, experiment.version)


def head(experiment: Experiment, state: str) -> shapes.ExperimentColumns:
    """The experiment without its parts."""
    return {"createdAt": iso(experiment.created_at), **fields(experiment, state)}


def fields(experiment: Experiment, state: str) -> shapes.EditedFields:
    """The experiment without its parts and the time of its creation."""
    return {
        "updatedAt": iso(experiment.updated_at),
        "versionNumber": experiment.version,
        "id": experiment.id,
        "name": experiment.name,
        "description": experiment.description,
        "context": [experiment.context],
        "state": state,
        "startOn": experiment.start_on,
        "consistencyRule": experiment.rule,
        "assignmentUnit": experiment.unit,
        "postExperimentRule": experiment.post_rule,
        "enrollmentCompleteCondition": _complete_condition(experiment.complete_condition),
        "endOn": experiment.end_on,
        "revertTo": experiment.revert_to,
        "tags": list(experiment.tags),
        "group": experiment.group,
        "conditionOrder": experiment.condition_order,
        "assignmentAlgorithm": experiment.algorithm,
        "filterMode": experiment.filter_mode,
        "backendVersion": BACKEND_VERSION,
        "type": experiment.type,
    }


def _complete_condition(condition: CompleteCondition | None) -> shapes.CompleteCondition | None:
    """Only the counts that are set."""
    if condition is None:
        return None
    counts: shapes.CompleteCondition = {}
    if condition.user_count is not None:
        counts["userCount"] = condition.user_count
    if condition.group_count is not None:
        counts["groupCount"] = condition.group_count
    return counts


def stratification(experiment: Experiment) -> shapes.StratificationFactor | None:
    name = experiment.stratification_factor
    return None if name is None else {"stratificationFactorName": name}


def condition_row(experiment: Experiment, condition: Condition) -> shapes.Condition:
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


def level_elements(experiment: Experiment, condition: Condition) -> list[shapes.LevelElement]:
    """The levels that a condition combines."""
    levels = {level.id: level for factor in experiment.factors for level in factor.levels}
    return [
        {
            **own_stamps(experiment),
            "id": element.id,
            "level": level_row(experiment, levels[element.level_id]),
        }
        for element in condition.levels
    ]


def combining(experiment: Experiment, condition: Condition) -> shapes.CreatedCondition:
    """A condition with the levels that it combines, if it does."""
    row: shapes.CreatedCondition = {**condition_row(experiment, condition)}
    if condition.levels:
        row["levelCombinationElements"] = level_elements(experiment, condition)
    return row


def point_row(experiment: Experiment, point: DecisionPoint) -> shapes.Point:
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


def payload_rows(experiment: Experiment) -> list[shapes.ConditionPayload]:
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


def _at_point(payload: ConditionPayload) -> _AtPoint:
    return {"decisionPoint": payload.point_id} if payload.point_id else {}


def _payload(payload: Payload) -> wire.Payload:
    return {"type": payload.type, "value": payload.value}


def factor_rows(experiment: Experiment) -> list[shapes.Factor]:
    return [_factor(experiment, factor) for factor in experiment.factors]


def _factor(experiment: Experiment, factor: Factor) -> shapes.Factor:
    return {
        **own_stamps(experiment),
        "id": factor.id,
        "name": factor.name,
        "description": factor.description,
        "order": factor.order,
        "levels": [level_row(experiment, level) for level in factor.levels],
    }


def level_row(experiment: Experiment, level: Level) -> shapes.Level:
    return {
        **own_stamps(experiment),
        "id": level.id,
        "name": level.name,
        "description": level.description,
        "order": level.order,
        "payload": _payload(level.payload) if level.payload else None,
    }


def query_rows(experiment: Experiment, metrics: Metrics) -> list[shapes.Query]:
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
        for key, query in zip(keys, map(_stored, experiment.queries), strict=True)
    ]


def _stored(query: Mapping[str, Any]) -> shapes.StoredQuery:
    """A query as it was stored, which is how it is shown."""
    return cast("shapes.StoredQuery", query)


def _metric_key(query: Mapping[str, Any]) -> str:
    return str(query["metric"]["key"])


def state_change(
    experiment: Experiment, change: StateChange, *, display: bool = True
) -> shapes.StateChange:
    return {
        **own_stamps(experiment),
        "id": change.id,
        "fromState": display_name(change.before) if display else change.before.value,
        "toState": display_name(change.after) if display else change.after.value,
        "timeLog": iso(change.at),
    }


def list_rows(experiment: Experiment, listings: Listings) -> Lists:
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
