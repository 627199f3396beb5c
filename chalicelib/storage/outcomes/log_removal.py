"""All that was logged of a user, in DynamoDB: read and removed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial

from pynamodb.transactions import TransactWrite

from chalicelib.domain.errors import LostRace
from chalicelib.domain.outcomes.logs import LogRecord
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import store_errors, transaction
from chalicelib.storage.dynamodb.reading import at_once
from chalicelib.storage.dynamodb.tables import LoggedRow, LogRecordRow
from chalicelib.storage.outcomes.logs import log_record_key, log_record_of

ACTIONS = 95
"""Actions of one transaction, which may hold a hundred."""

LOG_RECORDS_AT_ONCE = 200
"""Log records that are read at once, if they are small: an answer of DynamoDB ends at 1 MB."""


METRICS_AT_ONCE = 100
NOTES_AT_ONCE = 48
"""Metrics whose notes are read, and notes that are removed, before a look at the clock."""


def log_records_of(user_id: str) -> Iterator[Sequence[LogRecord]]:
    """All log records of a user, some at a time."""
    after: str | None = None
    while rows := _log_records(user_id, after):
        yield [log_record_of(row) for row in rows]
        after = rows[-1].sk


def has_log_records(user_id: str) -> bool:
    """Whether anything was logged of a user."""
    only_keys = ["pk", "sk"]
    found = LogRecordRow.query(
        keys.logs(user_id), consistent_read=True, limit=1, attributes_to_get=only_keys
    )
    return any(found)


def drop_log_records(log_records: Sequence[LogRecord]) -> None:
    """Remove log records, and the notes of their metrics, in as few transactions as come to hand.

    Raises:
        LostRace: if one of them has changed; others may be gone.
    """
    packs: list[list[_LogRecordRemoval]] = []
    room = 0
    for removal in map(_LogRecordRemoval, log_records):
        removal.drop_surplus()
        if removal.actions > room:
            packs.append([])
            room = ACTIONS
        packs[-1].append(removal)
        room -= removal.actions
    at_once(_remove_together, packs)


class _LogRecordRemoval:
    """A log record to be removed, with the notes of its metrics."""

    def __init__(self, log_record: LogRecord) -> None:
        self._log_record = log_record
        metrics = sorted(log_record.metrics())
        self._notes, self._surplus = metrics[: ACTIONS - 1], metrics[ACTIONS - 1 :]

    @property
    def actions(self) -> int:
        return 1 + len(self._notes)

    @store_errors()
    def drop_surplus(self) -> None:
        """Remove the notes that find no room beside the log record: by it they are found."""
        with LoggedRow.batch_write() as batch:
            for metric in self._surplus:
                batch.delete(self._note(metric))

    def add_to(self, write: TransactWrite) -> None:
        log_record = self._log_record
        row = LogRecordRow(keys.logs(log_record.user_id), log_record_key(log_record.key))
        write.delete(row, condition=LogRecordRow.n == log_record.revision)
        for metric in self._notes:
            write.delete(self._note(metric))

    def _note(self, metric_key: str) -> LoggedRow:
        log_record = self._log_record
        return LoggedRow(
            keys.metric(metric_key), keys.logged(log_record.user_id, log_record_key(log_record.key))
        )


def _remove_together(removals: Sequence[_LogRecordRemoval]) -> None:
    with transaction() as write:
        for each in removals:
            each.add_to(write)


def drop_notes(user_id: str, metric_keys: Sequence[str]) -> Iterator[None]:
    """Remove the notes of metrics that name log records which are not there, some at a time."""
    for start in range(0, len(metric_keys), METRICS_AT_ONCE):
        some = metric_keys[start : start + METRICS_AT_ONCE]
        notes = [note for own in at_once(lambda key: _notes(user_id, key), some) for note in own]
        for first in range(0, len(notes), NOTES_AT_ONCE):
            _drop_strays(user_id, notes[first : first + NOTES_AT_ONCE])
            yield
        yield


@store_errors()
def _notes(user_id: str, metric_key: str) -> list[LoggedRow]:
    of_user = LoggedRow.sk.startswith(keys.logged(user_id, ""))
    return list(LoggedRow.query(keys.metric(metric_key), of_user, consistent_read=True))


def _drop_strays(user_id: str, notes: Sequence[LoggedRow]) -> None:
    """Remove notes, but those of which there is the log record that they name."""
    try:
        _drop_together(user_id, notes)
    except LostRace:
        at_once(partial(_drop_alone, user_id), notes)


def _drop_alone(user_id: str, note: LoggedRow) -> None:
    with suppress(LostRace):
        _drop_together(user_id, [note])


def _drop_together(user_id: str, notes: Sequence[LoggedRow]) -> None:
    with transaction() as write:
        for log_record in sorted({note.log_record for note in notes}):
            write.condition_check(
                LogRecordRow,
                keys.logs(user_id),
                log_record,
                condition=LogRecordRow.pk.does_not_exist(),
            )
        for note in notes:
            write.delete(note)


@store_errors()
def _log_records(user_id: str, after: str | None) -> list[LogRecordRow]:
    return list(
        LogRecordRow.query(
            keys.logs(user_id),
            None if after is None else LogRecordRow.sk > after,
            consistent_read=True,
            limit=LOG_RECORDS_AT_ONCE,
            page_size=LOG_RECORDS_AT_ONCE,
        )
    )
