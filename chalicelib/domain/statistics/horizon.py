"""How long until a decision, and what was known day by day (the method, section 6)."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from chalicelib.domain.statistics.distributions import normal_quantile
from chalicelib.domain.statistics.estimates import Contrast, Kind
from chalicelib.domain.statistics.plan import Plan
from chalicelib.domain.statistics.power import MOST_UNITS, POWER
from chalicelib.domain.statistics.sequences import Anytime, stretch
from chalicelib.domain.statistics.sums import Sums, scaled


def days_to_units(planned: float, now: float, per_day: float) -> int | None:
    """Days until the planned units are there, at the mean of the last 7 full days.

    None if that is unknown: no units come.
    """
    if planned <= now:
        return 0
    if not per_day > 0 or not (planned - now) / per_day < MOST_UNITS:
        return None
    return math.ceil((planned - now) / per_day)


def days_to_decision(contrast: Contrast, plan: Plan, per_day: float) -> int | None:
    """Days until an open experiment can be expected to find the smallest effect that matters.

    Until the smallest N with (anytime(0.05, N) + z(0.8))·√(v·N_now)/√N ≤ MDE, `per_day` being the
    units of the two arms. From the plan's effect, never from the observed one. None if unknown:
    there is no such effect or no variance, or no units come.
    """
    boundary = plan.early_boundary
    if plan.mde is None or contrast.variance <= 0:
        return None
    spread = contrast.error * math.sqrt(contrast.units)
    factor = stretch(boundary.share, contrast.df) if contrast.kind.is_few else 1.0
    needed = units_to_find(spread, plan.mde, boundary, factor=factor)
    return None if needed is None else days_to_units(needed, contrast.units, per_day)


def units_to_find(
    spread: float, effect: float, boundary: Anytime, power: float = POWER, *, factor: float = 1.0
) -> float | None:
    """The smallest N of both arms that finds an effect by a boundary of every look.

    (anytime(α, N)·f + z(power))·spread/√N ≤ effect, by doubling and bisection; `spread` is √(v·N),
    which does not depend on N, `factor` is f. None beyond 10^15 (the method, section 6).
    """

    def finds(units: float) -> bool:
        multiple = factor * boundary.width(units) + normal_quantile(power)
        return multiple * spread / math.sqrt(units) <= effect

    high = 1.0
    while not finds(high):
        high *= 2
        if high > MOST_UNITS:
            return None
    low = high / 2
    while high - low > 1:
        middle = math.floor((low + high) / 2)
        low, high = (low, middle) if finds(middle) else (middle, high)
    return high


@dataclass(frozen=True, slots=True)
class ArmSeries:
    """An arm at the end of each day, over all days until then: units, mean, variance of the mean.

    On the first `empty` days there are too few units for a variance (1 for a proportion, 2 else).
    """

    units: list[int]
    means: list[float]
    variances: list[float]
    empty: int


class DayEstimate(NamedTuple):
    """A difference at the end of a day, over all days until then, and its interval that day."""

    estimate: float
    low: float
    high: float


def cumulated(kind: Kind, days: Sequence[Sums]) -> ArmSeries:
    """An arm's estimate at the end of each day, from the sums of each day's users.

    Exact: the sums are added as integers.
    """
    scale = math.lcm(*{each.total.denominator for each in days})
    squared = math.lcm(*{each.squares.denominator for each in days}, scale * scale)
    units = list(accumulate([each.n for each in days]))
    totals = list(accumulate(scaled([each.total for each in days], scale)))
    empty = bisect_left(units, 1 if kind is Kind.PROPORTION else 2)
    zeros = [0.0] * empty
    rows = zip(units[empty:], totals[empty:], strict=True)
    if kind is Kind.PROPORTION:
        variances = [(x + 1) * (n + 1 - x) / (n + 2) ** 3 for n, x in rows]
    else:
        squares = list(accumulate(scaled([each.squares for each in days], squared)))
        factor = squared // (scale * scale)
        variances = [
            (n * q - x * x * factor) / (n * n * (n - 1) * squared)
            for (n, x), q in zip(rows, squares[empty:], strict=True)
        ]
    means = [x / (n * scale) for n, x in zip(units[empty:], totals[empty:], strict=True)]
    return ArmSeries(units, zeros + means, zeros + variances, empty)


def series(
    control: ArmSeries, variant: ArmSeries, plan: Plan, kind: Kind
) -> list[DayEstimate | None]:
    """The difference of two arms day by day, with the interval that was valid on that day.

    That is the interval before the planned end; the final look has its own. None while an arm
    has too few units, or the variance is 0.
    """
    boundary = plan.early_boundary
    both = [a + b for a, b in zip(control.units, variant.units, strict=True)]
    variances = [a + b for a, b in zip(control.variances, variant.variances, strict=True)]
    changes = [b - a for a, b in zip(control.means, variant.means, strict=True)]
    empty = max(control.empty, variant.empty)
    widths = [0.0] * empty + boundary.widths(both[empty:])
    if kind.is_few:
        widths[empty:] = _stretched(widths, control, variant, boundary.share)[empty:]
    halves = [width * math.sqrt(v) for width, v in zip(widths, variances, strict=True)]
    return [
        DayEstimate(change, change - half, change + half) if half > 0 else None
        for change, half in zip(changes, halves, strict=True)
    ]


def _stretched(
    widths: list[float], control: ArmSeries, variant: ArmSeries, share: float
) -> list[float]:
    """The widths of days with few units: each times its factor f, 1 where nothing varies."""
    arms = zip(control.units, control.variances, variant.units, variant.variances, strict=True)
    found = []
    for width, (n_a, v_a, n_b, v_b) in zip(widths, arms, strict=True):
        if width and v_a + v_b > 0:
            of_a, of_b = v_a / (v_a + v_b), v_b / (v_a + v_b)
            width *= stretch(share, 1 / (of_a * of_a / (n_a - 1) + of_b * of_b / (n_b - 1)))
        found.append(width)
    return found
