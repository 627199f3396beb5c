"""Experiments as UpGrade's administration shows them (section 7).

Each part shows the times and the version of its experiment. `metrics` are the records of metrics
by key. A state is shown by the name that administrators know, but for the answers that say
otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol, TypeVar

from typing_extensions import TypedDict

from chalicelib.api.upgrade.audiences.segment_answers import list_answer
from chalicelib.api.upgrade.experiments.designs import answer_parts as parts
from chalicelib.api.upgrade.experiments.designs import shapes
from chalicelib.api.upgrade.experiments.designs.answer_parts import Metrics
from chalicelib.api.upgrade.wire.records import iso
from chalicelib.api.upgrade.wire.shapes import Id
from chalicelib.api.upgrade.wire.state_names import display_name
from chalicelib.domain.audiences.listings import Listing, Listings
from chalicelib.domain.catalogue.faults import Fault
from chalicelib.domain.experiments.experiments import (
    Condition,
    Experiment,
)
from chalicelib.domain.participants.decision_points import DecisionPointKey

A = TypeVar("A", covariant=True)


class Rendering(Protocol[A]):
    """How an experiment with its lists is shown."""

    def __call__(self, experiment: Experiment, /, *, metrics: Metrics, listings: Listings) -> A: ...


class Owner(TypedDict):
    experimentId: Id


def created(experiment: Experiment, *, metrics: Metrics) -> shapes.CreatedExperiment:
    """POST /api/experiments."""
    answer: shapes.CreatedExperiment = {
        **parts.head(experiment, display_name(experiment.state)),
        "conditions": [parts.combining(experiment, each) for each in experiment.conditions],
        "partitions": points(experiment),
        "factors": parts.factor_rows(experiment),
        "conditionPayloads": parts.payload_rows(experiment),
        "queries": [
            {**query, "experiment": parts.head(experiment, experiment.state.value)}
            for query in parts.query_rows(experiment, metrics)
        ],
    }
    if (factor := parts.stratification(experiment)) is not None:
        answer["stratificationFactor"] = factor
    return answer


def single(experiment: Experiment, *, metrics: Metrics, listings: Listings) -> shapes.Experiment:
    """GET /api/experiments/single/{id}, and one of GET /api/experiments."""
    return {
        **parts.head(experiment, display_name(experiment.state)),
        "conditions": conditions(experiment),
        "partitions": points(experiment),
        "queries": parts.query_rows(experiment, metrics),
        "stateTimeLogs": state_log(experiment),
        **parts.list_rows(experiment, listings),
        "factors": parts.factor_rows(experiment),
        "stratificationFactor": parts.stratification(experiment),
        "conditionPayloads": parts.payload_rows(experiment),
    }


Faulty = TypeVar("Faulty", shapes.Experiment, shapes.ListedExperiment)


def with_fault(answer: Faulty, faults: Mapping[str, Fault]) -> Faulty:
    """An answer that says also why the scheduled function could not move the experiment, if so."""
    fault = faults.get(answer["id"])
    if fault is None:
        return answer
    return {**answer, "scheduleFault": {"message": fault.what, "since": iso(fault.since)}}


def edited(
    experiment: Experiment, *, metrics: Metrics, listings: Listings
) -> shapes.EditedExperiment:
    """PUT /api/experiments/{id}: without the time of creation and without the history."""
    owner: Owner = {"experimentId": experiment.id}
    return {
        **parts.fields(experiment, display_name(experiment.state)),
        "stratificationFactor": parts.stratification(experiment),
        "conditions": [
            {**parts.combining(experiment, each), **owner} for each in experiment.conditions
        ],
        "partitions": [{**point, **owner} for point in points(experiment)],
        "factors": parts.factor_rows(experiment),
        "conditionPayloads": parts.payload_rows(experiment),
        "queries": [{**query, **owner} for query in parts.query_rows(experiment, metrics)],
        "stateTimeLogs": [],
        **parts.list_rows(experiment, listings),
    }


def state_changed(
    before: Experiment, after: Experiment, *, metrics: Metrics
) -> shapes.MovedExperiment:
    """POST /api/experiments/state: the new entry of the log shows the experiment as it was."""
    past = len(before.state_changes)
    as_it_was: shapes.ExperimentBefore = {
        **parts.head(before, before.state.value),
        "stateTimeLogs": [
            parts.state_change(before, change, display=False) for change in before.state_changes
        ],
        "partitions": points(before),
        "queries": parts.query_rows(before, metrics),
    }
    changes: list[shapes.NewStateChange] = [
        {**parts.state_change(after, change)} for change in after.state_changes
    ]
    for change in changes[past:]:
        change["experiment"] = as_it_was
    return {
        **parts.head(after, display_name(after.state)),
        "stateTimeLogs": changes,
        "partitions": points(after),
        "queries": parts.query_rows(after, metrics),
    }


def list_item(experiment: Experiment) -> shapes.ListedExperiment:
    """One of the nodes of POST /api/experiments/paginated, as recorded without its history."""
    return {
        **parts.head(experiment, display_name(experiment.state)),
        "partitions": points(experiment),
        "experimentSegmentInclusion": [
            {
                **parts.own_stamps(experiment),
                "segmentId": entry.segment_id,
                "experimentId": experiment.id,
            }
            for entry in experiment.include
        ],
        "stateTimeLogs": [],
    }


def deleted(experiment: Experiment) -> list[shapes.DeletedExperiment]:
    """DELETE /api/experiments/{id}; the state goes by its own name."""
    return [
        {
            **parts.head(experiment, experiment.state.value),
            "stratificationFactorStratificationFactorName": experiment.stratification_factor,
        }
    ]


def added_list(experiment: Experiment, listing: Listing) -> shapes.AddedList:
    """POST and PUT of a list; the experiment's state goes by its own name."""
    return {
        "experiment": parts.head(experiment, experiment.state.value),
        **list_answer(experiment.id, listing),
    }


