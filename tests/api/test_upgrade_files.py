"""Experiments and their lists as files."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.upgrade_files_setup import experiment, file, lasting, new_id, segment
from tests.api.upgrade_setup import design, start, two_factors
from tests.http import Answer, Gateway

COMPATIBLE = {"fileName": "file.json", "error": None, "compatibilityType": "compatible"}


def post(gateway: Gateway, path: str, *files: Any) -> Any:
    answer = gateway.post(f"/api/experiments/{path}", list(files))
    assert answer.status == 200, answer.text
    return answer.json


def exported(gateway: Gateway, *ids: str) -> Any:
    query = "&".join(f"ids={each}" for each in ids)
    answer = gateway.get(f"/api/experiments/export?{query}" if ids else "/api/experiments/export")
    assert answer.status == 200, answer.text
    return answer.json


def shown(gateway: Gateway) -> Any:
    return gateway.get("/api/experiments").json


def clear(gateway: Gateway) -> None:
    gateway.delete("/api/v5/clearDB")


def measure(gateway: Gateway, *keys: str) -> None:
    units = [{"metric": key, "datatype": "continuous"} for key in keys]
    body = {"metricUnit": units, "context": ["home"]}
    assert gateway.post("/api/metric/save", body).status == 200


def query(key: str, name: str = "q") -> dict[str, Any]:
    return {
        "id": new_id(),
        "name": name,
        "query": {"operationType": "avg", "compareFn": None, "compareValue": None},
        "metric": {"key": key},
        "repeatedMeasure": "MOST RECENT",
    }


def assigned(gateway: Gateway, user_id: str) -> Any:
    header = {"user-id": user_id}
    gateway.send("POST", "/api/v6/init", {}, header)
    answer = gateway.send("POST", "/api/v6/assign", {"context": "home"}, header).json
    return sorted(lasting(answer), key=lambda item: json.dumps(item))


def holds(whole: Any, part: Any) -> bool:
    """Whether a JSON value has at least what another one has."""
    if isinstance(part, dict):
        return all(name in whole and holds(whole[name], each) for name, each in part.items())
    if isinstance(part, list):
        return len(whole) == len(part) and all(map(holds, whole, part))
    return bool(whole == part)


def listed(*users: str, **fields: Any) -> dict[str, Any]:
    """A list as it is exported by itself."""
    return {
        "name": "l",
        "description": None,
        "context": "add",
        "type": "private",
        "userIds": list(users),
        "subSegmentIds": [],
        "groups": [],
        "listType": "Individual",
        **fields,
    }


class TestRoundTrip:
    def test_a_simple_design_comes_back_as_it_went(self, gateway: Gateway) -> None:
        measure(gateway, "time", "score")
        body = design(
            ("lesson", "hint"),
            ("lesson", ""),
            weights=(33.3, 66.7),
            tags=["math", "hints"],
            enrollmentCompleteCondition={"userCount": 9},
            endOn="2030-01-02T03:04:05.678Z",
            queries=[query("time"), query("score")],
        )
        body["conditionPayloads"] = [
            {
                "id": new_id(),
                "parentCondition": condition["id"],
                "decisionPoint": point["id"],
                "payload": {"type": "csv", "value": condition["conditionCode"]},
            }
            for condition in body["conditions"]
            for point in body["partitions"]
        ]
        listing = {"type": "private", "name": "in", "listType": "Individual", "description": "d"}
        members = {"individualForSegment": [{"userId": "bob"}, {"userId": "ada"}]}
        groups = {"groupForSegment": [{"type": "classId", "groupId": "c1"}]}
        body["experimentSegmentInclusion"] = [{"segment": {**listing, **members}}]
        body["experimentSegmentExclusion"] = [{"segment": {**listing, **groups}}]
        start(lambda *call: gateway.send(*call).json, body)
        (before,) = exported(gateway)
        clear(gateway)
        # The metrics come with the queries about them.
        assert post(gateway, "import", file(before)) == [COMPATIBLE]
        (after,) = exported(gateway, before["id"])
        assert lasting(after) == lasting(before)
        assert (before["state"], after["state"]) == ("enrolling", "enrolling")
        assert len(after["queries"]) == len(after["partitions"]) == 2

    def test_a_factorial_design_comes_back_as_it_went(self, gateway: Gateway) -> None:
        gateway.post("/api/experiments", two_factors(("lesson", "hint")))
        (before,) = gateway.get("/api/experiments/export/all").json
        assert before["partitions"][0]["conditionPayloads"] == []
        assert "createdAt" not in before["factors"][0]
        clear(gateway)
        assert post(gateway, "import", file([before], as_text=False)) == [COMPATIBLE]
        assert lasting(exported(gateway)) == lasting([before])

    def test_who_gets_what_stays_the_same(self, gateway: Gateway) -> None:
        """The choice goes by the experiment's id and the order of its conditions."""
        codes, weights = ("a", "b", "c"), (20, 30, 50)
        body = design(("lesson", ""), codes=codes, weights=weights)
        body["id"] = "7d1f0c52-9f5e-4c58-a1c3-0b4b7f6f3eab"
        users = [f"user {number}" for number in range(30)]
        start(lambda *call: gateway.send(*call).json, body)
        before = {user_id: assigned(gateway, user_id) for user_id in users}
        assert {item[0]["assignedCondition"][0]["conditionCode"] for item in before.values()} == {
            *codes
        }
        (whole,) = exported(gateway)
        whole["conditions"].reverse()
        clear(gateway)
        post(gateway, "import", file(whole))
        state = {"experimentId": body["id"], "state": "running"}
        assert gateway.post("/api/experiments/state", state).status == 200
        assert {user_id: assigned(gateway, user_id) for user_id in users} == before

    def test_a_design_of_the_originals_comes_back_with_all_its_ids(self, gateway: Gateway) -> None:
        original = experiment()
        assert post(gateway, "validation", file(original)) == [COMPATIBLE]
        assert shown(gateway) == []
        assert post(gateway, "import", file(original)) == [COMPATIBLE]
        (after,) = exported(gateway)
        expected = copy.deepcopy(original)
        expected["conditions"].sort(key=lambda condition: condition["order"])
        for condition in expected["conditions"]:
            del condition["conditionPayloads"]
        expected["partitions"][0]["target"] = ""
        expected["stateTimeLogs"].reverse()
        assert holds(lasting(after), lasting(expected))
        assert shown(gateway)[0]["state"] == "running"

    def test_only_known_ids_are_exported_each_once(self, gateway: Gateway) -> None:
        ids = [gateway.post("/api/experiments", design(("s", ""))).json["id"] for _ in range(3)]
        asked = (ids[2], new_id(), ids[0], ids[2].upper())
        assert [each["id"] for each in exported(gateway, *asked)] == [ids[2], ids[0]]
        assert [each["id"] for each in exported(gateway, ids[1])] == [ids[1]]
        brackets = gateway.get(f"/api/experiments/export?ids[]={ids[1]}").json
        assert [each["id"] for each in brackets] == [ids[1]]
        assert [each["id"] for each in exported(gateway)] == ids
        assert exported(gateway, new_id()) == []
        assert gateway.get("/api/experiments/export?ids=1").status == 400
        assert gateway.get("/api/experiments/export?ids=").status == 400


