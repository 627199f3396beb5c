"""The quotients, percentages and deviations are what a PostgreSQL 15 answered."""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal

import pytest

from chalicelib.domain.outcomes.pg_numeric import (
    MOST_DIGITS,
    deviation,
    in_order,
    mean,
    median,
    mode,
    numeric,
    percentage,
    quotient,
    total,
    written,
)


def numbers(*values: str | float) -> list[Decimal]:
    made = [numeric(value) for value in values]
    assert None not in made
    return in_order(number for number in made if number is not None)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        (-12345678901234567890123456789012345678, "-12345678901234567890123456789012345678"),
        (2.5, "2.5"),
        (3.0, "3"),
        (-0.0, "0"),
        (0.1 + 0.2, "0.30000000000000004"),
        (1e21, "1000000000000000000000"),
        (1.5e-7, "0.00000015"),
        ("7", "7"),
        ("+007.50", "7.50"),
        (" \t\n\v\f\r-.5 \t\n\v\f\r", "-0.5"),
        ("5.", "5"),
        ("-0.00", "0.00"),
        ("1.5e3", "1500"),
        ("1.50E1", "15.0"),
        ("15e-3", "0.015"),
        ("1e+0000000000000002", "100"),
        ("0e5", "0"),
        ("0e-3", "0.000"),
    ],
)
def test_a_number_keeps_the_digits_it_is_written_with(value: str | float, text: str) -> None:
    number = numeric(value)
    assert number is not None
    assert written(number) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", ".", "-", "five", "1,5", "1e", "e5", ".e5", "1e5.5", "--5", "- 5", "5 5"),
        *("1.2.3", "1_000", "0x10", "NaN", "Infinity", "-inf", "true", "5\xa0"),
        "\N{FULLWIDTH DIGIT FIVE}",
    ],
)
def test_other_text_is_no_number(text: str) -> None:
    assert numeric(text) is None


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_no_number(value: float) -> None:
    assert numeric(value) is None


@pytest.mark.parametrize("sign", ["", "-"])
def test_a_number_may_have_a_thousand_digits_before_the_point_and_after_it(sign: str) -> None:
    longest = sign + "9" * MOST_DIGITS + "." + "9" * MOST_DIGITS
    number = numeric(longest)
    assert number is not None
    assert written(number) == longest
    assert written(total([number, number])) == (
        sign + "1" + "9" * MOST_DIGITS + "." + "9" * (MOST_DIGITS - 1) + "8"
    )
    assert numeric(sign + "9" + longest.removeprefix("-")) is None
    assert numeric(longest + "0") is None


@pytest.mark.parametrize("value", ["1e1000", "1e999999", "1e9999999999", "1e-1001", 10**1000])
def test_a_longer_number_is_refused_before_it_takes_any_room(value: str | int) -> None:
    assert numeric(value) is None


def test_long_text_is_refused_in_no_time() -> None:
    assert numeric("1" * 100_000 + "x") is None
    assert numeric(" " * 100_000 + "x") is None
    assert numeric("1e" + "0" * 100_000 + "x") is None


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (["1", "2.50"], "3.50"),
        (["1.5", "-1.5"], "0.0"),
        ([0.1, 0.2], "0.3"),
        (["1e30", "1e-30"], "1" + "0" * 30 + "." + "0" * 29 + "1"),
        (["1e3"], "1000"),
    ],
)
def test_a_sum_is_exact_and_has_the_largest_scale(values: list[str | float], text: str) -> None:
    assert written(total(numbers(*values))) == text


@pytest.mark.parametrize(
    ("dividend", "divisor", "text"),
    [
        ("90", 3, "30.0000000000000000"),
        ("1", 2, "0.50000000000000000000"),
        ("2", 3, "0.66666666666666666667"),
        ("-2", 3, "-0.66666666666666666667"),
        ("0", 3, "0.00000000000000000000"),
        ("10000", 3, "3333.3333333333333333"),
        ("9999", 9998, "1.0001000200040008"),
        ("9999.99999999999999999999999999999999999", 1, "9999.99999999999999999999999999999999999"),
        ("100000000", 7, "14285714.285714285714"),
        ("1e20", 3, "33333333333333333333"),
        ("0.0001", 3, "0.000033333333333333333333"),
        ("0.0001", 30000, "0.0000000033333333333333333333"),
        ("1.00000000000000000000000001", 2, "0.50000000000000000000000001"),
        ("-0.1e-999", 3, "0." + "0" * 1000),
        ("1e-1000", 2, "0." + "0" * 999 + "1"),
    ],
)
def test_a_quotient_has_sixteen_significant_digits_or_more(
    dividend: str, divisor: int, text: str
) -> None:
    assert written(quotient(Decimal(dividend), divisor)) == text


@pytest.mark.parametrize(
    ("part", "count", "text"),
    [
        (2, 3, "66.66666666666666666700"),
        (1, 2, "50.00000000000000000000"),
        (3, 3, "100.00000000000000000000"),
        (0, 3, "0.00000000000000000000"),
    ],
)
def test_a_percentage_has_the_scale_of_its_quotient(part: int, count: int, text: str) -> None:
    assert written(percentage(part, count)) == text


def test_a_mean_is_a_quotient() -> None:
    assert written(mean(numbers(10, 20, 60))) == "30.0000000000000000"
    assert written(mean(numbers("2.5"))) == "2.5000000000000000"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([10, 20, 60], "26.4575131106459059"),
        ([1, 2], "0.70710678118654752440"),
        ([1, 3, 5], "2.0000000000000000"),
        ([0, 1732051], "1224745.0075"),
        ([7, 7], "0"),
        (["7", "7.00"], "0"),
        ([0.1, 0.2, 0.4], "0.15275252316519466688"),
        (["1e20", "-1e20"], "141421356237309504880"),
        (["1e-600", "2e-600"], "0." + "0" * 1000),
    ],
)
def test_a_deviation_is_that_of_a_sample(values: list[str | float], text: str) -> None:
    made = deviation(numbers(*values))
    assert made is not None
    assert written(made) == text


def test_a_single_number_has_no_deviation() -> None:
    assert deviation(numbers(5)) is None


def test_the_most_frequent_number_is_the_mode() -> None:
    assert mode(numbers(1, 2, 3, 2)) == 2


def test_of_equally_frequent_numbers_the_smallest_is_the_mode() -> None:
    assert mode(numbers(3, -1, 3, 2, -1)) == -1
    assert mode(numbers(60, 20, 10)) == 10


def test_numbers_of_another_scale_are_the_same_to_the_mode() -> None:
    assert written(mode(numbers("1", "2.0", "2"))) == "2"
    assert written(mode(numbers("2", "2.0", "1"))) == "2"


def test_the_median_lies_between_the_two_in_the_middle() -> None:
    assert median(numbers(10, 20, 60)) == 20
    assert median(numbers(1, 2, 4, 100)) == 3
    assert median(numbers(0.1, 0.2)) == 0.1 + 0.5 * (0.2 - 0.1)


def kinds(made: Iterable[object]) -> list[type]:
    return [type(each) for each in made]


def test_a_whole_median_is_a_whole_number() -> None:
    whole = [median(numbers("20.0")), median(numbers(-1, 1)), median(numbers("-1e-999"))]
    assert whole == [20, 0, 0]
    assert kinds([*whole, median(numbers(1, 2))]) == [int, int, int, float]


@pytest.mark.parametrize("values", [["1e400"], ["1e400", "2e400"], [-1.7e308, 1.7e308]])
def test_there_is_no_median_beyond_what_doubles_hold(values: list[str | float]) -> None:
    assert median(numbers(*values)) is None
