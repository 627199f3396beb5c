"""Taking part: assign and mark."""

from __future__ import annotations

from functools import partial
from typing import NotRequired

from chalice.app import Response
from typing_extensions import TypedDict

from chalicelib.api.http.idempotent_calls import IdempotentCall
from chalicelib.api.upgrade.participants.client import ClientRoutes
from chalicelib.api.upgrade.participants.client_models import AssignV5, AssignV6, MarkV5, MarkV6
from chalicelib.api.upgrade.wire.shapes import Id, Payload
from chalicelib.domain.catalogue.testlab_assignments import feature_uuid, variant_uuid
from chalicelib.domain.experiments import assignment as assigning
from chalicelib.domain.experiments import experiments
from chalicelib.domain.experiments.experiments import Condition, DesignType
from chalicelib.domain.experiments.marks import Mark, Outcome
from chalicelib.domain.features.features import Feature, Variant
from chalicelib.domain.participants.participants import EnrollmentCode, ExclusionCode
from chalicelib.services import Services
from chalicelib.services.participants.participants import Caller

routes = ClientRoutes(__name__)


class AssignedCondition(TypedDict):
    id: Id
    conditionCode: str
    payload: Payload | None
    experimentId: Id


class AssignedLevel(TypedDict):
    level: str
    payload: Payload | None


class Assignment(TypedDict):
    """What a user gets at a decision point.

    There are several conditions within subjects only; factorial designs show the level of each
    factor by its name. `condition` is the code of the first.
    """

    site: str
    target: str
    condition: str
    experimentType: DesignType
    assignedCondition: list[AssignedCondition]
    assignedFactor: NotRequired[list[dict[str, AssignedLevel]]]


class MarkedPoint(TypedDict):
    """That a user reached a decision point; one that was brought in keeps the id it had.

    `enrollmentCode` says how the user came to take part in the experiment there, or why not.
    """

    id: str
    userId: str
    site: str
    target: str
    experimentId: str | None
    condition: str | None
    enrollmentCode: EnrollmentCode | ExclusionCode | None


@routes.client_endpoint("assign", "POST", v5=AssignV5, v6=AssignV6)
def assign(services: Services, caller: Caller, body: AssignV6) -> list[Assignment]:
    """The conditions of a user at all decision points of a context, or one; nothing is stored."""
    point_key = None if body.point is None else body.point.point_key()
    assigned = services.assignment.assign(caller.user, body.context, point_key)
    own = assigned.testlab
    return [
        *(assignment_item(assignment) for assignment in assigned.assignments),
        *([testlab_item(own.feature, own.variant)] if own and own.variant else []),
    ]


@routes.client_endpoint("mark", "POST", v5=MarkV5, v6=MarkV6, idempotent=True)
def mark(
    services: Services, caller: Caller, body: MarkV6, once: IdempotentCall
) -> MarkedPoint | Response:
    """Report that a user reached a decision point."""
    reported = body.mark()
    return once(
        caller.named.id,
        lambda seal: services.marking.mark(caller.user, reported, seal),
        partial(mark_answer, caller, reported),
    )


def mark_answer(caller: Caller, reported: Mark, outcome: Outcome) -> MarkedPoint:
    """What became of a mark; the code is the enrollment's, or why there is none."""
    return {
        "id": outcome.point.id,
        "userId": caller.user.id,
        "site": reported.point_key.site,
        "target": reported.point_key.target,
        "experimentId": outcome.point.experiment_id,
        "condition": outcome.condition,
        "enrollmentCode": outcome.code,
    }


def assignment_item(assignment: assigning.Assignment) -> Assignment:
    """What a user gets at a point, as assign answers it."""
    experiment = assignment.compiled.experiment
    codes = [assignment.compiled.answered_code(condition) for condition in assignment.conditions]
    item: Assignment = {
        "site": assignment.point.site,
        "target": assignment.point.target,
        "condition": codes[0],
        "experimentType": experiment.type,
        "assignedCondition": [
            {
                "id": condition.id,
                "conditionCode": code,
                "payload": _payload(assignment.compiled.payload(condition, assignment.point)),
                "experimentId": experiment.id,
            }
            for condition, code in zip(assignment.conditions, codes, strict=True)
        ],
    }
    if experiment.type is DesignType.FACTORIAL:
        item["assignedFactor"] = [
            _factors(assignment, condition) for condition in assignment.conditions
        ]
    return item


def testlab_item(feature: Feature, variant: Variant) -> Assignment:
    """The variant of an experiment of Test Lab, as an experiment of UpGrade would show it."""
    return {
        "site": feature.name,
        "target": "",
        "condition": variant.value,
        "experimentType": DesignType.SIMPLE,
        "assignedCondition": [
            {
                "id": variant_uuid(variant.id),
                "conditionCode": variant.value,
                "payload": None,
                "experimentId": feature_uuid(feature.id),
            }
        ],
    }


def _factors(assignment: assigning.Assignment, condition: Condition) -> dict[str, AssignedLevel]:
    return {
        factor.name: {
            "level": level.name,
            "payload": {"type": "string", "value": level.payload.value}
            if level.payload is not None and level.payload.value
            else None,
        }
        for factor, level in assignment.compiled.combined(condition)
    }


def _payload(payload: experiments.Payload | None) -> Payload | None:
    return None if payload is None else {"type": payload.type, "value": payload.value}
