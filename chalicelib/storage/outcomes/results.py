"""What the queries of archived experiments found, in DynamoDB."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from chalicelib.domain.outcomes.metric_analysis import ArmResult
from chalicelib.domain.outcomes.metric_results import Effect, QueryResult
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import store_errors
from chalicelib.storage.dynamodb.stored_forms import read_as
from chalicelib.storage.dynamodb.tables import ResultRow


class DynamoResultStore:
    """`ResultStore` on the table `events`."""

    @store_errors()
    def keep(self, feature_id: int, results: Sequence[QueryResult]) -> None:
        with ResultRow.batch_write() as batch:
            for result in results:
                batch.save(
                    ResultRow(keys.results(feature_id), result.query_id, data=asdict(result))
                )

    @store_errors()
    def kept(self, feature_id: int) -> Sequence[QueryResult]:
        # Snapshots come behind them, and are many.
        results = ResultRow.sk < keys.ASIDE
        rows = ResultRow.query(keys.results(feature_id), results, consistent_read=True)
        return [_result(row.data) for row in rows]


def _result(values: Mapping[str, Any]) -> QueryResult:
    def effect(of: Mapping[str, Any]) -> Effect:
        return Effect(tuple(of["arms"]), tuple(read_as(ArmResult, each) for each in of["results"]))

    interaction = values["interaction"]
    return QueryResult(
        values["query_id"],
        effect(values["main"]),
        None if interaction is None else effect(interaction),
    )
