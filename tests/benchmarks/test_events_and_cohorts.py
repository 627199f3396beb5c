"""Counting in a cohort costs no write unit more than counting did without any."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from types import ModuleType

import pytest

from benchmarks.recorder import Recorder
from chalicelib.domain.features.cohorts import LARGEST
from chalicelib.domain.features.result_plans import PlannedMetric
from chalicelib.domain.features.users import Measurement
from chalicelib.services import Services
from chalicelib.storage.stores import dynamo_stores
from tests.fakes.memory import FixedClock
from tests.storage.cohort_setup import REVENUE, enrolled_before, plan, process
from tests.unit.samples import add_user, experiment

EVENT = 6
"""Units of an event: itself, a note at its user's row and a count, in one transaction."""

NAMES = ["revenue", *(f"metric {number}" for number in range(2, 20))]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def services(app: ModuleType, clock: FixedClock) -> Services:  # noqa: ARG001 - it connects
    return process(dynamo_stores(), clock)


@pytest.fixture
def variants(services: Services) -> list[int]:
    feature_id, made = experiment(services, "button")
    metrics = (*REVENUE.metrics, *map(PlannedMetric, NAMES[1:]))
    plan(services, feature_id, replace(REVENUE, metrics=metrics))
    # An id is drawn from a lease: the first event of a process reserves that.
    add_user(services, "first", made[0])
    services.events.record("first", made[0])
    return made


Priced = Callable[..., float]


@pytest.fixture
def units(services: Services) -> Priced:
    """What an event of a user for a variant costs."""
    recorder = Recorder()

    def priced(user_id: str, variant_id: int, measured: Measurement | None = None) -> float:
        with recorder.request() as record:
            services.events.record(user_id, variant_id, measurement=measured)
        return record.units.write

    return priced


def test_an_event_costs_the_same_whatever_it_counts_for(
    services: Services, units: Priced, variants: list[int], clock: FixedClock
) -> None:
    own, other = variants
    add_user(services, "u", own)
    first, further = units("u", own), units("u", own)
    foreign = [units("u", other), units("u", other)]
    named = Measurement("revenue", Decimal("2.5"))
    of_metric = [units("u", own, named), units("u", own, named)]
    clock.advance(timedelta(days=30))
    late = units("u", own)
    assert [first, further, *foreign, *of_metric, late] == [EVENT] * 7


def test_an_event_of_one_who_is_in_no_cohort_as_yet_costs_the_same(
    services: Services, units: Priced, variants: list[int]
) -> None:
    enrolled_before(dynamo_stores(), services, "old", variants[0])
    assert [units("old", variants[0]) for _ in range(3)] == [EVENT] * 3


def test_an_event_costs_the_same_with_all_metrics_at_their_greatest(
    services: Services, units: Priced, variants: list[int]
) -> None:
    add_user(services, "u", variants[0])
    for name in NAMES:
        units("u", variants[0], Measurement(name, Decimal(LARGEST)))
    least = Measurement(NAMES[0], Decimal("-0.0001"))
    assert [units("u", variants[0], replace(least, metric=name)) for name in NAMES] == [
        EVENT
    ] * len(NAMES)


def test_a_user_costs_the_row_its_entry_in_the_index_and_a_count(
    services: Services, variants: list[int]
) -> None:
    with Recorder().request() as record:
        add_user(services, "u", variants[0])
    assert record.units.write == 5
