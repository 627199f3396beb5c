"""The page of metrics: trees by context, what asks for them, add, delete."""

from __future__ import annotations

import pytest

from tests.api.dashboard.pages import load, submit
from tests.http import Gateway

HOSTILE = "<script>alert(1)</script>\"'&\u202e"
ONE = "metricUnit.0."
SIMPLE = {f"{ONE}metric": "seconds", f"{ONE}datatype": "continuous", "context.0": "home"}
GROUPED = {
    f"{ONE}groupClass": "workspace",
    f"{ONE}allowedKeys": "areas, volumes",
    f"{ONE}attributes.0.metric": "grade",
    f"{ONE}attributes.0.datatype": "categorical",
    f"{ONE}attributes.0.allowedValues": "A, B",
    f"{ONE}attributes.1.datatype": "continuous",
    "context.1": "add",
}


def keys(gateway: Gateway) -> list[str]:
    return [each["key"] for each in gateway.send("GET", "/api/metric").json]


def test_without_metrics_the_next_step_is_told(gateway: Gateway) -> None:
    page = load(gateway, "/dashboard/metrics")
    assert "There is no metric yet" in page.text
    assert "action-create" in page.testids


def test_a_simple_metric_is_added_in_its_contexts(gateway: Gateway) -> None:
    page = submit(gateway, "/dashboard/metrics/simple", {**SIMPLE, "context.2": "mul"})
    assert "The metrics are stored" in page.text
    assert page.text.count("seconds") >= 2
    [stored] = gateway.send("GET", "/api/metric").json
    assert (stored["key"], stored["context"]) == ("seconds", ["home", "mul"])


def test_grouped_metrics_are_a_tree(gateway: Gateway) -> None:
    page = submit(gateway, "/dashboard/metrics/grouped", GROUPED)
    for each in ("workspace", "areas", "volumes", "grade", "A, B", "category"):
        assert each in page.text
    [root] = gateway.send("GET", "/api/metric").json
    assert [each["key"] for each in root["children"]] == ["areas", "volumes"]
    narrowed = load(gateway, "/dashboard/metrics?search=VOL&context=add")
    assert "1 of 2 metrics" in narrowed.text
    assert "Nothing matches" in load(gateway, "/dashboard/metrics?context=home").text


@pytest.mark.parametrize(
    ("form", "fields"),
    [
        ("simple", {**SIMPLE, "context.0": ""}),
        ("simple", {**SIMPLE, "context.0": "nowhere"}),
        ("grouped", {**GROUPED, f"{ONE}attributes.0.metric": "", f"{ONE}groupClass": "seconds"}),
    ],
)
def test_a_refused_metric_keeps_what_was_typed(
    gateway: Gateway, form: str, fields: dict[str, str]
) -> None:
    page = submit(gateway, f"/dashboard/metrics/{form}", fields)
    assert page.status == 422
    assert 'value="seconds"' in page.answer.text
    assert keys(gateway) == []


def test_a_metric_is_deleted_once_its_name_is_typed(gateway: Gateway) -> None:
    submit(gateway, "/dashboard/metrics/grouped", GROUPED)
    submit(gateway, "/dashboard/metrics/simple", SIMPLE)
    page = load(gateway, "/dashboard/metrics?remove=workspace")
    assert "2 metrics would be deleted" in page.text
    gone = "workspace@__@areas"
    page = submit(gateway, "/dashboard/metrics/delete", {"key": gone, "name": "workspace"})
    assert page.status == 422
    assert 'type its name: "areas"' in page.text
    assert "1 metric would be deleted" in page.text
    page = submit(gateway, "/dashboard/metrics/delete", {"key": gone, "name": "areas"})
    assert "The metrics are deleted" in page.text
    assert "areas" not in page.text
    assert keys(gateway) == ["seconds", "workspace"]
    page = submit(gateway, "/dashboard/metrics/delete", {"key": gone, "name": "areas"})
    assert page.status == 404
    assert "not found" in page.text


def test_where_clients_settings_forbid_it_no_metric_is_added(gateway: Gateway) -> None:
    gateway.send("POST", "/api/setting", {"toCheckAuth": False, "toFilterMetric": False})
    page = load(gateway, "/dashboard/metrics")
    assert "No metric can be added" in page.text
    assert "not enabled" in submit(gateway, "/dashboard/metrics/simple", SIMPLE).text


def test_hostile_names_are_shown_and_never_run(gateway: Gateway) -> None:
    fields = {**SIMPLE, f"{ONE}metric": HOSTILE, f"{ONE}allowedValues": HOSTILE}
    page = submit(gateway, "/dashboard/metrics/simple", fields)
    assert HOSTILE in page.text
    assert "<script>alert" not in page.answer.text
    [link] = [each for each in page.links if "remove=" in each]
    asked = load(gateway, link.removeprefix(".."))
    assert asked.fields["key"] == HOSTILE
