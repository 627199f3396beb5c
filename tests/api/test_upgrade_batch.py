"""batch-assign, and rewards."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.catalogue.testlab_assignments import feature_uuid
from tests.api.upgrade_setup import design, segment, start
from tests.http import Answer, Gateway

GROUPED: dict[str, Any] = {
    "assignmentUnit": "group",
    "group": "classId",
    "consistencyRule": "group",
}


def begin(gateway: Gateway, body: Any) -> dict[str, Any]:
    return start(lambda method, path, body: gateway.send(method, path, body).json, body)


def call(gateway: Gateway, name: str, user_id: str, body: Any) -> Answer:
    answer = gateway.send("POST", f"/api/v6/{name}", body, {"user-id": user_id})
    assert answer.status == 200, answer.text
    return answer


def in_class(*class_ids: str) -> dict[str, Any]:
    return {"group": {"classId": class_ids}, "workingGroup": {"classId": class_ids[-1]}}


def batch(gateway: Gateway, *users: str, site: str = "site", target: str = "t", **more: Any) -> Any:
    body = {"context": "home", "site": site, "target": target, "userIds": users, **more}
    answer = gateway.post("/api/batch-assign", body)
    assert answer.status == 200, answer.text
    return answer.json


def code(item: Any) -> str:
    found: str = item["assignedCondition"][0]["conditionCode"]
    return found


class TestBatchAssign:
    def test_each_user_gets_what_assign_gives_and_nothing_is_stored(self, gateway: Gateway) -> None:
        begin(gateway, design(("site", "t"), ("site", "u")))
        users = [f"user {number}" for number in range(30)]
        for user_id in users:
            call(gateway, "init", user_id, {})
        answered = batch(gateway, *users)
        assert list(answered) == users
        for user_id in users:
            items = call(gateway, "assign", user_id, {"context": "home"}).json
            assert answered[user_id] == next(item for item in items if item["target"] == "t")
        assert {code(item) for item in answered.values()} == {"control", "variant"}

    def test_unknown_users_and_those_without_an_assignment_are_told_apart(
        self, gateway: Gateway
    ) -> None:
        begin(gateway, design(("site", "t")))
        call(gateway, "init", "ada", {})
        assert batch(gateway, "ada", "nobody", target="x") == {"ada": None, "nobody": "NOT_FOUND"}
        unknown = batch(gateway, "ada", "nobody", context="nowhere")
        assert unknown == {"ada": None, "nobody": "NOT_FOUND"}
        assert batch(gateway) == {}

    def test_aliases_get_what_their_owners_get(self, gateway: Gateway) -> None:
        begin(gateway, design(("site", "t")))
        for number in range(8):
            call(gateway, "init", f"user {number}", {})
            body = {"aliases": [f"alias {number}"]}
            headers = {"user-id": f"user {number}"}
            gateway.send("PATCH", "/api/v6/useraliases", body, headers)
        answered = batch(gateway, *(f"{w} {n}" for n in range(8) for w in ("user", "alias")))
        for number in range(8):
            assert answered[f"alias {number}"] == answered[f"user {number}"]

    def test_groups_get_one_condition_and_keep_what_they_have(self, gateway: Gateway) -> None:
        made = begin(gateway, design(("site", "t"), weights=(100, 0), **GROUPED))
        users = ["ada", "bob", "eve"]
        for user_id in users:
            call(gateway, "init", user_id, in_class("1a"))
        data = {"site": "site", "target": "t"}
        call(gateway, "mark", "ada", {"data": data, "status": "condition applied"})
        conditions = [
            {**each, "assignmentWeight": weight}
            for each, weight in zip(made["conditions"], (0, 100), strict=True)
        ]
        changed = {**made, "state": "running", "conditions": conditions}
        assert gateway.put(f"/api/experiments/{made['id']}", changed).status == 200
        call(gateway, "init", "new", in_class("2b"))
        answered = batch(gateway, *users, "new")
        assert [code(answered[user_id]) for user_id in users] == ["control"] * 3
        assert code(answered["new"]) == "variant"

    def test_whether_the_group_is_valid_does_not_count(self, gateway: Gateway) -> None:
        begin(gateway, design(("site", "t"), **GROUPED))
        call(gateway, "init", "ada", {"workingGroup": {"classId": "1a"}})
        assert call(gateway, "assign", "ada", {"context": "home"}).json == []
        assert batch(gateway, "ada")["ada"] is not None
        call(gateway, "init", "bob", {})
        assert batch(gateway, "bob") == {"bob": None}

    def test_who_is_globally_excluded_gets_nothing(self, gateway: Gateway) -> None:
        begin(gateway, design(("site", "t")))
        [shut_out] = [s for s in gateway.get("/api/segments/global").json if s["context"] == "home"]
        body = segment("ada", id=shut_out["id"], name="home", type="global_exclude")
        assert gateway.post("/api/segments", body).status == 200
        for user_id in ("ada", "bob"):
            call(gateway, "init", user_id, {})
        answered = batch(gateway, "ada", "bob")
        assert (answered["ada"], answered["bob"] is None) == (None, False)

    def test_experiments_in_preview_are_left_out(self, gateway: Gateway) -> None:
        made = gateway.post("/api/experiments", design(("site", "t"))).json
        state = {"experimentId": made["id"], "state": "preview"}
        gateway.post("/api/experiments/state", state)
        gateway.post("/api/previewusers", {"id": "ada"})
        call(gateway, "init", "ada", {})
        assert len(call(gateway, "assign", "ada", {"context": "home"}).json) == 1
        assert batch(gateway, "ada") == {"ada": None}

    def test_an_experiment_of_test_lab_is_at_its_name(self, gateway: Gateway) -> None:
        feature = {"type_id": 3, "name": "button", "start_date": "2020-01-01"}
        made = gateway.post("/api/feature", {**feature, "end_date": "2099-12-31"}).json
        variants = [{"feature_id": made["id"], "value": "blue", "weight": 1}]
        gateway.post(f"/api/feature/{made['id']}/variants", {"variants": variants})
        gateway.get("/api/feature/current")
        call(gateway, "init", "ada", {})
        [item] = call(gateway, "assign", "ada", {"context": "home"}).json
        answered = batch(gateway, "ada", "nobody", site="button", target="")
        assert answered == {"ada": item, "nobody": "NOT_FOUND"}
        assert item["assignedCondition"][0]["experimentId"] == feature_uuid(made["id"])
        assert batch(gateway, "ada", site="button", target="x") == {"ada": None}
        assert batch(gateway, "ada", site="knob", target="") == {"ada": None}

    def test_a_thousand_users_are_asked_about_at_once(self, gateway: Gateway) -> None:
        begin(gateway, design(("site", "t")))
        for number in range(20):
            call(gateway, "init", f"user {number}", {})
        answered = batch(gateway, *(f"user {number}" for number in range(1000)))
        assert len(answered) == 1000
        assert sum(item != "NOT_FOUND" for item in answered.values()) == 20

    @pytest.mark.parametrize(
        "wrong",
        [
            {"userIds": [f"user {number}" for number in range(1001)]},
            {"userIds": None},
            {"userIds": "ada"},
            {"userIds": [""]},
            {"userIds": [5]},
            {"userIds": ["x" * 513]},
            {"userIds": ["é" * 257]},
            {"userIds": ["\ud800"]},
            {"context": ""},
            {"context": ["home"]},
            {"site": ""},
            {"site": None},
            {"target": None},
        ],
        ids=lambda wrong: str(wrong)[:30],
    )
    def test_a_request_that_is_none_is_refused(self, gateway: Gateway, wrong: Any) -> None:
        body = {"context": "home", "site": "site", "target": "t", "userIds": ["ada"], **wrong}
        answer = gateway.post("/api/batch-assign", body)
        assert (answer.status, answer.json["name"]) == (400, "BadRequestError")


class TestRewards:
    POINT: dict[str, Any] = {"context": "home", "decisionPoint": {"site": "s", "target": ""}}  # noqa: RUF012

    @pytest.mark.parametrize(
        "body",
        [
            {"rewardValue": "SUCCESS", "experimentId": "x"},
            {"rewardValue": "FAILURE", **POINT},
            {"rewardValue": "SUCCESS", "experimentId": "x", **POINT, "more": 1},
        ],
    )
    def test_a_reward_is_refused_for_nothing_would_learn_from_it(
        self, gateway: Gateway, body: Any
    ) -> None:
        call(gateway, "init", "ada", {})
        answer = gateway.send("POST", "/api/v6/reward", body, {"user-id": "ada"})
        assert answer.status == 400
        assert answer.json == {
            "name": "BadRequestError",
            "message": "Failed to send reward: mooclet is not currently enabled on backend.",
            "endPoint": "/api/v6/reward",
            "errorCode": 400,
            "type": "Parameter not in the correct format",
            "request": body,
        }

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"rewardValue": "SUCCESS"},
            {"rewardValue": "SUCCESS", "context": "home"},
            {"rewardValue": "SUCCESS", "decisionPoint": {"site": "s", "target": ""}},
            {"rewardValue": "SUCCESS", "context": "home", "decisionPoint": {"site": "s"}},
            {"rewardValue": "success", "experimentId": "x"},
            {"rewardValue": 1, "experimentId": "x"},
            {"rewardValue": "SUCCESS", "experimentId": ""},
        ],
    )
    def test_what_is_no_reward_is_refused_as_such(self, gateway: Gateway, body: Any) -> None:
        call(gateway, "init", "ada", {})
        answer = gateway.send("POST", "/api/v6/reward", body, {"user-id": "ada"})
        assert answer.status == 400
        assert answer.json["message"].startswith("Invalid body")

    def test_rewards_are_of_v6_and_of_known_users(self, gateway: Gateway) -> None:
        body = {"rewardValue": "SUCCESS", "experimentId": "x"}
        assert gateway.post("/api/v5/reward", {**body, "userId": "ada"}).status == 404
        unknown = gateway.send("POST", "/api/v6/reward", body, {"user-id": "nobody"})
        assert unknown.json["message"] == "User not found: nobody"
        assert gateway.post("/api/v6/reward", body).status == 400
