"""The catalogue in DynamoDB."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from pynamodb.transactions import TransactWrite

from chalicelib.domain.catalogue.catalogue import (
    Catalogue,
    CatalogueChange,
    Change,
    ClientSettings,
    FeatureChange,
    MetricChange,
    Revision,
    changed,
)
from chalicelib.domain.errors import Invalid
from chalicelib.domain.experiments.metrics import Metric
from chalicelib.domain.features.blocks import FREE_BLOCKS, UserBlock
from chalicelib.domain.features.features import Feature, FeatureType, Variant
from chalicelib.domain.flags.flags import Flag
from chalicelib.services.running.retries import retries
from chalicelib.storage.access.idempotency import transaction_once
from chalicelib.storage.catalogue.designs import (
    fault_of,
    fault_values,
    flag_of,
    flag_values,
    from_values,
    key_of,
    key_values,
    metric_of,
    metric_values,
    segment_of,
    segment_values,
    to_values,
)
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import store_errors
from chalicelib.storage.dynamodb.metering import sent_once
from chalicelib.storage.dynamodb.sequences import reserve
from chalicelib.storage.dynamodb.stored_forms import read_as, word
from chalicelib.storage.dynamodb.tables import (
    CatalogueRow,
    CompactJson,
    ConfigRow,
    FeatureRow,
    PartRow,
    UserBlocksTable,
    VariantRow,
)
from chalicelib.storage.features.purge import to_row

T = TypeVar("T")

REVISION = ["version", "last_modified", "as_of", "shared"]
"""What a request needs of the item of the revision, which holds the API keys and more."""

ITEM_BYTES = 380_000
"""Bytes of JSON in one item, which may have 400 KB in all."""

ROOM = ITEM_BYTES // 100
"""Bytes of these that only changes of state may use, so that there is room for them."""

OF_STATE = frozenset(
    {"state", "state_changes", "started_at", "start_on", "status", "updated_at", "version"}
)
"""Fields that a change of state touches."""

METRICS_BYTES = 3_200_000 // keys.METRIC_CHUNKS
"""The same of metrics: all their items fit one transaction, which may have 4 MB."""


class DynamoCatalogueStore:
    """`CatalogueStore` on the tables `features`, `variants` and `userblocks`."""

    @store_errors()
    def revision(self) -> Revision:
        try:
            row = ConfigRow.get(keys.CONFIG, consistent_read=True, attributes_to_get=REVISION)
        except ConfigRow.DoesNotExist:
            return Revision()
        return _revision(row)

    @store_errors()
    def load(self) -> Catalogue:
        tries = retries("the catalogue")
        while True:
            next(tries)
            config = next(ConfigRow.query(keys.CONFIG, consistent_read=True), None)
            rows = {row.pk: row for row in CatalogueRow.scan(consistent_read=True)}
            blocks = {int(row.id): row for row in UserBlocksTable.scan(consistent_read=True)}
            if config is None or _is_whole(config, rows, blocks):
                return _catalogue(config, rows, blocks)

    def commit(self, base: Revision, revision: Revision, change: CatalogueChange) -> None:
        unchanged = (
            ConfigRow.version == base.version if base.version else ConfigRow.pk.does_not_exist()
        )
        assert revision.as_of is not None  # noqa: S101 - Revision.following always sets it
        parts = _changed_parts(change)
        # Its date counts on its being stored within one attempt's time.
        with sent_once(), transaction_once(change.record) as write:
            write.update(
                ConfigRow(keys.CONFIG),
                actions=[
                    ConfigRow.version.set(revision.version),
                    ConfigRow.last_modified.set(revision.last_modified),
                    ConfigRow.as_of.set(revision.as_of.isoformat()),
                    ConfigRow.shared.set(True) if revision.shared else ConfigRow.shared.remove(),
                    ConfigRow.written.set(_written(change, parts)),
                    *(
                        [ConfigRow.settings.set(asdict(change.settings))]
                        if change.settings is not None
                        else []
                    ),
                    *(
                        [ConfigRow.keys.set([key_values(key) for key in change.keys])]
                        if change.keys is not None
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
            for pk, values in parts.items():
                if values is None:
                    write.delete(PartRow(pk))
                else:
                    write.save(PartRow(pk, data=values, version=revision.version))
            if change.dead is not None:
                write.save(to_row(change.dead))
            if change.loose is not None:
                write.save(to_row(change.loose))

    def new_feature_id(self) -> int:
        return reserve("feature", 1)[0]

    def new_variant_ids(self, count: int) -> Sequence[int]:
        return reserve("variant", count)


Parts = Mapping[str, dict[str, Any] | None]
"""What items hold after a change, by partition key; None where there is none any more."""


def _changed_parts(change: CatalogueChange) -> Parts:
    """The items of segments, flags, faults and metrics that a change touches.

    Raises:
        Invalid: if one of them is larger than an item may be.
    """
    parts: dict[str, dict[str, Any] | None] = {}
    for segment in change.segments:
        parts[keys.segment(_either(segment).id)] = (
            _fitting(segment_values(segment.after), "the segment") if segment.after else None
        )
    for flag in change.flags:
        parts[keys.flag(_either(flag).id)] = (
            _roomy(_flag_values(flag.before), flag_values(flag.after), "the flag")
            if flag.after
            else None
        )
    if change.faults is not None:
        faults = {key: fault_values(each) for key, each in change.faults.items()}
        parts[keys.FAULTS] = _fitting(faults, "what is known of faults") if faults else None
    return {**parts, **_metric_parts(change.metrics)}


def _flag_values(flag: Flag | None) -> dict[str, Any] | None:
    return None if flag is None else flag_values(flag)


def _either(change: Change[T]) -> T:
    thing = change.before if change.after is None else change.after
    assert thing is not None  # noqa: S101 - a change has one of them
    return thing


@store_errors()
def _metric_parts(changes: Sequence[MetricChange]) -> Parts:
    """The items of metrics as they will be.

    They are read here, after the revision that the commit insists on: if another commit changes
    them in between, this one is lost.
    """
    by_item: defaultdict[str, list[MetricChange]] = defaultdict(list)
    for change in changes:
        by_item[keys.metrics(_either(change).key)].append(change)
    parts = {}
    for pk, own in by_item.items():
        row = next(PartRow.query(pk, consistent_read=True), None)
        stored = {metric.key: metric for metric in _metrics([row] if row else [])}
        after = changed(stored, own, lambda metric: metric.key)
        values = {key: metric_values(metric) for key, metric in after.items()}
        parts[pk] = _fitting(values, "what is known of metrics", METRICS_BYTES)
    return parts


def _metrics(rows: Iterable[PartRow | CatalogueRow]) -> list[Metric]:
    return [metric_of(values) for row in rows for values in row.data.values()]


def _written(change: CatalogueChange, parts: Parts) -> dict[str, list[Any]]:
    """The keys of what a commit leaves and of what it removes, for `_is_whole`."""
    items: dict[str, object] = {
        **{keys.feature(_either(each).id): each.after for each in change.features},
        **parts,
    }
    return {
        "items": [pk for pk, after in items.items() if after is not None],
        "gone": [pk for pk, after in items.items() if after is None],
        "blocks": [block.id for block in change.blocks],
    }


def _is_whole(
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


def _catalogue(
    config: ConfigRow | None,
    items: Mapping[str, CatalogueRow],
    blocks: Mapping[int, UserBlocksTable],
) -> Catalogue:
    def of(prefix: str) -> list[CatalogueRow]:
        return [row for pk, row in items.items() if pk.startswith(prefix)]

    features = [_feature(row) for row in of(keys.feature_prefix())]
    segments = [segment_of(row.data) for row in of(keys.segment_prefix())]
    flags = [flag_of(row.data) for row in of(keys.flag_prefix())]
    return Catalogue(
        Revision() if config is None else _revision(config),
        tuple(sorted(features, key=lambda feature: feature.id)),
        tuple(_block(block, blocks.get(block.id)) for block in FREE_BLOCKS),
        {segment.id: segment for segment in segments},
        read_as(ClientSettings, (config and config.settings) or {}),
        {flag.id: flag for flag in sorted(flags, key=lambda flag: flag.feature_id)},
        {metric.key: metric for metric in _metrics(of(keys.metrics_prefix()))},
        tuple(key_of(values) for values in ((config and config.keys) or ())),
        {
            experiment_id: fault_of(values)
            for row in of(keys.FAULTS)
            for experiment_id, values in row.data.items()
        },
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
            else FeatureRow.design.set(_design_of(before, after)),
            FeatureRow.version.set(version),
        ],
        condition=FeatureRow.pk.does_not_exist() if before is None else FeatureRow.pk.exists(),
    )


def _design_of(before: Feature | None, after: Feature) -> dict[str, Any]:
    """The design of a feature, if the item has room for it and for what repeats parts of it.

    Raises:
        Invalid: if not.
    """
    values = _designed(after)
    _roomy(None if before is None else _designed(before), values, "the experiment")
    design: dict[str, Any] = values["design"]
    return design


def _designed(feature: Feature) -> dict[str, Any]:
    """What an item holds for the design of a feature."""
    return {
        "design": feature.design and to_values(feature.design),
        "name": feature.name,
        "description": feature.description,
        "codes": [variant.value for variant in feature.variants],
    }


def _roomy(before: dict[str, Any] | None, after: dict[str, Any], what: str) -> dict[str, Any]:
    """`after`, if it fits an item and leaves room for changes of state.

    Such a change may use that room, and so may what is no larger than `before` was.

    Raises:
        Invalid: if it does not.
    """
    size, limit = _size(after), ITEM_BYTES - ROOM
    if size > limit and before is not None:
        moved = _without_state(before) == _without_state(after)
        limit = ITEM_BYTES if moved or size <= _size(before) else limit
    return _fitting(after, what, limit)


def _without_state(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _without_state(value) if isinstance(value, dict) else value
        for key, value in values.items()
        if key not in OF_STATE
    }


def _fitting(values: dict[str, Any], what: str, limit: int = ITEM_BYTES) -> dict[str, Any]:
    """`values`, if they fit an item, or the `limit` of bytes.

    Raises:
        Invalid: if not.
    """
    size = _size(values)
    if size > limit:
        raise Invalid(f"{what} is too large: {size} bytes, of at most {limit}")
    return values


def _size(values: dict[str, Any]) -> int:
    return len(CompactJson().serialize(values).encode())


def _revision(row: ConfigRow) -> Revision:
    as_of = date.fromisoformat(row.as_of)
    return Revision(int(row.version), int(row.last_modified), as_of, bool(row.shared))


def _block(block: UserBlock, row: UserBlocksTable | None) -> UserBlock:
    if row is None or row.feature_id is None:
        return block
    return replace(block, feature_id=int(row.feature_id))


def _feature(row: FeatureRow) -> Feature:
    """The feature that an item holds; one of a type that is not known here is a toggle, and off."""
    feature_id = int(row.id)
    if row.design is not None:
        return Feature.of_design(feature_id, from_values(row.design), int(row.totals_shards))
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
