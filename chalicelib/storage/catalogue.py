"""The catalogue in DynamoDB."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from pynamodb.transactions import TransactWrite

from chalicelib.domain.blocks import FREE_BLOCKS, UserBlock
from chalicelib.domain.catalogue import Catalogue, CatalogueChange, FeatureChange, Revision
from chalicelib.domain.features import Feature, FeatureType, Variant
from chalicelib.storage import keys
from chalicelib.storage.connection import store_errors, transaction
from chalicelib.storage.purge import to_row
from chalicelib.storage.sequences import reserve
from chalicelib.storage.tables import ConfigRow, FeatureRow, UserBlocksTable, VariantRow


class DynamoCatalogueStore:
    """`CatalogueStore` on the tables `features`, `variants` and `userblocks`."""

    @store_errors()
    def revision(self) -> Revision:
        try:
            row = ConfigRow.get(keys.CONFIG, consistent_read=True)
        except ConfigRow.DoesNotExist:
            return Revision()
        return Revision(int(row.version), int(row.last_modified), date.fromisoformat(row.as_of))

    @store_errors()
    def load(self, revision: Revision) -> Catalogue:
        features = [
            _feature(row)
            for row in FeatureRow.scan(
                FeatureRow.pk.startswith(keys.feature_prefix()), consistent_read=True
            )
        ]
        owners = {int(row.id): row.feature_id for row in UserBlocksTable.scan(consistent_read=True)}
        blocks = tuple(
            UserBlock(block.id, block.name, _optional_int(owners.get(block.id)))
            for block in FREE_BLOCKS
        )
        features.sort(key=lambda feature: feature.id)
        return Catalogue(revision, tuple(features), blocks)

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
                ],
                condition=unchanged,
            )
            for feature_change in change.features:
                _write_feature(write, feature_change)
            for block in change.blocks:
                write.save(UserBlocksTable(block.id, feature_id=block.feature_id))
            if change.dead is not None:
                write.save(to_row(change.dead))

    def new_feature_id(self) -> int:
        return reserve("feature", 1)[0]

    def new_variant_ids(self, count: int) -> Sequence[int]:
        return reserve("variant", count)


def _write_feature(write: TransactWrite, change: FeatureChange) -> None:
    before, after = change.before, change.after
    gone = set(before.variants if before else ()) - set(after.variants if after else ())
    for variant in gone:
        write.delete(VariantRow(variant.feature_id, keys.variant(variant.id)))
    if after is None:
        assert before is not None  # noqa: S101 - a change has one of them
        write.delete(FeatureRow(keys.feature(before.id)))
        return
    for variant in set(after.variants) - set(before.variants if before else ()):
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
        ],
    )


def _feature(row: FeatureRow) -> Feature:
    feature_id = int(row.id)
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


def _optional_int(number: float | None) -> int | None:
    return None if number is None else int(number)
