"""The page of a UpGrade design: all of it, its actions, and the forms that change it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.dashboard.pages import Seen, load, submit
from tests.api.upgrade_setup import design, two_factors
from tests.http import Gateway

HOSTILE = "<script>alert(1)</script>\"'&\u202e"


def made(gateway: Gateway, body: dict[str, Any] | None = None, **fields: Any) -> str:
    """The id of a design that was created by the API."""
    answer = gateway.post("/api/experiments", {**(body or design(("lesson", "hint"))), **fields})
    assert answer.status == 200, answer.text
    return str(answer.json["id"])


def page_of(experiment_id: str) -> str:
    return f"/dashboard/experiment/{experiment_id}/design"


def stored(gateway: Gateway, experiment_id: str) -> Any:
    return gateway.get(f"/api/experiments/single/{experiment_id}").json


def enroll(gateway: Gateway, *users: str) -> None:
    """Let users take part in what is at the decision point."""
    for user in users:
        headers = {"User-Id": user, "content-type": "application/json"}
        for path, body in (
            ("/api/v6/init", {}),
            ("/api/v6/assign", {"context": "home"}),
            (
                "/api/v6/mark",
                {
                    "data": {"site": "lesson", "target": "hint", "assignedCondition": {}},
                    "status": "condition applied",
                },
            ),
        ):
            answer = gateway.send("POST", path, body, headers)
            assert answer.status == 200, answer.text


def form_fields(page: Seen, *others: str) -> dict[str, str]:
    """The fields of the form that edits, as the page has them (selects and texts left out)."""
    names = ("version", "type", "unit", "conditions.", "points.", *others)
    return {name: value for name, value in page.fields.items() if name.startswith(names)}


def test_everything_of_a_design_can_be_read(gateway: Gateway) -> None:
    experiment_id = made(
        gateway,
        name="Hints",
        description="early or late",
        tags=["maths"],
        endOn="2031-01-01T00:00:00.000Z",
        enrollmentCompleteCondition={"userCount": 200},
    )
    page = load(gateway, page_of(experiment_id))
    assert page.status == 200
    assert page.testids["state"] == ["draft (inactive)"]
    for text in ("Hints", "early or late", "maths", "lesson", "hint", "with 200 users", "control"):
        assert text in page.text
    assert "50 %" in page.testids["variants"][0]
    assert "0 users take part" in page.testids["enrollment"][0]
    assert {"action-start", "action-clone", "action-delete", "action-save"} <= {*page.testids}
    assert "action-pause" not in page.testids


def test_a_factorial_design_shows_factors_and_levels(gateway: Gateway) -> None:
    experiment_id = made(gateway, two_factors(("lesson", "hint")))
    page = load(gateway, page_of(experiment_id))
    assert "Color=Red; Shape=Circle" in page.text


def test_an_unknown_design_is_not_found(gateway: Gateway) -> None:
    page = load(gateway, page_of("00000000-0000-4000-8000-000000000000"))
    assert page.status == 404


def test_hostile_texts_are_shown_and_never_run(gateway: Gateway) -> None:
    body = design((HOSTILE, HOSTILE), codes=(HOSTILE, "other"))
    experiment_id = made(gateway, body, name=HOSTILE, description=HOSTILE, tags=[HOSTILE])
    page = load(gateway, page_of(experiment_id))
    assert HOSTILE in page.text
    assert "<script>alert" not in page.answer.text


def test_a_design_lives_by_its_buttons(gateway: Gateway) -> None:
    experiment_id = made(gateway)
    path = f"/dashboard/experiment/{experiment_id}/state"
    page = submit(gateway, path, {"state": "enrolling"})
    assert page.testids["state"] == ["running (enrolling)"]
    assert "gets a condition now" in page.text
    page = submit(gateway, path, {"state": "enrollmentComplete"})
    assert page.testids["state"] == ["ended (enrollment complete)"]
    assert "action-resume" in page.testids
    assert submit(gateway, path, {"state": "cancelled"}).testids["state"] == ["ended (cancelled)"]
    page = submit(gateway, path, {"state": "archived"})
    assert page.testids["state"] == ["archived"]


def test_a_schedule_needs_its_date_in_the_words_of_the_api(gateway: Gateway) -> None:
    experiment_id = made(gateway)
    path = f"/dashboard/experiment/{experiment_id}/state"
    page = submit(gateway, path, {"state": "scheduled"})
    assert page.status == 422
    assert "startOn: say when the experiment is to start" in page.text
    page = submit(gateway, path, {"state": "scheduled", "start": "2031-05-01T08:00"})
    assert page.testids["state"] == ["scheduled"]
    assert stored(gateway, experiment_id)["startOn"] == "2031-05-01T08:00:00.000Z"


def test_a_winner_is_for_all_who_take_part(gateway: Gateway) -> None:
    experiment_id = made(gateway, state="enrolling")
    enroll(gateway, "anna", "ben")
    page = load(gateway, page_of(experiment_id))
    assert "all 2 users taking part get the winner" in page.text
    winner = stored(gateway, experiment_id)["conditions"][1]["id"]
    page = submit(gateway, f"/dashboard/experiment/{experiment_id}/ship", {"winner": winner})
    assert page.testids["state"] == ["ended (enrollment complete)"]
    after = stored(gateway, experiment_id)
    assert (after["postExperimentRule"], after["revertTo"]) == ("assign", winner)
    assert after["stateTimeLogs"][0]["toState"] == "paused"


def test_a_copy_is_a_draft_with_its_own_lists(gateway: Gateway) -> None:
    listed = {
        "segment": {
            "type": "private",
            "listType": "Individual",
            "individualForSegment": [{"userId": "anna"}],
        }
    }
    experiment_id = made(gateway, state="enrolling", experimentSegmentInclusion=[listed])
    path = f"/dashboard/experiment/{experiment_id}/copy"
    page = submit(gateway, path, {"copy_name": "Once more"})
    assert page.testids["state"] == ["draft (inactive)"]
    assert "Once more" in page.text
    assert "1 user" in page.text
    before, after = (each for each in gateway.get("/api/experiments").json)
    ids = [each["experimentSegmentInclusion"][0]["segment"]["id"] for each in (before, after)]
    assert ids[0] != ids[1]
    assert before["conditions"][0]["id"] != after["conditions"][0]["id"]


def test_a_design_is_deleted_by_its_name_only(gateway: Gateway) -> None:
    experiment_id = made(gateway, name="Hints", state="enrolling")
    enroll(gateway, "anna")
    assert "its 1 user enrolled" in load(gateway, page_of(experiment_id)).text
    path = f"/dashboard/experiment/{experiment_id}/delete"
    page = submit(gateway, path, {"delete_name": "Hint"})
    assert page.status == 422
    assert page.fields["delete_name"] == "Hint"
    page = submit(gateway, path, {"delete_name": "Hints"})
    assert "was deleted" in page.text
    assert gateway.get("/api/experiments").json == []


def edits(gateway: Gateway, experiment_id: str, **changed: str) -> Seen:
    """Send the form that edits, with some fields changed."""
    page = load(gateway, page_of(experiment_id))
    design_now = stored(gateway, experiment_id)
    fields = {
        **form_fields(page),
        "name": design_now["name"],
        "filter_mode": design_now["filterMode"],
        "post_rule": design_now["postExperimentRule"],
        **{name.replace("__", "."): value for name, value in changed.items()},
    }
    for n, point in enumerate(design_now["partitions"]):
        if not point["excludeIfReached"]:
            fields.pop(f"points.{n}.exclude", None)
    fields = {name: value for name, value in fields.items() if value}
    return submit(gateway, page_of(experiment_id), fields)


def test_what_the_form_does_not_say_stays(gateway: Gateway) -> None:
    experiment_id = made(
        gateway, two_factors(("lesson", "hint")), startOn="2030-01-01T00:00:00.123Z", state="draft"
    )
    before = stored(gateway, experiment_id)
    page = edits(gateway, experiment_id, start="2030-01-01T00:00", tags="a, b")
    assert "was saved" in page.text, page.text
    after = stored(gateway, experiment_id)
    assert after["tags"] == ["a", "b"]
    assert after["startOn"] == before["startOn"]
    for part in ("factors", "conditions", "partitions"):
        kept = [
            [{k: v for k, v in each.items() if k != "levelCombinationElements"} for each in rows]
            for rows in (before[part], after[part])
        ]
        for rows in kept:
            for row in rows:
                for stamp in ("updatedAt", "versionNumber", "levels"):
                    row.pop(stamp, None)
        assert kept[0] == kept[1]


def test_weights_points_and_rules_are_edited(gateway: Gateway) -> None:
    experiment_id = made(gateway)
    winner = stored(gateway, experiment_id)["conditions"][0]["id"]
    page = edits(
        gateway,
        experiment_id,
        conditions__0__weight="20",
        conditions__1__weight="50",
        conditions__2__code="third",
        conditions__2__weight="30",
        points__1__site="end",
        points__1__target="quiz",
        points__1__exclude="yes",
        users="300",
        post_rule="assign",
        revert_to=winner,
    )
    assert "was saved" in page.text
    after = stored(gateway, experiment_id)
    assert [each["assignmentWeight"] for each in after["conditions"]] == [20, 50, 30]
    assert after["partitions"][1]["excludeIfReached"] is True
    assert after["enrollmentCompleteCondition"] == {"userCount": 300}
    assert after["revertTo"] == winner


def test_a_refused_edit_keeps_what_was_typed(gateway: Gateway) -> None:
    experiment_id = made(gateway, state="enrolling")
    page = edits(gateway, experiment_id, conditions__0__weight="10", description="new words")
    assert page.status == 422
    assert "the weights of the conditions sum to 60" in page.text
    assert page.fields["conditions.0.weight"] == "10"
    assert "new words" in page.text
    page = edits(gateway, experiment_id, conditions__0__weight="half")
    assert "conditions.0.assignmentWeight: must be a number" in page.text


def test_a_form_of_an_older_version_is_refused(gateway: Gateway) -> None:
    experiment_id = made(gateway)
    page = edits(gateway, experiment_id, version="0", description="new words")
    assert page.status == 409
    assert "Somebody changed this design" in page.text
    assert page.fields["version"] == "1"


def test_taking_a_condition_away_that_users_have_asks_for_the_name(gateway: Gateway) -> None:
    body = design(("lesson", "hint"), weights=(100, 0), state="enrolling")
    experiment_id = made(gateway, body, name="Hints")
    enroll(gateway, "anna")
    changed = {"conditions__0__code": "", "conditions__1__weight": "100"}
    page = edits(gateway, experiment_id, **changed)
    assert page.status == 422
    assert "the enrollment of 1 user and 0 groups is lost" in page.text
    page = edits(gateway, experiment_id, confirm="Hints", **changed)
    assert "was saved" in page.text
    assert len(stored(gateway, experiment_id)["conditions"]) == 1


def test_queries_ask_of_known_metrics_only(gateway: Gateway) -> None:
    experiment_id = made(gateway)
    query = {
        "queries__0__name": "Time",
        "queries__0__metric": "time",
        "queries__0__operation": "avg",
        "queries__0__measure": "MEAN",
    }
    page = edits(gateway, experiment_id, **query)
    assert "there is no metric time" in page.text
    assert page.fields["queries.0.metric"] == "time"
    metric = {"metricUnit": [{"metric": "time", "datatype": "continuous"}], "context": ["home"]}
    assert gateway.post("/api/metric/save", metric).status == 200
    assert "was saved" in edits(gateway, experiment_id, **query).text
    assert stored(gateway, experiment_id)["queries"][0]["name"] == "Time"


def test_everything_is_edited_as_json(gateway: Gateway) -> None:
    experiment_id = made(gateway)
    path = f"{page_of(experiment_id)}/json"
    body = {**stored(gateway, experiment_id), "consistencyRule": "experiment"}
    fields = {"version": "1", "json_text": json.dumps(body)}
    page = submit(gateway, path, {**fields, "json_text": "{"})
    assert page.status == 422
    assert "this is not JSON" in page.text
    page = submit(gateway, path, fields)
    assert "was saved" in page.text
    assert stored(gateway, experiment_id)["consistencyRule"] == "experiment"


def test_lists_are_added_and_taken_off(gateway: Gateway) -> None:
    experiment_id = made(gateway)
    path = f"/dashboard/experiment/{experiment_id}/lists"
    page = submit(gateway, path, {"side": "exclude", "kind": "Individual", "list_name": "Staff"})
    assert page.status == 422
    assert page.fields["list_name"] == "Staff"
    users = {"members": "anna\r\nben\r\n", "list_name": "Staff"}
    page = submit(gateway, path, {"side": "exclude", "kind": "Individual", **users})
    assert "The list is added" in page.text
    assert "2 users, 0 groups" in page.text
    (entry,) = stored(gateway, experiment_id)["experimentSegmentExclusion"]
    gone = {"segment": entry["segment"]["id"], "side": "exclude"}
    page = submit(gateway, f"{path}/remove", gone)
    assert stored(gateway, experiment_id)["experimentSegmentExclusion"] == []


def test_a_download_is_imported_again(gateway: Gateway) -> None:
    experiment_id = made(gateway, name="Hints", state="enrolling")
    file = gateway.get(f"/dashboard/experiment/{experiment_id}/export")
    assert file.headers["content-disposition"] == 'attachment; filename="Hints.json"'
    path = "/dashboard/new/design/import"
    page = submit(gateway, path, {"json_text": file.text})
    assert page.status == 422
    assert "Duplicate experiment" in page.text
    assert experiment_id in page.text, "what was pasted is kept"
    gateway.delete(f"/api/experiments/{experiment_id}")
    page = submit(gateway, path, {"json_text": file.text})
    assert page.testids["state"] == ["running (enrolling)"]


def test_warnings_of_an_import_are_read_before_it(gateway: Gateway) -> None:
    body = {**design(("lesson", "hint")), "backendVersion": "6.0.0"}
    files = [{"fileName": "mine.json", "fileContent": json.dumps(body)}]
    path = "/dashboard/new/design/import"
    page = submit(gateway, path, {"json_text": json.dumps(files)})
    assert "mine.json: Warning: this experiment file is incompatible(older)" in page.text
    assert gateway.get("/api/experiments").json == []
    page = submit(gateway, path, {"json_text": json.dumps(files), "accept": "yes"})
    assert "was imported" in page.text


@pytest.mark.parametrize("text", ["", "[]", "3", '"x"', '[{"fileContent": 1}]'])
def test_what_is_no_design_is_refused_with_a_reason(gateway: Gateway, text: str) -> None:
    page = submit(gateway, "/dashboard/new/design/import", {"json_text": text})
    assert page.status == 422
    assert "New UpGrade design" in page.text


def asked(name: str) -> dict[str, Any]:
    """A query of a design."""
    return {
        "name": name,
        "query": {"operationType": "avg"},
        "metric": {"key": "time"},
        "repeatedMeasure": "MOST RECENT",
    }


def planned(gateway: Gateway, experiment_id: str, **fields: str) -> Seen:
    """The page after its form of the plan was sent with some fields."""
    page = load(gateway, page_of(experiment_id))
    own = {
        name: value
        for name, value in page.fields.items()
        if name.startswith("plan.") and name.endswith(".name")
    }
    sent = {f"plan.{name}": value for name, value in fields.items()}
    return submit(gateway, f"/dashboard/experiment/{experiment_id}/plan", {**own, **sent})


def plan_of(gateway: Gateway, experiment_id: str) -> Any:
    return gateway.get(f"/api/results/experiment/{experiment_id}/plan").json["plan"]


def test_the_plan_names_what_decides_and_what_must_not_get_worse(gateway: Gateway) -> None:
    time = {"metricUnit": [{"metric": "time", "datatype": "continuous"}], "context": ["home"]}
    assert gateway.post("/api/metric/save", time).status == 200
    body = {**two_factors(("lesson", "hint")), "queries": [asked("Time"), asked("Score")]}
    experiment_id = made(gateway, body)
    fields = {
        "metrics.0.role": "guardrail",
        "metrics.0.direction": "decrease",
        "metrics.0.margin": "5",
        "metrics.1.role": "primary",
        "metrics.1.direction": "increase",
        "smallest_effect": "2",
        "compares": "conditions",
    }
    page = planned(gateway, experiment_id, **fields)
    assert page.status == 200, page.text
    assert "The plan of results was saved." in page.text
    assert "Score (primary)" in page.text
    plan = plan_of(gateway, experiment_id)
    assert [each["role"] for each in plan["metrics"]] == ["guardrail", "primary"]
    assert plan["metrics"][0]["margin"] == 5
    assert (plan["smallest_effect"], plan["compares"]) == (2, "conditions")
    assert page.fields["plan.metrics.0.margin"] == "5"
    page = planned(gateway, experiment_id, smallest_effect="3")
    assert page.status == 200, page.text
    assert plan_of(gateway, experiment_id)["metrics"] == [], "without roles the defaults hold"


def test_a_refused_plan_of_a_design_keeps_what_was_typed(gateway: Gateway) -> None:
    experiment_id = made(gateway)
    page = planned(gateway, experiment_id, smallest_effect="some", units="40")
    assert page.status == 422
    assert "smallest_effect" in page.text
    assert page.fields["plan.smallest_effect"] == "some"
    assert page.fields["plan.units"] == "40"
    assert plan_of(gateway, experiment_id)["units"] is None
