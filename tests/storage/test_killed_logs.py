"""Nothing is lost or counted twice of logs and exposures when processes die in between."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.experiments.metrics import MetricType
from chalicelib.domain.outcomes.logs import LogPart, LogRecord
from chalicelib.services import Services
from chalicelib.services.outcomes.metrics import MetricDraft
from chalicelib.services.participants.participants import GroupUpdate
from chalicelib.storage.stores import dynamo_stores
from tests.storage.test_killed_calls import Killed, World, world
from tests.unit.measure_samples import AREAS, SIMPLE, asking, flag, part
from tests.unit.upgrade_service_samples import design

__all__ = ["world"]

METRICS = [f"metric {number:03}" for number in range(120)]
POINTS = 30
"""More than the calls to the database of one action have, before and after each."""
FLAGS = 5


@pytest.fixture
def services(world: World) -> Services:
    """A process, where METRICS are measured, simple and grouped ones."""
    made = world.services()
    keys = [*METRICS, *map(AREAS.metric, METRICS)]
    made.metrics.save([MetricDraft(key, MetricType.CONTINUOUS, None, ("home",)) for key in keys])
    made.experiments.create(asking(design(), *keys))
    for number in range(FLAGS):
        made.flags.create(flag(f"{number}"))
    made.participants.init("u", GroupUpdate(), follow=True)
    return made


def log_records(metric_key: str) -> list[LogRecord]:
    store = dynamo_stores().logs
    return [log_record for some in store.of_metric(metric_key) for log_record in some]


def killed_once_at_each_point(world: World, action: Any) -> int:
    """How often an action was killed that is made again and again."""
    kills = 0
    for point in range(1, POINTS + 1):
        world.reaper.doom(point)
        try:
            action()
        except Killed:
            kills += 1
        finally:
            world.reaper.spare()
    return kills


def test_a_log_is_stored_once_however_often_it_dies(world: World, services: Services) -> None:
    """One log record has more new metrics than fit the transaction that stores it."""
    parts: list[LogPart] = [
        part(1, 0, values=dict.fromkeys(METRICS, 1)),
        part(1, 0, AREAS, {METRICS[0]: 2}),
    ]
    assert killed_once_at_each_point(world, lambda: world.services().logs.log("u", parts)) > 6
    report = services.logs.log("u", parts)
    assert [len(each.changed) for each in report.logged] == [1, 1]
    for key in (METRICS[0], METRICS[-1]):
        [log_record] = log_records(key)
        assert (log_record.key, [dict(row.data) for row in log_record.rows]) == (
            SIMPLE,
            [dict.fromkeys(METRICS, 1)],
        )
    [grouped] = log_records(AREAS.metric(METRICS[0]))
    assert [dict(row.data) for row in grouped.rows] == [{METRICS[0]: 2}]


def test_an_exposure_is_counted_once_however_often_it_dies(
    world: World, services: Services
) -> None:
    def ask() -> list[str]:
        process = world.services()
        caller = process.participants.find("u")
        assert caller is not None
        return process.evaluation.flags(caller.user, "home")

    assert killed_once_at_each_point(world, ask) > 3
    assert len(ask()) == FLAGS
    assert services.flags.exposures(services.flags.all()) == [1] * FLAGS
