"""UpGrade's published Python client works against a started server."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import jwt
import pytest
import requests
from upgrade_client_lib import UpgradeClient
from upgrade_client_lib.exceptions import UpgradeApiError
from upgrade_client_lib.types import MarkedDecisionPointStatus
from upgrade_client_lib.types.requests import LogGroupMetrics, LogInput, LogMetrics

from tests.api.upgrade_setup import design, flag, measure, start, two_factors
from tests.conftest import CLIENT_KEY, CLIENT_SECRET

APPLIED = MarkedDecisionPointStatus.CONDITION_APPLIED


@pytest.fixture(scope="module")
def url(start_server: Any) -> str:
    address: str = start_server(
        TABLE_PREFIX="switchyard-client",
        CLIENT_API_SECRET=CLIENT_SECRET,
        CLIENT_API_KEY=CLIENT_KEY,
    ).url
    return address


@pytest.fixture
def send(url: str) -> Any:
    def send(method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, url + path, json=body, timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()

    send("DELETE", "/api/v5/clearDB")
    return send


def test_init_groups_and_aliases(url: str, send: Any) -> None:  # noqa: ARG001 - it empties
    client = UpgradeClient("ada", url, "home")
    groups = {"classId": ["c1", "c2"]}
    assert client.init_sync(groups, {"classId": "c1"}).id == "ada"
    assert client.set_working_group_sync({"classId": "c2"}).workingGroup == {"classId": "c2"}
    assert client.set_group_membership_sync({"classId": ["c2"]}).group == {"classId": ["c2"]}
    assert client.set_alt_user_ids_sync(["lovelace"]).aliases == ["lovelace"]
    again = UpgradeClient("lovelace", url, "home").init_sync()
    assert (again.id, again.workingGroup) == ("ada", {"classId": "c2"})


def test_a_factorial_experiment(url: str, send: Any) -> None:
    experiment = start(send, two_factors(("lesson", "intro")))
    client = UpgradeClient("ada", url, "home")
    client.init_sync()
    (assignment,) = client.get_all_experiment_conditions_sync()
    assert assignment.get_condition() == "Color=Red; Shape=Circle"
    assert assignment.get_factor_level("Color") == "Red"
    marked = assignment.mark_decision_point_sync(APPLIED)
    assert marked.experimentId == experiment["id"]
    assert marked.userId == "ada"
    assert client.get_decision_point_assignment_sync("lesson", "intro") is not None
    assert client.get_decision_point_assignment_sync("lesson", "other") is None


def test_a_within_subjects_experiment_rotates_with_each_mark_at_any_of_its_points(
    url: str, send: Any
) -> None:
    targets = ("hint", "quiz")
    start(
        send,
        design(
            *(("problem", target) for target in targets),
            codes=("a", "b", "c"),
            weights=(34, 33, 33),
            assignmentUnit="within-subjects",
            consistencyRule=None,
            conditionOrder="ordered round robin",
        ),
    )
    client = UpgradeClient("ada", url, "home")
    client.init_sync()

    def next_at(asking: UpgradeClient, target: str) -> Any:
        assignment = asking.get_decision_point_assignment_sync("problem", target)
        assert assignment is not None
        return assignment.get_condition()

    met = []
    for number in range(5):
        target = targets[number % 2]
        met.append(next_at(client, target))
        client.mark_decision_point_sync(met[-1], APPLIED, "problem", target, uniquifier=str(number))
    assert met == ["a", "b", "c", "a", "b"]
    for target in targets:
        fresh = UpgradeClient("ada", url, "home")
        assert next_at(fresh, target) == "c", "the server counts as the client does"


# Every method, in both variants, with and without a token


class Methods:
    """Calls methods by name, each in its synchronous or asynchronous variant."""

    def __init__(self, url: str, *, synchronous: bool, token: str = "") -> None:
        self._url = url
        self._synchronous = synchronous
        self._token = token
        self.called: set[str] = set()

    def client(self, user_id: str = "ada") -> UpgradeClient:
        return UpgradeClient(user_id, self._url, "home", self._token, "session 1")

    def call(self, owner: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        if isinstance(owner, UpgradeClient):
            self.called.add(name)
        if self._synchronous:
            return getattr(owner, f"{name}_sync")(*args, **kwargs)
        return asyncio.run(getattr(owner, name)(*args, **kwargs))


def all_methods() -> set[str]:
    """The names of the client's methods, without those of their variants."""
    names = {name for name, _ in inspect.getmembers(UpgradeClient, inspect.isfunction)}
    return {name.removesuffix("_sync") for name in names if not name.startswith("_")}


@pytest.fixture(params=["sync", "async"])
def synchronous(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "sync")


@pytest.fixture(params=["with a token", "without a token"])
def methods(request: pytest.FixtureRequest, url: str, send: Any, synchronous: bool) -> Methods:
    if request.param == "without a token":
        return Methods(url, synchronous=synchronous)
    send("POST", "/api/setting", {"toCheckAuth": True})
    token = jwt.encode({"APIKey": CLIENT_KEY}, CLIENT_SECRET, "HS256")
    return Methods(url, synchronous=synchronous, token=token)


def log_input(day: int, **attributes: Any) -> LogInput:
    grouped = LogGroupMetrics(
        groupClass="workspace", groupKey="areas", groupUniquifier="1", attributes=attributes
    )
    return LogInput(
        timestamp=f"2024-03-{day:02}T10:00:00.000Z",
        metrics=LogMetrics(attributes=attributes, groupedMetrics=[grouped]),
    )