class TestOldForms:
    def test_names_of_older_versions_are_understood(self, gateway: Gateway) -> None:
        old = experiment(
            conditionAliases=[], experimentSegmentExclusion=[], stateTimeLogs=None, factors=None
        )
        control = old["conditions"][1]
        point = old["partitions"][0]
        alias: dict[str, Any] = {"id": new_id(), "aliasName": "no hints"}
        alias |= {"parentCondition": control, "decisionPoint": {"id": point["id"]}}
        old["conditionAliases"] = [alias]
        del old["conditionPayloads"], old["experimentSegmentExclusion"], old["filterMode"]
        del old["type"], point["site"], point["target"], point["excludeIfReached"]
        old["backendVersion"] = "4.2.0"
        point |= {"expPoint": "lesson", "expId": "old target"}
        point["factors"] = [
            {
                "name": "f",
                "order": 1,
                "levels": [{"name": "l", "alias": "level payload", "description": None}],
            }
        ]
        old["experimentSegmentInclusion"] = old["experimentSegmentInclusion"][0]
        (answer,) = post(gateway, "import", file(old))
        assert answer["compatibilityType"] == "warning"
        assert answer["error"].startswith("Warning: this experiment file is incompatible(older)")
        (after,) = exported(gateway)
        assert (after["type"], after["filterMode"]) == ("Simple", "excludeAll")
        (point_after,) = after["partitions"]
        assert (point_after["id"], point_after["site"]) == (point["id"], "lesson")
        assert (point_after["target"], point_after["excludeIfReached"]) == ("old target", False)
        (payload,) = after["conditionPayloads"]
        assert (payload["id"], payload["parentCondition"]) == (alias["id"], control["id"])
        assert payload["payload"] == {"type": "string", "value": "no hints"}
        (level,) = after["factors"][0]["levels"]
        assert level["payload"] == {"type": "string", "value": "level payload"}
        assert len(after["experimentSegmentInclusion"]) == 1

    def test_ids_that_are_none_are_replaced_and_references_follow(self, gateway: Gateway) -> None:
        written = experiment(id="my experiment", conditionPayloads=[], revertTo="arm")
        written["conditions"][0]["id"] = "arm"
        del written["conditions"][1]["id"]
        written["partitions"][0] |= {"id": "point", "twoCharacterId": "too long"}
        payload = {"parentCondition": "arm", "decisionPoint": "point"}
        written["conditionPayloads"] = [{**payload, "payload": {"type": "string", "value": "x"}}]
        written["stateTimeLogs"][0]["id"] = None
        written["experimentSegmentInclusion"][0]["segment"] |= {"id": "list", "name": None}
        assert post(gateway, "import", file(written)) == [COMPATIBLE]
        (after,) = exported(gateway)
        arm = next(c["id"] for c in after["conditions"] if c["conditionCode"] == "variant")
        (payload_after,) = after["conditionPayloads"]
        assert after["revertTo"] == payload_after["parentCondition"] == arm
        assert payload_after["decisionPoint"] == after["partitions"][0]["id"]
        assert len(after["partitions"][0]["twoCharacterId"]) == 2
        assert "arm" not in json.dumps(after)
        (listing,) = after["experimentSegmentInclusion"]
        assert listing["segment"]["name"] == f"{after['id']} Segment"

    def test_states_may_go_by_the_names_that_people_know(self, gateway: Gateway) -> None:
        read = experiment(state="running")
        read["stateTimeLogs"][1] |= {"fromState": "running", "toState": "paused"}
        assert post(gateway, "import", file(read)) == [COMPATIBLE]
        logs = exported(gateway)[0]["stateTimeLogs"]
        assert (logs[1]["fromState"], logs[1]["toState"]) == ("enrolling", "enrollmentComplete")


