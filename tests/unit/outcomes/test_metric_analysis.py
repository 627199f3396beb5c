from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.experiments.metrics import (
    MetricQuery,
    MetricType,
    Operation,
    RepeatedMeasure,
)
from chalicelib.domain.outcomes.logs import Value
from chalicelib.domain.outcomes.metric_analysis import ArmResult, Observation, Result, analyse

CONTINUOUS, CATEGORICAL = MetricType.CONTINUOUS, MetricType.CATEGORICAL
MEAN, EARLIEST, RECENT = (
    RepeatedMeasure.MEAN,
    RepeatedMeasure.EARLIEST,
    RepeatedMeasure.MOST_RECENT,
)
START = datetime(2026, 1, 15, 12, tzinfo=UTC)
ARM: Mapping[str, Collection[str]] = {"c": ["c"]}

WORDS: Mapping[str, Value] = {"ada": "HIGH", "bob": "LOW", "cyd": "HIGH"}


def query(
    operation: Operation,
    measure: RepeatedMeasure = RECENT,
    compare_fn: str | None = None,
    compare_value: str | float | None = None,
) -> MetricQuery:
    return MetricQuery("query", "metric", operation, measure, compare_fn, compare_value)


def seen(
    user: str, value: Value, minutes: int = 0, row: int = 1, condition: str = "c"
) -> Observation:
    return Observation(user, condition, value, START + timedelta(minutes=minutes), row)


def one_each(*values: Value) -> list[Observation]:
    return [seen(f"user {i}", value) for i, value in enumerate(values)]


def result(
    asked: MetricQuery, observations: Collection[Observation], kind: MetricType = CONTINUOUS
) -> Result:
    (only,) = analyse(asked, kind, observations, ARM)
    return only.result


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (Operation.SUM, "90"),
        (Operation.COUNT, "3"),
        (Operation.MIN, "10"),
        (Operation.MAX, "60"),
        (Operation.AVERAGE, "30.0000000000000000"),
        (Operation.MODE, "10"),
        (Operation.MEDIAN, 20),
        (Operation.DEVIATION, "26.4575131106459059"),
    ],
)
@pytest.mark.parametrize("measure", [EARLIEST, RECENT])
def test_an_operation_makes_one_result_of_all_users(
    operation: Operation, expected: Result, measure: RepeatedMeasure
) -> None:
    found = analyse(query(operation, measure), CONTINUOUS, one_each(10, 60, 20), ARM)
    assert found == [ArmResult("c", expected, 3)]


def test_a_single_user_has_no_deviation() -> None:
    found = analyse(query(Operation.DEVIATION), CONTINUOUS, one_each(10), ARM)
    assert found == [ArmResult("c", None, 1)]


def test_numbers_keep_the_digits_they_were_logged_with() -> None:
    logged = one_each(" 1.50 ", 2.5, 1e21, 3.0)
    assert result(query(Operation.MIN), logged) == "1.50"
    assert result(query(Operation.MAX), logged) == "1000000000000000000000"
    assert result(query(Operation.SUM), logged) == "1000000000000000000007.00"


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        (RepeatedMeasure.MEAN, "2.6666666666666667"),
        (RepeatedMeasure.EARLIEST, "5"),
        (RepeatedMeasure.MOST_RECENT, "1"),
        (RepeatedMeasure.COUNT, "5"),
        (RepeatedMeasure.PERCENTAGE, "5"),
    ],
)
def test_the_repeated_measure_says_which_value_of_a_user_counts(
    measure: RepeatedMeasure, expected: str
) -> None:
    rows = [seen("ada", 2, 5, 1), seen("ada", 5, 0, 2), seen("ada", 1, 9, 3)]
    assert analyse(query(Operation.SUM, measure), CONTINUOUS, rows, ARM) == [
        ArmResult("c", expected, 1)
    ]


def test_of_rows_changed_at_the_same_time_the_later_one_is_the_more_recent() -> None:
    rows = [seen("ada", 2, row=2), seen("ada", 3, row=3), seen("ada", 1, row=1)]
    assert result(query(Operation.SUM, RECENT), rows) == "3"
    assert result(query(Operation.SUM, EARLIEST), rows) == "1"


def test_a_mean_of_means_weighs_users_the_same() -> None:
    rows = [seen("ada", 1, row=1), seen("ada", 3, row=2), seen("bob", 8, row=3)]
    assert result(query(Operation.AVERAGE, MEAN), rows) == "5.0000000000000000"
    assert result(query(Operation.MAX, MEAN), rows) == "8.0000000000000000"


@pytest.mark.parametrize("measure", [MEAN, EARLIEST])
def test_text_that_is_no_number_does_not_count(measure: RepeatedMeasure) -> None:
    rows = [seen("ada", "many", 0, 1), seen("ada", "4", 1, 2), seen("bob", "none", 0, 3)]
    (found,) = analyse(query(Operation.MAX, measure), CONTINUOUS, rows, ARM)
    assert isinstance(found.result, str)
    assert (float(found.result), found.participants) == (4, 1)


def test_an_operation_on_numbers_takes_the_numbers_of_a_categorical_metric() -> None:
    found = analyse(query(Operation.SUM), CATEGORICAL, one_each("HIGH", "2", 3), ARM)
    assert found == [ArmResult("c", "5", 2)]


