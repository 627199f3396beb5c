"""Totals of variants, and the cohorts that are counted with them, in DynamoDB."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import astuple, fields
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from chalicelib.domain.features.cohorts import Cohort, CohortColumns, MetricSums
from chalicelib.domain.features.users import Totals, TotalsShard
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import store_errors
from chalicelib.storage.dynamodb.tables import METRICS_OF_A_ROW, SUMS, TotalsRow
from chalicelib.storage.dynamodb.times import to_ms

NOTHING = Cohort()

FOLDING = timedelta(minutes=1)
"""How long a reader doubts what it reads after days were folded: clocks may differ by that."""


class DynamoTotalsStore:
    """`TotalsStore` on the table `variants`."""

    @store_errors()
    def of_feature(self, feature_id: int) -> Mapping[int, Totals]:
        totals: defaultdict[int, Totals] = defaultdict(Totals)
        for row in unfolded(feature_id, keys.totals_prefix(), f"{keys.totals_prefix()}~"):
            totals[keys.variant_of_totals(row.sk)] += totals_of(row)
        return totals

    @store_errors()
    def drop(self, feature_id: int, variant_id: int) -> int:
        dropped = 0
        for prefix in keys.totals_prefix(variant_id), keys.window_prefix(variant_id):
            rows = list(
                TotalsRow.query(feature_id, TotalsRow.sk.startswith(prefix), consistent_read=True)
            )
            with TotalsRow.batch_write() as batch:
                for row in rows:
                    batch.delete(row)
            dropped += len(rows)
        return dropped


def unfolded(feature_id: int, low: str, high: str) -> list[TotalsRow]:
    """The rows of totals and cohorts between two sort keys, as of one moment.

    Folding removes some of them and adds to others. What was read while that went on may lack what
    was folded, or have it twice; so where days were folded within the last minute, it is read
    until two readings agree on how often.
    """
    seen: dict[str, int] | None = None
    while True:
        rows = list(
            TotalsRow.query(feature_id, TotalsRow.sk.between(low, high), consistent_read=True)
        )
        doubtful = to_ms(datetime.now(UTC) - FOLDING)
        if all((row.folded_at or 0) < doubtful for row in rows):
            return rows
        folds = {row.sk: int(row.folds or 0) for row in rows if row.folded_at}
        if folds == seen:
            return rows
        seen = folds


def count(
    write: TransactWrite, shard: TotalsShard | None, change: Totals, cohort: Cohort = NOTHING
) -> None:
    """Add to a shard, and to the cohort of its day, within a transaction; for None nothing.

    What is added to several parts of a shard's metrics takes an update for each.
    """
    if shard is not None:
        for part, actions in _additions(change, cohort):
            write.update(_row(shard, part), actions=actions)


def count_users(write: TransactWrite, shard: TotalsShard | None, by: int) -> None:
    """Count users in a shard within a transaction; in one of a day in its cohort, too."""
    in_cohort = shard is not None and shard.day is not None
    count(write, shard, Totals(total_users=by), Cohort(by) if in_cohort else NOTHING)


@store_errors()
def count_alone(shard: TotalsShard, change: Totals, cohort: Cohort = NOTHING) -> None:
    """Add to a shard by writes of their own; repeated by the client, they add twice."""
    for part, actions in _additions(change, cohort):
        _row(shard, part).update(actions=actions)


def totals_of(row: TotalsRow) -> Totals:
    """The totals that a row holds."""
    return Totals(
        int(row.event_total or 0),
        int(row.distinct_user_events_total or 0),
        int(row.total_users or 0),
    )


def cohort_of(row: TotalsRow) -> Cohort:
    """The users of a day and the sums of metrics that a row holds."""
    first = METRICS_OF_A_ROW * keys.part_of_totals(row.sk)
    metrics = {}
    for place in range(METRICS_OF_A_ROW):
        sums = MetricSums(*(getattr(row, f"{name}{place}") or 0 for name in SUMS.values()))
        if sums != MetricSums():
            metrics[first + place] = sums
    return Cohort(int(row.users or 0), metrics, int(row.foreign_events or 0))


def cohorts_of(row: TotalsRow) -> CohortColumns:
    """The cohorts of a month that a row holds."""
    stored = row.cohorts or {"days": [], "users": [], "metrics": {}}
    first = date.fromisoformat(f"{row.sk.rpartition('#')[2]}-01")
    return CohortColumns(
        [first.replace(day=day) for day in stored["days"]],
        stored["users"],
        {int(metric_id): columns for metric_id, columns in stored["metrics"].items()},
    )


def stored_cohorts(cohorts: CohortColumns) -> dict[str, Any]:
    """The cohorts of a month as a row holds them."""
    return {
        "days": [day.day for day in cohorts.days],
        "users": cohorts.users,
        "metrics": {str(key): columns for key, columns in sorted(cohorts.metrics.items())},
    }


def _additions(change: Totals, cohort: Cohort) -> list[tuple[int, list[Action]]]:
    """The additions to each part of the shard; the totals go to the first."""
    by_part: defaultdict[int, list[tuple[str, int]]] = defaultdict(list)
    for metric_id, sums in sorted(cohort.metrics.items()):
        part, place = divmod(metric_id, METRICS_OF_A_ROW)
        named = zip(SUMS.values(), astuple(sums), strict=True)
        by_part[part] += [(f"{name}{place}", by) for name, by in named]
    plain = [(each.name, getattr(change, each.name)) for each in fields(change)]
    first = min(by_part, default=0)
    by_part[first] += [*plain, ("users", cohort.users), ("foreign_events", cohort.foreign_events)]
    additions = (
        (part, [getattr(TotalsRow, name).add(by) for name, by in figures if by])
        for part, figures in by_part.items()
    )
    return [(part, actions) for part, actions in additions if actions]


def _row(shard: TotalsShard, part: int) -> TotalsRow:
    day = None if shard.day is None else shard.day.isoformat()
    return TotalsRow(shard.feature_id, keys.totals(shard.variant_id, shard.shard, day, part))
