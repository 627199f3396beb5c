"""A database that takes connections and never answers."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from time import monotonic
from types import ModuleType

import pytest

from chalicelib.services.running.retries import DEADLINE
from chalicelib.storage.dynamodb import connection
from tests.api.logged import Lines, lines
from tests.http import Gateway

__all__ = ["lines"]

FEATURE = {"type_id": 3, "name": "x", "start_date": "2020-01-01", "end_date": "2099-12-31"}
MOST_TRIES = int(DEADLINE / (connection.CONNECT_TIMEOUT + connection.READ_TIMEOUT))
FASTER = 20
"""By which the tests' timeouts are shorter; the deadline is not."""


@pytest.fixture
def silence() -> Iterator[str]:
    """URL of a server that never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def hung(app: ModuleType, silence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The application, with some catalogue in memory, on a database that hangs."""
    gateway = Gateway(app.app)
    gateway.post("/api/feature", FEATURE)
    gateway.get("/api/feature/current")
    monkeypatch.setattr(connection, "CONNECT_TIMEOUT", connection.CONNECT_TIMEOUT / FASTER)
    monkeypatch.setattr("chalicelib.observability.DEADLINE", DEADLINE / FASTER)
    monkeypatch.setattr(connection, "_connection", None)
    monkeypatch.setattr(connection, "_prefix", "")
    timeout = connection.READ_TIMEOUT / FASTER
    connection.connect("us-east-1", app.settings.table_prefix, silence, read_timeout=timeout)


@pytest.mark.usefixtures("hung")
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/events", {"user_id": "u", "variant_id": 1}),
        ("POST", "/api/users", {"id": "u", "variant_id": 1, "ip_address": "::1"}),
        ("GET", "/api/users", None),
        ("POST", "/api/feature", {**FEATURE, "name": "y"}),
        ("POST", "/api/v6/init", {}),
        ("POST", "/api/v6/assign", {"context": "home"}),
        ("POST", "/api/v6/featureflag", {"context": "home"}),
        ("GET", "/health/ready", None),
    ],
)
def test_a_request_gives_up_within_its_deadline(
    gateway: Gateway, lines: Lines, method: str, path: str, body: object
) -> None:
    answer = gateway.send(method, path, body, {"user-id": "u"})
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    (line,) = lines.of("request")
    assert 1 <= line["dynamodb_calls"] <= MOST_TRIES
    assert line["error"] == "Unavailable"
    assert line["reason"] in ("ReadTimeoutError", "deadline")


@pytest.mark.usefixtures("hung")
@pytest.mark.parametrize("path", ["/api/feature", "/api/feature/current", "/api/userblocks"])
def test_what_clients_poll_is_answered_all_the_same(
    gateway: Gateway, lines: Lines, path: str
) -> None:
    answer = gateway.get(path)
    assert (answer.status, answer.headers["x-stale"]) == (200, "true")
    (line,) = lines.of("request")
    assert 1 <= line["dynamodb_calls"] <= MOST_TRIES


@pytest.mark.usefixtures("hung")
def test_with_a_ttl_not_each_request_of_an_outage_waits(
    app: ModuleType, gateway: Gateway, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue, ttl = app.services.catalogue, 60.0
    a_ttl_ago = replace(catalogue._cached, checked_at=monotonic() - ttl, due_at=0)
    monkeypatch.setattr(catalogue, "_ttl", ttl)
    monkeypatch.setattr(catalogue, "_cached", a_ttl_ago)
    monkeypatch.setattr(catalogue, "_failed_at", float("-inf"))
    for _ in range(5):
        assert gateway.get("/api/feature").headers["x-stale"] == "true"
    first, *others = [line["dynamodb_calls"] for line in lines.of("request")]
    assert first >= 1
    assert others == [0, 0, 0, 0]
