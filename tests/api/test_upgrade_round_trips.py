"""The calls to the database that UpGrade's client calls cost in a warm process: the budgets."""

from __future__ import annotations

import itertools
from typing import Any

import jwt
import pytest

from chalicelib.domain.outcomes.logs import LogRecord, LogRecordKey, LogRow, Merge
from chalicelib.storage.outcomes.logs import DynamoLogStore
from tests.api.test_round_trips import CallCounter, counter
from tests.api.upgrade_setup import design, entry, flag, measure, query, segment, start
from tests.conftest import CLIENT_KEY, CLIENT_SECRET
from tests.fakes.memory import START
from tests.http import Answer, Gateway

__all__ = ["counter"]

GROUPS = {"group": {"classId": ["c1"]}, "workingGroup": {"classId": "c1"}}


def call(gateway: Gateway, path: str, body: Any, user_id: str = "ada") -> Answer:
    answer = gateway.send("POST", f"/api/v6/{path}", body, {"user-id": user_id})
    assert answer.status == 200, answer.text
    return answer


def many(gateway: Gateway, count: int, **fields: Any) -> None:
    def send(method: str, path: str, body: Any) -> Any:
        return gateway.send(method, path, body).json

    for number in range(count):
        start(send, design(("site", f"target {number}"), name=f"experiment {number}", **fields))


def mark(gateway: Gateway, target: str = "target 0") -> Answer:
    body = {"data": {"site": "site", "target": target}, "status": "condition applied"}
    return call(gateway, "mark", body)


@pytest.mark.parametrize("count", [1, 10, 40])
def test_assign_costs_the_same_with_any_number_of_experiments(
    gateway: Gateway, counter: CallCounter, count: int
) -> None:
    many(gateway, count)
    call(gateway, "init", {})
    call(gateway, "assign", {"context": "home"})
    counter.calls.clear()
    assert len(call(gateway, "assign", {"context": "home"}).json) == count
    assert counter.calls == ["Query", "GetItem"]


def test_assign_with_group_experiments_takes_one_trip_more(
    gateway: Gateway, counter: CallCounter
) -> None:
    many(gateway, 3, assignmentUnit="group", group="classId", consistencyRule="group")
    call(gateway, "init", GROUPS)
    call(gateway, "assign", {"context": "home"})
    counter.calls.clear()
    assert len(call(gateway, "assign", {"context": "home"}).json) == 3
    assert len(counter.calls) == 3


def test_init_takes_two_trips_and_one_more_to_store(gateway: Gateway, counter: CallCounter) -> None:
    call(gateway, "init", GROUPS)
    call(gateway, "assign", {"context": "home"})
    counter.calls.clear()
    call(gateway, "init", GROUPS)
    assert len(counter.calls) <= 2
    counter.calls.clear()
    call(gateway, "init", {"workingGroup": {"classId": "c2"}})
    assert len(counter.calls) <= 3


def test_a_mark_takes_three_trips_and_four_in_group_experiments(
    gateway: Gateway, counter: CallCounter
) -> None:
    many(gateway, 2)
    call(gateway, "init", GROUPS)
    call(gateway, "assign", {"context": "home"})
    for _ in ("first", "repeated"):
        counter.calls.clear()
        mark(gateway)
        assert len(counter.calls) <= 3
    gateway.delete("/api/v5/clearDB")
    many(gateway, 2, assignmentUnit="group", group="classId", consistencyRule="group")
    call(gateway, "init", GROUPS)
    call(gateway, "assign", {"context": "home"})
    for _ in ("first", "repeated"):
        counter.calls.clear()
        mark(gateway)
        assert len(counter.calls) <= 4


def test_an_alias_adds_one_trip(gateway: Gateway, counter: CallCounter) -> None:
    many(gateway, 1)
    call(gateway, "init", {})
    gateway.send("PATCH", "/api/v6/useraliases", {"aliases": ["al"]}, {"user-id": "ada"})
    call(gateway, "assign", {"context": "home"})
    counter.calls.clear()
    call(gateway, "assign", {"context": "home"}, "al")
    assert len(counter.calls) == 3


