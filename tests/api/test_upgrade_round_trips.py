"""The calls to the database that UpGrade's client calls cost in a warm process: the budgets."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.test_round_trips import CallCounter, counter
from tests.api.upgrade_setup import design, start
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


@pytest.mark.parametrize("count", [1, 10, 100])
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
