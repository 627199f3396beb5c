"""A feature and its design as items, within what an item may hold."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pynamodb.transactions import TransactWrite

from chalicelib.domain.catalogue.catalogue import (
    FeatureChange,
)
from chalicelib.domain.errors import Invalid
from chalicelib.domain.features.features import Feature, Variant
from chalicelib.storage.catalogue.designs import (
    to_values,
)
from chalicelib.storage.catalogue.result_plans import plan_values, run_values
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.tables import (
    CompactJson,
    FeatureRow,
    VariantRow,
)

ITEM_BYTES = 380_000
"""Bytes of JSON in one item, which may have 400 KB in all."""


ROOM = ITEM_BYTES // 100
"""Bytes of these that only changes of state may use, so that there is room for them."""


OF_STATE = frozenset(
    {"state", "state_changes", "started_at", "start_on", "status", "updated_at", "version", "run"}
)
"""Fields that a change of state touches."""

ANY_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
"""When a run starts says nothing of how long it is."""


def write_feature(write: TransactWrite, change: FeatureChange, version: int) -> None:
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
        write.save(variant_row(variant))
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
            FeatureRow.user_percentage.set(decimal_text(after.user_percentage)),
            FeatureRow.description.remove()
            if after.description is None
            else FeatureRow.description.set(after.description),
            FeatureRow.totals_shards.set(after.totals_shards),
            FeatureRow.variants.set([variant_copy(variant) for variant in after.variants]),
            FeatureRow.design.remove()
            if (design := design_of(before, after)) is None
            else FeatureRow.design.set(design),
            FeatureRow.plan.remove()
            if after.plan is None
            else FeatureRow.plan.set(plan_values(after.plan)),
            FeatureRow.run.remove()
            if after.run is None
            else FeatureRow.run.set(run_values(after.run)),
            FeatureRow.version.set(version),
        ],
        condition=FeatureRow.pk.does_not_exist() if before is None else FeatureRow.pk.exists(),
    )


def design_of(before: Feature | None, after: Feature) -> dict[str, Any] | None:
    """The design of a feature, if it has one.

    Raises:
        Invalid: if the item has no room for it, for what repeats parts of it, the plan and the run.
    """
    if after.design is None and after.plan is None and after.run is None:
        return None
    values = designed(after)
    roomy(None if before is None else designed(before), values, "the experiment")
    design: dict[str, Any] | None = values["design"]
    return design


def designed(feature: Feature) -> dict[str, Any]:
    """What an item holds for the design of a feature, with the run that it has or is to get."""
    return {
        "design": feature.design and to_values(feature.design),
        "name": feature.name,
        "description": feature.description,
        "codes": [variant.value for variant in feature.variants],
        "plan": feature.plan and plan_values(feature.plan),
        "run": run_values(feature.run or feature.first_run(ANY_MOMENT)),
    }


def roomy(before: dict[str, Any] | None, after: dict[str, Any], what: str) -> dict[str, Any]:
    """`after`, if it fits an item and leaves room for changes of state.

    Such a change may use that room, and so may what is no larger than `before` was.

    Raises:
        Invalid: if it does not.
    """
    size, limit = size_of(after), ITEM_BYTES - ROOM
    if size > limit and before is not None:
        moved = without_state(before) == without_state(after)
        limit = ITEM_BYTES if moved or size <= size_of(before) else limit
    return fitting(after, what, limit)


def without_state(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: without_state(value) if isinstance(value, dict) else value
        for key, value in values.items()
        if key not in OF_STATE
    }


def fitting(values: dict[str, Any], what: str, limit: int = ITEM_BYTES) -> dict[str, Any]:
    """`values`, if they fit an item, or the `limit` of bytes.

    Raises:
        Invalid: if not.
    """
    size = size_of(values)
    if size > limit:
        raise Invalid(f"{what} is too large: {size} bytes, of at most {limit}")
    return values


def size_of(values: dict[str, Any]) -> int:
    return len(CompactJson().serialize(values).encode())


def variant_copy(variant: Variant) -> dict[str, Any]:
    return {
        "id": variant.id,
        "value": variant.value,
        "control": variant.is_control,
        "weight": decimal_text(variant.weight),
    }


def variant_row(variant: Variant) -> VariantRow:
    return VariantRow(
        variant.feature_id,
        keys.variant(variant.id),
        id=variant.id,
        value=variant.value,
        is_control=variant.is_control,
        weight=decimal_text(variant.weight),
    )


def decimal_text(number: Decimal) -> str:
    return format(number, "f")
