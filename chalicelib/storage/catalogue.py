"""The catalogue in DynamoDB."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date
from decimal import Decimal
from typing import Any

from pynamodb.transactions import TransactWrite

from chalicelib.domain.blocks import FREE_BLOCKS, UserBlock
from chalicelib.domain.catalogue import (
    Catalogue,
    CatalogueChange,
    ClientSettings,
    FeatureChange,
    Revision,
    SegmentChange,
)
from chalicelib.domain.errors import Invalid
from chalicelib.domain.features import Feature, FeatureType, Variant
from chalicelib.services.attempts import attempts
from chalicelib.storage import keys
from chalicelib.storage.connection import store_errors, transaction
from chalicelib.storage.designs import from_values, segment_of, segment_values, to_values
from chalicelib.storage.purge import to_row
from chalicelib.storage.sequences import reserve
from chalicelib.storage.tables import (
    CompactJson,
    ConfigRow,
    FeatureRow,
    SegmentRow,
    UserBlocksTable,
    VariantRow,
)

ITEM_BYTES = 380_000
"""Bytes of JSON in one item, which may have 400 KB in all."""


class DynamoCatalogueStore:
    """`CatalogueStore` on the tables `features`, `variants` and `userblocks`."""

    @store_errors()
    def revision(self) -> Revision:
        try:
            row = ConfigRow.get(keys.CONFIG, consistent_read=True)
        except ConfigRow.DoesNotExist:
            return Revision()
        return _revision(row)

    @store_errors()
    def load(self) -> Catalogue:
        tries = attempts("the catalogue")
        while True:
            next(tries)
            config = next(ConfigRow.query(keys.CONFIG, consistent_read=True), None)
            features = {
                int(row.id): row
                for row in FeatureRow.scan(
                    FeatureRow.pk.startswith(keys.feature_prefix()), consistent_read=True
                )
            }
            segments = {
                row.pk: row
                for row in SegmentRow.scan(
                    SegmentRow.pk.startswith(keys.segment_prefix()), consistent_read=True
                )
            }
            blocks = {int(row.id): row for row in UserBlocksTable.scan(consistent_read=True)}
            if config is None or _is_whole(config, features, blocks, segments):
                return Catalogue(
                    Revision() if config is None else _revision(config),
                    tuple(_feature(features[feature_id]) for feature_id in sorted(features)),
                    tuple(_block(block, blocks.get(block.id)) for block in FREE_BLOCKS),
                    {s.id: s for s in map(segment_of, segments.values())},
                    ClientSettings(**((config and config.settings) or {})),
                )

    def commit(self, base: Revision, revision: Revision, change: CatalogueChange) -> None:
        unchanged = (
            ConfigRow.version == base.version if base.version else ConfigRow.pk.does_not_exist()
        )
        assert revision.as_of is not None  # noqa: S101 - Revision.following always sets it
        with transaction() as write:
            write.update(
                ConfigRow(keys.CONFIG),
                actions=[
                    ConfigRow.version.set(revision.version),
                    ConfigRow.last_modified.set(revision.last_modified),
                    ConfigRow.as_of.set(revision.as_of.isoformat()),
                    ConfigRow.written.set(_written(change)),
                    *(
                        [ConfigRow.settings.set(asdict(change.settings))]
                        if change.settings is not None
                        else []
                    ),
                ],
                condition=unchanged,
            )
            for feature_change in change.features:
                _write_feature(write, feature_change, revision.version)
            for block in change.blocks:
                write.save(
                    UserBlocksTable(block.id, feature_id=block.feature_id, version=revision.version)
                )
            for segment_change in change.segments:
                _write_segment(write, segment_change, revision.version)
            if change.dead is not None:
                write.save(to_row(change.dead))

    def new_feature_id(self) -> int:
        return reserve("feature", 1)[0]

    def new_variant_ids(self, count: int) -> Sequence[int]:
        return reserve("variant", count)


def _written(change: CatalogueChange) -> dict[str, list[Any]]:
    """The ids of what a commit leaves and of what it removes, for `_is_whole`."""
    return {
        "features": [c.after.id for c in change.features if c.after is not None],
        "gone": [c.before.id for c in change.features if c.before and c.after is None],
        "blocks": [block.id for block in change.blocks],
        "segments": [keys.segment(c.after.id) for c in change.segments if c.after is not None],
        "gone_segments": [
            keys.segment(c.before.id) for c in change.segments if c.before and c.after is None
        ],
    }


def _is_whole(
    config: ConfigRow,
    features: Mapping[int, FeatureRow],
    blocks: Mapping[int, UserBlocksTable],
    segments: Mapping[str, SegmentRow],
) -> bool:
    """Whether all that the last commit wrote was there to be read.

    Several reads are not isolated from a transaction: its new revision may be seen a moment
    before its other items. What was read between must not be kept under that revision.
    """
    written = config.written

    def has(rows: Mapping[Any, Any], row_id: Any) -> bool:
        return row_id in rows and rows[row_id].version >= config.version

    return (
        all(has(features, feature_id) for feature_id in written["features"])
        and all(has(blocks, block_id) for block_id in written["blocks"])
        and all(has(segments, key) for key in written["segments"])
        and not any(feature_id in features for feature_id in written["gone"])
        and not any(key in segments for key in written["gone_segments"])
    )


def _write_feature(write: TransactWrite, change: FeatureChange, version: int) -> None:
    before, after = change.before, change.after
    old = set(before.variants if before else ())
    new = set(after.variants if after else ())
    for variant_id, feature_id in {(v.id, v.feature_id) for v in old} - {
        (v.id, v.feature_id) for v in new
    }:
        write.delete(VariantRow(feature_id, keys.variant(variant_id)))
    if after is None:
        assert before is not None  # noqa: S101 - a change has one of them
        write.delete(FeatureRow(keys.feature(before.id)))
        return
    for variant in new - old:
        write.save(_variant_row(variant))
    # An update, not a put: attributes that a newer version of this code wrote stay.
    write.update(
        FeatureRow(keys.feature(after.id)),
        actions=[
            FeatureRow.id.set(after.id),
            FeatureRow.type.set(int(after.type)),
            FeatureRow.name.set(after.name),
            FeatureRow.start_date.set(after.start_date.isoformat()),
            FeatureRow.end_date.set(after.end_date.isoformat()),
            FeatureRow.is_running.set(after.is_running),
            FeatureRow.user_percentage.set(_text(after.user_percentage)),
            FeatureRow.description.remove()
            if after.description is None
            else FeatureRow.description.set(after.description),
            FeatureRow.totals_shards.set(after.totals_shards),
            FeatureRow.variants.set([_variant_copy(variant) for variant in after.variants]),
            FeatureRow.design.remove()
            if after.design is None
            else FeatureRow.design.set(_fitting(to_values(after.design), "the experiment")),
            FeatureRow.version.set(version),
        ],
        condition=FeatureRow.pk.does_not_exist() if before is None else FeatureRow.pk.exists(),
    )


def _write_segment(write: TransactWrite, change: SegmentChange, version: int) -> None:
    if change.after is not None:
        write.save(
            SegmentRow(
                keys.segment(change.after.id),
                data=_fitting(segment_values(change.after), "the segment"),
                version=version,
            )
        )
    elif change.before is not None:
        write.delete(SegmentRow(keys.segment(change.before.id)))


def _fitting(values: dict[str, Any], what: str) -> dict[str, Any]:
    """`values`, if they fit an item.

    Raises:
        Invalid: if not.
    """
    size = len(CompactJson().serialize(values).encode())
    if size > ITEM_BYTES:
        raise Invalid(f"{what} is too large: {size} bytes, of at most {ITEM_BYTES}")
    return values


def _revision(row: ConfigRow) -> Revision:
    return Revision(int(row.version), int(row.last_modified), date.fromisoformat(row.as_of))


def _block(block: UserBlock, row: UserBlocksTable | None) -> UserBlock:
    if row is None or row.feature_id is None:
        return block
    return replace(block, feature_id=int(row.feature_id))


def _feature(row: FeatureRow) -> Feature:
    feature_id = int(row.id)
    if row.design is not None:
        return Feature.of_design(feature_id, from_values(row.design), int(row.totals_shards))
    return Feature(
        id=feature_id,
        type=FeatureType(int(row.type)),
        name=row.name,
        start_date=date.fromisoformat(row.start_date),
        end_date=date.fromisoformat(row.end_date),
        is_running=row.is_running,
        user_percentage=Decimal(row.user_percentage),
        description=row.description,
        totals_shards=int(row.totals_shards),
        variants=tuple(
            Variant(copy["id"], feature_id, copy["value"], copy["control"], Decimal(copy["weight"]))
            for copy in row.variants
        ),
    )


def _variant_copy(variant: Variant) -> dict[str, Any]:
    return {
        "id": variant.id,
        "value": variant.value,
        "control": variant.is_control,
        "weight": _text(variant.weight),
    }


def _variant_row(variant: Variant) -> VariantRow:
    return VariantRow(
        variant.feature_id,
        keys.variant(variant.id),
        id=variant.id,
        value=variant.value,
        is_control=variant.is_control,
        weight=_text(variant.weight),
    )


def _text(number: Decimal) -> str:
    return format(number, "f")
