"""The way to a new feature of Test Lab, step by step."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

from tests.api.dashboard.pages import Seen, load, submit
from tests.api.test_features import create
from tests.http import Gateway

TODAY = datetime.now(UTC).date()
NEW = "/dashboard/new/feature"
VARIANTS = {
    "type": "experiment",
    "name": "button",
    "variants.0.value": "blue",
    "variants.0.weight": "50",
    "variants.2.value": "<b>green</b>",
    "variants.2.weight": "50",
    "control": "2",
}
OUTCOME = {
    **VARIANTS,
    "share": "25",
    "smallest_effect": "0.05",
    "expected_mean": "0.2",
    "users_per_day": "1000",
    "end_date": (TODAY + timedelta(days=100)).isoformat(),
}


def step(gateway: Gateway, name: str, fields: dict[str, str]) -> Seen:
    return load(gateway, f"{NEW}?{urlencode({**fields, 'step': name})}")


def test_the_kinds_lead_to_their_ways(gateway: Gateway) -> None:
    page = load(gateway, "/dashboard/new")
    for place in ("new/feature?type=experiment", "new/design", "flags/new"):
        assert f"../dashboard/{place}" in page.links
    assert load(gateway, NEW).text == page.text


def test_the_first_step_does_not_complain_yet(gateway: Gateway) -> None:
    page = load(gateway, f"{NEW}?type=experiment")
    assert page.status == 200
    assert page.fields["variants.0.value"] == ""
    assert "Field required" not in page.text


def test_each_step_carries_what_was_typed_at_the_others(gateway: Gateway) -> None:
    page = step(gateway, "audience", VARIANTS)
    assert page.fields["variants.2.value"] == "<b>green</b>"
    assert page.fields["share"] == "100"
    assert page.fields["start_date"] == TODAY.isoformat()
    back = step(gateway, "variants", OUTCOME)
    assert back.fields["name"] == "button"
    assert back.fields["smallest_effect"] == "0.05"


def test_a_step_with_a_fault_is_shown_before_the_next(gateway: Gateway) -> None:
    page = step(gateway, "audience", {**VARIANTS, "variants.0.weight": "30"})
    assert "the weights add up to 80 %, not to 100 %" in page.text
    assert page.fields["variants.0.weight"] == "30"
    page = step(gateway, "review", {"type": "experiment", "name": "x", "variants.0.value": "a"})
    assert "at least 2, one of them the control" in page.text
    page = step(
        gateway, "review", {**OUTCOME, "end_date": "2020-01-01", "start_date": "2020-02-01"}
    )
    assert "not before the first day" in page.text
    assert page.fields["smallest_effect"] == "0.05"
    page = step(gateway, "review", {**OUTCOME, "users_per_day": "-1"})
    assert "more than 0" in page.text


def test_the_audience_says_how_many_blocks_are_free(gateway: Gateway) -> None:
    create(gateway, name="first", user_percentage=0.9)
    gateway.get("/api/feature/current")
    page = step(gateway, "audience", {**VARIANTS, "share": "25"})
    assert "It asks for 5 user blocks of 5 %" in page.text
    assert "2 of 20 are free" in page.text
    assert "It would get 2 of 5" in page.text


def test_a_name_that_is_taken_is_told_before_the_end(gateway: Gateway) -> None:
    create(gateway, name="button")
    assert "The name is taken by" in step(gateway, "audience", VARIANTS).text


def test_the_outcome_says_how_long_it_takes(gateway: Gateway) -> None:
    page = step(gateway, "outcome", OUTCOME)
    assert "users are needed in all" in page.text
    assert "At 250.0 new users a day in its share they are there after" in page.text
    early = step(gateway, "outcome", {**OUTCOME, "end_date": TODAY.isoformat()})
    assert "is before that: effects of that size would often be missed" in early.text
    unknown = {name: value for name, value in OUTCOME.items() if name != "users_per_day"}
    assert "type how many you expect" in step(gateway, "outcome", unknown).text
    nobody = step(gateway, "outcome", {**OUTCOME, "share": "0"})
    assert "With so few new users a day they are never there." in nobody.text
    odd = step(gateway, "outcome", {**OUTCOME, "expected_mean": "1.5"})
    assert "How long it takes cannot be worked out" in odd.text


def test_an_experiment_is_made_with_its_variants_and_its_plan(gateway: Gateway) -> None:
    review = step(gateway, "review", OUTCOME)
    assert "action-create" in review.testids
    assert "<b>green</b> 50 % control" in review.text
    assert "blue" in review.testids["variants"][0]
    page = submit(gateway, NEW, {**review.fields, "is_running": "true"})
    assert "Created, with all its parts." in page.text
    assert page.testids["state"] == ["running"]
    (made,) = gateway.get("/api/feature").json
    assert (made["name"], made["user_percentage"]) == ("button", 0.25)
    shown = [(v["value"], v["weight"], v["is_control"]) for v in made["variant_arr"]]
    assert shown == [("blue", "0.5", False), ("<b>green</b>", "0.5", True)]
    plan = gateway.get(f"/api/results/feature/{made['id']}/plan").json
    assert plan["plan"]["smallest_effect"] == 0.05
    assert plan["fixed"] is not None


def test_what_is_refused_leaves_nothing_and_keeps_what_was_typed(gateway: Gateway) -> None:
    fields = {**OUTCOME, "metric": "events"}
    page = submit(gateway, NEW, fields)
    assert page.status == 422
    assert "stands for events without a name" in page.text
    assert page.fields["metric"] == "events"
    assert gateway.get("/api/feature").json == []
    create(gateway, name="button")
    page = submit(gateway, NEW, OUTCOME)
    assert page.status == 409
    assert "has the name already" in page.text
    assert page.fields["variants.0.value"] == "blue"


@pytest.mark.parametrize(("kind", "number"), [("rollout", 2), ("toggle", 1)])
def test_a_rollout_or_toggle_takes_two_steps(gateway: Gateway, kind: str, number: int) -> None:
    page = load(gateway, f"{NEW}?type={kind}")
    assert ("share" in page.fields) == (kind == "rollout")
    fields = {"type": kind, "name": "search", "start_date": "2026-01-01"}
    review = step(gateway, "review", fields)
    page = submit(gateway, NEW, {**review.fields, "is_running": "false"})
    assert page.testids["state"] == ["paused"]
    (made,) = gateway.get("/api/feature").json
    assert (made["type_id"], made["is_running"]) == (number, False)
    assert made["end_date"].startswith("2099-12-31")
