"""The rules of `CatalogueStore` for flags and metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.audiences.filters import FilterMode, ListEntry
from chalicelib.domain.catalogue.catalogue import (
    Catalogue,
    CatalogueChange,
    Change,
    MetricChange,
    applied,
)
from chalicelib.domain.catalogue.faults import Fault
from chalicelib.domain.errors import Invalid, LostRace
from chalicelib.domain.experiments.experiments import State, StateChange
from chalicelib.domain.experiments.metrics import Metric, MetricType
from chalicelib.domain.features.features import Feature
from chalicelib.domain.features.result_plans import ResultPlan
from chalicelib.domain.flags.flags import Flag, FlagStatus
from chalicelib.services.stores import Stores
from chalicelib.storage.catalogue import feature_items
from tests.fakes.memory import START
from tests.unit.measure_samples import flag, metric
from tests.unit.upgrade_samples import segment
from tests.unit.upgrade_service_samples import design

LATER = START + timedelta(milliseconds=1001)
HUNDREDS = 600


def commit(stores: Stores, change: CatalogueChange) -> Catalogue:
    """Commit a change; what is stored then, which must be what the change makes of it."""
    before = stores.catalogue.load()
    revision = before.revision.following(START)
    stores.catalogue.commit(before.revision, revision, change)
    after = stores.catalogue.load()
    assert after == applied(before, revision, change)
    return after


def added(*metrics: Metric) -> CatalogueChange:
    return CatalogueChange(metrics=tuple(Change(None, each) for each in metrics))


def full_flag() -> Flag:
    return Flag(
        id="0b2e1f6c-3f1a-4c2e-9d51-6d3c0a7b1e01",
        feature_id=7,
        name="Näme #%",
        key="key \U0001f600",
        description="text",
        status=FlagStatus.ARCHIVED,
        context="home",
        tags=("one", "two"),
        filter_mode=FilterMode.EXCLUDE_ALL,
        include=(ListEntry("a", True, "Individual"), ListEntry("b", False, "group")),
        exclude=(ListEntry("c"),),
        created_at=START,
        updated_at=LATER,
        version=12,
    )


# Flags


@pytest.mark.parametrize("status", list(FlagStatus))
@pytest.mark.parametrize("mode", list(FilterMode))
def test_a_flag_comes_back_exactly_as_committed(
    stores: Stores, status: FlagStatus, mode: FilterMode
) -> None:
    full = replace(full_flag(), status=status, filter_mode=mode)
    spare = flag("spare", feature_id=3)
    change = CatalogueChange(flags=(Change(None, full), Change(None, spare)))
    assert commit(stores, change).flags == {full.id: full, "spare": spare}


@pytest.mark.parametrize("flag_id", ["a#b", "%23", "#", "é" * 600, "x" * 1000])
def test_the_id_of_a_flag_may_be_anything(stores: Stores, flag_id: str) -> None:
    made = {each: flag(each, feature_id=n) for n, each in enumerate((flag_id, flag_id + "#"))}
    change = CatalogueChange(flags=tuple(Change(None, each) for each in made.values()))
    assert commit(stores, change).flags == made


def test_a_flag_is_replaced_and_deleted_with_its_lists(stores: Stores) -> None:
    old, kept = flag("f", include=[ListEntry("s")]), flag("kept")
    segments = (Change(None, segment("s")), Change(None, segment("t")))
    commit(
        stores,
        CatalogueChange(flags=(Change(None, old), Change(None, kept)), segments=segments),
    )
    new = replace(old, name="new", key="other", version=2)
    assert commit(stores, CatalogueChange(flags=(Change(old, new),))).flags["f"] == new
    gone = CatalogueChange(flags=(Change(new, None),), segments=(Change(segment("s"), None),))
    after = commit(stores, gone)
    assert (list(after.flags), list(after.segments)) == (["kept"], ["t"])


def test_a_flag_that_fits_no_item_is_refused(dynamo_stores: Stores) -> None:
    before = dynamo_stores.catalogue.load()
    huge = replace(flag(), description="x" * 400_000)
    with pytest.raises(Invalid, match="the flag is too large"):
        commit(dynamo_stores, CatalogueChange(flags=(Change(None, huge),)))
    assert dynamo_stores.catalogue.load() == before


def test_a_plan_takes_room_of_the_item_and_so_does_the_run_before_it_starts(
    dynamo_stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    feature = Feature.of_design(1, design(state=State.INACTIVE, weights={"a": 100.0}), 1)
    commit(dynamo_stores, CatalogueChange(features=(Change(None, feature),)))
    size = feature_items.size_of(feature_items.designed(feature))
    monkeypatch.setattr(feature_items, "ROOM", 0)
    monkeypatch.setattr(feature_items, "ITEM_BYTES", size)
    planned = replace(feature, plan=ResultPlan(window=3))
    with pytest.raises(Invalid, match="the experiment is too large"):
        commit(dynamo_stores, CatalogueChange(features=(Change(feature, planned),)))
    begun = replace(feature, run=feature.first_run(START))
    after = commit(dynamo_stores, CatalogueChange(features=(Change(feature, begun),)))
    assert after.features == (begun,)
    own = replace(feature, id=2, design=None, variants=())
    after = commit(dynamo_stores, CatalogueChange(features=(Change(None, own),)))
    longer = replace(own, description="x" * size, plan=ResultPlan(window=3))
    with pytest.raises(Invalid, match="the experiment is too large"):
        commit(dynamo_stores, CatalogueChange(features=(Change(own, longer),)))
    assert dynamo_stores.catalogue.load() == after


def test_an_item_keeps_room_for_changes_of_state(
    dynamo_stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = design(weights={"a": 100.0})
    feature = Feature.of_design(1, made, 1)
    commit(dynamo_stores, CatalogueChange(features=(Change(None, feature),)))
    size = feature_items.size_of(feature_items.designed(feature))
    log = StateChange("id", State.INACTIVE, State.ENROLLING, START)
    moved = Feature.of_design(1, replace(made, state=State.PREVIEW, state_changes=(log,)), 1)
    longer = Feature.of_design(1, replace(made, name=f"{made.name}s"), 1)
    monkeypatch.setattr(feature_items, "ROOM", 400)
    monkeypatch.setattr(feature_items, "ITEM_BYTES", size + 400)
    with pytest.raises(Invalid, match=f"at most {size}"):
        commit(dynamo_stores, CatalogueChange(features=(Change(feature, longer),)))
    after = commit(dynamo_stores, CatalogueChange(features=(Change(feature, moved),)))
    assert after.features == (moved,)
    shorter = replace(made, name="", state=State.PREVIEW, state_changes=(log,))
    smaller = Feature.of_design(1, shorter, 1)
    after = commit(dynamo_stores, CatalogueChange(features=(Change(moved, smaller),)))
    assert after.features == (smaller,), "what becomes smaller may be larger than it may become"
    switched = flag()
    monkeypatch.setattr(feature_items, "ROOM", 0)
    commit(dynamo_stores, CatalogueChange(flags=(Change(None, switched),)))
    monkeypatch.setattr(feature_items, "ROOM", size)
    off = replace(switched, status=FlagStatus.DISABLED)
    assert commit(dynamo_stores, CatalogueChange(flags=(Change(switched, off),))).flags["f"] == off


def test_faults_come_back_as_committed_until_there_are_none(stores: Stores) -> None:
    faults = {"e": Fault("the experiment is too large", START)}
    assert commit(stores, CatalogueChange(faults=faults)).faults == faults
    assert commit(stores, CatalogueChange(flags=(Change(None, flag()),))).faults == faults
    assert commit(stores, CatalogueChange(faults={})).faults == {}


# Metrics


def test_metrics_come_back_exactly_as_committed(stores: Stores) -> None:
    made = [
        Metric("grade", MetricType.CATEGORICAL, ("A", "é#%", ""), ("home", "add"), START, LATER, 3),
        Metric("none", MetricType.CATEGORICAL, (), (), START, START, 1),
        metric("a@__@b@__@c"),
        metric("#%\U0001f600"),
        metric("x" * 5000),
    ]
    assert commit(stores, added(*made)).metrics == {each.key: each for each in made}


def test_hundreds_of_metrics_are_committed_replaced_and_deleted_at_once(stores: Stores) -> None:
    old = [metric(f"class@__@key {n}@__@attribute") for n in range(HUNDREDS)]
    assert len(commit(stores, added(*old)).metrics) == HUNDREDS
    new = [replace(each, version=2) for each in old]
    replaced: Sequence[MetricChange] = [Change(*pair) for pair in zip(old, new, strict=True)]
    assert commit(stores, CatalogueChange(metrics=tuple(replaced))).metrics[new[7].key].version == 2
    some: Sequence[MetricChange] = [Change(each, None) for each in new[1:]]
    after = commit(stores, CatalogueChange(metrics=tuple(some)))
    assert after.metrics == {new[0].key: new[0]}
    last: MetricChange = Change(new[0], None)
    assert commit(stores, CatalogueChange(metrics=(last,))).metrics == {}


def test_metrics_go_with_flags_and_segments_in_one_commit(stores: Stores) -> None:
    change = CatalogueChange(
        flags=(Change(None, flag()),),
        segments=(Change(None, segment("s")),),
        metrics=(Change(None, metric("time")),),
    )
    after = commit(stores, change)
    assert (len(after.flags), len(after.segments), len(after.metrics)) == (1, 1, 1)


def test_a_commit_of_metrics_on_an_old_revision_changes_nothing(stores: Stores) -> None:
    old = stores.catalogue.load()
    commit(stores, added(*(metric(f"{n}") for n in range(40))))
    before = stores.catalogue.load()
    change = replace(
        added(*(metric(f"other {n}") for n in range(40))), flags=(Change(None, flag()),)
    )
    with pytest.raises(LostRace):
        stores.catalogue.commit(old.revision, old.revision.following(START), change)
    assert stores.catalogue.load() == before


def test_metrics_that_would_not_fit_a_transaction_are_refused(dynamo_stores: Stores) -> None:
    before = commit(dynamo_stores, added(metric("time")))
    text = ("x" * 1000,)
    huge = [replace(metric(f"{n}"), allowed_values=text) for n in range(3400)]
    with pytest.raises(Invalid, match="metrics is too large"):
        commit(dynamo_stores, added(*huge))
    assert dynamo_stores.catalogue.load() == before
    large = [replace(metric(f"{n}"), allowed_values=text) for n in range(2200)]
    assert len(commit(dynamo_stores, added(*large)).metrics) == 2201


def test_clearing_leaves_no_flags_and_metrics(stores: Stores) -> None:
    commit(stores, replace(added(metric("time")), flags=(Change(None, flag()),)))
    stores.eraser.clear(lambda: START, timedelta(0))
    after = stores.catalogue.load()
    assert (after.flags, after.metrics) == ({}, {})
