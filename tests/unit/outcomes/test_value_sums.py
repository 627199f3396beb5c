"""Sums are exact, and so is their text, however many digits there are."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from chalicelib.domain.outcomes.value_sums import ValueSums, exact_number, exact_text
from chalicelib.domain.statistics.sums import DamagedSums, Exact, Sums


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (-12, "-12"),
        (Fraction(1, 3), "1/3"),
        (Fraction(-22, 7), "-22/7"),
        (Fraction(1, 8), "0.125"),
        (Fraction(-1, 25), "-0.04"),
        (Fraction(1, 10**40), f"0.{'0' * 39}1"),
    ],
)
def test_a_number_comes_back_from_its_text(number: Exact, text: str) -> None:
    assert exact_text(number) == text
    again = exact_number(text)
    assert (again, type(again)) == (number, type(number))


def test_numbers_with_more_digits_than_python_writes_have_a_text() -> None:
    long = 10**5000
    assert exact_text(long) == "1" + "0" * 5000
    assert exact_text(Fraction(long, 7)) == "1" + "0" * 5000 + "/7"
    assert exact_number(exact_text(Fraction(7, long))) == Fraction(7, long)


def test_sums_of_numbers_of_a_thousand_digits_are_exact() -> None:
    value = Decimal("9" * 999 + "." + "9" * 999)
    sums = ValueSums.of_decimals([value, value.copy_negate(), Decimal(1)])
    assert (sums.n, sums.total, sums.cubes) == (3, 1, 1)
    assert sums.squares == 2 * Fraction(value) ** 2 + 1
    assert exact_number(exact_text(sums.squares)) == sums.squares
    with pytest.raises(DamagedSums):
        sums.checked()


def test_no_values_have_no_sums() -> None:
    assert ValueSums.of_decimals([]) == ValueSums() == ValueSums.of_fractions([])
    assert ValueSums().checked() == Sums(0, 0, 0, 0)


def test_sums_of_parts_add_up_to_those_of_the_whole() -> None:
    thirds = [Fraction(1, 3), Fraction(5, 3)]
    parts = ValueSums.of_fractions(thirds) + ValueSums.of_decimals([Decimal("0.5"), Decimal("1.5")])
    whole = ValueSums.of_fractions([*thirds, Fraction(1, 2), Fraction(3, 2)])
    assert parts == whole
    assert parts.total == 4
    assert isinstance(parts.total, int)
    assert parts.checked().mean == 1
