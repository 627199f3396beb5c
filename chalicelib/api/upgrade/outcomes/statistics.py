"""Statistics of enrollment, and the results of metrics: /api/stats and /api/query."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field

from chalicelib.api.http.routes import Routes
from chalicelib.api.upgrade.access.dialect import DIALECT
from chalicelib.api.upgrade.wire.texts import AdminBody, Uuid
from chalicelib.api.values.bounds import AtMost
from chalicelib.domain.experiments.enrollment_statistics import (
    ConditionCounts,
    DateCounts,
    DateRange,
    EnrollmentDetail,
    Head,
)
from chalicelib.domain.outcomes.metric_analysis import ArmResult
from chalicelib.domain.outcomes.metric_results import Effect, QueryResult
from chalicelib.services import Services

routes = Routes(__name__, DIALECT)

EXPERIMENTS = 1000
QUERIES = 200
MINUTES_OF_DAY = 24 * 60

CONDITION, LEVEL = "conditionId", "levelId"


class ExperimentIdsBody(AdminBody):
    """POST /api/stats/enrollment."""

    experiment_ids: Annotated[list[Uuid], AtMost(EXPERIMENTS)]


class ExperimentIdBody(AdminBody):
    """POST /api/stats/enrollment/detail."""

    experiment_id: Uuid


class DateBody(ExperimentIdBody):
    """POST /api/stats/enrollment/date; the offset is in minutes from UTC to the client's time."""

    date_enum: DateRange
    client_offset: Annotated[int, Field(strict=True, ge=-MINUTES_OF_DAY, le=MINUTES_OF_DAY)]


class QueryIdsBody(AdminBody):
    """POST /api/query/analyse."""

    query_ids: Annotated[list[Uuid], AtMost(QUERIES)]


@routes.endpoint("/api/stats/enrollment", "POST")
def enrollment(services: Services, body: ExperimentIdsBody) -> list[dict[str, Any]]:
    """How many take part in some experiments."""
    counted = services.enrollment_statistics.enrolled(body.experiment_ids)
    return [{"id": experiment_id, **_head(head)} for experiment_id, head in counted]


@routes.endpoint("/api/stats/enrollment/detail", "POST")
def enrollment_detail(services: Services, body: ExperimentIdBody) -> dict[str, Any]:
    """Who takes part in an experiment, by condition and point, and who is excluded."""
    return _detail(services.enrollment_statistics.detail(body.experiment_id))


def _detail(detail: EnrollmentDetail) -> dict[str, Any]:
    return {
        "id": detail.experiment_id,
        **_head(detail.enrolled),
        "usersExcluded": detail.excluded.users,
        "groupsExcluded": detail.excluded.groups,
        "conditions": [
            {**_condition(condition), **_head(condition.enrolled)}
            for condition in detail.conditions
        ],
    }


@routes.endpoint("/api/stats/enrollment/date", "POST")
def enrollment_by_date(services: Services, body: DateBody) -> list[dict[str, Any]]:
    """Who enrolled in each day, month or year, the newest first."""
    offset = timedelta(minutes=body.client_offset)
    dates = services.enrollment_statistics.by_date(body.experiment_id, body.date_enum, offset)
    return [_period(body.experiment_id, each) for each in dates]


def _period(experiment_id: str, period: DateCounts) -> dict[str, Any]:
    return {
        # As JavaScript's Date.toDateString() writes it.
        "date": period.first.strftime("%a %b %d %Y"),
        "stats": {
            "id": experiment_id,
            "conditions": [_condition(condition) for condition in period.conditions],
        },
    }


@routes.endpoint("/api/query/analyse", "POST")
def analyse(services: Services, body: QueryIdsBody) -> list[dict[str, Any]]:
    """The results of metrics, in the order of their queries."""
    return [_result(each) for each in services.metric_analysis.analyse(body.query_ids)]


def _head(head: Head) -> dict[str, int]:
    return {"users": head.users, "groups": head.groups}


def _condition(counts: ConditionCounts) -> dict[str, Any]:
    return {
        "id": counts.condition_id,
        "partitions": [{"id": each.point_id, **_head(each.enrolled)} for each in counts.points],
    }


def _result(found: QueryResult) -> dict[str, Any]:
    main_arm = CONDITION if found.interaction is None else LEVEL
    return {
        "id": found.query_id,
        "mainEffect": _effect(found.main, main_arm),
        "interactionEffect": None
        if found.interaction is None
        else _effect(found.interaction, CONDITION),
    }


def _effect(effect: Effect, arm: str) -> list[dict[str, Any]]:
    """The arms that somebody logged for, then the others."""
    return [_arm(each, arm) for each in effect.results] + [
        {arm: arm_id, "result": "0", "participantsLogged": 0} for arm_id in effect.without_data()
    ]


def _arm(result: ArmResult, arm: str) -> dict[str, Any]:
    return {
        arm: result.arm_id,
        "result": result.result,
        "participantsLogged": str(result.participants),
    }
