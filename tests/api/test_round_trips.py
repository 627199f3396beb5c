"""The calls to the database that a request costs in a warm process: the budgets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

from chalicelib.storage.dynamodb.connection import shared
from tests.http import Gateway

FEATURE = {"type_id": 3, "start_date": "2020-01-01", "end_date": "2099-12-31"}


LEASED = ("sequence#event", "sequence#log")
"""Sequences of which a process takes a thousand ids at a time."""


class CallCounter:
    """Counts the calls of the shared client; the one in a thousand that leases ids apart."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.leases: list[str] = []

    def __call__(self, model: Any, params: Any, **_: Any) -> None:
        body = params["body"].decode()
        leases = any(sequence in body for sequence in LEASED)
        (self.leases if leases else self.calls).append(model.name)


@pytest.fixture
def counter(app: ModuleType) -> Iterator[CallCounter]:  # noqa: ARG001 - it makes the client
    counter = CallCounter()
    events = shared().client.meta.events
    events.register("before-call.dynamodb", counter)
    yield counter
    events.unregister("before-call.dynamodb", counter)


@dataclass
class World:
    """A catalogue with some features, and one user with events."""

    feature_id: int
    variant_id: int


@pytest.fixture
def world(gateway: Gateway) -> World:
    for number in range(30):
        gateway.post("/api/feature", {**FEATURE, "name": f"feature {number}"})
    feature_id = gateway.post("/api/feature", {**FEATURE, "name": "x"}).json["id"]
    variants = [{"feature_id": feature_id, "value": value} for value in ("a", "b")]
    answer = gateway.post(f"/api/feature/{feature_id}/variants", {"variants": variants})
    world = World(feature_id, answer.json[0]["id"])
    user = {"id": "u", "variant_id": world.variant_id, "ip_address": "::1"}
    gateway.post("/api/users", user)
    for _ in range(3):
        gateway.post("/api/events", {"user_id": "u", "variant_id": world.variant_id})
    gateway.get("/api/feature/current")
    return world


READS = {
    "/api/feature": 1,
    "/api/feature/current": 1,
    "/api/feature/{}": 1,
    "/api/feature/{}/variants": 1,
    "/api/userblocks": 1,
    "/health": 0,
    "/health/ready": 1,
    "/api/userblocks/5": 1,
    "/api/analysis/feature/{}": 2,
}


def test_reads_stay_within_budget(gateway: Gateway, world: World, counter: CallCounter) -> None:
    for declared, budget in READS.items():
        path = declared.format(world.feature_id)
        first = gateway.get(path)
        assert first.status == 200, path
        counter.calls.clear()
        assert gateway.get(path).status == 200
        assert len(counter.calls) <= budget, path
        if etag := first.headers.get("etag"):
            counter.calls.clear()
            assert gateway.get(path, If_None_Match=etag).status == 304
            assert len(counter.calls) <= budget, path


def test_a_new_user_takes_two_trips(gateway: Gateway, world: World, counter: CallCounter) -> None:
    user = {"id": "new", "variant_id": world.variant_id, "ip_address": "::1"}
    assert gateway.post("/api/users", user).status == 200
    assert counter.calls == ["GetItem", "TransactWriteItems"]


@pytest.mark.parametrize("variant", [0, 1])
def test_an_event_takes_three_trips(
    gateway: Gateway, world: World, counter: CallCounter, variant: int
) -> None:
    event = {"user_id": "u", "variant_id": world.variant_id + variant}
    assert gateway.post("/api/events", event).status == 200
    assert counter.calls == ["GetItem", "GetItem", "TransactWriteItems"]


def test_a_cached_catalogue_saves_the_trip_that_checks_it(
    gateway: Gateway,
    app: ModuleType,
    world: World,
    counter: CallCounter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(app.services.catalogue, "_ttl", 60.0)
    gateway.get("/api/feature/current")
    counter.calls.clear()
    etag = gateway.get("/api/feature/current").headers["etag"]
    assert gateway.get("/api/feature/current", If_None_Match=etag).status == 304
    assert counter.calls == []
    event = {"user_id": "u", "variant_id": world.variant_id}
    assert gateway.post("/api/events", event).status == 200
    assert counter.calls == ["GetItem", "TransactWriteItems"]


def test_all_tables_share_one_client(app: ModuleType) -> None:  # noqa: ARG001 - it connects
    from chalicelib.storage.dynamodb.tables import ROWS

    assert {id(row._get_connection().connection.client) for row in ROWS} == {id(shared().client)}
