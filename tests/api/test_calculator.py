"""The calculator over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.http import Gateway

PATH = "/api/results/plan"
RATE = {"kind": "proportions", "rate": 0.2}
MEAN = {"kind": "means", "sd": 10}
PAIRS = {"kind": "pairs", "sd": 10}
GROUPS = {"kind": "groups", "sd": 10, "group_size": 25, "icc": 0.1, "cv": 0.5}
MARGIN = {"kind": "margin", "rate": 0.1}


def asked(gateway: Gateway, body: Any) -> Any:
    answer = gateway.post(PATH, body)
    assert answer.status == 200, answer.text
    assert set(answer.json["says"]) == {
        name for name, value in answer.json.items() if value is not None
    } - {"kind", "mode", "says"}
    return answer.json


def test_units_for_a_difference_of_rates(gateway: Gateway) -> None:
    answer = asked(gateway, {**RATE, "difference": 0.05, "users_per_day": 100})
    assert (answer["control"], answer["variant"], answer["total"]) == (1166, 1166, 2332)
    assert (answer["alpha"], answer["users"], answer["days"]) == (0.04, 2332, 24)
    assert answer["says"]["control"] == (
        "Control needs 1,166 users to find a difference of 5.0 percentage points with a chance of"
        " 80 %."
    )
    open_mode = asked(gateway, {**RATE, "difference": "0.05", "mode": "open"})
    assert open_mode["alpha"] == 0.05
    assert open_mode["days"] is None
    assert open_mode["control"] > 1.3 * answer["control"]


@pytest.mark.parametrize("mode", ["planned", "open"])
@pytest.mark.parametrize(
    ("body", "effect"),
    [
        ({**RATE, "ratio": 0.5, "comparisons": 3}, {"difference": 0.05}),
        ({**MEAN, "power": 0.9}, {"difference": -2}),
        (PAIRS, {"difference": 2}),
        (GROUPS, {"difference": 2}),
        ({**GROUPS, "sd": None, "rate": 0.3}, {"difference": 0.1}),
        (MARGIN, {"margin": 0.01}),
        ({**MARGIN, "rate": None, "sd": 4, "guardrails": 2}, {"margin": 0.5}),
    ],
    ids=str,
)
def test_each_kind_answers_both_ways(
    gateway: Gateway, body: dict[str, Any], effect: dict[str, float], mode: str
) -> None:
    size = asked(gateway, {**body, **effect, "mode": mode})
    found = asked(gateway, {**body, "n": size["control"], "mode": mode})
    [sought] = effect.values()
    assert found["effect"] == pytest.approx(abs(sought), rel=0.1)
    assert (found["kind"], found["mode"]) == (body["kind"], mode)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "kind"),
        ({**RATE, "kind": "counts", "n": 5}, "kind"),
        (RATE, "give either difference, or n"),
        ({**RATE, "n": 10, "difference": 0.1}, "give either difference, or n"),
        (MARGIN, "give either margin, or n"),
        ({**MARGIN, "difference": 0.1}, "difference: Extra inputs are not permitted"),
        ({**RATE, "differnce": 0.1}, "differnce: Extra inputs are not permitted"),
        ({**RATE, "n": 10, "users_per_day": 1}, "users_per_day: only with an effect"),
        ({**RATE, "difference": 0}, "difference: not 0"),
        ({**RATE, "difference": 0.9}, "difference: 0.2 with 0.9 is no rate"),
        ({**RATE, "rate": 0, "difference": 0.1}, "rate: more than 0 and less than 1"),
        ({**RATE, "rate": 1, "n": 10}, "rate: more than 0 and less than 1"),
        ({**RATE, "difference": 0.1, "power": 0.04}, "power: more than alpha"),
        ({**RATE, "difference": 0.1, "power": 1}, "power: more than 0, less than 1"),
        ({**RATE, "difference": 0.1, "ratio": 0}, "ratio: must be more than 0"),
        ({**RATE, "difference": 0.1, "comparisons": 0}, "comparisons: "),
        ({**RATE, "difference": 0.1, "comparisons": 20}, "comparisons: "),
        ({**RATE, "difference": 0.1, "mode": "moved"}, "mode: "),
        ({**RATE, "difference": 0.1, "users_per_day": 0}, "users_per_day: must be more than 0"),
        ({**RATE, "n": 0}, "units: more than 0"),
        ({**RATE, "n": 1}, "not even find an increase of the rate to 1"),
        ({**RATE, "n": 1.5}, "must be a whole number"),
        ({**MEAN, "sd": -1, "n": 5}, "sd: must be more than 0"),
        ({**MEAN, "sd": 1e12, "difference": 1e-12}, "the effect is too small"),
        ({**PAIRS, "difference": 1, "ratio": 2}, "ratio: Extra inputs are not permitted"),
        ({**GROUPS, "difference": 1, "rate": 0.1}, "give either rate"),
        ({**GROUPS, "difference": 1, "sd": None}, "give either rate"),
        ({**GROUPS, "difference": 1, "icc": 2}, "ICC: from 0 to 1"),
        ({**GROUPS, "difference": 1, "group_size": 0.5}, "group size: at least 1"),
        ({**MARGIN, "margin": 0}, "margin: more than 0 to be shown"),
    ],
    ids=str,
)
def test_what_has_no_answer_is_refused_with_the_reason(
    gateway: Gateway, body: Any, reason: str
) -> None:
    answer = gateway.post(PATH, body)
    assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json")
    assert reason in answer.json["detail"]
