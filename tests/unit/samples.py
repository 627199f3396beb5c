"""Features, users and events to try things with."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import cache

from pydantic import SecretStr

from chalicelib.bootstrap import build
from chalicelib.domain.features.features import (
    Feature,
    FeatureDraft,
    FeatureType,
    Variant,
    VariantDraft,
)
from chalicelib.domain.features.users import Event, User
from chalicelib.services import Services
from chalicelib.services.access.client_auth import ClientCredentials
from chalicelib.services.running.paging import PageRequest
from chalicelib.settings import Settings
from tests.fakes.memory import START, FixedClock, Memory
from tests.fakes.stores import Step, fake_stores, watched

TODAY = START.date()
SHARDS = 3


CREDENTIALS = ClientCredentials("the secret of all clients, long enough", "the key")


def process(
    memory: Memory,
    clock: FixedClock,
    *,
    ttl: float = 0,
    credentials: ClientCredentials | None = CREDENTIALS,
    before: Step | None = None,
    after: Step | None = None,
) -> Services:
    """The use cases of one process on a memory that it may share with others."""
    stores = watched(fake_stores(memory), before=before, after=after)
    return build(settings_of(ttl, credentials), stores, clock)


@cache
def settings_of(ttl: float, credentials: ClientCredentials | None) -> Settings:
    """The settings of a process; read once, for reading takes longer than most tests."""
    return Settings(
        catalogue_ttl_ms=int(ttl * 1000),
        totals_shards=SHARDS,
        demo_mode=True,
        client_api_secret=SecretStr(credentials.secret) if credentials else None,
        client_api_key=SecretStr(credentials.key) if credentials else None,
    )


def draft(
    name: str = "button",
    *,
    kind: FeatureType = FeatureType.EXPERIMENT,
    share: str = "1",
    start: date = date(2026, 1, 1),
    end: date = date(2026, 12, 31),
    is_running: bool = True,
) -> FeatureDraft:
    return FeatureDraft(kind, name, start, end, is_running, Decimal(share), "")


def feature(
    feature_id: int,
    *,
    kind: FeatureType = FeatureType.EXPERIMENT,
    share: str = "1",
    start: date = date(2026, 1, 1),
    end: date = date(2026, 12, 31),
    is_running: bool = True,
    variants: tuple[Variant, ...] = (),
) -> Feature:
    name = f"feature {feature_id}"
    return Feature(
        feature_id, kind, name, start, end, is_running, Decimal(share), "", SHARDS, variants
    )


def variant(variant_id: int, feature_id: int) -> Variant:
    return Variant(variant_id, feature_id, f"variant {variant_id}", False, Decimal(1))


def drafts(feature_id: int, *weights: str | None) -> list[VariantDraft]:
    """One draft per weight."""
    return [
        VariantDraft(feature_id, f"value {i}", weight=None if weight is None else Decimal(weight))
        for i, weight in enumerate(weights)
    ]


def experiment(services: Services, name: str, variants: int = 2) -> tuple[int, list[int]]:
    """Make an experiment; its id and those of its variants."""
    made = services.features.create(draft(name))
    new = services.features.replace_variants(made.id, drafts(made.id, *[None] * variants))
    return made.id, [v.id for v in new]


def record(services: Services, user_id: str, variant_id: int, times: int = 1) -> list[Event]:
    return [services.events.record(user_id, variant_id) for _ in range(times)]


def add_user(services: Services, user_id: str, variant_id: int) -> User:
    return services.users.create(user_id, variant_id, "127.0.0.1")


def listed_users(services: Services) -> list[str]:
    return [user.id for user in services.users.page(PageRequest(), lambda _: 1).rows]


def listed_events(services: Services) -> list[int]:
    return [event.id for event in services.events.page(PageRequest(), lambda _: 1).rows]
