"""Results against the standard library's, computed from scratch."""

from __future__ import annotations

import json
import math
import statistics
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.experiments.metrics import (
    MetricQuery,
    MetricType,
    Operation,
    RepeatedMeasure,
)
from chalicelib.domain.outcomes.logs import Value
from chalicelib.domain.outcomes.metric_analysis import ArmResult, Observation, analyse

START = datetime(2026, 1, 15, 12, tzinfo=UTC)
USERS = ["ada", "bob", "cyd", "dan", "eve"]
CONDITIONS = ["red-large", "red-small", "blue-large", "blue-small"]
SIMPLE: Mapping[str, Collection[str]] = {each: [each] for each in CONDITIONS}
LEVELS: Mapping[str, Collection[str]] = {
    level: [each for each in CONDITIONS if level in each]
    for level in ("small", "blue", "large", "red")
}
either_kind_of_arms = st.sampled_from([SIMPLE, LEVELS])

MEASURES = list(RepeatedMeasure)
NUMERIC = [operation for operation in Operation if operation is not Operation.PERCENTAGE]


@dataclass(frozen=True)
class Logged:
    """A value as it is logged, and what it is."""

    value: Value
    exact: Fraction


def as_logged(value: Value) -> Logged:
    return Logged(value, Fraction(repr(value) if isinstance(value, float) else value))


written_numbers = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "+", "-", " ", "\t-"]),
    st.integers(0, 10**12),
    st.sampled_from(["", ".", ".0", ".50", ".000001", "e3", "E-4", ".25e+2"]),
    st.sampled_from(["", " ", "\n"]),
)
"""Text that is a number."""

values: st.SearchStrategy[Value] = st.one_of(
    st.integers(-3, 3),
    st.integers(-(10**15), 10**15),
    st.floats(-1e12, 1e12, allow_subnormal=False),
    st.sampled_from([0.5, -2.5, "0.5", "1.0", "-0.0"]),
    written_numbers,
)
logged_values = values.map(as_logged)


@dataclass(frozen=True)
class Row:
    """A row of a user's log, and the conditions that the user had when it counted."""

    user: str
    conditions: tuple[str, ...]
    logged: Logged
    minute: int
    id: int


@st.composite
def logs(draw: st.DrawFn) -> list[Row]:
    """Rows of several users, each with one to a few conditions; ties of time are frequent."""
    conditions = {
        user: tuple(draw(st.lists(st.sampled_from(CONDITIONS), min_size=1, unique=True)))
        for user in USERS
    }
    drawn = draw(
        st.lists(st.tuples(st.sampled_from(USERS), logged_values, st.integers(0, 4)), max_size=25)
    )
    ids = draw(st.permutations(range(len(drawn))))
    return [
        Row(user, conditions[user], logged, minute, row_id)
        for (user, logged, minute), row_id in zip(drawn, ids, strict=True)
    ]


def observed(rows: Collection[Row]) -> list[Observation]:
    return [
        Observation(row.user, each, row.logged.value, START + timedelta(minutes=row.minute), row.id)
        for row in rows
        for each in row.conditions
    ]


def asked(operation: Operation, measure: RepeatedMeasure, **compare: str) -> MetricQuery:
    return MetricQuery("query", "metric", operation, measure, **compare)


def rows_by_user(rows: Collection[Row], conditions: Collection[str]) -> list[list[Row]]:
    """For each user who had one of the conditions, the rows in the order of their updates."""
    taking_part = [row for row in rows if set(row.conditions) & set(conditions)]
    return [
        sorted((row for row in taking_part if row.user == user), key=lambda r: (r.minute, r.id))
        for user in sorted({row.user for row in taking_part})
    ]


def number_of(own: list[Row], measure: RepeatedMeasure) -> Fraction:
    if measure is RepeatedMeasure.MEAN:
        return statistics.mean(row.logged.exact for row in own)
    return own[-1 if measure is RepeatedMeasure.MOST_RECENT else 0].logged.exact


def expected(operation: Operation, numbers: list[Fraction]) -> float | Fraction | None:
    """The result as Python's own functions have it."""
    match operation:
        case Operation.SUM:
            return sum(numbers, Fraction(0))
        case Operation.COUNT:
            return Fraction(len(numbers))
        case Operation.MIN:
            return min(numbers)
        case Operation.MAX:
            return max(numbers)
        case Operation.AVERAGE:
            return statistics.mean(numbers)
        case Operation.MODE:
            most = max(Counter(numbers).values())
            return min(number for number, times in Counter(numbers).items() if times == most)
        case Operation.MEDIAN:
            return statistics.median(numbers)
        case Operation.DEVIATION:
            return statistics.stdev(numbers) if len(numbers) > 1 else None
        case _:
            raise AssertionError(operation)


def shown(result: str) -> int:
    """How many digits after the point there are."""
    return len(result.partition(".")[2])


def close(found: ArmResult, wanted: float | Fraction | None, tolerance: float) -> bool:
    if wanted is None or found.result is None:
        return found.result is wanted
    return math.isclose(Fraction(found.result), wanted, rel_tol=1e-12, abs_tol=tolerance)


