"""Statistics of enrollment, and the results of metrics: /api/stats and /api/query."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from chalicelib.api.http.routes import Routes
from chalicelib.api.upgrade.access.dialect import DIALECT
from chalicelib.api.upgrade.outcomes.statistics_answers import (
    DatedEnrollment,
    Enrollment,
    EnrollmentDetail,
    QueryResult,
    detail_answer,
    enrollment_answer,
    period_answer,
    result_answer,
)
from chalicelib.api.upgrade.wire.texts import AdminBody, Uuid
from chalicelib.api.values.bounds import AtMost
from chalicelib.domain.experiments.enrollment_statistics import DateRange
from chalicelib.services import Services

routes = Routes(__name__, DIALECT)

EXPERIMENTS = 1000
QUERIES = 200
MINUTES_OF_DAY = 24 * 60


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
def enrollment(services: Services, body: ExperimentIdsBody) -> list[Enrollment]:
    """How many take part in some experiments."""
    counted = services.enrollment_statistics.enrolled(body.experiment_ids)
    return [enrollment_answer(experiment_id, head) for experiment_id, head in counted]


@routes.endpoint("/api/stats/enrollment/detail", "POST")
def enrollment_detail(services: Services, body: ExperimentIdBody) -> EnrollmentDetail:
    """Who takes part in an experiment, by condition and point, and who is excluded."""
    return detail_answer(services.enrollment_statistics.detail(body.experiment_id))


@routes.endpoint("/api/stats/enrollment/date", "POST")
def enrollment_by_date(services: Services, body: DateBody) -> list[DatedEnrollment]:
    """Who enrolled in each day, month or year, the newest first."""
    offset = timedelta(minutes=body.client_offset)
    dates = services.enrollment_statistics.by_date(body.experiment_id, body.date_enum, offset)
    return [period_answer(body.experiment_id, each) for each in dates]


@routes.endpoint("/api/query/analyse", "POST")
def analyse(services: Services, body: QueryIdsBody) -> list[QueryResult]:
    """The results of metrics, in the order of their queries."""
    return [result_answer(each) for each in services.metric_analysis.analyse(body.query_ids)]
