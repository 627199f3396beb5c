"""Demonstration data of UpGrade: an experiment that measures, its participants, and a flag."""

from __future__ import annotations

import random
from datetime import timedelta

from chalicelib.api.upgrade.experiments.designs.experiment_models import ExperimentBody
from chalicelib.api.upgrade.experiments.designs.experiment_requests import new_experiment
from chalicelib.api.upgrade.wire.records import new_id, two_characters
from chalicelib.domain.audiences.filters import FilterMode
from chalicelib.domain.experiments.experiments import Experiment, State
from chalicelib.domain.experiments.marks import Mark
from chalicelib.domain.experiments.metrics import MetricType
from chalicelib.domain.flags.flags import Flag, FlagStatus
from chalicelib.domain.outcomes.logs import LogPart, LogRecordKey
from chalicelib.services import Services
from chalicelib.services.outcomes.metrics import MetricDraft
from chalicelib.services.participants.participants import GroupUpdate
from chalicelib.services.running.ports import Clock

USERS = 60
METRIC = "secondsToSolve"
SEED = 21


def fill(services: Services, clock: Clock) -> Experiment:
    """Fill the store through the use cases; the experiment."""
    context = services.segments.contexts[0]
    services.metrics.save([MetricDraft(METRIC, MetricType.CONTINUOUS, None, (context,))])
    experiment = services.experiments.create(_design(context, services, clock))
    services.experiments.move(experiment.id, State.ENROLLING)
    _take_part(services, experiment, clock)
    services.flags.create(_flag(context, clock))
    return services.experiments.get(experiment.id)


def _design(context: str, services: Services, clock: Clock) -> Experiment:
    body = {
        "name": "worked examples",
        "description": "demonstration",
        "context": [context],
        "state": "inactive",
        "type": "Simple",
        "assignmentUnit": "individual",
        "consistencyRule": "individual",
        "postExperimentRule": "continue",
        "filterMode": "includeAll",
        "conditions": [
            {"id": code, "conditionCode": code, "assignmentWeight": 50, "order": order}
            for order, code in enumerate(("without", "with"), 1)
        ],
        "partitions": [
            {
                "id": "start",
                "site": "algebra",
                "target": "start",
                "order": 1,
                "excludeIfReached": False,
            }
        ],
        "queries": [
            {
                "name": "mean time",
                "query": {"operationType": "avg"},
                "metric": {"key": METRIC},
                "repeatedMeasure": "MOST RECENT",
            }
        ],
    }
    return new_experiment(
        ExperimentBody.model_validate(body),
        contexts=services.segments.contexts,
        now=clock(),
        new_id=new_id,
        two_characters=two_characters,
        known_metrics=(METRIC,),
    )


def _take_part(services: Services, experiment: Experiment, clock: Clock) -> None:
    draw = random.Random(SEED)
    point_key = experiment.points[0].point_key
    with_examples = experiment.conditions[1].id
    for number in range(USERS):
        user_id = f"pupil-{number:02d}"
        services.participants.init(user_id, GroupUpdate(), follow=True)
        caller = services.participants.find(user_id)
        if caller is None:
            continue
        outcome = services.marking.mark(caller.user, Mark(point_key, experiment_id=experiment.id))
        enrollment = outcome.records.enrollment
        helped = enrollment is not None and enrollment.condition_id == with_examples
        seconds = round(draw.gauss(70 if helped else 90, 15))
        at = clock() - timedelta(minutes=draw.randint(1, 600))
        services.logs.log(user_id, [LogPart(0, at, LogRecordKey(), {METRIC: seconds})])


def _flag(context: str, clock: Clock) -> Flag:
    now = clock()
    return Flag(
        new_id(), 0, "dark mode", "dark-mode", "demonstration", FlagStatus.ENABLED, context,
        (), FilterMode.INCLUDE_ALL, (), (), now, now, 1,
    )  # fmt: skip
