"""A run that takes snapshots may die at any call to the database; the next one finishes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib import bootstrap
from chalicelib.domain.outcomes.snapshots import Snapshot
from chalicelib.services import Services
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.tables import EventsTable
from chalicelib.storage.stores import dynamo_stores
from tests.fakes.memory import START, FixedClock
from tests.storage.test_killed_calls import Killed, World, world
from tests.unit.measure_samples import asking
from tests.unit.outcomes.test_metric_analysis_service import log, measure
from tests.unit.upgrade_service_samples import at_once, design, feature_id_of, join, mark

__all__ = ["world"]

DAY = timedelta(days=1)


@pytest.fixture
def start(world: World) -> tuple[Callable[[], Services], int]:
    """How to start a process the day after two users logged, and the id of the experiment."""
    clock = FixedClock()

    def process() -> Services:
        return bootstrap.build(world.settings, dynamo_stores(), clock)

    services = process()
    measure(services, "time", "other")
    made = asking(design(weights={"a": 100, "b": 0}), "time", "other")
    services.experiments.create(replace(made, end_on=(START + DAY).isoformat()))
    join(services, "u", "v")
    for user_id, value in (("u", 5), ("v", 0.1)):
        log(services, clock, user_id, value)
        mark(services, user_id)
    clock.advance(2 * DAY)
    return process, feature_id_of(services)


def clear(feature_id: int) -> None:
    with EventsTable.batch_write() as batch:
        for row in EventsTable.query(keys.results(feature_id)):
            batch.delete(row)


def read(services: Services, feature_id: int) -> list[Snapshot]:
    return [each for own in services.snapshots.series(feature_id).values() for each in own]


def test_a_run_that_dies_at_any_call_is_finished_by_the_next(
    world: World, start: tuple[Callable[[], Services], int]
) -> None:
    process, feature_id = start
    found: list[list[Snapshot]] = []
    point = killed = 0
    while point == killed:
        point += 1
        clear(feature_id)
        services = process()
        world.reaper.doom(point)
        try:
            services.snapshots.take_due()
        except Killed:
            killed += 1
        finally:
            world.reaper.spare()
        process().snapshots.take_due()
        found.append(read(process(), feature_id))
    assert killed > 10
    assert all(each == found[0] for each in found)
    assert [each.final for each in found[0]] == [True, True]
    totals = {each.sums.query_id: str(each.sums.cells[0].sums.total) for each in found[0]}
    assert totals == {"query of time": "51/10", "query of other": "0"}


def test_runs_at_once_end_in_one(start: tuple[Callable[[], Services], int]) -> None:
    process, feature_id = start
    at_once(*(process().snapshots.take_due for _ in range(3)))
    process().snapshots.take_due()
    assert [each.final for each in read(process(), feature_id)] == [True, True]


def test_snapshots_go_with_their_experiment(
    world: World, start: tuple[Callable[[], Services], int]
) -> None:
    process, feature_id = start
    process().snapshots.take_due()
    process().experiments.delete("e")
    later = FixedClock(START + 3 * DAY)
    services = bootstrap.build(world.settings, dynamo_stores(), later)
    for _ in range(3):
        services.purge.run_due()
        later.advance(timedelta(hours=1))
    assert list(EventsTable.query(keys.results(feature_id))) == []
    services.snapshots.take_due()
    assert list(EventsTable.query(keys.results(feature_id))) == []