def bare_condition(experiment: Experiment, condition: Condition) -> shapes.BareCondition:
    """A condition with the levels that it combines, and without its payloads."""
    return {
        **parts.condition_row(experiment, condition),
        "levelCombinationElements": parts.level_elements(experiment, condition),
    }


def conditions(experiment: Experiment) -> list[shapes.ShownCondition]:
    """GET /api/experiments/conditions/{id}."""
    return [
        {
            **bare_condition(experiment, condition),
            "conditionPayloads": [
                {
                    **parts.own_stamps(experiment),
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


def name(experiment: Experiment) -> shapes.ExperimentName:
    """One of GET /api/experiments/names."""
    return {"id": experiment.id, "name": experiment.name}


def points_in_use_by(experiments: Iterable[Experiment]) -> list[DecisionPointKey]:
    """Each site and target once."""
    return sorted({point.point_key for experiment in experiments for point in experiment.points})


def point_in_use(point_key: DecisionPointKey) -> shapes.DecisionPointKey:
    """One of GET /api/experiments/partitions."""
    return {"site": point_key.site, "target": point_key.target}


def points(experiment: Experiment) -> list[shapes.Point]:
    """The decision points of an experiment."""
    return [parts.point_row(experiment, point) for point in experiment.points]


def bare_factors(experiment: Experiment) -> list[shapes.ExportedFactor]:
    """The factors without times and version, as exports have them."""
    return [
        {
            "id": factor.id,
            "name": factor.name,
            "description": factor.description,
            "order": factor.order,
            "levels": [parts.level_row(experiment, level) for level in factor.levels],
        }
        for factor in experiment.factors
    ]


def state_log(experiment: Experiment, *, display: bool = True) -> list[shapes.StateChange]:
    """The changes of state, the newest first; by the names that administrators know, or not."""
    return [
        parts.state_change(experiment, change, display=display)
        for change in reversed(experiment.state_changes)
    ]


def experiment_columns(experiment: Experiment) -> shapes.ExperimentColumns:
    """An experiment as rows of others show it; the state goes by its own name."""
    return parts.head(experiment, experiment.state.value)


def condition_columns(experiment: Experiment, condition: Condition) -> shapes.Condition:
    """A condition as rows of others show it."""
    return parts.condition_row(experiment, condition)