Change = Callable[[dict[str, Any]], None]


def setting(**fields: Any) -> Change:
    return lambda whole: whole.update(fields)


def second_condition(**fields: Any) -> Change:
    return lambda whole: whole["conditions"][1].update(fields)


class TestRefusals:
    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (setting(context=["nowhere"]), 'app context "nowhere" is not defined'),
            (setting(context=[]), "context: "),
            (setting(name=None), "name: must be text"),
            (setting(conditions=None), "conditions: "),
            (setting(revertTo=new_id()), "to revert to"),
            (setting(group=None), "group: required"),
            (setting(assignmentAlgorithm="ts_configurable"), "mooclet"),
            (setting(moocletPolicyParameters={}), "mooclet"),
            (setting(partitions=[1]), "partitions.0: "),
            (setting(partitions=1), "partitions: "),
            (setting(conditionAliases=[1], conditionPayloads=None), "conditionPayloads.0: "),
            (setting(factors=[{"name": "f", "order": 1, "levels": [1]}]), "factors.0.levels.0: "),
            (second_condition(conditionCode="Default"), "'default' as ConditionCode"),
            (second_condition(assignmentWeight="50"), "must be a number"),
        ],
    )
    def test_a_file_that_holds_no_experiment_is_incompatible(
        self, gateway: Gateway, change: Change, said: str
    ) -> None:
        whole = experiment()
        change(whole)
        for path in ("validation", "import"):
            (answer,) = post(gateway, path, file(whole))
            assert answer["compatibilityType"] == "incompatible"
            assert said in answer["error"]
        assert shown(gateway) == []

    def test_parts_of_one_name_are_refused(self, gateway: Gateway) -> None:
        whole = experiment()
        whole["conditionPayloads"] *= 2
        (answer,) = post(gateway, "import", file(whole))
        assert "conditionPayloads: an id is given twice" in answer["error"]

    @pytest.mark.parametrize("text", ["{", "null", "1", '"x"', "", "[" * 3000, '{"x": NaN}'])
    def test_what_is_no_json_is_called_so(self, gateway: Gateway, text: str) -> None:
        sent = {"fileName": "x", "fileContent": text}
        said = {"fileName": "x", "error": "Invalid JSON", "compatibilityType": "incompatible"}
        assert post(gateway, "validation", sent) == post(gateway, "import", sent) == [said]

    @pytest.mark.parametrize("content", [[], [experiment(), experiment()]])
    def test_a_file_holds_one_experiment(self, gateway: Gateway, content: Any) -> None:
        (answer,) = post(gateway, "import", file(content))
        assert answer["error"] == "the file must hold one JSON object"

    @pytest.mark.parametrize(
        "body",
        [
            {},
            [1],
            [{"fileName": "x"}],
            [{"fileContent": "{}"}],
            [{"fileName": 1, "fileContent": "{}"}],
            [{"fileName": "x", "fileContent": 1}],
            [{"fileName": "x", "fileContent": None}],
            [{"fileName": "x", "fileContent": "{}"}] * 101,
        ],
        ids=lambda body: str(body)[:30],
    )
    def test_a_body_that_holds_no_files_is_refused(self, gateway: Gateway, body: Any) -> None:
        for path in ("validation", "import"):
            answer = gateway.post(f"/api/experiments/{path}", body)
            assert (answer.status, answer.json["name"]) == (400, "BadRequestError")

    def test_no_files_are_no_answers(self, gateway: Gateway) -> None:
        assert post(gateway, "validation") == post(gateway, "import") == []

    def test_an_experiment_that_is_there_is_left_as_it_is(self, gateway: Gateway) -> None:
        whole = experiment()
        post(gateway, "import", file(whole))
        before = shown(gateway)
        changed = copy.deepcopy(whole) | {"name": "another"}
        changed["experimentSegmentInclusion"][0]["segment"] = segment("other", "bob")
        for path in ("validation", "import"):
            (answer,) = post(gateway, path, file(changed))
            assert answer["compatibilityType"] == "incompatible"
            assert answer["error"].startswith(f"Duplicate experiment: {whole['id']} exists already")
        assert shown(gateway) == before

    def test_a_design_that_fits_no_item_leaves_no_lists(self, gateway: Gateway) -> None:
        whole = experiment(description="x" * 400_000)
        (answer,) = post(gateway, "import", file(whole))
        assert answer["compatibilityType"] == "incompatible"
        assert "too large" in answer["error"]
        assert shown(gateway) == []
        listing = whole["experimentSegmentInclusion"][0]["segment"]["id"]
        assert gateway.get(f"/api/segments/{listing}").status == 404

    def test_too_many_lists_are_refused(self, gateway: Gateway) -> None:
        many = [{"segment": segment(f"l{number}")} for number in range(41)]
        (answer,) = post(gateway, "validation", file(experiment(experimentSegmentInclusion=many)))
        assert answer["error"] == "at most 40 lists"


