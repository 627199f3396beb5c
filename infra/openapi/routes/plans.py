"""The routes of plans of results, and of the calculator."""

from __future__ import annotations

from typing import Any

from infra.openapi.routes.about import About

FEATURE_PATH = {"feature_id": 4730}
EXPERIMENT_PATH = {"experiment_id": "5f0b2c1e-7c2d-4a3e-9d55-8a3c0a9d7e10"}
QUERY = "3a9d1f0c-52b7-4a50-8f2e-4d1c6c1f2b77"
START = "2023-02-23T00:01:00.000Z"

REVENUE: dict[str, Any] = {
    "name": "revenue",
    "measure": "mean",
    "direction": "increase",
    "role": "primary",
    "cap": 500,
    "margin": None,
}
COMPLAINTS: dict[str, Any] = {
    "name": "complaint",
    "measure": "conversion",
    "direction": "decrease",
    "role": "guardrail",
    "cap": None,
    "margin": 0.005,
}
CONVERSION: dict[str, Any] = {
    "name": None,
    "measure": "conversion",
    "direction": "increase",
    "role": "primary",
    "cap": None,
    "margin": None,
}
EVENTS = {**CONVERSION, "measure": "mean", "role": "secondary"}
ANSWERED = {**CONVERSION, "name": QUERY, "measure": "mean"}

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
PLAN = {
    **NOTHING,
    "metrics": [REVENUE, COMPLAINTS],
    "smallest_effect": 0.4,
    "expected_mean": 12.5,
    "expected_spread": 6.25,
    "window": 7,
}
SENT: dict[str, Any] = {
    "metrics": [
        {"name": "revenue", "measure": "mean", "role": "primary", "cap": 500},
        {
            "name": "complaint",
            "measure": "conversion",
            "direction": "decrease",
            "role": "guardrail",
            "margin": 0.005,
        },
    ],
    "smallest_effect": 0.4,
    "expected_mean": 12.5,
    "expected_spread": 6.25,
    "window": 7,
}
IN_FORCE = {"ends_on": "2023-04-24", "window": 7}
AT_THE_START = {**NOTHING, **IN_FORCE, "metrics": [CONVERSION, EVENTS]}
WEIGHTS = [
    {"variant_id": 5001, "value": "blue", "weight": "0.5"},
    {"variant_id": 5002, "value": "red", "weight": "0.5"},
]
STARTED = {
    "started_at": START,
    "plan": AT_THE_START,
    "weights": [{"since": START, "variants": WEIGHTS}],
}
CHANGED = {
    "at": "2023-03-15T17:35:58.511Z",
    "what": "the primary metric",
    "forbids_verdict": True,
    "says": "Changed after the start: the primary metric. Nothing is decided any more until a new"
    " run starts.",
}
OF_FEATURE: dict[str, Any] = {
    "plan": PLAN,
    "effective": {**PLAN, **IN_FORCE, "mode": "planned"},
    "fixed": STARTED,
    "changes": [CHANGED],
    "event_names": ["complaint", "revenue"],
}
OF_EXPERIMENT: dict[str, Any] = {
    "plan": {**NOTHING, "smallest_effect": 2},
    "effective": {
        **NOTHING, "metrics": [ANSWERED], "smallest_effect": 2, "window": 7, "mode": "open",
    },
    "fixed": None,
    "changes": [],
    "event_names": [],
}  # fmt: skip
REPLACES = (
    "What is left out goes by its default: the plan is replaced. The names of metrics are those of"
    " events with a `metric`; there are at most 20 in the life of a feature, and each keeps its"
    " cap. What was fixed when the experiment first started goes on to decide: a change of the"
    " primary metric, its direction, the smallest effect or the window forbids a verdict, and"
    " `changes` says so."
)

SIZE: dict[str, Any] = {
    "kind": "proportions",
    "mode": "planned",
    "alpha": 0.04,
    "control": 1166,
    "variant": 1166,
    "total": 2332,
    "users": 2332,
    "days": 24,
    "says": {
        "control": "Control needs 1,166 users to find a difference of 5.0 percentage points with a"
        " chance of 80 %.",
        "variant": "Each variant needs 1,166 users.",
        "total": "Control and 1 more have 2,332 users together.",
        "users": "These are 2,332 users in all.",
        "alpha": "The one look at the planned end has an alpha of 0.04; 0.01 is left to the looks"
        " before it, so that an experiment without an effect errs in at most 5 % of cases.",
        "days": "At 100 users a day they are there after 24 days; the results of the last of them"
        " are complete when their window is over.",
    },
}

PLAN_ROUTES: dict[str, About] = {
    "GET /api/results/feature/{feature_id}/plan": About(
        OF_FEATURE, refused=(404,), path=FEATURE_PATH
    ),
    "PUT /api/results/feature/{feature_id}/plan": About(
        OF_FEATURE, body=SENT, refused=(404,), path=FEATURE_PATH, note=REPLACES
    ),
    "GET /api/results/experiment/{experiment_id}/plan": About(
        OF_EXPERIMENT, refused=(404,), path=EXPERIMENT_PATH
    ),
    "PUT /api/results/experiment/{experiment_id}/plan": About(
        OF_EXPERIMENT,
        body={"smallest_effect": 2},
        refused=(404,),
        path=EXPERIMENT_PATH,
        note="The name of a metric is the id of a query of the experiment; without metrics the"
        " first query decides. " + REPLACES,
    ),
    "POST /api/results/plan": About(
        SIZE,
        body={"kind": "proportions", "rate": 0.2, "difference": 0.05, "users_per_day": 100},
        note="`difference` (of a guardrail `margin`) asks for the units that find it, `n` (units of"
        " control) for the effect that they find. Kinds are `proportions`, `means`, `pairs`,"
        " `groups` and `margin`. `planned` counts with one look at a planned end, `open` with the"
        " interval that holds at every look.",
    ),
}
