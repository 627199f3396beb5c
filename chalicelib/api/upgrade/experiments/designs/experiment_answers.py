"""Experiments as UpGrade's administration shows them (section 7).

Each part shows the times and the version of its experiment. `metrics` are the records of metrics
by key. A state is shown by the name that administrators know, but for the answers that say
otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from chalicelib.api.upgrade.audiences.segment_models import (
    Listing,
    Listings,
    list_answer,
)
from chalicelib.api.upgrade.experiments.designs import answer_parts as parts
from chalicelib.api.upgrade.experiments.designs.answer_parts import Metrics
from chalicelib.api.upgrade.wire.records import Json, iso
from chalicelib.api.upgrade.wire.state_names import display_name
from chalicelib.domain.catalogue.faults import Fault
from chalicelib.domain.experiments.experiments import (
    Condition,
    Experiment,
)
from chalicelib.domain.participants.decision_points import DecisionPointKey


class Rendering(Protocol):
    """How an experiment with its lists is shown."""

    def __call__(
        self, experiment: Experiment, /, *, metrics: Metrics, listings: Listings
    ) -> Json: ...


def created(experiment: Experiment, *, metrics: Metrics) -> Json:
    """POST /api/experiments."""
    return {
        **parts.head(experiment, display_name(experiment.state)),
        **parts.stratification(experiment, shown_if_none=False),
        "conditions": [
            {
                **parts.condition_row(experiment, condition),
                **parts.level_elements(experiment, condition),
            }
            for condition in experiment.conditions
        ],
        "partitions": points(experiment),
        "factors": parts.factor_rows(experiment),
        "conditionPayloads": parts.payload_rows(experiment),
        "queries": [
            {**query, "experiment": parts.head(experiment, experiment.state.value)}
            for query in parts.query_rows(experiment, metrics)
        ],
    }


def single(experiment: Experiment, *, metrics: Metrics, listings: Listings) -> Json:
    """GET /api/experiments/single/{id}, and one of GET /api/experiments."""
    return {
        **parts.head(experiment, display_name(experiment.state)),
        "conditions": conditions(experiment),
        "partitions": points(experiment),
        "queries": parts.query_rows(experiment, metrics),
        "stateTimeLogs": state_log(experiment),
        **parts.list_rows(experiment, listings),
        "factors": parts.factor_rows(experiment),
        **parts.stratification(experiment),
        "conditionPayloads": parts.payload_rows(experiment),
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
    head = parts.head(experiment, display_name(experiment.state))
    del head["createdAt"]
    return {
        **head,
        **parts.stratification(experiment),
        "conditions": [
            {
                **parts.condition_row(experiment, each),
                **parts.level_elements(experiment, each),
                **owner,
            }
            for each in experiment.conditions
        ],
        "partitions": [{**point, **owner} for point in points(experiment)],
        "factors": parts.factor_rows(experiment),
        "conditionPayloads": parts.payload_rows(experiment),
        "queries": [{**query, **owner} for query in parts.query_rows(experiment, metrics)],
        "stateTimeLogs": [],
        **parts.list_rows(experiment, listings),
    }


def state_changed(before: Experiment, after: Experiment, *, metrics: Metrics) -> Json:
    """POST /api/experiments/state: the new entry of the log shows the experiment as it was."""
    past = len(before.state_changes)
    as_it_was: Json = {
        **parts.head(before, before.state.value),
        "stateTimeLogs": [
            {**parts.own_stamps(before), **parts.state_change(change, display=False)}
            for change in before.state_changes
        ],
        "partitions": points(before),
        "queries": parts.query_rows(before, metrics),
    }
    return {
        **parts.head(after, display_name(after.state)),
        "stateTimeLogs": [
            *(
                {**parts.own_stamps(after), **parts.state_change(change)}
                for change in after.state_changes[:past]
            ),
            *(
                {**parts.own_stamps(after), **parts.state_change(change), "experiment": as_it_was}
                for change in after.state_changes[past:]
            ),
        ],
        "partitions": points(after),
        "queries": parts.query_rows(after, metrics),
    }


def list_item(experiment: Experiment) -> Json:
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


def deleted(experiment: Experiment) -> list[Json]:
    """DELETE /api/experiments/{id}; the state goes by its own name."""
    return [
        {
            **parts.head(experiment, experiment.state.value),
            "stratificationFactorStratificationFactorName": experiment.stratification_factor,
        }
    ]


def added_list(experiment: Experiment, listing: Listing) -> Json:
    """POST and PUT of a list; the experiment's state goes by its own name."""
    return {
        "experiment": parts.head(experiment, experiment.state.value),
        **list_answer(experiment.id, listing),
    }


def conditions(experiment: Experiment) -> list[Json]:
    """GET /api/experiments/conditions/{id}."""
    return [
        {
            **parts.condition_row(experiment, condition),
            **parts.level_elements(experiment, condition, shown_if_none=True),
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
    return [parts.point_row(experiment, point) for point in experiment.points]


def bare_factors(experiment: Experiment) -> list[Json]:
    """The factors without times and version, as exports have them."""
    own = parts.own_stamps(experiment)
    return [
        {name: value for name, value in factor.items() if name not in own}
        for factor in parts.factor_rows(experiment)
    ]


def state_log(experiment: Experiment, *, display: bool = True) -> list[Json]:
    """The changes of state, the newest first; by the names that administrators know, or not."""
    return [
        {**parts.own_stamps(experiment), **parts.state_change(change, display=display)}
        for change in reversed(experiment.state_changes)
    ]


def experiment_columns(experiment: Experiment) -> Json:
    """An experiment as rows of others show it; the state goes by its own name."""
    return parts.head(experiment, experiment.state.value)


def condition_columns(experiment: Experiment, condition: Condition) -> Json:
    """A condition as rows of others show it."""
    return parts.condition_row(experiment, condition)
