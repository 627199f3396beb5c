"""The items of the catalogue, as they are read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from chalicelib.domain.catalogue.catalogue import (
    Catalogue,
    ClientSettings,
    Revision,
)
from chalicelib.domain.experiments.metrics import Metric
from chalicelib.domain.features.blocks import FREE_BLOCKS, UserBlock
from chalicelib.domain.features.features import Feature, FeatureType, Variant
from chalicelib.storage.catalogue.designs import (
    fault_of,
    flag_of,
    from_values,
    key_of,
    metric_of,
    segment_of,
)
from chalicelib.storage.catalogue.result_plans import plan_of, run_of
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.stored_forms import read_as, word
from chalicelib.storage.dynamodb.tables import (
    CatalogueRow,
    ConfigRow,
    FeatureRow,
    PartRow,
    UserBlocksTable,
)


def metrics_of(rows: Iterable[PartRow | CatalogueRow]) -> list[Metric]:
    return [metric_of(values) for row in rows for values in row.data.values()]


def is_whole(
    config: ConfigRow, items: Mapping[str, CatalogueRow], blocks: Mapping[int, UserBlocksTable]
) -> bool:
    """Whether all that the last commit wrote was there to be read.

    Several reads are not isolated from a transaction: its new revision may be seen a moment
    before its other items. What was read between must not be kept under that revision.
    """
    written = config.written

    def has(rows: Mapping[Any, Any], row_id: Any) -> bool:
        return row_id in rows and rows[row_id].version >= config.version

    return (
        all(has(items, pk) for pk in written.get("items", ()))
        and all(has(blocks, block_id) for block_id in written.get("blocks", ()))
        and not any(pk in items for pk in written.get("gone", ()))
    )


def catalogue_of(
    config: ConfigRow | None,
    items: Mapping[str, CatalogueRow],
    blocks: Mapping[int, UserBlocksTable],
) -> Catalogue:
    def of(prefix: str) -> list[CatalogueRow]:
        return [row for pk, row in items.items() if pk.startswith(prefix)]

    features = [feature_of(row) for row in of(keys.feature_prefix())]
    segments = [segment_of(row.data) for row in of(keys.segment_prefix())]
    flags = [flag_of(row.data) for row in of(keys.flag_prefix())]
    return Catalogue(
        Revision() if config is None else revision_of(config),
        tuple(sorted(features, key=lambda feature: feature.id)),
        tuple(block_of(block, blocks.get(block.id)) for block in FREE_BLOCKS),
        {segment.id: segment for segment in segments},
        read_as(ClientSettings, (config and config.settings) or {}),
        {flag.id: flag for flag in sorted(flags, key=lambda flag: flag.feature_id)},
        {metric.key: metric for metric in metrics_of(of(keys.metrics_prefix()))},
        tuple(key_of(values) for values in ((config and config.keys) or ())),
        {
            experiment_id: fault_of(values)
            for row in of(keys.FAULTS)
            for experiment_id, values in row.data.items()
        },
    )


def revision_of(row: ConfigRow) -> Revision:
    as_of = date.fromisoformat(row.as_of)
    return Revision(int(row.version), int(row.last_modified), as_of, bool(row.shared))


def block_of(block: UserBlock, row: UserBlocksTable | None) -> UserBlock:
    if row is None or row.feature_id is None:
        return block
    return replace(block, feature_id=int(row.feature_id))


def feature_of(row: FeatureRow) -> Feature:
    """The feature that an item holds; one of a type that is not known here is a toggle, and off."""
    feature_id = int(row.id)
    plan = None if row.plan is None else plan_of(row.plan)
    run = None if row.run is None else run_of(row.run)
    if row.design is not None:
        design = from_values(row.design)
        return Feature.of_design(feature_id, design, int(row.totals_shards), plan, run)
    kind = word(int(row.type), FeatureType.TOGGLE)
    return Feature(
        id=feature_id,
        type=kind,
        name=row.name,
        start_date=date.fromisoformat(row.start_date),
        end_date=date.fromisoformat(row.end_date),
        is_running=row.is_running and kind == row.type,
        user_percentage=Decimal(row.user_percentage),
        description=row.description,
        totals_shards=int(row.totals_shards),
        variants=tuple(
            Variant(copy["id"], feature_id, copy["value"], copy["control"], Decimal(copy["weight"]))
            for copy in row.variants
        ),
        plan=plan,
        run=run,
    )
