"""Lists of experiments and flags over HTTP: what is refused changes nothing."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.api.test_upgrade_segments import make, segment
from tests.api.upgrade_setup import design
from tests.http import Gateway

LISTS = 40


def requested(name: str = "l", **fields: Any) -> dict[str, Any]:
    """A list that comes along with a design."""
    return {"segment": {"type": "private", "name": name, **fields}}


def flag(gateway: Gateway) -> str:
    body = {"name": "f", "key": "f", "status": "enabled", "context": ["home"]}
    answer = gateway.post("/api/flags", {**body, "filterMode": "excludeAll"})
    assert answer.status == 200, answer.text
    flag_id: str = answer.json["id"]
    return flag_id


def experiment(gateway: Gateway, **fields: Any) -> str:
    answer = gateway.post("/api/experiments", {**design(("site", "")), **fields})
    assert answer.status == 200, answer.text
    experiment_id: str = answer.json["id"]
    return experiment_id


def listed(gateway: Gateway, experiment_id: str) -> list[Any]:
    shown = gateway.get(f"/api/experiments/single/{experiment_id}").json
    return [each["segment"]["id"] for each in shown["experimentSegmentInclusion"]]


def add(gateway: Gateway, experiment_id: str, side: str = "inclusion", **fields: Any) -> Any:
    body = {"experimentId": experiment_id, "list": segment("l", type="private", **fields)}
    return gateway.post(f"/api/experiments/{side}List", body)


class TestCreation:
    @pytest.mark.parametrize(
        "lists",
        [
            [requested() for _ in range(LISTS + 1)],
            [requested(), requested(groupForSegment=[{"type": "x" * 400_000, "groupId": "g"}])],
        ],
        ids=["too many", "too large"],
    )
    def test_an_experiment_whose_lists_are_refused_is_not_created(
        self, gateway: Gateway, lists: list[Any]
    ) -> None:
        body = {**design(("site", "")), "experimentSegmentInclusion": lists}
        assert gateway.post("/api/experiments", body).status == 400
        assert gateway.post("/api/experiments/batch", [design(("site", "")), body]).status == 400
        assert gateway.get("/api/experiments").json == []

    def test_a_batch_with_an_id_twice_creates_nothing(self, gateway: Gateway) -> None:
        body = design(("site", ""))
        assert gateway.post("/api/experiments/batch", [body, body]).status == 400
        assert gateway.get("/api/experiments").json == []


class TestOneList:
    """A side with one list came as an object up to 6.2, and as an array since."""

    @pytest.mark.parametrize("side", ["Inclusion", "Exclusion"])
    def test_a_list_may_come_without_an_array_around_it(self, gateway: Gateway, side: str) -> None:
        one = requested("one", individualForSegment=[{"userId": "ada"}])
        key = f"experimentSegment{side}"
        made = [{**design(("site", "")), key: lists} for lists in (one, [one])]
        assert gateway.post("/api/experiments", made[0]).status == 200
        assert gateway.post("/api/experiments/batch", made[1:]).status == 200
        batch = [{**each, "id": str(uuid.uuid4())} for each in made]
        assert gateway.post("/api/experiments/batch", batch).status == 200
        imported = {**made[0], "id": str(uuid.uuid4())}
        gateway.post("/api/experiments/import", [{"fileName": "f", "fileContent": imported}])
        shown = gateway.get("/api/experiments").json
        assert len(shown) == 5
        for each in shown:
            (listing,) = each[key]
            assert listing["segment"]["name"] == "one"
            assert [u["userId"] for u in listing["segment"]["individualForSegment"]] == ["ada"]
            assert gateway.put(f"/api/experiments/{each['id']}", {**each, key: one}).status == 200

    @pytest.mark.parametrize("lists", [{}, {"segment": None}, [[requested()]], "x"])
    def test_what_is_no_list_is_refused(self, gateway: Gateway, lists: Any) -> None:
        body = {**design(("site", "")), "experimentSegmentInclusion": lists}
        assert gateway.post("/api/experiments", body).status == 400


class TestOthersSegments:
    def test_a_shared_segment_does_not_become_a_list(self, gateway: Gateway) -> None:
        shared = make(gateway, "shared", ["ada"])["id"]
        body = {"id": flag(gateway), "enabled": True, "listType": "Individual"}
        body["segment"] = segment("l", type="private", id=shared)
        answers = [
            add(gateway, experiment(gateway), id=shared),
            gateway.post("/api/flags/inclusionList", body),
        ]
        assert [answer.status for answer in answers] == [400, 400]
        assert "exists already" in answers[0].headers["x-error-detail"]
        kept = gateway.get(f"/api/segments/{shared}").json
        assert (kept["type"], kept["individualForSegment"][0]["userId"]) == ("public", "ada")

    def test_a_list_can_be_sent_again(self, gateway: Gateway) -> None:
        made, list_id = experiment(gateway), str(uuid.uuid4())
        for _ in range(2):
            assert add(gateway, made, id=list_id).json["segment"]["id"] == list_id
        assert listed(gateway, made) == [list_id]

    def test_a_list_stays_on_its_side(self, gateway: Gateway) -> None:
        made = experiment(gateway)
        list_id = add(gateway, made).json["segment"]["id"]
        assert add(gateway, made, "exclusion", id=list_id).status == 400
        assert listed(gateway, made) == [list_id]

    def test_a_list_that_goes_from_one_side_stays_where_it_excludes(self, gateway: Gateway) -> None:
        one, two = experiment(gateway), experiment(gateway)
        shared = str(uuid.uuid4())
        assert add(gateway, one, "inclusion", id=shared).status == 200
        assert add(gateway, two, "exclusion", id=shared, userIds=["ada"]).status == 200
        assert gateway.delete(f"/api/experiments/inclusionList/{shared}").status == 200
        assert listed(gateway, one) == []
        [kept] = gateway.get(f"/api/experiments/single/{two}").json["experimentSegmentExclusion"]
        assert [each["userId"] for each in kept["segment"]["individualForSegment"]] == ["ada"]

    def test_a_list_of_a_flag_stays_on_its_side(self, gateway: Gateway) -> None:
        body = {"id": flag(gateway), "enabled": True, "listType": "Individual"}
        made = segment("l", type="private", id=str(uuid.uuid4()), userIds=["ada"])
        sent = {**body, "segment": made}
        assert gateway.post("/api/flags/exclusionList", sent).status == 200
        emptied = {**body, "segment": {**made, "userIds": []}}
        refused = gateway.post("/api/flags/inclusionList", emptied)
        assert (refused.status, "on the other side" in refused.text) == (400, True)
        shown = gateway.get(f"/api/flags/{body['id']}").json
        assert shown["featureFlagSegmentInclusion"] == []
        [kept] = shown["featureFlagSegmentExclusion"]
        assert [each["userId"] for each in kept["segment"]["individualForSegment"]] == ["ada"]

    def test_a_list_is_edited_through_its_own_experiment(self, gateway: Gateway) -> None:
        made, other = experiment(gateway), experiment(gateway)
        list_id = add(gateway, made).json["segment"]["id"]
        path = f"/api/experiments/inclusionList/{list_id}"
        changed = segment("changed", type="private", id=list_id)
        foreign = segment("changed", type="private", id=str(uuid.uuid4()))
        assert gateway.put(path, {"experimentId": other, "list": changed}).status == 400
        assert gateway.put(path, {"experimentId": made, "list": foreign}).status == 400
        assert gateway.get(f"/api/segments/{list_id}").json["name"] == "l"
        assert gateway.put(path, {"experimentId": made, "list": changed}).status == 200
        assert gateway.get(f"/api/segments/{list_id}").json["name"] == "changed"

    def test_a_flags_list_keeps_its_id(self, gateway: Gateway) -> None:
        body = {"id": flag(gateway), "enabled": True, "listType": "Individual"}
        body["segment"] = segment("l", type="private")
        list_id = gateway.post("/api/flags/inclusionList", body).json["segment"]["id"]
        body["segment"] = segment("changed", type="private", id=str(uuid.uuid4()))
        answer = gateway.put(f"/api/flags/inclusionList/{list_id}", body)
        assert answer.status == 400
        assert "does not match the list id" in answer.json["message"]


def test_a_list_that_finds_no_room_leaves_no_segment(gateway: Gateway) -> None:
    made = experiment(gateway, experimentSegmentInclusion=[requested() for _ in range(LISTS)])
    list_id = str(uuid.uuid4())
    assert add(gateway, made, id=list_id).status == 400
    assert gateway.get(f"/api/segments/{list_id}").status == 404


def test_a_list_that_is_part_of_a_segment_stays_when_it_is_removed(gateway: Gateway) -> None:
    made = experiment(gateway)
    list_id = add(gateway, made, userIds=["ada"]).json["segment"]["id"]
    make(gateway, "whole", subSegmentIds=[list_id])
    path = f"/api/experiments/inclusionList/{list_id}"
    assert [each["id"] for each in gateway.delete(path).json] == [list_id]
    assert listed(gateway, made) == []
    assert gateway.get(f"/api/segments/{list_id}").status == 200


def test_a_list_whose_segment_was_deleted_can_be_removed(gateway: Gateway) -> None:
    made = experiment(gateway)
    list_id = add(gateway, made).json["segment"]["id"]
    assert gateway.delete(f"/api/segments/{list_id}?force=true").status == 200
    path = f"/api/experiments/inclusionList/{list_id}"
    messages = [gateway.delete(path).json["message"] for _ in range(2)]
    assert messages == ["SegmentId not found.", f"there is no such list: {list_id}"]
