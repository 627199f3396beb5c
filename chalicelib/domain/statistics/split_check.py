"""Whether variants got the users that their weights say: the check of the split.

A mixture of e-processes that holds at every look (Lindon & Malek 2022, arXiv 2011.03567; the
method, section 5); Pearson's chi-square is described beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TypeAlias

from chalicelib.domain.errors import Invalid
from chalicelib.domain.statistics.distributions import chi2_sf, log1p_minus, stirling_rest

Weight: TypeAlias = int | float | Decimal | Fraction

CONCENTRATIONS = (100.0, 10_000.0)
"""Of the Dirichlet priors that are mixed: one finds gross faults early, one finds fine ones."""

BROKEN_P = 0.01

LEAST_SHARE = Fraction(1, 10**100)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Users (or groups) by variant, while the weights stayed as they are.

    Raises:
        Invalid: if the lists differ in length, or a number is negative or not finite.
    """

    observed: Sequence[int]
    weights: Sequence[Weight]

    def __post_init__(self) -> None:
        if len(self.observed) != len(self.weights):
            raise Invalid("split: a number of users and a weight for each variant")
        if min(self.observed, default=0) < 0:
            raise Invalid("split: the number of users is 0 or more")
        if not all(0 <= float(weight) < math.inf for weight in self.weights):
            raise Invalid("split: a weight is 0 or more")


@dataclass(frozen=True, slots=True)
class Evidence:
    """ln E of a stretch, for each concentration and mixed."""

    log_e_100: float
    log_e_10000: float

    @property
    def log_e(self) -> float:
        """ln((E₁₀₀ + E₁₀₀₀₀)/2)."""
        larger = max(self.log_e_100, self.log_e_10000)
        smaller = min(self.log_e_100, self.log_e_10000)
        return larger + math.log1p(math.exp(smaller - larger)) - math.log(2)


@dataclass(frozen=True, slots=True)
class SplitCheck:
    """The result of the check: `log_p` = min(0, -ln E), valid at every look.

    `expected` are the users that were due to each variant; `chi2_p` is that of a single look;
    `strays` are the users that variants of weight 0 have nevertheless.
    """

    log_p: float
    chi2_p: float
    observed: tuple[int, ...]
    expected: tuple[float, ...]
    strays: int

    @property
    def p(self) -> float:
        """The p-value, 1/E at most 1; 0 where it is below the smallest float."""
        return math.exp(self.log_p)

    @property
    def is_broken(self) -> bool:
        """Whether p < 0.01: in at most 1 % of sound experiments, ever."""
        return self.log_p < math.log(BROKEN_P)


def check_split(stretches: Sequence[Stretch]) -> SplitCheck:
    """Check an experiment's stretches of constant weights together: their E are multiplied.

    p = 1 without users, or with fewer than two variants of weight > 0. Variants of weight 0 are
    left out of the check.

    Raises:
        Invalid: if the stretches are of different variants.
    """
    variants = {len(stretch.observed) for stretch in stretches}
    if len(variants) > 1:
        raise Invalid("split: every stretch has a number for each variant")
    size = variants.pop() if variants else 0
    expected = [[0.0] * size, *(due(stretch) for stretch in stretches)]
    return SplitCheck(
        min(0.0, -sum(evidence(stretch).log_e for stretch in stretches)) + 0.0,
        chi_square_p(stretches),
        tuple(sum(stretch.observed[i] for stretch in stretches) for i in range(size)),
        tuple(math.fsum(each[i] for each in expected) for i in range(size)),
        sum(_strays(stretch) for stretch in stretches),
    )


def due(stretch: Stretch) -> list[float]:
    """The users that were due to each variant: all that variants of weight > 0 got, by weight."""
    weights = [float(weight) for weight in stretch.weights]
    largest = max(weights, default=0.0) or 1.0
    shares = [weight / largest for weight in weights]
    everyone = sum(n for n, weight in zip(stretch.observed, weights, strict=True) if weight)
    return [everyone * (share / (math.fsum(shares) or 1.0)) for share in shares]


def evidence(stretch: Stretch) -> Evidence:
    """ln E of a stretch against a split by its weights.

    log E_C = Σ[T·θ((1+u)ln(1+u) - u) - ½ ln(1+u) + δ(Cθ+n) - δ(Cθ)] - (k-1)/2·ln(T/C) + δ(C) - δ(T)
    with T = C + N, u = (n - Nθ)/(θT), δ the rest of Stirling's formula (the method, section 5).
    """
    first, second = (_log_e(list(_compared(stretch)), each) for each in CONCENTRATIONS)
    return Evidence(first, second)


def chi_square_p(stretches: Iterable[Stretch]) -> float:
    """Pearson's chi-square p of one look; statistic and degrees of freedom of stretches add up."""
    statistic, df = 0.0, 0
    for stretch in stretches:
        if compared := list(_compared(stretch)):
            df += len(compared) - 1
            statistic += _chi_square(stretch)
    return chi2_sf(statistic, df) if df else 1.0


def _chi_square(stretch: Stretch) -> float:
    """Σ (n - N·θ)²/(N·θ), rounded once: of a split as its weights say it is 0."""
    used = [
        (n, Fraction(w)) for n, w in zip(stretch.observed, stretch.weights, strict=True) if w > 0
    ]
    whole = sum((weight for _, weight in used), Fraction(0))
    kept = [(n, weight / whole) for n, weight in used if weight > whole * LEAST_SHARE]
    everyone = sum(n for n, _ in kept)
    parts = ((n - everyone * share) ** 2 / share for n, share in kept)
    return float(sum(parts, Fraction(0)) / everyone)


def _compared(stretch: Stretch) -> Iterable[tuple[int, float]]:
    """Users and share of each variant of weight > 0; none if there is nothing to compare."""
    used = [(n, float(w)) for n, w in zip(stretch.observed, stretch.weights, strict=True) if w > 0]
    largest = max((weight for _, weight in used), default=1.0)
    everything = math.fsum(weight / largest for _, weight in used)
    shares = [(n, weight / largest / everything) for n, weight in used]
    # A share that no float holds is that of nobody.
    possible = [(n, share) for n, share in shares if share > LEAST_SHARE]
    return possible if len(possible) > 1 and any(n for n, _ in possible) else []


def _log_e(compared: Sequence[tuple[int, float]], concentration: float) -> float:
    if not compared:
        return 0.0
    everyone = sum(n for n, _ in compared)
    total = concentration + everyone
    parts = [
        stirling_rest(concentration) - stirling_rest(total),
        -(len(compared) - 1) / 2 * math.log(total / concentration),
    ]
    for n, share in compared:
        prior = concentration * share
        u = (n - everyone * share) / (share * total)
        ratio = (n + prior) / (share * total)
        parts.append(total * share * _entropy(ratio, u) - 0.5 * math.log(ratio))
        parts.append(stirling_rest(prior + n) - stirling_rest(prior))
    return math.fsum(parts)


def _entropy(ratio: float, u: float) -> float:
    """(1 + u)·ln(1 + u) - u for ratio = 1 + u, without cancellation."""
    if -0.4 <= u < 0.6:
        return ratio * log1p_minus(u) + u * u
    return ratio * math.log(ratio) - u


def _strays(stretch: Stretch) -> int:
    return sum(n for n, w in zip(stretch.observed, stretch.weights, strict=True) if w == 0)
