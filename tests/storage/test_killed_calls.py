"""Nothing is lost or counted twice when processes die at any call to the database.

Eight clients record events and users while others delete features, replace variants and delete
users; one call in twenty dies at a random point before or after one of its calls to the database
and is made again. Then the totals must be a recount of the rows.
"""

from __future__ import annotations

import random
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import count
from types import ModuleType
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.domain.errors import Conflict, NotFound, Unavailable
from chalicelib.domain.features.features import FeatureDraft, FeatureType, VariantDraft
from chalicelib.domain.features.users import Totals
from chalicelib.services import Services
from chalicelib.storage.dynamodb.connection import shared
from chalicelib.storage.dynamodb.tables import EventRow, PurgeRow, TotalsRow, UserRow, VariantsTable
from chalicelib.storage.stores import dynamo_stores
from tests.storage import cohort_setup

CLIENTS = 8
FEATURES = 4
KILLED = 1 / 20
EVENT_POINTS = 6
"""An event takes three calls to the database, each with a point before and one after."""
ADMIN_POINTS = 16
DELETED = 1 / 50
ADMIN_PAUSE = 0.15


class Killed(BaseException):
    """The process ends here."""


class Reaper:
    """Kills the calling thread's request at a chosen point; each database call has two."""

    def __init__(self) -> None:
        self._local = threading.local()
        self.kills = 0

    def doom(self, point: int) -> None:
        self._local.left = point

    def spare(self) -> None:
        self._local.left = 0

    def __call__(self, **_: Any) -> None:
        left = getattr(self._local, "left", 0)
        self._local.left = left - 1
        if left == 1:
            self.kills += 1
            raise Killed


