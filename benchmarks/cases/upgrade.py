"""Requests of UpGrade's clients, and of its administration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.application import Request
from benchmarks.cases.case import Case, Prepare, get
from benchmarks.worlds import (
    GROUPED,
    GROUPS,
    LARGE,
    MEDIUM,
    SITE,
    SMALL,
    World,
    design,
    flag,
    in_class,
    log_of,
    started,
)


@dataclass(frozen=True, slots=True)
class ClientCall:
    """A call of UpGrade's client API, which has two forms."""

    name: str
    note: str
    prepare: Callable[[World], tuple[str, dict[str, Any]]]
    """The user and the body of v6."""
    method: str = "POST"
    user_field: str = "userId"
    versions: tuple[str, ...] = ("v6", "v5")
    status: int = 200
    replayed: bool = True

    def cases(self) -> Iterator[Case]:
        """The call in each version."""
        for version in self.versions:
            yield Case(
                f"{version} {self.name}{self.note}",
                self._request(version),
                self.status,
                self.replayed,
            )

    def _request(self, version: str) -> Prepare:
        path = f"/api/{version}/{self.name}"

        def prepare(world: World) -> Request:
            user_id, body = self.prepare(world)
            if version == "v6":
                return Request(self.method, path, body, {"user-id": user_id})
            return Request(self.method, path, {self.user_field: user_id, **body})

        return prepare


def _of_user(body: dict[str, Any], *, groups: bool = False) -> Callable[..., Any]:
    return lambda world: (world.upgrade_user(GROUPS if groups else None), body)


def _by_alias(world: World) -> tuple[str, dict[str, Any]]:
    user_id, alias = world.upgrade_user(), world.fresh("alias")
    world.client("useraliases", {"aliases": [alias]}, user_id, "PATCH")
    return alias, {"context": SMALL}


def _marking(target: str) -> dict[str, Any]:
    return {"data": {"site": SITE, "target": target}, "status": "condition applied"}


def _mark(*, again: bool) -> Callable[..., Any]:
    def prepare(world: World) -> tuple[str, dict[str, Any]]:
        user_id, body = world.upgrade_user(), _marking("small")
        world.client("assign", {"context": SMALL}, user_id)
        if again:
            world.client("mark", body, user_id)
        return user_id, body

    return prepare


def _group_mark(*, mate: bool = False, again: bool = False) -> Callable[..., Any]:
    """A mark in a class where nobody did so before, or a classmate, or the user."""

    def prepare(world: World) -> tuple[str, dict[str, Any]]:
        groups, body = in_class(world.fresh("class")), _marking("group 0")
        if mate:
            world.client("mark", body, world.upgrade_user(groups))
        user_id = world.upgrade_user(groups)
        if again:
            world.client("mark", body, user_id)
        return user_id, body

    return prepare


def _ending_mark(world: World) -> tuple[str, dict[str, Any]]:
    name = world.fresh("ending")
    enough = {"userCount": 1, "groupCount": None}
    started(world, design(name, SMALL, name, enrollmentCompleteCondition=enough))
    user_id = world.upgrade_user()
    world.client("assign", {"context": SMALL}, user_id)
    return user_id, _marking(name)


def _log(entries: int, *, again: bool) -> Callable[..., Any]:
    def prepare(world: World) -> tuple[str, dict[str, Any]]:
        user_id = world.upgrade_user()
        if again:
            world.client("log", log_of(entries), user_id)
        return user_id, log_of(entries, 3)

    return prepare


def _flags_again(world: World) -> tuple[str, dict[str, Any]]:
    user_id = world.upgrade_user()
    world.client("featureflag", {"context": MEDIUM}, user_id)
    return user_id, {"context": MEDIUM}


