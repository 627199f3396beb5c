"""Events of metrics that a plan names: POST /api/events with `metric` and `value`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.http import Answer, Gateway

REFUSED = "Error in creating the event in postgres"
PLAN = {"metrics": [{"name": "revenue", "role": "primary"}]}


@pytest.fixture
def world(gateway: Gateway) -> dict[str, Any]:
    """An experiment that plans a metric, one that plans none, and a user of the first."""
    variants = []
    for name in ("planned", "plain"):
        body = {"type_id": 3, "name": name, "start_date": "2020-01-01", "end_date": "2099-12-31"}
        made = gateway.post("/api/feature", body).json["id"]
        sent = {"variants": [{"feature_id": made, "value": "a"}]}
        [variant] = gateway.post(f"/api/feature/{made}/variants", sent).json
        variants.append(variant)
    planned, plain = variants
    plan = gateway.put(f"/api/results/feature/{planned['feature_id']}/plan", PLAN)
    assert plan.status == 200, plan.text
    user = {"id": "ada", "variant_id": planned["id"], "ip_address": "192.0.2.1"}
    assert gateway.post("/api/users", user).status == 200
    return {"feature": planned["feature_id"], "variant": planned["id"], "plain": plain["id"]}


def record(gateway: Gateway, variant_id: int, **fields: Any) -> Answer:
    return gateway.post("/api/events", {"user_id": "ada", "variant_id": variant_id, **fields})


def test_events_of_metrics_are_shown_with_them_and_others_as_ever(
    gateway: Gateway, world: dict[str, Any]
) -> None:
    revenue: list[dict[str, Any]] = [{"value": "12.50"}, {}, {"value": -0.0001}]
    sent = [{}, *({"metric": "revenue", **each} for each in revenue), {"metric": None}]
    for fields in sent:
        assert record(gateway, world["variant"], **fields).json == "Event added to database."
    keys = {"id", "variant_id", "user_id", "time_stamp"}
    rows = gateway.get("/api/events").json
    assert [each.keys() ^ keys for each in rows] == [
        set(), {"metric", "value"}, {"metric", "value"}, {"metric", "value"}, set(),
    ]  # fmt: skip
    values = [12.5, 1, -0.0001]
    assert [each["value"] for each in rows if "metric" in each] == values
    of_feature = gateway.get(f"/api/events/feature/{world['feature']}").json
    assert [each.get("metric_value") for each in of_feature] == [None, *values, None]
    assert {each["value"] for each in of_feature} == {"a"}, "the value of the variant, as ever"
    assert ["metric" in each for each in of_feature] == [False, True, True, True, False]
    export = gateway.get("/api/users/ada/export").json
    assert [each.get("value") for each in export["events"]] == [None, *values, None]
    assert export["events"][0].keys() == {"id", "feature", "variant", "time_stamp"}
    [analysis] = gateway.get(f"/api/analysis/feature/{world['feature']}").json
    assert analysis["event_total"] == len(rows)
    assert not {"metric", "metrics"} & analysis.keys()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"metric": "time"}, "there is no metric 'time' in the plan"),
        ({"value": 1}, "value: only with the metric that it is of"),
        ({"metric": "conversion"}, "'conversion' stands for events without a metric"),
        ({"metric": "events", "value": 1}, "'events' stands for events without a metric"),
        ({"metric": ""}, "metric: must have from 1 to 64 characters"),
        ({"metric": "m" * 65}, "metric: must have from 1 to 64 characters"),
        ({"metric": "revenue", "value": 0.00001}, "at most 4 decimals"),
        ({"metric": "revenue", "value": "1." + "0" * 30 + "1"}, "at most 4 decimals"),
        ({"metric": "revenue", "value": 100001}, "value: from -100000 to 100000"),
        ({"metric": "revenue", "value": "-100000.0001"}, "value: from -100000 to 100000"),
        ({"metric": "revenue", "value": "much"}, "value: must be a number"),
        ({"metric": "revenue", "value": True}, "value: must be a number"),
    ],
    ids=str,
)
def test_what_cannot_count_is_refused_with_the_documented_text(
    gateway: Gateway, world: dict[str, Any], fields: dict[str, Any], reason: str
) -> None:
    answer = record(gateway, world["variant"], **fields)
    assert (answer.status, answer.json) == (403, REFUSED)
    assert reason in answer.headers["x-error-detail"]
    assert gateway.get("/api/events").json == []


def test_a_metric_is_one_of_its_own_feature(gateway: Gateway, world: dict[str, Any]) -> None:
    answer = record(gateway, world["plain"], metric="revenue", value=1)
    assert (answer.status, answer.json) == (403, REFUSED)
    assert "no metric 'revenue'" in answer.headers["x-error-detail"]


def test_a_user_s_total_has_a_bound(gateway: Gateway, world: dict[str, Any]) -> None:
    assert record(gateway, world["variant"], metric="revenue", value=100000).status == 200
    answer = record(gateway, world["variant"], metric="revenue", value=0.0001)
    assert (answer.status, answer.json) == (403, REFUSED)
    assert "total would be beyond" in answer.headers["x-error-detail"]


def test_a_metric_that_left_its_plan_may_go_on_to_be_named(
    gateway: Gateway, world: dict[str, Any]
) -> None:
    assert gateway.put(f"/api/results/feature/{world['feature']}/plan", {}).status == 200
    assert record(gateway, world["variant"], metric="revenue", value=1).status == 200


def test_under_the_same_key_another_metric_is_another_body(
    gateway: Gateway, world: dict[str, Any]
) -> None:
    body = {"user_id": "ada", "variant_id": world["variant"], "metric": "revenue", "value": 2}
    key = {"Idempotency-Key": "once"}
    for _ in range(2):
        assert gateway.send("POST", "/api/events", body, key).json == "Event added to database."
    for other in ({**body, "value": 3}, {"user_id": "ada", "variant_id": world["variant"]}):
        assert gateway.send("POST", "/api/events", other, key).status == 422
    [event] = gateway.get("/api/events").json
    assert (event["metric"], event["value"]) == ("revenue", 2)
