"""The results of an experiment: /dashboard/feature/{feature_id}, /dashboard/experiment/{...}.

Beside each page are its files: results and days as CSV, and the rows that results sum up.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from chalicelib.api.dashboard.charts.course import course
from chalicelib.api.dashboard.charts.enrollment import enrollment
from chalicelib.api.dashboard.charts.forest import forest, guardrail_rows
from chalicelib.api.dashboard.charts.variants import interaction, variant_rows
from chalicelib.api.dashboard.serving.page import Download, Elsewhere, Page
from chalicelib.api.dashboard.serving.routes import PageRoutes
from chalicelib.api.results import results_csv
from chalicelib.api.results.result_rows import (
    RowsPage,
    RowsQuery,
    csv_rows,
    experiment_rows,
    experiment_start,
    feature_position,
    feature_rows,
)
from chalicelib.api.results.results import METRIC_NAME
from chalicelib.api.results.results_answers import results_answer
from chalicelib.api.testlab.fields import Integer
from chalicelib.api.upgrade.wire.texts import Uuid
from chalicelib.domain.catalogue.pages.experiment_pages import ExperimentPage
from chalicelib.domain.outcomes.results.measured import WITHIN_SUBJECTS
from chalicelib.domain.outcomes.results.results import CheckState, Results
from chalicelib.services import Services

R = TypeVar("R")

routes = PageRoutes(__name__)


def _chosen(value: object) -> object:
    """What was chosen; an empty choice is none."""
    return value or None


class SeriesQuery(BaseModel):
    """The series is that of `metric`, else of the metric that decides.

    With `now` results of UpGrade are of what was logged until now, not of the last snapshot.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)

    metric: Annotated[
        Annotated[str, Field(max_length=METRIC_NAME)] | None, BeforeValidator(_chosen)
    ] = None
    now: bool = False


@routes.page("/dashboard/feature/{feature_id}")
def show_feature_results(
    services: Services, feature_id: Integer, query: SeriesQuery
) -> Page | Elsewhere:
    """The results of an experiment of Test Lab; a toggle or rollout leads to its design."""
    return results_page(services.pages.experiment_pages.of_feature(feature_id, query.metric), query)


@routes.page("/dashboard/experiment/{experiment_id}")
def show_experiment_results(
    services: Services, experiment_id: Uuid, query: SeriesQuery
) -> Page | Elsewhere:
    """The results of an experiment in UpGrade's form."""
    found = services.pages.experiment_pages.of_experiment(
        experiment_id, query.metric, up_to_now=query.now
    )
    return results_page(found, query)


@routes.page("/dashboard/feature/{feature_id}/results.csv")
def save_feature_results(services: Services, feature_id: Integer, query: SeriesQuery) -> Download:
    """A line for each variant and metric."""
    return table_file(services.results.of_feature(feature_id, query.metric))


@routes.page("/dashboard/experiment/{experiment_id}/results.csv")
def save_experiment_results(
    services: Services, experiment_id: Uuid, query: SeriesQuery
) -> Download:
    """A line for each condition and metric."""
    found = services.results.of_experiment(experiment_id, query.metric, up_to_now=query.now)
    return table_file(found)


@routes.page("/dashboard/feature/{feature_id}/days.csv")
def save_feature_days(services: Services, feature_id: Integer, query: SeriesQuery) -> Download:
    """A line for each day and variant."""
    return days_file(services.results.of_feature(feature_id, query.metric))


@routes.page("/dashboard/experiment/{experiment_id}/days.csv")
def save_experiment_days(services: Services, experiment_id: Uuid, query: SeriesQuery) -> Download:
    """A line for each day and condition."""
    found = services.results.of_experiment(experiment_id, query.metric, up_to_now=query.now)
    return days_file(found)


@routes.page("/dashboard/feature/{feature_id}/participants")
def show_feature_participants(services: Services, feature_id: Integer, query: RowsQuery) -> Page:
    """The users of an experiment of Test Lab with what each adds to the sums."""
    after = feature_position(query, feature_id)
    found = services.result_rows.of_feature(feature_id, after, query.limit)
    return rows_page(feature_rows(found, query, feature_id), query, f"feature/{feature_id}")


@routes.page("/dashboard/experiment/{experiment_id}/participants")
def show_experiment_participants(services: Services, experiment_id: Uuid, query: RowsQuery) -> Page:
    """The participants of an experiment in UpGrade's form with what each adds to the sums."""
    start = experiment_start(query, experiment_id)
    found = services.result_rows.of_experiment(experiment_id, start, query.limit)
    rows = experiment_rows(found, query, experiment_id)
    return rows_page(rows, query, f"experiment/{experiment_id}")


@routes.page("/dashboard/feature/{feature_id}/participants.csv")
def save_feature_participants(
    services: Services, feature_id: Integer, query: RowsQuery
) -> Download:
    """A page of users as CSV."""
    after = feature_position(query, feature_id)
    found = services.result_rows.of_feature(feature_id, after, query.limit)
    return rows_file(feature_rows(found, query, feature_id), str(feature_id))


@routes.page("/dashboard/experiment/{experiment_id}/participants.csv")
def save_experiment_participants(
    services: Services, experiment_id: Uuid, query: RowsQuery
) -> Download:
    """A page of participants as CSV."""
    start = experiment_start(query, experiment_id)
    found = services.result_rows.of_experiment(experiment_id, start, query.limit)
    return rows_file(experiment_rows(found, query, experiment_id), experiment_id)


def results_page(page: ExperimentPage, query: SeriesQuery) -> Page | Elsewhere:
    """All that is said of an experiment; what has no results leads to its design."""
    found = page.results
    if found is None:
        return Elsewhere(f"/feature/{page.feature.id}/design")
    smallest = page.plan.smallest_effect
    effect = None if smallest is None else float(smallest)
    panels = forest(found, effect)
    return Page(
        "results.html",
        {
            "page": page,
            "found": found,
            "place": f"{found.kind}/{found.key}",
            "panels": panels,
            "guardrails": list(guardrail_rows(panels)),
            "variants": list(variant_rows(found)),
            "series": course(found, effect, query.metric),
            "came": enrollment(page, found, within=found.unit == WITHIN_SUBJECTS),
            "cells": interaction(found, page.cells),
            "within": found.unit == WITHIN_SUBJECTS,
            "split_broken": any(
                each.name == "split" and each.state is CheckState.BROKEN for each in found.checks
            ),
            "asked": query,
        },
    )


def table_file(found: Results) -> Download:
    """Results as CSV."""
    text = results_csv.table(results_answer(found))
    return Download(f"results-{found.key}", "csv", results_csv.CSV_TYPE, text)


def days_file(found: Results) -> Download:
    """The series of a metric as CSV."""
    text = results_csv.series(results_answer(found))
    return Download(f"days-{found.key}", "csv", results_csv.CSV_TYPE, text)


def rows_page(rows: RowsPage[R, Any], query: RowsQuery, place: str) -> Page:
    """Some rows behind results, with the way to those that come after them."""
    link = rows.link(len(rows.rows))
    return Page(
        "participants.html",
        {
            "place": place,
            "columns": rows.columns,
            "lines": [rows.cells(row) for row in rows.rows],
            "cursor": query.cursor,
            "following": None if link is None else link[1:].partition(">")[0],
        },
    )


def rows_file(rows: RowsPage[R, Any], key: str) -> Download:
    """Some rows behind results as CSV."""
    return Download(f"participants-{key}", "csv", results_csv.CSV_TYPE, csv_rows(rows)[0])
