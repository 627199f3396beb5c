from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.features.cohorts import (
    EVENTS,
    MetricSums,
    cohort_of,
    own_of_events,
    scale_of,
    scaled,
)
from chalicelib.domain.features.features import FeatureType
from chalicelib.domain.features.result_plans import (
    ResultPlan,
    named,
)
from chalicelib.domain.features.users import Event, Measurement, User
from chalicelib.domain.statistics.sums import Sums
from chalicelib.services import Services
from chalicelib.services.features.cohorts import RUN_TIME
from chalicelib.services.features.features import BEGUN_AT_ONCE
from tests.fakes.memory import START, FixedClock, Memory
from tests.fakes.stores import once
from tests.storage.test_killed_calls import Killed
from tests.unit.samples import (
    add_user,
    draft,
    drafts,
    experiment,
    feature,
    process,
    record,
    variant,
)

ONE = datetime(2026, 1, 16, 1, tzinfo=UTC)


# Folding days


@pytest.fixture
def calls() -> list[str]:
    return []


@pytest.fixture
def watching(memory: Memory, clock: FixedClock, calls: list[str]) -> Services:
    return process(memory, clock, before=calls.append)


def enroll(services: Services, name: str, users: int = 1) -> None:
    _, variants = experiment(services, name)
    for number in range(users):
        add_user(services, f"{name} {number}", variants[0])


def test_days_gone_by_are_folded_once_a_day_from_one_o_clock_on(
    services: Services, watching: Services, memory: Memory, clock: FixedClock, calls: list[str]
) -> None:
    enroll(services, "button")
    clock.now = ONE - timedelta(milliseconds=1)
    assert (watching.cohorts.fold_due(), calls) == (0, []), "not before, and nothing is read"
    clock.now = ONE
    before = memory.counted(), memory.counted_cohorts()
    assert watching.cohorts.fold_due() == 1
    assert (memory.counted(), memory.counted_cohorts()) == before
    assert [shard.shard for shard in memory.cohorts if shard.day] == [-1]
    calls.clear()
    clock.advance(timedelta(hours=20))
    assert (watching.cohorts.fold_due(), calls) == (0, []), "once a day, and nothing is read"
    clock.advance(timedelta(hours=4))
    assert watching.cohorts.fold_due() == 0
    assert "notes.write" in calls


def test_another_process_reads_that_the_day_was_folded_once(
    services: Services, watching: Services, clock: FixedClock, calls: list[str]
) -> None:
    enroll(services, "button")
    clock.now = ONE
    services.cohorts.fold_due()
    assert [watching.cohorts.fold_due() for _ in range(3)] == [0, 0, 0]
    assert calls == ["notes.read"]


