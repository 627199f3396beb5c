"""What clients logged, in DynamoDB.

A sheet is one item of its user's collection. For each metric there is a note of every sheet that
has values of it, written with the first of them; so an analysis reads the sheets of those who
logged.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from chalicelib.domain.access.idempotency import IdempotencyRecord
from chalicelib.domain.errors import Invalid, LostRace
from chalicelib.domain.outcomes.logs import LogRow, Merge, Sheet, SheetKey
from chalicelib.domain.outcomes.metric_analysis import ArmResult
from chalicelib.domain.outcomes.metric_results import Effect, QueryResult
from chalicelib.storage.access.idempotency import transaction_once
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import store_errors
from chalicelib.storage.dynamodb.reading import AT_ONCE, KEYS_PER_READ, at_once, read_rows
from chalicelib.storage.dynamodb.sequences import LeasedIds
from chalicelib.storage.dynamodb.stored_forms import read_as
from chalicelib.storage.dynamodb.tables import (
    CompactJson,
    LoggedRow,
    RecordRow,
    ResultRow,
    SheetRow,
)
from chalicelib.storage.dynamodb.times import from_ms, to_ms

IDS_PER_LEASE = 1000
SHEET_BYTES = 380_000
"""Bytes of JSON in one sheet: an item may have 400 KB in all."""

ACTIONS = 100
BYTES = 3_500_000
"""What one transaction may hold, of 4 MB."""

NOTES_WITH_SHEET = 80
"""Notes that go with a sheet in one transaction; more are written before it."""


class DynamoLogStore:
    """`LogStore` on the table `events`."""

    def __init__(self) -> None:
        self._ids = LeasedIds("log", IDS_PER_LEASE)

    @store_errors()
    def new_id(self) -> int:
        return self._ids.next()

    def sheets(self, user_id: str, sheet_keys: Collection[SheetKey]) -> Mapping[SheetKey, Sheet]:
        wanted = [(keys.logs(user_id), sheet_key(key)) for key in sheet_keys]
        return {sheet.key: sheet for sheet in _read(wanted)}

    def store(
        self, merges: Sequence[Merge], record: IdempotencyRecord | None = None
    ) -> Collection[SheetKey]:
        writes = [_Write(merge) for merge in merges]
        if record is not None:
            return _store_once(writes, record)
        for write in writes:
            write.note_surplus()
        return [key for lost in at_once(_store_together, _packed(writes)) for key in lost]

    @store_errors()
    def keep_results(self, number: int, results: Sequence[QueryResult]) -> None:
        with ResultRow.batch_write() as batch:
            for result in results:
                batch.save(ResultRow(keys.results(number), result.query_id, data=asdict(result)))

    @store_errors()
    def kept_results(self, number: int) -> Sequence[QueryResult]:
        rows = ResultRow.query(keys.results(number), consistent_read=True)
        return [_result(row.data) for row in rows]

    def of_metric(self, metric_key: str) -> Iterator[Sequence[Sheet]]:
        notes = iter(LoggedRow.query(keys.metric(metric_key), consistent_read=True))
        while places := _places(notes, KEYS_PER_READ * AT_ONCE):
            # A note may have been written for values that were not.
            yield [sheet for sheet in _read(places) if metric_key in sheet.metrics()]


@store_errors()
def _places(notes: Iterator[LoggedRow], count: int) -> list[tuple[str, str]]:
    """Where the next sheets are, `count` or all that are left."""
    return [(keys.logs(note.user_id), note.sheet) for note in itertools.islice(notes, count)]


class _Write:
    """A sheet to be stored, with the notes of its new metrics."""

    def __init__(self, merge: Merge) -> None:
        sheet = merge.sheet
        self._sheet = sheet
        self._values = _values(sheet)
        self.bytes = len(CompactJson().serialize(self._values).encode())
        if self.bytes > SHEET_BYTES:
            raise Invalid(f"too much is logged of one user and key: at most {SHEET_BYTES} bytes")
        new = sorted(merge.new_metrics)
        self._notes, self._surplus = new[:NOTES_WITH_SHEET], new[NOTES_WITH_SHEET:]

    @property
    def key(self) -> SheetKey:
        return self._sheet.key

    @property
    def actions(self) -> int:
        return 1 + len(self._notes) + bool(self._surplus)

    @store_errors()
    def note_surplus(self) -> None:
        """Write the notes that find no room beside the sheet: without it they name nothing.

        Before them the user has a note of their metrics, by which an erasure finds them.
        """
        if not self._surplus:
            return
        key, surplus = self.key, {*self._surplus}
        logged = {name for row in self._sheet.rows for name in row.data}
        names = sorted(name for name in logged if key.metric(name) in surplus)
        begun = self._begun()
        begun.data = {"group": key.group, "uniquifier": key.uniquifier, "names": names}
        begun.save()
        with LoggedRow.batch_write() as batch:
            for metric in self._surplus:
                batch.save(self._note(metric))

    def add_to(self, write: TransactWrite) -> None:
        unchanged: Condition = SheetRow.n == self._sheet.revision - 1
        if self._sheet.revision == 1:
            unchanged = SheetRow.pk.does_not_exist()
        write.save(
            SheetRow(
                keys.logs(self._sheet.user_id),
                sheet_key(self.key),
                user_id=self._sheet.user_id,
                data=self._values,
                n=self._sheet.revision,
            ),
            condition=unchanged,
        )
        for metric in self._notes:
            write.save(self._note(metric))
        if self._surplus:
            write.delete(self._begun())

    def _begun(self) -> RecordRow:
        return RecordRow(keys.user(self._sheet.user_id), keys.begun(sheet_key(self.key)))

    def _note(self, metric_key: str) -> LoggedRow:
        user_id, sheet = self._sheet.user_id, sheet_key(self.key)
        return LoggedRow(
            keys.metric(metric_key), keys.logged(user_id, sheet), user_id=user_id, sheet=sheet
        )


def _store_once(writes: Sequence[_Write], record: IdempotencyRecord) -> list[SheetKey]:
    """Store some sheets and an answer in one transaction.

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
) -> list[SheetKey]:
    """Store some sheets, all or none; the keys of those that were not."""
    try:
        with transaction_once(record) as write:
            for each in writes:
                each.add_to(write)
    except LostRace:
        return [each.key for each in writes]
    return []