def test_every_method_works(send: Any, methods: Methods) -> None:
    call, client = methods.call, methods.client()
    experiment = start(send, design(("lesson", "intro"), codes=("only",), weights=(100,)))
    measure(send, "time", "grade")
    for key, status in (("on", "enabled"), ("off", "disabled")):
        send("POST", "/api/flags", flag(key, status=status))
    toggle = {"type_id": 1, "name": "toggle", "start_date": "2020-01-01"}
    send("POST", "/api/feature", {**toggle, "end_date": "2099-12-31"})

    made = call(client, "init", {"classId": ["1a", "1b"]}, {"classId": "1a"})
    assert (made.id, made.group) == ("ada", {"classId": ["1a", "1b"]})
    assert call(client, "set_group_membership", {"classId": ["1b"]}).group == {"classId": ["1b"]}
    moved = call(client, "set_working_group", {"classId": "1b"})
    assert moved.workingGroup == {"classId": "1b"}

    [assignment] = call(client, "get_all_experiment_conditions")
    assert assignment.get_condition() == "only"
    assert call(client, "get_decision_point_assignment", "lesson", "other") is None
    found = call(client, "get_decision_point_assignment", "lesson", "intro")
    assert found.get_condition() == "only"
    marked = call(found, "mark_decision_point", APPLIED, "first", "an error")
    assert (marked.userId, marked.experimentId) == ("ada", experiment["id"])
    again = call(client, "mark_decision_point", "only", APPLIED, "lesson", "intro", "second")
    assert (again.id, again.condition) == (marked.id, "only")

    flags = call(client, "get_all_feature_flags")
    assert sorted(each.key for each in flags) == ["on", "toggle"]
    assert call(client, "has_feature_flag", "on") is True
    assert call(client, "has_feature_flag", "off") is False
    assert call(methods.client(), "has_feature_flag", "toggle") is True

    simple, grouped = call(client, "log", [log_input(1, time=5, grade="A", mood=1)])
    assert (simple.uniquifier, simple.data) == ("1", {"time": 5, "grade": "A"})
    assert grouped.data == {"workspace": {"areas": {"time": 5, "grade": "A"}}}
    assert simple.timeStamp == "2024-03-01T10:00:00.000Z"
    [changed, _] = call(client, "log", [log_input(2, time=6.5)])
    assert (changed.id, changed.data["time"]) == (simple.id, 6.5)
    assert call(client, "log", [log_input(1, time=7)]) == []
    assert call(client, "log", []) == []

    aliases = call(client, "set_alt_user_ids", ["lovelace", "countess"])
    assert (aliases.userId, aliases.aliases) == ("ada", ["lovelace", "countess"])
    assert call(methods.client("lovelace"), "init").id == "ada"
    other = methods.client("countess")
    assert len(call(other, "get_all_experiment_conditions")) == 1

    with pytest.raises(UpgradeApiError) as refused:
        call(client, "send_reward", UpgradeClient.BINARY_REWARD_VALUE.SUCCESS, experiment["id"])
    assert refused.value.status_code == 400
    assert "mooclet is not currently enabled" in refused.value.response_body
    point = {"site": "lesson", "target": "intro"}
    failure = UpgradeClient.BINARY_REWARD_VALUE.FAILURE
    with pytest.raises(UpgradeApiError):
        call(client, "send_reward", failure, context="home", decision_point=point)
    assert methods.called == all_methods()


def test_without_a_good_token_every_method_is_refused(
    url: str, send: Any, synchronous: bool
) -> None:
    Methods(url, synchronous=True).client().init_sync()
    send("POST", "/api/setting", {"toCheckAuth": True})
    calls: list[tuple[str, list[Any]]] = [
        ("init", []),
        ("set_group_membership", [{}]),
        ("set_working_group", [{}]),
        ("get_all_experiment_conditions", []),
        ("get_decision_point_assignment", ["lesson"]),
        ("mark_decision_point", ["only", APPLIED, "lesson"]),
        ("get_all_feature_flags", []),
        ("has_feature_flag", ["on"]),
        ("log", [[]]),
        ("set_alt_user_ids", [[]]),
        ("send_reward", [UpgradeClient.BINARY_REWARD_VALUE.SUCCESS, "x"]),
    ]
    assert {name for name, _ in calls} == all_methods()
    forged = jwt.encode({"APIKey": CLIENT_KEY}, CLIENT_SECRET[::-1], "HS256")
    for token in ("", forged):
        methods = Methods(url, synchronous=synchronous, token=token)
        for name, arguments in calls:
            with pytest.raises(UpgradeApiError) as refused:
                methods.call(methods.client(), name, *arguments)
            assert (name, refused.value.status_code) == (name, 401)


def test_an_unknown_user_is_told_so(url: str, send: Any, synchronous: bool) -> None:  # noqa: ARG001
    methods = Methods(url, synchronous=synchronous)
    for name, arguments in (("get_all_feature_flags", []), ("log", [[log_input(1, time=1)]])):
        with pytest.raises(UpgradeApiError) as refused:
            methods.call(methods.client("nobody"), name, *arguments)
        assert refused.value.status_code == 404
        assert "User not found: nobody" in refused.value.response_body
