"""Emptying all tables."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from chalicelib.domain.catalogue.catalogue import CatalogueChange, ClientSettings, Revision
from chalicelib.domain.errors import LostRace
from chalicelib.services.running.ports import Clock
from chalicelib.services.running.retries import retries
from chalicelib.storage.catalogue.catalogue import DynamoCatalogueStore
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import TableModel, store_errors
from chalicelib.storage.dynamodb.tables import TABLES, FeaturesTable

KEPT = (keys.CONFIG, keys.sequence(""))
"""What the partition keys of items begin with that outlive everything."""


class DynamoEraser:
    """`Eraser` on all tables."""

    def clear(self, clock: Clock, settling: timedelta) -> None:
        # Before, so that nobody decides on what is about to go; after, so that nobody keeps it.
        if DynamoCatalogueStore().revision().version:
            self.move_on(lambda base: base.following(clock(), visible=False))
        for table in TABLES:
            self._empty(table)
        # Emptying takes its time: the date is that of the commit.
        self.move_on(lambda base: base.following(clock(), settling=settling))

    def move_on(self, following: Callable[[Revision], Revision]) -> None:
        """Move the revision on, with settings as they are at first and nothing else changed."""
        catalogue = DynamoCatalogueStore()
        for _ in retries("the catalogue"):
            base = catalogue.revision()
            with suppress(LostRace):
                change = CatalogueChange(settings=ClientSettings())
                catalogue.commit(base, following(base), change)
                return

    @store_errors()
    def _empty(self, table: type[TableModel]) -> None:
        key = [
            attribute.attr_name
            for attribute in table.get_attributes().values()
            if attribute.is_hash_key or attribute.is_range_key
        ]
        with table.batch_write() as batch:
            for row in table.scan(attributes_to_get=key, consistent_read=True):
                if isinstance(row, FeaturesTable) and row.pk.startswith(KEPT):
                    continue
                batch.delete(row)
