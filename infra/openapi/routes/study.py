"""The routes about metrics, results, participants, and the service itself."""

from __future__ import annotations

from typing import Any

from chalicelib import about
from chalicelib.api.upgrade.experiments.designs.answer_parts import BACKEND_VERSION
from infra.openapi.routes.about import About
from infra.openapi.routes.client import ASSIGNED, GROUP, WORKING_GROUP
from infra.openapi.routes.experiment_examples import (
    ARMS,
    CONDITIONS,
    EXPERIMENT_ID,
    OTHER_ID,
    OWN_NAMES,
    POINT_ID,
    QUERY_ID,
    STAMPS,
    TIME,
)

MISSING = (404,)
PAGED = ("Link",)

NODE: dict[str, Any] = {
    "key": "stars",
    "children": [],
    "metadata": {"type": "continuous"},
    "allowedData": None,
    "context": ["home"],
}
METRICS = {
    "metricUnit": [
        {"metric": "stars", "datatype": "continuous"},
        {
            "groupClass": "workspace",
            "allowedKeys": ["areas"],
            "attributes": [
                {"metric": "timeSeconds", "datatype": "continuous"},
                {"metric": "completion", "datatype": "categorical", "allowedValues": ["yes", "no"]},
            ],
        },
    ],
    "context": ["home"],
}
COUNTS = {"users": 12, "groups": 0}
PARTITIONS = [{"id": POINT_ID, **COUNTS}]

USER: dict[str, Any] = {**STAMPS, "id": "ada", "group": GROUP, "workingGroup": WORKING_GROUP}
POINT_KEY = {"site": "lesson", "target": "start"}
SENT_USER = {"id": "ada", "group": GROUP, "workingGroup": WORKING_GROUP}
EXCLUDED = "participant was on the exclusion list"
ROWS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "individualAssignment": (
        {
            **STAMPS,
            "id": OTHER_ID,
            "experimentId": EXPERIMENT_ID,
            "userId": "ada",
            "groupId": None,
            "enrollmentCode": "participant enrolled via algorithm",
            "conditionId": CONDITIONS[0],
            "experiment": OWN_NAMES,
            "user": USER,
            "condition": ARMS[0],
            "partition": POINT_KEY,
        },
        {
            "createdAt": TIME,
            "experimentId": EXPERIMENT_ID,
            "user": SENT_USER,
            "groupId": None,
            "enrollmentCode": "participant enrolled via algorithm",
            "conditionId": CONDITIONS[0],
            "partition": POINT_KEY,
        },
    ),
    "individualExclusion": (
        {
            **STAMPS,
            "id": f"{EXPERIMENT_ID}_ada",
            "groupId": None,
            "exclusionCode": EXCLUDED,
        },
        {"createdAt": TIME, "id": f"{EXPERIMENT_ID}_ada", "exclusionCode": EXCLUDED},
    ),
    "monitoredExperimentPoint": (
        {
            **STAMPS,
            "id": OTHER_ID,
            **POINT_KEY,
            "experimentId": EXPERIMENT_ID,
            "condition": "short",
            "user": USER,
            "monitoredPointLogs": [],
        },
        {
            "createdAt": TIME,
            "id": OTHER_ID,
            **POINT_KEY,
            "experimentId": EXPERIMENT_ID,
            "condition": "short",
            "userId": "ada",
        },
    ),
    "groupAssignment": (
        {
            **STAMPS,
            "id": OTHER_ID,
            "experimentId": EXPERIMENT_ID,
            "groupId": "3a",
            "conditionId": CONDITIONS[0],
            "condition": ARMS[0],
            "partition": POINT_KEY,
        },
        {
            "createdAt": TIME,
            "experimentId": EXPERIMENT_ID,
            "groupId": "3a",
            "conditionId": CONDITIONS[0],
            "partition": POINT_KEY,
        },
    ),
    "groupExclusion": (
        {
            **STAMPS,
            "id": f"{EXPERIMENT_ID}_3a",
            "experimentId": EXPERIMENT_ID,
            "exclusionCode": EXCLUDED,
            "groupId": "3a",
        },
        {
            "createdAt": TIME,
            "experimentId": EXPERIMENT_ID,
            "groupId": "3a",
            "exclusionCode": EXCLUDED,
        },
    ),
}
REPORT = {
    "stored": 1,
    "unchanged": 0,
    "refused": [
        {"index": 1, "reason": f"there is no experiment {OTHER_ID}: import its design first"}
    ],
}