def test_a_long_list_costs_assign_nothing(gateway: Gateway, counter: CallCounter) -> None:
    experiment = design(("site", "target 0"))
    gateway.post("/api/experiments", experiment)
    listed = {
        "name": "many",
        "context": "home",
        "type": "private",
        "listType": "Individual",
        "userIds": [f"user {number}" for number in range(500)],
        "groups": [],
        "subSegmentIds": [],
    }
    body = {"experimentId": experiment["id"], "list": listed}
    assert gateway.post("/api/experiments/exclusionList", body).status == 200
    state = {"experimentId": experiment["id"], "state": "enrolling"}
    gateway.post("/api/experiments/state", state)
    for user_id, assigned in (("user 7", 0), ("ada", 1)):
        call(gateway, "init", {}, user_id)
        call(gateway, "assign", {"context": "home"}, user_id)
        counter.calls.clear()
        assert len(call(gateway, "assign", {"context": "home"}, user_id).json) == assigned
        assert len(counter.calls) == 2


@pytest.mark.parametrize("count", [1, 5])
def test_a_design_costs_one_trip_more_for_each_of_its_lists(
    gateway: Gateway, counter: CallCounter, count: int
) -> None:
    experiment = design(("site", "target 0"))
    gateway.post("/api/experiments", experiment)
    parts = gateway.post("/api/segments", segment("bob", name="part", type="public")).json
    path = f"/api/experiments/single/{experiment['id']}"
    gateway.get(path)
    counter.calls.clear()
    gateway.get(path)
    without = len(counter.calls)
    for number in range(count):
        listed = segment("ada", name=f"list {number}", subSegmentIds=[parts["id"]])
        body = {"experimentId": experiment["id"], "list": {**listed, "listType": "Segment"}}
        assert gateway.post("/api/experiments/inclusionList", body).status == 200
    counter.calls.clear()
    shown = gateway.get(path).json
    assert len(shown["experimentSegmentInclusion"]) == count
    assert len(counter.calls) == without + count


def rounds(calls: list[str]) -> list[str]:
    """Calls one after the other; those of one kind in a row are made at the same time."""
    return [name for name, _ in itertools.groupby(calls)]


LOGGED = ["Query", "GetItem", "BatchGetItem", "TransactWriteItems"]
"""The user, the catalogue's revision, the log records; then these are stored."""


def measured(gateway: Gateway) -> None:
    """A known user, and metrics that an experiment measures; ids of rows are leased already."""

    def send(method: str, path: str, body: Any) -> Any:
        return gateway.send(method, path, body).json

    measure(send, "time", "grade")
    for user_id in ("ada", "bob"):
        call(gateway, "init", {}, user_id)
    call(gateway, "log", {"value": [entry(1, {"time": 0})]}, "bob")


def entries(count: int, day: int = 2, first: int = 0) -> dict[str, Any]:
    """As many entries of a log, the first of simple metrics and each other for a log record of its
    own.

    Each has two metrics that are new to its log record, if that is new.
    """
    values = {"time": day, "grade": f"{day}"}
    grouped = [entry(day, grouped={f"try {first + n}": values}) for n in range(count - 1)]
    return {"value": [entry(day, values), *grouped]}


