"""One user's clients that call at the same time: nothing is lost, and nothing counts twice."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from tests.api.upgrade_setup import design, flag, query, start

CALLERS = 16
CALLS = 240
POINTS = 4
FLAGS = 12
TRIES = 3
CODES = ("a", "b", "c", "d", "e", "f", "g")
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def url(start_server: Any) -> str:
    address: str = start_server(TABLE_PREFIX="switchyard-one-user").url
    return address


class Clients:
    """What is sent for one user, over as many connections as there are callers."""

    def __init__(self, url: str) -> None:
        self._url = url
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=CALLERS)
        self._session = requests.Session()
        self._session.mount("http://", adapter)
        self.statuses: Counter[int] = Counter()

    def send(self, method: str, path: str, body: Any = None, user_id: str = "ada") -> Any:
        headers = {"User-Id": user_id}
        answer = self._session.request(
            method, self._url + path, json=body, headers=headers, timeout=30
        )
        self.statuses[answer.status_code] += 1
        return answer.json()

    def call(self, name: str, body: Any, user_id: str = "ada") -> Any:
        return self.send("POST", f"/api/v6/{name}", body, user_id)


def logged(minute: int, attributes: Any, tries: str, grouped: Any) -> dict[str, Any]:
    time = (FIRST + timedelta(minutes=minute)).isoformat()
    of_class = {"groupClass": "workspace", "groupKey": "areas", "groupUniquifier": tries}
    metrics = {
        "attributes": attributes,
        "groupedMetrics": [{**of_class, "attributes": grouped}],
    }
    return {"value": [{"timestamp": time, "metrics": metrics}]}


def set_up(clients: Clients) -> None:
    """Flags, metrics, an experiment that ends with its second user, one within subjects."""
    send = clients.send
    send("DELETE", "/api/v5/clearDB")
    names = [{"metric": name, "datatype": "continuous"} for name in ("time", "grade")]
    of_class = {"groupClass": "workspace", "allowedKeys": ["areas"], "attributes": names}
    send("POST", "/api/metric/save", {"metricUnit": [*names, of_class], "context": ["home"]})
    keys = ["time", "grade", "workspace@__@areas@__@time", "workspace@__@areas@__@grade"]
    points = [("lesson", f"{number}") for number in range(POINTS)]
    ending: dict[str, Any] = {"enrollmentCompleteCondition": {"userCount": 2}}
    start(send, design(*points, queries=[query(key) for key in keys], **ending))
    within = {
        "assignmentUnit": "within-subjects",
        "consistencyRule": None,
        "conditionOrder": "ordered round robin",
    }
    weights = [100 / len(CODES)] * len(CODES)
    start(send, design(("problem", "hint"), codes=CODES, weights=weights, **within))
    for number in range(FLAGS):
        send("POST", "/api/flags", flag(f"key {number}"))
    clients.call("init", {})


def test_nothing_is_lost_of_many_calls_for_one_user_and_nothing_counts_twice(url: str) -> None:
    clients = Clients(url)
    set_up(clients)
    draw = random.Random(11)

    def flags(_: int) -> Any:
        return clients.call("featureflag", {"context": "home"})

    def log(minute: int) -> Any:
        values = {"time": minute, "grade": f"{minute}"}
        return clients.call("log", logged(minute, values, f"{minute % TRIES}", values))

    def site_and_target(number: int) -> tuple[str, str]:
        return ("problem", "hint") if number % 2 else ("lesson", f"{number // 2 % POINTS}")

    def mark(number: int) -> Any:
        site, target = site_and_target(number)
        data = {"site": site, "target": target}
        return clients.call("mark", {"data": data, "status": "condition applied"})

    actions: list[Callable[[int], Any]] = [flags, log, mark]
    calls = [(actions[number % len(actions)], number // len(actions)) for number in range(CALLS)]
    draw.shuffle(calls)
    clients.statuses.clear()
    with ThreadPoolExecutor(CALLERS) as pool:
        answers = list(pool.map(lambda call: call[0](call[1]), calls))
    assert clients.statuses == {200: CALLS}

    asked = [answer for (action, _), answer in zip(calls, answers, strict=True) if action is flags]
    assert {frozenset(answer) for answer in asked} == {
        frozenset(f"key {number}" for number in range(FLAGS))
    }
    page = clients.send("POST", "/api/flags/paginated", {"skip": 0, "take": 100})
    assert [node["featureFlagExposures"] for node in page["nodes"]] == [1] * FLAGS

    minutes = sorted(minute for action, minute in calls if action is log)
    newest = {minute % TRIES: minute for minute in minutes}
    for tries, minute in newest.items():
        [simple, grouped] = clients.call(
            "log", logged(CALLS, {"grade": "end"}, f"{tries}", {"grade": "end"})
        )
        assert simple["data"] == {"time": minutes[-1], "grade": "end"}
        assert grouped["data"] == {"workspace": {"areas": {"time": minute, "grade": "end"}}}

    assigned = clients.call("assign", {"context": "home"})
    queue = next(each for each in assigned if each["site"] == "problem")["assignedCondition"]
    marks = sum(
        action is mark and site_and_target(number)[0] == "problem" for action, number in calls
    )
    assert marks > 30
    assert queue[0]["conditionCode"] == CODES[marks % len(CODES)], "each mark counts"
    lesson = [each["assignedCondition"][0] for each in assigned if each["site"] == "lesson"]
    assert len(lesson) == POINTS
    assert len({condition["conditionCode"] for condition in lesson}) == 1

    def state() -> str:
        shown: list[dict[str, Any]] = clients.send("GET", "/api/experiments")
        return next(str(each["state"]) for each in shown if each["queries"])

    assert state() == "running", "one user was counted once, however many marks at how many points"
    clients.call("init", {}, "bob")
    data = {"site": "lesson", "target": "0"}
    clients.call("mark", {"data": data, "status": "condition applied"}, "bob")
    assert state() == "paused"