class TestFormsOfFiles:
    def test_a_mark_of_byte_order_does_not_matter(self, gateway: Gateway) -> None:
        sent = {"fileName": "file.json", "fileContent": "\ufeff" + json.dumps(experiment())}
        assert post(gateway, "import", sent) == [COMPATIBLE]

    def test_weights_keep_their_digits(self, gateway: Gateway) -> None:
        whole = experiment()
        whole["conditions"][0]["assignmentWeight"] = 0.1
        whole["conditions"][1]["assignmentWeight"] = 99.9
        for as_text in (True, False):
            post(gateway, "import", file({**whole, "id": new_id()}, as_text=as_text))
        for each in exported(gateway):
            assert [c["assignmentWeight"] for c in each["conditions"]] == [99.9, 0.1]


class TestSeveralFiles:
    def test_each_file_is_imported_by_itself(self, gateway: Gateway) -> None:
        good, bad, other = experiment(), experiment(context=["nowhere"]), experiment()
        sent = [file(each, name) for each, name in ((good, "1"), (bad, "2"), (other, "3"))]
        sent.append({"fileName": "4", "fileContent": "{"})
        for path in ("validation", "import"):
            answers = post(gateway, path, *sent)
            assert [(each["fileName"], each["compatibilityType"]) for each in answers] == [
                ("1", "compatible"),
                ("2", "incompatible"),
                ("3", "compatible"),
                ("4", "incompatible"),
            ]
        assert [each["id"] for each in shown(gateway)] == [good["id"], other["id"]]

    def test_a_repeated_call_imports_what_is_missing(self, gateway: Gateway) -> None:
        first, second = experiment(), experiment()
        post(gateway, "import", file(first))
        answers = post(gateway, "import", file(first), file(second))
        kinds = [each["compatibilityType"] for each in answers]
        assert kinds == ["incompatible", "compatible"]
        assert len(shown(gateway)) == 2

    def test_of_two_files_with_one_id_the_first_counts(self, gateway: Gateway) -> None:
        first = experiment()
        second = copy.deepcopy(first) | {"name": "second"}
        for path in ("validation", "import"):
            answers = post(gateway, path, file(first), file(second))
            kinds = [each["compatibilityType"] for each in answers]
            assert kinds == ["compatible", "incompatible"]
        assert [each["name"] for each in shown(gateway)] == ["Hints"]

    def test_a_copy_under_another_id_shares_no_parts(self, gateway: Gateway) -> None:
        first = experiment()
        second = copy.deepcopy(first) | {"id": new_id()}
        assert post(gateway, "import", file(first), file(second)) == [COMPATIBLE] * 2
        one, two = exported(gateway, first["id"], second["id"])
        assert one["id"] != two["id"]
        assert one["revertTo"] == first["revertTo"] != two["revertTo"]
        for name in ("conditions", "partitions", "conditionPayloads", "stateTimeLogs"):
            assert not {p["id"] for p in one[name]} & {p["id"] for p in two[name]}
        sides = [each["experimentSegmentInclusion"][0] for each in (one, two)]
        assert sides[0]["segment"]["id"] != sides[1]["segment"]["id"]
        members = [[u["userId"] for u in s["segment"]["individualForSegment"]] for s in sides]
        assert members == [["ada"], ["ada"]]


