"""The plan of a design's results, on the design's page."""

from __future__ import annotations

from typing import Any

from tests.api.dashboard.pages import Seen, load, submit
from tests.api.dashboard.test_designs import enroll, made, page_of
from tests.api.upgrade_setup import design, two_factors
from tests.http import Gateway


def asking(key: str) -> dict[str, Any]:
    """The query for the mean of a metric."""
    return {
        "name": f"mean of {key}",
        "query": {"operationType": "avg"},
        "metric": {"key": key},
        "repeatedMeasure": "MEAN",
    }


def with_queries(gateway: Gateway, body: dict[str, Any] | None = None, **fields: Any) -> str:
    """A design that asks for two metrics."""
    units = [{"metric": key, "datatype": "continuous"} for key in ("seconds", "stars")]
    gateway.post("/api/metric/save", {"metricUnit": units, "context": ["home"]})
    queries = [asking("seconds"), asking("stars")]
    return made(gateway, body or design(("lesson", "hint")), queries=queries, **fields)


def plan_of(gateway: Gateway, experiment_id: str) -> Any:
    return gateway.get(f"/api/results/experiment/{experiment_id}/plan").json


def plan(gateway: Gateway, experiment_id: str, fields: dict[str, str]) -> Seen:
    """Send the form, with what the page has in it where `fields` say nothing else."""
    page = load(gateway, page_of(experiment_id))
    kept = {name: value for name, value in page.fields.items() if name.startswith("plan.")}
    names = {name: value for name, value in kept.items() if value and name != "plan.is_aa"}
    chosen = {
        f"plan.metrics.{place}.{name}": value
        for place, role in enumerate(("primary", "secondary"))
        for name, value in (("direction", "increase"), ("role", role))
    }
    path = f"/dashboard/experiment/{experiment_id}/plan"
    return submit(
        gateway, path, {"plan_seen": page.fields["plan_seen"], **names, **chosen, **fields}
    )


def test_the_queries_of_a_design_are_planned(gateway: Gateway) -> None:
    experiment_id = with_queries(gateway, two_factors(("lesson", "hint")))
    page = plan(
        gateway,
        experiment_id,
        {
            "plan.metrics.0.role": "guardrail",
            "plan.metrics.0.direction": "decrease",
            "plan.metrics.0.margin": "5",
            "plan.metrics.1.role": "primary",
            "plan.smallest_effect": "0.5",
            "plan.ends_on": "2031-01-01",
            "plan.compares": "conditions",
        },
    )
    assert "The plan of results was saved." in page.text
    assert "mean of stars (primary)" in page.text
    assert "mean of seconds (guardrail)" in page.text
    now = plan_of(gateway, experiment_id)["plan"]
    assert [each["role"] for each in now["metrics"]] == ["guardrail", "primary"]
    assert now["metrics"][0]["margin"] == 5
    assert (now["smallest_effect"], now["ends_on"]) == (0.5, "2031-01-01")
    assert now["compares"] == "conditions"


def test_a_plan_that_is_refused_keeps_what_was_typed(gateway: Gateway) -> None:
    experiment_id = with_queries(gateway)
    page = plan(gateway, experiment_id, {"plan.metrics.1.role": "primary", "plan.units": "90"})
    assert page.status == 422
    assert "only one can be the primary metric" in page.text
    assert page.fields["plan.units"] == "90"
    assert plan_of(gateway, experiment_id)["plan"]["metrics"] == []


def test_a_change_after_the_start_is_told_with_its_consequence(gateway: Gateway) -> None:
    experiment_id = with_queries(gateway, state="enrolling")
    enroll(gateway, "anna")
    page = load(gateway, page_of(experiment_id))
    assert "most of them forbid a verdict" in page.text
    page = plan(
        gateway,
        experiment_id,
        {"plan.metrics.0.role": "secondary", "plan.metrics.1.role": "primary"},
    )
    assert "Nothing is decided any more until a new run starts." in page.text


def test_of_two_plans_at_once_the_second_is_refused(gateway: Gateway) -> None:
    experiment_id = with_queries(gateway)
    seen = load(gateway, page_of(experiment_id)).fields["plan_seen"]
    assert plan(gateway, experiment_id, {"plan.units": "90", "plan_seen": seen}).status == 200
    page = plan(gateway, experiment_id, {"plan.units": "80", "plan_seen": seen})
    assert page.status == 409
    assert "Somebody changed this since you opened the form." in page.text
    assert page.fields["plan.units"] == "80"
    assert plan_of(gateway, experiment_id)["plan"]["units"] == 90
    seen = page.fields["plan_seen"]
    assert plan(gateway, experiment_id, {"plan.units": "80", "plan_seen": seen}).status == 200


def test_a_plan_that_is_saved_as_it_is_shown_changes_nothing(gateway: Gateway) -> None:
    experiment_id = with_queries(gateway, state="enrolling")
    queries = plan_of(gateway, experiment_id)["effective"]["metrics"]
    metrics = [
        {"name": queries[0]["name"], "role": "primary", "cap": 500},
        {"name": queries[1]["name"], "role": "guardrail", "margin": 1},
    ]
    set_by_api = {"metrics": metrics, "window": 3, "compares": "conditions"}
    before = gateway.put(f"/api/results/experiment/{experiment_id}/plan", set_by_api).json
    enroll(gateway, "anna")
    shown = {"plan.metrics.1.role": "guardrail"}
    assert plan(gateway, experiment_id, shown).status == 200
    after = plan_of(gateway, experiment_id)
    assert after["plan"] == before["plan"]
    assert after["changes"] == []


def test_a_plan_that_was_wrong_first_is_still_about_what_it_showed(gateway: Gateway) -> None:
    experiment_id = with_queries(gateway)
    seen = load(gateway, page_of(experiment_id)).fields["plan_seen"]
    plan(gateway, experiment_id, {"plan.units": "90"})
    page = plan(gateway, experiment_id, {"plan.units": "many", "plan_seen": seen})
    assert page.status == 422
    again = {"plan.units": "80", "plan_seen": page.fields["plan_seen"]}
    assert plan(gateway, experiment_id, again).status == 409
