from __future__ import annotations

import json
import math
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.api.values.numbers import as_javascript, javascript_text

VECTORS: list[tuple[str, str]] = [
    (sent, written)
    for sent, written in json.loads(
        Path(__file__).with_name("javascript-number-vectors.json").read_text(encoding="utf-8")
    )
]
"""Numbers of JSON, and the text that Node 20 makes of each: `String(JSON.parse(sent))`."""

DOUBLES = st.floats(allow_nan=False, allow_infinity=False)
NUMBERS = st.integers() | st.decimals(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(("sent", "written"), VECTORS)
def test_a_number_is_written_as_javascript_writes_it(sent: str, written: str) -> None:
    number: int | Decimal = json.loads(sent, parse_float=Decimal)
    assert javascript_text(number) == written
    assert javascript_text(as_javascript(number)) == written


@given(DOUBLES)
def test_the_text_of_a_number_means_that_number_in_as_few_digits_as_there_are(
    number: float,
) -> None:
    text = javascript_text(number)
    assert float(text) == number
    mantissa = text.partition("e")[0]
    digits = [mantissa.replace(".", "").lstrip("-0").rstrip("0"), repr(number).partition("e")[0]]
    assert digits[0] == digits[1].replace(".", "").lstrip("-0").rstrip("0")
    assert not mantissa.endswith((".", ".0"))


@given(NUMBERS, st.integers(0, 40))
def test_however_a_number_is_spelled_its_text_is_the_same(
    number: int | Decimal, zeros: int
) -> None:
    digits = f"{Decimal(number):f}"
    spelled = Decimal(digits + ("" if "." in digits else ".") + "0" * zeros)
    assert javascript_text(spelled) == javascript_text(number)


def test_what_no_double_holds_is_infinite_as_text_and_refused_as_a_number() -> None:
    for sign, text in ((1, "Infinity"), (-1, "-Infinity")):
        assert javascript_text(sign * Decimal("1e400")) == text
        assert javascript_text(sign * math.inf) == text
        with pytest.raises(ValueError, match="must not be so large"):
            as_javascript(sign * Decimal("1e400"))
