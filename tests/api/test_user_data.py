"""Erasing and exporting all that is stored of a user, over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any
from urllib.parse import quote

import pytest

from chalicelib.api.testlab.privacy.export_parts import CURSORS
from chalicelib.domain.access.idempotency import KEPT
from chalicelib.services.privacy import user_export
from chalicelib.storage.dynamodb.connection import shared
from tests.api.upgrade_setup import segment
from tests.cursors import forged
from tests.everything import ALIASES, BOB, HOSTILE, World
from tests.http import Answer, Gateway
from tests.recount import all_items, items_naming, recounted, stored_counts

DELETE_REFUSED = "Error in deleting the user in postgres"
EXPORT_REFUSED = "Error in exporting the user"
PROBLEM = {"accept": "application/problem+json"}


@pytest.fixture
def world(gateway: Gateway) -> World:
    return World.made(gateway)


def path(user_id: str) -> str:
    return f"/api/users/{quote(user_id, safe='')}"


def cursor_of(position: list[Any]) -> str:
    return forged(CURSORS, position, user_id=HOSTILE)


def erase(gateway: Gateway, user_id: str) -> Answer:
    return gateway.delete(f"{path(user_id)}?everything=true")


def export(gateway: Gateway, user_id: str) -> Answer:
    return gateway.get(f"{path(user_id)}/export")


def marked(user_id: str) -> dict[str, Any]:
    point = {"site": "simple", "target": "1"}
    return {"userId": user_id, "data": point, "status": "condition applied"}


def check_counters(app: ModuleType) -> None:
    tables = all_items()
    assert stored_counts(tables) == recounted(tables, app.services.catalogue.fresh())


def test_nothing_names_a_user_who_was_erased_and_others_stay_as_they_are(
    app: ModuleType, gateway: Gateway, world: World
) -> None:
    world.add_user(BOB, "alias of bob")
    counts = stored_counts(all_items())
    world.add_user(HOSTILE, *ALIASES)
    gone = app.services.experiments.feature_id(world.ids["gone"])
    world.send("DELETE", f"/api/experiments/{world.ids['gone']}")
    others = items_naming(all_items(), BOB)
    check_counters(app)
    assert len(items_naming(all_items(), HOSTILE)) > 40
    of_alias = [each for each in items_naming(all_items(), ALIASES[0]) if "~answer#" in each]
    assert len(of_alias) == 5
    of_owner = items_naming(all_items(), HOSTILE)
    assert any(each in of_owner for each in of_alias), "an alias may be answered with the owner"

    answer = erase(gateway, HOSTILE)
    assert answer.status == 200, answer.text
    tables = all_items()
    for user_id in (HOSTILE, *ALIASES):
        assert items_naming(tables, user_id) == []
    assert items_naming(tables, BOB) == others

    def of_the_living(figures: Mapping[tuple[Any, ...], int]) -> dict[tuple[Any, ...], int]:
        # Nobody is taken off the counters of what is gone: the purge takes them as a whole.
        return {key: count for key, count in figures.items() if key[1] != gone}

    left = of_the_living(stored_counts(tables))
    assert left == of_the_living(recounted(tables, app.services.catalogue.fresh()))
    assert left == of_the_living(counts), "as if the user had never been"


class TestErasing:
    def test_the_answer_names_the_lists_and_their_sides(
        self, gateway: Gateway, world: World
    ) -> None:
        world.add_user(HOSTILE, *ALIASES)
        body = erase(gateway, HOSTILE).json
        assert body["message"] == f"User with id {HOSTILE} was deleted"
        assert body["aliases"] == sorted(ALIASES)
        assert (body["enrollments"], body["exclusions"]) == (9, 1)
        assert (body["points"], body["exposures"], body["logs"]) == (11, 1, 4)
        assert (body["testlab"], body["events"], body["repeats"]) == (True, 8, 8)
        assert (body["preview"], body["strata"], body["answers"]) == (True, 2, 10)
        lists = {(each["user_id"], each["name"].split()[0]): each for each in body["lists"]}
        assert {user_id for user_id, _ in lists} == {HOSTILE, ALIASES[0]}
        uses = {
            name: [(use["kind"], use["name"], use["side"]) for use in each["used_by"]]
            for (user_id, name), each in lists.items()
            if user_id == HOSTILE
        }
        assert uses == {
            "public": [("experiment", "gone", "include")],
            "included": [("experiment", "listed", "include")],
            "excluded": [("flag", "flag off", "exclude")],
        }
        shown = lists[HOSTILE, "included"]
        assert shown["used_by"][0]["id"] == world.ids["listed"]
        assert (shown["type"], shown["context"], shown["inside"]) == ("private", "home", [])
        again = erase(gateway, HOSTILE).json
        assert again == {
            **dict.fromkeys(("enrollments", "exclusions", "points", "exposures", "logs"), 0),
            **dict.fromkeys(("events", "repeats", "strata", "answers"), 0),
            "testlab": False,
            "preview": False,
            "message": body["message"],
            "lists": [],
            "aliases": [],
        }

    @pytest.mark.parametrize("query", ["", "?everything=false"])
    def test_without_everything_only_test_lab_forgets(
        self, gateway: Gateway, world: World, query: str
    ) -> None:
        world.send("POST", "/api/v5/init", {"id": HOSTILE})
        row = {"id": HOSTILE, "variant_id": world.variants[0], "ip_address": "10.0.0.1"}
        world.send("POST", "/api/users", row)
        answer = gateway.delete(f"{path(HOSTILE)}{query}")
        assert (answer.status, answer.json) == (200, f"User with id {HOSTILE} was deleted")
        kept = export(gateway, HOSTILE).json
        assert kept["testlab"] is None
        assert kept["profile"] is not None

    @pytest.mark.parametrize("value", ["", "1", "yes", "TRUE", "true&everything=x"])
    def test_anything_but_true_and_false_is_refused(self, gateway: Gateway, value: str) -> None:
        gateway.post("/api/v5/init", {"id": HOSTILE})
        answer = gateway.delete(f"{path(HOSTILE)}?everything={value}")
        assert (answer.status, answer.json) == (403, DELETE_REFUSED)
        assert "everything" in answer.headers["x-error-detail"]
        assert export(gateway, HOSTILE).status == 200

    @pytest.mark.parametrize("query", ["everthing=true", "Everything=true", "x=1"])
    def test_a_mistyped_parameter_never_removes_everything(
        self, gateway: Gateway, query: str
    ) -> None:
        gateway.post("/api/v5/init", {"id": HOSTILE})
        answer = gateway.delete(f"{path(HOSTILE)}?{query}")
        assert answer.json == f"User with id {HOSTILE} was deleted"
        assert export(gateway, HOSTILE).json["profile"] is not None

    def test_who_comes_back_is_a_new_user(
        self, app: ModuleType, gateway: Gateway, world: World
    ) -> None:
        world.add_user(HOSTILE, *ALIASES)
        erase(gateway, HOSTILE)
        world.add_user(HOSTILE, *ALIASES)
        check_counters(app)
        erase(gateway, HOSTILE)
        check_counters(app)
        assert items_naming(all_items(), HOSTILE) == []


class TestSendingAgain:
    def test_a_request_that_is_sent_again_after_the_erasure_leaves_nothing(
        self, gateway: Gateway, world: World
    ) -> None:
        row = {"id": HOSTILE, "variant_id": world.variants[0], "ip_address": "10.0.0.1"}
        requests = (
            ("/api/events", {"user_id": HOSTILE, "variant_id": world.variants[0]}),
            ("/api/v5/mark", marked(HOSTILE)),
        )
        world.send("POST", "/api/users", row)
        world.send("POST", "/api/v5/init", {"id": HOSTILE})
        for route, body in requests:
            assert gateway.send("POST", route, body, {"idempotency-key": "k"}).status == 200
        assert erase(gateway, HOSTILE).status == 200
        for route, body in requests:
            answer = gateway.send("POST", route, body, {"idempotency-key": "k"})
            assert 400 <= answer.status < 500
        assert items_naming(all_items(), HOSTILE) == []
        assert gateway.send("GET", f"{path(HOSTILE)}/export", headers=PROBLEM).status == 404

    def test_who_comes_back_by_the_same_request_is_made_anew(
        self, gateway: Gateway, world: World
    ) -> None:
        row = {"id": HOSTILE, "variant_id": world.variants[0], "ip_address": "10.0.0.1"}
        for _ in range(2):
            answer = gateway.send("POST", "/api/users", row, {"idempotency-key": "k"})
            assert answer.status == 200
            assert "idempotent-replayed" not in answer.headers
            assert erase(gateway, HOSTILE).status == 200
        assert items_naming(all_items(), HOSTILE) == []


class TestIdsThatNoUserCanHave:
    @pytest.mark.parametrize("user_id", ["x" * 600, "#é" * 300, "x" * 1500])
    def test_what_is_stored_under_a_long_one_is_handed_out_and_erased(
        self, app: ModuleType, gateway: Gateway, world: World, user_id: str
    ) -> None:
        """Lists took such ids once, and answers were kept under them."""
        stored = app.services.segments
        made = gateway.post("/api/segments", segment("somebody", name="list")).json["id"]
        stored.put(stored.get(made), ["somebody", user_id])
        body = export(gateway, user_id).json
        assert [each["name"] for each in body["lists"]] == ["list"]
        answer = erase(gateway, user_id)
        assert [each["name"] for each in answer.json["lists"]] == ["list"]
        assert items_naming(all_items(), user_id) == []
        assert gateway.send("GET", f"{path(user_id)}/export", headers=PROBLEM).status == 404
        assert world.users == 0


class TestExporting:
    def test_all_is_told_with_names_and_times(self, gateway: Gateway, world: World) -> None:
        world.add_user(HOSTILE, *ALIASES)
        body = export(gateway, HOSTILE).json
        assert body["id"] == HOSTILE
        testlab = body["testlab"]
        assert (testlab["feature"]["name"], testlab["variant"]["name"]) == ("testlab", "red")
        assert (testlab["ip_address"], testlab["deleted"]) == ("10.0.0.1", False)
        assert [e["variant"]["name"] for e in body["events"]] == ["red"] * 3 + ["blue"]
        assert body["profile"]["working_group"] == {"classId": "1b"}
        assert body["profile"]["alias_of"] is None
        enrolled = {(e["experiment"]["name"], e["target"]): e for e in body["enrollments"]}
        assert len(enrolled) == 9
        assert enrolled["grouped", "1"]["group"] == "1b"
        assert enrolled["stratified", ""]["stratum"] == "high"
        assert enrolled["within", "1"]["marks"] == 6
        assert {c["name"] for c in enrolled["within", "1"]["conditions_met"]} == {None, "a", "b"}
        assert enrolled["simple", "1"]["condition"]["name"] in ("control", "variant")
        assert len(body["marks_within_subjects"]) == 8
        assert [e["experiment"]["name"] for e in body["exclusions"]] == ["excluding"]
        assert len(body["points"]) == 11
        assert [f["name"] for f in body["flags"]] == ["flag on"]
        assert body["preview"]["assignments"][0]["experiment"]["name"] == "simple"
        assert body["strata"] == {"pretest": "high", "age": "9"}
        assert len(body["lists"]) == 3
        assert [(log["group_class"], log["uniquifier"]) for log in body["logs"]].count(
            (None, "1")
        ) == 1
        assert body["logs"][0]["rows"][0]["time"].endswith("Z")
        assert body["others"][0]["key"] == "~of another kind"
        assert [alias["id"] for alias in body["aliases"]] == sorted(ALIASES)
        first = body["aliases"][sorted(ALIASES).index(ALIASES[0])]
        assert first["profile"]["alias_of"] == HOSTILE
        assert len(first["events"]) == 4

    def test_kept_answers_are_told_as_they_were_given(
        self, app: ModuleType, gateway: Gateway, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        row = {"id": HOSTILE, "variant_id": world.variants[0], "ip_address": "10.0.0.1"}
        made = gateway.send("POST", "/api/users", row, {"idempotency-key": "k"}).json
        before = app.services.idempotency._clock()
        (answer,) = export(gateway, HOSTILE).json["answers"]
        assert (answer["status"], answer["body"]) == (200, made)
        expires_at = datetime.fromisoformat(answer["expires_at"])
        assert before - timedelta(minutes=1) < expires_at - KEPT <= before
        assert answer.keys() == {"status", "body", "expires_at"}
        late = before + KEPT
        monkeypatch.setattr(app.services.user_export, "_clock", lambda: late)
        assert export(gateway, HOSTILE).json["answers"] == []

    def test_what_is_gone_from_the_catalogue_goes_by_its_id(
        self, gateway: Gateway, world: World
    ) -> None:
        world.add_user(HOSTILE)
        for name in ("gone", "simple"):
            world.send("DELETE", f"/api/experiments/{world.ids[name]}")
        world.send("DELETE", f"/api/flags/{world.ids['on']}")
        body = export(gateway, HOSTILE).json
        assert [f["name"] for f in body["flags"]] == [None]
        assert [e["experiment"]["name"] for e in body["enrollments"]].count(None) == 3
        assert body["preview"]["assignments"][0]["condition"]["name"] is None
        assert {p["experiment"]["name"] for p in body["points"]} >= {None, "within"}

    def test_no_cache_may_keep_it(self, gateway: Gateway, world: World) -> None:
        world.send("POST", "/api/v5/init", {"id": HOSTILE})
        assert export(gateway, HOSTILE).headers["cache-control"] == "no-store"

    def test_of_an_unknown_user_there_is_nothing(self, gateway: Gateway) -> None:
        answer = export(gateway, HOSTILE)
        assert (answer.status, answer.json) == (403, EXPORT_REFUSED)
        answer = gateway.send("GET", f"{path(HOSTILE)}/export", headers=PROBLEM)
        assert answer.status == 404

    def test_an_alias_is_told_who_the_owner_is(self, gateway: Gateway, world: World) -> None:
        world.add_user(HOSTILE, *ALIASES)
        for method, of in (("GET", "/export"), ("DELETE", "?everything=true")):
            answer = gateway.send(method, f"{path(ALIASES[0])}{of}", headers=PROBLEM)
            assert answer.status == 409
            assert HOSTILE in answer.json["detail"]
        assert export(gateway, HOSTILE).json["aliases"][0]["profile"]["alias_of"] == HOSTILE

    def test_what_is_too_much_for_an_answer_comes_in_parts(
        self, gateway: Gateway, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.add_user(HOSTILE, *ALIASES)
        whole = export(gateway, HOSTILE).json
        for name, value in {"PAGE_BYTES": 2000, "AT_ONCE": 2, "LARGE_AT_ONCE": 1}.items():
            monkeypatch.setattr(user_export, name, value)
        parts: list[Any] = []
        query: str | None = ""
        while query is not None:
            answer = gateway.get(f"{path(HOSTILE)}/export{query}")
            assert answer.status == 200
            assert len(answer.text) < 4000 or not parts or answer.json["aliases"]
            assert answer.headers["cache-control"] == "no-store"
            parts.append(answer.json)
            link = answer.headers.get("link")
            query = link and link.split(">")[0].lstrip("<")
        assert len(parts) > 5
        assert {part["id"] for part in parts} == {HOSTILE}
        assert joined(parts) == {**whole, "aliases": joined_aliases(parts)}
        assert [joined_aliases([whole])] == [joined_aliases(parts)]

    def test_a_part_without_time_for_more_names_the_next(
        self, gateway: Gateway, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.add_user(HOSTILE, *ALIASES)
        monkeypatch.setattr(user_export, "WORK_TIME", timedelta())
        answer = export(gateway, HOSTILE)
        assert (answer.json["events"], "link" in answer.headers) == ([], True)

    @pytest.mark.parametrize(
        "position",
        [
            None,
            [],
            [HOSTILE, 1, 1],
            [HOSTILE, 5, 1, ""],
            [HOSTILE, -1, 1, ""],
            [HOSTILE, 1, 1, "x"],
            [HOSTILE, 1, 1, "1" * 17],
            [HOSTILE, 1, "x", "1"],
            [HOSTILE, 3, 0, "x" * 1025],
            [HOSTILE, 3, 0, "\x00"],
            [HOSTILE, 3, 0, "\ud800"],
            [HOSTILE, 4, 0, "~"],
            [HOSTILE, 4, 0, "a" * 65],
        ],
    )
    def test_a_cursor_of_nobody_is_refused(
        self, gateway: Gateway, position: list[Any] | None
    ) -> None:
        gateway.post("/api/v5/init", {"id": HOSTILE})
        cursor = "x" if position is None else cursor_of(position)
        answer = gateway.get(f"{path(HOSTILE)}/export?cursor={cursor}")
        assert (answer.status, answer.json) == (403, EXPORT_REFUSED)
        assert "cursor: not one" in answer.headers["x-error-detail"]

    @pytest.mark.parametrize(
        "position",
        [
            [BOB, 0, 0, ""],
            [BOB, 1, 1, "1"],
            [HOSTILE, 1, 10**6, "1"],
            [HOSTILE, 1, 2**70, ""],
            [HOSTILE, 3, 0, "~" * 1024],
            [HOSTILE, 4, 0, "f" * 64],
        ],
    )
    def test_a_cursor_to_the_end_or_to_another_user_tells_nothing(
        self, gateway: Gateway, position: list[Any]
    ) -> None:
        for user_id in (HOSTILE, BOB):
            gateway.post("/api/v5/init", {"id": user_id})
        answer = gateway.get(f"{path(HOSTILE)}/export?cursor={cursor_of(position)}")
        assert answer.status == 200
        assert answer.json["profile"] is None
        assert not any(answer.json[name] for name in LISTS)
        assert (answer.json["aliases"], "link" in answer.headers) == ([], False)


LISTS = (
    "events", "enrollments", "marks_within_subjects", "exclusions", "points", "lifted", "flags",
    "lists", "old_lists", "logs", "answers", "others",
)  # fmt: skip


def joined(parts: list[Any]) -> dict[str, Any]:
    """The whole of some parts: of the lists all that they have, of the rest what the first has."""
    whole: dict[str, Any] = {**parts[0], "aliases": joined_aliases(parts)}
    for part in parts[1:]:
        for name in LISTS:
            whole[name] = [*whole[name], *part[name]]
    return whole


def joined_aliases(parts: list[Any]) -> list[Any]:
    aliases: dict[str, list[Any]] = {}
    for part in parts:
        for alias in part["aliases"]:
            aliases.setdefault(alias["id"], []).append(alias)
    return [joined(own) for own in aliases.values()]


@pytest.mark.parametrize(
    ("version", "message"),
    [("v5", "Experiment User not found: u"), ("v6", "User not found: u")],
)
def test_a_mark_of_a_user_who_is_erased_meanwhile_is_that_of_an_unknown_one(
    app: ModuleType, gateway: Gateway, version: str, message: str
) -> None:
    user = {"User-Id": "u"}
    body = {"userId": "u", "data": {"site": "s", "target": "t"}, "status": "condition applied"}
    gateway.send("POST", "/api/v6/init", {}, user)
    pending = ["u"]

    def erase(model: Any, **_: Any) -> None:
        if pending and model.name == "TransactWriteItems":
            app.services.erasure.erase(pending.pop())

    events = shared().client.meta.events
    events.register("before-call.dynamodb", erase)
    try:
        answer = gateway.send("POST", f"/api/{version}/mark", body, user)
    finally:
        events.unregister("before-call.dynamodb", erase)
    assert (answer.status, answer.json["message"]) == (404, message)
    assert gateway.send("POST", f"/api/{version}/mark", body, user).json == answer.json
