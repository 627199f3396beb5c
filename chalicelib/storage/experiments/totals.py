"""Totals of variants in DynamoDB."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from chalicelib.domain.features.users import Totals, TotalsShard
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import store_errors
from chalicelib.storage.dynamodb.tables import TotalsRow


class DynamoTotalsStore:
    """`TotalsStore` on the table `variants`."""

    @store_errors()
    def of_feature(self, feature_id: int) -> Mapping[int, Totals]:
        totals: defaultdict[int, Totals] = defaultdict(Totals)
        for row in TotalsRow.query(
            feature_id, TotalsRow.sk.startswith(keys.totals_prefix()), consistent_read=True
        ):
            totals[keys.variant_of_totals(row.sk)] += Totals(
                int(row.event_total or 0),
                int(row.distinct_user_events_total or 0),
                int(row.total_users or 0),
            )
        return totals

    @store_errors()
    def drop(self, feature_id: int, variant_id: int) -> int:
        prefix = keys.totals_prefix(variant_id)
        rows = list(
            TotalsRow.query(feature_id, TotalsRow.sk.startswith(prefix), consistent_read=True)
        )
        with TotalsRow.batch_write() as batch:
            for row in rows:
                batch.delete(row)
        return len(rows)


def count(write: TransactWrite, shard: TotalsShard | None, change: Totals) -> None:
    """Add `change` to a shard within a transaction; nothing for a dead variant (None)."""
    actions = _additions(change)
    if shard is not None and actions:
        write.update(_row(shard), actions=actions)


@store_errors()
def count_alone(shard: TotalsShard, change: Totals) -> None:
    """Add `change` to a shard by a write of its own; repeated by the client, it adds twice."""
    _row(shard).update(actions=_additions(change))


def _additions(change: Totals) -> list[Action]:
    figures = (
        (TotalsRow.event_total, change.event_total),
        (TotalsRow.distinct_user_events_total, change.distinct_user_events_total),
        (TotalsRow.total_users, change.total_users),
    )
    return [attribute.add(by) for attribute, by in figures if by]


def _row(shard: TotalsShard) -> TotalsRow:
    return TotalsRow(shard.feature_id, keys.totals(shard.variant_id, shard.shard))
