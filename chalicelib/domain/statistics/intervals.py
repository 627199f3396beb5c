"""Intervals of a single look, and the relative lift.

What is described as "if this were the only look" never decides; lifts take the multiple that does
(the method, sections 3 and 4).
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

from chalicelib.domain.errors import Invalid
from chalicelib.domain.statistics.distributions import (
    normal_quantile,
    t_sf,
    t_two_sided_p,
    t_upper_quantile,
)
from chalicelib.domain.statistics.estimates import ArmEstimate, Contrast


@dataclass(frozen=True, slots=True)
class Interval:
    """From `low` to `high`, both included, in the unit of what it is about."""

    low: float
    high: float

    @classmethod
    def around(cls, contrast: Contrast, multiple: float) -> Interval | None:
        """The interval d ± multiple·√v; None if the variance is 0."""
        half = multiple * contrast.error
        if not 0 < half < math.inf:
            return None
        return cls(contrast.estimate - half, contrast.estimate + half)

    def oriented(self, sign: int) -> Interval:
        """The same interval seen with + as good, if `sign` is 1 for an increase and -1 else."""
        return self if sign > 0 else Interval(-self.high, -self.low)


@dataclass(frozen=True, slots=True)
class FixedLook:
    """What a test at one fixed look would say: statistic, two-sided p and interval."""

    t: float
    p: float
    interval: Interval


def welch(contrast: Contrast, alpha: float = 0.05) -> FixedLook | None:
    """Welch's test of d = 0 at one fixed look (Welch 1947), interval d ± t(1 - α/2, df)·√v.

    None if the variance is 0.
    """
    interval = Interval.around(contrast, t_upper_quantile(alpha / 2, contrast.df))
    if interval is None:
        return None
    t = contrast.estimate / contrast.error
    return FixedLook(t, t_two_sided_p(t, contrast.df), interval)


@dataclass(frozen=True, slots=True)
class NonInferiority:
    """The one-sided test that an effect is above -δ: statistic and p."""

    t: float
    p: float


def non_inferiority(contrast: Contrast, margin: float) -> NonInferiority | None:
    """Test of d > -δ at one look: t = (d + δ)/√v, p = P(T > t), for + as good.

    None if the variance is 0.

    Raises:
        Invalid: if the margin is negative.
    """
    if not 0 <= margin < math.inf:
        raise Invalid(f"margin: 0 or more, not {margin}")
    if contrast.variance <= 0:
        return None
    t = (contrast.estimate + margin) / contrast.error
    return NonInferiority(t, t_sf(t, contrast.df))


def wilson(converters: int, n: int, alpha: float = 0.05) -> Interval | None:
    """Wilson's interval of one rate (Wilson 1927); None without units.

    The roots of (n + z²)p² - (2x + z²)p + x²/n = 0; the lower one by the product of both, since
    the usual form cancels.

    Raises:
        Invalid: if there are more converters than units, or fewer than none.
    """
    if not 0 <= converters <= n:
        raise Invalid(f"converters: from 0 to {n}, not {converters}")
    if n == 0:
        return None
    return Interval(
        _wilson_low(converters, n, alpha),
        # The upper bound of a rate is what the lower bound of its opposite leaves.
        1 - _wilson_low(n - converters, n, alpha) if 2 * converters > n
        else _wilson_high(converters, n, alpha),
    )


def _wilson_high(x: int, n: int, alpha: float) -> float:
    z = normal_quantile(alpha / 2)
    half = abs(z) * math.sqrt(x * (n - x) / n + z * z / 4)
    return (x + z * z / 2 + half) / (n + z * z)


def _wilson_low(x: int, n: int, alpha: float) -> float:
    z = normal_quantile(alpha / 2)
    return x / n * x / (n + z * z) / _wilson_high(x, n, alpha)


class NoLift(enum.StrEnum):
    """Why a difference is stated in absolute terms only."""

    UNCLEAR_CONTROL = "control mean not clearly away from 0"
    NEGATIVE_CONTROL = "control mean below 0"
    NO_VARIANCE = "all values are equal"


@dataclass(frozen=True, slots=True)
class Lift:
    """The relative lift m_B/m_A - 1 (0.05: 5 %), with its interval where it has one."""

    estimate: float
    interval: Interval | None


def lift(control: ArmEstimate, variant: ArmEstimate, multiple: float) -> Lift | NoLift:
    """The relative lift with Fieller's interval at the multiple that decides, or why there is none.

    It contains 0 exactly when the absolute interval does (the method, section 4).
    """
    if control.mean < 0:
        return NoLift.NEGATIVE_CONTROL
    if control.variance + variant.variance <= 0:
        return NoLift.NO_VARIANCE
    found = fieller(control, variant, multiple)
    if found is None:
        return NoLift.UNCLEAR_CONTROL
    return Lift((variant.mean - control.mean) / control.mean, found)




def adjusted_lift(contrast: Contrast, control: ArmEstimate) -> Lift | NoLift:
    """The relative lift d/m_A of strata and pairs, to the unadjusted control mean, no interval."""
    if control.mean < 0:
        return NoLift.NEGATIVE_CONTROL
    value = contrast.estimate / control.mean if control.mean else math.inf
    return Lift(value, None) if math.isfinite(value) else NoLift.UNCLEAR_CONTROL


def fieller(control: ArmEstimate, variant: ArmEstimate, multiple: float) -> Interval | None:
    """Fieller's set {λ : (m_B - (1+λ)m_A)² ≤ c²(v_B + (1+λ)²v_A)}; None if it is not bounded.

    1 + λ = (m_A·m_B ± c·√(v_B·g + v_A·m_B²))/g with g = m_A² - c²·v_A > 0 (Fieller 1954), all
    divided by m_A², so that neither huge nor tiny means overflow.
    """
    if control.mean == 0:
        return None
    of_control = control.variance / control.mean / control.mean
    of_variant = variant.variance / control.mean / control.mean
    ratio = variant.mean / control.mean
    g = 1 - multiple * multiple * of_control
    if not g > 0:
        return None
    root = multiple * math.sqrt(of_variant * g + of_control * ratio * ratio)
    # λ·g = (ratio - g) ± root, with ratio - g written as it cancels least.
    middle = (variant.mean - control.mean) / control.mean + multiple * multiple * of_control
    found = Interval((middle - root) / g, (middle + root) / g)
    return found if math.isfinite(found.low) and math.isfinite(found.high) else None
