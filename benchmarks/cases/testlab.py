"""Requests of Test Lab's clients, and of its administration with the results."""

from __future__ import annotations

from benchmarks.application import Request
from benchmarks.cases.case import Case, Prepare, get, unchanged
from benchmarks.worlds import World, feature


def _event(before: int) -> Prepare:
    def prepare(world: World) -> Request:
        body = {"user_id": world.testlab_user(before), "variant_id": world.variant_ids[0]}
        return Request("POST", "/api/events", body)

    return prepare


def _testlab_user(world: World) -> Request:
    body = {"id": world.fresh(), "variant_id": world.variant_ids[0], "ip_address": "192.0.2.1"}
    return Request("POST", "/api/users", body)


def _delete_testlab_user(world: World) -> Request:
    return Request("DELETE", f"/api/users/{world.testlab_user(3)}")


def _change_feature(world: World) -> Request:
    body = feature("feature-0", description=world.fresh("text"), is_running=True)
    return Request("PUT", f"/api/feature/{world.feature_id}", body)


def _new_feature(world: World) -> int:
    made: int = world.ask("POST", "/api/feature", feature(world.fresh("feature"), type_id=1))["id"]
    return made


def _variants(world: World) -> Request:
    made = world.ask("POST", "/api/feature", feature(world.fresh("feature")))["id"]
    variants = [{"feature_id": made, "value": value} for value in ("a", "b")]
    return Request("POST", f"/api/feature/{made}/variants", {"variants": variants})


def _give_block(world: World) -> Request:
    blocks = world.ask("GET", "/api/userblocks")
    name = next(each["name"] for each in blocks if each["feature_id"] != world.feature_id)
    return Request("PUT", "/api/userblocks", {"name": name, "feature_id": world.feature_id})


def results(world: World) -> Request:
    path = f"/api/results/feature/{world.feature_id}"
    world.ask("GET", path)  # the line of the list is renewed once an hour
    return Request("GET", path)


TESTLAB: tuple[Case, ...] = (
    Case("GET /api/feature", get("/api/feature")),
    Case("GET /api/feature, 304", unchanged("/api/feature"), 304),
    Case("GET /api/feature/current", get("/api/feature/current")),
    Case("GET /api/feature/current, 304", unchanged("/api/feature/current"), 304),
    Case("GET /api/feature/{id}", get("/api/feature/{feature}")),
    Case("GET /api/feature/{id}, 304", unchanged("/api/feature/{feature}"), 304),
    Case("GET /api/feature/{id}/variants", get("/api/feature/{feature}/variants")),
    Case("GET /api/feature/{id}/variants, 304", unchanged("/api/feature/{feature}/variants"), 304),
    Case("GET /api/userblocks", get("/api/userblocks")),
    Case("GET /api/userblocks/{name}", get("/api/userblocks/5")),
    Case("GET /api/analysis/feature/{id}", get("/api/analysis/feature/{feature}")),
    Case("GET /api/users?limit=20", get("/api/users?limit=20")),
    Case("GET /api/events?limit=20", get("/api/events?limit=20")),
    Case("GET /api/events/feature/{id}", get("/api/events/feature/{feature}?limit=20")),
    Case("POST /api/users", _testlab_user),
    Case("POST /api/events, the user's first", _event(0)),
    Case("POST /api/events", _event(1)),
)
"""What clients of Test Lab call, and its GETs."""

TESTLAB_ADMINISTRATION: tuple[Case, ...] = (
    Case("GET /api/results", get("/api/results")),
    Case("GET /api/results/feature/{id}", results),
    Case(
        "POST /api/feature",
        lambda world: Request("POST", "/api/feature", feature(world.fresh("feature"), type_id=1)),
        replayed=False,
    ),
    Case("PUT /api/feature/{id}", _change_feature, replayed=False),
    Case("POST /api/feature/{id}/variants", _variants, replayed=False),
    Case(
        "DELETE /api/feature/{id}",
        lambda world: Request("DELETE", f"/api/feature/{_new_feature(world)}"),
        replayed=False,
    ),
    Case(
        "PUT /api/userblocks",
        _give_block,
        replayed=False,
    ),
    Case("DELETE /api/users/{id}, with 3 events", _delete_testlab_user, replayed=False),
)
