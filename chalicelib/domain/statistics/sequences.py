"""Multiples of the standard error that decide, and the p-values that belong to them.

Two boundaries (the method, section 3): one that holds at every look, and one for a single look at
the planned end. A p-value of either is at most α/m exactly when the interval excludes 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from chalicelib.domain.statistics.distributions import (
    normal_quantile,
    t_log_two_sided_p,
    t_upper_quantile,
)
from chalicelib.domain.statistics.estimates import Contrast

SMALLEST_SHOWN = 0.0001


def mixing(alpha: float, n_star: float) -> float:
    """The variance ρ² of the normal mixture that is narrowest at N* units, for a level α.

    ρ² = (-2 ln α + ln(-2 ln α + 1))/N* (Waudby-Smith et al., arXiv 2103.06476; the method,
    section 3). It is fixed at the start, from the undivided α.
    """
    twice = -2 * math.log(alpha)
    return (twice + math.log(twice + 1)) / n_star


@dataclass(frozen=True, slots=True)
class Anytime:
    """The boundary that holds at every look: asymptotic confidence sequences of level α.

    `alpha` is shared by m `comparisons`; `rho2` is `mixing` of the plan.
    """

    alpha: float
    rho2: float
    comparisons: int = 1

    @classmethod
    def planned(cls, alpha: float, n_star: float, comparisons: int = 1) -> Anytime:
        """The boundary of level α that is narrowest at the N* units of the plan."""
        return cls(alpha, mixing(alpha, n_star), comparisons)

    def multiple(self, contrast: Contrast) -> float:
        """The half-width of the interval in standard errors: f·√(2k/(Nρ²)·ln(√k/α')).

        k = Nρ² + 1 and α' = α/m; f is 1, or `stretch` for groups and pairs.
        """
        return self._stretch(contrast) * self.width(contrast.units)

    def width(self, units: float) -> float:
        """The multiple at that number of units, for users."""
        information = units * self.rho2
        k = information + 1
        log_ratio = 0.5 * math.log(k) + math.log(self.comparisons / self.alpha)
        return math.sqrt(2 * k / information * log_ratio)

    def log_p(self, contrast: Contrast) -> float:
        """ln p of one comparison, min(0, ½ ln k - z²Nρ²/(2k)) with z = d/(f·√v).

        0, i.e. p = 1, if the variance is 0.
        """
        if contrast.variance <= 0:
            return 0.0
        information = contrast.units * self.rho2
        k = information + 1
        z = contrast.estimate / contrast.error / self._stretch(contrast)
        return min(0.0, 0.5 * math.log(k) - min(abs(z), 1e150) ** 2 * information / (2 * k))

    def _stretch(self, contrast: Contrast) -> float:
        if not contrast.kind.is_few:
            return 1.0
        return stretch(self.alpha / self.comparisons, contrast.df)


def stretch(alpha: float, df: float) -> float:
    """The factor f = t(1 - α/2, df)/z(1 - α/2) by which few units widen an interval."""
    return t_upper_quantile(alpha / 2, df) / -normal_quantile(alpha / 2)


@dataclass(frozen=True, slots=True)
class Once:
    """The boundary of a single look: Student's t at α, shared by m `comparisons`."""

    alpha: float
    comparisons: int = 1

    def multiple(self, contrast: Contrast) -> float:
        """The half-width of the interval in standard errors: t(1 - α/(2m), df)."""
        return t_upper_quantile(self.alpha / (2 * self.comparisons), contrast.df)

    def log_p(self, contrast: Contrast) -> float:
        """ln p of one comparison (Welch 1947); 0, i.e. p = 1, if the variance is 0."""
        if contrast.variance <= 0:
            return 0.0
        return t_log_two_sided_p(contrast.estimate / contrast.error, contrast.df)


def p_text(log_p: float) -> str:
    """A p-value as it is shown, from its logarithm: "0.0213", or "< 0.0001".

    >>> p_text(math.log(0.02134)), p_text(-5000.0), p_text(0.0)
    ('0.0213', '< 0.0001', '1')
    """
    p = math.exp(min(0.0, log_p))
    if p < SMALLEST_SHOWN:
        return f"< {SMALLEST_SHOWN:.4f}"
    return f"{p:.3g}"
