"""From sums of arms to what every kind of experiment comes to: an estimate with its variance.

An arm has a mean, the variance of that mean and its degrees of freedom; a contrast d = Σ c·m of
arms has the variance v = Σ c²·v and Satterthwaite's degrees of freedom (the method, section 2).
"""

from __future__ import annotations

import enum
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias, TypeVar

from chalicelib.domain.statistics.sums import RatioSums, Sums, rounded

ArmSums: TypeAlias = Sums | RatioSums

Cell = TypeVar("Cell", bound=tuple[int, ...])
"""The levels of a cell of a factorial, one of each factor."""


class Kind(enum.StrEnum):
    """What a metric's value is, and of which unit."""

    PROPORTION = "proportion"
    MEAN = "mean"
    RATIO = "ratio"
    GROUPS = "groups"
    PAIRS = "pairs"

    @property
    def is_few(self) -> bool:
        """Whether units are groups or pairs, of which an experiment has few."""
        return self in (Kind.GROUPS, Kind.PAIRS)


@dataclass(frozen=True, slots=True)
class ArmEstimate:
    """The mean of an arm of n units, in the metric's unit, and the variance of that mean."""

    n: int
    mean: float
    variance: float
    df: float


@dataclass(frozen=True, slots=True)
class Contrast:
    """A difference d of arms: its estimate and variance, degrees of freedom and number of units.

    `imbalance` = |Σ c³/n²| / (Σ c²/n)^1.5 over the arms says how far a skew of the values reaches
    the difference; it is 0 for two equal arms (the method, section 5, rule 6).
    """

    estimate: float
    variance: float
    df: float
    units: int
    imbalance: float = 0.0
    kind: Kind = Kind.MEAN

    @property
    def error(self) -> float:
        """The standard error √v, in the metric's unit."""
        return math.sqrt(self.variance)


def arm(kind: Kind, sums: ArmSums) -> ArmEstimate | None:
    """The estimate of an arm from its sums; None with too few units, or a ratio to 0.

    Raises:
        DamagedSums: if sums of a proportion are not those of zeros and ones.
    """
    if isinstance(sums, RatioSums):
        return ratio(sums)
    if kind is Kind.PROPORTION:
        return proportion(sums)
    return mean(sums)


def proportion(sums: Sums) -> ArmEstimate | None:
    """The share x/n of units with the value 1, variance p̃(1 - p̃)/(n + 2) with p̃ = (x + 1)/(n + 2).

    Never 0, so that 0 % and 100 % need no case of their own (Agresti & Caffo 2000). None without
    units; a single one has the degree of freedom of two.

    Raises:
        DamagedSums: if the values are not zeros and ones.
    """
    n, x = sums.n, sums.total
    Sums.of_converters(n, int(x))
    if n == 0:
        return None
    smoothed = float((x + 1) * (n + 1 - x)) / (n + 2) ** 3
    return ArmEstimate(n, float(x) / n, smoothed, max(n - 1.0, 1.0))


def mean(sums: Sums) -> ArmEstimate | None:
    """The mean of the units' values, variance s²/n with n - 1 degrees of freedom.

    Of groups the values are their means, of pairs their own differences (the method, section 2).
    """
    average, variance = sums.mean, sums.variance
    if average is None or variance is None:
        return None
    return ArmEstimate(sums.n, average, variance / sums.n, sums.n - 1.0)


def ratio(sums: RatioSums) -> ArmEstimate | None:
    """The ratio R = Σy/Σx, variance (s_y² - 2R·s_xy + R²·s_x²)/(n·x̄²) by the delta method.

    Deng, Knoblich & Lu 2018. None for n < 2 or Σx = 0.

    Raises:
        DamagedSums: if Σx is so close to 0 that the ratio has no float.
    """
    n = sums.n
    if n < 2 or sums.x == 0:
        return None
    r = Fraction(sums.y) / sums.x
    # Since Σ(y - R·x) = 0, the spread of y - R·x is what its squares sum to.
    squares = sums.yy - 2 * r * sums.xy + r * r * sums.xx
    return ArmEstimate(n, rounded(r), rounded(squares * n / ((n - 1) * sums.x**2)), n - 1.0)


def two_arms(
    control: ArmEstimate | None, variant: ArmEstimate | None, kind: Kind = Kind.MEAN
) -> Contrast | None:
    """The difference variant - control; None if one of them has no estimate."""
    return linear([control, variant], [-1.0, 1.0], kind)


def pairs(differences: Sums) -> Contrast | None:
    """The mean of users' own differences between two conditions, n - 1 degrees of freedom."""
    return linear([mean(differences)], [1.0], Kind.PAIRS)


