"""Exact numbers as PostgreSQL's type `numeric` reads, aggregates and writes them.

UpGrade's results are what PostgreSQL answers, as text: clients see how many digits it has. How
many are kept follows `select_div_scale` and `numeric_stddev_internal` of its `numeric.c` (15).

A number is a finite `Decimal`. Its scale, the digits after the point, counts when it is written:
2.50 is not 2.5.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, Inexact, localcontext
from itertools import groupby

MOST_DIGITS = 1000
"""What a value may have before the point, and after it.

PostgreSQL reads 131,072 and 16,383. A mean of such numbers takes long, and it takes a client only
nine bytes to log one. No double needs more than 309 and 324.
"""

BASE_DIGITS = 4
"""PostgreSQL computes in base 10,000: so many decimal digits are one of its own."""

SIGNIFICANT_DIGITS = 16
"""What a quotient has at least."""

LARGEST_QUOTIENT_SCALE = 1000

EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
"""Sums, products and whole quotients without rounding; what would round raises `Inexact`."""
EXACT.traps[Inexact] = True

SYNTAX = re.compile(
    r"[ \t\n\v\f\r]*"
    r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?(?=[0-9])0*(?:[1-9][0-9]{0,5})?)?)"
    r"[ \t\n\v\f\r]*"
)


def numeric(value: str | float) -> Decimal | None:
    """`value` as a number; None for other text, and where it is too long or not finite.

    A float is what JavaScript writes for it: the shortest digits that mean it, no point if it is
    whole.

    >>> numeric(" 2.50 "), numeric(2.5), numeric(3.0), numeric("five")
    (Decimal('2.50'), Decimal('2.5'), Decimal('3'), None)
    """
    if isinstance(value, str):
        match = SYNTAX.fullmatch(value)
        if match is None:
            return None
        number = Decimal(match[1])
    elif isinstance(value, int):
        number = Decimal(value)
    elif math.isfinite(value):
        number = Decimal(repr(value).removesuffix(".0"))
    else:
        return None
    if (number and number.adjusted() >= MOST_DIGITS) or scale_of(number) > MOST_DIGITS:
        return None
    return EXACT.plus(number)  # there is no negative zero


def scale_of(number: Decimal) -> int:
    """The digits after the point."""
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)  # noqa: S101 - others are not finite
    return max(0, -exponent)


def written(number: Decimal) -> str:
    """All digits of a number, without an exponent.

    >>> written(Decimal("1.50e3")), written(Decimal("2e-7"))
    ('1500', '0.0000002')
    """
    return format(number, "f")


def in_order(numbers: Iterable[Decimal]) -> list[Decimal]:
    """Numbers by size; equal ones by scale, so that each order of them comes out the same."""
    return sorted(numbers, key=lambda number: (number, scale_of(number)))


def total(numbers: Iterable[Decimal]) -> Decimal:
    """The sum, with the largest scale."""
    with localcontext(EXACT):
        return sum(numbers, Decimal(0))


def quotient(dividend: Decimal, divisor: int) -> Decimal:
    """`dividend` / `divisor`, a positive number; half a digit is rounded away from zero.

    >>> quotient(Decimal(90), 3), quotient(Decimal(2), 3)
    (Decimal('30.0000000000000000'), Decimal('0.66666666666666666667'))
    """
    scale = _quotient_scale(dividend, divisor)
    with localcontext(EXACT):
        whole, rest = divmod(abs(dividend).scaleb(scale), divisor)
        if 2 * rest >= divisor:
            whole += 1
        return +whole.scaleb(-scale).copy_sign(dividend)


def _quotient_scale(dividend: Decimal, divisor: int) -> int:
    """As many digits as make 16 significant ones, if not more; never fewer than the dividend's."""
    weight, digit = _leading_digit(dividend)
    divisor_weight, divisor_digit = _leading_digit(Decimal(divisor))
    weight -= divisor_weight + (digit <= divisor_digit)
    scale = max(SIGNIFICANT_DIGITS - weight * BASE_DIGITS, scale_of(dividend), 0)
    return min(scale, LARGEST_QUOTIENT_SCALE)


def _leading_digit(number: Decimal) -> tuple[int, int]:
    """Weight and value of the first digit in base 10,000; 0 is the weight of the units."""
    if not number:
        return 0, 0
    weight = number.adjusted() // BASE_DIGITS
    return weight, int(EXACT.scaleb(abs(number), -BASE_DIGITS * weight))


def mean(numbers: Sequence[Decimal]) -> Decimal:
    """The mean of at least one number."""
    return quotient(total(numbers), len(numbers))


def percentage(part: int, count: int) -> Decimal:
    """How many of a hundred `part` of `count` are.

    >>> percentage(2, 3)
    Decimal('66.66666666666666666700')
    """
    return EXACT.multiply(quotient(Decimal(part), count), 100)


def deviation(numbers: Sequence[Decimal]) -> Decimal | None:
    """The standard deviation of a sample; None for a single number.

    >>> deviation([Decimal(10), Decimal(20), Decimal(60)])
    Decimal('26.4575131106459059')
    """
    count = len(numbers)
    if count == 1:
        return None
    with localcontext(EXACT):
        spread = count * total(number * number for number in numbers) - total(numbers) ** 2
    if not spread:
        return Decimal(0)
    variance = quotient(spread, count * (count - 1))
    scale = scale_of(variance)
    # A root can't lie half way between two numbers of this scale: its square would have more
    # digits than the variance. So it does not matter that this rounds half a digit to even.
    digits = variance.adjusted() // 2 + 1 + scale
    root = Context(prec=digits, Emax=MAX_EMAX, Emin=MIN_EMIN).sqrt(variance)
    return EXACT.quantize(root, Decimal(1).scaleb(-scale))


def mode(ordered: Sequence[Decimal]) -> Decimal:
    """The most frequent of numbers in order; the smallest of those that are equally frequent."""
    runs = [list(run) for _, run in groupby(ordered)]
    return max(runs, key=len)[0]


def median(ordered: Sequence[Decimal]) -> int | float | None:
    """The middle of numbers in order, in double precision as `percentile_cont` computes it.

    None if doubles don't reach that far: JSON has no word for infinity.

    >>> median([Decimal(1), Decimal(2)]), median([Decimal(20)])
    (1.5, 20)
    """
    last = len(ordered) - 1
    lower, upper = float(ordered[last // 2]), float(ordered[last - last // 2])
    middle = lower + 0.5 * (upper - lower)
    if not math.isfinite(middle):
        return None
    return int(middle) if middle.is_integer() else middle
