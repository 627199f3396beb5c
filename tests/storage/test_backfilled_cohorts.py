"""Who came before there were cohorts is counted in the end as everybody else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Literal

import pytest

from chalicelib.domain.catalogue.purge import SECOND_PASS
from chalicelib.domain.features.result_plans import (
    MetricRole,
    PlannedMetric,
)
from chalicelib.domain.features.users import Measurement
from chalicelib.services import Services
from chalicelib.services.features import cohorts as cohort_services
from chalicelib.services.features.cohorts import RUN_TIME, TAKE_OVER
from chalicelib.services.stores import Stores
from tests.fakes.memory import FixedClock
from tests.fakes.stores import once
from tests.storage.cohort_setup import (
    REVENUE,
    counted,
    enrolled_before,
    of_an_older_version,
    plan,
    process,
    recount,
)
from tests.storage.test_killed_calls import Killed
from tests.unit.samples import add_user, drafts, experiment, record

SALES = replace(
    REVENUE, metrics=(*REVENUE.metrics, PlannedMetric("sales", role=MetricRole.SECONDARY))
)
USERS = ("a", "b", "c", "d", "e")


class Before:
    """Users of an older version with events: early, after the window, and foreign ones."""

    def __init__(self, stores: Stores) -> None:
        self.stores = stores
        self.clock = FixedClock()
        self.services = process(stores, self.clock)
        self.feature_id, self.variants = experiment(self.services, "button")
        plan(self.services, self.feature_id)
        for number, user_id in enumerate(USERS):
            own, other = self.variants[number % 2], self.variants[1 - number % 2]
            self.enroll(user_id, own, number)
            record(self.services, user_id, other, number % 2)
        self.clock.advance(timedelta(days=7))
        for user_id in ("a", "e"):
            record(self.services, user_id, self.variants[0])
            of_an_older_version(stores, user_id)

    def enroll(self, user_id: str, variant_id: int, events: int) -> None:
        enrolled_before(self.stores, self.services, user_id, variant_id)
        record(self.services, user_id, variant_id, events)
        of_an_older_version(self.stores, user_id)

    def enroll_late(self) -> None:
        """One within the window, who acted before and after the take-over."""
        self.enroll("late", self.variants[0], 1)
        record(self.services, "late", self.variants[0])
        row = self.stores.users.get("late")
        assert row is not None
        assert (row.own, row.late) == (None, 1)

    def due(self) -> Services:
        """A process whose backfill may begin."""
        assert self.services.cohorts.backfill_due() == 0
        self.clock.advance(TAKE_OVER)
        return self.services

    def check(self) -> None:
        cohorts, _ = counted(self.services, self.stores)
        rows, _ = recount(self.services, self.stores)
        assert cohorts == rows


@pytest.fixture
def before(stores: Stores) -> Before:
    return Before(stores)


def test_nobody_is_counted_until_no_older_version_runs(before: Before) -> None:
    cohorts = before.services.cohorts
    assert cohorts.backfill_due() == 0
    before.clock.advance(TAKE_OVER - timedelta(milliseconds=1))
    assert (cohorts.backfill_due(), cohorts.is_complete()) == (0, False)
    before.clock.advance(timedelta(milliseconds=1))
    assert (cohorts.backfill_due(), cohorts.is_complete()) == (5, True)
    assert cohorts.backfill_due() == 0
    assert process(before.stores, before.clock).cohorts.is_complete()
    before.check()


def test_everybody_is_counted_with_the_own_events_within_the_window(before: Before) -> None:
    assert before.due().cohorts.backfill_due() == len(USERS)
    before.check()
    [(_, first), (_, second)] = sorted(counted(before.services, before.stores)[0].items())
    assert (first.users, first.metrics[0].total, first.metrics[0].converters) == (3, 2 + 4, 2)
    assert (second.users, second.metrics[0].total, second.metrics[0].converters) == (2, 1 + 3, 2)


def test_who_is_counted_goes_on_like_everybody_else(before: Before) -> None:
    services = before.due()
    add_user(services, "new", before.variants[0])
    services.cohorts.backfill_due()
    measured = Measurement("revenue", Decimal("2.5"))
    services.events.record("new", before.variants[0], measurement=measured)
    before.check()
    services.users.delete("e")
    services.users.delete("new")
    before.check()


@pytest.mark.parametrize(
    "call", ["users.get", "events.of_user", "users.backfill", "notes.write", "users.of_variant"]
)
def test_an_event_that_comes_meanwhile_is_counted_once(before: Before, call: str) -> None:
    before.due()
    before.enroll_late()
    step = once(call, lambda: record(before.services, "late", before.variants[0]))
    slow = process(before.stores, before.clock, before=step)
    slow.cohorts.backfill_due()
    before.check()
    record(before.services, "late", before.variants[0])
    before.check()
    assert len(before.stores.events.of_user("late", before.variants[0], 9)) == 4


def test_an_event_of_a_metric_that_is_planned_meanwhile_is_counted(before: Before) -> None:
    before.due()
    before.enroll_late()

    def sell() -> None:
        plan(before.services, before.feature_id, SALES)
        measured = Measurement("sales", Decimal(3))
        before.services.events.record("late", before.variants[0], measurement=measured)

    slow = process(before.stores, before.clock, before=once("users.get", sell))
    slow.cohorts.backfill_due()
    before.check()


def test_two_at_once_count_everybody_once(before: Before) -> None:
    other = before.due()
    slow = process(
        before.stores, before.clock, before=once("users.backfill", other.cohorts.backfill_due)
    )
    assert slow.cohorts.backfill_due() == 0
    before.check()
    assert slow.cohorts.is_complete()


@pytest.mark.parametrize("call", ["users.of_variant", "users.get", "users.backfill"])
def test_who_is_deleted_meanwhile_is_in_no_cohort(before: Before, call: str) -> None:
    before.due()

    def delete() -> None:
        for user_id in "ace":
            before.services.users.delete(user_id)

    step = once(call, delete)
    process(before.stores, before.clock, before=step).cohorts.backfill_due()
    before.check()
    assert counted(before.services, before.stores)[0].keys() == {
        (before.variants[1], before.clock().date() - timedelta(days=7))
    }


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", ["users.of_variant", "users.get", "users.backfill"])
def test_nothing_is_left_of_variants_that_are_replaced_meanwhile(
    before: Before, call: str, when: Literal["before", "after"]
) -> None:
    before.due()
    new = drafts(before.feature_id, None, None)

    def replaced() -> None:
        before.services.features.replace_variants(before.feature_id, new)

    step = once(call, replaced)
    steps = {"before": step} if when == "before" else {"after": step}
    process(before.stores, before.clock, **steps).cohorts.backfill_due()
    for _ in range(2):
        before.clock.advance(SECOND_PASS)
        before.services.purge.run_due()
    assert before.stores.cohorts.of_feature(before.feature_id) == {}
    assert before.services.cohorts.is_complete()


def test_a_backfill_that_dies_at_any_call_is_finished_by_another(before: Before) -> None:
    before.due()
    point = killed = 0
    while point == killed:
        point += 1
        before.enroll(f"more {point}", before.variants[0], 2)
        if point > 1:
            before.services.users.delete(f"more {point - 1}")
            before.stores.notes.write("backfill", {"since": "2026-01-01T00:00:00+00:00"})
        calls = count(1)

        def die(_: str, calls: count[int] = calls, point: int = point) -> None:
            if next(calls) == point:
                raise Killed

        try:
            process(before.stores, before.clock, before=die).cohorts.backfill_due()
        except Killed:
            killed += 1
        again = process(before.stores, before.clock)
        again.cohorts.backfill_due()
        assert again.cohorts.is_complete()
        before.check()
    assert killed > 10


def test_what_takes_too_long_goes_on_with_the_next_call_behind_the_last_user(
    before: Before, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cohort_services, "AT_ONCE", 2)
    before.due()
    read: list[str] = []

    def take_time(call: str) -> None:
        read.append(call)
        if call == "users.backfill":
            before.clock.advance(RUN_TIME * 0.6)

    slow = process(before.stores, before.clock, after=take_time)
    assert [slow.cohorts.backfill_due() for _ in range(3)] == [2, 2, 1]
    assert slow.cohorts.is_complete()
    assert read.count("users.backfill") == 5
    assert read.count("users.get") == 5
    before.check()
