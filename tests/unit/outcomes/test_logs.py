"""How what clients log merges into rows."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from chalicelib.domain.outcomes.logs import (
    LogPart,
    LogRecord,
    LogRecordKey,
    LogRow,
    Merge,
    Value,
    measured_part,
    merge,
)
from tests.fakes.memory import START
from tests.unit.measure_samples import AREAS, SIMPLE, part

NOW = START + timedelta(days=1)
OLD, SAME, NEW = 0, 10, 20
"""Minutes before, at and after the time of the rows."""


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


def row(row_id: int, at: float = SAME, version: int = 1, **data: Value) -> LogRow:
    return LogRow(row_id, minute(at), data, START, START, version)


def log_record(*rows: LogRow, key: LogRecordKey = SIMPLE, revision: int = 4) -> LogRecord:
    return LogRecord("u", key, rows, revision)


def merged(before: LogRecord, *parts: LogPart) -> Merge:
    return merge(before, parts, itertools.count(100), NOW)


def data(rows: Sequence[LogRow]) -> list[tuple[int, dict[str, Value]]]:
    return [(each.id, dict(each.data)) for each in rows]


# Keys


def test_a_log_record_says_which_metric_an_attribute_belongs_to() -> None:
    assert SIMPLE.metric("time") == "time"
    assert AREAS.metric("time") == "workspace@__@areas@__@time"
    assert SIMPLE.uniquifier == "1"


def test_a_log_record_knows_its_metrics_and_their_values() -> None:
    first, second = row(1, time=5, grade="A"), row(2, time=7)
    given = log_record(first, second, key=AREAS)
    time, grade = AREAS.metric("time"), AREAS.metric("grade")
    assert given.metrics() == {time, grade}
    assert given.values(time) == [(first, 5), (second, 7)]
    assert given.values(grade) == [(first, "A")]
    assert given.values("time") == []


# What is kept


def test_values_of_metrics_that_nobody_asks_for_are_dropped() -> None:
    given = part(time=5, grade="A", mood="good")
    assert measured_part(given, {"time", "grade", "workspace@__@areas@__@mood"}) == part(
        time=5, grade="A"
    )
    assert measured_part(given, {"workspace@__@areas@__@time"}) is None
    assert measured_part(part(), {"time"}) is None
    grouped = part(key=AREAS, time=5, grade="A")
    assert measured_part(grouped, {"time", AREAS.metric("grade")}) == part(key=AREAS, grade="A")


# Rows


def test_what_no_row_has_makes_a_row() -> None:
    made = merged(LogRecord("u", SIMPLE), part(NEW, time=5, grade="A"))
    new = LogRow(100, minute(NEW), {"time": 5, "grade": "A"}, NOW, NOW, 1)
    assert made.log_record == LogRecord("u", SIMPLE, (new,), 1)
    [logged] = made.logged
    assert (logged.changed, logged.inserted) == ((), new)
    assert made.new_metrics == {"time", "grade"}
    assert made.is_new


@pytest.mark.parametrize("at", [SAME, NEW])
def test_a_value_not_older_than_its_row_replaces_the_stored_one(at: float) -> None:
    made = merged(log_record(row(1, time=5, grade="A")), part(at, time=6))
    after = LogRow(1, minute(at), {"time": 6, "grade": "A"}, START, NOW, 2)
    assert made.log_record == log_record(after, revision=5)
    assert made.logged[0].changed == (after,)
    assert made.logged[0].inserted is None
    assert made.new_metrics == frozenset()


def test_an_older_value_is_dropped_and_nothing_is_to_be_stored() -> None:
    before = log_record(row(1, time=5))
    made = merged(before, part(OLD, time=6))
    assert made.log_record.rows == before.rows
    assert (made.logged[0].changed, made.logged[0].inserted) == ((), None)
    assert not made.is_new


def test_a_value_that_does_not_change_counts_as_logged_again() -> None:
    made = merged(log_record(row(1, time=5)), part(NEW, time=5))
    assert (made.log_record.rows[0].version, made.log_record.rows[0].time) == (2, minute(NEW))


def test_of_one_part_each_value_goes_its_own_way() -> None:
    before = log_record(row(1, OLD, time=1), row(2, NEW, grade="A"), row(3, SAME, mood="good"))
    made = merged(before, part(SAME, time=2, grade="B", mood="bad", tries=3))
    assert data(made.log_record.rows) == [
        (1, {"time": 2}),
        (2, {"grade": "A"}),
        (3, {"mood": "bad"}),
        (100, {"tries": 3}),
    ]
    assert [each.id for each in made.logged[0].changed] == [1, 3]
    assert made.logged[0].inserted is not None
    assert made.new_metrics == {"tries"}


def test_a_row_that_gets_several_values_at_once_changes_once() -> None:
    made = merged(log_record(row(1, OLD, a=1, b=1)), part(NEW, a=2, b=2))
    assert made.logged[0].changed == (LogRow(1, minute(NEW), {"a": 2, "b": 2}, START, NOW, 2),)


def test_a_value_goes_to_the_first_row_that_has_its_attribute() -> None:
    made = merged(log_record(row(1, OLD, a=1), row(2, OLD, a=1, b=1)), part(SAME, a=2, b=2))
    assert data(made.log_record.rows) == [(1, {"a": 2}), (2, {"a": 1, "b": 2})]
    made = merged(log_record(row(1, NEW, a=1), row(2, OLD, a=1)), part(SAME, a=2))
    assert data(made.log_record.rows) == [(1, {"a": 1}), (2, {"a": 1})], (
        "it is too old for the first"
    )


# Several parts of one call


def test_parts_of_one_call_do_not_see_the_rows_that_others_make() -> None:
    made = merged(LogRecord("u", SIMPLE), part(OLD, 0, time=1), part(NEW, 1, time=2))
    assert data(made.log_record.rows) == [(100, {"time": 1}), (101, {"time": 2})]
    assert [each.inserted and each.inserted.id for each in made.logged] == [100, 101]
    later = merged(made.log_record, part(NEW + 1, time=3))
    assert data(later.log_record.rows) == [(100, {"time": 3}), (101, {"time": 2})]


@pytest.mark.parametrize("order", list(itertools.permutations([OLD, SAME, NEW])))
def test_of_several_parts_for_a_row_the_newest_wins_in_any_order(order: Sequence[int]) -> None:
    parts = [part(at, item, time=at) for item, at in enumerate(order)]
    made = merged(log_record(row(1, OLD, time=-1)), *parts)
    assert made.log_record.rows[0].data == {"time": NEW}
    assert made.log_record.rows[0].time == minute(NEW)
    assert [each.part for each in made.logged] == parts
    assert made.log_record.revision == 5, "they are stored together"


def test_each_part_is_told_the_row_as_it_was_after_it() -> None:
    made = merged(log_record(row(1, OLD, a=0)), part(1, 0, a=1), part(2, 1, a=2))
    shown = [(each.changed[0].data["a"], each.changed[0].version) for each in made.logged]
    assert shown == [(1, 2), (2, 3)]


def test_equal_times_are_taken_in_the_order_of_the_call() -> None:
    made = merged(log_record(row(1, a=0)), part(SAME, 0, a="first"), part(SAME, 1, a="second"))
    assert made.log_record.rows[0].data == {"a": "second"}


def test_ids_are_drawn_only_for_new_rows() -> None:
    ids = itertools.count(7)
    merge(log_record(row(1, a=0)), [part(NEW, a=1), part(OLD, a=1)], ids, NOW)
    assert next(ids) == 7


def test_rows_stay_in_the_order_of_their_ids() -> None:
    made = merge(log_record(row(50, a=0)), [part(NEW, b=1)], iter([9]), NOW)
    assert [each.id for each in made.log_record.rows] == [9, 50]


def test_values_between_the_parts_are_kept_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.domain.outcomes.logs.VALUES_SHOWN", 3)
    parts = [part(SAME, number, a=number) for number in range(4)]
    found = merged(log_record(row(1, a="x", b="y")), *parts)
    shown = [data(each.changed) for each in found.logged]
    last = [(1, {"a": 3, "b": "y"})]
    assert shown == [[(1, {"a": 0, "b": "y"})], last, last, last]
    assert [each.changed[0].version for each in found.logged] == [2, 3, 4, 5]