CLIENT_CALLS: tuple[ClientCall, ...] = (
    ClientCall("init", ", a new user", lambda world: (world.fresh(), {}), user_field="id"),
    ClientCall("init", ", a known user", _of_user(GROUPS, groups=True), user_field="id"),
    ClientCall("init", ", other groups", _of_user(GROUPS), user_field="id"),
    ClientCall(
        "groupmembership", "", _of_user({"group": {"classId": ["c1"]}}), "PATCH", user_field="id"
    ),
    ClientCall(
        "workinggroup",
        "",
        _of_user({"workingGroup": {"classId": "c1"}}, groups=True),
        "PATCH",
        user_field="id",
    ),
    ClientCall(
        "useraliases",
        ", a new alias",
        lambda world: (world.upgrade_user(), {"aliases": [world.fresh("alias")]}),
        "PATCH",
    ),
    ClientCall("assign", ", 1 experiment", _of_user({"context": SMALL})),
    ClientCall("assign", ", 10 experiments", _of_user({"context": MEDIUM})),
    ClientCall("assign", ", 100 experiments", _of_user({"context": LARGE})),
    ClientCall("assign", ", group experiments", _of_user({"context": GROUPED}, groups=True)),
    ClientCall("assign", ", by an alias", _by_alias),
    ClientCall("mark", ", first", _mark(again=False)),
    ClientCall("mark", ", repeated", _mark(again=True)),
    ClientCall("mark", ", the group's first", _group_mark()),
    ClientCall("mark", ", after a classmate", _group_mark(mate=True)),
    ClientCall("mark", ", group, repeated", _group_mark(again=True)),
    ClientCall("mark", ", ending the experiment", _ending_mark, replayed=False),
    ClientCall("log", ", 1 entry, a new log record", _log(1, again=False)),
    ClientCall("log", ", 1 entry", _log(1, again=True)),
    ClientCall("log", ", 20 entries, new log records", _log(20, again=False)),
    ClientCall("log", ", 20 entries", _log(20, again=True)),
    ClientCall("bloblog", ", 1 entry", _log(1, again=True), versions=("v5",)),
    ClientCall("featureflag", ", 100 flags, all new", _of_user({"context": MEDIUM})),
    ClientCall("featureflag", ", 100 flags", _flags_again),
    ClientCall(
        "reward",
        "",
        _of_user({"rewardValue": "SUCCESS", "context": SMALL, "experimentId": "x"}),
        versions=("v6",),
        status=400,
    ),
)

UPGRADE: tuple[Case, ...] = tuple(case for call in CLIENT_CALLS for case in call.cases())
"""What clients of UpGrade call, in both versions."""


def _post(path: str, body: Callable[[World], Any]) -> Prepare:
    return lambda world: Request("POST", path, body(world))


def _renamed_experiment(world: World) -> Request:
    path = f"/api/experiments/{world.experiment['id']}"
    shown = world.ask("GET", f"/api/experiments/single/{world.experiment['id']}")
    return Request("PUT", path, {**shown, "description": world.fresh("text")})


def _batch(world: World) -> Any:
    users = [world.upgrade_user() for _ in range(10)]
    return {"context": SMALL, "site": SITE, "target": "small", "userIds": users}


UPGRADE_ADMINISTRATION: tuple[Case, ...] = (
    Case("GET /api/experiments/names", get("/api/experiments/names")),
    Case(
        "GET /api/experiments/single/{id}",
        lambda world: Request("GET", f"/api/experiments/single/{world.experiment['id']}"),
    ),
    Case(
        "POST /api/experiments/paginated",
        _post("/api/experiments/paginated", lambda _: {"skip": 0, "take": 20}),
    ),
    Case(
        "POST /api/experiments",
        _post("/api/experiments", lambda world: design(world.fresh("design"), SMALL, "new")),
        replayed=False,
    ),
    Case("PUT /api/experiments/{id}", _renamed_experiment, replayed=False),
    Case(
        "POST /api/experiments/state",
        _post(
            "/api/experiments/state",
            lambda world: {
                "experimentId": world.ask(
                    "POST", "/api/experiments", design(world.fresh("design"), SMALL, "new")
                )["id"],
                "state": "enrolling",
            },
        ),
        replayed=False,
    ),
    Case("GET /api/flags", get("/api/flags")),
    Case(
        "POST /api/flags",
        _post("/api/flags", lambda world: flag(world.fresh("flag"), SMALL)),
        replayed=False,
    ),
    Case("GET /api/segments", get("/api/segments")),
    Case("GET /api/metric", get("/api/metric")),
    Case("POST /api/batch-assign, 10 users", _post("/api/batch-assign", _batch)),
    Case(
        "POST /api/stats/enrollment",
        _post("/api/stats/enrollment", lambda world: {"experimentIds": [world.experiment["id"]]}),
    ),
    Case(
        "POST /api/stats/enrollment/detail",
        _post(
            "/api/stats/enrollment/detail", lambda world: {"experimentId": world.experiment["id"]}
        ),
    ),
    Case(
        "POST /api/query/analyse",
        _post("/api/query/analyse", lambda world: {"queryIds": [world.query_id]}),
    ),
)
