"""Notes of the scheduled function in DynamoDB."""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import store_errors
from chalicelib.storage.dynamodb.tables import NoteRow


class DynamoNoteStore:
    """`NoteStore` on the table `features`."""

    @store_errors()
    def read(self, name: str) -> Mapping[str, object]:
        try:
            row = NoteRow.get(keys.note(name), consistent_read=True)
        except NoteRow.DoesNotExist:
            return {}
        note: Mapping[str, object] = row.note
        return note

    @store_errors()
    def write(self, name: str, note: Mapping[str, object]) -> None:
        NoteRow(keys.note(name), note=dict(note)).save()
