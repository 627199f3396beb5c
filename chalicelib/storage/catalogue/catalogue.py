"""The catalogue in DynamoDB."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from chalicelib.domain.catalogue.catalogue import (
    Catalogue,
    CatalogueChange,
    Change,
    MetricChange,
    Revision,
    changed,
)
from chalicelib.domain.flags.flags import Flag
from chalicelib.services.running.retries import retries
from chalicelib.storage.access.idempotency import transaction_once
from chalicelib.storage.catalogue.designs import (
    fault_values,
    flag_values,
    key_values,
    metric_values,
    segment_values,
)
from chalicelib.storage.catalogue.feature_items import fitting, roomy, write_feature
from chalicelib.storage.catalogue.items import catalogue_of, is_whole, metrics_of, revision_of
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import store_errors
from chalicelib.storage.dynamodb.metering import sent_once
from chalicelib.storage.dynamodb.sequences import reserve
from chalicelib.storage.dynamodb.tables import (
    CatalogueRow,
    ConfigRow,
    PartRow,
    UserBlocksTable,
)
from chalicelib.storage.features.purge import to_row

T = TypeVar("T")

REVISION = ["version", "last_modified", "as_of", "shared"]
"""What a request needs of the item of the revision, which holds the API keys and more."""


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
        return revision_of(row)

    @store_errors()
    def load(self) -> Catalogue:
        tries = retries("the catalogue")
        while True:
            next(tries)
            config = next(ConfigRow.query(keys.CONFIG, consistent_read=True), None)
            rows = {row.pk: row for row in CatalogueRow.scan(consistent_read=True)}
            blocks = {int(row.id): row for row in UserBlocksTable.scan(consistent_read=True)}
            if config is None or is_whole(config, rows, blocks):
                return catalogue_of(config, rows, blocks)

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
                write_feature(write, feature_change, revision.version)
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
            fitting(segment_values(segment.after), "the segment") if segment.after else None
        )
    for flag in change.flags:
        parts[keys.flag(_either(flag).id)] = (
            roomy(_flag_values(flag.before), flag_values(flag.after), "the flag")
            if flag.after
            else None
        )
    if change.faults is not None:
        faults = {key: fault_values(each) for key, each in change.faults.items()}
        parts[keys.FAULTS] = fitting(faults, "what is known of faults") if faults else None
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
        stored = {metric.key: metric for metric in metrics_of([row] if row else [])}
        after = changed(stored, own, lambda metric: metric.key)
        values = {key: metric_values(metric) for key, metric in after.items()}
        parts[pk] = fitting(values, "what is known of metrics", METRICS_BYTES)
    return parts


def _written(change: CatalogueChange, parts: Parts) -> dict[str, list[Any]]:
    """The keys of what a commit leaves and of what it removes, for `is_whole`."""
    items: dict[str, object] = {
        **{keys.feature(_either(each).id): each.after for each in change.features},
        **parts,
    }
    return {
        "items": [pk for pk, after in items.items() if after is not None],
        "gone": [pk for pk, after in items.items() if after is None],
        "blocks": [block.id for block in change.blocks],
    }
