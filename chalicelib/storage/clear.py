"""Emptying all tables."""

from __future__ import annotations

from datetime import datetime

from chalicelib.domain.catalogue import CatalogueChange
from chalicelib.domain.errors import LostRace
from chalicelib.services.attempts import attempts
from chalicelib.storage import keys
from chalicelib.storage.catalogue import DynamoCatalogueStore
from chalicelib.storage.connection import TableModel, store_errors
from chalicelib.storage.tables import TABLES, FeaturesTable

KEPT = (keys.CONFIG, keys.sequence(""))
"""What the partition keys of items begin with that outlive everything."""


class DynamoEraser:
    """`Eraser` on all tables."""

    def clear(self, now: datetime) -> None:
        catalogue = DynamoCatalogueStore()
        for table in TABLES:
            self._empty(table)
        tries = attempts("the catalogue")
        while True:
            next(tries)
            base = catalogue.revision()
            try:
                return catalogue.commit(base, base.following(now), CatalogueChange())
            except LostRace:
                continue

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
