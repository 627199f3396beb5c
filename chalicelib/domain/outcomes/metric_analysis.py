"""Results of a query of an experiment, one for each arm (UpGrade, section 15)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from chalicelib.domain.experiments.metrics import (
    MetricQuery,
    MetricType,
    Operation,
    RepeatedMeasure,
)
from chalicelib.domain.outcomes.logs import Value
from chalicelib.domain.outcomes.pg_numeric import (
    deviation,
    in_order,
    mean,
    median,
    mode,
    numeric,
    percentage,
    total,
    written,
)


@dataclass(frozen=True, slots=True)
class Observation:
    """A logged value of a user who takes part under a condition.

    `updated_at` says when the server last changed the row that holds the value. A user who takes
    part under two conditions has two observations of the same row.
    """

    user_id: str
    condition_id: str
    value: Value
    updated_at: datetime
    row_id: int


Result = str | int | float | None
"""Exact numbers are text. Medians are numbers. None: there is no result."""


@dataclass(frozen=True, slots=True)
class ArmResult:
    """The result of an arm: a condition, or a level of a factorial design.

    `participants` are the users with a value that counts.
    """

    arm_id: str
    result: Result
    participants: int


T = TypeVar("T")

Rows = Mapping[tuple[datetime, int], T]
"""The values of a user in an arm; the keys put their rows in the order of their updates."""

AGGREGATES: Mapping[Operation, Callable[[Sequence[Decimal]], Result]] = {
    Operation.SUM: lambda ordered: written(total(ordered)),
    Operation.COUNT: lambda ordered: str(len(ordered)),
    Operation.MIN: lambda ordered: written(ordered[0]),
    Operation.MAX: lambda ordered: written(ordered[-1]),
    Operation.AVERAGE: lambda ordered: written(mean(ordered)),
    Operation.MODE: lambda ordered: written(mode(ordered)),
    Operation.MEDIAN: median,
    Operation.DEVIATION: lambda ordered: _written_if_any(deviation(ordered)),
}
"""What becomes of the numbers of all users, in order; there is at least one."""


def analyse(
    query: MetricQuery,
    kind: MetricType,
    observations: Iterable[Observation],
    arms: Mapping[str, Collection[str]],
) -> list[ArmResult]:
    """The results of `query` by arm; `arms` names the conditions of each.

    The results are in the order of `arms`. Arms without a value that counts are left out. The
    order of the observations does not matter. Each user has one value in an arm, chosen or
    averaged by the query's repeated measure.

    Percentages, and counts of categorical metrics, compare texts. All else is computed from
    numbers; text that is no number does not count.
    """
    values = user_values(query, kind, observations, arms)
    if is_comparison(query, kind):
        return [ArmResult(arm, _matches(query, each), len(each)) for arm, each in values]
    aggregate = AGGREGATES[query.operation]
    return [ArmResult(arm, aggregate(in_order(own.values())), len(own)) for arm, own in values]


def user_values(
    query: MetricQuery,
    kind: MetricType,
    observations: Iterable[Observation],
    arms: Mapping[str, Collection[str]],
) -> list[tuple[str, Mapping[str, Decimal]]]:
    """The one number of each user in the arms that have any, by user id; as for `analyse`.

    Where the query compares texts it is 1 for a user whose text is one that is asked for, else 0.
    A mean of a user's own values has the digits that PostgreSQL keeps of it.
    """
    if not is_comparison(query, kind):
        number_of = NUMBER_OF.get(query.repeated_measure, _first)
        return _values(observations, arms, numeric, number_of)
    # Texts have no mean; as in UpGrade, whatever is not the last value is the first.
    text_of = _last if query.repeated_measure is RepeatedMeasure.MOST_RECENT else _first
    wanted = "" if query.compare_value is None else as_text(query.compare_value)
    equal = query.compare_fn == "="
    return [
        (arm, {user: Decimal((text == wanted) is equal) for user, text in texts.items()})
        for arm, texts in _values(observations, arms, as_text, text_of)
    ]


def as_text(value: Value) -> str | None:
    """How a value is compared; None for a number that is not finite or too long.

    >>> as_text("3.0"), as_text(3.0), as_text(2.5)
    ('3.0', '3', '2.5')
    """
    if isinstance(value, str):
        return value
    number = numeric(value)
    return None if number is None else written(number)


def is_comparison(query: MetricQuery, kind: MetricType) -> bool:
    """Whether a query is about how many values are equal to another one, or differ from it."""
    return query.operation is Operation.PERCENTAGE or (
        query.operation is Operation.COUNT and kind is MetricType.CATEGORICAL
    )


def _matches(query: MetricQuery, values: Mapping[str, Decimal]) -> str:
    matches = int(sum(values.values()))
    if query.operation is Operation.COUNT:
        return str(matches)
    return written(percentage(matches, len(values)))


def _values(
    observations: Iterable[Observation],
    arms: Mapping[str, Collection[str]],
    read: Callable[[Value], T | None],
    value_of: Callable[[Rows[T]], T],
) -> list[tuple[str, Mapping[str, T]]]:
    """The values of each arm's users, where it has any: one per user, as `value_of` reads it.

    A row counts once for a user, even if conditions of the same arm share it.
    """
    arms_of: dict[str, list[str]] = {}
    for arm, conditions in arms.items():
        for condition in set(conditions):
            arms_of.setdefault(condition, []).append(arm)
    rows: dict[str, dict[str, dict[tuple[datetime, int], T]]] = {arm: {} for arm in arms}
    for each in observations:
        if each.condition_id not in arms_of or (value := read(each.value)) is None:
            continue
        for arm in arms_of[each.condition_id]:
            rows[arm].setdefault(each.user_id, {})[each.updated_at, each.row_id] = value
    return [
        (arm, {user_id: value_of(own) for user_id, own in users.items()})
        for arm, users in rows.items()
        if users
    ]


def _first(rows: Rows[T]) -> T:
    return rows[min(rows)]


def _last(rows: Rows[T]) -> T:
    return rows[max(rows)]


def _mean(rows: Rows[Decimal]) -> Decimal:
    return mean(list(rows.values()))


NUMBER_OF: Mapping[RepeatedMeasure, Callable[[Rows[Decimal]], Decimal]] = {
    RepeatedMeasure.MEAN: _mean,
    RepeatedMeasure.MOST_RECENT: _last,
}
"""Which number of a user counts; by any other measure it is the first."""


def _written_if_any(number: Decimal | None) -> str | None:
    return None if number is None else written(number)
