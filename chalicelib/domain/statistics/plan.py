"""The plan fixed when an experiment starts, and the interval that decides by it.

Mode, N*, α, the number of variants, direction and smallest effect are stored at the first start
and never taken from the data (the method, sections 3 and 6).
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

from chalicelib.domain.errors import Invalid
from chalicelib.domain.statistics.distributions import t_upper_quantile
from chalicelib.domain.statistics.estimates import Contrast, Kind
from chalicelib.domain.statistics.intervals import Interval
from chalicelib.domain.statistics.sequences import Anytime, Once, mixing

OPEN_ALPHA = 0.05
EARLY_ALPHA = 0.01
FINAL_ALPHA = 0.04
GUARDRAIL_ALPHA = 0.02
GUARDRAIL_FINAL_ALPHA = 0.05
"""One-sided, at the planned end."""

OPEN_UNITS = 5_000
OPEN_FEW_UNITS = 100
"""N* of an open experiment without a smallest effect: of users, and of groups or pairs."""


class Mode(enum.StrEnum):
    """How the looks at an experiment share its α (the method, section 3)."""

    PLANNED = "planned"
    OPEN = "open"
    MOVED = "moved"


class Direction(enum.StrEnum):
    """What is good for the primary metric."""

    INCREASE = "increase"
    DECREASE = "decrease"

    @property
    def sign(self) -> int:
        """1 if more is good, else -1."""
        return 1 if self is Direction.INCREASE else -1


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan as fixed at the first start.

    `n_star`: planned units of the two arms of a comparison. `comparisons`: m, the variants
    of weight > 0 besides control, or the level contrasts of a factorial. `mde`: the smallest effect
    that matters, absolute, in the metric's unit. `full_week`: no ship before 7 full days. `is_aa`:
    all variants are the same, marked as A/A.

    Raises:
        Invalid: if N* is not from 1 to 10^15, the smallest effect not positive, or m below 1.
    """

    mode: Mode
    n_star: float
    comparisons: int = 1
    direction: Direction = Direction.INCREASE
    mde: float | None = None
    full_week: bool = True
    is_aa: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.n_star <= 1e15:
            raise Invalid(f"planned units: from 1 to 10^15, not {self.n_star}")
        if self.comparisons < 1:
            raise Invalid(f"comparisons: at least 1, not {self.comparisons}")
        if self.mde is not None and not 0 < self.mde < math.inf:
            raise Invalid(f"smallest effect: more than 0, not {self.mde}")

    def has_final_look(self, ended: bool) -> bool:
        """Whether now is the one look at the planned end."""
        return ended and self.mode is Mode.PLANNED and not self.is_aa

    def alpha(self, ended: bool) -> float:
        """The α of a look that is shared by all comparisons."""
        if self.has_final_look(ended):
            return FINAL_ALPHA
        return EARLY_ALPHA if self.mode is Mode.PLANNED or self.is_aa else OPEN_ALPHA

    @property
    def early_boundary(self) -> Anytime:
        """The boundary that decides at every look but the final one."""
        alpha = self.alpha(ended=False)
        # A plan whose end was moved keeps the mixture it started with.
        fixed_at = EARLY_ALPHA if self.mode is Mode.MOVED else alpha
        return Anytime(alpha, mixing(fixed_at, self.n_star), self.comparisons)

    def boundary(self, ended: bool) -> Anytime | Once:
        """The boundary that decides at a look; `ended`: the planned end is past."""
        if self.has_final_look(ended):
            return Once(self.alpha(ended), self.comparisons)
        return self.early_boundary


def planned_units(kind: Kind, units: float | None = None) -> float:
    """The N* of a plan: the units that were planned, or computed from the smallest effect.

    Without either 5,000 users, or 100 groups or pairs; with 5,000 those have no power at all.
    """
    if units is not None:
        return units
    return OPEN_FEW_UNITS if kind.is_few else OPEN_UNITS


@dataclass(frozen=True, slots=True)
class Judgement:
    """The interval that decides, with its p-value adjusted for all comparisons.

    `interval` is None if the variance is 0. `log_p` = ln min(1, m·p), at most ln `alpha` when the
    interval excludes 0.
    """

    estimate: float
    error: float
    interval: Interval | None
    multiple: float
    log_p: float
    alpha: float

    @property
    def p(self) -> float:
        """The adjusted p-value; 0 where it is below the smallest float."""
        return math.exp(self.log_p)


def judge(contrast: Contrast, plan: Plan, *, ended: bool = False) -> Judgement:
    """The deciding interval of the primary metric d ± c·√v, at this look.

    p_adj = min(1, m·p) and the interval at α/m, so that both agree (the method, section 6).
    """
    return judge_by(contrast, plan.boundary(ended))


def judge_by(contrast: Contrast, boundary: Anytime | Once) -> Judgement:
    """The interval and the adjusted p-value by any boundary."""
    multiple = boundary.multiple(contrast)
    return Judgement(
        contrast.estimate,
        contrast.error,
        Interval.around(contrast, multiple),
        multiple,
        min(0.0, boundary.log_p(contrast) + math.log(boundary.comparisons)),
        boundary.alpha,
    )


def judge_secondary(contrast: Contrast, plan: Plan, number: int) -> Judgement:
    """The interval of one of `number` secondary metrics, anytime(0.05/number); it never decides."""
    return judge_by(contrast, Anytime.planned(OPEN_ALPHA, plan.n_star, number))


def guardrail_interval(
    contrast: Contrast, plan: Plan, number: int, *, ended: bool = False
) -> Interval | None:
    """The interval of one of `number` guardrails (the method, section 6).

    anytime(0.02/number) before the end; at the final look the two one-sided bounds of 5 %.
    """
    if plan.has_final_look(ended):
        return Interval.around(contrast, t_upper_quantile(GUARDRAIL_FINAL_ALPHA, contrast.df))
    boundary = Anytime.planned(GUARDRAIL_ALPHA, plan.n_star, number)
    return Interval.around(contrast, boundary.multiple(contrast))


class GuardrailState(enum.StrEnum):
    """What a guardrail says of a variant."""

    HARMED = "harmed"
    SAFE = "safe"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A metric that must not get worse: its interval with + as good, and its margin δ if planned.

    No interval: it cannot be computed, or is relative and not bounded.
    """

    metric: str
    interval: Interval | None
    margin: float | None = None

    @property
    def state(self) -> GuardrailState:
        """`harmed` if the whole interval is below 0, `safe` if it is above -δ, else `unclear`."""
        if self.interval is None:
            return GuardrailState.UNCLEAR
        if self.interval.high < 0:
            return GuardrailState.HARMED
        if self.margin is not None and self.interval.low > -self.margin:
            return GuardrailState.SAFE
        return GuardrailState.UNCLEAR

    @property
    def blocks(self) -> bool:
        """Whether nothing ships against it: harmed, or unclear where a margin was planned."""
        if self.state is GuardrailState.HARMED:
            return True
        return self.margin is not None and self.state is GuardrailState.UNCLEAR
