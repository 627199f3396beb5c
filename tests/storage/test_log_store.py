"""The rules of `LogStore`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from pynamodb.exceptions import QueryError

from chalicelib.domain.errors import Invalid, Unavailable
from chalicelib.domain.experiments.metrics import grouped_key
from chalicelib.domain.outcomes.logs import (
    LogPart,
    LogRecord,
    LogRecordKey,
    LogRow,
    Merge,
    Value,
    merge,
)
from chalicelib.services.outcomes.ports import LOG_RECORD_BYTES
from chalicelib.services.stores import Stores
from chalicelib.storage.dynamodb.tables import LoggedRow
from tests.fakes.memory import START
from tests.unit.measure_samples import AREAS, SIMPLE, part
from tests.unit.upgrade_service_samples import at_once

HOSTILE = ["a", " ", "a#b", "a#", "simple", "%23", "#", "log#u", "é" * 256, "#" * 512, "%" * 512]
LONG = "ключ " * 200
"""A thousand characters, of which many have two bytes."""

LATER = START + timedelta(hours=1)
PARALLEL = 6

ids = itertools.count(1)


def merged(before: LogRecord, *parts: LogPart) -> Merge:
    return merge(before, parts, ids, LATER)


def new(
    key: LogRecordKey = SIMPLE,
    user_id: str = "u",
    values: Mapping[str, Value] | None = None,
    **attributes: Value,
) -> Merge:
    """A log record that is not stored as yet, with one row."""
    return merged(LogRecord(user_id, key), part(0, 0, key, {**(values or {}), **attributes}))


def attempt(stores: Stores, *merges: Merge) -> set[LogRecordKey]:
    """The log records that could not be stored."""
    return set(stores.logs.store(merges))


def store(stores: Stores, *merges: Merge) -> list[LogRecord]:
    assert attempt(stores, *merges) == set()
    return [each.log_record for each in merges]


def read(stores: Stores, *keys: LogRecordKey, user_id: str = "u") -> dict[LogRecordKey, LogRecord]:
    return dict(stores.logs.log_records(user_id, keys))


def of_metric(stores: Stores, metric_key: str) -> list[LogRecord]:
    found = [
        log_record
        for log_records in stores.logs.of_metric(metric_key)
        for log_record in log_records
    ]
    return sorted(found, key=lambda log_record: (log_record.user_id, log_record.key.uniquifier))


def tries(number: int) -> LogRecordKey:
    assert AREAS.group is not None
    return LogRecordKey(AREAS.group, f"try {number:04}")


# Log records


def test_ids_are_never_given_out_twice_not_even_after_clearing(stores: Stores) -> None:
    given = [stores.logs.new_id() for _ in range(5)]
    stores.eraser.clear(lambda: START, timedelta(0))
    given.append(stores.logs.new_id())
    assert len(set(given)) == 6


def test_a_log_record_comes_back_as_it_was_stored(stores: Stores) -> None:
    rows = (
        LogRow(
            7,
            START - timedelta(days=10_000),
            {"a": 0.1, "b": -(2**53), "c": "é\n#%\U0001f600", "d": 1e300, "e": 0},
            START,
            LATER,
            3,
        ),
        LogRow(2**40, START + timedelta(milliseconds=1), {"": "empty name"}, START, START),
    )
    for key in (SIMPLE, AREAS, LogRecordKey(("#", "%"), LONG)):
        log_record = LogRecord("u", key, rows, 1)
        store(stores, Merge(log_record, (), log_record.metrics()))
        assert read(stores, key) == {key: log_record}


def test_only_those_asked_for_and_stored_are_read(stores: Stores) -> None:
    simple, grouped = store(stores, new(time=1), new(AREAS, time=2))
    assert read(stores, SIMPLE, tries(1)) == {SIMPLE: simple}
    assert read(stores, SIMPLE, AREAS) == {SIMPLE: simple, AREAS: grouped}
    assert read(stores) == {}
    assert read(stores, SIMPLE, user_id="v") == {}


@pytest.mark.parametrize("user_id", HOSTILE)
def test_users_may_be_called_anything(stores: Stores, user_id: str) -> None:
    others = [other for other in HOSTILE if other != user_id]
    store(stores, new(user_id=user_id, time=1), new(AREAS, user_id, time=2))
    for other in others:
        assert read(stores, SIMPLE, AREAS, user_id=other) == {}
    store(stores, new(user_id="other", time=3))
    found = read(stores, SIMPLE, AREAS, user_id=user_id)
    assert [found[key].rows[0].data["time"] for key in (SIMPLE, AREAS)] == [1, 2]
    assert {log_record.user_id for log_record in of_metric(stores, "time")} == {user_id, "other"}


def test_parts_of_keys_may_be_anything_and_do_not_run_together(stores: Stores) -> None:
    keys = [
        LogRecordKey((group, key), uniquifier)
        for group, key, uniquifier in [
            ("a", "b", "c"),
            ("ab", "", "c"),
            ("a", "bc", ""),
            ("", "ab", "c"),
            ("a#b", "c", "1"),
            ("a", "b#c", "1"),
            ("1:a", "b", "c"),
            ("a@__@b", "c", "1"),
            ("a", "b@__@c", "1"),
            ("simple", "simple", "1"),
            (LONG, LONG, LONG),
            (LONG, LONG, LONG[:-1]),
        ]
    ]
    log_records = store(stores, *(new(key, time=n) for n, key in enumerate(keys)))
    assert read(stores, *keys) == dict(zip(keys, log_records, strict=True))


# Storing


def test_a_log_record_is_replaced_as_long_as_it_is_what_it_was(stores: Stores) -> None:
    [first] = store(stores, new(time=1))
    [second] = store(stores, merged(first, part(1, time=2, grade="A")))
    assert read(stores, SIMPLE) == {SIMPLE: second}
    assert second.revision == 2
    assert attempt(stores, merged(first, part(2, time=3))) == {SIMPLE}
    assert attempt(stores, new(time=4)) == {SIMPLE}
    assert read(stores, SIMPLE) == {SIMPLE: second}


def test_a_log_record_that_is_not_there_any_more_is_not_brought_back(stores: Stores) -> None:
    [first] = store(stores, new(time=1))
    stores.eraser.clear(lambda: START, timedelta(0))
    assert attempt(stores, merged(first, part(1, time=2))) == {SIMPLE}
    assert read(stores, SIMPLE) == {}


def test_what_is_lost_is_told_and_can_be_merged_anew(stores: Stores) -> None:
    [first] = store(stores, new(time=1))
    store(stores, merged(first, part(1, time=2)))
    lost = attempt(stores, merged(first, part(2, time=3)), *(new(tries(n), time=n) for n in (1, 2)))
    assert SIMPLE in lost
    for key in lost:
        before = read(stores, key).get(key, LogRecord("u", key))
        store(stores, merged(before, part(3, key=key, time=4)))
    assert len(read(stores, SIMPLE, tries(1), tries(2))) == 3


def test_of_parallel_writers_of_a_log_record_one_wins(stores: Stores) -> None:
    [first] = store(stores, new(time=0))

    def write(number: int) -> bool:
        return not attempt(stores, merged(first, part(number, time=number, grade=f"{number}")))

    won = at_once(*(lambda n=n: write(n) for n in range(1, PARALLEL + 1)))
    assert won.count(True) <= 1
    after = read(stores, SIMPLE)[SIMPLE]
    assert after.revision == 1 + won.count(True)
    if any(won):
        number = won.index(True) + 1
        assert [dict(row.data) for row in after.rows] == [
            {"time": number},
            {"grade": f"{number}"},
        ]


@pytest.mark.parametrize("count", [30, 100, 130])
def test_many_log_records_of_one_call_are_stored_and_read(stores: Stores, count: int) -> None:
    keys = [SIMPLE, *map(tries, range(count - 1))]
    log_records = store(stores, *(new(key, time=n, grade="A") for n, key in enumerate(keys)))
    assert read(stores, *keys) == dict(zip(keys, log_records, strict=True))
    time = AREAS.metric("time")
    assert [s.key for s in of_metric(stores, time)] == keys[1:]
    again = [merged(log_record, part(1, key=log_record.key, time=-1)) for log_record in log_records]
    assert all(log_record.revision == 2 for log_record in store(stores, *again))


def test_log_records_may_be_large_each_and_all_together(stores: Stores) -> None:
    text = "é" * 1000
    parts = {n: [part(0, i, key=tries(n), time=text) for i in range(150)] for n in range(15)}
    merges = [merged(LogRecord("u", tries(n)), *each) for n, each in parts.items()]
    log_records = store(stores, *merges)
    assert read(stores, *map(tries, range(15))) == {
        log_record.key: log_record for log_record in log_records
    }


def test_a_log_record_that_is_too_large_is_refused_and_nothing_is_stored(stores: Stores) -> None:
    many = [part(0, i, time="x" * 1000) for i in range(LOG_RECORD_BYTES // 1000 + 1)]
    huge = merged(LogRecord("u", SIMPLE), *many)
    with pytest.raises(Invalid, match="too much is logged"):
        stores.logs.store([new(AREAS, time=1), huge, new(tries(1), time=1)])
    assert read(stores, SIMPLE, AREAS, tries(1)) == {}
    assert of_metric(stores, AREAS.metric("time")) == []


# Metrics


def test_the_log_records_of_a_metric_are_found_whoever_logged_it(stores: Stores) -> None:
    log_records = store(stores, new(time=1, grade="A"), new(AREAS, time=2))
    [other] = store(stores, new(user_id="v", time=3))
    assert of_metric(stores, "time") == [log_records[0], other]
    assert of_metric(stores, "grade") == [log_records[0]]
    assert of_metric(stores, AREAS.metric("time")) == [log_records[1]]
    assert of_metric(stores, "mood") == []


def test_a_metric_that_a_later_call_adds_is_found_too(stores: Stores) -> None:
    [first] = store(stores, new(time=1))
    [second] = store(stores, merged(first, part(1, time=2, grade="A")))
    assert of_metric(stores, "time") == of_metric(stores, "grade") == [second]


def test_what_was_lost_leaves_no_trace_in_a_metric(stores: Stores) -> None:
    store(stores, new(time=1))
    many = {f"metric {n}": n for n in range(150)}
    assert attempt(stores, new(values=many, grade="A")) == {SIMPLE}
    for metric_key in ("grade", *many):
        assert of_metric(stores, metric_key) == []


def test_a_simple_metric_may_be_called_like_a_grouped_one(stores: Stores) -> None:
    name = grouped_key("a", "b", "c")
    key = LogRecordKey(("a", "b"), "1")
    log_records = store(stores, new(values={name: 1}), new(key, c=2))
    found = of_metric(stores, name)
    assert sorted(log_record.values(name)[0][1] for log_record in found) == [1, 2]
    assert all(log_record in log_records for log_record in found)


def test_metrics_with_long_names_are_told_apart(stores: Stores) -> None:
    names = [LONG + "a", LONG + "b", "#" * 1000, "%23" * 300]
    log_records = [
        store(stores, new(SIMPLE, f"user {n}", {name: n}))[0] for n, name in enumerate(names)
    ]
    for name, log_record in zip(names, log_records, strict=True):
        assert of_metric(stores, name) == [log_record]


def test_a_log_record_may_have_more_new_metrics_than_fit_a_transaction(stores: Stores) -> None:
    many = {f"metric {n:03}": n for n in range(250)}
    [first] = store(stores, new(values=many))
    assert read(stores, SIMPLE) == {SIMPLE: first}
    for metric_key in many:
        assert of_metric(stores, metric_key) == [first]
    more = {f"more {n:03}": n for n in range(150)}
    [second, other] = store(stores, merged(first, part(1, values=more)), new(AREAS, time=1))
    assert of_metric(stores, "more 149") == of_metric(stores, "metric 000") == [second]
    assert of_metric(stores, AREAS.metric("time")) == [other]


def test_a_metric_of_many_users_comes_in_portions(stores: Stores) -> None:
    users = [f"user {n:04}" for n in range(1000)]

    def fill(some: Sequence[str]) -> int:
        return sum(len(store(stores, new(user_id=user_id, time=1))) for user_id in some)

    chunks = [users[start::PARALLEL] for start in range(PARALLEL)]
    assert sum(at_once(*(lambda c=c: fill(c) for c in chunks))) == len(users)
    portions = [len(log_records) for log_records in stores.logs.of_metric("time")]
    assert sum(portions) == len(users)
    assert len(portions) > 1
    assert [log_record.user_id for log_record in of_metric(stores, "time")] == users


def test_users_have_their_log_records_of_some_metrics_and_nobody_elses(stores: Stores) -> None:
    store(stores, new(time=1), new(AREAS, time=2, other=3), new(tries(1), time=4))
    store(stores, new(user_id="v", other=1), new(AREAS, user_id="v", other=3))
    store(stores, new(user_id="w", time=1), new(AREAS, user_id="w", time=3))
    of_areas = AREAS.metric("time")

    def found(users: Sequence[str], *metric_keys: str) -> set[tuple[str, LogRecordKey]]:
        log_records = [
            each
            for each in stores.logs.of_users(users, metric_keys)
            if each.metrics() & {*metric_keys}
        ]
        for each in log_records:
            assert each == read(stores, each.key, user_id=each.user_id)[each.key]
        assert len({(each.user_id, each.key) for each in log_records}) == len(log_records)
        return {(each.user_id, each.key) for each in log_records}

    assert found(["u", "v"], "time") == {("u", SIMPLE)}
    assert found(["u", "v"], "time", "other") == {("u", SIMPLE), ("v", SIMPLE)}
    assert found(["u", "v"], of_areas) == {("u", AREAS), ("u", tries(1))}
    assert found(["u"], of_areas, "time") == {("u", AREAS), ("u", tries(1)), ("u", SIMPLE)}
    assert found(["v"], "time", of_areas) == found([], of_areas) == found(["u"]) == set()


@pytest.mark.parametrize("user_id", HOSTILE)
@pytest.mark.parametrize("key", [SIMPLE, AREAS])
def test_log_records_are_found_by_user_whatever_the_id(
    stores: Stores, user_id: str, key: LogRecordKey
) -> None:
    store(stores, *(new(key, each, time=1) for each in HOSTILE))
    [log_record] = stores.logs.of_users([user_id], [key.metric("time")])
    assert log_record.user_id == user_id


def test_a_failure_while_a_metric_is_read_is_told_apart(
    dynamo_stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    def query(*_: Any, **__: Any) -> Iterator[Any]:
        yield from ()
        raise QueryError("the connection broke")

    monkeypatch.setattr(LoggedRow, "query", query)
    with pytest.raises(Unavailable):
        list(dynamo_stores.logs.of_metric("time"))


def test_clearing_leaves_nothing_of_what_was_logged(stores: Stores) -> None:
    store(stores, new(time=1), new(AREAS, time=1))
    stores.eraser.clear(lambda: START, timedelta(0))
    assert read(stores, SIMPLE, AREAS) == {}
    assert of_metric(stores, "time") == of_metric(stores, AREAS.metric("time")) == []
    assert store(stores, new(time=2))[0].revision == 1