@pytest.mark.parametrize("measure", MEASURES)
@given(rows=logs(), arms=either_kind_of_arms)
def test_results_are_those_of_the_standard_library(
    measure: RepeatedMeasure, rows: list[Row], arms: Mapping[str, Collection[str]]
) -> None:
    users = {arm: rows_by_user(rows, conditions) for arm, conditions in arms.items()}
    with_values = [arm for arm in arms if users[arm]]
    for operation in NUMERIC:
        results = analyse(asked(operation, measure), MetricType.CONTINUOUS, observed(rows), arms)
        assert [each.arm_id for each in results] == with_values
        for found in results:
            own = [number_of(each, measure) for each in users[found.arm_id]]
            tolerance = 1e-14 * float(max(map(abs, own)))
            if operation is Operation.MODE:
                # Means are equal if the digits kept are.
                own = [alone(each, measure) for each in users[found.arm_id]]
            if operation is Operation.DEVIATION and found.result not in (None, "0"):
                # It has the digits that its square needs, which are few for a large one.
                tolerance = max(tolerance, 10 ** -shown(str(found.result)))
            assert found.participants == len(own)
            assert close(found, expected(operation, own), tolerance), (operation, found, own)


def alone(own: list[Row], measure: RepeatedMeasure) -> Fraction:
    """The value of a user as it is answered if nobody else takes part."""
    everyone = {"everyone": CONDITIONS}
    query = asked(Operation.SUM, measure)
    (found,) = analyse(query, MetricType.CONTINUOUS, observed(own), everyone)
    assert isinstance(found.result, str)
    return Fraction(found.result)


@pytest.mark.parametrize("operation", [Operation.SUM, Operation.MIN, Operation.MAX, Operation.MODE])
@given(rows=logs())
def test_what_needs_no_division_is_exact(operation: Operation, rows: list[Row]) -> None:
    measure = RepeatedMeasure.EARLIEST
    for found in analyse(asked(operation, measure), MetricType.CONTINUOUS, observed(rows), SIMPLE):
        numbers = [number_of(own, measure) for own in rows_by_user(rows, [found.arm_id])]
        assert isinstance(found.result, str)
        assert Fraction(found.result) == expected(operation, numbers)


@given(rows=logs())
def test_means_are_right_to_the_last_digit_shown(rows: list[Row]) -> None:
    measure = RepeatedMeasure.MOST_RECENT
    query = asked(Operation.AVERAGE, measure)
    for found in analyse(query, MetricType.CONTINUOUS, observed(rows), LEVELS):
        numbers = [number_of(own, measure) for own in rows_by_user(rows, LEVELS[found.arm_id])]
        assert isinstance(found.result, str)
        off = abs(Fraction(found.result) - statistics.mean(numbers))
        assert off <= Fraction(1, 2 * 10 ** shown(found.result))
        significant = Decimal(found.result).as_tuple().digits
        assert len(significant) >= 16 or not any(significant)


def json_text(value: Value) -> str:
    """Text as it is; of a number, what JavaScript writes unless that has an exponent."""
    return value if isinstance(value, str) else json.dumps(value + 0).removesuffix(".0")


@pytest.mark.parametrize("measure", MEASURES)
@given(
    arms=either_kind_of_arms,
    compare_fn=st.sampled_from(["=", "<>"]),
    rows=logs(),
    wanted=st.sampled_from(["0", "1", "-2.5", "1.0"]),
)
def test_shares_are_those_of_the_users_whose_value_compares(
    measure: RepeatedMeasure,
    arms: Mapping[str, Collection[str]],
    compare_fn: str,
    rows: list[Row],
    wanted: str,
) -> None:
    def compares(own: list[Row]) -> bool:
        row = own[-1 if measure is RepeatedMeasure.MOST_RECENT else 0]
        return (json_text(row.logged.value) == wanted) is (compare_fn == "=")

    matches = {
        arm: [compares(own) for own in rows_by_user(rows, conditions)]
        for arm, conditions in arms.items()
    }
    compare = {"compare_fn": compare_fn, "compare_value": wanted}
    counts = analyse(
        asked(Operation.COUNT, measure, **compare), MetricType.CATEGORICAL, observed(rows), arms
    )
    assert counts == [
        ArmResult(arm, str(sum(each)), len(each)) for arm, each in matches.items() if each
    ]
    for kind in MetricType:
        query = asked(Operation.PERCENTAGE, measure, **compare)
        for found in analyse(query, kind, observed(rows), arms):
            each = matches[found.arm_id]
            assert found.participants == len(each)
            assert isinstance(found.result, str)
            off = Fraction(found.result) - Fraction(100 * sum(each), len(each))
            assert abs(off) <= Fraction(1, 10**16)


@given(
    rows=logs(),
    data=st.data(),
    operation=st.sampled_from(Operation),
    measure=st.sampled_from(RepeatedMeasure),
    kind=st.sampled_from(MetricType),
    arms=either_kind_of_arms,
)
def test_the_order_of_the_observations_does_not_matter(
    rows: list[Row],
    data: st.DataObject,
    operation: Operation,
    measure: RepeatedMeasure,
    kind: MetricType,
    arms: Mapping[str, Collection[str]],
) -> None:
    query = asked(operation, measure, compare_fn="=", compare_value="1")
    observations = observed(rows)
    shuffled = data.draw(st.permutations(observations))
    assert analyse(query, kind, shuffled, arms) == analyse(query, kind, observations, arms)
