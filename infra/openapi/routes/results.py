"""The routes about results."""

from __future__ import annotations

from typing import Any

from infra.openapi.routes.about import About
from infra.openapi.routes.experiment_examples import CONDITIONS, EXPERIMENT_ID, TIME

TEXT = (
    "Ship green. conversion rises from 21.0 % to 27.6 %, by 6.6 percentage points (0.3 to 12.9)."
    " This holds however often you looked."
)
LATCHED = {"code": "ship", "text": TEXT, "at": TIME, "variant": "green"}
LINE: dict[str, Any] = {
    "kind": "feature",
    "id": "1",
    "name": "checkout button",
    "verdict": "ship",
    "text": TEXT,
    "latched": LATCHED,
    "units": 2800,
    "unit": "users",
    "split": "fine",
    "days_left": 4,
    "as_of": TIME,
}
INTERVAL = {"low": 0.003, "high": 0.129}
POINT = {"variant": "2", "metric": "conversion", "difference": 0.066, "interval": INTERVAL}
PERIOD = {
    "first": "2026-03-01",
    "new": {"1": 50, "2": 50},
    "so_far": {"1": 50, "2": 50},
    "points": [POINT],
    "is_open": False,
}
RATE = {
    "metric": "conversion",
    "n": 1400,
    "mean": 0.21,
    "interval": {"low": 0.19, "high": 0.232},
    "converters": 294,
    "capped_share": None,
    "left_out": 0,
    "user_weighted_mean": None,
}
RESULTS: dict[str, Any] = {
    "kind": "feature",
    "id": "1",
    "name": "checkout button",
    "verdict": {
        "code": "ship",
        "row": 5,
        "text": TEXT,
        "advice": [],
        "variant": "green",
        "turn_off": [],
        "is_terminal": True,
    },
    "latched": LATCHED,
    "plan": {
        "mode": "planned",
        "started_at": TIME,
        "ends_on": "2026-03-28",
        "is_over": False,
        "full_days": 30,
        "window_days": 7,
        "n_star": 5000,
        "alpha": 0.01,
        "comparisons": 1,
    },
    "unit": "users",
    "checks": [
        {
            "name": "split",
            "state": "fine",
            "text": "Variants got the users that their weights say (p 1).",
            "p": 1,
        }
    ],
    "metrics": [
        {
            "name": "conversion",
            "kind": "proportion",
            "is_share": True,
            "role": "primary",
            "direction": "increase",
            "margin": None,
            "cap": None,
            "described": None,
            "damaged": None,
        }
    ],
    "variants": [
        {
            "id": "1",
            "name": "blue",
            "is_control": True,
            "weight": 0.5,
            "units": 1400,
            "due": 1400,
            "metrics": [RATE],
        }
    ],
    "comparisons": [
        {
            "variant": "2",
            "name": "green",
            "against": "blue",
            "metric": "conversion",
            "role": "primary",
            "units": 2800,
            "control_mean": 0.21,
            "mean": 0.276,
            "difference": 0.066,
            "interval": INTERVAL,
            "p": 0.0072,
            "p_text": "0.0072",
            "lift": 0.314,
            "lift_interval": {"low": 0.01, "high": 0.72},
            "no_lift": None,
            "if_only_look": {
                "label": "if this were the only look",
                "p": 0.00005,
                "interval": {"low": 0.034, "high": 0.098},
            },
            "lacks": [],
            "guardrail": None,
        }
    ],
    "series": {"days": [PERIOD], "weeks": [PERIOD]},
    "days_left": 4,
    "notes": [
        "A user counts on the day of the enrollment, with what follows within 7 days; days of which"
        " the window is open decide nothing yet."
    ],
    "data_at": TIME,
}
CSV = {"text/csv": "metric,role,variant,name\r\nconversion,primary,1,blue\r\n"}
ROWS_CSV = {"text/csv": "user_id,variant_id,variant,day\r\nada,2,green,2026-03-01\r\n"}
EXPERIMENT_ROWS_CSV = {
    "text/csv": "user_id,condition_id,condition,site,target,day,group_id,stratum,mean of stars\r\n"
    f"ada,{CONDITIONS[1]},long,lesson,start,2026-03-01,,,4.5\r\n"
}
AS_CSV = (
    "As CSV for who accepts `text/csv`: a line for each metric and variant, or with `series=true`"
    " for each day of the series."
)

RESULT_ROUTES: dict[str, About] = {
    "GET /api/results": About([LINE], headers=("Link",)),
    "GET /api/results/experiment/{experiment_id}": About(
        {**RESULTS, "kind": "experiment", "id": EXPERIMENT_ID},
        refused=(404,),
        headers=("ETag",),
        path={"experiment_id": EXPERIMENT_ID},
        note=AS_CSV,
        also_as=CSV,
    ),
    "GET /api/results/experiment/{experiment_id}/participants": About(
        [
            {
                "user_id": "ada",
                "condition_id": CONDITIONS[1],
                "condition": "long",
                "site": "lesson",
                "target": "start",
                "day": "2026-03-01",
                "group_id": None,
                "stratum": None,
                "values": {"mean of stars": 4.5},
            }
        ],
        refused=(404,),
        headers=("Link",),
        path={"experiment_id": EXPERIMENT_ID},
        note=(
            "A row for each condition that a user met at a decision point. As CSV, with all digits,"
            " for who accepts `text/csv`. A page may be short or empty, and yet have a `Link`:"
            " follow it until there is none."
        ),
        also_as=EXPERIMENT_ROWS_CSV,
    ),
    "GET /api/results/feature/{feature_id}/participants": About(
        [
            {
                "user_id": "ada",
                "variant_id": 2,
                "variant": "green",
                "day": "2026-03-01",
                "values": {"events": 3, "revenue": 12.5},
                "is_counted": True,
            }
        ],
        refused=(404,),
        headers=("Link",),
        path={"feature_id": 1},
        note="As CSV for who accepts `text/csv`.",
        also_as=ROWS_CSV,
    ),
    "GET /api/results/feature/{feature_id}": About(
        RESULTS, refused=(404,), headers=("ETag",), path={"feature_id": 1}, note=AS_CSV, also_as=CSV
    ),
}
