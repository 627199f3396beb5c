"""Cohorts through the use cases: what is stored of whom, and what the rows add up to."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

from chalicelib.bootstrap import build
from chalicelib.domain.catalogue.catalogue import Catalogue, CatalogueChange, FeatureChange
from chalicelib.domain.features.cohorts import Cohort
from chalicelib.domain.features.result_plans import (
    MetricRole,
    PlannedMetric,
    ResultPlan,
    named,
)
from chalicelib.domain.features.users import TotalsShard, User
from chalicelib.services import Services
from chalicelib.services.stores import Stores
from chalicelib.settings import Settings
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.tables import UserRow
from tests.fakes.features import FakeUserStore
from tests.fakes.memory import FixedClock, recounted, tidy
from tests.fakes.stores import Step, watched

WINDOW = timedelta(days=7)
REVENUE = ResultPlan((PlannedMetric("revenue", role=MetricRole.PRIMARY),), window=WINDOW.days)
Counted = tuple[dict[tuple[int, date], Cohort], Counter[int]]


def process(
    stores: Stores, clock: FixedClock, *, before: Step | None = None, after: Step | None = None
) -> Services:
    settings = Settings(totals_shards=3, catalogue_ttl_ms=0)
    return build(settings, watched(stores, before=before, after=after), clock)


def plan(services: Services, feature_id: int, wanted: ResultPlan = REVENUE) -> None:
    """Give a feature a plan."""

    def decide(catalogue: Catalogue) -> CatalogueChange:
        feature = catalogue.feature(feature_id)
        assert feature is not None
        after = replace(feature, plan=named(wanted, feature.plan))
        return CatalogueChange(features=(FeatureChange(feature, after),))

    services.catalogue.change(decide)


def of_an_older_version(stores: Stores, user_id: str) -> None:
    """Make a user's row what a version wrote that knew no cohorts."""
    if isinstance(stores.users, FakeUserStore):
        users = stores.users._memory.users
        users[user_id] = replace(users[user_id], own=None, late=0)
    else:
        row = UserRow(keys.user(user_id), keys.TESTLAB)
        row.update(actions=[UserRow.own.remove(), UserRow.late.remove()])


def enrolled_before(stores: Stores, services: Services, user_id: str, variant_id: int) -> None:
    """A user whom an older version enrolls now, and counts in no cohort."""
    found = services.catalogue.fresh().variant(variant_id)
    assert found is not None
    user = User(user_id, variant_id, "::1", services.cohorts._clock(), own=None)
    stores.users.create(user, TotalsShard(found[0].id, variant_id, 0))


def counted(services: Services, stores: Stores) -> Counted:
    """What the cohorts of all living variants say."""
    cohorts: dict[tuple[int, date], Cohort] = {}
    foreign: Counter[int] = Counter()
    catalogue = services.catalogue.fresh()
    alive = {variant.id for variant in catalogue.variants()}
    for feature in catalogue.features:
        for (variant_id, day), each in stores.cohorts.of_feature(feature.id).items():
            if variant_id in alive:
                foreign[variant_id] += each.foreign_events
                if day is not None and tidy(replace(each, foreign_events=0)) != Cohort():
                    cohorts[variant_id, day] = tidy(replace(each, foreign_events=0))
    return cohorts, +foreign


def recount(services: Services, stores: Stores) -> Counted:
    """What they should say, counted from the rows of users and events."""
    variants = [*services.catalogue.fresh().variants()]
    listed = [user for each in variants for user in stores.users.of_variant(each.id, None, 1000)]
    rows = [row for user in listed if (row := stores.users.get(user.id)) is not None]
    events = [
        event for each in variants for event in stores.events.of_variant(each.id, None, 10_000)
    ]
    ids = {
        name: number
        for feature in services.catalogue.fresh().features
        for name, number in feature.metric_ids.items()
    }
    return recounted(rows, events, ids, WINDOW)
