"""The calculator: units that an experiment needs, and the effect that its units can find.

n of control = (z(1 - α/2m) + z(power))²·(V_A + V_B/r)/δ² with r = n_B/n_A (the method, section 6).
Variances of proportions are those of each rate, not pooled (Fleiss, Levin & Paik 2003, section 4).
In planned mode α is 0.04.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.domain.errors import Invalid
from chalicelib.domain.statistics.distributions import normal_quantile
from chalicelib.domain.statistics.plan import Judgement, Plan

POWER = 0.8
MOST_UNITS = 1e15


@dataclass(frozen=True, slots=True)
class Demand:
    """What a calculation is asked for: α shared by `comparisons`, the chance to find an effect.

    `ratio` = units of a variant for one of control. `one_sided`: for a margin, where only one side
    counts.

    Raises:
        Invalid: if α or the power is not between 0 and 1, the power is not above α, or the ratio
            not positive.
    """

    alpha: float
    power: float = POWER
    ratio: float = 1.0
    comparisons: int = 1
    one_sided: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1 or not 0 < self.power < 1:
            raise Invalid("alpha, power: more than 0, less than 1")
        if self.power <= self.alpha:
            raise Invalid(f"power: more than alpha {self.alpha}, which is found without an effect")
        if not 0 < self.ratio < math.inf:
            raise Invalid(f"ratio: more than 0, not {self.ratio}")
        if self.comparisons < 1:
            raise Invalid(f"comparisons: at least 1, not {self.comparisons}")

    @property
    def errors(self) -> float:
        """How many standard errors an effect must have: z(1 - α/2m) + z(power)."""
        tail = self.alpha / self.comparisons / (1 if self.one_sided else 2)
        return normal_quantile(self.power) - normal_quantile(tail)


@dataclass(frozen=True, slots=True)
class SampleSize:
    """Units of control and of a variant, both rounded up."""

    control: int
    variant: int

    @classmethod
    def of(cls, control: float, demand: Demand) -> SampleSize:
        """The whole units for a computed number of control.

        Raises:
            Invalid: if there are more than 10^15.
        """
        if not max(control, control * demand.ratio) <= MOST_UNITS:
            raise Invalid("the effect is too small: more than 10^15 units would be needed")
        return cls(_up(control), _up(control * demand.ratio))


def _up(units: float) -> int:
    """The units rounded up; what only rounding put above a whole number stays there."""
    return math.ceil(units * (1 - 1e-13))


def units_for_means(sd: float, difference: float, demand: Demand) -> float:
    """Units of control, not rounded, that find a difference of means of values with that sd.

    Both are in the metric's unit; of group means, sd is that of the means.

    Raises:
        Invalid: if sd is not positive, or the difference is 0.
    """
    if not 0 < sd < math.inf:
        raise Invalid(f"standard deviation: more than 0, not {sd}")
    return _units((sd, sd), difference, demand)


def units_for_proportions(control: float, variant: float, demand: Demand) -> float:
    """Users of control, not rounded, that tell one rate from the other (0 to 1).

    Raises:
        Invalid: if a rate is not between 0 and 1, or both are equal.
    """
    for rate in (control, variant):
        if not 0 <= rate <= 1:
            raise Invalid(f"rate: from 0 to 1, not {rate}")
    return _units((_sd(control), _sd(variant)), variant - control, demand)


def units_for_margin(sd: float, margin: float, demand: Demand) -> float:
    """Units of control, not rounded, that show that nothing is lost beyond the margin δ.

    For a rate p the sd is √(p(1 - p)). One-sided; the true effect is taken to be 0.

    Raises:
        Invalid: if sd or margin is not positive.
    """
    if margin <= 0:
        raise Invalid(f"margin: more than 0 to be shown, not {margin}")
    one_sided = Demand(demand.alpha, demand.power, demand.ratio, demand.comparisons, True)
    return units_for_means(sd, margin, one_sided)


def pairs_for_means(sd: float, difference: float, demand: Demand) -> float:
    """Users under both conditions, not rounded: s_d²(z + z)²/δ², sd of their own differences.

    Raises:
        Invalid: if sd is not positive, or the difference is 0.
    """
    if not 0 < sd < math.inf:
        raise Invalid(f"standard deviation: more than 0, not {sd}")
    return _units((sd, 0.0), difference, demand)


def _units(sds: tuple[float, float], difference: float, demand: Demand) -> float:
    if difference == 0 or not math.isfinite(difference):
        raise Invalid("difference: not 0, since no number of units finds nothing")
    # Divided before it is squared: neither tiny nor huge values leave the range of floats.
    control, variant = (demand.errors * (sd / difference) for sd in sds)
    units = control * control + variant * variant / demand.ratio
    if not units < math.inf:
        raise Invalid("the effect is too small: more than 10^15 units would be needed")
    return units


def _sd(rate: float) -> float:
    return math.sqrt(rate * (1 - rate))


def design_effect(group_size: float, icc: float, cv: float = 0.0) -> float:
    """The factor on users when whole groups are assigned: 1 + (m̄(1 + cv²) - 1)·ICC.

    `group_size` is the mean m̄, `cv` the coefficient of variation of sizes, `icc` the
    intraclass correlation of users of a group (Eldridge, Ashby & Kerry 2006). At least 1.

    Raises:
        Invalid: if the size is below 1, ICC not from 0 to 1, or cv negative.
    """
    if not 1 <= group_size < math.inf:
        raise Invalid(f"group size: at least 1, not {group_size}")
    if not 0 <= icc <= 1:
        raise Invalid(f"ICC: from 0 to 1, not {icc}")
    if not 0 <= cv < 1e100:
        raise Invalid(f"cv: 0 or more, not {cv}")
    return 1 + (group_size * (1 + cv * cv) - 1) * icc


def detectable_difference(sd: float, control: float, demand: Demand) -> float:
    """The smallest difference of means that so many units of control find.

    Raises:
        Invalid: if sd or the number of units is not positive.
    """
    if not control > 0:
        raise Invalid(f"units: more than 0, not {control}")
    if not 0 < sd < math.inf:
        raise Invalid(f"standard deviation: more than 0, not {sd}")
    return demand.errors * sd * math.sqrt((1 + 1 / demand.ratio) / control)


def detectable_in_pairs(sd: float, pairs: float, demand: Demand) -> float:
    """The smallest mean of own differences, with that sd, that so many pairs find.

    Raises:
        Invalid: if sd or the number of pairs is not positive.
    """
    if not pairs > 0:
        raise Invalid(f"units: more than 0, not {pairs}")
    if not 0 < sd < math.inf:
        raise Invalid(f"standard deviation: more than 0, not {sd}")
    return demand.errors * sd / math.sqrt(pairs)


def detectable_rate_change(rate: float, control: float, demand: Demand) -> float | None:
    """The smallest increase δ of a rate that so many users of control find, by bisection.

    None if they find not even an increase to 1.

    Raises:
        Invalid: if the rate is not from 0 to 1 (1 excluded), or the number of users not positive.
    """
    if not 0 <= rate < 1:
        raise Invalid(f"rate: from 0 to less than 1, not {rate}")
    if not control > 0:
        raise Invalid(f"units: more than 0, not {control}")
    low, high = 0.0, 1 - rate

    def is_found(change: float) -> bool:
        new = rate + change
        variance = rate * (1 - rate) + max(0.0, new * (1 - new)) / demand.ratio
        return demand.errors * math.sqrt(variance / control) <= change

    if not is_found(high):
        return None
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if is_found(middle) else (middle, high)
    return high


def detectable(judgement: Judgement) -> float:
    """The effect that the units who came could find: (c + z(power))·√v, power 0.8."""
    return (judgement.multiple + normal_quantile(POWER)) * judgement.error


def units_of_new_run(judgements: Sequence[Judgement], plan: Plan, units: int) -> int | None:
    """Units of all variants that a new run needs for the smallest effect that matters.

    `units` is how many there were. From the variance that was seen and the plan's effect, never
    from the observed one; None without such an effect, or beyond 10^15.
    """
    if plan.mde is None:
        return None
    errors = Demand(plan.alpha(ended=True), comparisons=plan.comparisons).errors
    share = max((errors * each.error / plan.mde for each in judgements), default=0.0)
    needed = units * share * share
    return _up(needed) if 0 < needed < MOST_UNITS else None
