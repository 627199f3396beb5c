"""The deployment package runs as in Lambda: unpacked, alone, behind API Gateway's events."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import boto3
import pytest

from chalicelib.storage.dynamodb import keys
from infra.cloud.tables import creation
from infra.stages import PROJECT
from infra.template import Resolver, environment, for_stage
from tests.conftest import PATIENCE_MS
from tests.infra.conftest import REGION
from tests.infra.policed_database import Policy, policed
from tests.infra.proxy_events import RestApi, text_of
from tests.infra.runtime_api import Function, FunctionFailed, copy_runtime

STAGE = "dev"
FEATURES = 1_000
MEMORY_LIMIT = 200_000_000
TRIES = 10

EXPERIMENT = {
    "name": "Hints", "context": ["home"], "state": "inactive", "type": "Simple", "tags": [],
    "assignmentUnit": "individual", "consistencyRule": "individual",
    "postExperimentRule": "continue", "filterMode": "includeAll",
    "conditions": [
        {"id": "c1", "conditionCode": "short", "assignmentWeight": 50, "order": 1},
        {"id": "c2", "conditionCode": "long", "assignmentWeight": 50, "order": 2},
    ],
    "partitions": [
        {"id": "p1", "site": "lesson", "target": "start", "order": 1, "excludeIfReached": False}
    ],
    "conditionPayloads": [], "queries": [],
}  # fmt: skip


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Client:
    """Sends requests to a function as API Gateway would, with a key if there is one."""

    def __init__(self, function: Function, api: RestApi, key: str | None = None) -> None:
        self.function, self._api = function, api
        self.key = key
        self._key = {"X-API-Key": key} if key else {}

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        sent = {**self._key, **{name.replace("_", "-"): value for name, value in headers.items()}}
        answer = self.function.invoke(self._api.event(method, path, body, sent))
        received = {**answer["headers"]}
        received.update({k: v[0] for k, v in answer.get("multiValueHeaders", {}).items()})
        named = {name.lower(): value for name, value in received.items()}
        return Answer(answer["statusCode"], named, text_of(answer))


@pytest.fixture(scope="module")
def code(packaged: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, unpacked where nothing else is."""
    folder = tmp_path_factory.mktemp("task") / "var-task"
    with zipfile.ZipFile(packaged[STAGE] / "deployment.zip") as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runtime")
    copy_runtime(folder)
    return folder


@pytest.fixture(scope="module")
def api(translated: Callable[[str], dict[str, Any]]) -> RestApi:
    return RestApi(translated(STAGE)["Resources"]["RestAPI"]["Properties"]["Body"], STAGE)


@pytest.fixture(scope="module")
def make_tables(shared_database: str) -> Callable[[str], Any]:
    """Makes the template's tables under a prefix; the client that made them."""

    def make(prefix: str) -> Any:
        client = boto3.client(
            "dynamodb",
            region_name=REGION,
            endpoint_url=shared_database,
            aws_access_key_id="key",
            aws_secret_access_key="secret",
        )
        template = for_stage(STAGE)
        resolve = Resolver(template, TablePrefix=prefix)
        for resource in template["Resources"].values():
            if resource.get("Type") == "AWS::DynamoDB::Table":
                client.create_table(**creation(resolve(resource["Properties"])))
        return client

    return make


