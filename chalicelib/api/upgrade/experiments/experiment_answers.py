"""Experiments as UpGrade's administration shows them (section 7).

Each part shows the times and the version of its experiment. `metrics` are the records of metrics
by key. A state is shown by the name that administrators know, but for the answers that say
otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from chalicelib.api.pages.answer_sizes import row_text
from chalicelib.api.upgrade.audiences.segment_models import (
    Listing,
    Listings,
    list_answer,
    list_answers,
)
from chalicelib.api.upgrade.wire.pages import Search
from chalicelib.api.upgrade.wire.records import Json, iso, stamps
from chalicelib.api.upgrade.wire.state_names import DISPLAY_NAMES, display_name
from chalicelib.domain.catalogue.answer_room import answer_bytes
from chalicelib.domain.catalogue.faults import Fault
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
from chalicelib.domain.participants.decision_points import DecisionPointKey

BACKEND_VERSION = "6.5.0"

METRICS_BYTES = 400_000
"""What the metrics of an experiment's queries may take in an answer."""

Metrics = Mapping[str, Mapping[str, object]]


class Rendering(Protocol):
    """How an experiment with its lists is shown."""

    def __call__(
        self, experiment: Experiment, /, *, metrics: Metrics, listings: Listings
    ) -> Json: ...


def created(experiment: Experiment, *, metrics: Metrics) -> Json:
    """POST /api/experiments."""
    return {
        **_head(experiment, display_name(experiment.state)),
        **_stratification(experiment, shown_if_none=False),
        "conditions": [
            {**_condition(experiment, condition), **_elements(experiment, condition)}
            for condition in experiment.conditions
        ],
        "partitions": points(experiment),
        "factors": _factors(experiment),
        "conditionPayloads": _payloads(experiment),
        "queries": [
            {**query, "experiment": _head(experiment, experiment.state.value)}
            for query in _queries(experiment, metrics)
        ],
    }


def single(experiment: Experiment, *, metrics: Metrics, listings: Listings) -> Json:
    """GET /api/experiments/single/{id}, and one of GET /api/experiments."""
    return {
        **_head(experiment, display_name(experiment.state)),
        "conditions": conditions(experiment),
        "partitions": points(experiment),
        "queries": _queries(experiment, metrics),
        "stateTimeLogs": state_log(experiment),
        **_lists(experiment, listings),
        "factors": _factors(experiment),
        **_stratification(experiment),
        "conditionPayloads": _payloads(experiment),
    }


def with_fault(answer: Json, faults: Mapping[str, Fault]) -> Json:
    """An experiment as shown, and why the scheduled function could not move it, if it could not."""
    fault = faults.get(str(answer["id"]))
    if fault is None:
        return answer
    return {**answer, "scheduleFault": {"message": fault.what, "since": iso(fault.since)}}


def edited(experiment: Experiment, *, metrics: Metrics, listings: Listings) -> Json:
    """PUT /api/experiments/{id}: without the time of creation and without the history."""
    owner: Json = {"experimentId": experiment.id}
    head = _head(experiment, display_name(experiment.state))
    del head["createdAt"]
    return {
        **head,
        **_stratification(experiment),
        "conditions": [
            {**_condition(experiment, each), **_elements(experiment, each), **owner}
            for each in experiment.conditions
        ],
        "partitions": [{**point, **owner} for point in points(experiment)],
        "factors": _factors(experiment),
        "conditionPayloads": _payloads(experiment),
        "queries": [{**query, **owner} for query in _queries(experiment, metrics)],
        "stateTimeLogs": [],
        **_lists(experiment, listings),
    }


def state_changed(before: Experiment, after: Experiment, *, metrics: Metrics) -> Json:
    """POST /api/experiments/state: the new entry of the log shows the experiment as it was."""
    past = len(before.state_changes)
    as_it_was: Json = {
        **_head(before, before.state.value),
        "stateTimeLogs": [
            {**_stamps(before), **_change(change, display=False)} for change in before.state_changes
        ],
        "partitions": points(before),
        "queries": _queries(before, metrics),
    }
    return {
        **_head(after, display_name(after.state)),
        "stateTimeLogs": [
            *({**_stamps(after), **_change(change)} for change in after.state_changes[:past]),
            *(
                {**_stamps(after), **_change(change), "experiment": as_it_was}
                for change in after.state_changes[past:]
            ),
        ],
        "partitions": points(after),
        "queries": _queries(after, metrics),
    }


def list_item(experiment: Experiment) -> Json:
    """One of the nodes of POST /api/experiments/paginated, as recorded without its history."""
    return {
        **_head(experiment, display_name(experiment.state)),
        "partitions": points(experiment),
        "experimentSegmentInclusion": [
            {
                **_stamps(experiment),
                "segmentId": entry.segment_id,
                "experimentId": experiment.id,
            }
            for entry in experiment.include
        ],
        "stateTimeLogs": [],
    }


def deleted(experiment: Experiment) -> list[Json]:
    """DELETE /api/experiments/{id}; the state goes by its own name."""
    return [
        {
            **_head(experiment, experiment.state.value),
            "stratificationFactorStratificationFactorName": experiment.stratification_factor,
        }
    ]


def added_list(experiment: Experiment, listing: Listing) -> Json:
    """POST and PUT of a list; the experiment's state goes by its own name."""
    return {
        "experiment": _head(experiment, experiment.state.value),
        **list_answer(experiment.id, listing),
    }