class TestWarnings:
    @pytest.mark.parametrize(("version", "age"), [("6.4.9", "older"), ("6.10.0", "newer")])
    def test_another_version_is_warned_of(self, gateway: Gateway, version: str, age: str) -> None:
        whole = experiment(backendVersion=version)
        for path in ("validation", "import"):
            (answer,) = post(gateway, path, file(whole))
            assert answer["compatibilityType"] == "warning"
            assert f"incompatible({age})" in answer["error"]
        assert exported(gateway)[0]["backendVersion"] == "6.5.0"

    def test_no_version_is_no_reason_to_warn(self, gateway: Gateway) -> None:
        assert post(gateway, "import", file(experiment(backendVersion=None))) == [COMPATIBLE]

    def test_queries_of_unknown_metrics_are_left_out_and_named(self, gateway: Gateway) -> None:
        measure(gateway, "time")
        queries = [query("time"), query("a@__@b@__@c"), query("score"), query("score", "again")]
        for path in ("validation", "import"):
            (answer,) = post(gateway, path, file(experiment(queries=queries)))
            assert answer["compatibilityType"] == "warning"
            assert "metrics not found: a@__@b@__@c, score." in answer["error"]
        (after,) = exported(gateway)
        assert [(q["id"], q["metric"]["key"]) for q in after["queries"]] == [
            (queries[0]["id"], "time")
        ]

    def test_a_list_waits_for_the_segments_that_it_names(self, gateway: Gateway) -> None:
        public = segment("later", "ada", type="public")
        listing = {"segment": segment("l", subs=[public["id"]])}
        whole = experiment(experimentSegmentInclusion=[listing])
        (answer,) = post(gateway, "import", file(whole))
        assert answer["compatibilityType"] == "warning"
        assert public["id"] in answer["error"]
        gateway.post("/api/segments/import", [file(public)])
        (after,) = exported(gateway)
        (shown_list,) = after["experimentSegmentInclusion"]
        assert [each["id"] for each in shown_list["segment"]["subSegments"]] == [public["id"]]


