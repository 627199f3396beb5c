"""The rules of `CatalogueStore`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.domain.catalogue.catalogue import (
    CatalogueChange,
    Change,
    FeatureChange,
    Revision,
    applied,
)
from chalicelib.domain.catalogue.purge import DeadVariants
from chalicelib.domain.errors import LostRace
from chalicelib.domain.features.blocks import FREE_BLOCKS
from chalicelib.domain.features.features import Feature, FeatureType, Variant
from chalicelib.services.stores import Stores
from chalicelib.storage.catalogue.catalogue import DynamoCatalogueStore
from chalicelib.storage.catalogue.clear import DynamoEraser
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.tables import TABLES, CatalogueRow, UserBlocksTable
from tests.unit.measure_samples import flag, metric
from tests.unit.upgrade_samples import segment

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)


def make_feature(feature_id: int, *, variants: int = 2) -> Feature:
    return Feature(
        feature_id,
        FeatureType.EXPERIMENT,
        f"näme {feature_id}",
        date(2026, 1, 1),
        date(2026, 12, 31),
        True,
        Decimal("0.50"),
        None,
        3,
        tuple(
            Variant(feature_id * 100 + i, feature_id, f"v{i}", i == 0, Decimal("0.1230"))
            for i in range(variants)
        ),
    )


def commit(stores: Stores, change: CatalogueChange) -> Revision:
    base = stores.catalogue.revision()
    stores.catalogue.commit(base, base.following(NOW), change)
    return base


def test_what_was_committed_is_loaded_digit_by_digit(stores: Stores) -> None:
    feature = make_feature(7)
    commit(stores, CatalogueChange(features=(FeatureChange(None, feature),)))
    revision = stores.catalogue.revision()
    catalogue = stores.catalogue.load()
    assert catalogue.revision == revision
    assert catalogue.features == (feature,)
    assert str(catalogue.features[0].variants[0].weight) == "0.1230"
    assert str(catalogue.features[0].user_percentage) == "0.50"


def test_a_commit_on_an_old_revision_changes_nothing(stores: Stores) -> None:
    base = commit(stores, CatalogueChange(features=(FeatureChange(None, make_feature(1)),)))
    before = stores.catalogue.load()
    change = CatalogueChange(
        features=(FeatureChange(None, make_feature(2)),),
        blocks=(replace(before.blocks[0], feature_id=2),),
    )
    with pytest.raises(LostRace):
        stores.catalogue.commit(base, base.following(NOW), change)
    assert stores.catalogue.load() == before


@pytest.mark.parametrize("after_variants", [0, 1, 3])
def test_the_store_holds_what_a_change_makes_of_the_catalogue(
    stores: Stores, after_variants: int
) -> None:
    before = replace(make_feature(1), description="old")
    gone = make_feature(2)
    commit(
        stores,
        CatalogueChange(features=(FeatureChange(None, before), FeatureChange(None, gone))),
    )
    loaded = stores.catalogue.load()
    change = CatalogueChange(
        features=(
            FeatureChange(before, make_feature(1, variants=after_variants)),
            FeatureChange(gone, None),
        ),
        blocks=tuple(replace(block, feature_id=1) for block in loaded.blocks[3:5]),
    )
    commit(stores, change)
    revision = stores.catalogue.revision()
    assert stores.catalogue.load() == applied(loaded, revision, change)


def test_an_owned_block_can_be_freed(stores: Stores) -> None:
    block = stores.catalogue.load().blocks[19]
    commit(stores, CatalogueChange(blocks=(replace(block, feature_id=-3),)))
    assert stores.catalogue.load().blocks[19].feature_id == -3
    commit(stores, CatalogueChange(blocks=(block,)))
    assert stores.catalogue.load().blocks[19] == block


def test_a_commit_puts_dead_variants_into_the_queue(stores: Stores) -> None:
    entry = DeadVariants.now(1, (100, 101), NOW)
    assert entry is not None
    commit(stores, CatalogueChange(dead=entry))
    assert stores.queue.due(entry.due - timedelta(milliseconds=1)) == []
    assert list(stores.queue.due(entry.due)) == [entry]


def test_ids_are_never_given_out_twice_not_even_after_clearing(stores: Stores) -> None:
    features = [stores.catalogue.new_feature_id() for _ in range(3)]
    variants = [*stores.catalogue.new_variant_ids(20), *stores.catalogue.new_variant_ids(1)]
    event = stores.events.new_id()
    stores.eraser.clear(lambda: NOW, timedelta(0))
    assert stores.catalogue.new_feature_id() > max(features)
    assert stores.catalogue.new_variant_ids(1)[0] > max(variants)
    assert stores.events.new_id() > event
    assert len(set(features)) == 3
    assert variants == sorted(set(variants))


def test_clearing_is_dated_when_it_is_done_however_long_it_takes(
    dynamo_stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(dynamo_stores, CatalogueChange(features=(FeatureChange(None, make_feature(1)),)))
    now = datetime(2035, 1, 1, tzinfo=UTC)
    emptied: list[Any] = []
    dated: list[int] = []

    def clock() -> datetime:
        return now + timedelta(minutes=len(emptied))

    def committed(_: object, __: Revision, revision: Revision, ___: CatalogueChange) -> None:
        dated.append(revision.last_modified)

    monkeypatch.setattr(DynamoEraser, "_empty", lambda _, table: emptied.append(table))
    monkeypatch.setattr(DynamoCatalogueStore, "commit", committed)
    dynamo_stores.eraser.clear(clock, timedelta(0))
    assert emptied == list(TABLES)
    assert dated[-1] == int(clock().timestamp()) + 1


def test_clearing_leaves_nothing_and_moves_the_revision_on(stores: Stores) -> None:
    feature = make_feature(1)
    entry = DeadVariants.now(1, (100,), NOW)
    commit(stores, CatalogueChange(features=(FeatureChange(None, feature),), dead=entry))
    before = stores.catalogue.revision()
    stores.eraser.clear(lambda: NOW, timedelta(0))
    after = stores.catalogue.revision()
    assert stores.catalogue.load().features == ()
    assert stores.queue.due(NOW + timedelta(days=1)) == []
    assert after.version > before.version
    assert not after.validity(NOW).covers(before.last_modified)


@pytest.mark.parametrize("lagging", ["feature", "block", "deletion"])
def test_a_scan_that_lags_behind_the_revision_is_made_again(
    dynamo_stores: Stores, monkeypatch: pytest.MonkeyPatch, lagging: str
) -> None:
    """Reads of several items are not isolated from a transaction; this cannot be seen locally."""
    stores = dynamo_stores
    first, second = make_feature(1), make_feature(2)
    commit(stores, CatalogueChange(features=(FeatureChange(None, first),)))
    table: Any = UserBlocksTable if lagging == "block" else CatalogueRow
    scan = table.scan
    before = list(scan(consistent_read=True))
    if lagging != "block":
        before = [row for row in before if row.pk == "feature#1"]
    changes = {
        "feature": CatalogueChange(features=(FeatureChange(None, second),)),
        "block": CatalogueChange(blocks=(replace(FREE_BLOCKS[0], feature_id=1),)),
        "deletion": CatalogueChange(features=(FeatureChange(first, None),)),
    }
    commit(stores, changes[lagging])
    expected = stores.catalogue.load()
    stale = [before]
    monkeypatch.setattr(table, "scan", lambda *a, **k: stale.pop() if stale else scan(*a, **k))
    assert stores.catalogue.load() == expected
    assert stale == []


A_FLAG, A_METRIC = flag("a", feature_id=1), metric("a")
ANOTHER = next(m for m in map(metric, "bcdefgh") if keys.metrics(m.key) != keys.metrics("a"))
"""A metric that is not kept in the same item."""


@pytest.mark.parametrize(
    "change",
    [
        CatalogueChange(flags=(Change(None, flag("b", feature_id=2)),)),
        CatalogueChange(flags=(Change(A_FLAG, replace(A_FLAG, name="new")),)),
        CatalogueChange(flags=(Change(A_FLAG, None),)),
        CatalogueChange(metrics=(Change(None, ANOTHER),)),
        CatalogueChange(metrics=(Change(A_METRIC, replace(A_METRIC, version=2)),)),
        CatalogueChange(metrics=(Change(A_METRIC, None),)),
        CatalogueChange(segments=(Change(None, segment("s")),)),
    ],
    ids=lambda change: "-".join(n for n in ("flags", "metrics", "segments") if getattr(change, n)),
)
def test_a_scan_that_lags_behind_a_flag_or_a_metric_is_made_again(
    dynamo_stores: Stores, monkeypatch: pytest.MonkeyPatch, change: CatalogueChange
) -> None:
    stores = dynamo_stores
    made = CatalogueChange(flags=(Change(None, A_FLAG),), metrics=(Change(None, A_METRIC),))
    commit(stores, made)
    scan: Any = CatalogueRow.scan
    before = [row for row in scan(consistent_read=True) if row.pk.startswith(("flag#", "metrics#"))]
    assert len(before) == 2
    commit(stores, change)
    expected = stores.catalogue.load()
    stale = [before]
    monkeypatch.setattr(
        CatalogueRow, "scan", lambda *a, **k: stale.pop() if stale else scan(*a, **k)
    )
    assert stores.catalogue.load() == expected
    assert stale == []
