"""Segments over HTTP: contexts, lists inside them, and what they are used for."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import pytest

from tests.api.upgrade_setup import design
from tests.http import Gateway

COLUMNS = {
    "createdAt", "updatedAt", "versionNumber", "id", "name", "description", "listType", "context",
    "type", "tags",
}  # fmt: skip
MEMBERS = {"individualForSegment", "groupForSegment", "subSegments"}
GONE = {"name": "NotFoundException", "message": "Segment not found.", "errorCode": 404}
DATA = {
    "experimentSegmentInclusionData", "experimentSegmentExclusionData",
    "featureFlagSegmentInclusionData", "featureFlagSegmentExclusionData", "allParentSegments",
}  # fmt: skip


def segment(name: str = "s", **fields: Any) -> dict[str, Any]:
    return {
        "name": name,
        "context": "home",
        "type": "public",
        "userIds": [],
        "groups": [],
        "subSegmentIds": [],
        **fields,
    }


def make(gateway: Gateway, name: str = "s", users: Sequence[str] = (), **fields: Any) -> Any:
    answer = gateway.post("/api/segments", segment(name, userIds=list(users), **fields))
    assert answer.status == 200, answer.text
    return answer.json


def make_list(gateway: Gateway, parent_id: str, name: str = "l", **fields: Any) -> Any:
    body = segment(name, type="private", parentSegmentId=parent_id, **fields)
    answer = gateway.post("/api/segments/list", body)
    assert answer.status == 200, answer.text
    return answer.json


def listed_in(gateway: Gateway, segment_id: str, side: str = "exclusion") -> tuple[Any, Any]:
    """An experiment with a list on one side that holds a segment; the experiment and the list."""
    experiment = gateway.post("/api/experiments", design(("site", ""))).json
    listed = segment("l", type="private", subSegmentIds=[segment_id])
    body = {"experimentId": experiment["id"], "list": listed}
    answer = gateway.post(f"/api/experiments/{side}List", body)
    assert answer.status == 200, answer.text
    return experiment, answer.json["segment"]


def delete_list(gateway: Gateway, segment_id: str, body: Any) -> Any:
    return gateway.send("DELETE", f"/api/segments/list/{segment_id}", body)


class TestContexts:
    @pytest.mark.parametrize("kind", ["public", "private", "global_exclude"])
    @pytest.mark.parametrize("path", ["/api/segments", "/api/segments/list"])
    def test_an_unknown_context_is_refused(self, gateway: Gateway, path: str, kind: str) -> None:
        parent = make(gateway)
        body = segment("t", type=kind, context="nope", parentSegmentId=parent["id"])
        answer = gateway.post(path, body)
        assert (answer.status, answer.json["name"]) == (400, "BadRequestError")
        assert answer.json["message"] == (
            'The app context "nope" is not defined in CONTEXT_METADATA.'
        )

    def test_the_letter_case_of_a_context_does_not_count(self, gateway: Gateway) -> None:
        assert make(gateway, context="HOME")["context"] == "home"

    def test_a_global_exclusion_keeps_its_context(self, gateway: Gateway) -> None:
        shut_out = gateway.get("/api/segments/global").json
        assert {each["status"] for each in shut_out} == {"excluded"}
        assert {each["context"] for each in shut_out} == {"home", "add", "sub", "mul"}
        again = make(gateway, **{key: shut_out[0][key] for key in ("id", "context", "type")})
        assert again["type"] == "global_exclude"
        assert gateway.get("/api/segments/global").json[0]["name"] == "s"


class TestOne:
    @pytest.mark.parametrize("method", ["GET", "DELETE"])
    def test_an_unknown_segment_is_not_found(self, gateway: Gateway, method: str) -> None:
        answer = gateway.send(method, f"/api/segments/{uuid.uuid4()}")
        assert answer.status == 404
        assert {key: answer.json[key] for key in GONE} == GONE
        assert "type" not in answer.json
        assert gateway.send(method, "/api/segments/x").status == 400

    def test_a_deleted_segment_is_answered_as_a_row(self, gateway: Gateway) -> None:
        made = make(gateway, "s", ["ada"], tags=["t"])
        gone = gateway.delete(f"/api/segments/{made['id'].upper()}").json
        assert gone == {key: made[key] for key in COLUMNS}

    @pytest.mark.parametrize(
        ("side", "key"), [("inclusion", "Inclusion"), ("exclusion", "Exclusion")]
    )
    def test_a_list_shows_the_experiment_that_has_it(
        self, gateway: Gateway, side: str, key: str
    ) -> None:
        made = make(gateway)
        experiment, listed = listed_in(gateway, made["id"], side)
        shown = gateway.get(f"/api/segments/{listed['id']}").json
        assert shown[f"experimentSegment{key}"]["experimentId"] == experiment["id"]
        assert gateway.get(f"/api/segments/{made['id']}").json[f"experimentSegment{key}"] is None


class TestDeletingWhatIsInUse:
    @pytest.mark.parametrize("side", ["inclusion", "exclusion"])
    def test_what_an_experiment_uses_is_deleted_only_by_force(
        self, gateway: Gateway, side: str
    ) -> None:
        made = make(gateway, "staff", ["ada"])
        experiment, listed = listed_in(gateway, made["id"], side)
        for segment_id in (made["id"], listed["id"]):
            for query in ("", "?force=false"):
                refused = gateway.delete(f"/api/segments/{segment_id}{query}")
                assert (refused.status, refused.json["name"]) == (400, "BadRequestError")
                assert (
                    f'the experiment "experiment" ({experiment["id"]})' in (refused.json["message"])
                )
            assert gateway.get(f"/api/segments/{segment_id}").status == 200
        assert gateway.delete(f"/api/segments/{made['id']}?force=perhaps").status == 400
        assert gateway.delete(f"/api/segments/{made['id']}?force=true").json["id"] == made["id"]
        assert gateway.get(f"/api/segments/{made['id']}").status == 404

    def test_what_a_flag_a_segment_or_a_context_uses_is_deleted_only_by_force(
        self, gateway: Gateway
    ) -> None:
        made = make(gateway, "staff", ["ada"])
        parent = make(gateway, "parent", subSegmentIds=[made["id"]])
        flag = {"name": "f", "key": "F", "status": "enabled", "context": ["home"]}
        flag = gateway.post("/api/flags", {**flag, "filterMode": "includeAll"}).json
        body = {"id": flag["id"], "enabled": True, "listType": "Segment"}
        body["segment"] = segment("l", type="private", subSegmentIds=[made["id"]])
        gateway.post("/api/flags/exclusionList", body)
        shut_out = gateway.get("/api/segments/global").json[0]
        columns = ("id", "name", "context", "type")
        make(gateway, **{key: shut_out[key] for key in columns}, subSegmentIds=[parent["id"]])
        message = gateway.delete(f"/api/segments/{made['id']}").json["message"]
        assert f'the flag "f" ({flag["id"]})' in message
        assert f'the segment "parent" ({parent["id"]})' in message
        assert 'the global exclusion of the context "home"' in message
        assert gateway.delete(f"/api/segments/{shut_out['id']}").status == 400
        for segment_id in (shut_out["id"], made["id"]):
            assert gateway.delete(f"/api/segments/{segment_id}?force=true").status == 200
        assert gateway.delete(f"/api/segments/{parent['id']}").status == 200

    def test_lists_are_removed_by_their_own_routes(self, gateway: Gateway) -> None:
        made = make(gateway, "staff", ["ada"])
        _, listed = listed_in(gateway, made["id"])
        assert gateway.delete(f"/api/experiments/exclusionList/{listed['id']}").status == 200
        assert gateway.delete(f"/api/segments/{made['id']}").status == 200


class TestStatus:
    def test_an_unused_segment_says_so(self, gateway: Gateway) -> None:
        made = make(gateway, "s", ["ada"])
        shown = gateway.get(f"/api/segments/status/{made['id']}").json
        own = {"experimentSegmentInclusion", "experimentSegmentExclusion", "status"}
        assert set(shown["segment"]) == COLUMNS | MEMBERS | own
        assert shown["segment"]["status"] == "unused"
        assert [shown[key] for key in sorted(DATA)] == [[]] * 5

    def test_a_segment_says_which_experiments_use_it(self, gateway: Gateway) -> None:
        made = make(gateway)
        experiment, listed = listed_in(gateway, made["id"])
        gateway.post(
            "/api/experiments/state", {"experimentId": experiment["id"], "state": "running"}
        )
        shown = gateway.get(f"/api/segments/status/{made['id']}").json
        assert shown["segment"]["status"] == "used"
        (use,) = shown["experimentSegmentExclusionData"]
        assert use["experiment"] == {
            "id": experiment["id"],
            "name": "experiment",
            "description": "",
            "state": "running",
            "context": ["home"],
        }
        assert use["segment"]["id"] == listed["id"]
        assert [sub["id"] for sub in use["segment"]["subSegments"]] == [made["id"]]
        archived = {"experimentId": experiment["id"], "state": "archived"}
        gateway.post("/api/experiments/state", archived)
        shown = gateway.get(f"/api/segments/status/{made['id']}").json
        assert shown["segment"]["status"] == "unused"

    def test_a_segment_says_which_flags_use_it(self, gateway: Gateway) -> None:
        made = make(gateway)
        flag = {"name": "f", "key": "F", "description": "", "status": "enabled", "tags": []}
        flag = gateway.post(
            "/api/flags", {**flag, "context": ["home"], "filterMode": "includeAll"}
        ).json
        listed = segment("l", type="private", subSegmentIds=[made["id"]])
        body = {"id": flag["id"], "enabled": True, "listType": "Segment", "segment": listed}
        for side in ("inclusion", "exclusion"):
            assert gateway.post(f"/api/flags/{side}List", body).status == 200
        shown = gateway.get(f"/api/segments/status/{made['id']}").json
        for side in ("Inclusion", "Exclusion"):
            (use,) = shown[f"featureFlagSegment{side}Data"]
            assert use["featureFlag"]["id"] == flag["id"]
            assert use["featureFlag"]["status"] == "enabled"

    def test_a_segment_says_inside_which_others_it_is(self, gateway: Gateway) -> None:
        made, parent = make(gateway), make(gateway, "parent")
        listed = make_list(gateway, parent["id"], listType="Segment", subSegmentIds=[made["id"]])
        (shown,) = gateway.get(f"/api/segments/status/{made['id']}").json["allParentSegments"]
        assert (shown["id"], shown["status"]) == (parent["id"], "unused")
        (sub,) = shown["subSegments"]
        assert (sub["id"], [each["id"] for each in sub["subSegments"]]) == (
            listed["id"],
            [made["id"]],
        )

    def test_private_segments_have_no_status(self, gateway: Gateway) -> None:
        parent = make(gateway)
        listed = make_list(gateway, parent["id"])
        for segment_id in (listed["id"], str(uuid.uuid4())):
            answer = gateway.get(f"/api/segments/status/{segment_id}")
            assert answer.status == 404
            assert {key: answer.json[key] for key in GONE} == GONE


class TestPages:
    def test_all_public_segments_are_listed_with_their_members(self, gateway: Gateway) -> None:
        assert gateway.get("/api/segments").json == {"segmentsData": [], **{k: [] for k in DATA}}
        made = make(gateway, "s", ["ada", "bob"])
        listed_in(gateway, made["id"])
        make_list(gateway, made["id"])
        shown = gateway.get("/api/segments").json
        assert set(shown) == {"segmentsData", *DATA}
        (only,) = shown["segmentsData"]
        assert set(only) == COLUMNS | MEMBERS | {"status"}
        assert (only["id"], only["status"]) == (made["id"], "used")
        assert [user["userId"] for user in only["individualForSegment"]] == ["ada", "bob"]
        assert len(shown["experimentSegmentExclusionData"]) == 1

    def test_a_page_tells_what_its_own_segments_are_used_for(self, gateway: Gateway) -> None:
        made = [make(gateway, name) for name in ("one", "two", "three")]
        listed_in(gateway, made[0]["id"])
        page = gateway.post("/api/segments/paginated", {"skip": 0, "take": 2}).json
        assert (page["total"], page["skip"], page["take"]) == (3, 0, 2)
        assert set(page["nodes"]) == {"segmentsData", *DATA}
        by_name = {"key": "name", "string": "O"}
        sort = {"key": "name", "sortAs": "ASC"}
        body = {"skip": 0, "take": 9, "searchParams": by_name, "sortParams": sort}
        page = gateway.post("/api/segments/paginated", body).json
        assert [each["name"] for each in page["nodes"]["segmentsData"]] == ["one", "two"]
        assert len(page["nodes"]["experimentSegmentExclusionData"]) == 1
        assert (page["searchParams"], page["sortParams"]) == (by_name, sort)
        body["searchParams"] = {"key": "name", "string": "two"}
        page = gateway.post("/api/segments/paginated", body).json
        assert page["nodes"]["experimentSegmentExclusionData"] == []

    def test_the_last_changed_comes_first(self, gateway: Gateway) -> None:
        made = [make(gateway, name) for name in ("one", "two", "three")]
        again = {**segment("one"), "id": made[0]["id"]}
        stamps = {"one": gateway.post("/api/segments", again).json["updatedAt"]}
        stamps |= {each["name"]: each["updatedAt"] for each in made[1:]}
        page = gateway.post("/api/segments/paginated", {"skip": 0, "take": 9}).json
        shown = [each["updatedAt"] for each in page["nodes"]["segmentsData"]]
        assert shown == sorted(stamps.values(), reverse=True)

    @pytest.mark.parametrize(
        "body",
        [{}, {"skip": -1, "take": 1}, {"skip": 0, "take": 1, "sortParams": {"key": "name"}}],
    )
    def test_a_page_must_be_asked_for(self, gateway: Gateway, body: Any) -> None:
        assert gateway.post("/api/segments/paginated", body).status == 400


class TestLists:
    def test_a_list_is_made_and_replaced_inside_a_segment(self, gateway: Gateway) -> None:
        parent = make(gateway)
        made = make_list(gateway, parent["id"], userIds=["ada"])
        assert set(made) == COLUMNS | MEMBERS
        assert made["type"] == "private"
        shown = gateway.get(f"/api/segments/{parent['id']}").json
        assert [sub["id"] for sub in shown["subSegments"]] == [made["id"]]
        again = make_list(gateway, parent["id"], userIds=["bob"], id=made["id"])
        assert [user["userId"] for user in again["individualForSegment"]] == ["bob"]
        assert len(gateway.get(f"/api/segments/{parent['id']}").json["subSegments"]) == 1

    def test_a_list_is_private_whatever_it_says(self, gateway: Gateway) -> None:
        parent = make(gateway)
        body = segment("l", type="public", parentSegmentId=parent["id"])
        assert gateway.post("/api/segments/list", body).json["type"] == "private"

    def test_a_list_that_cannot_be_made_changes_nothing(self, gateway: Gateway) -> None:
        parent = make(gateway)
        before = gateway.get("/api/segments").json
        unknown = segment("l", parentSegmentId=str(uuid.uuid4()))
        taken = segment("l", parentSegmentId=parent["id"], id=parent["id"])
        answers = [
            gateway.post("/api/segments/list", body)
            for body in (segment("l"), segment("l", parentSegmentId="x"), taken, unknown)
        ]
        assert [answer.status for answer in answers] == [400, 400, 400, 404]
        assert answers[-1].json["message"] == "Parent Segment not found"
        assert gateway.get("/api/segments").json == before

    def test_a_list_is_taken_out_and_answered_as_a_row(self, gateway: Gateway) -> None:
        parent = make(gateway)
        made = make_list(gateway, parent["id"])
        body = {"parentSegmentId": parent["id"]}
        answer = delete_list(gateway, made["id"], body)
        assert answer.json == {key: made[key] for key in COLUMNS}
        assert gateway.get(f"/api/segments/{made['id']}").status == 404
        assert gateway.get(f"/api/segments/{parent['id']}").json["subSegments"] == []
        again = delete_list(gateway, made["id"], body)
        assert (again.status, again.json["message"]) == (
            404,
            f"List {made['id']} not found in parent segment {parent['id']}",
        )

    def test_what_is_to_be_taken_out_is_named(self, gateway: Gateway) -> None:
        parent = make(gateway)
        made = make_list(gateway, parent["id"])
        assert delete_list(gateway, made["id"], None).status == 400
        assert delete_list(gateway, "x", {"parentSegmentId": parent["id"]}).status == 400
        unknown = delete_list(gateway, made["id"], {"parentSegmentId": str(uuid.uuid4())})
        assert (unknown.status, unknown.json["message"]) == (404, "Parent Segment not found")
        assert gateway.get(f"/api/segments/{made['id']}").status == 200

    def test_a_deleted_segment_takes_its_lists_along(self, gateway: Gateway) -> None:
        parent = make(gateway)
        made = make_list(gateway, parent["id"])
        assert gateway.delete(f"/api/segments/{parent['id']}").status == 200
        assert gateway.get(f"/api/segments/{made['id']}").status == 404
