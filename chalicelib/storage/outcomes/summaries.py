"""The lines of the list of results in DynamoDB: one Query reads them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime

from chalicelib.domain.outcomes.results.results import Latched, Summary
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import store_errors
from chalicelib.storage.dynamodb.stored_forms import read_as
from chalicelib.storage.dynamodb.tables import SummaryRow
from chalicelib.storage.dynamodb.times import from_ms, to_ms


class DynamoSummaryStore:
    """`SummaryStore` on the table `events`."""

    @store_errors()
    def all(self) -> Sequence[Summary]:
        return [_summary(row) for row in SummaryRow.query(keys.SUMMARIES)]

    @store_errors()
    def one(self, feature_id: int) -> Summary | None:
        try:
            row = SummaryRow.get(keys.SUMMARIES, keys.summary(feature_id), consistent_read=True)
        except SummaryRow.DoesNotExist:
            return None
        return _summary(row)

    @store_errors()
    def put(self, summary: Summary) -> None:
        values = asdict(replace(summary, latched=None))
        values["at"], values["started_at"] = to_ms(summary.at), _ms(summary.started_at)
        run = values["started_at"] or 0
        row = SummaryRow(keys.SUMMARIES, keys.summary(summary.feature_id), data=values, run=run)
        free = SummaryRow.latched.does_not_exist() | (SummaryRow.run < run)
        if summary.latched is not None:
            latched = {**asdict(summary.latched), "at": to_ms(summary.latched.at)}
            row.latched = latched
            free |= (SummaryRow.run == run) & (SummaryRow.latched == latched)
        row.save(condition=free)

    @store_errors()
    def remove(self, feature_id: int) -> None:
        SummaryRow(keys.SUMMARIES, keys.summary(feature_id)).delete()


def _summary(row: SummaryRow) -> Summary:
    values, latched = row.data, row.latched
    started = values.get("started_at")
    return read_as(
        Summary,
        values,
        at=from_ms(values["at"]),
        started_at=None if started is None else from_ms(started),
        recent=tuple(values.get("recent", ())),
        latched=None if latched is None else read_as(Latched, latched, at=from_ms(latched["at"])),
    )


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)
