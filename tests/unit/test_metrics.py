from __future__ import annotations

import pytest

from chalicelib.domain.metrics import (
    MetricQuery,
    Operation,
    RepeatedMeasure,
    grouped_key,
)
from tests.unit.measure_samples import query


@pytest.mark.parametrize("operation", list(Operation))
@pytest.mark.parametrize("measure", list(RepeatedMeasure))
def test_a_query_is_read_from_what_its_experiment_keeps(
    operation: Operation, measure: RepeatedMeasure
) -> None:
    values = {**query("time", operation.value), "repeatedMeasure": measure.value}
    assert MetricQuery.of(values) == MetricQuery("query of time", "time", operation, measure)


def test_a_query_about_a_category_compares() -> None:
    made = MetricQuery.of(query("grade", "percentage", compareFn="<>", compareValue="F"))
    assert (made.compare_fn, made.compare_value) == ("<>", "F")


def test_the_key_of_a_grouped_metric_names_its_class_key_and_attribute() -> None:
    assert grouped_key("a", "b", "c") == "a@__@b@__@c"
