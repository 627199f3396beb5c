"""Demonstration data: features of all kinds, users and events of the last two weeks."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from decimal import Decimal

from chalicelib import bootstrap
from chalicelib.domain.features.features import Feature, FeatureDraft, FeatureType, VariantDraft
from chalicelib.services import Services
from chalicelib.settings import Settings
from infra.local import upgrade_demo

DAYS = 14
USERS_PER_EXPERIMENT = 150
EVENTS_PER_USER = 3
SEED = 20

EXPERIMENTS = (
    ("checkout button", Decimal("0.5"), (("blue", Decimal("0.5")), ("green", Decimal("0.5")))),
    (
        "onboarding length",
        Decimal("0.35"),
        (("long", Decimal("0.4")), ("short", Decimal("0.4")), ("none", Decimal("0.2"))),
    ),
)


class MovingClock:
    """A clock that is set, so that data can be made to be of other days."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def fill(settings: Settings) -> list[Feature]:
    """Fill an empty store through the use cases; the features, none if there were some before."""
    now = bootstrap.utc_now()
    clock = MovingClock(now - timedelta(days=DAYS))
    services = bootstrap.build(settings, clock=clock)
    if services.catalogue.fresh().features:
        return []
    draw = random.Random(SEED)
    first, last = clock.now.date(), now.date() + timedelta(days=60)
    services.features.create(_draft(FeatureType.TOGGLE, "maintenance banner", first, last))
    services.features.create(
        _draft(FeatureType.ROLLOUT, "new search", first, last, Decimal("0.25"))
    )
    for name, share, variants in EXPERIMENTS:
        feature = services.features.create(_draft(FeatureType.EXPERIMENT, name, first, last, share))
        services.features.replace_variants(
            feature.id,
            [
                VariantDraft(feature.id, value, is_control=index == 0, weight=weight)
                for index, (value, weight) in enumerate(variants)
            ],
        )
    _take_part(services, clock, now, draw)
    clock.now = now
    upgrade_demo.fill(services, clock)
    return list(services.catalogue.fresh().features)


def _take_part(services: Services, clock: MovingClock, now: datetime, draw: random.Random) -> None:
    experiments = [feature for feature in services.catalogue.fresh().features if feature.variants]
    for feature in experiments:
        weights = [float(variant.weight) for variant in feature.variants]
        for number in range(USERS_PER_EXPERIMENT):
            variant = draw.choices(feature.variants, weights)[0]
            user_id = f"demo-{feature.id}-{number:03d}"
            clock.now = now - timedelta(seconds=draw.uniform(3600, DAYS * 86400))
            services.users.create(user_id, variant.id, f"192.0.2.{number % 250 + 1}")
            # Later variants do better, so that the analysis has something to show.
            busy = EVENTS_PER_USER + feature.variants.index(variant)
            for _ in range(draw.randint(0, 2 * busy)):
                clock.now = min(now, clock.now + timedelta(seconds=draw.uniform(60, 43200)))
                services.events.record(user_id, variant.id)


def _draft(
    kind: FeatureType, name: str, start: date, end: date, share: Decimal = Decimal(1)
) -> FeatureDraft:
    return FeatureDraft(kind, name, start, end, True, share, "demonstration")
