"""Records of deleted experiments in DynamoDB: found by feature id, and removed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from chalicelib.domain.errors import LostRace
from chalicelib.services.experiments.ports import Position
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import store_errors, transaction
from chalicelib.storage.dynamodb.reading import read_rows
from chalicelib.storage.dynamodb.tables import CounterRow, RecordRow, RepeatRow, ResultRow
from chalicelib.storage.participants.records import drop_note_of_count, point_of, point_row

AT_ONCE = 200
"""Items that are listed, and removed, in one step."""


class DynamoDeadRecordStore:
    """`DeadRecordStore` on the tables `users`, `events` and `variants`."""

    @store_errors()
    def of_experiment(
        self, feature_id: int, after: Position | None, limit: int
    ) -> Sequence[Position]:
        start = None
        if after is not None:
            start = {
                "experiment": {"N": str(feature_id)},
                "pk": {"S": after[0]},
                "sk": {"S": after[1]},
            }
        rows = RecordRow.by_experiment.query(feature_id, limit=limit, last_evaluated_key=start)
        return [(row.pk, row.sk) for row in rows]

    def drop(self, feature_id: int, records: Sequence[Position]) -> Iterator[int]:
        rows = read_rows(RecordRow, records)
        enrollments = [row for row in rows if _is_enrollment(row)]
        for row in enrollments:
            if row.n or row.data["condition"] is None:
                yield from _drop_all(RepeatRow, keys.repeats_beside(feature_id, row.pk))
        yield _end(enrollments)
        yield _drop_notes([row for row in rows if _is_note(row)])
        others = (row for row in rows if row.sk != keys.TESTLAB)
        yield _drop(RecordRow, [row for row in others if not _is_enrollment(row)])

    def drop_rest(self, feature_id: int) -> Iterator[int]:
        yield from _drop_all(ResultRow, keys.results(feature_id))
        yield from _drop_all(CounterRow, feature_id)


def _is_enrollment(row: RecordRow) -> bool:
    """Whether an item is the enrollment of a user: it may hold a point, and have marks."""
    return str(row.sk).startswith(keys.ENROLLMENTS) and not str(row.pk).startswith(keys.GROUPS_OF)


def _is_note(row: RecordRow) -> bool:
    """Whether an item is the note of a mark where a row of Test Lab may come, and has not come."""
    return str(row.sk) == keys.TESTLAB and row.variant_id is None


def _drop_notes(rows: Sequence[RecordRow]) -> int:
    """Remove notes; should a row come in place of one in this moment, all stay, as in `_end`."""
    if rows:
        with suppress(LostRace), transaction() as write:
            for row in rows:
                drop_note_of_count(write, row.pk)
    return len(rows)


def _end(rows: Sequence[RecordRow]) -> int:
    """Remove enrollments, but not the points within them; how many there were.

    Should one of them have changed in this moment, all stay for the next pass.
    """
    if not rows:
        return 0
    with suppress(LostRace), transaction() as write:
        for row in rows:
            same_point = RecordRow.point.does_not_exist()
            if row.point is not None:
                same_point = RecordRow.point == row.point
                write.save(point_row(row.pk, point_of(row)))
            gone = RecordRow(row.pk, row.sk)
            write.delete(gone, condition=(RecordRow.n == row.n) & same_point)
    return len(rows)


def _drop_all(table: Any, pk: str | int) -> Iterator[int]:
    """Remove all items of a partition, some at a time."""
    while rows := _some(table, pk):
        yield _drop(table, rows)


@store_errors()
def _some(table: Any, pk: str | int) -> list[Any]:
    return list(table.query(pk, consistent_read=True, limit=AT_ONCE))


@store_errors()
def _drop(table: Any, rows: Sequence[Any]) -> int:
    with table.batch_write() as batch:
        for row in rows:
            batch.delete(row)
    return len(rows)
