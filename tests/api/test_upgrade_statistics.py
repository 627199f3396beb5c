"""Statistics of enrollment and the results of metrics, through the API."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.upgrade_setup import design, start, two_factors
from tests.http import Gateway

METRICS = {
    "metricUnit": [
        {"metric": "time", "datatype": "continuous"},
        {"metric": "status", "datatype": "categorical", "allowedValues": ["DONE", "OPEN"]},
    ],
    "context": ["home"],
}
NOBODY = "11111111-1111-4111-8111-111111111111"


def client(gateway: Gateway, path: str, user_id: str, body: Any) -> Any:
    answer = gateway.send("POST", f"/api/v6/{path}", body, {"user-id": user_id})
    assert answer.status == 200, answer.text
    return answer.json


def admin(gateway: Gateway, path: str, body: Any) -> Any:
    answer = gateway.post(path, body)
    assert answer.status == 200, answer.text
    return answer.json


def asked(name: str, metric: str, **detail: Any) -> dict[str, Any]:
    return {
        "name": name,
        "query": {"operationType": "sum", **detail},
        "metric": {"key": metric},
        "repeatedMeasure": "MOST RECENT",
    }


def take_part(gateway: Gateway, user_id: str, *targets: str, **logged: Any) -> None:
    client(
        gateway, "init", user_id, {"group": {"classId": ["c"]}, "workingGroup": {"classId": "c"}}
    )
    for target in targets:
        client(gateway, "mark", user_id, {"data": {"site": "site", "target": target}})
    item = {"timestamp": "2026-01-01T00:00:00Z", "metrics": {"attributes": logged}}
    client(gateway, "log", user_id, {"value": [item]})


def send(gateway: Gateway) -> Any:
    return lambda method, path, body: gateway.send(method, path, body).json


@pytest.fixture
def simple(gateway: Gateway) -> dict[str, Any]:
    admin(gateway, "/api/metric/save", METRICS)
    queries = [
        asked("time", "time"),
        asked("done", "status", operationType="percentage", compareFn="=", compareValue="DONE"),
    ]
    body = design(("site", "one"), ("site", "two"), weights=(100, 0), queries=queries)
    return start(send(gateway), body)


def test_users_count_by_condition_and_point(gateway: Gateway, simple: dict[str, Any]) -> None:
    take_part(gateway, "u", "one", "two")
    take_part(gateway, "v", "two")
    enrolled = admin(gateway, "/api/stats/enrollment", {"experimentIds": [simple["id"], NOBODY]})
    assert enrolled == [
        {"id": simple["id"], "users": 2, "groups": 0},
        {"id": NOBODY, "users": 0, "groups": 0},
    ]
    detail = admin(gateway, "/api/stats/enrollment/detail", {"experimentId": simple["id"]})
    control, variant = detail["conditions"]
    assert (control["users"], variant["users"]) == (2, 0)
    assert [point["users"] for point in control["partitions"]] == [1, 2]


@pytest.mark.parametrize("reach", ["last_seven_days", "last_three_months", "total"])
def test_users_count_by_date(gateway: Gateway, simple: dict[str, Any], reach: str) -> None:
    take_part(gateway, "u", "one")
    body = {"experimentId": simple["id"], "dateEnum": reach, "clientOffset": 300}
    newest, *before = admin(gateway, "/api/stats/enrollment/date", body)
    point = newest["stats"]["conditions"][0]["partitions"][0]
    assert (point["users"], point["groups"]) == (1, 0)
    assert newest["stats"]["id"] == simple["id"]
    assert len(newest["date"].split()) == 4
    users = [
        point["users"]
        for each in before
        for condition in each["stats"]["conditions"]
        for point in condition["partitions"]
    ]
    assert not any(users)


def test_results_of_a_simple_design(gateway: Gateway, simple: dict[str, Any]) -> None:
    take_part(gateway, "u", "one", "two", time=3, status="DONE")
    take_part(gateway, "v", "two", time=4.5, status="OPEN")
    ids = [query["id"] for query in simple["queries"]]
    control, variant = (condition["id"] for condition in simple["conditions"])
    time, done = admin(gateway, "/api/query/analyse", {"queryIds": ids})
    nothing = {"conditionId": variant, "result": "0", "participantsLogged": 0}
    assert time == {
        "id": ids[0],
        "mainEffect": [
            {"conditionId": control, "result": "7.5", "participantsLogged": "2"},
            nothing,
        ],
        "interactionEffect": None,
    }
    assert done["mainEffect"][0]["result"] == "50.00000000000000000000"
    assert done["mainEffect"][1] == nothing


def test_results_of_a_factorial_design(gateway: Gateway) -> None:
    admin(gateway, "/api/metric/save", METRICS)
    body = {**two_factors(("site", "one")), "queries": [asked("time", "time")]}
    made = start(send(gateway), body)
    take_part(gateway, "u", "one", time=3)
    (found,) = admin(gateway, "/api/query/analyse", {"queryIds": [made["queries"][0]["id"]]})
    names = {level["id"]: level["name"] for f in made["factors"] for level in f["levels"]}
    by_level = {names[each["levelId"]]: each["result"] for each in found["mainEffect"]}
    assert by_level == {"Red": "3", "Circle": "3", "Blue": "0", "Square": "0"}
    first, *others = found["interactionEffect"]
    assert first == {
        "conditionId": made["conditions"][0]["id"],
        "result": "3",
        "participantsLogged": "1",
    }
    assert {each["participantsLogged"] for each in others} == {0}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("stats/enrollment", {}, 400),
        ("stats/enrollment", {"experimentIds": ["x"]}, 400),
        ("stats/enrollment", {"experimentIds": [NOBODY] * 1001}, 400),
        ("stats/enrollment/detail", {"experimentId": NOBODY}, 404),
        ("stats/enrollment/date", {"experimentId": NOBODY, "dateEnum": "total"}, 400),
        (
            "stats/enrollment/date",
            {"experimentId": NOBODY, "dateEnum": "total", "clientOffset": 0},
            404,
        ),
        (
            "stats/enrollment/date",
            {"experimentId": NOBODY, "dateEnum": "next_week", "clientOffset": 0},
            400,
        ),
        ("query/analyse", {"queryIds": [NOBODY]}, 404),
        ("query/analyse", {"queryIds": "all"}, 400),
    ],
)
def test_what_cannot_be_answered_is_refused(
    gateway: Gateway, path: str, body: Any, status: int
) -> None:
    answer = gateway.post(f"/api/{path}", body)
    assert answer.status == status
    assert answer.json["errorCode"] == status
