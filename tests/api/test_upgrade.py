"""UpGrade's API over HTTP: what the recordings leave open."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from chalicelib.domain.catalogue.testlab_assignments import feature_uuid, hash_share, variant_uuid
from tests.api.upgrade_setup import design, start
from tests.http import Answer, Gateway

JSON = {"content-type": "application/json"}
USER = {"user-id": "ada"}
FEATURE = {"type_id": 3, "start_date": "2020-01-01", "end_date": "2099-12-31"}


def send(gateway: Gateway) -> Any:
    def send_now(method: str, path: str, body: Any = None) -> Any:
        answer = gateway.send(method, path, body)
        assert answer.status == 200, answer.text
        return answer.json

    return send_now


def call(gateway: Gateway, path: str, body: Any, user_id: str = "ada") -> Answer:
    return gateway.send("POST", f"/api/v6/{path}", body, {"user-id": user_id})


def assigned(gateway: Gateway, user_id: str = "ada") -> dict[str, str]:
    call(gateway, "init", {}, user_id)
    items = call(gateway, "assign", {"context": "home"}, user_id).json
    return {item["site"]: item["assignedCondition"][0]["conditionCode"] for item in items}


def mark(gateway: Gateway, user_id: str = "ada", **data: Any) -> Answer:
    body = {"data": {"site": "site", "target": "", **data}, "status": "condition applied"}
    return call(gateway, "mark", body, user_id)


class TestErrors:
    @pytest.mark.parametrize(
        ("raw", "status", "name"),
        [
            (b"{", 400, "SyntaxError"),
            (b'{"a": NaN}', 400, "SyntaxError"),
            (b'{"a": 1e999999999999999999999}', 400, "SyntaxError"),
            (b"[" * 100_000, 400, "SyntaxError"),
            (b'"text"', 400, "SyntaxError"),
            (b'{"context": ["home"]}', 400, "BadRequestError"),
            (b'{"context": "nul\\u0000"}', 400, "BadRequestError"),
            (b'{"context": "\\ud800"}', 400, "BadRequestError"),
            (b'{"x": "' + b"x" * 5_300_000 + b'"}', 413, "PayloadTooLargeError"),
        ],
        ids=lambda value: str(value)[:20],
    )
    def test_a_clients_mistake_is_named(
        self, gateway: Gateway, raw: bytes, status: int, name: str
    ) -> None:
        call(gateway, "init", {})
        headers = {**JSON, "user-id": "ada"}
        answer = gateway.send("POST", "/api/v6/assign", raw=raw, headers=headers)
        assert answer.status == status
        assert answer.json["name"] == name
        assert answer.json["endPoint"] == "/api/v6/assign"
        assert answer.headers["access-control-allow-origin"] == "*"

    def test_a_refusal_names_the_path_with_its_query(self, gateway: Gateway) -> None:
        path = "/api/experiments/export?ids=x&ids=a%20b&ids[]=%C3%A9"
        assert gateway.get(path).json["endPoint"] == path

    @pytest.mark.parametrize("user_id", ["é" * 300, "x" * 513])
    def test_a_user_id_may_have_512_bytes(self, gateway: Gateway, user_id: str) -> None:
        assert call(gateway, "init", {}, user_id).status == 400
        assert gateway.send("POST", "/api/v5/init", {"id": user_id}).status == 400

    def test_hostile_ids_are_users_like_others(self, gateway: Gateway) -> None:
        ids = ["a#b", "group#x", "%23", "#" * 512, "profile", "user#ada"]
        for user_id in ids:
            groups = {"group": {"c#l": [user_id]}, "workingGroup": {"c#l": user_id}}
            assert call(gateway, "init", groups, user_id).status == 200
        for user_id in ids:
            again = call(gateway, "init", {}, user_id).json
            assert again["workingGroup"] == {"c#l": user_id}


class TestAdministration:
    def test_an_id_is_kept_and_cannot_be_used_twice(self, gateway: Gateway) -> None:
        body = design(("site", ""))
        assert gateway.post("/api/experiments", body).json["id"] == body["id"]
        assert gateway.post("/api/experiments", body).status == 400
        assert len(gateway.get("/api/experiments").json) == 1

    def test_experiments_can_be_made_in_one_call_with_their_lists(self, gateway: Gateway) -> None:
        listed = {"segment": {"type": "private", "individualForSegment": [{"userId": "bob"}]}}
        bodies = [
            design(("site", ""), name="one", experimentSegmentExclusion=[listed]),
            design(("other", ""), name="two"),
        ]
        made = gateway.post("/api/experiments/batch", bodies).json
        assert [each["name"] for each in made] == ["one", "two"]
        for each in made:
            state = {"experimentId": each["id"], "state": "running"}
            gateway.post("/api/experiments/state", state)
        assert set(assigned(gateway, "bob")) == {"other"}
        assert set(assigned(gateway)) == {"site", "other"}

    def test_pages_points_and_contexts(self, gateway: Gateway) -> None:
        for number in range(3):
            gateway.post("/api/experiments", design(("site", f"{number}"), name=f"e{number}"))
        page = gateway.post("/api/experiments/paginated", {"skip": 1, "take": 1}).json
        assert (page["total"], [node["name"] for node in page["nodes"]]) == (3, ["e1"])
        assert len(gateway.get("/api/experiments/partitions").json) == 3
        contexts = gateway.get("/api/experiments/contextMetaData").json["contextMetadata"]
        assert set(contexts) == {"home", "add", "sub", "mul"}
        assert contexts["home"]["GROUP_TYPES"] == ["schoolId", "classId", "instructorId"]

    def test_lists_can_be_replaced_and_removed(self, gateway: Gateway) -> None:
        experiment = start(send(gateway), design(("site", "")))
        path = "/api/experiments/exclusionList"

        def listed(*users: str) -> dict[str, Any]:
            segment = {"name": "l", "context": "home", "type": "private", "userIds": users}
            segment |= {"groups": [], "subSegmentIds": []}
            return {"experimentId": experiment["id"], "list": segment}

        made = gateway.post(path, listed("ada", "bob")).json
        segment_id = made["segment"]["id"]
        assert assigned(gateway) == {}
        assert gateway.put(f"{path}/{segment_id}", listed("bob")).status == 200
        assert set(assigned(gateway)) == {"site"}
        assert assigned(gateway, "bob") == {}
        assert gateway.delete(f"{path}/{segment_id}").status == 200
        assert set(assigned(gateway, "bob")) == {"site"}
        assert gateway.delete(f"{path}/{segment_id}").status == 404

    def test_segments_exclude_from_a_whole_context(self, gateway: Gateway) -> None:
        start(send(gateway), design(("site", "")))
        exclusion = next(
            s for s in gateway.get("/api/segments/global").json if s["context"] == "home"
        )
        body = {"id": exclusion["id"], "name": "home", "context": "home", "type": "global_exclude"}
        body |= {"userIds": ["ada"], "groups": [], "subSegmentIds": []}
        assert gateway.post("/api/segments", body).status == 200
        assert assigned(gateway) == {}
        assert set(assigned(gateway, "bob")) == {"site"}

    def test_names_of_segments_are_unique_in_a_context(self, gateway: Gateway) -> None:
        body = {"name": "s", "context": "home", "type": "public", "userIds": []}
        body |= {"groups": [], "subSegmentIds": []}
        made = gateway.post("/api/segments", body).json
        refused = gateway.post("/api/segments", body)
        assert refused.status == 400
        assert "name" not in refused.json
        assert gateway.get(f"/api/segments/{made['id']}").json["name"] == "s"
        assert [s["id"] for s in gateway.get("/api/segments").json["segmentsData"]] == [made["id"]]
        assert gateway.delete(f"/api/segments/{made['id']}").status == 200
        assert gateway.get(f"/api/segments/{made['id']}").status == 404

    @pytest.mark.parametrize("length", [200_000, 400_000])
    def test_a_design_that_fits_no_item_is_refused(self, gateway: Gateway, length: int) -> None:
        body = design(("site", ""), description="x" * length)
        answer = gateway.post("/api/experiments", body)
        assert answer.status == 400
        assert "too large" in answer.json["message"]
        assert gateway.get("/api/experiments").json == []

    def test_settings_are_kept(self, gateway: Gateway) -> None:
        assert gateway.get("/api/setting").json == {"toCheckAuth": False, "toFilterMetric": True}
        assert gateway.post("/api/setting", {"toFilterMetric": True}).status == 400
        gateway.post("/api/setting", {"toCheckAuth": False, "toFilterMetric": False})
        assert gateway.get("/api/setting").json["toFilterMetric"] is False

    def test_an_explicit_condition_of_a_preview_user_is_honoured(self, gateway: Gateway) -> None:
        body = design(("site", ""), weights=(100, 0))
        made = gateway.post("/api/experiments", body).json
        state = {"experimentId": made["id"], "state": "preview"}
        gateway.post("/api/experiments/state", state)
        assert assigned(gateway) == {}
        gateway.post("/api/previewusers", {"id": "ada"})
        assert assigned(gateway) == {"site": "control"}
        variant = next(c["id"] for c in made["conditions"] if c["conditionCode"] == "variant")
        explicit = {"experiment": {"id": made["id"]}, "experimentCondition": {"id": variant}}
        body = {"id": "ada", "assignments": [explicit]}
        gateway.post("/api/previewusers/assign", body)
        assert assigned(gateway) == {"site": "variant"}
        gateway.delete("/api/previewusers/ada")
        assert assigned(gateway) == {}

    @pytest.mark.parametrize("text", ["", "user,factor\na,b", "uuid\na"])
    def test_strata_need_a_column_of_users_and_a_factor(self, gateway: Gateway, text: str) -> None:
        assert gateway.post("/api/stratification", {"files": [{"file": text}]}).status == 400

    def test_strata_create_unknown_users(self, gateway: Gateway) -> None:
        text = "uuid,pretest,age\nada,high,9\nbob,,10\n"
        answer = gateway.post("/api/stratification", {"files": [{"file": text}]})
        assert answer.json == [{"factor": "pretest", "users": 2}, {"factor": "age", "users": 2}]
        assert call(gateway, "assign", {"context": "home"}, "bob").status == 200

    def test_only_a_list_of_an_experiment_can_be_deleted_as_one(self, gateway: Gateway) -> None:
        body = {"name": "s", "context": "home", "type": "public", "userIds": ["ada"]}
        public = gateway.post("/api/segments", body | {"groups": [], "subSegmentIds": []}).json
        experiment = start(send(gateway), design(("site", "")))
        listed = {"name": "l", "context": "home", "type": "private", "userIds": ["ada"]}
        listed |= {"id": str(uuid.uuid4()), "groups": [], "subSegmentIds": []}
        added = {"experimentId": experiment["id"], "list": listed}
        for _ in range(2):
            assert gateway.post("/api/experiments/exclusionList", added).status == 200
        shown = gateway.get(f"/api/experiments/single/{experiment['id']}").json
        assert len(shown["experimentSegmentExclusion"]) == 1
        for side, segment_id in (("inclusion", public["id"]), ("inclusion", listed["id"])):
            path = f"/api/experiments/{side}List/{segment_id}"
            assert gateway.delete(path).status == 404
            assert gateway.put(path, added).status == 404
        assert gateway.get(f"/api/segments/{public['id']}").status == 200
        assert gateway.delete(f"/api/experiments/exclusionList/{listed['id']}").status == 200

    def test_a_list_that_another_experiment_has_too_outlives_the_first(
        self, gateway: Gateway
    ) -> None:
        listed = {"name": "l", "context": "home", "type": "private", "userIds": ["ada"]}
        listed |= {"id": str(uuid.uuid4()), "groups": [], "subSegmentIds": []}
        made = [start(send(gateway), design((site, ""), name=site)) for site in ("one", "two")]
        for each in made:
            added = {"experimentId": each["id"], "list": listed}
            gateway.post("/api/experiments/exclusionList", added)
        gateway.delete(f"/api/experiments/{made[0]['id']}")
        assert assigned(gateway) == {}
        gateway.delete(f"/api/experiments/{made[1]['id']}")
        assert gateway.get(f"/api/segments/{listed['id']}").status == 404

    def test_an_experiment_with_all_its_lists_can_be_deleted(self, gateway: Gateway) -> None:
        codes = [f"c{number}" for number in range(40)]
        body = design(("site", ""), codes=codes, weights=[2.5] * 40)
        gateway.post("/api/experiments", body)
        for number in range(41):
            listed = {"name": f"l{number}", "context": "home", "type": "private", "userIds": []}
            added = {
                "experimentId": body["id"],
                "list": listed | {"groups": [], "subSegmentIds": []},
            }
            answer = gateway.post("/api/experiments/exclusionList", added)
            assert answer.status == (200 if number < 40 else 400)
        assert gateway.delete(f"/api/experiments/{body['id']}").status == 200

    def test_of_a_batch_all_are_created_or_none(self, gateway: Gateway) -> None:
        bodies = [design(("site", "")), design(("site", ""), context=["nowhere"])]
        assert gateway.post("/api/experiments/batch", bodies).status == 400
        assert gateway.get("/api/experiments").json == []

    def test_a_batch_has_as_many_as_one_transaction_takes(self, gateway: Gateway) -> None:
        bodies = [design((f"site {number}", ""), name=f"e{number}") for number in range(31)]
        refused = gateway.post("/api/experiments/batch", bodies)
        assert (refused.status, "at most 90" in refused.json["message"]) == (400, True)
        assert gateway.get("/api/experiments").json == []
        made = gateway.post("/api/experiments/batch", bodies[:30]).json
        assert [each["name"] for each in made] == [f"e{number}" for number in range(30)]
        assert len(gateway.get("/api/experiments").json) == 30

    @pytest.mark.parametrize("number", ["1e99999999", "1.5", "-1", '"1"', "true"])
    def test_a_page_is_asked_for_in_whole_numbers(self, gateway: Gateway, number: str) -> None:
        raw = b'{"skip": 0, "take": ' + number.encode() + b"}"
        answer = gateway.send("POST", "/api/experiments/paginated", raw=raw, headers=JSON)
        assert answer.status == 400
        assert len(answer.text) < 500

    @pytest.mark.parametrize("text", ["uuid,f\na\rb,c\n", "uuid,f\na," + "x" * 200_000])
    def test_what_is_no_csv_is_refused(self, gateway: Gateway, text: str) -> None:
        answer = gateway.post("/api/stratification", {"files": [{"file": text}]})
        assert answer.status in (200, 400)

    def test_the_name_of_a_factor_may_have_255_bytes(self, gateway: Gateway) -> None:
        for length, status in ((255, 200), (256, 400)):
            text = f"uuid,{'f' * length}\nada,high"
            answer = gateway.post("/api/stratification", {"files": [{"file": text}]})
            assert answer.status == status

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("init", {"group": {"classId": ["x" * 900] * 100}}),
            ("init", {"workingGroup": {"classId": "x" * 1001}}),
            ("mark", {"data": {"site": "x" * 1001, "target": ""}}),
            ("mark", {"data": {"site": "s", "target": "x" * 1001}}),
            ("mark", {"data": {"site": "s", "target": ""}, "uniquifier": "x" * 1001}),
        ],
    )
    def test_what_is_stored_of_a_user_is_bounded(
        self, gateway: Gateway, path: str, body: Any
    ) -> None:
        call(gateway, "init", {})
        assert call(gateway, path, body).status == 400


class TestManyRecords:
    """A transaction holds a hundred actions, whatever a user has."""

    def test_a_user_may_be_in_many_groups(self, gateway: Gateway) -> None:
        start(send(gateway), design(("site", "")))
        for count, status in ((30, 200), (31, 400)):
            working = {f"type {number}": "g" for number in range(count)}
            group = {kind: ["g"] for kind in working}
            answer = call(gateway, "init", {"group": group, "workingGroup": working})
            assert answer.status == status
        assert mark(gateway).status == 200

    def test_a_change_of_group_ends_any_number_of_enrollments(self, gateway: Gateway) -> None:
        grouped: dict[str, Any] = {
            "assignmentUnit": "group",
            "group": "classId",
            "consistencyRule": "group",
        }
        # Twenty of an experiment end at once: each of the two takes several transactions.
        points = [("site", f"{number}") for number in range(24)]
        for name in ("one", "two"):
            start(send(gateway), design(*((name, target) for _, target in points), **grouped))
        both = {"classId": ["a", "b"]}
        call(gateway, "init", {"group": both, "workingGroup": {"classId": "a"}})
        for name in ("one", "two"):
            for _, target in points:
                assert mark(gateway, site=name, target=target).status == 200
        before = call(gateway, "assign", {"context": "home"}).json
        assert len(before) == 48
        assert call(gateway, "init", {"workingGroup": {"classId": "b"}}).status == 200
        call(gateway, "init", {"workingGroup": {"classId": "a"}})
        assert len(call(gateway, "assign", {"context": "home"}).json) == 48


class TestOneCatalogue:
    def test_each_administration_lists_its_own(self, gateway: Gateway) -> None:
        own = gateway.post("/api/feature", {**FEATURE, "name": "own"}).json
        made = start(send(gateway), design(("site", ""), name="shared name"))
        # Ids of features come from one sequence: the design has the next one.
        of_design, unknown = own["id"] + 1, own["id"] + 1_000_000
        assert gateway.get("/api/feature").json == [own]
        current = gateway.get("/api/feature/current").json
        assert [each["id"] for each in current["experiments"]] == [own["id"]]
        assert {block["feature_id"] for block in current["userblocks"]} == {own["id"]}

        for route in ("feature/{}", "feature/{}/variants", "analysis/feature/{}",
                      "events/feature/{}"):  # fmt: skip
            answers = [gateway.get(f"/api/{route.format(each)}") for each in (of_design, unknown)]
            assert len({(each.status, each.text) for each in answers}) == 1, route

        path = f"/api/feature/{of_design}"
        variants = {"variants": [{"feature_id": of_design, "value": "x"}]}
        whole = {**FEATURE, "name": "x", "is_running": True, "user_percentage": 1}
        assert gateway.put(path, whole).status == 403
        assert gateway.delete(path).status == 403
        assert gateway.post(f"{path}/variants", variants).status == 403
        assert gateway.get("/api/events").json == gateway.get("/api/users").json == []
        assert gateway.get("/api/experiments/names").json == [
            {"id": made["id"], "name": "shared name"}
        ]
        assert gateway.post("/api/feature", {**FEATURE, "name": "shared name"}).status == 200

    def make_feature(self, gateway: Gateway, share: float = 1) -> Any:
        body = {**FEATURE, "name": "button", "user_percentage": share}
        feature = gateway.post("/api/feature", body).json
        variants = [
            {"feature_id": feature["id"], "value": value, "weight": weight}
            for value, weight in (("blue", 0.25), ("red", 0.75))
        ]
        made = gateway.post(f"/api/feature/{feature['id']}/variants", {"variants": variants}).json
        gateway.get("/api/feature/current")
        return feature["id"], made

    def test_an_experiment_of_test_lab_is_offered_to_upgrades_clients(
        self, gateway: Gateway
    ) -> None:
        feature_id, variants = self.make_feature(gateway)
        for user_id in ("ada", "bob", "eve", "61"):
            draw = hash_share(user_id) * 20 % 1
            expected = variants[0 if draw <= 0.25 else 1]
            call(gateway, "init", {}, user_id)
            for context in ("home", "add"):
                (item,) = call(gateway, "assign", {"context": context}, user_id).json
                assert (item["site"], item["target"]) == ("button", "")
                assert item["assignedCondition"] == [
                    {
                        "id": variant_uuid(expected["id"]),
                        "conditionCode": expected["value"],
                        "payload": None,
                        "experimentId": feature_uuid(feature_id),
                    }
                ]

    def test_a_first_mark_counts_the_user_of_the_variant_once(self, gateway: Gateway) -> None:
        feature_id, _ = self.make_feature(gateway)

        def users() -> int:
            rows = gateway.get(f"/api/analysis/feature/{feature_id}").json
            return sum(row["total_users"] for row in rows)

        code = assigned(gateway)["button"]
        for _ in range(2):
            answer = mark(gateway, site="button", assignedCondition={"conditionCode": code})
            assert answer.json["experimentId"] == feature_uuid(feature_id)
            assert users() == 1
        assert gateway.get("/api/users").json == []
        refused = mark(gateway, site="button", assignedCondition={"conditionCode": "green"})
        assert refused.status == 400

    def test_a_user_of_the_variant_is_not_counted_again(self, gateway: Gateway) -> None:
        feature_id, variants = self.make_feature(gateway)
        code = assigned(gateway)["button"]
        variant_id = next(v["id"] for v in variants if v["value"] == code)
        user = {"id": "ada", "variant_id": variant_id, "ip_address": "::1"}
        assert gateway.post("/api/users", user).status == 200
        assert mark(gateway, site="button").status == 200
        rows = gateway.get(f"/api/analysis/feature/{feature_id}").json
        assert sum(row["total_users"] for row in rows) == 1

    def test_who_is_in_no_block_gets_nothing(self, gateway: Gateway) -> None:
        self.make_feature(gateway, share=0)
        assert assigned(gateway) == {}
        assert mark(gateway, site="button").json["condition"] is None

    def test_deleting_an_experiment_ends_what_was_stored_of_it(self, gateway: Gateway) -> None:
        body = design(("site", ""), weights=(100, 0))
        start(send(gateway), body)
        assert assigned(gateway) == {"site": "control"}
        assert mark(gateway).json["experimentId"] == body["id"]
        assert gateway.delete(f"/api/experiments/{body['id']}").status == 200
        assert assigned(gateway) == {}
        again = {**body, "conditions": [dict(c) for c in body["conditions"]]}
        again["conditions"][0]["assignmentWeight"] = 0
        again["conditions"][1]["assignmentWeight"] = 100
        start(send(gateway), again)
        assert assigned(gateway) == {"site": "variant"}


def test_an_experiment_that_ends_by_count_moves_once(gateway: Gateway) -> None:
    complete = {"userCount": 2}
    body = design(("site", ""), enrollmentCompleteCondition=complete)
    start(send(gateway), body)
    for number in range(4):
        user_id = f"user {number}"
        call(gateway, "init", {}, user_id)
        assert mark(gateway, user_id).status == 200
    shown = gateway.get(f"/api/experiments/single/{body['id']}").json
    assert shown["state"] == "paused"
    moves = [(log["fromState"], log["toState"]) for log in shown["stateTimeLogs"]]
    assert moves.count(("running", "paused")) == 1
    assert assigned(gateway, str(uuid.uuid4())) == {}
    assert set(assigned(gateway, "user 0")) == {"site"}


HERE = ("site", "")


class TestDecisionPoints:
    """What a client may say, and leave out, of the decision point that it means."""

    @pytest.mark.parametrize("version", ["v5", "v6"])
    @pytest.mark.parametrize("data", [{"target": None}, {}, {"target": ""}])
    @pytest.mark.parametrize(
        "said",
        [
            {"status": "condition applied"},
            {"data": {"assignedCondition": {"conditionCode": "control"}}},
        ],
    )
    def test_a_mark_without_a_target_is_at_the_empty_one(
        self, gateway: Gateway, version: str, data: dict[str, Any], said: dict[str, Any]
    ) -> None:
        made = start(send(gateway), design(HERE))
        call(gateway, "init", {})
        whole = {"site": "site", **data, **said.get("data", {})}
        body = {**said, "data": whole, "userId": "ada"}
        answer = gateway.send("POST", f"/api/{version}/mark", body, USER)
        assert answer.status == 200, answer.text
        assert (answer.json["site"], answer.json["target"]) == HERE
        assert answer.json["experimentId"] == made["id"]
        again = gateway.send(
            "POST", f"/api/{version}/mark", {**body, "data": {**whole, "target": ""}}, USER
        )
        assert again.json["id"] == answer.json["id"], "it is the same point"

    def test_what_says_nothing_but_the_site_is_no_mark(self, gateway: Gateway) -> None:
        call(gateway, "init", {})
        for data in ({"site": "site"}, {"site": "site", "target": None}):
            answer = call(gateway, "mark", {"data": data})
            assert (answer.status, answer.json["name"]) == (400, "BadRequestError")

    @pytest.mark.parametrize("version", ["v5", "v6"])
    def test_the_context_picks_among_the_experiments_at_the_place(
        self, gateway: Gateway, version: str
    ) -> None:
        made = {
            context: start(send(gateway), design(HERE, context=[context]))["id"]
            for context in ("home", "add")
        }
        for user_id in ("ada", "bob", "carl"):
            call(gateway, "init", {}, user_id)
            for context, experiment_id in made.items():
                body = {
                    "userId": user_id,
                    "context": context,
                    "data": {"site": "site", "target": ""},
                    "status": "condition applied",
                }
                headers = {"user-id": user_id}
                answer = gateway.send("POST", f"/api/{version}/mark", body, headers)
                assert answer.status == 200, answer.text
                enrolled = call(gateway, "assign", {"context": context}, user_id).json
                [condition] = enrolled[0]["assignedCondition"]
                assert condition["experimentId"] == experiment_id
            stats = gateway.post("/api/stats/enrollment", {"experimentIds": [*made.values()]})
            users = {each["id"]: each["users"] for each in stats.json}
        assert users == dict.fromkeys(made.values(), 3)

    def test_in_another_context_there_is_no_experiment_at_the_place(self, gateway: Gateway) -> None:
        made = start(send(gateway), design(HERE))
        call(gateway, "init", {})
        body = {"data": {"site": "site", "target": ""}, "context": "add"}
        answer = call(gateway, "mark", body)
        assert (answer.status, answer.json["experimentId"]) == (200, None)
        stats = gateway.post("/api/stats/enrollment", {"experimentIds": [made["id"]]}).json
        assert stats[0]["users"] == 0
        refused = call(gateway, "mark", {**body, "context": "nowhere"})
        assert refused.status == 400
        assert refused.json["message"] == "Invalid app context: nowhere"

    @pytest.mark.parametrize("version", ["v5", "v6"])
    def test_assign_answers_the_decision_point_that_is_asked_for_alone(
        self, gateway: Gateway, version: str
    ) -> None:
        start(send(gateway), design(HERE, ("site", "two"), ("other", "")))
        feature = gateway.post("/api/feature", {**FEATURE, "name": "button"}).json
        listed = [{"feature_id": feature["id"], "value": "red", "weight": 1}]
        gateway.post(f"/api/feature/{feature['id']}/variants", {"variants": listed})
        gateway.get("/api/feature/current")
        call(gateway, "init", {})

        def points(asked: Any) -> list[tuple[str, str]]:
            body = {"userId": "ada", "context": "home", "decisionPoint": asked}
            answer = gateway.send("POST", f"/api/{version}/assign", body, USER)
            assert answer.status == 200, answer.text
            return [(item["site"], item["target"]) for item in answer.json]

        assert points({"site": "site", "target": "two"}) == [("site", "two")]
        for empty in ({"site": "site", "target": ""}, {"site": "site"}):
            assert points(empty) == [HERE]
        assert points({"site": "button", "target": None}) == [("button", "")]
        assert points({"site": "nowhere", "target": ""}) == []
        assert len(points(None)) == 4
        for wrong in ("site", {}, {"site": ""}, {"site": "site", "target": 1}):
            body = {"userId": "ada", "context": "home", "decisionPoint": wrong}
            assert gateway.send("POST", f"/api/{version}/assign", body, USER).status == 400
