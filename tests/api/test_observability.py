"""What is logged and measured of each request, and what is never logged."""

from __future__ import annotations

import json
import logging
import uuid
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from chalice import test as chalice_test

from chalicelib import api
from chalicelib.domain.access.api_keys import Role
from chalicelib.domain.errors import Unavailable
from chalicelib.services.features.purge_budget import Unreadable
from chalicelib.settings import Settings, Stage
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.tables import PurgeRow
from tests.api.logged import Lines, lines
from tests.api.test_round_trips import CallCounter, counter
from tests.api.upgrade_setup import design, entry, flag, measure, start
from tests.http import Gateway

__all__ = ["counter", "lines"]

SECRETS = {
    name: f"recognisable-{name}"
    for name in ("user", "other", "alias", "group", "key", "query", "body", "site", "crash")
}
ADDRESS = "203.0.113.77"
GROUPS = {"group": {"school": [SECRETS["group"], "b"]}, "workingGroup": {"school": "b"}}
DATES = {"start_date": "2020-01-01", "end_date": "2099-12-31"}
FIELDS = {
    "level", "message", "timestamp", "service", "request_id", "route", "status", "latency_ms",
    "dynamodb_calls", "read_units", "write_units",
}  # fmt: skip


@pytest.fixture
def feature_id(gateway: Gateway) -> int:
    """A feature with two variants, besides an experiment, a flag and metrics of UpGrade's."""

    def send(method: str, path: str, body: Any) -> Any:
        return gateway.send(method, path, body).json

    start(send, design((SECRETS["site"], "t"), assignmentUnit="group", group="school"))
    send("POST", "/api/flags", flag())
    measure(send, "time")
    made: int = gateway.post("/api/feature", {"type_id": 3, "name": "x", **DATES}).json["id"]
    variants = [{"feature_id": made, "value": value} for value in ("a", "b")]
    gateway.post(f"/api/feature/{made}/variants", {"variants": variants})
    gateway.get("/api/feature/current")
    return made


def client_requests(feature_id: int, variant_id: int) -> Iterator[tuple[str, str, Any]]:
    """Each route of client programs, with ids that can be recognised."""
    user = SECRETS["user"]
    for path in ("", "/current", f"/{feature_id}", f"/{feature_id}/variants"):
        yield "GET", f"/api/feature{path}?q={SECRETS['query']}", None
    yield "GET", "/api/userblocks", None
    yield "GET", "/api/userblocks/5", None
    yield "POST", "/api/users", {"id": user, "variant_id": variant_id, "ip_address": ADDRESS}
    yield "POST", "/api/events", {"user_id": user, "variant_id": variant_id}
    point = {"site": SECRETS["site"], "target": "t"}
    log = {"value": [entry(1, {"time": 1}, {"u": {"time": 2}})]}
    reward = {"rewardValue": "SUCCESS", "experimentId": str(uuid.uuid4())}
    calls: list[tuple[str, str, Any, dict[str, str]]] = [
        ("POST", "init", GROUPS, {"id": user}),
        ("PATCH", "groupmembership", {"group": GROUPS["group"]}, {"id": user}),
        ("PATCH", "workinggroup", {"workingGroup": GROUPS["workingGroup"]}, {"id": user}),
        ("PATCH", "useraliases", {"aliases": [SECRETS["alias"]]}, {"userId": user}),
        ("POST", "assign", {"context": "home"}, {"userId": user}),
        ("POST", "mark", {"data": point, "status": "condition applied"}, {"userId": user}),
        ("POST", "featureflag", {"context": "home"}, {"userId": user}),
        ("POST", "log", log, {"userId": user}),
    ]
    for method, name, body, named in calls:
        yield method, f"/api/v5/{name}", {**body, **named}
        yield method, f"/api/v6/{name}", body
    yield "POST", "/api/v5/bloblog", {"userId": user, **log}
    yield "POST", "/api/v6/reward", reward


def refusals(variant_id: int) -> Iterator[tuple[str, str, Any, int]]:
    """Requests that are refused, each with its status."""
    user, other = SECRETS["user"], SECRETS["other"]
    yield "POST", "/api/users", {"id": user, "variant_id": variant_id, "ip_address": ADDRESS}, 403
    yield "POST", "/api/users", {"id": user, "variant_id": variant_id, "ip_address": user}, 403
    yield "POST", "/api/events", {"user_id": other, "variant_id": variant_id}, 403
    yield "GET", f"/api/feature/{SECRETS['body']}", None, 403
    yield "POST", "/api/v5/assign", {"userId": other, "context": "home"}, 404
    yield "POST", "/api/v6/mark", {"data": SECRETS["body"]}, 400
    yield "POST", "/api/v5/init", {"id": [other]}, 400


