"""Exact sums of the values of an arm, and what follows from them without rounding.

With a mean of 10⁹ and a spread of 1, floats leave no digit of a variance; so sums stay integers or
fractions until the last step (the method, section 1).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TypeAlias

Exact: TypeAlias = int | Fraction
"""A number without rounding; integers where they can be, since those are ten times as fast."""

Number: TypeAlias = int | Decimal | Fraction

LARGEST = 10**130
"""What no sum may exceed: the range of the numbers that DynamoDB stores (10^126), with room."""


class DamagedSums(ValueError):
    """The sums of an arm contradict each other: no values can have them. Nothing is clamped."""


def exact(number: Number) -> Exact:
    """The number as an integer, or as a fraction where it is none.

    Raises:
        DamagedSums: if it is not finite, or beyond `LARGEST`.

    >>> exact(Decimal("2.50")), exact(Decimal("3E2"))
    (Fraction(5, 2), 300)
    """
    if isinstance(number, Decimal):
        if not number.is_finite():
            raise DamagedSums(f"a sum is {number}")
        if number and number.adjusted() > 130:
            raise DamagedSums(f"a sum is beyond what is stored: {number}")
        numerator, denominator = number.as_integer_ratio()
        return numerator if denominator == 1 else Fraction(numerator, denominator)
    if isinstance(number, Fraction) and number.denominator == 1:
        return number.numerator
    return number


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over the values of n units: how many, Σx, Σx², and Σx³ where it is kept.

    Raises:
        DamagedSums: if no n values have these sums (the method, section 1).

    >>> Sums(4, 10, 30, 100).mean, Sums(4, 10, 30, 100).variance
    (2.5, 1.6666666666666667)
    """

    n: int
    total: Exact
    squares: Exact
    cubes: Exact | None = None

    def __post_init__(self) -> None:
        if self.n < 0:
            raise DamagedSums(f"the number of units is {self.n}")
        if self.n == 0 and (self.total or self.squares or self.cubes):
            raise DamagedSums("there are sums, but no units")
        if abs(self.total) > LARGEST or self.squares > LARGEST:
            raise DamagedSums("a sum is beyond what is stored")
        if self.squares < 0 or self.n * self.squares < self.total * self.total:
            raise DamagedSums(f"n {self.n}, sum {self.total}, squares {self.squares}: variance < 0")

    @classmethod
    def of(cls, n: int, total: Number, squares: Number, cubes: Number | None = None) -> Sums:
        """Sums from numbers as they are stored.

        Raises:
            DamagedSums: as for the sums themselves, and if a number is not finite.
        """
        return cls(n, exact(total), exact(squares), None if cubes is None else exact(cubes))

    @classmethod
    def of_converters(cls, n: int, converters: int) -> Sums:
        """Sums over n users whose value is 1 if they converted, else 0.

        Raises:
            DamagedSums: if there are more converters than users, or fewer than none.
        """
        if not 0 <= converters <= n:
            raise DamagedSums(f"{converters} of {n} users converted")
        return cls(n, converters, converters, converters)

    @classmethod
    def of_values(cls, values: Iterable[Number]) -> Sums:
        """Sums over the values themselves: of pairs, their differences."""
        read = [exact(value) for value in values]
        return cls.of(
            len(read),
            sum(read),
            sum(value * value for value in read),
            sum(value * value * value for value in read),
        )

    @classmethod
    def of_groups(cls, groups: Iterable[tuple[int, Number]]) -> Sums:
        """Sums over the means of groups; each is its users with a value and the sum over them.

        The unit is the group (the method, section 2). Groups without such users are left out.
        """
        return cls.of_values(Fraction(exact(total)) / users for users, total in groups if users)

    def __add__(self, other: Sums) -> Sums:
        """Sums of both arms together; without cubes if one of them has none."""
        cubes = None
        if self.cubes is not None and other.cubes is not None:
            cubes = self.cubes + other.cubes
        return Sums(
            self.n + other.n, self.total + other.total, self.squares + other.squares, cubes
        )

    @property
    def mean(self) -> float | None:
        """The mean of the values, in their unit; None without values."""
        return float(Fraction(self.total) / self.n) if self.n else None

    @property
    def variance(self) -> float | None:
        """The sample variance s² = (n·Σx² - (Σx)²) / (n(n - 1)), rounded once; None for n < 2."""
        if self.n < 2:
            return None
        return float(Fraction(self._spread()) / (self.n * (self.n - 1)))

    @property
    def skewness(self) -> float | None:
        """The population skewness γ of the values; None without cubes, or if all are equal.

        γ = (n²Σx³ - 3n·Σx·Σx² + 2(Σx)³) / (n·Σx² - (Σx)²)^1.5, up to (n - 2)/√(n - 1) in size.

        Raises:
            DamagedSums: if no n values are as skewed as that.
        """
        spread = self._spread()
        if self.cubes is None or spread == 0:
            return None
        n, total = self.n, self.total
        third = n * n * self.cubes - 3 * n * total * self.squares + 2 * total**3
        square = Fraction(third * third) / spread**3
        if square * (n - 1) > (n - 2) ** 2:
            raise DamagedSums(f"no {n} values with these sums have the cubes {self.cubes}")
        return math.copysign(math.sqrt(square), third)

    def _spread(self) -> Exact:
        return self.n * self.squares - self.total * self.total


@dataclass(frozen=True, slots=True)
class RatioSums:
    """Sums for a ratio Σy/Σx over n users: Σy, Σy², Σx, Σx², Σxy.

    Raises:
        DamagedSums: if no n pairs of values have these sums.
    """

    n: int
    y: Exact
    yy: Exact
    x: Exact
    xx: Exact
    xy: Exact

    def __post_init__(self) -> None:
        y, x = Sums(self.n, self.y, self.yy), Sums(self.n, self.x, self.xx)
        together = self.n * self.xy - self.y * self.x
        if together * together > y._spread() * x._spread() or (self.n == 0 and self.xy):
            raise DamagedSums(f"n {self.n}: the products {self.xy} are beyond the squares")

    @classmethod
    def of(
        cls, n: int, y: Number, yy: Number, x: Number, xx: Number, xy: Number
    ) -> RatioSums:
        """Sums from numbers as they are stored.

        Raises:
            DamagedSums: as for the sums themselves, and if a number is not finite.
        """
        return cls(n, exact(y), exact(yy), exact(x), exact(xx), exact(xy))

    def __add__(self, other: RatioSums) -> RatioSums:
        """Sums of both arms together."""
        return RatioSums(
            self.n + other.n,
            self.y + other.y,
            self.yy + other.yy,
            self.x + other.x,
            self.xx + other.xx,
            self.xy + other.xy,
        )