@dataclass
class Clock:
    """The time, moved ahead by hand."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return bootstrap.utc_now() + self.ahead


@dataclass
class World:
    """What all clients share."""

    settings: Any
    reaper: Reaper
    clock: Clock = field(default_factory=Clock)
    unavailable: Counter[str] = field(default_factory=Counter)

    def services(self) -> Services:
        """A process of its own."""
        return bootstrap.build(self.settings, dynamo_stores(), self.clock)

    def survive(self, draw: random.Random, action: Callable[[], Any], points: int) -> Any:
        """Make a call, possibly killed, until it is answered."""
        if draw.random() < KILLED:
            self.reaper.doom(draw.randint(1, points))
        while True:
            try:
                return action()
            except (NotFound, Conflict):
                return None
            except Killed:
                continue
            except Unavailable as error:
                self.unavailable[str(error)] += 1
            finally:
                self.reaper.spare()


@pytest.fixture
def world(app: ModuleType) -> Iterator[World]:
    reaper = Reaper()
    events = shared().client.meta.events
    for name in ("before-call.dynamodb", "after-call.dynamodb"):
        events.register(name, reaper)
    yield World(app.settings, reaper)
    for name in ("before-call.dynamodb", "after-call.dynamodb"):
        events.unregister(name, reaper)


def draft(name: str) -> FeatureDraft:
    return FeatureDraft(
        FeatureType.EXPERIMENT, name, date(2020, 1, 1), date(2099, 1, 1), True, Decimal("0.1"), ""
    )


def two_variants(feature_id: int) -> list[VariantDraft]:
    return [VariantDraft(feature_id, value) for value in ("a", "b")]


def take_part(world: World, seed: int, events: int, users: int) -> None:
    draw, services = random.Random(seed), world.services()
    mine: list[str] = []
    for number in range(events + users):
        variant_id = draw.choice([v.id for v in services.catalogue.fresh().variants()] or [0])
        if number % ((events + users) // users) == 0:
            mine.append(f"user {seed}-{number}")
            call: Callable[[], Any] = partial(services.users.create, mine[-1], variant_id, "::1")
        else:
            call = partial(services.events.record, draw.choice(mine), variant_id)
        world.survive(draw, call, EVENT_POINTS)
        if draw.random() < DELETED:
            world.survive(draw, partial(services.users.delete, draw.choice(mine)), ADMIN_POINTS)


def administer(world: World, seed: int, busy: threading.Event) -> None:
    draw, services = random.Random(seed), world.services()
    pause = threading.Event()
    for number in count():
        if not busy.is_set():
            return
        feature_id = draw.choice(services.catalogue.fresh().features).id
        if draw.random() < 0.5:
            name = f"again {seed}-{number}"
            made = world.survive(draw, partial(services.features.create, draft(name)), ADMIN_POINTS)
            world.survive(draw, partial(services.features.delete, feature_id), ADMIN_POINTS)
            feature_id = made.id if made else feature_id
        replace = partial(services.features.replace_variants, feature_id, two_variants(feature_id))
        world.survive(draw, replace, ADMIN_POINTS)
        world.survive(draw, services.user_blocks.catch_up, ADMIN_POINTS)
        world.survive(draw, partial(fold, feature_id), ADMIN_POINTS)
        pause.wait(ADMIN_PAUSE)


def fold(feature_id: int) -> None:
    """Fold all days, that of today too, to which everybody is adding."""
    for _ in dynamo_stores().cohorts.fold(feature_id, date.max):
        pass


def recount() -> dict[int, Totals]:
    users: Counter[int] = Counter()
    events: Counter[int] = Counter()
    who: defaultdict[int, set[str]] = defaultdict(set)
    for user in UserRow.scan(UserRow.sk == "testlab", consistent_read=True):
        users[int(user.variant_id or user.erased_variant_id)] += 1
    for event in EventRow.scan(consistent_read=True):
        variant_id = int(event.pk.split("#")[1])
        events[variant_id] += 1
        who[variant_id].add(event.user_id)
    return {
        variant_id: Totals(events[variant_id], len(who[variant_id]), users[variant_id])
        for variant_id in {*users, *events}
    }


def stored_totals() -> dict[int, Totals]:
    totals: defaultdict[int, Totals] = defaultdict(Totals)
    for row in TotalsRow.scan(TotalsRow.sk.startswith("totals#"), consistent_read=True):
        totals[int(row.sk.split("#")[1])] += Totals(
            int(row.event_total or 0),
            int(row.distinct_user_events_total or 0),
            int(row.total_users or 0),
        )
    return dict(totals)


def variants_with_items() -> set[int]:
    return {
        int(row.sk.split("#")[1]) for row in VariantsTable.scan(consistent_read=True)
    } | recount().keys()


def run_all_due(services: Services) -> None:
    while services.purge.run_due():
        pass


def test_totals_are_a_recount_of_the_rows_whatever_dies(
    world: World, dynamodb_endpoint: str | None, record_testsuite_property: Any
) -> None:
    events, users = (2000, 200) if dynamodb_endpoint else (240, 40)
    services = world.services()
    for number in range(FEATURES):
        feature = services.features.create(draft(f"feature {number}"))
        services.features.replace_variants(feature.id, two_variants(feature.id))

    busy = threading.Event()
    busy.set()
    admin = threading.Thread(target=administer, args=(world, 99, busy))
    clients = [
        threading.Thread(target=take_part, args=(world, i, events // CLIENTS, users // CLIENTS))
        for i in range(CLIENTS)
    ]
    for thread in (admin, *clients):
        thread.start()
    for thread in clients:
        thread.join()
    busy.clear()
    admin.join()

    for minutes in (2, 20):  # the first pass, and the second
        world.clock.ahead = timedelta(minutes=minutes)
        run_all_due(services)
    live = {variant.id for variant in services.catalogue.fresh().variants()}
    counted, stored = recount(), stored_totals()
    assert {v: stored.get(v, Totals()) for v in live} == {v: counted.get(v, Totals()) for v in live}
    assert variants_with_items() <= live
    stores = dynamo_stores()
    cohorts = cohort_setup.counted(services, stores)
    assert cohorts == cohort_setup.recount(services, stores)
    assert all(cohorts), "own events and foreign ones"
    assert sum(totals.event_total for totals in counted.values()) > 0
    assert world.reaper.kills > (events + users) / 40

    world.clock.ahead = timedelta(minutes=40)
    run_all_due(services)
    assert list(PurgeRow.query("purge", consistent_read=True)) == []
    record_testsuite_property("kills", world.reaper.kills)
    record_testsuite_property("unavailable", dict(world.unavailable))
