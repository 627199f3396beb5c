"""Numbers of requests as JavaScript, in which the original servers are written, has them."""

from __future__ import annotations

import math
from decimal import Decimal

EXACT_INTEGERS = 2**53
"""Up to this, JavaScript's numbers tell integers apart."""

PLAIN_DIGITS = 21
"""A number with more digits before the point is written with an exponent."""

PLAIN_ZEROS = 6
"""So is one with as many zeros between the point and its first digit."""


def as_javascript(value: int | Decimal) -> int | float:
    """The nearest number that JavaScript knows; whole ones as integers, as it writes them.

    Raises:
        ValueError: if it is larger than all of them.
    """
    number = float(Decimal(value))
    if math.isinf(number):
        raise ValueError("must not be so large")
    return int(number) if abs(number) <= EXACT_INTEGERS and number.is_integer() else number


def javascript_text(value: int | Decimal | float) -> str:
    """A number as text, as ECMAScript's Number::toString writes the nearest double.

    >>> [javascript_text(Decimal(each)) for each in ("62.0", "6.10", "1e21", "1e-7", "-0")]
    ['62', '6.1', '1e+21', '1e-7', '0']
    """
    number = float(Decimal(value))
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    if number == 0:
        return "0"
    sign = "-" if number < 0 else ""
    # Both languages write the shortest digits that mean the number; only their layout differs.
    shortest = Decimal(repr(abs(number))).normalize().as_tuple()
    assert isinstance(shortest.exponent, int)  # noqa: S101 - others are not finite
    digits = "".join(map(str, shortest.digits))
    point = len(digits) + shortest.exponent
    return sign + _laid_out(digits, point)


def _laid_out(digits: str, point: int) -> str:
    """Digits with the decimal point after `point` of them, or with an exponent."""
    if -PLAIN_ZEROS < point <= 0:
        return f"0.{'0' * -point}{digits}"
    if not 0 < point <= PLAIN_DIGITS:
        fraction = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{digits[0]}{fraction}e{point - 1:+d}"
    if len(digits) <= point:
        return digits.ljust(point, "0")
    return f"{digits[:point]}.{digits[point:]}"