def _read(places: Sequence[tuple[str, str]]) -> list[Sheet]:
    return [sheet_of(row) for row in read_rows(SheetRow, places)]


def sheet_key(key: SheetKey) -> str:
    """The sort key of a sheet."""
    if key.group is None:
        return keys.SIMPLE_SHEET
    return keys.sheet(*key.group, key.uniquifier)


def begun_metrics(row: RecordRow) -> list[str]:
    """The metrics that may be noted of a sheet which was begun to be stored."""
    group = row.data["group"]
    key = SheetKey(None if group is None else tuple(group), row.data["uniquifier"])
    return [key.metric(name) for name in row.data["names"]]


def _values(sheet: Sheet) -> dict[str, Any]:
    return {
        "group": sheet.key.group,
        "uniquifier": sheet.key.uniquifier,
        "rows": [
            {
                "id": row.id,
                "time": to_ms(row.time),
                "data": dict(row.data),
                "created_at": to_ms(row.created_at),
                "updated_at": to_ms(row.updated_at),
                "version": row.version,
            }
            for row in sheet.rows
        ],
    }


def sheet_of(row: SheetRow) -> Sheet:
    """The sheet that an item holds."""
    values = row.data
    group = values["group"]
    return Sheet(
        row.user_id,
        SheetKey(None if group is None else tuple(group), values["uniquifier"]),
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


def _result(values: Mapping[str, Any]) -> QueryResult:
    def effect(of: Mapping[str, Any]) -> Effect:
        return Effect(tuple(of["arms"]), tuple(read_as(ArmResult, each) for each in of["results"]))

    interaction = values["interaction"]
    return QueryResult(
        values["query_id"],
        effect(values["main"]),
        None if interaction is None else effect(interaction),
    )