class TestLists:
    def made(self, gateway: Gateway) -> str:
        experiment_id: str = gateway.post("/api/experiments", design(("s", ""))).json["id"]
        return experiment_id

    def send(self, gateway: Gateway, experiment_id: str, *files: Any, side: str) -> Answer:
        body = {"files": files, "experimentId": experiment_id, "filterType": side}
        return gateway.post("/api/experiments/lists/import", body)

    def exported(self, gateway: Gateway, experiment_id: str, side: str) -> Answer:
        return gateway.get(f"/api/experiments/export/{side}Lists/{experiment_id}")

    @pytest.mark.parametrize(("side", "path"), [("inclusion", "include"), ("exclusion", "exclude")])
    def test_lists_go_out_and_come_in(self, gateway: Gateway, side: str, path: str) -> None:
        first, second = self.made(gateway), self.made(gateway)
        sent = [
            file(listed("ada", "bob"), "1.json"),
            file(segment("read", groups=[("classId", "c1")]), "2.json", as_text=False),
        ]
        answers = self.send(gateway, first, *sent, side=side).json
        assert answers == [
            {"fileName": name, "error": None, "reason": None} for name in ("1.json", "2.json")
        ]
        answer = self.exported(gateway, first, path)
        one, two = answer.json
        assert one == listed("ada", "bob", context="home")
        assert two["groups"] == [{"type": "classId", "groupId": "c1"}]
        assert answer.headers["content-disposition"] == 'attachment; filename="lists.zip"'
        self.send(gateway, second, file(answer.json), side=side)
        assert self.exported(gateway, second, path).json == answer.json
        again = self.send(gateway, second, file([one]), side=side).json
        assert again[0]["error"] is None
        assert len(self.exported(gateway, second, path).json) == 3

    def test_one_list_is_a_file_of_its_name(self, gateway: Gateway) -> None:
        made = self.made(gateway)
        self.send(gateway, made, file(listed(name='a "b"\r\nX: y')), side="inclusion")
        answer = self.exported(gateway, made, "include")
        assert answer.headers["content-disposition"] == (
            'attachment; filename="a _b___X: y.json"'
            "; filename*=UTF-8''a%20%22b%22%0D%0AX%3A%20y.json"
        )

    def test_lists_and_experiments_that_are_not_there_are_404(self, gateway: Gateway) -> None:
        made = self.made(gateway)
        for path, name in (("include", "Include"), ("exclude", "Exclude")):
            answer = self.exported(gateway, made, path)
            assert (answer.status, answer.json["message"]) == (404, f"{name} lists not found.")
            answer = self.exported(gateway, new_id(), path)
            assert (answer.status, answer.json["message"]) == (404, "Experiment not found.")
            assert self.exported(gateway, "x", path).status == 400
        answer = self.send(gateway, new_id(), file(listed("ada")), side="inclusion")
        assert answer.status == 404

    @pytest.mark.parametrize(
        ("sent", "said"),
        [
            (file(listed("ada"), "list.txt"), "must end in .json"),
            ({"fileName": "x.json", "fileContent": "{"}, "Invalid JSON"),
            (file([]), "no list"),
            (file([1]), "one JSON object"),
            (file({"name": "l"}), "userIds (or individualForSegment): required"),
            (file({"segment": {"name": "l", "userIds": []}}), "groups (or groupForSegment)"),
            (file([listed("ada"), listed(userIds=[1])]), "userIds.0"),
            (file(listed(name="")), "name"),
            (file(segment(subSegments=[{"name": "x"}])), "id: required"),
        ],
    )
    def test_a_file_that_holds_no_list_is_incompatible(
        self, gateway: Gateway, sent: Any, said: str
    ) -> None:
        made = self.made(gateway)
        good = file(listed("eve"), "good.json")
        answers = self.send(gateway, made, sent, good, side="exclusion").json
        assert [each["error"] for each in answers] == ["incompatible", None]
        assert said in answers[0]["reason"]
        (only,) = self.exported(gateway, made, "exclude").json
        assert only["userIds"] == ["eve"]

    def test_more_lists_than_there_may_be_are_refused_file_by_file(self, gateway: Gateway) -> None:
        made = self.made(gateway)
        forty = [listed(f"u{number}", name=f"l{number}") for number in range(40)]
        answers = self.send(gateway, made, file([*forty, listed()]), side="inclusion").json
        assert answers[0]["error"] == "incompatible"
        assert self.exported(gateway, made, "include").status == 404
        answers = self.send(gateway, made, file(forty), file(listed("ada")), side="inclusion").json
        assert [each["error"] for each in answers] == [None, "incompatible"]

    @pytest.mark.parametrize(
        "body", [{}, {"filterType": "other"}, {"files": {}}, {"experimentId": "1"}]
    )
    def test_a_body_of_another_form_is_refused(self, gateway: Gateway, body: Any) -> None:
        whole = {"files": [], "experimentId": new_id(), "filterType": "inclusion"}
        sent = {**whole, **body} if body else body
        assert gateway.post("/api/experiments/lists/import", sent).status == 400

    def test_subsegments_that_are_not_there_are_warned_of(self, gateway: Gateway) -> None:
        made, missing = self.made(gateway), new_id()
        sent = file({"segment": listed(subSegmentIds=[missing]), "listType": "Segment"})
        (answer,) = self.send(gateway, made, sent, side="inclusion").json
        assert answer["error"] is None
        assert missing in answer["reason"]