@pytest.fixture(scope="module")
def make_key(shared_database: str) -> Callable[[str], str]:
    """Makes an administrator's key for the tables of a prefix."""

    def make(prefix: str) -> str:
        environment = {
            "DYNAMODB_ENDPOINT": shared_database,
            "TABLE_PREFIX": prefix,
            "AWS_REGION": REGION,
        }
        done = subprocess.run(
            [sys.executable, "-m", "infra.keys", "--stage", STAGE, "create", "--role", "admin"],
            cwd=PROJECT,
            env={**os.environ, **environment, "STAGE": STAGE},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.splitlines()[-1]

    return make


@pytest.fixture(scope="module")
def policies() -> dict[str, Policy]:
    files = {
        name: PROJECT / ".chalice" / f"policy-{STAGE}-{name}.json"
        for name in ("api", "upkeep", "purge")
    }
    return {name: Policy(json.loads(file.read_text())) for name, file in files.items()}


@pytest.fixture(scope="module")
def start(
    code: Path,
    runtime: Path,
    shared_database: str,
    make_tables: Callable[[str], Any],
    policies: dict[str, Policy],
) -> Iterator[Callable[[str, str], Function]]:
    """Starts a function of the stage; it may do what its policy allows."""
    make_tables(environment(STAGE)["TABLE_PREFIX"])
    with (
        policed(shared_database, policies["api"]) as for_api,
        policed(shared_database, policies["upkeep"]) as for_upkeep,
        policed(shared_database, policies["purge"]) as for_purge,
    ):
        urls = {"api": for_api, "upkeep": for_upkeep, "purge": for_purge}

        def function(handler: str, policy: str) -> Function:
            variables = {
                **environment(STAGE),
                "AWS_ENDPOINT_URL_DYNAMODB": urls[policy],
                "DYNAMODB_TIMEOUT_MS": PATIENCE_MS,
            }
            return Function(code, runtime, handler, variables)

        yield function
    assert not any(policy.refused for policy in policies.values())


@pytest.fixture(scope="module")
def send(
    start: Callable[[str, str], Function], api: RestApi, make_key: Callable[[str], str]
) -> Iterator[Client]:
    key = make_key(environment(STAGE)["TABLE_PREFIX"])
    with start("app.app", "api") as function:
        client = Client(function, api, key)
        # A database that has only just started may be slower than the function waits for it.
        answered = (client("GET", "/health/ready").status for _ in range(TRIES))
        assert HTTPStatus.OK in answered
        yield client


def experiment(name: str) -> dict[str, Any]:
    dates = {"start_date": "1/1/26", "end_date": "12/31/2099"}
    return {"type_id": 3, "name": name, "user_percentage": 0.1, **dates}


def test_an_experiment_of_test_lab_from_creation_to_analysis(send: Client) -> None:
    made = send("POST", "/api/feature", experiment("sidenav"))
    assert made.status == 200
    assert made.headers["access-control-allow-origin"] == "*"
    feature_id = made.json["id"]
    variants = [{"feature_id": feature_id, "value": value} for value in ("left", "right")]
    answer = send("POST", f"/api/feature/{feature_id}/variants", {"variants": variants})
    left, _ = [variant["id"] for variant in answer.json]

    current = send("GET", "/api/feature/current")
    assert "sidenav" in [each["name"] for each in current.json["experiments"]]
    again = send("GET", "/api/feature/current", If_None_Match=current.headers["etag"])
    assert (again.status, again.text) == (304, "")
    since = current.headers["last-modified"]
    assert send("GET", "/api/feature/current", If_Modified_Since=since).status == 304

    user = {"id": "ada", "variant_id": left, "ip_address": "192.0.2.1"}
    assert send("POST", "/api/users", user).status == 200
    assert send("POST", "/api/events", {"user_id": "ada", "variant_id": left}).status == 200
    (first, _) = send("GET", f"/api/analysis/feature/{feature_id}").json
    assert (first["event_total"], first["total_users"]) == (1, 1)
    assert [each["id"] for each in send("GET", "/api/users").json] == ["ada"]


def test_a_refusal_says_why(send: Client) -> None:
    answer = send("POST", "/api/events", {"user_id": "nobody", "variant_id": 9})
    assert answer.status == 403
    assert answer.json == "Error in creating the event in postgres"
    assert answer.headers["x-error-detail"]
    assert answer.headers["access-control-allow-origin"] == "*"


def test_administration_needs_a_key(send: Client) -> None:
    answer = send("POST", "/api/feature", experiment("unasked"), X_API_Key="wrong")
    assert answer.status == 401
    assert answer.headers["access-control-allow-origin"] == "*"


def test_people_sign_in_to_pages_below_the_stage(send: Client) -> None:
    stranger = send("GET", "/dashboard/system")
    assert stranger.status == 303
    assert stranger.headers["location"] == "../dashboard/sign-in?to=/dashboard/system"
    form = {
        "Content_Type": "application/x-www-form-urlencoded",
        "Origin": "https://api.example.com",
        "X_Forwarded_Proto": "https",
    }
    fields = urlencode({"key": send.key, "to": "/dashboard/system"})
    signed = send("POST", "/dashboard/sign-in", fields, **form)
    assert (signed.status, signed.headers["location"]) == (303, "../dashboard/system")
    cookie, *attributes = signed.headers["set-cookie"].split("; ")
    assert {f"Path=/{STAGE}/dashboard", "Secure", "HttpOnly", "SameSite=Strict"} <= {*attributes}
    page = send("GET", "/dashboard/system", Cookie=cookie)
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    style = re.search(r'href="\.\./(dashboard/assets/style-\w+\.css)"', page.text)
    assert style is not None
    asset = send("GET", f"/{style[1]}")
    assert (asset.status, asset.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert "immutable" in asset.headers["cache-control"]
    assert send("GET", "/").headers["location"] == "./dashboard"


def test_a_participant_of_upgrade_is_assigned_and_marked(send: Client) -> None:
    number = send("POST", "/api/experiments", EXPERIMENT).json["id"]
    state = {"experimentId": number, "state": "enrolling"}
    assert send("POST", "/api/experiments/state", state).status == 200
    assert send("POST", "/api/v6/init", {}, User_Id="bob").json["id"] == "bob"
    (offered,) = send("POST", "/api/v6/assign", {"context": "home"}, User_Id="bob").json
    assert (offered["site"], offered["target"]) == ("lesson", "start")
    condition = offered["assignedCondition"][0]
    assert condition["conditionCode"] in ("short", "long")
    data = {"site": "lesson", "target": "start", "assignedCondition": condition}
    mark = {"data": data, "status": "condition applied"}
    assert send("POST", "/api/v6/mark", mark, User_Id="bob").status == 200
    (row,) = send("POST", "/api/stats/enrollment", {"experimentIds": [number]}).json
    assert row["users"] == 1


def test_all_that_is_stored_of_a_user_is_handed_out_and_erased(send: Client) -> None:
    feature_id = send("POST", "/api/feature", experiment("forgetful")).json["id"]
    variants = {"variants": [{"feature_id": feature_id, "value": "one"}]}
    (one,) = send("POST", f"/api/feature/{feature_id}/variants", variants).json
    row = {"id": "eve", "variant_id": one["id"], "ip_address": "192.0.2.1"}
    event = {"user_id": "eve", "variant_id": one["id"]}
    for path, body in (("/api/users", row), ("/api/events", event)):
        assert send("POST", path, body, Idempotency_Key="k").status == 200
    assert send("POST", "/api/v6/init", {}, User_Id="eve").status == 200
    assert send("PATCH", "/api/v6/useraliases", {"aliases": ["eva"]}, User_Id="eve").status == 200
    data = {"site": "lesson", "target": "start"}
    mark = {"data": data, "status": "condition applied"}
    assert send("POST", "/api/v6/mark", mark, User_Id="eva").status == 200
    file = {"files": [{"file": "uuid,pretest\neve,high"}]}
    assert send("POST", "/api/stratification", file).status == 200
    listed = {"name": "l", "context": "home", "type": "public", "userIds": ["eve", "eva"]}
    segment = {**listed, "groups": [], "subSegmentIds": []}
    assert send("POST", "/api/segments", segment).status == 200

    told = send("GET", "/api/users/eve/export")
    assert told.status == 200
    assert told.headers["cache-control"] == "no-store"
    assert [each["variant"]["name"] for each in told.json["events"]] == ["one"]
    assert len(told.json["answers"]) == 2
    assert [each["id"] for each in told.json["aliases"]] == ["eva"]
    assert told.json["strata"] == {"pretest": "high"}
    erased = send("DELETE", "/api/users/eve?everything=true")
    assert (erased.status, erased.json["aliases"]) == (200, ["eva"])
    assert [each["name"] for each in erased.json["lists"]] == ["l", "l"]
    assert send("GET", "/api/users/eve/export").status == 403


def logged(function: Function, message: str) -> tuple[list[Any], list[Any]]:
    """The lines with a message that a function has logged so far, and its metrics."""
    lines = [json.loads(line) for line in function.log().splitlines() if line.startswith("{")]
    return (
        [line for line in lines if line.get("message") == message],
        [line for line in lines if "_aws" in line],
    )


@pytest.mark.parametrize(
    ("name", "reported"), [("upkeep", "catalogue_version"), ("purge", "purged_rows")]
)
def test_a_scheduled_function_runs(
    send: Client, start: Callable[[str, str], Function], name: str, reported: str
) -> None:
    made = send("POST", "/api/feature", experiment("short-lived"))
    send("DELETE", f"/api/feature/{made.json['id']}")
    event = {
        "id": "1", "account": "1", "region": REGION, "resources": [], "version": "0",
        "source": "aws.events", "detail-type": "Scheduled Event", "detail": {},
        "time": "2026-11-22T09:00:00Z",
    }  # fmt: skip
    with start(f"app.scheduled_{name}", name) as function:
        for _ in range(2):
            assert function.invoke(event) is None
        reports, measured = logged(function, "job")
    assert len(reports) == len(measured) == 2
    assert reports[-1][reported] >= 0
    assert {line["route"] for line in (*reports, *measured)} == {name}


def test_what_is_not_documented_never_reaches_the_function(api: RestApi) -> None:
    for method, path in (("GET", "/api/nothing"), ("PATCH", "/api/feature")):
        with pytest.raises(LookupError):
            api.event(method, path)


def test_a_function_that_may_do_too_little_says_so(
    code: Path, runtime: Path, api: RestApi, shared_database: str
) -> None:
    nothing = Policy({"Statement": []})
    with policed(shared_database, nothing) as url:
        variables = {**environment(STAGE), "AWS_ENDPOINT_URL_DYNAMODB": url}
        with Function(code, runtime, "app.app", variables) as function:
            assert Client(function, api)("GET", "/api/feature").status == 503
            (line,), (metrics,) = logged(function, "request")
    assert (line["route"], line["status"]) == ("GET /api/feature", 503)
    assert line["reason"] == "AccessDeniedException"
    assert (metrics["stage"], metrics["ServerErrors"]) == (STAGE, [1])
    assert nothing.refused


def test_a_package_without_a_dependency_does_not_start(
    code: Path, runtime: Path, tmp_path: Path
) -> None:
    for path in code.iterdir():
        if not path.name.startswith("pydantic_core"):
            (tmp_path / path.name).symlink_to(path)
    function = Function(tmp_path, runtime, "app.app", environment(STAGE))
    with pytest.raises(FunctionFailed, match="pydantic_core"), function:
        pass


def test_it_starts_soon_and_needs_little_memory_with_a_thousand_features(
    code: Path,
    runtime: Path,
    api: RestApi,
    shared_database: str,
    make_tables: Callable[[str], Any],
    make_key: Callable[[str], str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    prefix = "switchyard-thousand"
    database = make_tables(prefix)
    key = make_key(prefix)
    variables = {
        **environment(STAGE),
        "TABLE_PREFIX": prefix,
        "AWS_ENDPOINT_URL_DYNAMODB": shared_database,
        "DYNAMODB_TIMEOUT_MS": PATIENCE_MS,
    }
    with Function(code, runtime, "app.app", variables) as function:
        send = Client(function, api, key)
        made = send("POST", "/api/feature", experiment("sidenav")).json["id"]
        variants = [{"feature_id": made, "value": value} for value in ("left", "right")]
        send("POST", f"/api/feature/{made}/variants", {"variants": variants})
        designed = send("POST", "/api/experiments", EXPERIMENT).json["id"]
        send("POST", "/api/experiments/state", {"experimentId": designed, "state": "enrolling"})
    _multiply_features(database, f"{prefix}-features")

    with Function(code, runtime, "app.app", variables) as function:
        send = Client(function, api, key)
        for listed in ("/api/feature", "/api/experiments"):  # half are of each kind
            assert len(send("GET", listed).json) == FEATURES // 2
        send("POST", "/api/v6/init", {}, User_Id="bob")
        for _ in range(2):
            assert send("GET", "/api/feature/current").status == 200
            offered = send("POST", "/api/v6/assign", {"context": "home"}, User_Id="bob")
            assert offered.status == 200
            send("POST", "/api/feature", experiment("another"))
        memory, seconds = function.peak_memory(), function.started_in
    with capsys.disabled():
        print(f"\nstarted in {seconds:.2f} s; {memory / 1e6:.0f} MB with {FEATURES} features")
    assert memory < MEMORY_LIMIT


def _multiply_features(database: Any, table: str) -> None:
    """Copy the features in the table, under new ids and names, until there are a thousand."""
    items = database.scan(TableName=table)["Items"]
    originals = [item for item in items if item["pk"]["S"].startswith(keys.feature(0)[:-1])]
    number = max(int(item["id"]["N"]) for item in originals)
    missing = FEATURES - len(originals)
    copies = []
    for count in range(missing):
        original = originals[count % len(originals)]
        number += 1
        copy = json.dumps(original).replace('"sidenav"', f'"copy {number}"')
        copies.append(
            {**json.loads(copy), "pk": {"S": keys.feature(number)}, "id": {"N": str(number)}}
        )
    for first in range(0, missing, 25):
        requests = [{"PutRequest": {"Item": item}} for item in copies[first : first + 25]]
        database.batch_write_item(RequestItems={table: requests})
