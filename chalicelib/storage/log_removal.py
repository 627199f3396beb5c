"""All that was logged of a user, in DynamoDB: read and removed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from pynamodb.transactions import TransactWrite

from chalicelib.domain.errors import LostRace
from chalicelib.domain.logs import Sheet
from chalicelib.storage import keys
from chalicelib.storage.connection import store_errors, transaction
from chalicelib.storage.logs import sheet_key, sheet_of
from chalicelib.storage.reading import at_once
from chalicelib.storage.tables import LoggedRow, SheetRow

ACTIONS = 95
"""Actions of one transaction, which may hold a hundred."""

SHEETS_AT_ONCE = 200
"""Sheets that are read at once, if they are small: an answer of DynamoDB ends at 1 MB."""


def sheets_of(user_id: str) -> Iterator[Sequence[Sheet]]:
    """All sheets of a user, some at a time."""
    after: str | None = None
    while rows := _sheets(user_id, after):
        yield [sheet_of(row) for row in rows]
        after = rows[-1].sk


def has_sheets(user_id: str) -> bool:
    """Whether anything was logged of a user."""
    only_keys = ["pk", "sk"]
    found = SheetRow.query(
        keys.logs(user_id), consistent_read=True, limit=1, attributes_to_get=only_keys
    )
    return any(found)


def drop_sheets(sheets: Sequence[Sheet]) -> None:
    """Remove sheets, and the notes of their metrics, in as few transactions as come to hand.

    Raises:
        LostRace: if one of them has changed; others may be gone.
    """
    packs: list[list[_SheetRemoval]] = []
    room = 0
    for removal in map(_SheetRemoval, sheets):
        removal.drop_surplus()
        if removal.actions > room:
            packs.append([])
            room = ACTIONS
        packs[-1].append(removal)
        room -= removal.actions
    at_once(_remove_together, packs)


class _SheetRemoval:
    """A sheet to be removed, with the notes of its metrics."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        metrics = sorted(sheet.metrics())
        self._notes, self._surplus = metrics[: ACTIONS - 1], metrics[ACTIONS - 1 :]

    @property
    def actions(self) -> int:
        return 1 + len(self._notes)

    @store_errors()
    def drop_surplus(self) -> None:
        """Remove the notes that find no room beside the sheet: by it they are found."""
        with LoggedRow.batch_write() as batch:
            for metric in self._surplus:
                batch.delete(self._note(metric))

    def add_to(self, write: TransactWrite) -> None:
        sheet = self._sheet
        row = SheetRow(keys.logs(sheet.user_id), sheet_key(sheet.key))
        write.delete(row, condition=SheetRow.n == sheet.revision)
        for metric in self._notes:
            write.delete(self._note(metric))

    def _note(self, metric_key: str) -> LoggedRow:
        sheet = self._sheet
        return LoggedRow(keys.metric(metric_key), keys.logged(sheet.user_id, sheet_key(sheet.key)))


def _remove_together(removals: Sequence[_SheetRemoval]) -> None:
    with transaction() as write:
        for each in removals:
            each.add_to(write)


def drop_notes(user_id: str, metric_key: str) -> None:
    """Remove the notes of a metric that name sheets which are not there."""
    with store_errors():
        notes = list(
            LoggedRow.query(
                keys.metric(metric_key),
                LoggedRow.sk.startswith(keys.logged(user_id, "")),
                consistent_read=True,
            )
        )
    for note in notes:
        with suppress(LostRace), transaction() as write:
            write.condition_check(
                SheetRow, keys.logs(user_id), note.sheet, condition=SheetRow.pk.does_not_exist()
            )
            write.delete(note)


@store_errors()
def _sheets(user_id: str, after: str | None) -> list[SheetRow]:
    return list(
        SheetRow.query(
            keys.logs(user_id),
            None if after is None else SheetRow.sk > after,
            consistent_read=True,
            limit=SHEETS_AT_ONCE,
            page_size=SHEETS_AT_ONCE,
        )
    )
