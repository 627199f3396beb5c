"""Callers who come at the same time."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.api.upgrade_setup import design, start

CALLERS = 10
SHARES = (0.25, 0.3, 0.15, 0.5)


@pytest.fixture(scope="module")
def url(start_server: Any) -> str:
    address: str = start_server(TABLE_PREFIX="switchyard-parallel").url
    return address


def call(method: str, url: str, body: Any = None) -> Any:
    answer = requests.request(method, url, json=body, timeout=20)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_ten_parallel_first_calls_allocate_as_one_does(url: str) -> None:
    call("DELETE", f"{url}/api/v5/clearDB")
    dates = {"start_date": "2020-01-01", "end_date": "2099-12-31"}
    ids = [
        call("POST", f"{url}/api/feature", body)["id"]
        for body in (
            {"type_id": 3, "name": f"{share}", "user_percentage": share, **dates}
            for share in SHARES
        )
    ]
    with ThreadPoolExecutor(CALLERS) as pool:
        answers = list(
            pool.map(lambda _: call("GET", f"{url}/api/feature/current"), range(CALLERS))
        )
    expected = [ids[0]] * 5 + [ids[1]] * 6 + [ids[2]] * 3 + [ids[3]] * 6
    for answer in answers:
        assert [block["feature_id"] for block in answer["userblocks"]] == expected


def test_parallel_creations_of_one_name_make_one_feature(url: str) -> None:
    call("DELETE", f"{url}/api/v5/clearDB")
    body = {"type_id": 1, "name": "same", "start_date": "2020-01-01", "end_date": "2099-12-31"}

    def create(_: int) -> int:
        return requests.post(f"{url}/api/feature", json=body, timeout=20).status_code

    with ThreadPoolExecutor(CALLERS) as pool:
        statuses = list(pool.map(create, range(CALLERS)))
    assert sorted(statuses) == [200] + [403] * (CALLERS - 1)
    assert len(call("GET", f"{url}/api/feature")) == 1


def raw_exchange(url: str, request: bytes) -> bytes:
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize(
    ("request_line", "length", "status", "key"),
    [
        (b"FOO /api/feature", b"0", b"404", b"error"),
        (b"TRACE /api/feature", b"0", b"404", b"error"),
        (b"POST /api/feature", b"abc", b"400", b"message"),
        (b"POST /api/feature", b"-1", b"400", b"message"),
        (b"POST /api/feature", b"99999999999", b"413", b"message"),
    ],
)
def test_what_the_server_itself_refuses_is_json_with_cors(
    url: str, request_line: bytes, length: bytes, status: bytes, key: bytes
) -> None:
    request = request_line + b" HTTP/1.1\r\nHost: x\r\nContent-Length: " + length + b"\r\n\r\n"
    answer = raw_exchange(url, request)
    assert answer.split(b" ")[1] == status
    assert b"\r\nAccess-Control-Allow-Origin: *\r\n" in answer
    assert answer.split(b"\r\n\r\n", 1)[1].startswith(b'{"%s":' % key)


def test_many_callers_at_once_are_all_answered(url: str) -> None:
    with ThreadPoolExecutor(64) as pool:
        answers = pool.map(lambda _: call("GET", f"{url}/api/userblocks"), range(256))
        assert all(len(answer) == 20 for answer in answers)


def upgrade(url: str, path: str, user_id: str, body: Any) -> Any:
    headers = {"User-Id": user_id}
    answer = requests.post(f"{url}/api/v6/{path}", json=body, headers=headers, timeout=20)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("unit", ["individual", "group"])
def test_parallel_first_marks_end_in_one_enrollment_and_one_transition(url: str, unit: str) -> None:
    call("DELETE", f"{url}/api/v5/clearDB")
    fields: dict[str, Any] = {"enrollmentCompleteCondition": {"userCount": 8}}
    if unit == "group":
        fields = {
            "assignmentUnit": "group",
            "group": "classId",
            "consistencyRule": "group",
            "enrollmentCompleteCondition": {"userCount": 8, "groupCount": 1},
        }
    body = design(("site", "target"), **fields)
    start(lambda method, path, body: call(method, url + path, body), body)
    users = [f"user {number}" for number in range(CALLERS)]
    groups = {"group": {"classId": ["c1"]}, "workingGroup": {"classId": "c1"}}
    for user_id in users:
        upgrade(url, "init", user_id, groups)
    mark = {"data": {"site": "site", "target": "target"}, "status": "condition applied"}
    with ThreadPoolExecutor(CALLERS) as pool:  # each user twice, side by side
        marks = list(pool.map(lambda user_id: upgrade(url, "mark", user_id, mark), users * 2))
    assert [m["id"] for m in marks[:CALLERS]] == [m["id"] for m in marks[CALLERS:]]
    conditions = {
        item["assignedCondition"][0]["conditionCode"]
        for user_id in users
        for item in upgrade(url, "assign", user_id, {"context": "home"})
    }
    assert len(conditions) == 1 or unit == "individual"
    shown = call("GET", f"{url}/api/experiments/single/{body['id']}")
    moves = [log["toState"] for log in shown["stateTimeLogs"]]
    assert moves.count("paused") <= 1
    assert moves.count("running") == 1
