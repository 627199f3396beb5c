"""Plans of results over HTTP, of experiments in both APIs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.upgrade_setup import design, query
from tests.http import Answer, Gateway

EXPERIMENT = {"type_id": 3, "name": "x", "start_date": "2020-01-01", "end_date": "2099-12-31"}
PRIMARY = {"name": "revenue", "measure": "mean", "role": "primary"}
PROBLEM = "application/problem+json"

NOTHING: dict[str, Any] = {
    "metrics": [],
    "smallest_effect": None,
    "ends_on": None,
    "units": None,
    "expected_mean": None,
    "expected_spread": None,
    "window": None,
    "is_aa": False,
    "missing": "left_out",
    "compares": "levels",
}
WHOLE: dict[str, Any] = {
    "metrics": [
        {
            "name": "revenue",
            "measure": "mean",
            "direction": "decrease",
            "role": "primary",
            "cap": 99.5,
            "margin": None,
        },
        {
            "name": None,
            "measure": "conversion",
            "direction": "increase",
            "role": "guardrail",
            "cap": None,
            "margin": 0.0001,
        },
    ],
    "smallest_effect": 0.123456789012345,
    "ends_on": "2098-02-28",
    "units": 1000000000000,
    "expected_mean": 12,
    "expected_spread": 1e-12,
    "window": 90,
    "is_aa": True,
    "missing": "zero",
    "compares": "conditions",
}


def feature(gateway: Gateway, **fields: Any) -> int:
    made: int = gateway.post("/api/feature", {**EXPERIMENT, **fields}).json["id"]
    return made


def running(gateway: Gateway) -> int:
    made = feature(gateway)
    variants = [{"feature_id": made, "value": value, "weight": 0.5} for value in "ab"]
    assert gateway.post(f"/api/feature/{made}/variants", {"variants": variants}).status == 200
    return made


def path(feature_id: int) -> str:
    return f"/api/results/feature/{feature_id}/plan"


def granted(answer: Answer) -> Any:
    assert answer.status == 200, answer.text
    return answer.json


def refused(answer: Answer, status: int, reason: str) -> None:
    assert (answer.status, answer.headers["content-type"]) == (status, PROBLEM)
    assert reason in answer.json["detail"]
    assert answer.json["status"] == status
    assert reason in answer.headers["x-error-detail"]


def test_without_a_plan_the_defaults_are_in_force(gateway: Gateway) -> None:
    answer = granted(gateway.get(path(feature(gateway))))
    assert answer["plan"] == NOTHING
    roles = [(each["measure"], each["role"]) for each in answer["effective"]["metrics"]]
    assert roles == [("conversion", "primary"), ("mean", "secondary")]
    in_force = {name: answer["effective"][name] for name in ("ends_on", "window", "mode")}
    assert in_force == {"ends_on": "2099-12-31", "window": 7, "mode": "planned"}
    assert (answer["fixed"], answer["changes"], answer["event_names"]) == (None, [], [])


def test_a_plan_comes_back_with_each_digit_and_can_be_sent_again(gateway: Gateway) -> None:
    address = path(feature(gateway))
    answer = gateway.put(address, WHOLE)
    assert granted(answer)["plan"] == WHOLE
    assert '"smallest_effect":0.123456789012345,' in answer.text
    assert '"expected_mean":12,' in answer.text
    assert answer.json["event_names"] == ["revenue"]
    assert granted(gateway.get(address)) == answer.json
    assert granted(gateway.put(address, answer.json["plan"])) == answer.json
    texts = {**NOTHING, "smallest_effect": "0.10", "units": "20", "window": 2.0}
    assert granted(gateway.put(address, texts))["plan"] == {
        **NOTHING, "smallest_effect": 0.1, "units": 20, "window": 2,
    }  # fmt: skip


def test_an_empty_plan_replaces_the_one_before(gateway: Gateway) -> None:
    address = path(feature(gateway))
    granted(gateway.put(address, WHOLE))
    answer = granted(gateway.put(address, {}))
    assert answer["plan"] == NOTHING
    assert answer["event_names"] == ["revenue"], "events may go on to name it"


def test_what_was_fixed_at_the_start_stays_and_changes_are_told(gateway: Gateway) -> None:
    made = running(gateway)
    address = path(made)
    variant_id = gateway.get(f"/api/feature/{made}/variants").json[0]["id"]
    user = {"id": "ada", "variant_id": variant_id, "ip_address": "192.0.2.1"}
    assert gateway.post("/api/users", user).status == 200
    begun = granted(gateway.get(address))
    assert [each["role"] for each in begun["fixed"]["plan"]["metrics"]] == ["primary", "secondary"]
    [weights] = begun["fixed"]["weights"]
    assert weights["since"] == begun["fixed"]["started_at"]
    shown = [(each["value"], each["weight"]) for each in weights["variants"]]
    assert shown == [("a", "0.5"), ("b", "0.5")]
    plan = {"metrics": [PRIMARY], "ends_on": "2050-01-01"}
    after = granted(gateway.put(address, plan))
    assert after["fixed"] == begun["fixed"]
    assert after["effective"]["mode"] == "moved"
    told = [(each["what"], each["forbids_verdict"]) for each in after["changes"]]
    assert told == [("the primary metric", True), ("the planned end", False)]
    assert all(each["says"].startswith("Changed after the start:") for each in after["changes"])
    variants = [{"feature_id": made, "value": "c"}]
    assert gateway.post(f"/api/feature/{made}/variants", {"variants": variants}).status == 200
    anew = granted(gateway.get(address))
    assert anew["changes"] == []
    assert anew["fixed"]["plan"]["metrics"][0]["name"] == "revenue"


def test_an_experiment_of_upgrade_is_planned_by_its_queries(gateway: Gateway) -> None:
    metrics = [{"metric": name, "datatype": "continuous"} for name in ("stars", "time")]
    gateway.post("/api/metric/save", {"metricUnit": metrics, "context": ["home"]})
    body = design(("site", ""), queries=[query("stars"), query("time")])
    made = gateway.post("/api/experiments", body).json
    stars, time = (each["id"] for each in made["queries"])
    address = f"/api/results/experiment/{made['id']}/plan"
    before = granted(gateway.get(address))
    assert [each["name"] for each in before["effective"]["metrics"]] == [stars, time]
    assert (before["effective"]["mode"], before["effective"]["ends_on"]) == ("open", None)
    plan = {"metrics": [{"name": time, "role": "primary"}], "compares": "conditions"}
    after = granted(gateway.put(address.replace(made["id"], made["id"].upper()), plan))
    roles = [(each["name"], each["role"]) for each in after["effective"]["metrics"]]
    assert roles == [(stars, "secondary"), (time, "primary")]
    assert after["event_names"] == []
    refused(gateway.put(address, {"metrics": [PRIMARY]}), 400, f"there are {stars}, {time}")
    moved = {"experimentId": made["id"], "state": "enrolling"}
    assert gateway.post("/api/experiments/state", moved).status == 200
    fixed = granted(gateway.get(address))["fixed"]
    assert fixed["plan"]["compares"] == "conditions"
    assert [each["value"] for each in fixed["weights"][0]["variants"]] == ["control", "variant"]
    assert gateway.get(f"/api/experiments/single/{made['id']}").status == 200


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        ({"metric": []}, "metric: Extra inputs are not permitted"),
        ({"metrics": [{**PRIMARY, "nmae": "x"}]}, "metrics.0.nmae: Extra inputs"),
        ({str(n): 1 for n in range(21)}, "must not have 21 fields"),
        ({"metrics": [PRIMARY] * 41}, "metrics: Tuple should have at most 40 items"),
        ({"metrics": [PRIMARY, PRIMARY]}, "two have the same name and measure"),
        ({"metrics": [{"name": "time"}]}, "one must have the role primary"),
        (
            {"metrics": [PRIMARY, {"name": "time", "role": "primary"}]},
            "only one can be the primary metric",
        ),
        ({"metrics": [{**PRIMARY, "name": "conversion"}]}, "stands for events without a name"),
        ({"metrics": [{**PRIMARY, "name": ""}]}, "must have from 1 to 64 characters"),
        ({"metrics": [{**PRIMARY, "name": "n" * 65}]}, "must have from 1 to 64 characters"),
        ({"metrics": [{**PRIMARY, "name": 5}]}, "must be text"),
        ({"metrics": [{**PRIMARY, "name": "a\0"}]}, "must not contain NUL"),
        ({"metrics": [{**PRIMARY, "measure": "median"}]}, "metrics.0.measure: "),
        ({"metrics": [{**PRIMARY, "cap": 0}]}, "cap: more than 0"),
        ({"metrics": [{**PRIMARY, "cap": 100001}]}, "cap: more than 0, and at most 100000"),
        ({"metrics": [{**PRIMARY, "margin": 1}]}, "margin: only for a guardrail"),
        (
            {"metrics": [PRIMARY, {"name": "g", "role": "guardrail", "margin": -1}]},
            "margin: at least 0",
        ),
        ({"smallest_effect": 0}, "smallest_effect: more than 0"),
        ({"smallest_effect": 1}, "a difference of rates is below 1"),
        ({"smallest_effect": "1e-13"}, "must be 0, or from 1e-12 to 1e12"),
        ({"smallest_effect": "0.1234567890123456"}, "at most 15 significant digits"),
        ({"smallest_effect": True}, "must be a number"),
        ({"expected_mean": 1.5}, "expected_mean: a rate, between 0 and 1"),
        ({"expected_spread": -1}, "expected_spread: more than 0"),
        ({"units": 1}, "units: from 2 to 10^12"),
        ({"units": 10**13}, "whole number from 0 to 10^12"),
        ({"units": 2.5}, "must be a whole number"),
        ({"units": "1e3"}, "must be a whole number"),
        ({"window": 0}, "window: from 1 to 90 days"),
        ({"window": False}, "must be a whole number"),
        ({"is_aa": "true"}, "must be true or false"),
        ({"ends_on": "2/23/23"}, "must be a date like 2026-02-23"),
        ({"ends_on": "2023-02-30"}, "ends_on: "),
        ({"ends_on": 20230223}, "must be a date like"),
        ({"ends_on": "2019-12-31"}, "ends_on: not before the experiment starts, 2020-01-01"),
        ({"missing": "ignored"}, "missing: "),
        ([], "body: "),
    ],
    ids=lambda value: str(value)[:40],
)
def test_nonsense_is_refused_with_the_reason_and_changes_nothing(
    gateway: Gateway, plan: Any, reason: str
) -> None:
    address = path(feature(gateway))
    before = granted(gateway.put(address, {"window": 3}))
    refused(gateway.put(address, plan), 400, reason)
    assert granted(gateway.get(address)) == before


def test_a_cap_is_fixed_with_its_metric_and_there_are_at_most_twenty(gateway: Gateway) -> None:
    address = path(feature(gateway))
    granted(gateway.put(address, {"metrics": [PRIMARY]}))
    refused(gateway.put(address, {"metrics": [{**PRIMARY, "cap": 5}]}), 400, "is fixed as none")
    many = [{"name": f"m{n}", "role": "secondary"} for n in range(20)]
    refused(gateway.put(address, {"metrics": [PRIMARY, *many]}), 400, "at most 20 names")
    assert (
        len(granted(gateway.put(address, {"metrics": [PRIMARY, *many[1:]]}))["event_names"]) == 20
    )


def test_what_has_no_plan_is_not_found_with_the_reason(gateway: Gateway) -> None:
    made = gateway.post("/api/experiments", design(("s", ""))).json["id"]
    unknown = "11111111-1111-4111-8111-111111111111"
    places = {
        path(999): "there is no experiment 999",
        f"/api/results/experiment/{unknown}/plan": f"there is no experiment {unknown}",
        path(feature(gateway, type_id=1, name="t")): "is a toggle: only experiments have results",
        path(feature(gateway, type_id=2, name="r")): "is a rollout: only experiments have results",
    }
    for address, reason in places.items():
        refused(gateway.get(address), 404, reason)
        refused(gateway.put(address, {}), 404, reason)
    refused(gateway.get(path(10**12)), 400, "must be an integer")
    refused(gateway.get("/api/results/feature/x/plan"), 400, "must be an integer")
    refused(gateway.get("/api/results/experiment/x/plan"), 400, "must be a UUID")
    assert granted(gateway.get(f"/api/results/experiment/{made}/plan"))["fixed"] is None


def test_a_body_that_cannot_be_read_is_a_problem_too(gateway: Gateway) -> None:
    address = path(feature(gateway))
    headers = {"content-type": "application/json"}
    for raw, status in ((b"{", 400), (b" " * 102_401, 413)):
        answer = gateway.send("PUT", address, raw=raw, headers=headers)
        assert (answer.status, answer.headers["content-type"]) == (status, PROBLEM)
