"""Results of experiments: /api/results."""

from __future__ import annotations

import hashlib
from typing import Annotated

from pydantic import Field

from chalicelib.api.http.reading import Reading
from chalicelib.api.http.rendering import Rendered, json_text, written
from chalicelib.api.http.routes import Routes
from chalicelib.api.pages.answer_pages import ListQuery, Pages, Row
from chalicelib.api.protocol.conditional import has_answer
from chalicelib.api.protocol.negotiation import prefers
from chalicelib.api.protocol.problems import ResponseHeaders
from chalicelib.api.results import results_csv
from chalicelib.api.results.dialect import DIALECT, OwnQuery
from chalicelib.api.results.results_answers import Line, Results, latched_answer, results_answer
from chalicelib.api.testlab.fields import Integer
from chalicelib.api.upgrade.wire.texts import Uuid
from chalicelib.domain.outcomes.results import results
from chalicelib.services import Services
from chalicelib.services.outcomes.results import ResultLine

LIST = "/api/results"
METRIC_NAME = 200
"""Characters of a metric as results call it: its name with some words."""

PAGES = Pages[ResultLine](LIST, lambda line: (line.feature.id,), tuple[int])

routes = Routes(__name__, DIALECT)


class ResultsQuery(OwnQuery):
    """The series is that of `metric`, else of the primary one.

    With `series`, CSV has its days, in place of a line for each variant and metric.
    """

    series: bool = False
    metric: Annotated[str, Field(max_length=METRIC_NAME)] | None = None


class ExperimentQuery(ResultsQuery):
    """With `now` they are of what was logged until now, in place of the last snapshot."""

    now: bool = False


@routes.endpoint(LIST)
def list_results(services: Services, query: ListQuery) -> Rendered[list[Line]]:
    """All experiments with their verdicts, as of when the scheduled function last looked."""
    return PAGES.answer(services.results.all(), query, lambda line: Row.of(line_answer(line)))


@routes.endpoint("/api/results/feature/{feature_id}", conditional=True)
def get_feature_results(
    services: Services, feature_id: Integer, query: ResultsQuery, reading: Reading
) -> Rendered[Results]:
    """The results of an experiment of Test Lab; as CSV for who accepts text/csv."""
    return answered(services.results.of_feature(feature_id, query.metric), query, reading)


@routes.endpoint("/api/results/experiment/{experiment_id}", conditional=True)
def get_experiment_results(
    services: Services, experiment_id: Uuid, query: ExperimentQuery, reading: Reading
) -> Rendered[Results]:
    """The results of an experiment in UpGrade's form, of the last snapshot unless asked for now."""
    found = services.results.of_experiment(experiment_id, query.metric, up_to_now=query.now)
    return answered(found, query, reading)


def answered(found: results.Results, query: ResultsQuery, reading: Reading) -> Rendered[Results]:
    """Results as JSON or CSV, with a tag of all but the time of the data."""
    answer = results_answer(found)
    is_csv = prefers(reading.headers.get("accept", ""), "text/csv")
    if is_csv:
        text = results_csv.series(answer) if query.series else results_csv.table(answer)
    else:
        text = json_text(answer)
    # Weak: the time of the data differs from one answer to the next.
    tag = f'W/"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    headers: ResponseHeaders = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept"}
    if has_answer(reading.headers, tag):
        return Rendered("", headers, status_code=304)
    if is_csv:
        return Rendered(text, {**headers, "Content-Type": results_csv.CSV_TYPE})
    answer["data_at"] = found.data_at.isoformat()
    return written(json_text(answer), headers)


def line_answer(line: ResultLine) -> Line:
    """An experiment in the list."""
    feature, summary = line.feature, line.summary
    design = feature.design
    return {
        "kind": "feature" if design is None else "experiment",
        "id": str(feature.id) if design is None else design.id,
        "name": feature.name,
        "verdict": None if summary is None else summary.code,
        "text": None if summary is None else summary.text,
        "latched": None if summary is None else latched_answer(summary.latched),
        "units": None if summary is None else summary.units,
        "unit": None if summary is None else summary.unit,
        "split": None if summary is None else summary.split,
        "days_left": None if summary is None else summary.days_left,
        "as_of": None if summary is None else summary.at.isoformat(),
    }