def test_folding_that_takes_too_long_goes_on_with_the_next_run(
    services: Services, memory: Memory, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    enroll(services, "button", 5)
    enroll(services, "link", 2)
    shards = len([shard for shard in memory.cohorts if shard.day])
    clock.now = ONE
    fold = services.cohorts._cohorts.fold

    def slow(feature_id: int, before: date) -> Iterator[int]:
        for each in fold(feature_id, before):
            clock.advance(RUN_TIME * 0.6)
            yield each

    monkeypatch.setattr(services.cohorts._cohorts, "fold", slow, raising=False)
    runs = [services.cohorts.fold_due() for _ in range(shards)]
    assert runs[0] == 2
    assert sum(runs) == shards
    assert memory.notes["folds"] == {"day": ONE.date().isoformat()}


def test_a_day_that_nobody_could_fold_is_folded_later(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    enroll(services, "button")
    clock.now = ONE
    dying = process(memory, clock, before=once("cohorts.fold", _die))
    with pytest.raises(Killed):
        dying.cohorts.fold_due()
    assert "folds" not in memory.notes
    assert dying.cohorts.fold_due() == 1


def _die() -> None:
    raise Killed


def test_only_experiments_of_test_lab_with_variants_have_cohorts(
    services: Services, watching: Services, clock: FixedClock, calls: list[str]
) -> None:
    services.features.create(draft("toggle", kind=FeatureType.TOGGLE))
    services.features.create(draft("bare"))
    clock.now = ONE
    watching.cohorts.fold_due()
    assert "cohorts.fold" not in calls


# Fixing plans at the start


def test_what_starts_today_begins_some_at_a_time(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    tomorrow = clock().date() + timedelta(days=1)
    many = 2 * BEGUN_AT_ONCE + 1
    for number in range(many):
        made = services.features.create(draft(f"feature {number}", start=tomorrow))
        services.features.replace_variants(made.id, drafts(made.id, None, None))
    services.features.begin_due()
    assert not any(each.run for each in memory.features.values())
    clock.advance(timedelta(days=1))
    calls: list[str] = []
    version = memory.revision.version
    dying = process(memory, clock, before=once("catalogue.commit", services.features.begin_due))
    dying.features.begin_due()
    assert all(each.run and each.run.started_at == clock() for each in memory.features.values())
    assert memory.revision.version == version + 3
    process(memory, clock, after=calls.append).features.begin_due()
    assert "catalogue.commit" not in calls


def test_what_begins_is_less_than_a_transaction_may_hold() -> None:
    item, transaction = 400 * 1024, 4 * 1024**2
    assert (BEGUN_AT_ONCE + 1) * item <= transaction


@pytest.mark.parametrize("dies", [1, 2, 3, 4, 5, 6])
def test_beginning_that_dies_anywhere_is_finished_by_another_run(
    services: Services, memory: Memory, clock: FixedClock, dies: int
) -> None:
    experiment(services, "button")
    memory.features = {key: replace(each, run=None) for key, each in memory.features.items()}
    calls = iter(range(1, 100))

    def die(_: str) -> None:
        if next(calls) == dies:
            raise Killed

    try:
        process(memory, clock, before=die).features.begin_due()
    except Killed:
        process(memory, clock).features.begin_due()
    [begun] = memory.features.values()
    assert begun.run is not None
    assert begun.run.started_at == START


def test_new_variants_begin_anew(services: Services, memory: Memory, clock: FixedClock) -> None:
    feature_id, _ = experiment(services, "button")
    clock.advance(timedelta(days=3))
    services.features.update(feature_id, draft("button", end=date(2026, 3, 1)))
    changed = memory.features[feature_id].run
    assert changed is not None
    assert changed.moved
    services.features.replace_variants(feature_id, drafts(feature_id, None, None))
    anew = memory.features[feature_id].run
    assert anew is not None
    assert (anew.started_at, anew.moved, anew.plan.ends_on) == (clock(), False, date(2026, 3, 1))


# What counts


@pytest.mark.parametrize(
    ("value", "kept"), [("1", 10_000), ("-0.0001", -1), ("100000", 10**9), ("1E+2", 10**6)]
)
def test_values_are_kept_as_integers(value: str, kept: int) -> None:
    assert scaled(Decimal(value)) == kept


@pytest.mark.parametrize("value", ["100000.0001", "-100001", "NaN", "Infinity"])
def test_a_value_out_of_range_is_refused(value: str) -> None:
    with pytest.raises(Invalid, match="value: from -100000 to 100000"):
        scaled(Decimal(value))


@pytest.mark.parametrize("value", ["0.00001", "1E-30"])
def test_a_value_has_at_most_4_decimals(value: str) -> None:
    with pytest.raises(Invalid, match="at most 4 decimals"):
        scaled(Decimal(value))


def test_sums_are_those_of_all_users_in_the_unit_of_the_metric() -> None:
    assert (scale_of(EVENTS), scale_of(1)) == (1, 10_000)
    sums = MetricSums(2, 5, 13, 35)
    assert sums.of_users(3, 1) == Sums(3, 5, 13, 35)
    parts = Fraction(5, 10**4), Fraction(13, 10**8), Fraction(35, 10**12)
    assert sums.of_users(3, 10_000) == Sums(3, *parts)


def test_an_event_of_a_metric_that_is_planned_a_moment_ago_is_taken(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    feature_id, [variant_id, other] = experiment(services, "button")
    add_user(services, "u", variant_id)
    slow = process(memory, clock, ttl=60)
    slow.catalogue.snapshot()
    measured = Measurement("revenue", Decimal(2))
    for each in (variant_id, other):
        with pytest.raises(NotFound, match="PUT /api/results/feature/1/plan"):
            slow.events.record("u", each, measurement=measured)
    before = memory.features[feature_id]
    planned = named(ResultPlan(), None)
    planned = replace(planned, metric_ids={"revenue": 1})
    memory.features[feature_id] = replace(before, plan=planned)
    memory.revision = memory.revision.following(clock(), visible=True)
    assert slow.events.record("u", variant_id, measurement=measured).measurement == measured
    assert memory.users["u"].own == {1: 20_000}
    assert slow.events.record("u", other, measurement=measured).measurement == measured


def test_who_erases_counts_by_the_caps_of_the_plan() -> None:
    planned = ResultPlan(metric_ids={"a": 1}, metric_caps={"a": Decimal(1)})
    capped = cohort_of({EVENTS: 3, 1: -20_000}, replace(feature(1), plan=planned))
    assert capped.metrics == {
        EVENTS: MetricSums(1, 3, 9, 27),
        1: MetricSums(1, -10_000, 10**8, -(10**12), 1),
    }


def test_events_that_no_plan_knows_or_that_are_out_of_range_count_for_nothing() -> None:
    user = User("u", 10, "", START)
    planned = replace(feature(1, variants=(variant(10, 1),)), plan=ResultPlan(metric_ids={"a": 1}))
    events = [
        Event(1, 10, "u", START),
        Event(2, 10, "u", START, Measurement("unknown", Decimal(1))),
        Event(3, 10, "u", START, Measurement("a", Decimal("0.00001"))),
        Event(4, 10, "u", START, Measurement("a", Decimal(99_999))),
        Event(5, 10, "u", START, Measurement("a", Decimal(2))),
        Event(6, 11, "u", START),
        Event(7, 10, "u", START + timedelta(days=7)),
        Event(8, 10, "u", START, Measurement("a")),
    ]
    assert own_of_events(events, user, planned) == {EVENTS: 1, 1: 10**9}


def test_an_erased_user_is_in_no_cohort(services: Services, memory: Memory) -> None:
    _, [variant_id, other] = experiment(services, "button")
    add_user(services, "u", variant_id)
    record(services, "u", variant_id, 3)
    record(services, "u", other)
    services.users.delete("u")
    assert memory.counted_cohorts() == ({}, {})
