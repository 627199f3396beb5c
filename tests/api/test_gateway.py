"""What holds for every route: unknown paths, CORS, the route table, failing stores."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from types import ModuleType

import pytest
from chalice import test as chalice_test
from pydantic import BaseModel

from chalicelib import api
from chalicelib.domain.access.api_keys import Role
from chalicelib.domain.errors import LostRace, Unavailable
from tests.conftest import forget_failures
from tests.http import Gateway

PATH_NODES = 300
"""Resources that an API may have in API Gateway."""


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/nowhere"), ("POST", "/api/feature/1"), ("DELETE", "/api/feature"), ("PUT", "/")],
)
def test_unknown_paths_and_methods_are_404_with_cors(
    gateway: Gateway, method: str, path: str
) -> None:
    answer = gateway.send(method, path)
    assert (answer.status, answer.json) == (404, {"error": "unknown endpoint"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert gateway.send("HEAD", "/nowhere").text == ""


@pytest.mark.usefixtures("app")
def test_threads_of_a_local_server_find_all_built_that_reads_and_writes_requests() -> None:
    """Two of them must not build the same thing at once."""
    waiting: list[type[BaseModel]] = [BaseModel]
    models = set()
    while waiting:
        models.add(model := waiting.pop())
        waiting.extend(model.__subclasses__())
    own = [model for model in models if model.__module__.startswith("chalicelib.api")]
    adapters = [adapter for route in api.all_routes() for adapter in route.taken._adapters.values()]
    assert len(own) > 100
    assert len(adapters) > 100
    assert all(model.__pydantic_complete__ for model in own)
    assert all(adapter.pydantic_complete for adapter in adapters)


def test_the_route_table_fits_the_gateway(app: ModuleType) -> None:
    nodes: set[str] = set()
    variables: defaultdict[str, set[str]] = defaultdict(set)
    for path in app.app.routes:
        assert path == "/" or not path.endswith("/")
        parts = path.split("/")[1:]
        for depth, part in enumerate(parts):
            parent = "/".join(parts[:depth])
            nodes.add("/".join(parts[: depth + 1]))
            if part.startswith("{"):
                variables[parent].add(part)
    assert len(nodes) < PATH_NODES
    for parent, names in variables.items():
        assert len(names) == 1, parent


FEATURE_READS = (
    "/api/feature",
    "/api/feature/current",
    "/api/feature/{}",
    "/api/feature/{}/variants",
)
OTHER_READS = ("/api/users", "/api/analysis/feature/{}")


@pytest.fixture
def feature_id(gateway: Gateway) -> int:
    body = {"type_id": 3, "name": "x", "start_date": "2020-01-01", "end_date": "2099-12-31"}
    made: int = gateway.post("/api/feature", body).json["id"]
    return made


def fails(monkeypatch: pytest.MonkeyPatch, app: ModuleType, failure: Exception) -> None:
    """Let no catalogue be read any more."""

    def fail() -> None:
        raise failure

    monkeypatch.setattr(app.services.catalogue._store, "revision", fail)


@pytest.mark.parametrize("failure", [Unavailable("throttled"), LostRace("conflict")])
def test_a_store_that_fails_is_503_and_says_when_to_come_again(
    app: ModuleType,
    gateway: Gateway,
    feature_id: int,
    monkeypatch: pytest.MonkeyPatch,
    failure: Exception,
) -> None:
    fails(monkeypatch, app, failure)
    if isinstance(failure, Unavailable):  # there is no older catalogue in a new process
        monkeypatch.setattr(app.services.catalogue, "_cached", None)
    for path in (*FEATURE_READS, *OTHER_READS):
        answer = gateway.get(path.format(feature_id))
        assert answer.status == 503
        assert answer.headers["retry-after"] == "1"
        assert answer.json == {"error": str(failure)}
        assert "x-stale" not in answer.headers


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("path", FEATURE_READS)
def test_features_are_answered_as_they_last_were_while_the_store_is_unavailable(
    app: ModuleType,
    gateway: Gateway,
    feature_id: int,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
) -> None:
    path = path.format(feature_id)
    good = gateway.get(path)
    assert "x-stale" not in good.headers
    fails(monkeypatch, app, Unavailable("throttled"))
    stale = gateway.get(path)
    assert (stale.status, stale.headers["x-stale"]) == (200, "true")
    assert stale.json == good.json
    for name, validator in (("If_Modified_Since", "last-modified"), ("If_None_Match", "etag")):
        assert stale.headers[validator] == good.headers[validator]
        known = gateway.get(path, **{name: stale.headers[validator]})
        assert (known.status, known.headers["x-stale"], known.text) == (304, "true", "")
    head = gateway.send("HEAD", path)
    assert (head.status, head.headers["x-stale"], head.text) == (200, "true", "")
    monkeypatch.undo()
    forget_failures(app)
    assert "x-stale" not in gateway.get(path).headers


def test_current_features_are_stale_where_they_cannot_even_be_allocated(
    app: ModuleType, gateway: Gateway, feature_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.get("/api/feature")
    fails(monkeypatch, app, Unavailable("throttled"))
    stale = gateway.get("/api/feature/current")
    assert (stale.status, stale.headers["x-stale"]) == (200, "true")
    assert [feature["id"] for feature in stale.json["experiments"]] == [feature_id]
    monkeypatch.undo()
    forget_failures(app)
    later = gateway.get("/api/feature/current", If_Modified_Since=stale.headers["last-modified"])
    assert later.status == 200, "what was missing is not hidden from who has this answer"


def test_a_stale_catalogue_refuses_nothing_and_all_else_is_503(
    app: ModuleType, gateway: Gateway, feature_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.get("/api/feature/current")
    fails(monkeypatch, app, Unavailable("throttled"))
    unknown = feature_id + 1
    answers = [
        *(gateway.get(path.format(unknown)) for path in FEATURE_READS[2:]),
        *(gateway.get(path.format(feature_id)) for path in OTHER_READS),
        gateway.post("/api/events", {"user_id": "u", "variant_id": 1}),
        gateway.delete(f"/api/feature/{feature_id}"),
        gateway.send("POST", "/api/v6/featureflag", {"context": "home"}, {"user-id": "u"}),
        gateway.send("POST", "/api/v6/assign", {"context": "home"}, {"user-id": "u"}),
    ]
    for answer in answers[:-2]:
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    for answer in answers:
        assert "x-stale" not in answer.headers


def test_keys_are_checked_by_the_last_good_catalogue_but_none_is_refused_by_it(
    app: ModuleType, gateway: Gateway, feature_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.services.access, "enabled", True)
    monkeypatch.setattr(app.services.access, "open_testlab", False)
    made, key = app.services.access.create(Role.CLIENT)
    assert gateway.get("/api/feature", X_API_Key=key).status == 200
    with monkeypatch.context() as down:
        fails(down, app, Unavailable("throttled"))
        for path in FEATURE_READS:
            answer = gateway.get(path.format(feature_id), X_API_Key=key)
            assert (answer.status, answer.headers["x-stale"]) == (200, "true")
            assert gateway.get(path.format(feature_id), X_API_Key="nonsense").status == 503
            assert gateway.get(path.format(feature_id)).status == 401
        blocks = gateway.get("/api/userblocks", X_API_Key=key)
        assert (blocks.status, blocks.headers["x-stale"]) == (200, "true")
    app.services.access.revoke(made.id)


def test_health_is_of_the_program_and_readiness_of_its_tables(
    app: ModuleType, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in ("/health", "/health/ready"):
        answer = gateway.get(path)
        assert (answer.status, answer.json) == (200, {"status": "ok"})
        assert answer.headers["cache-control"] == "no-store"

    def fail() -> None:
        raise Unavailable("throttled")

    monkeypatch.setattr(app.services.catalogue._store, "revision", fail)
    assert gateway.get("/health").status == 200
    answer = gateway.get("/health/ready")
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert answer.json["detail"] == "throttled"


def test_current_features_do_not_depend_on_the_allocation(
    app: ModuleType, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"type_id": 3, "name": "x", "start_date": "2020-01-01", "end_date": "2099-12-31"}
    gateway.post("/api/feature", body)

    def fail(*_: object) -> None:
        raise Unavailable("throttled")

    monkeypatch.setattr(app.services.catalogue._store, "commit", fail)
    answer = gateway.get("/api/feature/current")
    assert answer.status == 200
    assert [feature["name"] for feature in answer.json["experiments"]] == ["x"]
    monkeypatch.undo()
    forget_failures(app)
    for name, validator in (("If_Modified_Since", "last-modified"), ("If_None_Match", "etag")):
        later = gateway.get("/api/feature/current", **{name: answer.headers[validator]})
        assert later.status == 200, "what was missing is not hidden from who has this answer"
        assert all(block["feature_id"] for block in later.json["userblocks"])


def test_upkeep_and_the_purge_do_not_wait_for_each_other(
    app: ModuleType, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"type_id": 3, "name": "x", "start_date": "2020-01-01", "end_date": "2099-12-31"}
    gateway.post("/api/feature", body)
    asked: list[object] = []

    def fail(*_: object) -> None:
        raise Unavailable("throttled")

    def nothing_due(now: object) -> list[object]:
        asked.append(now)
        return []

    with monkeypatch.context() as broken:
        broken.setattr(app.services.purge._queue, "due", fail)
        app.run_upkeep()
    monkeypatch.setattr(app.services.catalogue._store, "commit", fail)
    monkeypatch.setattr(app.services.purge._queue, "due", nothing_due)
    app.run_purge()
    assert asked


def test_clearing_is_for_demonstrations_only(
    app: ModuleType, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"type_id": 3, "name": "x", "start_date": "2020-01-01", "end_date": "2099-12-31"}
    gateway.post("/api/feature", body)
    monkeypatch.setattr(app.services.demo, "_enabled", False)
    refused = gateway.delete("/api/v5/clearDB")
    assert refused.json == "DEMO mode is disabled. You cannot clear DB."
    assert len(gateway.get("/api/feature").json) == 1
    monkeypatch.setattr(app.services.demo, "_enabled", True)
    assert gateway.delete("/api/v5/clearDB").json == "DB truncate successful"
    assert gateway.get("/api/feature").json == []


def test_the_scheduled_function_allocates_once(app: ModuleType, gateway: Gateway) -> None:
    body = {"type_id": 3, "name": "x", "start_date": "2020-01-01", "end_date": "2099-12-31"}
    feature_id = gateway.post("/api/feature", body).json["id"]
    event = chalice_test.TestEventsClient(app.app).generate_cw_event(
        "aws.events", "Scheduled Event", {}, []
    )
    for _ in range(2):
        app.scheduled_upkeep(event, None)
    owners = {block["feature_id"] for block in gateway.get("/api/userblocks").json}
    assert owners == {feature_id}


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("chalicelib.domain.catalogue.catalogue", ["chalice", "botocore", "pynamodb", "pydantic"]),
        ("chalicelib.services", ["chalice", "botocore", "pynamodb", "pydantic"]),
        ("chalicelib.storage.features.users", ["chalice", "pydantic", "moto"]),
    ],
)
def test_a_layer_loads_nothing_of_the_layers_above(module: str, forbidden: list[str]) -> None:
    script = f"import {module}, sys, json; print(json.dumps(sorted(sys.modules)))"
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert not set(json.loads(output.stdout)) & set(forbidden)
