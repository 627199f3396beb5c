"""The purge queue in DynamoDB.

It is an item collection of its own: the scheduled function asks for it every minute, and a Query
of an empty collection costs half a read unit where a Scan would cost the whole catalogue.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from chalicelib.domain.catalogue.purge import (
    DeadVariants,
    Entry,
    ErasedUser,
    LooseLists,
    PurgeEntry,
    UnreadableEntry,
    claimed,
)
from chalicelib.domain.errors import LostRace
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import store_errors
from chalicelib.storage.dynamodb.reading import read_rows
from chalicelib.storage.dynamodb.tables import PurgeRow
from chalicelib.storage.dynamodb.times import from_ms, to_ms


class DynamoPurgeQueue:
    """`PurgeQueue` on the table `users`."""

    @store_errors()
    def due(self, now: datetime) -> Sequence[PurgeEntry | UnreadableEntry]:
        rows = PurgeRow.query(
            keys.PURGE, filter_condition=PurgeRow.due <= to_ms(now), consistent_read=True
        )
        return sorted(map(_readable, rows), key=lambda entry: entry.due)

    @store_errors()
    def postpone(self, entry: PurgeEntry) -> None:
        to_row(entry).save()

    @store_errors()
    def open(self, entry: LooseLists) -> None:
        to_row(entry).save(condition=PurgeRow.claimed.does_not_exist())

    def lists(self, names: Collection[str]) -> Sequence[LooseLists]:
        wanted = [(keys.PURGE, keys.loose_lists(name)) for name in names]
        return [_loose_lists(row) for row in read_rows(PurgeRow, wanted)]

    @store_errors()
    def claim(self, entry: Entry, due: datetime) -> Entry:
        after = claimed(entry, due)
        to_row(after).save(condition=PurgeRow.due == to_ms(entry.due))
        return after

    def close(self, entry: PurgeEntry) -> None:
        try:
            with store_errors():
                to_row(entry).delete(condition=PurgeRow.due == to_ms(entry.due))
        except LostRace:
            return  # postponed, or made anew, by somebody else


def to_row(entry: PurgeEntry) -> PurgeRow:
    """The item that holds `entry`."""
    if isinstance(entry, ErasedUser):
        return PurgeRow(
            keys.PURGE,
            keys.erased_user(entry.user_id),
            user_id=entry.user_id,
            due=to_ms(entry.due),
        )
    if isinstance(entry, LooseLists):
        return PurgeRow(
            keys.PURGE,
            keys.loose_lists(entry.name),
            due=to_ms(entry.due),
            lists={"name": entry.name, "versions": entry.versions, "listed": entry.listed},
            claimed=entry.claimed or None,
        )
    return PurgeRow(
        keys.PURGE,
        keys.dead_variants(entry.feature_id, entry.first),
        feature_id=entry.feature_id,
        variant_ids=set(entry.variant_ids) or None,
        whole=entry.whole or None,
        died=to_ms(entry.died),
        due=to_ms(entry.due),
    )


def _readable(row: PurgeRow) -> PurgeEntry | UnreadableEntry:
    """The entry that an item holds; of another kind or form than this version knows, its name."""
    try:
        return _entry(row)
    except (KeyError, TypeError, ValueError):
        return UnreadableEntry(row.sk, from_ms(row.due))


def _entry(row: PurgeRow) -> PurgeEntry:
    if row.user_id is not None:
        return ErasedUser(row.user_id, from_ms(row.due))
    if row.lists is not None:
        return _loose_lists(row)
    return DeadVariants(
        int(row.feature_id),
        tuple(sorted(map(int, row.variant_ids or ()))),
        from_ms(row.died),
        from_ms(row.due),
        bool(row.whole),
    )


def _loose_lists(row: PurgeRow) -> LooseLists:
    lists = row.lists
    return LooseLists(
        lists["name"],
        tuple((segment_id, version) for segment_id, version in lists["versions"]),
        from_ms(row.due),
        tuple(lists["listed"]),
        bool(row.claimed),
    )
