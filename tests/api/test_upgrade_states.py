"""What an experiment needs in its state, and what entering one brings about, whoever says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.test_upgrade_files import exported
from tests.api.upgrade_files_setup import experiment as exported_experiment
from tests.api.upgrade_files_setup import file
from tests.api.upgrade_setup import design
from tests.http import Answer, Gateway

FLAGGED = {"id": "p", "site": "site", "target": "", "order": 1, "excludeIfReached": True}
TOMORROW = "2099-01-01T10:00:00.000Z"

Way = Callable[[Gateway, dict[str, Any]], Answer]
"""A way to bring an experiment into the state that its body names."""


def post(gateway: Gateway, body: dict[str, Any]) -> Answer:
    return gateway.post("/api/experiments", body)


def batch(gateway: Gateway, body: dict[str, Any]) -> Answer:
    return gateway.post("/api/experiments/batch", [design(("other", "")), body])


def edit(gateway: Gateway, body: dict[str, Any]) -> Answer:
    assert post(gateway, {**body, "state": "inactive"}).status == 200
    return gateway.put(f"/api/experiments/{body['id']}", body)


def move(gateway: Gateway, body: dict[str, Any]) -> Answer:
    assert post(gateway, {**body, "state": "inactive"}).status == 200
    moved = {"experimentId": body["id"], "state": body["state"]}
    return gateway.post("/api/experiments/state", moved)


def bring(gateway: Gateway, body: dict[str, Any]) -> Answer:
    return gateway.post("/api/experiments/import", [file(body)])


def states(gateway: Gateway) -> dict[str, str]:
    return {each["id"]: each["state"] for each in gateway.get("/api/experiments").json}


def log(gateway: Gateway, experiment_id: str) -> list[tuple[str, str]]:
    shown = gateway.get(f"/api/experiments/single/{experiment_id}").json
    return [(each["fromState"], each["toState"]) for each in shown["stateTimeLogs"]]


def call(gateway: Gateway, user_id: str, path: str, body: Any) -> Any:
    answer = gateway.send("POST", f"/api/v6/{path}", body, {"user-id": user_id})
    assert answer.status == 200, answer.text
    return answer.json


class TestLogOfStates:
    @pytest.mark.parametrize("way", [post, batch, bring])
    def test_the_log_begins_where_an_experiment_is_created(
        self, gateway: Gateway, way: Way
    ) -> None:
        for state, shown in (
            ("inactive", None), ("preview", "preview"), ("running", "running"),
            ("enrollmentComplete", "paused"), ("archived", "archived"), ("scheduled", "scheduled"),
        ):  # fmt: skip
            body = design(("site", ""), state=state, startOn=TOMORROW)
            assert way(gateway, body).status == 200
            assert log(gateway, body["id"]) == ([] if shown is None else [("inactive", shown)])

    @pytest.mark.parametrize("way", [post, batch, edit, move, bring])
    def test_who_reached_a_point_before_the_start_is_excluded(
        self, gateway: Gateway, way: Way
    ) -> None:
        for user_id in ("early", "late"):
            call(gateway, user_id, "init", {})
        call(gateway, "early", "mark", {"data": {"site": "site", "target": ""}})
        assert way(gateway, design(state="enrolling", partitions=[FLAGGED])).status == 200
        assigned = [len(call(gateway, each, "assign", {"context": "home"})) for each in
                    ("early", "late")]  # fmt: skip
        assert assigned == [0, 1]

    def test_a_log_that_comes_along_is_kept(self, gateway: Gateway) -> None:
        body = exported_experiment()
        assert bring(gateway, body).json[0]["compatibilityType"] == "compatible"
        assert exported(gateway)[0]["stateTimeLogs"][0]["id"] == body["stateTimeLogs"][-1]["id"]
        assert len(log(gateway, body["id"])) == len(body["stateTimeLogs"])

    def test_what_ran_elsewhere_goes_on_with_who_takes_part(self, gateway: Gateway) -> None:
        """Its participants reached its points after it was created there."""
        body = exported_experiment(stateTimeLogs=None, state="enrolling")
        bring(gateway, body)
        (entry,) = gateway.get(f"/api/experiments/single/{body['id']}").json["stateTimeLogs"]
        assert entry["timeLog"] == body["createdAt"]


def refused(gateway: Gateway, way: Way, body: dict[str, Any], said: str) -> None:
    """Assert that an experiment does not come into its state, and that it is said why."""
    before = states(gateway)
    answer = way(gateway, body)
    if way is bring:
        for judged in (answer, gateway.post("/api/experiments/validation", [file(body)])):
            assert judged.json[0]["compatibilityType"] == "incompatible"
            assert said in judged.json[0]["error"]
    else:
        assert (answer.status, answer.json["name"]) == (400, "BadRequestError")
        assert said in answer.json["message"]
    added = {} if way not in (edit, move) else {body["id"]: "inactive"}
    assert states(gateway) == {**before, **added}


class TestDates:
    @pytest.mark.parametrize("way", [post, batch, edit, move, bring])
    def test_what_is_scheduled_says_when_it_starts(self, gateway: Gateway, way: Way) -> None:
        refused(gateway, way, design(("site", ""), state="scheduled"), "startOn")
        dated = design(("site", ""), state="scheduled", startOn=TOMORROW)
        assert way(gateway, dated).status == 200
        assert states(gateway)[dated["id"]] == "scheduled"

    def test_a_date_cannot_be_taken_from_what_is_scheduled(self, gateway: Gateway) -> None:
        dated = design(("site", ""), state="scheduled", startOn=TOMORROW)
        post(gateway, dated)
        answer = gateway.put(f"/api/experiments/{dated['id']}", {**dated, "startOn": None})
        assert answer.status == 400
        shown = gateway.get(f"/api/experiments/single/{dated['id']}").json
        assert shown["startOn"] == TOMORROW


class TestWeights:
    @pytest.mark.parametrize("state", ["enrolling", "scheduled"])
    @pytest.mark.parametrize("way", [post, batch, edit, move])
    def test_weights_that_sum_to_something_else_do_not_start(
        self, gateway: Gateway, way: Way, state: str
    ) -> None:
        odd = design(("site", ""), weights=(25, 25.5), state=state, startOn=TOMORROW)
        refused(gateway, way, odd, "sum to 50.5;")

    @pytest.mark.parametrize("weights", [(33.33, 33.33, 33.33), (33, 33, 33), (0, 0, 0)])
    @pytest.mark.parametrize("way", [post, edit])
    def test_weights_are_summed_as_decimals_and_may_be_one_off(
        self, gateway: Gateway, way: Way, weights: tuple[float, ...]
    ) -> None:
        body = design(("site", ""), codes=("a", "b", "c"), weights=weights, state="running")
        assert way(gateway, body).status == 200
        assert states(gateway) == {body["id"]: "running"}

    def test_weights_of_a_running_experiment_are_edited_to_another_sum_of_100(
        self, gateway: Gateway
    ) -> None:
        body = design(("site", ""), state="running")
        post(gateway, body)
        whole = gateway.get(f"/api/experiments/single/{body['id']}").json
        answers = []
        for weights in ((90, 30), (90, 10)):
            for condition, weight in zip(whole["conditions"], weights, strict=True):
                condition["assignmentWeight"] = weight
            answers.append(gateway.put(f"/api/experiments/{body['id']}", whole))
        assert [answer.status for answer in answers] == [400, 200]
        assert "sum to 120;" in answers[0].json["message"]
        shown = gateway.get(f"/api/experiments/conditions/{body['id']}").json
        assert [each["assignmentWeight"] for each in shown] == [90, 10]

    def test_what_runs_already_is_imported_with_a_warning(self, gateway: Gateway) -> None:
        odd = design(("site", ""), weights=(25, 25), state="enrolling")
        for path in ("validation", "import"):
            (judged,) = gateway.post(f"/api/experiments/{path}", [file(odd)]).json
            assert judged["compatibilityType"] == "warning"
            assert "Warning: " in judged["error"]
            assert "sum to 50;" in judged["error"]
        assert states(gateway) == {odd["id"]: "running"}
        again = design(("site", ""), weights=(25, 25), state="scheduled", startOn=TOMORROW)
        refused(gateway, bring, again, "sum to 50;")

    def test_what_came_with_odd_weights_still_gets_its_lists(self, gateway: Gateway) -> None:
        odd = design(("site", ""), weights=(25, 25), state="enrolling")
        bring(gateway, odd)
        listing = {"name": "l", "context": "home", "type": "private", "userIds": ["ada"]}
        listing |= {"groups": [], "subSegmentIds": []}
        body = {"experimentId": odd["id"], "list": listing}
        assert gateway.post("/api/experiments/exclusionList", body).status == 200
        whole = gateway.get(f"/api/experiments/single/{odd['id']}").json
        assert gateway.put(f"/api/experiments/{odd['id']}", whole).status == 200

    @pytest.mark.parametrize("way", [post, batch, edit, move, bring])
    def test_weights_do_not_matter_within_subjects(self, gateway: Gateway, way: Way) -> None:
        within: dict[str, Any] = {"assignmentUnit": "within-subjects", "consistencyRule": None}
        within["conditionOrder"] = "ordered round robin"
        body = design(("site", ""), weights=(5, 5), state="enrolling", **within)
        assert way(gateway, body).status == 200
        assert states(gateway)[body["id"]] == "running"