@pytest.mark.parametrize(
    ("compare_fn", "count", "percentage"),
    [
        ("=", "2", "66.66666666666666666700"),
        ("<>", "1", "33.33333333333333333300"),
        (None, "1", "33.33333333333333333300"),
    ],
)
def test_categories_are_equal_to_the_value_or_not(
    compare_fn: str | None, count: str, percentage: str
) -> None:
    logged = one_each(*WORDS.values())
    for operation, expected in ((Operation.COUNT, count), (Operation.PERCENTAGE, percentage)):
        asked = query(operation, RECENT, compare_fn, "HIGH")
        assert analyse(asked, CATEGORICAL, logged, ARM) == [ArmResult("c", expected, 3)]


def test_an_arm_whose_values_all_differ_is_answered_all_the_same() -> None:
    asked = query(Operation.COUNT, RECENT, "=", "NONE")
    assert analyse(asked, CATEGORICAL, one_each("HIGH"), ARM) == [ArmResult("c", "0", 1)]


def test_categories_are_compared_with_empty_text_if_nothing_else_is_asked() -> None:
    assert result(query(Operation.COUNT, RECENT, "="), one_each("", "HIGH"), CATEGORICAL) == "1"


@pytest.mark.parametrize("wanted", ["3", 3, 3.0])
def test_numbers_are_compared_as_javascript_writes_them(wanted: str | float) -> None:
    asked = query(Operation.COUNT, RECENT, "=", wanted)
    assert result(asked, one_each(3, 3.0, "3", "3.0", 2.5), CATEGORICAL) == "3"


@pytest.mark.parametrize("wanted", ["0.0000002", 2e-7])
def test_small_numbers_are_compared_without_an_exponent(wanted: str | float) -> None:
    assert result(query(Operation.COUNT, RECENT, "=", wanted), one_each(2e-7), CATEGORICAL) == "1"


def test_a_percentage_of_numbers_compares_texts() -> None:
    asked = query(Operation.PERCENTAGE, EARLIEST, "=", 1)
    assert analyse(asked, CONTINUOUS, one_each(1, "one"), ARM) == [
        ArmResult("c", "50.00000000000000000000", 2)
    ]


@pytest.mark.parametrize("measure", RepeatedMeasure)
def test_of_a_users_categories_the_first_one_counts_unless_the_last_is_asked_for(
    measure: RepeatedMeasure,
) -> None:
    rows = [seen("ada", "LATE", 1, 1), seen("ada", "EARLY", 0, 2)]
    asked = query(Operation.COUNT, measure, "=", "LATE")
    expected = "1" if measure is RECENT else "0"
    assert analyse(asked, CATEGORICAL, rows, ARM) == [ArmResult("c", expected, 1)]


@pytest.mark.parametrize(
    ("operation", "kind"), [(Operation.SUM, CONTINUOUS), (Operation.COUNT, CATEGORICAL)]
)
def test_what_is_not_finite_counts_nowhere(operation: Operation, kind: MetricType) -> None:
    assert analyse(query(operation), kind, one_each(float("inf"), float("nan")), ARM) == []


def test_arms_come_in_the_order_asked_and_only_with_values_that_count() -> None:
    rows = [
        seen("ada", 1, condition="red"),
        seen("bob", 2, condition="blue"),
        seen("cyd", "no number", condition="green"),
        seen("dan", 9, condition="of another experiment"),
    ]
    arms = {"blue": ["blue"], "grey": ["grey"], "green": ["green"], "red": ["red"]}
    assert analyse(query(Operation.SUM), CONTINUOUS, rows, arms) == [
        ArmResult("blue", "2", 1),
        ArmResult("red", "1", 1),
    ]


def test_a_level_has_the_values_of_all_its_conditions() -> None:
    rows = [
        seen("ada", 1, condition="red-large"),
        seen("bob", 2, condition="red-small"),
        seen("cyd", 4, condition="blue-small"),
    ]
    levels = {"red": ["red-large", "red-small"], "small": ["red-small", "blue-small"]}
    assert analyse(query(Operation.SUM), CONTINUOUS, rows, levels) == [
        ArmResult("red", "3", 2),
        ArmResult("small", "6", 2),
    ]


def test_a_condition_that_an_arm_names_twice_counts_once() -> None:
    found = analyse(query(Operation.SUM), CONTINUOUS, one_each(5), {"level": ["c", "c"]})
    assert found == [ArmResult("level", "5", 1)]


@pytest.mark.parametrize("measure", RepeatedMeasure)
def test_a_user_under_several_conditions_of_a_level_counts_once(measure: RepeatedMeasure) -> None:
    rows = [
        seen("ada", 1, 0, 1, "small"),
        seen("ada", 1, 0, 1, "large"),
        seen("ada", 4, 1, 2, "small"),
    ]
    (found,) = analyse(query(Operation.SUM, measure), CONTINUOUS, rows, {"red": ["small", "large"]})
    mean = "2.5000000000000000"
    assert found == ArmResult("red", {MEAN: mean, RECENT: "4"}.get(measure, "1"), 1)


def test_a_user_under_several_conditions_counts_for_each() -> None:
    rows = [seen("ada", 1, 0, 1, "small"), seen("ada", 4, 1, 2, "large")]
    arms = {"small": ["small"], "large": ["large"]}
    assert analyse(query(Operation.SUM), CONTINUOUS, rows, arms) == [
        ArmResult("small", "1", 1),
        ArmResult("large", "4", 1),
    ]
