"""Snapshots to store and to read."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from chalicelib.domain.outcomes.query_sums import Analysed, Cell, Described, QuerySums
from chalicelib.domain.outcomes.snapshots import Snapshot
from chalicelib.domain.outcomes.value_sums import ValueSums
from tests.fakes.memory import START

SUMS = QuerySums(
    "q",
    Analysed.USER,
    False,
    (
        Cell("a", None, ValueSums.of_decimals([Decimal("1.5"), Decimal(1)])),
        Cell("b", "north", ValueSums.of_fractions([Fraction(1, 3)]), 7, 2, 3),
    ),
    enrolled={"a": 3, "b": 7},
    described=(Described.ADAPTIVE,),
)


def snapshot(
    query_id: str = "q", days: int = -1, *, final: bool = False, at: datetime | None = None
) -> Snapshot:
    """The snapshot of a day, so many days after the start of all tests, read on the day after."""
    day: date = (START + timedelta(days=days)).date()
    moment = at or START + timedelta(days=days + 1)
    return Snapshot(day, moment, final, replace(SUMS, query_id=query_id))
