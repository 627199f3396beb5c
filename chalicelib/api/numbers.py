"""Numbers of requests, as JavaScript has them."""

from __future__ import annotations

import math
from decimal import Decimal

EXACT_INTEGERS = 2**53
"""Up to this, JavaScript's numbers tell integers apart."""


def as_javascript(value: int | Decimal) -> int | float:
    """The nearest number that JavaScript knows; whole ones as integers, as it writes them.

    Raises:
        ValueError: if it is larger than all of them.
    """
    number = float(Decimal(value))
    if math.isinf(number):
        raise ValueError("must not be so large")
    return int(number) if abs(number) <= EXACT_INTEGERS and number.is_integer() else number
