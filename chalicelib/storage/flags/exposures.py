"""The flags that were on for users, in DynamoDB: sets of them at the user, counted in shards."""

from __future__ import annotations

import functools
import operator
from collections import defaultdict
from collections.abc import Collection, Sequence

from chalicelib.services.running.pools import Pool
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import store_errors, transaction
from chalicelib.storage.dynamodb.counters import add_count
from chalicelib.storage.dynamodb.tables import CounterRow, RecordRow

WRITERS = 8

ACTIONS = 95
"""Actions that note exposures in one transaction, which may hold a hundred."""

FLAGS_PER_ITEM = 64
"""Flags, by feature ids, that share an item of what was on for a user."""


class DynamoExposureStore:
    """`ExposureStore` on the tables `users` and `variants`."""

    def note(self, user_id: str, feature_ids: Collection[int], shard: int) -> None:
        parts = _exposure_parts(feature_ids)
        if len(parts) == 1:
            _note_exposed(user_id, parts[0], shard)
            return
        with Pool(min(len(parts), WRITERS)) as pool:
            list(pool.map(lambda part: _note_exposed(user_id, part, shard), parts))

    @store_errors()
    def count(self, feature_id: int) -> int:
        prefix = keys.counter_prefix(keys.EXPOSED)
        rows = CounterRow.query(feature_id, CounterRow.sk.startswith(prefix), consistent_read=True)
        return sum(int(row.n or 0) for row in rows)


def _exposure_parts(feature_ids: Collection[int]) -> list[list[list[int]]]:
    """Flags by the item that notes them; the items of each part fit one transaction.

    An item is in one part only, so that the parts can be written at the same time.
    """
    buckets: defaultdict[int, list[int]] = defaultdict(list)
    for feature_id in sorted(feature_ids):
        buckets[feature_id // FLAGS_PER_ITEM].append(feature_id)
    parts: list[list[list[int]]] = []
    room = 0
    for bucket in buckets.values():
        needed = 1 + len(bucket)
        if needed > room:
            parts.append([])
            room = ACTIONS
        parts[-1].append(bucket)
        room -= needed
    return parts


def _note_exposed(user_id: str, part: Sequence[Sequence[int]], shard: int) -> None:
    with transaction() as write:
        for feature_ids in part:
            unseen = [~RecordRow.numbers.contains(feature_id) for feature_id in feature_ids]
            write.update(
                RecordRow(keys.user(user_id), keys.exposures(feature_ids[0] // FLAGS_PER_ITEM)),
                actions=[RecordRow.numbers.add(set(feature_ids))],
                condition=functools.reduce(operator.and_, unseen),
            )
            for feature_id in feature_ids:
                add_count(write, feature_id, keys.EXPOSED, shard, 1)
