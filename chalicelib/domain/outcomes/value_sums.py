"""Sums of the values of units, exact whatever clients logged, and their spelling as text."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from chalicelib.domain.outcomes.pg_numeric import EXACT, scale_of, written
from chalicelib.domain.statistics.sums import Exact, Sums, exact


@dataclass(frozen=True, slots=True)
class ValueSums:
    """Sums over the values of n units: Σx, Σx², Σx³, as they are, however large.

    `Sums`, with which the statistics compute, refuse what is beyond the numbers of a database; what
    clients log may be a thousand digits long.
    """

    n: int = 0
    total: Exact = 0
    squares: Exact = 0
    cubes: Exact = 0

    @classmethod
    def of_decimals(cls, values: Collection[Decimal]) -> ValueSums:
        """Sums over finite decimal numbers.

        >>> ValueSums.of_decimals([Decimal("0.5"), Decimal(2)])
        ValueSums(n=2, total=Fraction(5, 2), squares=Fraction(17, 4), cubes=Fraction(65, 8))
        """
        # All in units of the last digit: sums of integers are ten times as fast.
        scale = max(map(scale_of, values), default=0)
        whole = [int(EXACT.scaleb(value, scale)) for value in values]
        unit = 10**scale
        return cls(
            len(whole),
            exact(Fraction(sum(whole), unit)),
            exact(Fraction(sum(x * x for x in whole), unit**2)),
            exact(Fraction(sum(x * x * x for x in whole), unit**3)),
        )

    @classmethod
    def of_fractions(cls, values: Iterable[Fraction]) -> ValueSums:
        """Sums over fractions, such as the means of groups."""
        read = list(values)
        zero = Fraction(0)
        return cls(
            len(read),
            exact(sum(read, zero)),
            exact(sum((x * x for x in read), zero)),
            exact(sum((x * x * x for x in read), zero)),
        )

    def __add__(self, other: ValueSums) -> ValueSums:
        """Sums over the units of both."""
        return ValueSums(
            self.n + other.n,
            exact(Fraction(self.total) + other.total),
            exact(Fraction(self.squares) + other.squares),
            exact(Fraction(self.cubes) + other.cubes),
        )

    def checked(self) -> Sums:
        """The same sums, as the statistics compute with them.

        Raises:
            DamagedSums: if they are larger than what the statistics take.
        """
        return Sums(self.n, self.total, self.squares, self.cubes)


def exact_text(number: Exact) -> str:
    """A number as decimal text; one that has no end, as a numerator and a denominator.

    >>> exact_text(Fraction(5, 4)), exact_text(Fraction(-1, 3)), exact_text(7)
    ('1.25', '-1/3', '7')
    """
    numerator, denominator = number.numerator, number.denominator
    twos, rest = _divided(denominator, 2)
    fives, rest = _divided(rest, 5)
    if rest != 1:
        return f"{_digits(numerator)}/{_digits(denominator)}"
    scale = max(twos, fives)
    whole = numerator * 10**scale // denominator
    return written(EXACT.scaleb(Decimal(whole), -scale))


def exact_number(text: str) -> Exact:
    """The number that `exact_text` wrote.

    >>> exact_number("1.25"), exact_number("-1/3"), exact_number("7")
    (Fraction(5, 4), Fraction(-1, 3), 7)
    """
    numerator, _, denominator = text.partition("/")
    if denominator:
        return Fraction(int(Decimal(numerator)), int(Decimal(denominator)))
    return exact(Fraction(*Decimal(numerator).as_integer_ratio()))


def _digits(whole: int) -> str:
    """The digits of an integer: Python's own text of one ends at 4,300 of them."""
    return written(Decimal(whole))


def _divided(number: int, prime: int) -> tuple[int, int]:
    """How often a prime divides a number, and what is left of it."""
    times = 0
    while number % prime == 0:
        number //= prime
        times += 1
    return times, number
