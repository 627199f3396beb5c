"""Demonstration data: features of all kinds, with users and events of some weeks.

One experiment is won, one undecided, one has a broken split, one is harmed by its guardrail.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from chalicelib import bootstrap
from chalicelib.domain.features.features import Feature, FeatureDraft, FeatureType, VariantDraft
from chalicelib.domain.features.result_plans import (
    CONVERSION,
    Measure,
    MetricRole,
    PlannedMetric,
    ResultPlan,
)
from chalicelib.domain.features.users import Measurement
from chalicelib.domain.statistics.plan import Direction
from chalicelib.services import Services
from chalicelib.settings import Settings
from infra.local import upgrade_demo

DAYS = 21
NIGHTS = 7
"""The last ones, of which there are snapshots."""

SEED = 20
ERRORS = "errors"


@dataclass(frozen=True)
class Arm:
    """A variant: its weight, how many users it got, and which shares convert and meet errors."""

    value: str
    weight: Decimal
    users: int
    converts: float
    errs: float = 0.0


@dataclass(frozen=True)
class Demonstrated:
    """An experiment and what became of it."""

    name: str
    share: Decimal
    arms: tuple[Arm, ...]
    metrics: tuple[PlannedMetric, ...] = ()


HALF, THIRD = Decimal("0.5"), Decimal("0.3")
FEWER_ERRORS = PlannedMetric(
    ERRORS, Measure.CONVERSION, Direction.DECREASE, MetricRole.GUARDRAIL, margin=Decimal("0.05")
)

EXPERIMENTS = (
    Demonstrated(
        "checkout button",
        Decimal("0.25"),
        (Arm("blue", HALF, 150, 0.15), Arm("green", HALF, 150, 0.55)),
    ),
    Demonstrated(
        "onboarding length",
        Decimal("0.3"),
        (
            Arm("long", Decimal("0.4"), 160, 0.4),
            Arm("short", THIRD, 120, 0.42),
            Arm("none", THIRD, 120, 0.38),
        ),
    ),
    Demonstrated(
        "search ranking",
        Decimal("0.15"),
        (Arm("by date", HALF, 120, 0.3), Arm("by clicks", HALF, 60, 0.31)),
    ),
    Demonstrated(
        "express delivery",
        Decimal("0.15"),
        (Arm("hidden", HALF, 130, 0.25, 0.05), Arm("offered", HALF, 130, 0.5, 0.4)),
        (CONVERSION, FEWER_ERRORS),
    ),
)


class MovingClock:
    """A clock that is set, so that data can be made to be of other days."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


Step = tuple[datetime, int, Callable[[], object]]
"""What happens when; the number keeps the order of what happens at once."""


def fill(settings: Settings) -> list[Feature]:
    """Fill an empty store through the use cases; the features, none if there were some before."""
    now = bootstrap.utc_now()
    clock = MovingClock(now)
    services = bootstrap.build(settings, clock=clock)
    if services.catalogue.fresh().features:
        return []
    # While there is nothing: folding weeks of days at once would keep the embedded database busy.
    services.cohorts.fold_due()
    clock.now = now - timedelta(days=DAYS)
    draw = random.Random(SEED)
    first, last = clock.now.date(), now.date() + timedelta(days=60)
    services.features.create(_draft(FeatureType.TOGGLE, "maintenance banner", first, last))
    services.features.create(
        _draft(FeatureType.ROLLOUT, "new search", first, last, Decimal("0.25"))
    )
    steps: list[Step] = []
    for each in EXPERIMENTS:
        _experiment(services, each, first, last, draw, steps)
    upgrade_demo.prepare(services, clock, draw, now, steps)
    for day in range(DAYS - NIGHTS + 1, DAYS + 1):
        # An hour after midnight, as the scheduled function does.
        midnight = datetime.combine(first + timedelta(days=day), datetime.min.time(), now.tzinfo)
        _push(steps, midnight + timedelta(hours=1, minutes=1), services.snapshots.take_due)
    while steps and steps[0][0] <= now:
        moment, _, step = heapq.heappop(steps)
        clock.now = max(clock.now, moment)
        step()
    clock.now = now
    services.results.renew_due()
    return list(services.catalogue.fresh().features)


def _experiment(
    services: Services,
    demonstrated: Demonstrated,
    first: date,
    last: date,
    draw: random.Random,
    steps: list[Step],
) -> None:
    feature = services.features.create(
        _draft(FeatureType.EXPERIMENT, demonstrated.name, first, last, demonstrated.share)
    )
    drafts = [
        VariantDraft(feature.id, arm.value, is_control=place == 0, weight=arm.weight)
        for place, arm in enumerate(demonstrated.arms)
    ]
    variants = services.features.replace_variants(feature.id, drafts)
    services.plans.put(feature.id, ResultPlan(demonstrated.metrics, units=400, window=2))
    start = datetime.combine(first, datetime.min.time(), bootstrap.utc_now().tzinfo)
    for arm, variant in zip(demonstrated.arms, variants, strict=True):
        for number in range(arm.users):
            user_id = f"demo-{variant.id}-{number:03d}"
            # The first day is half over when the data begin.
            enrolled = start + timedelta(days=1 + draw.uniform(0, DAYS - 2))
            address = f"192.0.2.{number % 250 + 1}"
            _push(steps, enrolled, _creating(services, user_id, variant.id, address))
            for share, measured in ((arm.converts, None), (arm.errs, Measurement(ERRORS))):
                if draw.random() < share:
                    acted = enrolled + timedelta(seconds=draw.uniform(60, 86_400))
                    _push(steps, acted, _recording(services, user_id, variant.id, measured))


def _creating(
    services: Services, user_id: str, variant_id: int, address: str
) -> Callable[[], object]:
    return lambda: services.users.create(user_id, variant_id, address)


def _recording(
    services: Services, user_id: str, variant_id: int, measured: Measurement | None
) -> Callable[[], object]:
    return lambda: services.events.record(user_id, variant_id, measurement=measured)


def _push(steps: list[Step], moment: datetime, step: Callable[[], object]) -> None:
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    heapq.heappush(steps, (moment, len(steps), step))


def _draft(
    kind: FeatureType, name: str, start: date, end: date, share: Decimal = Decimal(1)
) -> FeatureDraft:
    return FeatureDraft(kind, name, start, end, True, share, "demonstration")
