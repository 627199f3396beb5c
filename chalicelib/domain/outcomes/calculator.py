"""The calculator before a start: the units that an effect needs, or the effect that some can find.

Planned mode counts with the one look at the end (α 0.04). Open mode counts with the interval that
holds at every look (α 0.05), which needs more units for the same effect (the method, sections 3
and 6). For a guardrail's margin that is one side of 5 %, or the interval of 0.02.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from chalicelib.domain.errors import Invalid
from chalicelib.domain.features.result_plans import Measure, ResultPlan
from chalicelib.domain.statistics import power
from chalicelib.domain.statistics.distributions import normal_quantile
from chalicelib.domain.statistics.horizon import days_to_units, units_to_find
from chalicelib.domain.statistics.plan import (
    FINAL_ALPHA,
    GUARDRAIL_ALPHA,
    GUARDRAIL_FINAL_ALPHA,
    OPEN_ALPHA,
    Direction,
    Mode,
)
from chalicelib.domain.statistics.power import POWER, Demand, SampleSize
from chalicelib.domain.statistics.sequences import Anytime


class Comparison(ABC):
    """What is compared: how many units an effect needs, and which effect some units find."""

    is_paired: ClassVar[bool] = False
    unit: ClassVar[str] = "users"

    @property
    def is_share(self) -> bool:
        return False

    @property
    def users_per_unit(self) -> float:
        return 1.0

    @abstractmethod
    def units(self, effect: float, demand: Demand) -> float:
        """Units of control, not rounded, that find an effect.

        Raises:
            Invalid: if no number of units does.
        """

    @abstractmethod
    def detectable(self, units: float, demand: Demand) -> float:
        """The smallest effect that so many units of control find.

        Raises:
            Invalid: if there is none.
        """


@dataclass(frozen=True, slots=True)
class Proportions(Comparison):
    """A share of users, by the rate that is expected of control.

    Raises:
        Invalid: if the rate is not between 0 and 1.
    """

    rate: float

    def __post_init__(self) -> None:
        if not 0 < self.rate < 1:
            raise Invalid(f"rate: more than 0 and less than 1, not {self.rate:g}")

    @property
    def is_share(self) -> bool:
        return True

    @property
    def sd(self) -> float:
        """The standard deviation of 1 for who does it, and 0 for who does not."""
        return math.sqrt(self.rate * (1 - self.rate))

    def units(self, effect: float, demand: Demand) -> float:
        variant = self.rate + effect
        if not 0 <= variant <= 1:
            raise Invalid(f"difference: {self.rate:g} with {effect:g} is no rate from 0 to 1")
        return power.units_for_proportions(self.rate, variant, demand)

    def detectable(self, units: float, demand: Demand) -> float:
        found = power.detectable_rate_change(self.rate, units, demand)
        if found is None:
            raise Invalid("n: so few would not even find an increase of the rate to 1")
        return found


@dataclass(frozen=True, slots=True)
class Means(Comparison):
    """A mean of users, by the standard deviation of their values."""

    sd: float

    def units(self, effect: float, demand: Demand) -> float:
        return power.units_for_means(self.sd, effect, demand)

    def detectable(self, units: float, demand: Demand) -> float:
        return power.detectable_difference(self.sd, units, demand)


@dataclass(frozen=True, slots=True)
class Pairs(Comparison):
    """Users under both conditions, by the standard deviation of their own differences."""

    sd: float
    is_paired: ClassVar[bool] = True
    unit: ClassVar[str] = "users under both conditions"

    def units(self, effect: float, demand: Demand) -> float:
        return power.pairs_for_means(self.sd, effect, demand)

    def detectable(self, units: float, demand: Demand) -> float:
        return power.detectable_in_pairs(self.sd, units, demand)


@dataclass(frozen=True, slots=True)
class Groups(Comparison):
    """Whole groups: what is compared of their users, and how alike the users of a group are."""

    users: Proportions | Means
    size: float
    icc: float
    cv: float = 0.0
    unit: ClassVar[str] = "groups"

    @property
    def is_share(self) -> bool:
        return self.users.is_share

    @property
    def users_per_unit(self) -> float:
        return self.size

    @property
    def _per_user(self) -> float:
        """The groups that tell as much as one user who is assigned alone."""
        return power.design_effect(self.size, self.icc, self.cv) / self.size

    def units(self, effect: float, demand: Demand) -> float:
        return self.users.units(effect, demand) * self._per_user

    def detectable(self, units: float, demand: Demand) -> float:
        return self.users.detectable(units / self._per_user, demand)


@dataclass(frozen=True, slots=True)
class Margin(Comparison):
    """What a guardrail may lose; the effect is the margin, while the true one is taken to be 0.

    `guardrails` share the α of the looks before the end; the final look at each has its own.
    """

    users: Proportions | Means
    guardrails: int = 1

    @property
    def is_share(self) -> bool:
        return self.users.is_share

    def units(self, effect: float, demand: Demand) -> float:
        if effect <= 0:
            raise Invalid(f"margin: more than 0 to be shown, not {effect:g}")
        return power.units_for_means(self.users.sd, effect, demand)

    def detectable(self, units: float, demand: Demand) -> float:
        return power.detectable_difference(self.users.sd, units, demand)


@dataclass(frozen=True, slots=True)
class Question:
    """A comparison, and how it is to be decided.

    `comparisons` are the variants besides control, `ratio` is units of one for one of control.

    Raises:
        Invalid: if the power, ratio or number of comparisons makes no sense.
    """

    comparison: Comparison
    mode: Mode = Mode.PLANNED
    power: float = POWER
    ratio: float = 1.0
    comparisons: int = 1

    def __post_init__(self) -> None:
        Demand(FINAL_ALPHA, self.power, self.ratio, self.comparisons)

    @property
    def is_open(self) -> bool:
        return self.mode is Mode.OPEN

    @property
    def demand(self) -> Demand:
        """The demand of one look."""
        if not isinstance(self.comparison, Margin):
            alpha = OPEN_ALPHA if self.is_open else FINAL_ALPHA
            return Demand(alpha, self.power, self.ratio, self.comparisons)
        if self.is_open:
            return Demand(GUARDRAIL_ALPHA, self.power, self.ratio, self.comparison.guardrails)
        return Demand(GUARDRAIL_FINAL_ALPHA, self.power, self.ratio, one_sided=True)

    @property
    def units_for_one(self) -> float:
        """The units of both arms for one of control."""
        return 1.0 if self.comparison.is_paired else 1 + self.ratio


@dataclass(frozen=True, slots=True)
class Size:
    """The units of control and of each variant, of all arms together, and the users in them."""

    control: int
    variant: int
    total: int
    users: int

    def days(self, users_per_day: float) -> int | None:
        """Days until the users are there; None where nobody could wait for them."""
        return days_to_units(self.users, 0, users_per_day)


def size_for(question: Question, effect: float) -> Size:
    """The units that find an effect, a difference or a margin, with the power that is asked for.

    Raises:
        Invalid: if there is no such number.
    """
    demand, comparison = question.demand, question.comparison
    control = comparison.units(effect, demand)
    if question.is_open:
        both = max(1.0, control * question.units_for_one)
        control = _open_units(question, abs(effect), both) / question.units_for_one
    size = SampleSize.of(control, demand)
    if comparison.is_paired:
        return Size(size.control, size.control, size.control, size.control)
    total = size.control + question.comparisons * size.variant
    users = math.ceil(total * comparison.users_per_unit)
    return Size(size.control, size.variant, total, users)


def _open_units(question: Question, effect: float, both: float) -> float:
    """The units of both arms in open mode; N* are the `both` that one look would need."""
    demand = question.demand
    spread = effect * math.sqrt(both) / demand.errors
    found = units_to_find(spread, effect, _every_look(demand, both), question.power)
    if found is None:
        raise Invalid("the effect is too small: more than 10^15 units would be needed")
    return found


def _every_look(demand: Demand, n_star: float) -> Anytime:
    return Anytime.planned(demand.alpha, n_star, demand.comparisons)


def effect_of(question: Question, control: int) -> float:
    """The smallest effect that so many units of control find.

    Raises:
        Invalid: if there is none, or there are no units.
    """
    demand, units = question.demand, float(control)
    if question.is_open and units:
        both = units * question.units_for_one
        errors = _every_look(demand, both).width(both) + normal_quantile(question.power)
        # The effect depends on errors/√units alone: a wider interval counts as fewer units.
        units *= (demand.errors / errors) ** 2
    return question.comparison.detectable(units, demand)


@dataclass(frozen=True, slots=True)
class Needed:
    """The units that an experiment needs: of control and a variant, and in all by its weights."""

    size: Size
    units: int


def needed(
    plan: ResultPlan,
    measure: Measure,
    direction: Direction,
    weights: Sequence[float],
    control: int,
    mode: Mode = Mode.PLANNED,
) -> Needed | None:
    """The users that the smallest effect of a plan needs; `control` is its place in the weights.

    None where the effect, or what is expected of control (a rate, or a standard deviation), is not
    planned. The arm with the least weight besides control says how many are needed in all.

    Raises:
        Invalid: if no number would do, or control or all others get none.
    """
    expected = plan.expected_mean if measure is Measure.CONVERSION else plan.expected_spread
    if plan.smallest_effect is None or expected is None:
        return None
    others = [each for at, each in enumerate(weights) if at != control and each > 0]
    if not weights[control] or not others:
        raise Invalid("weight: control and at least one other variant need more than 0")
    of_control, smallest = weights[control], min(others)
    share = measure is Measure.CONVERSION
    comparison = Proportions(float(expected)) if share else Means(float(expected))
    question = Question(comparison, mode, ratio=smallest / of_control, comparisons=len(others))
    size = size_for(question, direction.sign * float(plan.smallest_effect))
    per_weight = max(size.control / of_control, size.variant / smallest)
    return Needed(size, math.ceil(per_weight * sum(weights)))