def ask(gateway: Gateway, method: str, path: str, body: Any = None, user_id: str = "") -> int:
    headers = {
        "user-id": user_id or SECRETS["user"],
        "x-api-key": SECRETS["key"],
        "x-forwarded-for": ADDRESS,
    }
    return gateway.send(method, path, body, headers).status


def test_nothing_of_what_clients_send_is_logged(
    app: ModuleType,
    gateway: Gateway,
    feature_id: int,
    lines: Lines,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(app.observer, "measures", True)
    variant_id = gateway.get(f"/api/feature/{feature_id}/variants").json[0]["id"]
    for method, path, body in client_requests(feature_id, variant_id):
        status = 400 if path.endswith("reward") else 200
        assert ask(gateway, method, path, body) == status, path
    for method, path, body, status in refusals(variant_id):
        assert ask(gateway, method, path, body) == status, path
    assert ask(gateway, "POST", "/api/v6/assign", {"context": "home"}, SECRETS["other"]) == 404
    malformed = b'{"user_id": "%s"' % SECRETS["body"].encode()
    json_type = {"content-type": "application/json"}
    assert gateway.send("POST", "/api/events", None, json_type, raw=malformed).status == 400
    ask(gateway, "DELETE", f"/api/users/{SECRETS['user']}")
    crash(app, monkeypatch)
    crashed = {"user_id": SECRETS["user"], "variant_id": variant_id}
    assert ask(gateway, "POST", "/api/events", crashed) == 500
    assert ask(gateway, "POST", "/api/v6/assign", {"context": "home"}) == 500
    said = "\n".join(lines.texts) + "".join(capsys.readouterr())
    assert len(lines.of("request failed")) == 2
    for secret in (*SECRETS.values(), ADDRESS, "127.0.0.1"):
        assert secret not in said
    logged = {line["route"] for line in lines.of("request")}
    of_clients = {
        f"{route.method} {route.path}"
        for route in api.all_routes()
        if route.access.role is Role.CLIENT
    }
    assert of_clients <= logged


def crash(app: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every use of a user's records be a fault of this program, which tells of the user."""

    def fail(*args: object, **_: object) -> None:
        try:
            raise KeyError(f"{SECRETS['crash']} {args}")
        except KeyError as error:
            error.add_note(SECRETS["crash"])
            raise RuntimeError(f"{SECRETS['crash']} {args}") from error

    monkeypatch.setattr(app.services.events, "record", fail)
    monkeypatch.setattr(app.services.assignment, "assign", fail)


def test_a_request_is_one_line(gateway: Gateway, feature_id: int, lines: Lines) -> None:
    ask(gateway, "GET", f"/api/feature/{feature_id}?q=1")
    (line,) = lines.of("request")
    assert set(line) == FIELDS
    assert (line["level"], line["route"]) == ("INFO", "GET /api/feature/{feature_id}")
    assert (line["status"], line["dynamodb_calls"]) == (200, 1)
    assert line["latency_ms"] > 0
    assert line["read_units"] > 0
    assert uuid.UUID(line["request_id"])


def test_a_refusal_names_its_kind_and_an_outage_its_reason(
    app: ModuleType, gateway: Gateway, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise Unavailable("throttled", reason="ThrottlingException")

    ask(gateway, "GET", "/api/feature/0")
    monkeypatch.setattr(app.services.catalogue._store, "revision", fail)
    ask(gateway, "GET", "/api/users")
    refused, unavailable = lines.of("request")
    assert (refused["status"], refused["error"]) == (403, "NotFound")
    assert (unavailable["status"], unavailable["error"]) == (503, "Unavailable")
    assert unavailable["reason"] == "ThrottlingException"


def test_a_crash_is_logged_with_its_place_and_its_message_only_for_debugging(
    app: ModuleType, gateway: Gateway, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash(app, monkeypatch)
    event = {"user_id": "u", "variant_id": 1}
    answer = gateway.post("/api/events", event)
    assert (answer.status, answer.json["Code"]) == (500, "InternalServerError")
    assert answer.headers["access-control-allow-origin"] == "*"
    (failure,), (line,) = lines.of("request failed"), lines.of("request")
    assert failure["level"] == "ERROR"
    assert failure["request_id"] == line["request_id"]
    assert failure["failure"][0] == "builtins.RuntimeError"
    assert "builtins.KeyError" in failure["failure"], "and what led to it"
    assert any("testlab/events.py" in frame for frame in failure["failure"])
    assert (line["status"], line["error"]) == (500, "RuntimeError")
    assert SECRETS["crash"] not in "".join(lines.texts)
    lines.setLevel(logging.DEBUG)
    app.logger.setLevel(logging.DEBUG)
    try:
        gateway.post("/api/events", event)
    finally:
        app.logger.setLevel(app.settings.log_level)
    (explained,) = lines.of("explained")
    assert SECRETS["crash"] in explained["detail"]


def test_what_chalice_logs_of_an_exception_loses_its_message_too(
    app: ModuleType, lines: Lines
) -> None:
    try:
        raise ValueError(SECRETS["user"])
    except ValueError:
        app.app.log.exception("Caught exception for path %s", "/api/feature")
    (line,) = lines.of("Caught exception for path /api/feature")
    assert line["failure"][0] == "builtins.ValueError"
    assert SECRETS["user"] not in "".join(lines.texts)


@pytest.mark.parametrize(
    ("context", "lambda_id", "expected"),
    [({"requestId": "of the gateway"}, "of Lambda", "of the gateway"), ({}, "of Lambda", None)],
)
def test_a_request_goes_by_the_name_that_the_platform_gave_it(
    app: ModuleType, lines: Lines, context: Any, lambda_id: str, expected: str | None
) -> None:
    event = {
        "requestContext": {"httpMethod": "GET", "resourcePath": "/health", **context},
        "headers": {},
        "body": None,
        "pathParameters": None,
        "multiValueQueryStringParameters": None,
        "stageVariables": None,
    }
    assert app.app(event, SimpleNamespace(aws_request_id=lambda_id))["statusCode"] == 200
    (line,) = lines.of("request")
    assert line["request_id"] == (expected or lambda_id)


# Calls and capacity


def test_the_calls_that_are_logged_are_those_that_were_made(
    gateway: Gateway, feature_id: int, lines: Lines, counter: CallCounter
) -> None:
    variant_id = gateway.get(f"/api/feature/{feature_id}/variants").json[0]["id"]
    for method, path, body in (
        *client_requests(feature_id, variant_id),
        ("GET", "/api/users", None),  # these work in threads
        ("GET", f"/api/events/feature/{feature_id}", None),
        ("GET", f"/api/analysis/feature/{feature_id}", None),
        ("POST", "/api/flags/paginated", {"skip": 0, "take": 10}),
        ("GET", "/api/segments", None),
        ("DELETE", f"/api/users/{SECRETS['user']}", None),
        ("DELETE", f"/api/feature/{feature_id}", None),
    ):
        counter.calls.clear()
        counter.leases.clear()
        lines.texts.clear()
        ask(gateway, method, path, body)
        (line,) = lines.of("request")
        assert line["dynamodb_calls"] == len(counter.calls + counter.leases), (method, path)


def test_each_call_asks_what_it_consumed(
    gateway: Gateway, feature_id: int, counter: CallCounter
) -> None:
    asked: list[bool] = []

    def note(params: Any, **_: Any) -> None:
        asked.append(json.loads(params["body"]).get("ReturnConsumedCapacity") == "TOTAL")

    from chalicelib.storage.dynamodb.connection import shared

    events = shared().client.meta.events
    events.register("before-call.dynamodb", note)
    try:
        variant_id = gateway.get(f"/api/feature/{feature_id}/variants").json[0]["id"]
        for method, path, body in client_requests(feature_id, variant_id):
            ask(gateway, method, path, body)
    finally:
        events.unregister("before-call.dynamodb", note)
    assert {"GetItem", "Query", "TransactWriteItems"} <= set(counter.calls)
    assert asked
    assert all(asked)


def test_requests_at_once_are_counted_apart(
    gateway: Gateway, feature_id: int, lines: Lines
) -> None:
    variant_id = gateway.get(f"/api/feature/{feature_id}/variants").json[0]["id"]
    user = {"id": "u", "variant_id": variant_id, "ip_address": "::1"}
    assert gateway.post("/api/users", user).status == 200
    requests = ["/health", "/api/feature", "/api/users", f"/api/analysis/feature/{feature_id}"]
    alone: dict[str, int] = {}
    for path in requests:
        lines.texts.clear()
        gateway.get(path)
        (line,) = lines.of("request")
        alone[line["route"]] = line["dynamodb_calls"]
    assert sorted(alone.values()) == [0, 1, 2, 3]
    lines.texts.clear()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(gateway.get, requests * 12))
    together: defaultdict[str, set[int]] = defaultdict(set)
    for line in lines.of("request"):
        together[line["route"]].add(line["dynamodb_calls"])
    assert together == {route: {calls} for route, calls in alone.items()}


# Metrics


def measured(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line for line in printed if "_aws" in line]


def test_metrics_are_of_the_route_in_its_stage(
    app: ModuleType,
    gateway: Gateway,
    feature_id: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    capsys.readouterr()
    ask(gateway, "GET", f"/api/feature/{feature_id}")
    assert measured(capsys) == [], "none in stage local"
    monkeypatch.setattr(app.observer, "measures", True)
    ask(gateway, "GET", f"/api/feature/{feature_id}")
    ask(gateway, "GET", "/api/feature/0")
    crash(app, monkeypatch)
    ask(gateway, "POST", "/api/events", {"user_id": "u", "variant_id": 1})
    done, refused, crashed = measured(capsys)
    (metrics,) = done["_aws"]["CloudWatchMetrics"]
    assert metrics["Namespace"] == "Switchyard"
    assert [sorted(each) for each in metrics["Dimensions"]] == [["route", "service", "stage"]]
    assert {each["Name"] for each in metrics["Metrics"]} == {
        "Latency", "DynamoDBCalls", "ReadUnits", "WriteUnits", "ClientErrors", "ServerErrors",
    }  # fmt: skip
    assert (done["service"], done["stage"]) == ("switchyard", "local")
    assert done["route"] == refused["route"] == "GET /api/feature/{feature_id}"
    assert done["DynamoDBCalls"] == [1]
    assert done["ReadUnits"] in ([0.5], [1])  # moto's count, and DynamoDB Local's
    for line, client, server in ((done, 0, 0), (refused, 1, 0), (crashed, 0, 1)):
        assert (line["ClientErrors"], line["ServerErrors"]) == ([client], [server])


@pytest.mark.parametrize("stage", list(Stage))
def test_metrics_are_written_where_it_is_deployed_unless_a_setting_says_otherwise(
    stage: Stage,
) -> None:
    assert Settings(stage=stage).writes_metrics is (stage is not Stage.LOCAL)
    assert Settings(stage=stage, metrics=True).writes_metrics
    assert not Settings(stage=stage, metrics=False).writes_metrics


# Jobs


@pytest.mark.parametrize(
    ("name", "reported"), [("upkeep", {"catalogue_version", "faults"}), ("purge", {"purged_rows"})]
)
def test_a_run_of_a_job_is_one_line(
    app: ModuleType, lines: Lines, counter: CallCounter, name: str, reported: set[str]
) -> None:
    counter.calls.clear()
    getattr(app, f"run_{name}")()
    (line,) = lines.of("job")
    assert set(line) == FIELDS | reported
    assert (line["route"], line["status"]) == (name, 200)
    assert line["dynamodb_calls"] == len(counter.calls) > 0


def test_an_entry_that_the_purge_fails_at_is_logged_by_its_kind_and_counted(
    app: ModuleType,
    lines: Lines,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(app.observer, "measures", True)
    PurgeRow(keys.PURGE, keys.part(SECRETS["user"]), due=0).save()
    with pytest.raises(Unreadable):
        app.run_purge()
    (failed,), (job,) = lines.of("purge entry failed"), lines.of("job")
    assert (failed["entry"], job["status"]) == ("UnreadableEntry", 500)
    assert '"PurgeFaults":[1.0]' in capsys.readouterr().out.replace(" ", "")
    assert SECRETS["user"] not in "".join(lines.texts)


def test_a_job_that_fails_says_why_in_the_log_and_nothing_to_the_platform(
    app: ModuleType, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise Unavailable(f"no answer for {SECRETS['user']}", reason="ThrottlingException")

    monkeypatch.setattr(app.services.catalogue._store, "revision", fail)
    event = chalice_test.TestEventsClient(app.app).generate_cw_event(
        "aws.events", "Scheduled Event", {}, []
    )
    with pytest.raises(app.JobFailed, match=r"^upkeep: Unavailable$") as failure:
        app.scheduled_upkeep(event, SimpleNamespace(aws_request_id="of Lambda"))
    assert failure.value.__suppress_context__
    (line,), (failed,) = lines.of("job"), lines.of("job failed")
    assert line["request_id"] == failed["request_id"] == "of Lambda"
    assert (line["error"], line["reason"]) == ("Unavailable", "ThrottlingException")
    assert SECRETS["user"] not in "".join(lines.texts)
