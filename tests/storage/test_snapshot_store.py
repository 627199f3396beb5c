"""Snapshots are stored once, and come back as they were."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.domain.outcomes.metric_results import Effect, QueryResult
from chalicelib.domain.outcomes.query_sums import Cell
from chalicelib.domain.outcomes.snapshots import Taken
from chalicelib.domain.outcomes.value_sums import ValueSums
from chalicelib.services.outcomes.ports import SNAPSHOT_BYTES
from chalicelib.services.stores import Stores
from tests.fakes.memory import START
from tests.unit.snapshot_samples import SUMS, snapshot
from tests.unit.upgrade_service_samples import at_once

FEATURE_ID = 7


def test_snapshots_come_back_by_query_and_day_with_results_beside(stores: Stores) -> None:
    for made in (snapshot("r"), snapshot(days=-2), snapshot()):
        assert stores.snapshots.put(FEATURE_ID, made)
    assert stores.snapshots.put(8, snapshot("of another"))
    stores.results.keep(FEATURE_ID, [QueryResult("q", Effect((), ()))])
    found = stores.snapshots.of_experiment(FEATURE_ID)
    own = [each for each in found if each.sums.query_id == "q"]
    assert own == [snapshot(days=-2), snapshot()]
    assert [each for each in found if each not in own] == [snapshot("r")]
    assert [each.query_id for each in stores.results.kept(FEATURE_ID)] == ["q"]
    assert stores.snapshots.of_experiment(9) == []


def test_a_day_has_one_snapshot_of_a_query_and_none_comes_before_the_last(stores: Stores) -> None:
    first = snapshot()
    assert stores.snapshots.put(FEATURE_ID, first)
    for other in (snapshot(at=START + timedelta(hours=1)), snapshot(days=-2)):
        assert not stores.snapshots.put(FEATURE_ID, other)
    assert stores.snapshots.of_experiment(FEATURE_ID) == [first]
    assert stores.snapshots.taken(FEATURE_ID) == {"q": Taken(first.day, first.at)}


def test_a_query_has_one_final_snapshot_and_others_may_follow(stores: Stores) -> None:
    assert stores.snapshots.put(FEATURE_ID, snapshot(final=True))
    assert not stores.snapshots.put(FEATURE_ID, snapshot(days=0, final=True))
    assert stores.snapshots.put(FEATURE_ID, snapshot(days=1))
    assert stores.snapshots.put(FEATURE_ID, snapshot("r", days=1, final=True))
    assert [each.final for each in stores.snapshots.of_experiment(FEATURE_ID)].count(True) == 2
    assert stores.snapshots.taken(FEATURE_ID)["q"] == Taken(
        snapshot(days=1).day, snapshot(days=1).at, final=True
    )


def test_of_two_at_once_one_is_stored(stores: Stores) -> None:
    def put() -> bool:
        return stores.snapshots.put(FEATURE_ID, snapshot(final=True))

    assert sum(at_once(put, put, put)) <= 1
    stores.snapshots.put(FEATURE_ID, snapshot(final=True))
    assert stores.snapshots.of_experiment(FEATURE_ID) == [snapshot(final=True)]


def test_a_try_is_noted_beside_what_was_taken(stores: Stores) -> None:
    stores.snapshots.note_try(FEATURE_ID, ["q", "r"], START)
    stores.snapshots.put(FEATURE_ID, snapshot())
    later = START + timedelta(minutes=1)
    stores.snapshots.note_try(FEATURE_ID, ["q"], later)
    assert stores.snapshots.taken(FEATURE_ID) == {
        "q": Taken(snapshot().day, snapshot().at, tried=later),
        "r": Taken(tried=START),
    }
    assert stores.snapshots.taken(8) == {}


def test_what_is_too_large_is_refused(dynamo_stores: Stores) -> None:
    long = ValueSums.of_decimals([Decimal("9" * 1000 + "." + "9" * 1000)])
    cells = tuple(Cell("a", str(n), long) for n in range(SNAPSHOT_BYTES // 12_000))
    fits = replace(snapshot(), sums=replace(SUMS, cells=cells[:-1]))
    assert dynamo_stores.snapshots.put(FEATURE_ID, fits)
    assert dynamo_stores.snapshots.of_experiment(FEATURE_ID) == [fits]
    larger = replace(snapshot(), sums=replace(SUMS, query_id="r", cells=cells * 2))
    with pytest.raises(Invalid, match="query r"):
        dynamo_stores.snapshots.put(FEATURE_ID, larger)
