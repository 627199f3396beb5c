"""What the service says of itself and of how far experiments are; schedules."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.api.logged import Lines, lines
from tests.api.upgrade_setup import design
from tests.http import Answer, Gateway

__all__ = ["lines"]

SECRET = "what a client wrote " * 500
TWO = (("one", SECRET), ("two", "short"))
"""The sites and descriptions of two experiments."""

UNKNOWN = "7d1f0c52-9f5e-4c58-a1c3-0b4b7f6f3eab"
GROUPED: dict[str, Any] = {"assignmentUnit": "group", "group": "classId"}


def move(gateway: Gateway, body: Any, state: str, **fields: Any) -> Answer:
    return gateway.post(
        "/api/experiments/state", {"experimentId": body["id"], "state": state, **fields}
    )


def shown(gateway: Gateway, body: Any) -> Any:
    return gateway.get(f"/api/experiments/single/{body['id']}").json


def enroll(gateway: Gateway, user_id: str, class_id: str) -> None:
    groups = {"group": {"classId": [class_id]}, "workingGroup": {"classId": class_id}}
    marked = {"data": {"site": "site", "target": ""}}
    for path, body in (("init", groups), ("mark", marked)):
        answer = gateway.send("POST", f"/api/v6/{path}", body, {"user-id": user_id})
        assert answer.status == 200, answer.text


class TestService:
    def test_the_service_says_what_it_is(self, gateway: Gateway) -> None:
        answer = gateway.get("/api")
        assert (answer.status, answer.json["name"]) == (200, "switchyard")
        assert set(answer.json) == {"name", "version", "description"}

    def test_clients_see_the_version_of_the_original(self, gateway: Gateway) -> None:
        assert gateway.get("/api/version").text == '"6.5.0"'


class TestGroups:
    def test_groups_with_users_enough_are_counted(self, gateway: Gateway) -> None:
        complete = {"userCount": 2, "groupCount": 5}
        body = design(("site", ""), enrollmentCompleteCondition=complete, **GROUPED)
        gateway.post("/api/experiments", body)
        move(gateway, body, "enrolling")
        path = f"/api/experiments/getGroupAssignmentStatus/{body['id']}"
        assert gateway.get(path).text == "0"
        for user_id, class_id in (("a", "1"), ("b", "1"), ("c", "2")):
            enroll(gateway, user_id, class_id)
        assert gateway.get(path).text == "1"

    def test_experiments_that_do_not_end_by_groups_have_no_number(self, gateway: Gateway) -> None:
        body = design(("site", ""))
        gateway.post("/api/experiments", body)
        answer = gateway.get(f"/api/experiments/getGroupAssignmentStatus/{body['id']}")
        assert (answer.status, answer.text) == (200, "null")

    @pytest.mark.parametrize(("experiment_id", "status"), [(UNKNOWN, 404), ("x", 400)])
    def test_an_unknown_experiment_has_no_status(
        self, gateway: Gateway, experiment_id: object, status: int
    ) -> None:
        path = f"/api/experiments/getGroupAssignmentStatus/{experiment_id}"
        assert gateway.get(path).status == status


def test_there_are_no_rewards_to_sum_up(gateway: Gateway) -> None:
    answer = gateway.get(f"/api/experiments/mooclet-rewards/{uuid.uuid4()}")
    assert (answer.status, answer.json["name"]) == (400, "BadRequestError")
    assert answer.json["message"] == "Mooclet is not enabled in the environment"


class TestSchedules:
    def test_an_experiment_is_scheduled_for_a_date(self, gateway: Gateway) -> None:
        body = design(("site", ""))
        gateway.post("/api/experiments", body)
        refused = move(gateway, body, "scheduled")
        assert (refused.status, refused.json["name"]) == (400, "BadRequestError")
        assert shown(gateway, body)["state"] == "inactive"
        moved = move(gateway, body, "scheduled", scheduleDate="2099-01-01T10:00:00+02:00")
        assert moved.status == 200
        assert (moved.json["state"], moved.json["startOn"]) == (
            "scheduled",
            "2099-01-01T08:00:00.000Z",
        )
        assert shown(gateway, body)["startOn"] == "2099-01-01T08:00:00.000Z"

    def test_the_scheduled_function_starts_it(self, gateway: Gateway, app: Any) -> None:
        body = design(("site", ""))
        gateway.post("/api/experiments", body)
        move(gateway, body, "scheduled", scheduleDate="2020-01-01T00:00:00Z")
        for _ in range(2):
            app.run_upkeep()
        logs = shown(gateway, body)["stateTimeLogs"]
        assert [(log["fromState"], log["toState"]) for log in logs] == [
            ("scheduled", "running"),
            ("inactive", "scheduled"),
        ]

    def test_one_that_cannot_start_says_so_and_the_others_start(
        self,
        gateway: Gateway,
        app: Any,
        lines: Lines,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        bodies = [design((site, ""), description=text) for site, text in TWO]
        for body in bodies:
            gateway.post("/api/experiments", body)
            move(gateway, body, "scheduled", scheduleDate="2020-01-01T00:00:00Z")
        monkeypatch.setattr(app.observer, "measures", True)
        with monkeypatch.context() as crowded:
            crowded.setattr("chalicelib.storage.catalogue.feature_items.ITEM_BYTES", len(SECRET))
            app.run_upkeep()
        faulty, started = (shown(gateway, body) for body in bodies)
        assert (faulty["state"], started["state"]) == ("scheduled", "running")
        assert "too large" in faulty["scheduleFault"]["message"]
        assert "scheduleFault" not in started
        listed = {each["id"]: each for each in gateway.get("/api/experiments").json}
        assert listed[bodies[0]["id"]]["scheduleFault"] == faulty["scheduleFault"]
        (failed,), (job,) = lines.of("experiment failed"), lines.of("job")
        assert (job["faults"], failed["route"]) == (1, "upkeep")
        assert failed["failure"][0] == "chalicelib.domain.errors.Invalid"
        assert SECRET not in "".join(lines.texts)
        assert '"ExperimentFaults":[1.0]' in capsys.readouterr().out.replace(" ", "")
        app.run_upkeep()
        assert shown(gateway, bodies[0])["state"] == "running"
        assert "scheduleFault" not in shown(gateway, bodies[0])
