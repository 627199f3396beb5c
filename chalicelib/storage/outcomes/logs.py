"""What clients logged, in DynamoDB.

A log record is one item of its user's collection. For each metric there is a note of every log
record that has values of it, written with the first of them; so an analysis reads the log records
of those who logged.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from chalicelib.domain.access.idempotency import IdempotencyRecord
from chalicelib.domain.errors import Invalid, LostRace
from chalicelib.domain.experiments.metrics import may_be_grouped
from chalicelib.domain.outcomes.logs import LogRecord, LogRecordKey, LogRow, Merge
from chalicelib.services.outcomes.ports import LOG_RECORD_BYTES
from chalicelib.services.running.pools import Pool
from chalicelib.storage.access.idempotency import transaction_once
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import store_errors
from chalicelib.storage.dynamodb.reading import (
    AT_ONCE,
    KEYS_PER_READ,
    READERS,
    at_once,
    read_rows,
)
from chalicelib.storage.dynamodb.sequences import LeasedIds
from chalicelib.storage.dynamodb.stored_forms import read_as
from chalicelib.storage.dynamodb.tables import (
    CompactJson,
    LoggedRow,
    LogRecordRow,
    RecordRow,
)
from chalicelib.storage.dynamodb.times import from_ms, to_ms

IDS_PER_LEASE = 1000

ACTIONS = 100
BYTES = 3_500_000
"""What one transaction may hold, of 4 MB."""

NOTES_WITH_LOG_RECORD = 80
"""Notes that go with a log record in one transaction; more are written before it."""


class DynamoLogStore:
    """`LogStore` on the table `events`."""

    def __init__(self) -> None:
        self._ids = LeasedIds("log", IDS_PER_LEASE)

    @store_errors()
    def new_id(self) -> int:
        return self._ids.next()

    def log_records(
        self, user_id: str, log_record_keys: Collection[LogRecordKey]
    ) -> Mapping[LogRecordKey, LogRecord]:
        wanted = [(keys.logs(user_id), log_record_key(key)) for key in log_record_keys]
        return {log_record.key: log_record for log_record in _read(wanted)}

    def store(
        self, merges: Sequence[Merge], record: IdempotencyRecord | None = None
    ) -> Collection[LogRecordKey]:
        writes = [_Write(merge) for merge in merges]
        if record is not None:
            return _store_once(writes, record)
        for write in writes:
            write.note_surplus()
        return [key for lost in at_once(_store_together, _packed(writes)) for key in lost]

    def of_metric(self, metric_key: str) -> Iterator[Sequence[LogRecord]]:
        notes = iter(LoggedRow.query(keys.metric(metric_key), consistent_read=True))
        while found := _noted(notes, KEYS_PER_READ * AT_ONCE):
            # A note may have been written for values that were not.
            yield [log_record for log_record in _read(found) if metric_key in log_record.metrics()]

    def of_users(
        self, user_ids: Collection[str], metric_keys: Collection[str]
    ) -> Sequence[LogRecord]:
        if any(map(may_be_grouped, metric_keys)):
            with Pool(READERS) as pool:
                return [each for own in pool.map(_of_user, user_ids) for each in own]
        return _read([(keys.logs(user_id), keys.SIMPLE_LOG_RECORD) for user_id in user_ids])


@store_errors()
def _noted(notes: Iterator[LoggedRow], count: int) -> list[tuple[str, str]]:
    """Where the next log records are, `count` or all that are left."""
    return [(keys.logs(note.user_id), note.log_record) for note in itertools.islice(notes, count)]


class _Write:
    """A log record to be stored, with the notes of its new metrics."""

    def __init__(self, merge: Merge) -> None:
        log_record = merge.log_record
        self._log_record = log_record
        self._values = _values(log_record)
        self.bytes = len(CompactJson().serialize(self._values).encode())
        if self.bytes > LOG_RECORD_BYTES:
            raise Invalid(
                f"too much is logged of one user and key: at most {LOG_RECORD_BYTES} bytes"
            )
        new = sorted(merge.new_metrics)
        self._notes, self._surplus = new[:NOTES_WITH_LOG_RECORD], new[NOTES_WITH_LOG_RECORD:]

    @property
    def key(self) -> LogRecordKey:
        return self._log_record.key

    @property
    def actions(self) -> int:
        return 1 + len(self._notes) + bool(self._surplus)

    @store_errors()
    def note_surplus(self) -> None:
        """Write the notes that find no room beside the log record: without it they name nothing.

        Before them the user has a note of their metrics, by which an erasure finds them.
        """
        if not self._surplus:
            return
        key, surplus = self.key, {*self._surplus}
        logged = {name for row in self._log_record.rows for name in row.data}
        names = sorted(name for name in logged if key.metric(name) in surplus)
        begun = self._begun()
        begun.data = {"group": key.group, "uniquifier": key.uniquifier, "names": names}
        begun.save()
        with LoggedRow.batch_write() as batch:
            for metric in self._surplus:
                batch.save(self._note(metric))

    def add_to(self, write: TransactWrite) -> None:
        unchanged: Condition = LogRecordRow.n == self._log_record.revision - 1
        if self._log_record.revision == 1:
            unchanged = LogRecordRow.pk.does_not_exist()
        write.save(
            LogRecordRow(
                keys.logs(self._log_record.user_id),
                log_record_key(self.key),
                user_id=self._log_record.user_id,
                data=self._values,
                n=self._log_record.revision,
            ),
            condition=unchanged,
        )
        for metric in self._notes:
            write.save(self._note(metric))
        if self._surplus:
            write.delete(self._begun())

    def _begun(self) -> RecordRow:
        return RecordRow(keys.user(self._log_record.user_id), keys.begun(log_record_key(self.key)))

    def _note(self, metric_key: str) -> LoggedRow:
        user_id, log_record = self._log_record.user_id, log_record_key(self.key)
        return LoggedRow(
            keys.metric(metric_key),
            keys.logged(user_id, log_record),
            user_id=user_id,
            log_record=log_record,
        )


def _store_once(writes: Sequence[_Write], record: IdempotencyRecord) -> list[LogRecordKey]:
    """Store some log records and an answer in one transaction.

    Raises:
        AlreadyAnswered: if there is an answer.
        Invalid: if they are more than it may hold.
    """
    actions, size = sum(each.actions for each in writes), sum(each.bytes for each in writes)
    if actions >= ACTIONS or size > BYTES:
        raise Invalid(
            "Idempotency-Key: too much for one transaction: log less at a time, or no key"
        )
    for write in writes:
        write.note_surplus()
    return _store_together(writes, record)


def _packed(writes: Sequence[_Write]) -> list[list[_Write]]:
    """Writes that fit one transaction each, in as few as come to hand."""
    packs: list[list[_Write]] = []
    actions = size = 0
    for write in writes:
        actions, size = actions + write.actions, size + write.bytes
        if not packs or actions > ACTIONS or size > BYTES:
            packs.append([])
            actions, size = write.actions, write.bytes
        packs[-1].append(write)
    return packs


def _store_together(
    writes: Sequence[_Write], record: IdempotencyRecord | None = None
) -> list[LogRecordKey]:
    """Store some log records, all or none; the keys of those that were not."""
    try:
        with transaction_once(record) as write:
            for each in writes:
                each.add_to(write)
    except LostRace:
        return [each.key for each in writes]
    return []


@store_errors()
def _of_user(user_id: str) -> list[LogRecord]:
    """All log records of a user: which of them have a grouped metric, their keys do not say."""
    rows = LogRecordRow.query(keys.logs(user_id), consistent_read=True)
    return [log_record_of(row) for row in rows]


def _read(wanted: Sequence[tuple[str, str]]) -> list[LogRecord]:
    return [log_record_of(row) for row in read_rows(LogRecordRow, wanted)]


def log_record_key(key: LogRecordKey) -> str:
    """The sort key of a log record."""
    if key.group is None:
        return keys.SIMPLE_LOG_RECORD
    return keys.log_record(*key.group, key.uniquifier)


def begun_metrics(row: RecordRow) -> list[str]:
    """The metrics that may be noted of a log record which was begun to be stored."""
    group = row.data["group"]
    key = LogRecordKey(None if group is None else tuple(group), row.data["uniquifier"])
    return [key.metric(name) for name in row.data["names"]]


def _values(log_record: LogRecord) -> dict[str, Any]:
    return {
        "group": log_record.key.group,
        "uniquifier": log_record.key.uniquifier,
        "rows": [
            {
                "id": row.id,
                "time": to_ms(row.time),
                "data": dict(row.data),
                "created_at": to_ms(row.created_at),
                "updated_at": to_ms(row.updated_at),
                "version": row.version,
            }
            for row in log_record.rows
        ],
    }


def log_record_of(row: LogRecordRow) -> LogRecord:
    """The log record that an item holds."""
    values = row.data
    group = values["group"]
    return LogRecord(
        row.user_id,
        LogRecordKey(None if group is None else tuple(group), values["uniquifier"]),
        tuple(
            read_as(
                LogRow,
                each,
                time=from_ms(each["time"]),
                created_at=from_ms(each["created_at"]),
                updated_at=from_ms(each["updated_at"]),
            )
            for each in values["rows"]
        ),
        int(row.n),
    )