PREVIEW: dict[str, Any] = {
    **STAMPS,
    "id": "ada",
    "assignments": [
        {
            **STAMPS,
            "id": OTHER_ID,
            "experiment": {"id": EXPERIMENT_ID, "name": "Hints"},
            "experimentCondition": {"id": CONDITIONS[0], "conditionCode": "short"},
        }
    ],
}
ASSIGNMENTS = {
    "assignments": [
        {"experiment": {"id": EXPERIMENT_ID}, "experimentCondition": {"id": CONDITIONS[0]}}
    ]
}
FIRST_PAGE = {"skip": 0, "take": 20}
USER_PATH = {"user_id": "ada"}
SETTINGS = {"toCheckAuth": False, "toFilterMetric": False}
FACTOR_PATH = {"factor": "reading-level"}

STUDY_ROUTES: dict[str, About] = {
    "GET /api/metric": About([NODE]),
    "GET /api/metric/{key}": About(
        [NODE],
        refused=MISSING,
        path={"key": "home"},
        note="`key` is the name of the context.",
    ),
    "POST /api/metric/save": About([NODE], METRICS),
    "DELETE /api/metric/{key}": About(
        [],
        refused=MISSING,
        path={"key": "stars"},
        note="`key` is that of the metric, or the name of the class.",
    ),
    "POST /api/query/analyse": About(
        [
            {
                "id": QUERY_ID,
                "mainEffect": [
                    {
                        "conditionId": CONDITIONS[0],
                        "result": "2.5000000000000000",
                        "participantsLogged": "12",
                    },
                    {"conditionId": CONDITIONS[1], "result": "0", "participantsLogged": 0},
                ],
                "interactionEffect": None,
            }
        ],
        {"queryIds": [QUERY_ID]},
        MISSING,
    ),
    "POST /api/stats/enrollment": About(
        [{"id": EXPERIMENT_ID, **COUNTS}], {"experimentIds": [EXPERIMENT_ID]}
    ),
    "POST /api/stats/enrollment/detail": About(
        {
            "id": EXPERIMENT_ID,
            **COUNTS,
            "usersExcluded": 1,
            "groupsExcluded": 0,
            "conditions": [{"id": CONDITIONS[0], **COUNTS, "partitions": PARTITIONS}],
        },
        {"experimentId": EXPERIMENT_ID},
        MISSING,
    ),
    "POST /api/stats/enrollment/date": About(
        [
            {
                "date": "Sun Nov 22 2026",
                "stats": {
                    "id": EXPERIMENT_ID,
                    "conditions": [{"id": CONDITIONS[0], "partitions": PARTITIONS}],
                },
            }
        ],
        {"experimentId": EXPERIMENT_ID, "dateEnum": "last_seven_days", "clientOffset": -300},
        MISSING,
    ),
    **{f"GET /api/check/{name}": About([row], headers=PAGED) for name, (row, _) in ROWS.items()},
    **{f"POST /api/check/{name}": About(REPORT, [sent]) for name, (_, sent) in ROWS.items()},
    "POST /api/batch-assign": About(
        {"ada": ASSIGNED, "bob": None, "nobody": "NOT_FOUND"},
        {"context": "home", **POINT_KEY, "userIds": ["ada", "bob", "nobody"]},
    ),
    "GET /api/previewusers": About([PREVIEW]),
    "POST /api/previewusers": About(PREVIEW, {"id": "ada", **ASSIGNMENTS}, MISSING),
    "POST /api/previewusers/assign": About(PREVIEW, {"id": "ada", **ASSIGNMENTS}, MISSING),
    "POST /api/previewusers/paginated": About(
        {"total": 1, "nodes": [PREVIEW], **FIRST_PAGE}, FIRST_PAGE
    ),
    "GET /api/previewusers/{user_id}": About(PREVIEW, refused=MISSING, path=USER_PATH),
    "PUT /api/previewusers/{user_id}": About(PREVIEW, ASSIGNMENTS, MISSING, path=USER_PATH),
    "DELETE /api/previewusers/{user_id}": About([{**STAMPS, "id": "ada"}], path=USER_PATH),
    "GET /api/stratification": About(
        [
            {
                "factor": "reading-level",
                "factorValue": {"low": 12, "high": 9},
                "experimentIds": [EXPERIMENT_ID],
            }
        ],
    ),
    "POST /api/stratification": About(
        [{"factor": "reading-level", "users": 2}],
        {"files": [{"file": "uuid,reading-level\nada,high\nbob,low"}]},
    ),
    "GET /api/stratification/download/{factor}": About(
        "uuid,reading-level\r\nada,high\r\nbob,low",
        str,
        refused=MISSING,
        headers=("ContentDisposition", "Link"),
        path=FACTOR_PATH,
        media_type="text/csv",
    ),
    "DELETE /api/stratification/{factor}": About(
        [{**STAMPS, "stratificationFactorName": "reading-level"}],
        path=FACTOR_PATH,
    ),
    "GET /api/setting": About(SETTINGS),
    "POST /api/setting": About(SETTINGS, SETTINGS),
    "GET /api": About(
        {"name": about.NAME, "version": about.VERSION, "description": about.DESCRIPTION},
    ),
    "GET /api/version": About(BACKEND_VERSION),
}