def conditions(experiment: Experiment) -> list[Json]:
    """GET /api/experiments/conditions/{id}."""
    return [
        {
            **_condition(experiment, condition),
            **_elements(experiment, condition, shown_if_none=True),
            "conditionPayloads": [
                {
                    **_stamps(experiment),
                    "id": each.id,
                    "payloadValue": each.payload.value,
                    "payloadType": each.payload.type,
                }
                for each in experiment.payloads
                if each.condition_id == condition.id
            ],
        }
        for condition in experiment.conditions
    ]


def name(experiment: Experiment) -> Json:
    """One of GET /api/experiments/names."""
    return {"id": experiment.id, "name": experiment.name}


def points_in_use_by(experiments: Iterable[Experiment]) -> list[DecisionPointKey]:
    """Each site and target once."""
    return sorted({point.point_key for experiment in experiments for point in experiment.points})


def point_in_use(point_key: DecisionPointKey) -> Json:
    """One of GET /api/experiments/partitions."""
    return {"site": point_key.site, "target": point_key.target}


def points(experiment: Experiment) -> list[Json]:
    """The decision points of an experiment."""
    return [_point(experiment, point) for point in experiment.points]


def bare_factors(experiment: Experiment) -> list[Json]:
    """The factors without times and version, as exports have them."""
    own = _stamps(experiment)
    return [
        {name: value for name, value in factor.items() if name not in own}
        for factor in _factors(experiment)
    ]


def state_log(experiment: Experiment, *, display: bool = True) -> list[Json]:
    """The changes of state, the newest first; by the names that administrators know, or not."""
    return [
        {**_stamps(experiment), **_change(change, display=display)}
        for change in reversed(experiment.state_changes)
    ]


def experiment_columns(experiment: Experiment) -> Json:
    """An experiment as rows of others show it; the state goes by its own name."""
    return _head(experiment, experiment.state.value)


def condition_columns(experiment: Experiment, condition: Condition) -> Json:
    """A condition as rows of others show it."""
    return _condition(experiment, condition)


def _stamps(experiment: Experiment) -> Json:
    return stamps(experiment.created_at, experiment.updated_at, experiment.version)


def _head(experiment: Experiment, state: str) -> Json:
    """The experiment without its parts."""
    return {
        **_stamps(experiment),
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


def _stratification(experiment: Experiment, *, shown_if_none: bool = True) -> Json:
    if experiment.stratification_factor is None:
        return {"stratificationFactor": None} if shown_if_none else {}
    name = experiment.stratification_factor
    return {"stratificationFactor": {"stratificationFactorName": name}}


def _condition(experiment: Experiment, condition: Condition) -> Json:
    weight = condition.weight
    return {
        **_stamps(experiment),
        "id": condition.id,
        "twoCharacterId": condition.two_character_id,
        "name": condition.name,
        "description": condition.description,
        "conditionCode": condition.code,
        "assignmentWeight": int(weight) if weight.is_integer() else weight,
        "order": condition.order,
    }


def _elements(experiment: Experiment, condition: Condition, *, shown_if_none: bool = False) -> Json:
    """The levels that a condition combines."""
    if not condition.levels and not shown_if_none:
        return {}
    levels = {level.id: level for factor in experiment.factors for level in factor.levels}
    return {
        "levelCombinationElements": [
            {
                **_stamps(experiment),
                "id": element.id,
                "level": _level(experiment, levels[element.level_id]),
            }
            for element in condition.levels
        ]
    }


def _point(experiment: Experiment, point: DecisionPoint) -> Json:
    return {
        **_stamps(experiment),
        "id": point.id,
        "twoCharacterId": point.two_character_id,
        "site": point.site,
        "target": point.target,
        "description": point.description,
        "order": point.order,
        "excludeIfReached": point.exclude_if_reached,
    }


def _payloads(experiment: Experiment) -> list[Json]:
    return [
        {
            **_stamps(experiment),
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


def _factors(experiment: Experiment) -> list[Json]:
    return [_factor(experiment, factor) for factor in experiment.factors]


def _factor(experiment: Experiment, factor: Factor) -> Json:
    return {
        **_stamps(experiment),
        "id": factor.id,
        "name": factor.name,
        "description": factor.description,
        "order": factor.order,
        "levels": [_level(experiment, level) for level in factor.levels],
    }


def _level(experiment: Experiment, level: Level) -> Json:
    return {
        **_stamps(experiment),
        "id": level.id,
        "name": level.name,
        "description": level.description,
        "order": level.order,
        "payload": _payload(level.payload) if level.payload else None,
    }


def _queries(experiment: Experiment, metrics: Metrics) -> list[Json]:
    """The queries with the records of their metrics.

    Of a metric that is gone there is the mere reference, and so there is of all of them where they
    are too long together: they are shown with each query, and change after it.
    """
    keys = [_metric_key(query) for query in experiment.queries]
    sizes = {key: answer_bytes(row_text(metrics[key])) for key in {*keys} if key in metrics}
    fit = sum(sizes.get(key, 0) for key in keys) <= METRICS_BYTES
    return [
        {
            **_stamps(experiment),
            **query,
            "metric": metrics.get(key, query["metric"]) if fit else query["metric"],
        }
        for key, query in zip(keys, experiment.queries, strict=True)
    ]


def _metric_key(query: Mapping[str, Any]) -> str:
    return str(query["metric"]["key"])


def _change(change: StateChange, *, display: bool = True) -> Json:
    return {
        "id": change.id,
        "fromState": display_name(change.before) if display else change.before.value,
        "toState": display_name(change.after) if display else change.after.value,
        "timeLog": iso(change.at),
    }


def _lists(experiment: Experiment, listings: Listings) -> Json:
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