def fill(rows: int, log_records: int) -> None:
    """Store what the user logged earlier, of the same log records as `entries` names."""
    assert rows % log_records == 0
    store, metric = DynamoLogStore(), "workspace@__@areas@__@time"
    for number in range(log_records):
        own = tuple(
            LogRow(number * rows + n, START, {"time": n}, START, START)
            for n in range(rows // log_records)
        )
        log_record = LogRecord("ada", LogRecordKey(("workspace", "areas"), f"try {number}"), own, 1)
        assert store.store([Merge(log_record, (), frozenset({metric}))]) == []


@pytest.mark.parametrize("earlier", [0, 10_000])
@pytest.mark.parametrize("count", [1, 20])
def test_a_log_takes_four_trips_whatever_was_logged_before(
    gateway: Gateway, counter: CallCounter, earlier: int, count: int
) -> None:
    measured(gateway)
    if earlier:
        fill(earlier, 20)
    for day in (2, 3):  # into new log records or those that there are, then again
        counter.calls.clear()
        answer = call(gateway, "log", entries(count, day))
        assert len(answer.json) >= count
        assert counter.calls == LOGGED


def test_a_log_of_a_hundred_entries_takes_four_trips_too(
    gateway: Gateway, counter: CallCounter
) -> None:
    """The first time in four transactions at once: each log record brings notes of its metrics."""
    measured(gateway)
    for day, transactions in ((2, 4), (3, 1)):
        counter.calls.clear()
        assert len(call(gateway, "log", entries(100, day)).json) == 100
        assert rounds(counter.calls) == LOGGED
        assert counter.calls.count("TransactWriteItems") == transactions


def test_a_log_of_what_nobody_measures_takes_two_trips(
    gateway: Gateway, counter: CallCounter
) -> None:
    measured(gateway)
    counter.calls.clear()
    assert call(gateway, "log", {"value": [entry(2, {"mood": 1})]}).json == []
    assert counter.calls == ["Query", "GetItem"]


def test_a_log_of_older_values_takes_three_trips(gateway: Gateway, counter: CallCounter) -> None:
    measured(gateway)
    counter.calls.clear()
    assert call(gateway, "log", {"value": [entry(1, {"time": 1})]}, "bob").json != []
    aged = {"value": [{**entry(1, {"time": 1}), "timestamp": "2020-01-01"}]}
    counter.calls.clear()
    assert call(gateway, "log", aged, "bob").json == []
    assert counter.calls == ["Query", "GetItem", "BatchGetItem"]


def test_featureflag_takes_two_trips_and_three_where_flags_are_new(
    gateway: Gateway, counter: CallCounter
) -> None:
    for number in range(100):
        assert gateway.post("/api/flags", flag(f"key {number}")).status == 200
    for user_id in ("ada", "bob"):
        call(gateway, "init", {}, user_id)
        counter.calls.clear()
        assert len(call(gateway, "featureflag", {"context": "home"}, user_id).json) == 100
        if user_id == "bob":  # for whom the catalogue is in memory
            assert rounds(counter.calls) == ["Query", "GetItem", "TransactWriteItems"]
        counter.calls.clear()
        assert len(call(gateway, "featureflag", {"context": "home"}, user_id).json) == 100
        assert counter.calls == ["Query", "GetItem"]
    assert gateway.post("/api/flags", flag("one more")).status == 200
    call(gateway, "featureflag", {"context": "home"}, "ada")
    counter.calls.clear()
    call(gateway, "featureflag", {"context": "home"}, "bob")
    assert counter.calls == ["Query", "GetItem", "TransactWriteItems"]


def test_a_session_takes_no_more_trips(gateway: Gateway, counter: CallCounter) -> None:
    assert gateway.post("/api/flags", flag()).status == 200
    body = {"context": "home", "groupsForSession": {}, "includeStoredUserGroups": False}
    call(gateway, "featureflag", body, "visitor")
    counter.calls.clear()
    call(gateway, "featureflag", body, "visitor")
    assert counter.calls == ["Query", "GetItem"]


def test_a_token_costs_no_trip(gateway: Gateway, counter: CallCounter) -> None:
    call(gateway, "init", {})
    gateway.post("/api/setting", {"toCheckAuth": True})
    token = jwt.encode({"APIKey": CLIENT_KEY}, CLIENT_SECRET, "HS256")
    headers = {"user-id": "ada", "authorization": f"Bearer {token}"}
    body = {"context": "home"}
    gateway.send("POST", "/api/v6/assign", body, headers)
    counter.calls.clear()
    assert gateway.send("POST", "/api/v6/assign", body, headers).status == 200
    assert len(counter.calls) == 2


@pytest.mark.parametrize("users", [3, 12])
@pytest.mark.parametrize("grouped", [False, True])
def test_a_page_of_rows_takes_four_trips_however_many_participants_there_are(
    gateway: Gateway, counter: CallCounter, users: int, *, grouped: bool
) -> None:
    def send(method: str, path: str, body: Any) -> Any:
        return gateway.send(method, path, body).json

    measure(send, "time")
    key = "workspace@__@areas@__@time" if grouped else "time"
    made = start(send, design(("site", "target 0"), queries=[query(key)]))
    for number in range(users):
        user_id = f"user {number:02}"
        call(gateway, "init", {}, user_id)
        body = {"data": {"site": "site", "target": "target 0"}, "status": "condition applied"}
        call(gateway, "mark", body, user_id)
        value = {"time": number}
        call(gateway, "log", {"value": [entry(1, value, {"a": value, "b": value})]}, user_id)
    path = f"/api/results/experiment/{made['id']}/participants?limit=3"
    gateway.get(path)
    counter.calls.clear()
    assert len(gateway.get(path).json) == 3
    logs = ["Query"] * 3 if grouped else ["BatchGetItem"]
    assert counter.calls == ["GetItem", "Query", "BatchGetItem", *logs]
