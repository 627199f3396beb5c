"""What is simulated: experiments of 30 days, with users who act as a rule says."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

from chalicelib.domain.catalogue.catalogue import CatalogueChange, FeatureChange
from chalicelib.domain.features.features import FeatureDraft, FeatureType, VariantDraft
from chalicelib.domain.features.result_plans import (
    Measure,
    MetricRole,
    PlannedMetric,
    ResultPlan,
    named,
)
from chalicelib.domain.features.users import Measurement
from tests.fakes.memory import FixedClock, Memory
from tests.unit.samples import process

DAYS = 30
START = datetime(2026, 3, 1, tzinfo=UTC)
REVENUE = "revenue"

Act = tuple[timedelta, Decimal | None]
"""What a user does: how long after the enrollment, and the value, None for an event without one."""

Behaviour = Callable[[Random, int], list[Act]]
"""What a user of an arm does (0: control)."""


@dataclass(frozen=True)
class World:
    """An experiment to simulate: users of each arm in a day, and what they do.

    `units` are those of both arms together, as planned.
    """

    name: str
    users_a_day: int
    behaviour: Behaviour
    metric: PlannedMetric
    window: int = 3

    @property
    def units(self) -> int:
        """The units that the plan foresees."""
        return 2 * DAYS * self.users_a_day


@dataclass(frozen=True)
class Outcome:
    """How a run went: the first terminal verdict, on which day, and for which variant."""

    code: str
    day: int
    variant: str | None


class _Run:
    """One experiment on the use cases, with a clock of its own."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.memory, self.clock, self.draw = Memory(), FixedClock(START), Random(seed)
        self.services = process(self.memory, self.clock)
        self.feature_id, self.variants = self._experiment()
        self.waiting: list[tuple[datetime, str, int, Decimal | None]] = []
        self.users = 0

    def _experiment(self) -> tuple[int, list[int]]:
        last = (START + timedelta(days=DAYS - 1)).date()
        draft = FeatureDraft(
            FeatureType.EXPERIMENT, "simulated", START.date(), last, True, Decimal(1), None
        )
        feature = self.services.features.create(draft)
        plan = ResultPlan(
            (replace(self.world.metric, role=MetricRole.PRIMARY),),
            units=self.world.units,
            window=self.world.window,
        )
        planned = FeatureChange(feature, replace(feature, plan=named(plan, None)))
        self.services.catalogue.change(lambda _: CatalogueChange(features=(planned,)))
        drafts = [VariantDraft(feature.id, "control", True), VariantDraft(feature.id, "variant")]
        return feature.id, [
            v.id for v in self.services.features.replace_variants(feature.id, drafts)
        ]

    def enroll(self, day: datetime) -> None:
        """Enroll the users of a day, in any order of time within it."""
        times = sorted(
            (day + timedelta(seconds=self.draw.uniform(0, 86_399)), arm)
            for arm in range(2)
            for _ in range(self.world.users_a_day)
        )
        for at, arm in times:
            self.act_until(at)
            self.clock.now = at
            self.users += 1
            user_id, variant_id = f"u{self.users}", self.variants[arm]
            self.services.users.create(user_id, variant_id, "192.0.2.1")
            for delay, value in self.world.behaviour(self.draw, arm):
                heapq.heappush(self.waiting, (at + delay, user_id, variant_id, value))

    def act_until(self, moment: datetime) -> None:
        """Let users do what they do before a moment."""
        while self.waiting and self.waiting[0][0] < moment:
            at, user_id, variant_id, value = heapq.heappop(self.waiting)
            self.clock.now = max(self.clock.now, at)
            measured = None if value is None else Measurement(REVENUE, value)
            self.services.events.record(user_id, variant_id, measurement=measured)
        self.clock.now = max(self.clock.now, moment)


def run(world: World, seed: int) -> Outcome:
    """Simulate an experiment, looked at every day; its first terminal verdict."""
    this = _Run(world, seed)
    for day in range(DAYS + world.window + 2):
        morning = START + timedelta(days=day)
        if day < DAYS:
            this.enroll(morning)
        this.act_until(morning + timedelta(days=1, hours=2))
        this.services.features.begin_due()
        this.services.cohorts.fold_due()
        latched = this.services.results.of_feature(this.feature_id).latched
        if latched is not None:
            return Outcome(latched.code, day + 1, latched.variant)
    return Outcome("none", DAYS, None)


def converts(control: float, variant: float) -> Behaviour:
    """Users who convert once, with the rate of their arm, within a day."""

    def act(draw: Random, arm: int) -> list[Act]:
        if draw.random() >= (control, variant)[arm]:
            return []
        return [(timedelta(seconds=draw.uniform(1, 86_400)), None)]

    return act


def converts_sooner(rate: float, slow: float, fast: float) -> Behaviour:
    """Users who convert at the same rate, within `slow` days in control, `fast` in the variant."""

    def act(draw: Random, arm: int) -> list[Act]:
        if draw.random() >= rate:
            return []
        return [(timedelta(days=draw.uniform(0, (slow, fast)[arm])), None)]

    return act


def spends(rate: float, sigma: float, factor: float = 1.0) -> Behaviour:
    """Buyers whose revenue is lognormal, `factor` times as much in the variant."""

    def act(draw: Random, arm: int) -> list[Act]:
        if draw.random() >= rate:
            return []
        amount = draw.lognormvariate(0, sigma) * (factor if arm else 1)
        return [(timedelta(seconds=draw.uniform(1, 86_400)), Decimal(f"{min(amount, 90_000):.4f}"))]

    return act


CONVERSION = PlannedMetric(None, Measure.CONVERSION)
SPENT = PlannedMetric(REVENUE, Measure.MEAN)

WORLDS = (
    World("A/A, conversion 10 %", 30, converts(0.1, 0.1), CONVERSION),
    World("A/A, revenue (half buy, lognormal)", 30, spends(0.5, 1.0), SPENT),
    World("conversion 20 % against 26.5 %", 25, converts(0.2, 0.265), CONVERSION),
    World("converts sooner, not more", 30, converts_sooner(0.3, 6, 1), CONVERSION, window=7),
)
"""Two without an effect, one with the effect that was planned for, one with an effect on speed."""
