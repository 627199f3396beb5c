"""Counters of a feature in DynamoDB, in shards, beside its variants."""

from __future__ import annotations

from pynamodb.transactions import TransactWrite

from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.tables import CounterRow


def add_count(write: TransactWrite, feature_id: int, kind: str, shard: int, by: int) -> None:
    """Add to a counter of an experiment or a flag within a transaction."""
    write.update(CounterRow(feature_id, keys.counter(kind, shard)), actions=[CounterRow.n.add(by)])
