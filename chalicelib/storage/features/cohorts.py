"""Cohorts of Test Lab's users in DynamoDB: read together, and folded once their day is over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action

from chalicelib.domain.errors import LostRace
from chalicelib.domain.features.cohorts import CohortColumns, Cohorts
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import store_errors, transaction
from chalicelib.storage.dynamodb.tables import TotalsRow
from chalicelib.storage.dynamodb.times import to_ms
from chalicelib.storage.experiments.totals import (
    cohort_of,
    cohorts_of,
    stored_cohorts,
    unfolded,
)

OF_TOTALS = ("event_total", "distinct_user_events_total", "total_users", "foreign_events")
"""What of a folded shard goes to the variant's totals; the rest to the cohort of the day."""

NOTED = {"feature_id", "sk", "folds", "folded_at", "cohorts"}

COUNTED = tuple(sorted(TotalsRow.get_attributes().keys() - NOTED))
"""What a shard may hold."""

AT_ONCE = 90
"""Shards that are folded by one transaction."""


class DynamoCohortStore:
    """`CohortStore` on the table `variants`."""

    @store_errors()
    def of_feature(self, feature_id: int) -> Cohorts:
        rows = unfolded(feature_id, keys.totals_prefix(), f"{keys.window_prefix()}~")
        variants: defaultdict[int, CohortColumns] = defaultdict(CohortColumns)
        for row in rows:
            if row.sk.startswith(keys.window_prefix()):
                variants[keys.variant_of_totals(row.sk)].extend(cohorts_of(row))
        for row in rows:
            if row.sk.startswith(keys.totals_prefix()):
                variants[keys.variant_of_totals(row.sk)].add(_day(row), cohort_of(row))
        return Cohorts(dict(variants))

    def fold(self, feature_id: int, before: date) -> Iterator[int]:
        """As the port says; readers meet the shards or the row, never neither or both.

        The rows say beforehand that they are about to change: who reads them within a minute from
        then on reads again.
        """
        with store_errors():
            open_rows = list(
                TotalsRow.query(
                    feature_id,
                    TotalsRow.sk.startswith(keys.totals_prefix()),
                    consistent_read=True,
                )
            )
        due: defaultdict[tuple[int, str], list[TotalsRow]] = defaultdict(list)
        for row in open_rows:
            day = _day(row)
            if day is not None and day < before:
                due[keys.variant_of_totals(row.sk), f"{day:%Y-%m}"].append(row)
        for (variant_id, month), rows in due.items():
            for start in range(0, len(rows), AT_ONCE):
                some = rows[start : start + AT_ONCE]
                with suppress(LostRace):  # a late event: the next call folds it with the others
                    _fold(feature_id, variant_id, month, some)
                yield len(some)


def _fold(feature_id: int, variant_id: int, month: str, rows: list[TotalsRow]) -> None:
    totals = TotalsRow(feature_id, keys.totals(variant_id, keys.FOLDED))
    of_month = TotalsRow(feature_id, keys.window(variant_id, month))
    with store_errors():
        for row in totals, of_month:
            row.update(actions=[_folded_now()])
    cohorts = cohorts_of(of_month)
    for row in rows:
        cohorts.add(_day(row), cohort_of(row))
    values = [_values(row) for row in rows]
    sums = {name: sum(each.get(name, 0) for each in values) for name in OF_TOTALS}
    of_totals: list[Action] = [getattr(TotalsRow, name).add(by) for name, by in sums.items() if by]
    # Each change of the cohorts moves `folds`.
    same = Path("folds")
    unchanged = same.does_not_exist() if of_month.folds is None else same == of_month.folds
    of_days = TotalsRow.cohorts.set({**(of_month.cohorts or {}), **stored_cohorts(cohorts)})
    # Anew: what came before may have taken its time, and readers doubt a minute.
    folded: list[Action] = [_folded_now(), TotalsRow.folds.add(1)]
    with transaction() as write:
        for row, each in zip(rows, values, strict=True):
            write.delete(TotalsRow(feature_id, row.sk), condition=_is(each))
        write.update(totals, actions=[*folded, *of_totals])
        write.update(of_month, actions=[*folded, of_days], condition=unchanged)


def _folded_now() -> Action:
    return TotalsRow.folded_at.set(to_ms(datetime.now(UTC)))


def _values(row: TotalsRow) -> dict[str, int]:
    return {
        name: int(value)
        for name, value in row.attribute_values.items()
        if name in COUNTED and value is not None
    }


def _is(values: dict[str, int]) -> Condition:
    """The condition that a row is there, with these values and no others."""
    condition: Condition = TotalsRow.sk.exists()
    for name in COUNTED:
        path = Path(name)
        condition &= path == values[name] if name in values else path.does_not_exist()
    return condition


def _day(row: TotalsRow) -> date | None:
    day = keys.day_of_totals(row.sk)
    return None if day is None else date.fromisoformat(day)
