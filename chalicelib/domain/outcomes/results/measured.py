"""Data behind results, for both kinds of experiments: arms, and metrics as exact sums."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from chalicelib.domain.features.result_plans import (
    PlannedMetric,
    ResultPlan,
)
from chalicelib.domain.features.runs import (
    Run,
    in_force,
)
from chalicelib.domain.statistics.estimates import Kind
from chalicelib.domain.statistics.plan import Direction, Mode, Plan, planned_units
from chalicelib.domain.statistics.power import (
    MOST_UNITS,
    Demand,
    units_for_means,
    units_for_proportions,
)
from chalicelib.domain.statistics.sums import Sums

ONE_DAY = timedelta(days=1)

WITHIN_SUBJECTS = "users under both conditions"
"""The units of who is compared with oneself."""

ByArm = Mapping[str, Sums]
"""Exact sums by the key of an arm; in experiments within subjects those of own differences."""


@dataclass(frozen=True, slots=True)
class Arm:
    """A variant or condition: its weight now, and the `first_weight` of when it started.

    `levels` are the places of its levels among those of each factor.
    """

    key: str
    name: str
    variant_id: int
    weight: Decimal
    is_control: bool = False
    first_weight: Decimal = Decimal(0)
    levels: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Factor:
    """A factor of a factorial design; arms name the place of their level in `levels`."""

    name: str
    levels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MeasuredMetric:
    """A metric, with what was measured of it.

    `strata` are the sums to compare, by stratum or stretch of constant weights; `days` likewise
    those of the units that came on each day, or with `cumulative` all until its end; they are
    those of values times `scale`, for many sums are fast as integers. `reports` are the units with
    a value and the enrolled ones by arm, where not all have one. `capped` are users beyond the cap.
    `described` says why it is only described, `damaged` why it cannot be read.
    """

    planned: PlannedMetric
    name: str
    kind: Kind
    strata: tuple[ByArm, ...] = ()
    days: Mapping[date, tuple[ByArm, ...]] = field(default_factory=dict)
    cumulative: bool = False
    scale: int = 1
    reports: Mapping[str, tuple[int, int]] | None = None
    capped: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    user_weighted: ByArm | None = None
    described: str | None = None
    damaged: str | None = None

    @property
    def in_all(self) -> dict[str, Sums]:
        """The sums of all strata together, by arm."""
        found: dict[str, Sums] = {}
        for each in self.strata:
            for key, sums in each.items():
                found[key] = found[key] + sums if key in found else sums
        return found

    @property
    def is_share(self) -> bool:
        """Whether its values are zeros and ones."""
        return self.kind is Kind.PROPORTION

    @property
    def is_compared(self) -> bool:
        """Whether it can be compared: its sums can be, and it is not only described."""
        return self.damaged is None and self.described is None

    def without_sums(self, reason: str) -> MeasuredMetric:
        """The metric when its sums contradict each other."""
        return replace(self, strata=(), days={}, user_weighted=None, damaged=reason)


@dataclass(frozen=True, slots=True)
class UsersByDay:
    """Units by day of enrollment and arm."""

    days: Mapping[date, Mapping[str, int]]

    def in_all(self, arm: str) -> int:
        """The units of an arm."""
        return sum(of_day.get(arm, 0) for of_day in self.days.values())


@dataclass(frozen=True, slots=True)
class Measured:
    """An experiment as results see it at a moment.

    `plan` is the one in force, with its defaults; `run` what was fixed at the start, if it has
    started. `unit` is what variants are compared on: users, groups, or users under both conditions.
    `enrolled` are those units by day, also of days whose window is still open. `complete_until` is
    the last day of which everything counts. `no_comparison` is the reason why there is nothing to
    compare. `data_at` is when the data were read. `has_final_look`: what the planned end is judged
    by is there, once that is past.
    """

    kind: str
    key: str
    name: str
    arms: tuple[Arm, ...]
    plan: ResultPlan
    run: Run | None
    metrics: tuple[MeasuredMetric, ...]
    enrolled: UsersByDay
    now: datetime
    data_at: datetime
    unit: str = "users"
    has_window: bool = True
    complete_until: date | None = None
    foreign_events: int = 0
    factors: tuple[Factor, ...] = ()
    no_comparison: str | None = None
    split_applies: bool = True
    is_backfilled: bool = True
    is_exact: bool = True
    has_final_look: bool = True

    @property
    def fixed(self) -> ResultPlan:
        """The plan that decides: the one at the start, once there was one."""
        return self.plan if self.run is None else self.run.plan

    @property
    def control(self) -> Arm | None:
        """The arm that others are compared with."""
        return next((arm for arm in self.arms if arm.is_control), None)

    @property
    def mode(self) -> Mode:
        """How the looks share α: as it was fixed, or would be by a start now."""
        return self.plan.mode if self.run is None else self.run.mode

    @property
    def primary(self) -> MeasuredMetric | None:
        """The metric that decides."""
        return self.metrics[0] if self.metrics else None

    @property
    def window_days(self) -> int:
        """Days after enrollment in which what a user does counts; 0 without a window."""
        return (self.fixed.window or 0) if self.has_window else 0

    @property
    def ending(self) -> ResultPlan:
        """The plan that says when it ends."""
        return in_force(self.plan, self.run)

    @property
    def ends_on(self) -> date | None:
        """The last day of the plan."""
        return self.ending.ends_on

    @property
    def is_over(self) -> bool:
        """Whether the planned end is past, and the window after it."""
        if not self.has_final_look:
            return False
        if self.ends_on is not None:
            return (self.now.date() - self.ends_on).days > self.window_days
        # The final look is taken when they have come; erasures do not undo it.
        return self.units_planned is not None

    @property
    def units(self) -> int:
        """The units of all arms; who is compared with oneself is under several, and counts once."""
        counts = [self.enrolled.in_all(arm.key) for arm in self.arms]
        return sum(counts) if self.unit != WITHIN_SUBJECTS else max(counts, default=0)

    @property
    def units_planned(self) -> float | None:
        """The units planned for all arms, if any were: a plan says how many two arms have."""
        units = self.ending.units
        return None if units is None else units * len(self.arms) / 2

    @property
    def full_days(self) -> int:
        """Full days of enrollment among those that count."""
        if self.run is None:
            return 0
        until = self.data_at
        last = [day for day in (self.complete_until, self.ends_on) if day is not None]
        if last:
            until = min(until, datetime.combine(min(last) + ONE_DAY, time(0), UTC))
        return max(0, (until - self.run.started_at).days)


def engine_plan(measured: Measured, comparisons: int) -> Plan:
    """The plan as the statistics take it: mode, N*, how many comparisons share α."""
    fixed, primary = measured.fixed, measured.primary
    kind = primary.kind if primary is not None else Kind.MEAN
    effect = fixed.smallest_effect
    units = planned_units(kind, _units(fixed, kind, primary))
    return Plan(
        measured.mode,
        min(max(units, 1.0), MOST_UNITS),
        max(1, comparisons),
        primary.planned.direction if primary is not None else Direction.INCREASE,
        None if effect is None else float(effect),
        is_aa=fixed.is_aa,
    )


def _units(plan: ResultPlan, kind: Kind, primary: MeasuredMetric | None) -> float | None:
    """Units of the two arms: as planned, or as the effect needs where control was foreseen."""
    if plan.units is not None:
        return plan.units
    effect, mean, spread = plan.smallest_effect, plan.expected_mean, plan.expected_spread
    demand = Demand(0.05 if plan.ends_on is None else 0.04)
    if effect is None:
        return None
    if kind is Kind.PROPORTION and mean is not None and 0 <= mean <= 1:
        sign = 1 if primary is None else primary.planned.direction.sign
        reached = mean + sign * effect
        if not 0 <= reached <= 1:
            return None
        return 2 * units_for_proportions(float(mean), float(reached), demand)
    if kind is not Kind.PROPORTION and spread is not None:
        return 2 * units_for_means(float(spread), float(effect), demand)
    return None
