"""ETag, If-None-Match and If-Match of features, experiments, flags and segments."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

from chalicelib import api
from chalicelib.domain.catalogue.entity_tags import Kind, Subject, shown
from chalicelib.services.stores import Stores
from tests.api.upgrade_setup import design, flag, measure, query, segment
from tests.http import Answer, Gateway

FEATURE = {
    "type_id": 3,
    "name": "sidebar",
    "start_date": "2020-01-01",
    "end_date": "2099-12-31",
    "is_running": True,
    "user_percentage": "0.50",
    "description": "",
}
USERS = ("ada", "bob")

Write = tuple[str, str, Any]
"""Method, path and body."""


@dataclass
class Thing:
    """Something with a tag: where it is read, and requests that change it, one after the other.

    Each of `writes` is made when its turn comes, of what the ones before have answered.
    """

    subject: Subject
    path: str
    edit: Write
    writes: list[Callable[[Answer | None], Write]]


def send(gateway: Gateway, write: Write, **headers: str) -> Answer:
    method, path, body = write
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return gateway.send(method, path, body, named)


def granted(gateway: Gateway, write: Write, **headers: str) -> Answer:
    answer = send(gateway, write, **headers)
    assert answer.status == 200, (write, answer.text)
    return answer


def a_feature(gateway: Gateway) -> Thing:
    feature_id = gateway.post("/api/feature", FEATURE).json["id"]
    path = f"/api/feature/{feature_id}"
    variants = [
        {"feature_id": feature_id, "value": value, "weight": weight}
        for value, weight in (("a", "0.50"), ("b", 0.5))
    ]
    return Thing(
        Subject(Kind.FEATURE, feature_id),
        path,
        ("PUT", path, {**FEATURE, "description": "an edit"}),
        [
            lambda _: ("PUT", path, {**FEATURE, "description": "another"}),
            lambda _: ("POST", f"{path}/variants", {"variants": variants}),
            lambda _: ("DELETE", path, None),
        ],
    )


def an_experiment(gateway: Gateway) -> Thing:
    measure(lambda *write: granted(gateway, write).json, "stars")
    body = design(("site", ""), queries=[query("stars")], weights=(33.5, 66.5))
    made = gateway.post("/api/experiments", body).json
    path = f"/api/experiments/{made['id']}"
    listed = str(uuid.uuid4())
    the_list = {"experimentId": made["id"], "list": segment(*USERS, id=listed)}
    fewer = {"experimentId": made["id"], "list": segment("ada", id=listed)}
    state = {"experimentId": made["id"], "state": "enrolling"}
    return Thing(
        Subject(Kind.EXPERIMENT, made["id"]),
        f"/api/experiments/single/{made['id']}",
        ("PUT", path, {**body, "description": "an edit"}),
        [
            lambda _: ("PUT", path, {**body, "description": "another"}),
            lambda _: ("POST", "/api/experiments/state", state),
            lambda _: ("POST", "/api/experiments/exclusionList", the_list),
            lambda _: ("PUT", f"/api/experiments/exclusionList/{listed}", fewer),
            lambda _: ("DELETE", f"/api/experiments/exclusionList/{listed}", None),
            lambda _: ("DELETE", path, None),
        ],
    )


def a_flag(gateway: Gateway) -> Thing:
    body = flag()
    made = gateway.post("/api/flags", body).json
    path = f"/api/flags/{made['id']}"
    listed = str(uuid.uuid4())

    def the_list(*users: str) -> dict[str, Any]:
        whole = segment(*users, id=listed)
        return {"id": made["id"], "enabled": True, "listType": "individual", "segment": whole}

    return Thing(
        Subject(Kind.FLAG, made["id"]),
        path,
        ("PUT", path, {**body, "description": "an edit"}),
        [
            lambda _: ("PUT", path, {**body, "description": "another"}),
            lambda _: (
                "PATCH", "/api/flags/status", {"flagId": made["id"], "status": "disabled"}
            ),
            lambda _: (
                "PATCH", "/api/flags/filterMode",
                {"flagId": made["id"], "filterMode": "excludeAll"},
            ),
            lambda _: ("POST", "/api/flags/inclusionList", the_list(*USERS)),
            lambda _: ("PUT", f"/api/flags/inclusionList/{listed}", the_list("ada")),
            lambda _: ("DELETE", f"/api/flags/inclusionList/{listed}", None),
            lambda _: ("DELETE", path, None),
        ],
    )  # fmt: skip


def a_segment(gateway: Gateway) -> Thing:
    body = segment(*USERS, groups=[("class", "b"), ("class", "a")], name="all", type="public")
    made = gateway.post("/api/segments", body).json
    body["id"] = made["id"]
    parent = {"parentSegmentId": made["id"]}
    inside = str(uuid.uuid4())
    return Thing(
        Subject(Kind.SEGMENT, made["id"]),
        f"/api/segments/{made['id']}",
        ("POST", "/api/segments", {**body, "description": "an edit"}),
        [
            lambda _: ("POST", "/api/segments", {**body, "userIds": ["ada"]}),
            lambda _: ("POST", "/api/segments/list", {**segment("cid", id=inside), **parent}),
            lambda _: ("DELETE", f"/api/segments/list/{inside}", parent),
            lambda _: ("DELETE", f"/api/segments/{made['id']}", None),
        ],
    )


MAKERS = (a_feature, an_experiment, a_flag, a_segment)


@pytest.fixture(params=MAKERS, ids=lambda make: make.__name__)
def thing(request: pytest.FixtureRequest, gateway: Gateway) -> Thing:
    made: Thing = request.param(gateway)
    return made


def requests(thing: Thing) -> Iterator[Write]:
    return (write(None) for write in thing.writes)


def ends(thing: Thing, write: Write) -> bool:
    return write is not None and write[0] == "DELETE" and write[1].endswith(str(thing.subject.id))


def read(gateway: Gateway, thing: Thing, **headers: str) -> Answer:
    return gateway.get(thing.path, **headers)


class TestReading:
    def test_who_has_the_answer_is_told_so_by_its_own_tag(
        self, gateway: Gateway, thing: Thing
    ) -> None:
        first = read(gateway, thing)
        tag = first.headers["etag"]
        assert tag.startswith('"'), "a strong one: If-Match compares no others"
        for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            again = read(gateway, thing, If_None_Match=known)
            assert (again.status, again.text, again.headers["etag"]) == (304, "", tag)
        assert read(gateway, thing, If_None_Match='"other"').text == first.text
        assert read(gateway, thing, If_None_Match=tag, Cache_Control="no-cache").status == 200
        head = gateway.send("HEAD", thing.path, headers={"If-None-Match": tag})
        assert (head.status, head.headers["etag"]) == (304, tag)

    def test_an_unrelated_change_does_not_move_the_tag(
        self, gateway: Gateway, thing: Thing
    ) -> None:
        tag = read(gateway, thing).headers["etag"]
        others = [a_feature, an_experiment, a_flag]
        for make in others:
            if make.__name__.split("_")[1] == thing.subject.kind:
                continue
            other = make(gateway)
            granted(gateway, other.edit)
        assert read(gateway, thing, If_None_Match=tag).status == 304

    def test_a_tag_is_the_same_whether_it_was_just_written_or_loaded(
        self, gateway: Gateway, thing: Thing, dynamo_stores: Stores
    ) -> None:
        for write in requests(thing):
            written = granted(gateway, write)
            if ends(thing, write):
                assert "etag" not in written.headers
                continue
            found = shown(dynamo_stores.catalogue.load(), thing.subject)
            assert found is not None
            counts = [
                len(dynamo_stores.members.of_version(each.id, each.version)) for each in found.lists
            ]
            assert written.headers["etag"] == f'"{found.tag(counts)}"', write
            assert read(gateway, thing).headers["etag"] == written.headers["etag"]
            assert read(gateway, thing, If_None_Match=written.headers["etag"]).status == 304


class TestChanging:
    def test_what_has_changed_since_is_not_changed_by_who_insists_on_the_old_state(
        self, gateway: Gateway, thing: Thing
    ) -> None:
        stale = read(gateway, thing).headers["etag"]
        granted(gateway, thing.edit)
        for write in requests(thing):
            before = read(gateway, thing)
            current = before.headers["etag"]
            assert current != stale
            for condition in (stale, f"W/{current}", '"other"', "nonsense", ""):
                refused = send(gateway, write, If_Match=condition)
                assert (refused.status, refused.headers["etag"]) == (412, current), write
                assert "read it again" in refused.headers["x-error-detail"]
            assert read(gateway, thing).text == before.text
            granted(gateway, write, If_Match=f'"other", W/"x", {current}')

    def test_any_state_will_do_for_a_star_as_long_as_there_is_one(
        self, gateway: Gateway, thing: Thing
    ) -> None:
        for write in requests(thing):
            granted(gateway, write, If_Match="*")

    def test_what_is_not_there_is_refused_as_ever_and_not_made(
        self, gateway: Gateway, thing: Thing
    ) -> None:
        *_, delete = requests(thing)
        granted(gateway, delete)
        for write in requests(thing):
            plain = send(gateway, write) if write[1] != "/api/segments" else None
            for condition in ("*", '"x"'):
                refused = send(gateway, write, If_Match=condition)
                assert "etag" not in refused.headers
                if plain is None or plain.status == 200:
                    assert refused.status == 412, write
                else:
                    assert (refused.status, refused.text) == (plain.status, plain.text), write
        assert gateway.get(thing.path).status != 200

    def test_creating_answers_the_tag_of_what_was_made(self, gateway: Gateway) -> None:
        for path, body, shown_at in (
            ("/api/feature", FEATURE, "/api/feature/{}"),
            ("/api/experiments", design(("site", "")), "/api/experiments/single/{}"),
            ("/api/flags", flag(), "/api/flags/{}"),
            ("/api/segments", segment(name="s", type="public"), "/api/segments/{}"),
        ):
            made = gateway.post(path, body)
            tag = made.headers["etag"]
            assert gateway.get(shown_at.format(made.json["id"])).headers["etag"] == tag

    def test_a_creation_that_is_sent_again_has_the_tag_of_then(self, gateway: Gateway) -> None:
        key = {"Idempotency-Key": "once"}
        first = gateway.send("POST", "/api/feature", FEATURE, key)
        path = f"/api/feature/{first.json['id']}"
        granted(gateway, ("PUT", path, {**FEATURE, "description": "changed"}))
        again = gateway.send("POST", "/api/feature", FEATURE, key)
        assert again.headers["etag"] == first.headers["etag"]
        assert again.headers["etag"] != gateway.get(path).headers["etag"]

    def test_problem_details_say_412_too(self, gateway: Gateway) -> None:
        thing = a_feature(gateway)
        wanted = {"If_Match": '"old"', "Accept": "application/problem+json"}
        answer = send(gateway, thing.edit, **wanted)
        assert (answer.status, answer.json["status"]) == (412, 412)
        assert answer.headers["etag"] == read(gateway, thing).headers["etag"]


class TestWhatATagCovers:
    def moved(self, gateway: Gateway, thing: Thing, change: Write) -> bool:
        before = read(gateway, thing).headers["etag"]
        granted(gateway, change)
        after = read(gateway, thing, If_None_Match=before)
        return after.status == 200 and after.headers["etag"] != before

    @pytest.mark.parametrize("make", [an_experiment, a_flag])
    def test_lists_are_rows_of_their_own_of_what_has_them(
        self, gateway: Gateway, make: Callable[[Gateway], Thing]
    ) -> None:
        thing = make(gateway)
        part = gateway.post("/api/segments", segment(name="part", type="public")).json["id"]
        [add] = [w for w in requests(thing) if w[0] == "POST" and "List" in w[1]]
        of = "list" if "list" in add[2] else "segment"
        body = {**add[2], of: {**add[2][of], "subSegmentIds": [part]}}
        granted(gateway, (add[0], add[1], body))
        renamed = {**segment(name="renamed", type="public"), "id": part}
        assert self.moved(gateway, thing, ("POST", "/api/segments", renamed))
        listed = {**body[of], "description": "by the segments' own route"}
        assert self.moved(gateway, thing, ("POST", "/api/segments", listed))

    @pytest.mark.parametrize("make", [an_experiment, a_flag, a_segment])
    def test_a_user_who_is_erased_leaves_the_lists_that_are_shown(
        self, gateway: Gateway, make: Callable[[Gateway], Thing]
    ) -> None:
        thing = make(gateway)
        for write in requests(thing):
            if write[0] == "POST" and "List" in write[1]:
                granted(gateway, write)
        assert '"ada"' in read(gateway, thing).text
        erase = ("DELETE", "/api/users/ada?everything=true", None)
        assert self.moved(gateway, thing, erase)
        assert '"ada"' not in read(gateway, thing).text

    def test_metrics_are_rows_of_the_experiments_that_ask_for_them(self, gateway: Gateway) -> None:
        thing = an_experiment(gateway)
        unit = {"metric": "stars", "datatype": "categorical", "allowedValues": ["one", "two"]}
        save = {"metricUnit": [unit], "context": ["home"]}
        assert self.moved(gateway, thing, ("POST", "/api/metric/save", save))

    def test_a_segment_is_shown_with_the_experiment_that_it_is_a_list_of(
        self, gateway: Gateway
    ) -> None:
        made = gateway.post("/api/experiments", design(("site", ""))).json["id"]
        body = segment("ada", id=str(uuid.uuid4()), type="public")
        added = {"experimentId": made, "list": body}
        granted(gateway, ("POST", "/api/experiments/inclusionList", added))
        path = f"/api/segments/{body['id']}"
        before = gateway.get(path)
        assert before.json["experimentSegmentInclusion"]["experimentId"] == made
        granted(gateway, ("DELETE", f"/api/experiments/{made}", None))
        after = gateway.get(path, If_None_Match=before.headers["etag"])
        assert after.json["experimentSegmentInclusion"] is None

    def test_a_global_exclusion_that_nothing_is_stored_of_has_a_tag_too(
        self, gateway: Gateway
    ) -> None:
        made = gateway.get("/api/segments/global").json[0]
        path = f"/api/segments/{made['id']}"
        tag = gateway.get(path).headers["etag"]
        assert gateway.get(path, If_None_Match=tag).status == 304
        body = {
            **segment("ada", name=made["name"], context=made["context"], type="global_exclude"),
            "id": made["id"],
        }
        granted(gateway, ("POST", "/api/segments", body), If_Match=tag)
        assert send(gateway, ("POST", "/api/segments", body), If_Match=tag).status == 412
        assert gateway.get(path, If_None_Match=tag).status == 200

    def test_what_users_do_does_not_move_it(self, gateway: Gateway) -> None:
        experiment, own = an_experiment(gateway), a_flag(gateway)
        state = {"experimentId": experiment.subject.id, "state": "enrolling"}
        granted(gateway, ("POST", "/api/experiments/state", state))
        tags = [read(gateway, each).headers["etag"] for each in (experiment, own)]
        for path, body in (
            ("init", {}),
            ("assign", {"context": "home"}),
            ("mark", {"data": {"site": "site", "target": ""}, "status": "condition applied"}),
            ("featureflag", {"context": "home"}),
        ):
            answer = gateway.send("POST", f"/api/v6/{path}", body, {"User-Id": "ada"})
            assert answer.status == 200, answer.text
        assert [read(gateway, each).headers["etag"] for each in (experiment, own)] == tags


COLLECTIONS_AND_OTHERS = {
    "POST /api/feature", "PUT /api/feature/current", "DELETE /api/feature/current",
    "POST /api/experiments/batch", "POST /api/experiments/paginated",
    "POST /api/flags/paginated", "POST /api/segments/paginated",
}  # fmt: skip


def test_every_route_that_reads_or_changes_one_thing_says_which(app: ModuleType) -> None:
    del app  # it publishes the routes
    for route in api.all_routes():
        called = f"{route.method} {route.path}"
        of_things = route.path.startswith(
            ("/api/feature/", "/api/experiments", "/api/flags", "/api/segments")
        )
        aside = ("import", "export", "validation", "status/", "AssignmentStatus", "rewards",
                 "conditions/")  # fmt: skip
        reads_many = route.method == "GET" and (
            "{" not in route.path or route.path.endswith("/variants")
        )
        if (
            not of_things
            or called in COLLECTIONS_AND_OTHERS
            or reads_many
            or any(part in route.path for part in aside)
        ):
            assert route.concerns is None, called
            continue
        assert route.concerns is not None, called
        assert route.concerns.heeds_if_match or called in (
            "POST /api/experiments", "POST /api/flags",
        ), called  # fmt: skip
