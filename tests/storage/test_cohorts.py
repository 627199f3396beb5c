"""Cohorts: who was enrolled on which day, what they did within the window, and how days fold."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import count
from types import ModuleType
from typing import Any

import pytest

from chalicelib.domain.catalogue.purge import ErasedUser
from chalicelib.domain.errors import Invalid, LostRace, NotFound
from chalicelib.domain.features.cohorts import (
    EVENTS,
    LARGEST,
    SCALE,
    Cohort,
    MetricSums,
    cohort_of,
    own_event_of,
)
from chalicelib.domain.features.features import Feature
from chalicelib.domain.features.result_plans import (
    METRICS_PER_FEATURE,
    MetricRole,
    PlannedMetric,
    ResultPlan,
    named,
)
from chalicelib.domain.features.users import Event, Measurement, Totals, TotalsShard, User
from chalicelib.services.stores import Stores
from chalicelib.storage.dynamodb.connection import shared, transaction
from chalicelib.storage.dynamodb.tables import TotalsRow
from chalicelib.storage.features import cohorts as cohort_module
from tests.fakes.memory import tidy
from tests.storage.test_killed_calls import Killed, Reaper
from tests.unit.samples import feature, variant

NOON = datetime(2026, 1, 15, 12, 0, 0, 123000, tzinfo=UTC)
DAY = NOON.date()
NEXT = DAY + timedelta(days=1)
NAMES = [f"metric {number}" for number in range(1, METRICS_PER_FEATURE + 1)]
CAPPED = NAMES[-1]
CAP = 10
DAYS = timedelta(days=1)


def planned() -> ResultPlan:
    """A plan with as many metrics as there can be; the last has a cap, the window is 2 days."""
    metrics = [PlannedMetric(name) for name in NAMES]
    metrics[0] = replace(metrics[0], role=MetricRole.PRIMARY)
    metrics[-1] = replace(metrics[-1], cap=Decimal(CAP))
    return named(ResultPlan(tuple(metrics), window=2), None)


FEATURE: Feature = replace(
    feature(1, variants=(variant(10, 1), variant(11, 1))), plan=planned(), totals_shards=3
)


def enroll(stores: Stores, user_id: str, at: datetime = NOON, variant_id: int = 10) -> User:
    user = User(user_id, variant_id, "::1", at)
    shard = TotalsShard.pick(1, variant_id, 3, user_id, 0).of_day(user.enrolled_on, at.date())
    stores.users.create(user, shard)
    return user


def act(
    stores: Stores,
    user_id: str,
    metric: str | None = None,
    value: str | None = None,
    *,
    at: datetime = NOON,
    variant_id: int = 10,
) -> Event:
    """An event as the service stores it."""
    user = stores.users.get(user_id)
    assert user is not None
    measured = None
    if metric is not None:
        measured = Measurement(metric) if value is None else Measurement(metric, Decimal(value))
    event = Event(stores.events.new_id(), variant_id, user_id, at, measured)
    own = own_event_of(event, user, FEATURE)
    shard = TotalsShard.pick(1, variant_id, 3, str(event.id), 0)
    if own is not None:
        shard = shard.of_day(user.enrolled_on, at.date())
    stores.events.add(event, user, shard, own)
    return event


def erase(stores: Stores, user_id: str) -> None:
    """Take a user off the cohort, as an erasure begins."""
    user = stores.users.get(user_id)
    assert user is not None
    assert user.own is not None
    shard = TotalsShard.pick(1, user.variant_id, 3, user_id, 0).of_past(user.enrolled_on)
    cohort = cohort_of(user.own, FEATURE)
    stores.users.begin_erasure(user, ErasedUser(user_id, NOON), shard, cohort)


def cohorts(stores: Stores) -> Mapping[tuple[int, date | None], Cohort]:
    """The cohorts that are not empty."""
    found = {key: tidy(each) for key, each in stores.cohorts.of_feature(1).items()}
    return {key: each for key, each in found.items() if each != Cohort()}


def fold(stores: Stores, before: date = date.max) -> int:
    return sum(stores.cohorts.fold(1, before))


def shards() -> list[str]:
    """The sort keys of the shards of days."""
    rows = TotalsRow.query(1, TotalsRow.sk.startswith("totals#"), consistent_read=True)
    return [row.sk for row in rows if row.sk.count("#") > 2]


# What counts


def test_users_count_by_variant_and_day_of_enrollment(stores: Stores) -> None:
    enroll(stores, "a")
    enroll(stores, "b")
    enroll(stores, "c", NOON + DAYS)
    enroll(stores, "d", variant_id=11)
    assert cohorts(stores) == {(10, DAY): Cohort(2), (10, NEXT): Cohort(1), (11, DAY): Cohort(1)}
    assert stores.totals.of_feature(1) == {10: Totals(0, 0, 3), 11: Totals(0, 0, 1)}


def test_own_events_count_on_the_day_of_enrollment_while_the_window_is_open(
    stores: Stores,
) -> None:
    enroll(stores, "a")
    for after in (0 * DAYS, 1 * DAYS, 2 * DAYS - timedelta(milliseconds=1), 2 * DAYS, 9 * DAYS):
        act(stores, "a", at=NOON + after)
    assert cohorts(stores) == {(10, DAY): Cohort(1, {EVENTS: MetricSums(1, 3, 9, 27)})}
    assert stores.totals.of_feature(1) == {10: Totals(5, 1, 1)}


def test_foreign_events_are_counted_apart_and_on_no_day(stores: Stores) -> None:
    enroll(stores, "a")
    act(stores, "a", variant_id=11)
    act(stores, "a", NAMES[0], "5", variant_id=11)
    assert cohorts(stores) == {(10, DAY): Cohort(1), (11, None): Cohort(foreign_events=2)}
    assert stores.totals.of_feature(1)[11] == Totals(2, 1, 0)


def test_sums_are_those_of_the_users_totals_up_to_cubes(stores: Stores) -> None:
    for user_id, values in {"a": ("1.5", "-4", "0.0001"), "b": ("2",), "c": ()}.items():
        enroll(stores, user_id)
        for value in values:
            act(stores, user_id, NAMES[0], value)
    x, y = -24999, 20000
    sums = MetricSums(2, x + y, x**2 + y**2, x**3 + y**3)
    assert cohorts(stores) == {(10, DAY): Cohort(3, {1: sums})}


def test_values_come_back_as_given_and_one_without_a_value_is_1(stores: Stores) -> None:
    enroll(stores, "a")
    made = [act(stores, "a", NAMES[0], value) for value in ("1.50", "-0.0001", None)]
    assert stores.events.of_variant(10, None, 5) == made
    user = stores.users.get("a")
    assert user is not None
    assert user.own == {1: 24999}


def test_as_many_metrics_as_there_can_be_each_have_their_sums(stores: Stores) -> None:
    enroll(stores, "a")
    act(stores, "a")
    for number, name in enumerate(NAMES[:-1], 1):
        act(stores, "a", name, str(number))
    metrics = {EVENTS: MetricSums(1, 1, 1, 1)}
    for number in range(1, METRICS_PER_FEATURE):
        x = number * SCALE
        metrics[number] = MetricSums(1, x, x**2, x**3)
    assert cohorts(stores) == {(10, DAY): Cohort(1, metrics)}
    assert stores.totals.of_feature(1) == {10: Totals(METRICS_PER_FEATURE, 1, 1)}


@pytest.mark.parametrize("sign", [1, -1])
def test_a_cap_bounds_what_a_user_counts_both_ways(stores: Stores, sign: int) -> None:
    enroll(stores, "a")
    metric_id = METRICS_PER_FEATURE
    x = sign * CAP * SCALE
    for value in (9, 1, 1):
        act(stores, "a", CAPPED, str(sign * value))
    capped = MetricSums(1, x, x**2, x**3, 1)
    assert cohorts(stores) == {(10, DAY): Cohort(1, {metric_id: capped})}
    act(stores, "a", CAPPED, str(-sign * 2))
    x = sign * 9 * SCALE
    assert cohorts(stores) == {(10, DAY): Cohort(1, {metric_id: MetricSums(1, x, x**2, x**3)})}
    act(stores, "a", CAPPED, str(sign * 50))
    erase(stores, "a")
    assert cohorts(stores) == {}


def test_cubes_keep_all_of_38_digits(stores: Stores) -> None:
    """As of 10⁹ users with the greatest totals: written in parts, since 10⁹ are too many here."""
    x = LARGEST * SCALE
    shard = TotalsShard(1, 10, 0, DAY)
    for number, users in enumerate((10**9, 7)):
        user = enroll(stores, f"u{number}")
        sums = MetricSums(users, users * x - 1, users * x**2 - 1, users * x**3 - 1, users)
        own = own_event_of(Event(1, 10, user.id, NOON), user, FEATURE)
        assert own is not None
        own = replace(own, cohort=Cohort(metrics={1: sums}))
        event = Event(stores.events.new_id(), 10, user.id, NOON)
        stores.events.add(event, user, shard, own)
    n = 10**9 + 7
    exact = MetricSums(n, n * x - 2, n * x**2 - 2, n * x**3 - 2, n)
    assert len(str(exact.cubes)) == 37
    assert cohorts(stores)[10, DAY].metrics == {1: exact}
    fold(stores)
    assert cohorts(stores)[10, DAY].metrics == {1: exact}


def test_what_a_users_values_come_to_is_bounded_but_not_how_often_one_acts(
    stores: Stores,
) -> None:
    user = enroll(stores, "a")
    event = Event(1, 10, "a", NOON, Measurement(NAMES[0]))
    own = {1: LARGEST * SCALE, EVENTS: LARGEST}
    with pytest.raises(Invalid, match="beyond"):
        own_event_of(event, replace(user, own=own), FEATURE)
    another = own_event_of(Event(2, 10, "a", NOON), replace(user, own=own), FEATURE)
    assert another is not None
    assert another.after[EVENTS] == LARGEST + 1


def test_an_event_of_a_metric_that_is_not_planned_is_refused() -> None:
    event = Event(1, 10, "a", NOON, Measurement("unknown"))
    with pytest.raises(NotFound, match="plan"):
        own_event_of(event, User("a", 10, "::1", NOON), FEATURE)


def test_an_event_that_read_other_totals_of_its_user_loses(stores: Stores) -> None:
    stale = enroll(stores, "a")
    act(stores, "a")
    before = cohorts(stores)
    event = Event(stores.events.new_id(), 10, "a", NOON)
    noted = replace(stale, variants_with_events=frozenset({10}))
    own = own_event_of(event, noted, FEATURE)
    with pytest.raises(LostRace):
        stores.events.add(event, noted, TotalsShard(1, 10, 0, DAY), own)
    assert cohorts(stores) == before


def test_an_erasure_takes_the_user_off_the_own_day_with_all_sums(stores: Stores) -> None:
    for user_id in ("a", "b"):
        enroll(stores, user_id)
        for name in (None, NAMES[0], NAMES[7], CAPPED, CAPPED):
            act(stores, user_id, name, None if name is None else "7", at=NOON + DAYS)
    enroll(stores, "c")
    for name in (None, NAMES[0], NAMES[7], CAPPED, CAPPED):
        act(stores, "c", name, None if name is None else "7")
    erase(stores, "a")
    erase(stores, "b")
    x, cap = 7 * SCALE, CAP * SCALE
    sums = MetricSums(1, x, x**2, x**3)
    own = {0: MetricSums(1, 1, 1, 1), 1: sums, 8: sums, 20: MetricSums(1, cap, cap**2, cap**3, 1)}
    assert cohorts(stores) == {(10, DAY): Cohort(1, own)}
    erase(stores, "c")
    assert cohorts(stores) == {}


def test_an_erasure_that_read_other_totals_loses(stores: Stores) -> None:
    stale = enroll(stores, "a")
    act(stores, "a")
    with pytest.raises(LostRace):
        stores.users.begin_erasure(stale, ErasedUser("a", NOON), None, Cohort())
    assert cohorts(stores) == {(10, DAY): Cohort(1, {EVENTS: MetricSums(1, 1, 1, 1)})}


# Folding


def seeded(stores: Stores, seed: int = 1, users: int = 12) -> None:
    """Users of both variants on several days, who did this and that, also for other variants."""
    draw = random.Random(seed)
    for number in range(users):
        at = NOON + draw.randrange(3) * DAYS
        enroll(stores, f"{seed} {number}", at, draw.choice([10, 11]))
        for _ in range(draw.randrange(4)):
            name = draw.choice([None, *NAMES])
            value = None if name is None else str(Decimal(draw.randrange(-99999, 99999)) / 10000)
            later = at + draw.randrange(3) * DAYS
            act(stores, f"{seed} {number}", name, value, at=later, variant_id=draw.choice([10, 11]))


def test_a_fold_changes_no_sum_and_no_total_however_often(stores: Stores) -> None:
    seeded(stores)
    before, totals = cohorts(stores), stores.totals.of_feature(1)
    assert len(before) == 8
    assert fold(stores) > 10
    for _ in range(3):
        assert (cohorts(stores), stores.totals.of_feature(1)) == (before, totals)
        assert fold(stores) == 0


def test_only_days_gone_by_are_folded(stores: Stores) -> None:
    enroll(stores, "a")
    enroll(stores, "b", NOON + DAYS)
    assert [fold(stores, DAY), fold(stores, NEXT), fold(stores, NEXT + DAYS)] == [0, 1, 1]
    assert cohorts(stores) == {(10, DAY): Cohort(1), (10, NEXT): Cohort(1)}


def test_what_comes_late_is_read_with_what_was_folded_and_folded_next(stores: Stores) -> None:
    enroll(stores, "a")
    act(stores, "a", NAMES[0], "3")
    fold(stores)
    act(stores, "a", NAMES[0], "-1", at=NOON + DAYS)
    x = 2 * SCALE
    late = {(10, DAY): Cohort(1, {1: MetricSums(1, x, x**2, x**3)})}
    assert cohorts(stores) == late
    assert fold(stores) == 1
    assert cohorts(stores) == late


def test_an_erasure_after_a_fold_leaves_nothing_before_and_after_the_next(
    stores: Stores,
) -> None:
    enroll(stores, "a")
    for name in (None, NAMES[0], NAMES[9], CAPPED):
        act(stores, "a", name, None if name is None else "12")
    fold(stores)
    erase(stores, "a")
    assert cohorts(stores) == {}
    assert fold(stores) > 0
    assert cohorts(stores) == {}
    assert stores.totals.of_feature(1) == {10: Totals(4, 1, 1)}, "the events are still to go"


def test_dropping_a_variant_removes_folded_cohorts_too(stores: Stores) -> None:
    seeded(stores)
    fold(stores)
    seeded(stores, 2)
    kept = {key: each for key, each in cohorts(stores).items() if key[0] == 11}
    assert stores.totals.drop(1, 10) > 0
    assert cohorts(stores) == kept
    assert 10 not in stores.totals.of_feature(1)
    assert stores.totals.drop(1, 10) == 0


# Folding in DynamoDB


@pytest.fixture
def stored(dynamo_stores: Stores) -> Stores:
    return dynamo_stores


def test_hundreds_of_shards_are_folded_into_one_row_of_the_month(stored: Stores) -> None:
    for number in range(203):
        shard = TotalsShard(1, 10, number, DAY)
        stored.users.create(User(f"u{number}", 10, "::1", NOON), shard)
    enroll(stored, "a")
    act(stored, "a", NAMES[11], "0.5")
    before, totals = cohorts(stored), stored.totals.of_feature(1)
    assert fold(stored) == len(before) + 203
    assert (cohorts(stored), stored.totals.of_feature(1)) == (before, totals)
    rows = [row.sk for row in TotalsRow.scan(consistent_read=True)]
    assert sorted(rows) == ["totals#10#~", "window#10#2026-01"]


def test_days_and_late_shards_are_folded_into_the_row_of_their_month(stored: Stores) -> None:
    days = (DAY, NEXT, DAY.replace(month=2))
    for when in ("at once", "late"):
        for day in days:
            user = User(f"{day} {when}", 10, "::1", datetime.combine(day, time(12), UTC))
            stored.users.create(user, TotalsShard(1, 10, 0, day))
        assert fold(stored) == len(days)
    assert cohorts(stored) == {(10, day): Cohort(2) for day in days}
    rows = [row.sk for row in TotalsRow.scan(consistent_read=True)]
    assert sorted(rows) == ["totals#10#~", "window#10#2026-01", "window#10#2026-02"]


def test_a_day_can_stop_between_its_folds(stored: Stores, monkeypatch: Any) -> None:
    monkeypatch.setattr(cohort_module, "AT_ONCE", 2)
    for number in range(5):
        stored.users.create(User(f"u{number}", 10, "::1", NOON), TotalsShard(1, 10, number, DAY))
    assert next(iter(stored.cohorts.fold(1, date.max))) == 2
    assert len(shards()) == 3
    assert cohorts(stored) == {(10, DAY): Cohort(5)}
    assert fold(stored) == 3


@pytest.fixture
def reaper(app: ModuleType) -> Iterator[Reaper]:  # noqa: ARG001 - it connects and empties
    made = Reaper()
    events = shared().client.meta.events
    for name in ("before-call.dynamodb", "after-call.dynamodb"):
        events.register(name, made)
    yield made
    for name in ("before-call.dynamodb", "after-call.dynamodb"):
        events.unregister(name, made)


def test_a_fold_that_dies_at_any_call_loses_and_doubles_nothing(
    stored: Stores, reaper: Reaper, monkeypatch: Any
) -> None:
    monkeypatch.setattr(cohort_module, "AT_ONCE", 2)
    point = killed = 0
    while point == killed:
        point += 1
        seeded(stored, point, users=8)
        before, totals = cohorts(stored), stored.totals.of_feature(1)
        reaper.doom(point)
        try:
            fold(stored)
        except Killed:
            killed += 1
        finally:
            reaper.spare()
        assert (cohorts(stored), stored.totals.of_feature(1)) == (before, totals), point
        fold(stored)
        assert (cohorts(stored), stored.totals.of_feature(1)) == (before, totals), point
        assert shards() == []
    assert killed > 20


def meddling(monkeypatch: pytest.MonkeyPatch, meddle: Callable[[], object]) -> None:
    """Do something once, when a fold has read the shards and is about to replace them."""
    pending = [meddle]

    def meddled() -> Any:
        if pending:
            pending.pop()()
        return transaction()

    monkeypatch.setattr(cohort_module, "transaction", meddled)


@pytest.mark.parametrize("name", [None, *NAMES[:6], CAPPED])
def test_an_event_between_the_reads_and_the_transaction_of_a_fold_is_not_lost(
    stored: Stores, monkeypatch: pytest.MonkeyPatch, name: str | None
) -> None:
    """Also where it adds what no shard of the day had: nobody had an event."""
    for number in range(9):
        enroll(stored, f"u{number}")
    later = NOON + DAYS
    value = None if name is None else "1"
    meddling(
        monkeypatch,
        lambda: [act(stored, f"u{n}", name, value, at=later, variant_id=10) for n in range(9)],
    )
    fold(stored)
    [folded] = cohorts(stored).values()
    assert folded.users == 9
    [sums] = folded.metrics.values()
    assert sums.converters == 9
    assert stored.totals.of_feature(1) == {10: Totals(9, 9, 9)}
    fold(stored)
    assert cohorts(stored) == {(10, DAY): folded}
    assert shards() == []


def test_two_folds_at_once_count_once(stored: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    seeded(stored)
    before, totals = cohorts(stored), stored.totals.of_feature(1)
    meddling(monkeypatch, lambda: fold(stored))
    fold(stored)
    assert (cohorts(stored), stored.totals.of_feature(1)) == (before, totals)
    assert shards() == []


@pytest.mark.parametrize("pages", [1, 2, 3, 5, 8, 13])
@pytest.mark.parametrize("of", ["cohorts", "totals"])
def test_who_reads_while_days_are_folded_finds_all_and_nothing_twice(
    stored: Stores, monkeypatch: pytest.MonkeyPatch, pages: int, of: str
) -> None:
    """Every few pages of the reading another transaction of the fold comes in between."""
    seeded(stored)
    monkeypatch.setattr(cohort_module, "AT_ONCE", 2)
    read = cohorts if of == "cohorts" else whole_totals
    before = read(stored)
    folds, counted, folding = stored.cohorts.fold(1, date.max), count(1), [False]
    call = shared().client._make_api_call

    def paged(operation: str, arguments: dict[str, Any]) -> Any:
        if folding[0] or operation != "Query":
            return call(operation, arguments)
        if next(counted) % pages == 0:
            folding[0] = True
            next(folds, None)
            folding[0] = False
        return call(operation, {**arguments, "Limit": 2})

    with monkeypatch.context() as patch:
        patch.setattr(shared().client, "_make_api_call", paged)
        assert [read(stored) for _ in range(9)] == [before] * 9
    assert next(counted) > 18
    assert next(folds, None) is None or pages > 5


def whole_totals(stores: Stores) -> Mapping[int, Totals]:
    return stores.totals.of_feature(1)


def test_who_reads_a_minute_after_a_fold_reads_once(stored: Stores) -> None:
    seeded(stored)
    fold(stored)
    for row in TotalsRow.scan(consistent_read=True):
        if row.folded_at:
            row.update(actions=[TotalsRow.folded_at.set(int(row.folded_at) - 61_000)])
    calls: list[str] = []
    events = shared().client.meta.events

    def note(model: Any, **_: Any) -> None:
        calls.append(model.name)

    events.register("before-call.dynamodb", note)
    try:
        cohorts(stored)
    finally:
        events.unregister("before-call.dynamodb", note)
    assert calls == ["Query"]
