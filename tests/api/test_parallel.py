"""Callers who come at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

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
