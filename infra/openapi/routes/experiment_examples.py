"""An experiment as requests and answers show it."""

from __future__ import annotations

from typing import Any

from chalicelib.api.upgrade.experiments.designs.answer_parts import BACKEND_VERSION

EXPERIMENT_ID = "11111111-2222-4333-8444-555555555555"
CONDITIONS = ("c1111111-2222-4333-8444-555555555555", "c2222222-2222-4333-8444-555555555555")
POINT_ID = "a1111111-2222-4333-8444-555555555555"
QUERY_ID = "b1111111-2222-4333-8444-555555555555"
SEGMENT_ID = "d1111111-2222-4333-8444-555555555555"
OTHER_ID = "e1111111-2222-4333-8444-555555555555"

TIME = "2026-11-22T09:00:00.000Z"
STAMPS: dict[str, Any] = {"createdAt": TIME, "updatedAt": TIME, "versionNumber": 1}

DESIGN: dict[str, Any] = {
    "id": EXPERIMENT_ID,
    "name": "Hints",
    "description": "Short or long hints",
    "context": ["home"],
    "state": "inactive",
    "type": "Simple",
    "assignmentUnit": "individual",
    "consistencyRule": "individual",
    "postExperimentRule": "continue",
    "filterMode": "includeAll",
    "tags": ["2026"],
    "conditions": [
        {"id": "c1", "conditionCode": "short", "assignmentWeight": 50, "order": 1},
        {"id": "c2", "conditionCode": "long", "assignmentWeight": 50, "order": 2},
    ],
    "partitions": [
        {"id": "p1", "site": "lesson", "target": "start", "order": 1, "excludeIfReached": False}
    ],
    "conditionPayloads": [],
    "queries": [
        {
            "name": "mean of stars",
            "query": {"operationType": "avg"},
            "metric": {"key": "stars"},
            "repeatedMeasure": "MEAN",
        }
    ],
}
"""What creates it; the ids of its parts are only for reference within."""

COLUMNS: dict[str, Any] = {
    **STAMPS,
    "id": EXPERIMENT_ID,
    "name": "Hints",
    "description": "Short or long hints",
    "context": ["home"],
    "state": "running",
    "startOn": None,
    "consistencyRule": "individual",
    "assignmentUnit": "individual",
    "postExperimentRule": "continue",
    "enrollmentCompleteCondition": None,
    "endOn": None,
    "revertTo": None,
    "tags": ["2026"],
    "group": None,
    "conditionOrder": None,
    "assignmentAlgorithm": "random",
    "filterMode": "includeAll",
    "backendVersion": BACKEND_VERSION,
    "type": "Simple",
}
OWN_NAMES: dict[str, Any] = {**COLUMNS, "state": "enrolling"}


def _condition(order: int, code: str) -> dict[str, Any]:
    return {
        **STAMPS,
        "id": CONDITIONS[order - 1],
        "twoCharacterId": f"C{order}",
        "name": None,
        "description": None,
        "conditionCode": code,
        "assignmentWeight": 50,
        "order": order,
    }


ARMS = [_condition(1, "short"), _condition(2, "long")]
SHOWN_ARMS = [{**arm, "levelCombinationElements": [], "conditionPayloads": []} for arm in ARMS]
POINT: dict[str, Any] = {
    **STAMPS,
    "id": POINT_ID,
    "twoCharacterId": "P1",
    "site": "lesson",
    "target": "start",
    "description": "",
    "order": 1,
    "excludeIfReached": False,
}
METRIC: dict[str, Any] = {
    **STAMPS,
    "key": "stars",
    "type": "continuous",
    "allowedData": None,
    "context": ["home"],
}
QUERY: dict[str, Any] = {
    **STAMPS,
    "id": QUERY_ID,
    "name": "mean of stars",
    "query": {"operationType": "avg"},
    "metric": METRIC,
    "repeatedMeasure": "MEAN",
    "order": 1,
}
CHANGE: dict[str, Any] = {
    **STAMPS,
    "id": OTHER_ID,
    "fromState": "inactive",
    "toState": "running",
    "timeLog": TIME,
}
SINGLE: dict[str, Any] = {
    **COLUMNS,
    "conditions": SHOWN_ARMS,
    "partitions": [POINT],
    "queries": [QUERY],
    "stateTimeLogs": [CHANGE],
    "experimentSegmentInclusion": [],
    "experimentSegmentExclusion": [],
    "factors": [],
    "stratificationFactor": None,
    "conditionPayloads": [],
}
CREATED: dict[str, Any] = {
    **COLUMNS,
    "state": "inactive",
    "conditions": ARMS,
    "partitions": [POINT],
    "factors": [],
    "conditionPayloads": [],
    "queries": [{**QUERY, "experiment": {**COLUMNS, "state": "inactive"}}],
}
OWNER = {"experimentId": EXPERIMENT_ID}
EDITED: dict[str, Any] = {
    **{name: value for name, value in SINGLE.items() if name != "createdAt"},
    "conditions": [{**arm, **OWNER} for arm in ARMS],
    "partitions": [{**POINT, **OWNER}],
    "queries": [{**QUERY, **OWNER}],
    "stateTimeLogs": [],
}
MOVED: dict[str, Any] = {
    **COLUMNS,
    "stateTimeLogs": [
        {
            **CHANGE,
            "experiment": {
                **COLUMNS,
                "state": "inactive",
                "stateTimeLogs": [],
                "partitions": [POINT],
                "queries": [QUERY],
            },
        }
    ],
    "partitions": [POINT],
    "queries": [QUERY],
}
EXPORTED: dict[str, Any] = {
    **SINGLE,
    "state": "enrolling",
    "stateTimeLogs": [{**CHANGE, "toState": "enrolling"}],
}

NEW_LIST: dict[str, Any] = {
    "name": "pilot classes",
    "context": "home",
    "type": "private",
    "userIds": ["ada"],
    "groups": [{"type": "classId", "groupId": "3a"}],
    "subSegmentIds": [],
    "listType": "classId",
}
SEGMENT_COLUMNS: dict[str, Any] = {
    **STAMPS,
    "id": SEGMENT_ID,
    "name": "pilot classes",
    "description": None,
    "listType": "classId",
    "context": "home",
    "type": "private",
    "tags": None,
}
SEGMENT: dict[str, Any] = {
    **SEGMENT_COLUMNS,
    "individualForSegment": [{**STAMPS, "segmentId": SEGMENT_ID, "userId": "ada"}],
    "groupForSegment": [{**STAMPS, "segmentId": SEGMENT_ID, "groupId": "3a", "type": "classId"}],
    "subSegments": [],
}
ADDED_LIST: dict[str, Any] = {
    "experiment": OWN_NAMES,
    **STAMPS,
    "segmentId": SEGMENT_ID,
    "experimentId": EXPERIMENT_ID,
    "segment": SEGMENT,
}

PAGE: dict[str, Any] = {
    "skip": 0,
    "take": 20,
    "searchParams": {"key": "all", "string": "hint"},
    "sortParams": {"key": "name", "sortAs": "ASC"},
}
EXPORTED_LIST: dict[str, Any] = {
    "name": "pilot classes",
    "description": None,
    "context": "home",
    "type": "private",
    "userIds": ["ada"],
    "subSegmentIds": [],
    "groups": [{"type": "classId", "groupId": "3a"}],
    "listType": "classId",
}
LIST_FILE: dict[str, Any] = {
    "fileName": "pilot classes.json",
    "fileContent": '{"name": "pilot classes", "context": "home", "type": "private",'
    ' "userIds": ["ada"], "groups": [], "subSegmentIds": [], "listType": "Individual"}',
}