def linear(
    arms: Sequence[ArmEstimate | None], coefficients: Sequence[float], kind: Kind = Kind.MEAN
) -> Contrast | None:
    """The contrast Σ c·m of arms; those with c = 0 do not matter.

    df = v² / Σ((c²·v_i)²/df_i) (Satterthwaite 1946). None if an arm that matters has no estimate.
    """
    used = [(arm, c) for arm, c in zip(arms, coefficients, strict=True) if c]
    parts = [(arm, c) for arm, c in used if arm is not None]
    if not parts or len(parts) < len(used):
        return None
    variance = sum(c * c * arm.variance for arm, c in parts)
    if variance > 0:
        df = 1 / sum((c * c * arm.variance / variance) ** 2 / arm.df for arm, c in parts)
    else:
        df = sum(arm.df for arm, _ in parts)
    reach = sum(c**3 / arm.n**2 for arm, c in parts)
    return Contrast(
        sum(c * arm.mean for arm, c in parts),
        variance,
        df,
        sum(arm.n for arm, _ in parts),
        abs(reach) / sum(c * c / arm.n for arm, c in parts) ** 1.5,
        kind,
    )


def of_level(
    cells: Collection[Cell], factor: int, level: int, baseline: int
) -> Mapping[Cell, float]:
    """The coefficients of the cells in the main effect of a factor's `level` against `baseline`.

    The equally weighted mean over the cells of the other factors, as ordinary least squares of the
    cell means with HC2 has it (the method, section 2). Cells are named by the level of each factor;
    there are no coefficients if one is missing.
    """
    signs = {level: 1.0, baseline: -1.0}
    chosen = [cell for each in signs for cell in cells if cell[factor] == each]
    others = [
        {cell[:factor] + cell[factor + 1 :] for cell in chosen if cell[factor] == each}
        for each in (level, baseline)
    ]
    if level == baseline or others[0] != others[1]:
        return {}
    return {cell: signs[cell[factor]] / len(others[0]) for cell in chosen}


@dataclass(frozen=True, slots=True)
class Stratum:
    """The sums of each arm in a stratum, and the number of all its units (by default, of these)."""

    arms: tuple[ArmSums, ...]
    size: int | None = None

    @property
    def weight(self) -> int:
        """The number of units by which the stratum weighs among all strata."""
        return sum(each.n for each in self.arms) if self.size is None else self.size

    @property
    def is_thin(self) -> bool:
        """Whether an arm has fewer than 2 units in it."""
        return any(each.n < 2 for each in self.arms)

    def __add__(self, other: Stratum) -> Stratum:
        """Both strata as one.

        Raises:
            TypeError: if one has sums of a ratio and the other has not.
        """
        return Stratum(
            tuple(_together(*both) for both in zip(self.arms, other.arms, strict=True)),
            self.weight + other.weight,
        )


def _together(first: ArmSums, second: ArmSums) -> ArmSums:
    if isinstance(first, Sums) and isinstance(second, Sums):
        return first + second
    if isinstance(first, RatioSums) and isinstance(second, RatioSums):
        return first + second
    raise TypeError("sums of a ratio and of values do not add up")


def merged(strata: Sequence[Stratum]) -> list[Stratum]:
    """Strata in which each arm has 2 units at least.

    Those that are too thin become one; if that is too thin as well, all become one: the contrast
    is unstratified then (the method, section 2).
    """
    thick = [stratum for stratum in strata if not stratum.is_thin]
    thin = [stratum for stratum in strata if stratum.is_thin]
    if not thin:
        return thick
    rest = thin[0]
    for each in thin[1:]:
        rest = rest + each
    if not rest.is_thin:
        return [*thick, rest]
    for each in thick:
        rest = rest + each
    return [rest]


def post_stratified(
    kind: Kind, strata: Sequence[Stratum], coefficients: Sequence[float] = (-1.0, 1.0)
) -> Contrast | None:
    """A contrast of arms within strata, d = Σ w·Σ c·m with w = a stratum's share of units.

    v = Σ w²·Σ c²·v (Miratrix, Sekhon & Yu 2013); of two arms, variant - control. None without
    units in an arm.

    Raises:
        DamagedSums: as `arm` does.
    """
    usable = merged(strata)
    everyone = sum(stratum.weight for stratum in usable)
    if not everyone:
        return None
    arms = [arm(kind, sums) for each in usable for sums in each.arms]
    shares = [each.weight / everyone * c for each in usable for c in coefficients]
    return linear(arms, shares, kind)
