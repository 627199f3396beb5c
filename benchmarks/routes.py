"""The requests that are measured, by the names that the tables give them.

Each is made anew from a world: what it needs is prepared first, and is not measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.application import Request
from benchmarks.worlds import (
    GROUPED,
    GROUPS,
    LARGE,
    MEDIUM,
    SITE,
    SMALL,
    World,
    design,
    feature,
    flag,
    in_class,
    log_of,
    started,
)

Prepare = Callable[[World], Request]


@dataclass(frozen=True, slots=True)
class Case:
    """A request, with the status that its answer must have."""

    name: str
    prepare: Prepare
    status: int = 200
    replayed: bool = True
    """Whether it takes the same way when its answers are given again: it changes no catalogue."""


def get(path: str) -> Prepare:
    """A GET of a path, in which the ids of a feature, an experiment and a flag may be named."""

    def prepare(world: World) -> Request:
        names = {"feature": world.feature_id, "user": "user"}
        if "{experiment}" in path:
            names["experiment"] = world.experiment["id"]
        if "{flag}" in path:
            names["flag"] = world.flag["id"]
        return Request("GET", path.format(**names))

    return prepare


def unchanged(path: str) -> Prepare:
    """The same from a client that has the answer already."""

    def prepare(world: World) -> Request:
        request = get(path)(world)
        etag = world.asked.send(request).headers["etag"]
        return Request("GET", request.path, headers={"if-none-match": etag})

    return prepare


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


def _results(world: World) -> Request:
    path = f"/api/results/feature/{world.feature_id}"
    world.ask("GET", path)  # the line of the list is renewed once an hour
    return Request("GET", path)


def _results_page(world: World) -> Request:
    request = _results(world)
    return Request("GET", request.path.replace("/api/results/", "/dashboard/"))


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
    Case("GET /api/results/feature/{id}", _results),
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


def _design_results_page(world: World) -> Request:
    path = f"experiment/{world.experiment['id']}"
    world.ask("GET", f"/api/results/{path}")  # as above
    return Request("GET", f"/dashboard/{path}")


def _segment_page(world: World) -> Request:
    body = {"name": world.fresh("segment"), "context": SMALL, "type": "public"}
    members = {"userIds": ["u"], "groups": [], "subSegmentIds": []}
    made = world.ask("POST", "/api/segments", {**body, **members})
    return Request("GET", f"/dashboard/segment/{made['id']}")


PAGES: tuple[Case, ...] = (
    Case("GET /dashboard", get("/dashboard")),
    Case("GET /dashboard/feature/{id}", _results_page),
    Case("GET /dashboard/feature/{id}/design", get("/dashboard/feature/{feature}/design")),
    Case("GET /dashboard/experiment/{id}", _design_results_page),
    Case("GET /dashboard/experiment/{id}/design", get("/dashboard/experiment/{experiment}/design")),
    Case("GET /dashboard/new/feature", get("/dashboard/new/feature?type=experiment")),
    Case("GET /dashboard/new/design", get("/dashboard/new/design")),
    Case("GET /dashboard/flag/{id}", get("/dashboard/flag/{flag}")),
    Case("GET /dashboard/segments", get("/dashboard/segments")),
    Case("GET /dashboard/segment/{id}", _segment_page),
    Case("GET /dashboard/metrics", get("/dashboard/metrics")),
    Case("GET /dashboard/users", get("/dashboard/users?id=user")),
    Case("GET /dashboard/system", get("/dashboard/system")),
)
"""The pages of the dashboard."""

CASES: tuple[Case, ...] = (
    *TESTLAB,
    *TESTLAB_ADMINISTRATION,
    *UPGRADE,
    *UPGRADE_ADMINISTRATION,
    *PAGES,
)
BY_NAME = {case.name: case for case in CASES}
