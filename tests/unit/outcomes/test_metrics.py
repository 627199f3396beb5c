from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.experiments.metrics import (
    MetricQuery,
    Operation,
    RepeatedMeasure,
    grouped_key,
)
from tests.unit.measure_samples import query
from tests.unit.upgrade_service_samples import design


@pytest.mark.parametrize("operation", list(Operation))
@pytest.mark.parametrize("measure", list(RepeatedMeasure))
def test_a_query_is_read_from_what_its_experiment_keeps(
    operation: Operation, measure: RepeatedMeasure
) -> None:
    values = {**query("time", operation.value), "repeatedMeasure": measure.value}
    assert MetricQuery.of(values) == MetricQuery("query of time", "time", operation, measure)


def test_a_query_about_a_category_compares() -> None:
    made = MetricQuery.of(query("grade", "percentage", compareFn="<>", compareValue="F"))
    assert made is not None
    assert (made.compare_fn, made.compare_value) == ("<>", "F")


@pytest.mark.parametrize("name", ["operationType", "repeatedMeasure"])
def test_what_only_a_newer_version_can_answer_is_asked_by_nobody(name: str) -> None:
    asked: dict[str, Any] = {**query("time", "avg")}
    asked["query"] = {**asked["query"]}
    (asked["query"] if name == "operationType" else asked)[name] = "of a newer version"
    assert MetricQuery.of(asked) is None
    known = query("time", "avg")
    both = replace(design(), queries=(asked, {"id": "q"}, {**known, "metric": {}}, known))
    assert both.metric_queries() == [MetricQuery.of(known)]


def test_the_key_of_a_grouped_metric_names_its_class_key_and_attribute() -> None:
    assert grouped_key("a", "b", "c") == "a@__@b@__@c"
