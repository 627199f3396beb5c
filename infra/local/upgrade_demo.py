"""Demonstration data of UpGrade: experiments on pupils, classes and factors, and a flag."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

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

PUPILS = 60
CLASSES = 24
PUPILS_OF_A_CLASS = 3
METRIC = "secondsToSolve"

Steps = list[tuple[datetime, int, Callable[[], object]]]

SECONDS: dict[str, float] = {"with": 70, "read aloud": 80, "short-hint": 75, "long-hint": 72}
"""What a condition takes in the mean, where that is not 90 seconds."""


def prepare(
    services: Services, clock: Clock, draw: random.Random, now: datetime, steps: Steps
) -> None:
    """Make the experiments and the flag now, and add who takes part to the steps to come."""
    context = services.segments.contexts[0]
    services.metrics.save([MetricDraft(METRIC, MetricType.CONTINUOUS, None, (context,))])
    pupils = [f"pupil-{n:02d}" for n in range(PUPILS)]
    of_classes = [f"class-{n % CLASSES:02d}" for n in range(CLASSES * PUPILS_OF_A_CLASS)]
    for body, users, groups in (
        (_worked_examples(context), pupils, None),
        (_reading(context), [f"reader-{n:02d}" for n in range(len(of_classes))], of_classes),
        (_hints(context), [f"solver-{n:03d}" for n in range(PUPILS)], None),
    ):
        experiment = services.experiments.create(_design(body, services, clock))
        services.experiments.move(experiment.id, State.ENROLLING)
        for place, user_id in enumerate(users):
            group = None if groups is None else groups[place]
            first = clock() + timedelta(hours=1)
            moment = first + timedelta(seconds=draw.uniform(0, (now - first).total_seconds() - 60))
            moment = moment.replace(microsecond=0)
            step = _taking_part(services, experiment, user_id, group, draw, clock)
            heapq.heappush(steps, (moment, len(steps), step))
    services.flags.create(_flag(context, clock))


def _taking_part(
    services: Services,
    experiment: Experiment,
    user_id: str,
    group: str | None,
    draw: random.Random,
    clock: Clock,
) -> Callable[[], object]:
    codes = {condition.id: condition.code for condition in experiment.conditions}
    mark = Mark(experiment.points[0].point_key, experiment_id=experiment.id)
    kind = experiment.group or "class"
    update = GroupUpdate() if group is None else GroupUpdate({kind: (group,)}, {kind: group})

    def take_part() -> None:
        services.participants.init(user_id, update, follow=True)
        caller = services.participants.find(user_id)
        assert caller is not None, "initialised just now"  # noqa: S101
        outcome = services.marking.mark(caller.user, mark)
        enrollment = outcome.records.enrollment
        code = codes.get((enrollment and enrollment.condition_id) or "", "")
        seconds = round(draw.gauss(SECONDS.get(code, 90), 15))
        services.logs.log(user_id, [LogPart(0, clock(), LogRecordKey(), {METRIC: seconds})])

    return take_part


def _design(body: dict[str, Any], services: Services, clock: Clock) -> Experiment:
    return new_experiment(
        ExperimentBody.model_validate(body),
        contexts=services.segments.contexts,
        now=clock(),
        new_id=new_id,
        two_characters=two_characters,
        known_metrics=(METRIC,),
    )


def _body(name: str, context: str, site: str, codes: tuple[str, ...]) -> dict[str, Any]:
    weight = 100 // len(codes)
    return {
        "name": name,
        "description": "demonstration",
        "context": [context],
        "state": "inactive",
        "type": "Simple",
        "assignmentUnit": "individual",
        "consistencyRule": "individual",
        "postExperimentRule": "continue",
        "filterMode": "includeAll",
        "conditions": [
            {"id": code, "conditionCode": code, "assignmentWeight": weight, "order": order}
            for order, code in enumerate(codes, 1)
        ],
        "partitions": [
            {
                "id": f"{site} start",
                "site": site,
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


def _worked_examples(context: str) -> dict[str, Any]:
    return _body("worked examples", context, "algebra", ("without", "with"))


def _reading(context: str) -> dict[str, Any]:
    return {
        **_body("reading aloud", context, "reading", ("read alone", "read aloud")),
        "assignmentUnit": "group",
        "consistencyRule": "group",
        "group": "class",
    }


def _hints(context: str) -> dict[str, Any]:
    codes = ("short-none", "short-hint", "long-none", "long-hint")
    body = _body("hints and texts", context, "geometry", codes)
    levels = {"text": ("short", "long"), "help": ("none", "hint")}
    for condition in body["conditions"]:
        condition["levelCombinationElements"] = [
            {"id": f"{condition['id']} {level}", "level": {"id": level}}
            for level in condition["id"].split("-")
        ]
    return {
        **body,
        "type": "Factorial",
        "factors": [
            {
                "id": name,
                "name": name,
                "order": order,
                "levels": [
                    {"id": level, "name": level, "order": place}
                    for place, level in enumerate(own, 1)
                ],
            }
            for order, (name, own) in enumerate(levels.items(), 1)
        ],
    }


def _flag(context: str, clock: Clock) -> Flag:
    now = clock()
    return Flag(
        new_id(), 0, "dark mode", "dark-mode", "demonstration", FlagStatus.ENABLED, context,
        (), FilterMode.INCLUDE_ALL, (), (), now, now, 1,
    )  # fmt: skip
