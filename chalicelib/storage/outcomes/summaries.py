"""The lines of the list of results in DynamoDB: one Query reads them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from chalicelib.domain.outcomes.results.results import Latched, Summary
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import store_errors
from chalicelib.storage.dynamodb.stored_forms import read_as
from chalicelib.storage.dynamodb.tables import ResultRow
from chalicelib.storage.dynamodb.times import from_ms, to_ms


class DynamoSummaryStore:
    """`SummaryStore` on the table `events`."""

    @store_errors()
    def all(self) -> Sequence[Summary]:
        return [_summary(row.data) for row in ResultRow.query(keys.SUMMARIES)]

    @store_errors()
    def one(self, feature_id: int) -> Summary | None:
        try:
            row = ResultRow.get(keys.SUMMARIES, keys.summary(feature_id), consistent_read=True)
        except ResultRow.DoesNotExist:
            return None
        return _summary(row.data)

    @store_errors()
    def put(self, summary: Summary) -> None:
        values = asdict(summary)
        values["at"], values["started_at"] = to_ms(summary.at), _ms(summary.started_at)
        if summary.latched is not None:
            values["latched"]["at"] = to_ms(summary.latched.at)
        ResultRow(keys.SUMMARIES, keys.summary(summary.feature_id), data=values).save()

    @store_errors()
    def remove(self, feature_id: int) -> None:
        ResultRow(keys.SUMMARIES, keys.summary(feature_id)).delete()


def _summary(values: Mapping[str, Any]) -> Summary:
    started, latched = values.get("started_at"), values.get("latched")
    return read_as(
        Summary,
        values,
        at=from_ms(values["at"]),
        started_at=None if started is None else from_ms(started),
        latched=None if latched is None else read_as(Latched, latched, at=from_ms(latched["at"])),
    )


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)
