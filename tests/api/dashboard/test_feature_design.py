"""A feature of Test Lab: all of it readable, and taken from step to step by forms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.api.dashboard.pages import Seen, load, submit
from tests.api.test_features import create
from tests.http import Gateway

HOSTILE = "<script>alert(1)</script>\"'&\u202e"
TODAY = datetime.now(UTC).date()


def page_of(feature: Any) -> str:
    return f"/dashboard/feature/{feature['id']}/design"


def experiment(gateway: Gateway, name: str = "button", **fields: Any) -> Any:
    made = create(gateway, **{"name": name, "user_percentage": 0.25, **fields})
    variants = [
        {"value": value, "weight": "0.5", "is_control": value == "blue", "feature_id": made["id"]}
        for value in ("blue", "green")
    ]
    answer = gateway.post(f"/api/feature/{made['id']}/variants", {"variants": variants})
    assert answer.status == 200
    return {**made, "variants": answer.json}


def take_part(gateway: Gateway, made: Any, users: int = 3) -> None:
    """Three users, and two events of the first one."""
    variant_id = made["variants"][0]["id"]
    for number in range(users):
        user = {"id": f"u{number}", "variant_id": variant_id, "ip_address": "192.0.2.1"}
        assert gateway.post("/api/users", user).status == 200
    for _ in range(2):
        event = {"user_id": "u0", "variant_id": variant_id}
        assert gateway.post("/api/events", event).status == 200


def stored(gateway: Gateway, made: Any) -> Any:
    return gateway.get(f"/api/feature/{made['id']}").json


def act(gateway: Gateway, made: Any, do: str, **fields: str) -> Seen:
    return submit(gateway, page_of(made), {"do": do, **fields})


def test_all_of_an_experiment_is_readable(gateway: Gateway) -> None:
    made = experiment(gateway, description="Two colours.")
    gateway.get("/api/feature/current")
    take_part(gateway, made)
    page = load(gateway, page_of(made))
    assert page.status == 200
    assert page.testids["state"] == ["running"]
    assert "blue" in page.testids["variants"][0]
    assert "blue 50 % control 3 1 2" in page.text
    assert "green 50 % compared with the control 0 0 0" in page.text
    assert "asked for 5, got 5 of 5 % each" in page.text
    assert "Two colours." in page.text
    assert "3 users, with 2 events" in page.text
    assert "share of users with any event" in page.text
    assert f"../../../dashboard/feature/{made['id']}" in page.links


def test_an_experiment_that_got_fewer_blocks_than_it_asked_for_says_so(gateway: Gateway) -> None:
    create(gateway, name="first", user_percentage=0.9)
    made = experiment(gateway)
    gateway.get("/api/feature/current")
    page = load(gateway, page_of(made))
    assert "asked for 5, got 2 of 5 % each" in page.text
    assert "3 fewer than asked for: no more are free" in page.text


def test_a_toggle_says_that_sdks_answer_false(gateway: Gateway) -> None:
    page = load(gateway, page_of(create(gateway, type_id=1)))
    assert "Every published SDK of Test Lab answers false for a toggle." in page.text
    assert "action-ship" not in page.testids


def test_hostile_names_do_nothing(gateway: Gateway) -> None:
    made = experiment(gateway, HOSTILE, description=HOSTILE)
    page = load(gateway, page_of(made))
    assert HOSTILE in page.text
    assert "<script>alert" not in page.answer.text


@pytest.mark.parametrize("path", ["/dashboard/feature/7/design", "/dashboard/feature/x/design"])
def test_what_is_not_there_is_refused(gateway: Gateway, path: str) -> None:
    assert load(gateway, path).status in (404, 422)
    assert submit(gateway, path, {"do": "start"}).status in (404, 422)


def test_an_unknown_step_is_refused_on_the_page(gateway: Gateway) -> None:
    page = act(gateway, experiment(gateway), "explode")
    assert page.status == 422
    assert "Nothing was changed." in page.text


def test_pause_resume_and_start(gateway: Gateway) -> None:
    made = experiment(gateway)
    take_part(gateway, made)
    before = load(gateway, page_of(made))
    assert "3 users who take part meet no variant any more" in before.text
    paused = act(gateway, made, "pause")
    assert "Paused" in paused.text
    assert paused.testids["state"] == ["paused"]
    assert stored(gateway, made)["is_running"] is False
    assert "action-resume" in paused.testids
    running = act(gateway, made, "start")
    assert running.testids["state"] == ["running"]
    assert stored(gateway, made)["is_running"] is True
    later = experiment(gateway, "later", is_running=False)
    assert "action-start" in load(gateway, page_of(later)).testids


def test_an_experiment_ends_now_or_tonight(gateway: Gateway) -> None:
    made = experiment(gateway)
    ends = act(gateway, made, "end", when="tonight")
    assert "It ends at the next midnight" in ends.text
    assert stored(gateway, made)["end_date"][:10] == TODAY.isoformat()
    ended = act(gateway, made, "end", when="now")
    assert ended.testids["state"] == ["ended"]
    assert stored(gateway, made)["end_date"][:10] == (TODAY - timedelta(days=1)).isoformat()
    assert "action-end" not in ended.testids


def test_what_began_today_is_paused_and_ends_today(gateway: Gateway) -> None:
    made = experiment(gateway, start_date=TODAY.isoformat())
    page = act(gateway, made, "end", when="now")
    assert page.testids["state"] == ["paused"]
    now = stored(gateway, made)
    assert (now["end_date"][:10], now["is_running"]) == (TODAY.isoformat(), False)


def test_deleting_says_what_is_removed_and_asks_for_the_name(gateway: Gateway) -> None:
    made = experiment(gateway, " two  words")
    take_part(gateway, made)
    assert "3 users and 2 events are removed" in load(gateway, page_of(made)).text
    refused = act(gateway, made, "delete", confirmed="two")
    assert refused.status == 422
    assert "type its name" in refused.text
    assert 'value="two"' in refused.answer.text
    assert gateway.get(f"/api/feature/{made['id']}").status == 200
    gone = act(gateway, made, "delete", confirmed="two words")
    assert "Deleted. 3 users and 2 events were removed." in gone.text
    assert gateway.get(f"/api/feature/{made['id']}").status == 403


def variants_of(*weights: str) -> dict[str, str]:
    rows = {f"variants.{place}.weight": weight for place, weight in enumerate(weights)}
    return rows | {f"variants.{place}.value": f"v{place}" for place in range(len(weights))}


def test_other_variants_remove_users_and_ask_for_the_name(gateway: Gateway) -> None:
    made = experiment(gateway)
    take_part(gateway, made)
    refused = act(gateway, made, "variants", control="1", confirmed="x", **variants_of("40", "60"))
    assert refused.status == 422
    assert refused.fields["variants.1.value"] == "v1"
    assert len(stored(gateway, made)["variant_arr"]) == 2
    done = act(
        gateway, made, "variants", control="2", confirmed="button", **variants_of("20", "30", "50")
    )
    assert "The variants are new. 3 users and 2 events were removed." in done.text
    new = stored(gateway, made)["variant_arr"]
    shown = [(each["value"], each["weight"], each["is_control"]) for each in new]
    assert shown == [("v0", "0.2", False), ("v1", "0.3", False), ("v2", "0.5", True)]


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        (("40", "50"), "the weights add up to 90 %, not to 100 %"),
        (("40", ""), "give a weight to all of them, or to none"),
        (("140", "-40"), "from 0 to 100 per cent, not 140"),
        (("half", "50"), "variants.0.weight: must be a number"),
    ],
)
def test_weights_that_do_not_add_up_are_refused(
    gateway: Gateway, weights: tuple[str, ...], says: str
) -> None:
    made = experiment(gateway)
    page = act(gateway, made, "variants", confirmed="button", **variants_of(*weights))
    assert page.status == 422
    assert says in page.text
    assert page.fields["variants.0.weight"] == weights[0]


def edit(**fields: str) -> dict[str, str]:
    return {
        "name": "button",
        "start_date": "2020-01-01",
        "end_date": "2099-12-31",
        "share": "25",
        "is_running": "true",
        **fields,
    }


def test_a_draft_is_edited(gateway: Gateway) -> None:
    made = experiment(gateway)
    page = act(gateway, made, "edit", **edit(name="knob", share="12.5", description="two\nlines"))
    assert "Saved." in page.text
    now = stored(gateway, made)
    assert (now["name"], now["user_percentage"]) == ("knob", 0.125)
    assert now["description"] == "two\nlines"
    assert len(now["variant_arr"]) == 2


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"name": "taken"}, "has the name already"),
        ({"name": "x" * 256}, "at most 255 characters"),
        ({"share": "101"}, "share: from 0 to 100 per cent, not 101"),
        ({"end_date": "tomorrow"}, "end_date: must be a date"),
    ],
)
def test_a_refused_edit_keeps_what_was_typed(
    gateway: Gateway, fields: dict[str, str], says: str
) -> None:
    create(gateway, name="taken")
    made = experiment(gateway)
    page = act(gateway, made, "edit", **edit(**fields))
    assert page.status in (409, 422)
    assert says in page.text
    assert "form-edit" not in page.text
    (typed,) = fields.values()
    assert f'value="{typed}"' in page.answer.text
    assert stored(gateway, made)["name"] == "button"


def test_a_toggle_keeps_its_share_when_it_is_edited(gateway: Gateway) -> None:
    made = create(gateway, type_id=1, user_percentage=0.5)
    fields = edit()
    del fields["share"]
    act(gateway, made, "edit", **fields)
    assert stored(gateway, made)["user_percentage"] == 0.5


def metric(place: int, **fields: str) -> dict[str, str]:
    row = {"name": "", "measure": "mean", "direction": "increase", "role": "", **fields}
    return {f"plan.metrics.{place}.{name}": value for name, value in row.items()}


def test_the_plan_is_replaced_and_changes_after_the_start_are_told(gateway: Gateway) -> None:
    made = experiment(gateway)
    take_part(gateway, made)
    fields = {
        **metric(0, name="revenue", role="primary"),
        **metric(1, name="errors", role="guardrail", direction="decrease", margin="0.5"),
        **metric(2),
        "plan.smallest_effect": "2",
        "plan.is_aa": "true",
        "plan.missing": "zero",
    }
    page = submit(gateway, page_of(made), {"do": "plan", **fields})
    assert "The plan of results is saved." in page.text
    assert "Changed after the start: the primary metric." in page.text
    plan = gateway.get(f"/api/results/feature/{made['id']}/plan").json["plan"]
    assert [each["name"] for each in plan["metrics"]] == ["revenue", "errors"]
    assert (plan["smallest_effect"], plan["is_aa"], plan["missing"]) == (2, True, "zero")


def test_a_refused_plan_keeps_what_was_typed(gateway: Gateway) -> None:
    made = experiment(gateway)
    fields = {**metric(0, name="revenue", role="secondary"), "plan.window": "400"}
    page = submit(gateway, page_of(made), {"do": "plan", **fields})
    assert page.status == 422
    assert "one must have the role primary" in page.text
    assert page.fields["plan.metrics.0.name"] == "revenue"
    assert page.fields["plan.window"] == "400"


def test_a_winner_is_shipped_once_under_a_name_of_its_own(gateway: Gateway) -> None:
    made = experiment(gateway)
    winner = str(made["variants"][1]["id"])
    refused = act(gateway, made, "ship", variant_id=winner, name="button")
    assert refused.status == 422
    assert "another one than the experiment" in refused.text
    page = act(gateway, made, "ship", variant_id=winner, name="green button")
    assert "this rollout is on for everybody whose client asks for its name" in page.text
    act(gateway, made, "ship", variant_id=winner, name="green button")
    (rollout,) = [each for each in gateway.get("/api/feature").json if each["type_id"] == 2]
    assert (rollout["name"], rollout["user_percentage"]) == ("green button", 1)
    assert f"Ships 'green' of experiment {made['id']}" in rollout["description"]
    assert stored(gateway, made)["end_date"][:10] < TODAY.isoformat()
    other = act(
        gateway, made, "ship", variant_id=str(made["variants"][0]["id"]), name="green button"
    )
    assert other.status == 409


def test_a_clone_is_paused_and_has_the_design_alone(gateway: Gateway) -> None:
    made = experiment(gateway)
    take_part(gateway, made)
    page = act(gateway, made, "clone", name="button again", start_date=TODAY.isoformat())
    assert "This is the copy." in page.text
    copy = gateway.get("/api/feature").json[-1]
    assert (copy["name"], copy["is_running"]) == ("button again", False)
    assert [each["value"] for each in copy["variant_arr"]] == ["blue", "green"]
    assert "nobody yet" in page.text
    assert act(gateway, made, "clone", name="button").status == 409
