"""Files as the original exports them, and what to compare of exports."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any

STAMPS = {"createdAt": "2025-03-04T05:06:07.890Z", "updatedAt": "2025-04-05T06:07:08.901Z"}
STAMPED: dict[str, Any] = {**STAMPS, "versionNumber": 3}
CHANGING = frozenset({"createdAt", "updatedAt", "versionNumber", "backendVersion", "state"})
"""What an import may change: times, versions, and the state."""


def file(content: Any, name: str = "file.json", *, as_text: bool = True) -> dict[str, Any]:
    """A file as routes take it."""
    return {"fileName": name, "fileContent": json.dumps(content) if as_text else content}


def lasting(value: Any) -> Any:
    """A JSON value without what an import may change."""
    if isinstance(value, dict):
        return {name: lasting(each) for name, each in value.items() if name not in CHANGING}
    if isinstance(value, list):
        return [lasting(each) for each in value]
    return value


def new_id() -> str:
    return str(uuid.uuid4())


def segment(
    name: str = "a list",
    *users: str,
    groups: Sequence[tuple[str, str]] = (),
    subs: Sequence[str] = (),
    **fields: Any,
) -> dict[str, Any]:
    """A segment as it is read."""
    return {
        **STAMPED,
        "id": new_id(),
        "name": name,
        "description": "",
        "listType": None,
        "context": "home",
        "type": "private",
        "tags": None,
        "individualForSegment": [{**STAMPED, "userId": user} for user in users],
        "groupForSegment": [{**STAMPED, "groupId": group, "type": kind} for kind, group in groups],
        "subSegments": [
            {**STAMPED, "id": sub, "name": "sub", "context": "home", "type": "public"}
            for sub in subs
        ],
        **fields,
    }


def experiment(**fields: Any) -> dict[str, Any]:
    """An experiment on classes that runs, as the original exports it."""
    control, variant, point = new_id(), new_id(), new_id()
    return {
        **STAMPED,
        "id": new_id(),
        "name": "Hints",
        "description": "with and without",
        "context": ["home"],
        "state": "enrolling",
        "startOn": None,
        "consistencyRule": "group",
        "assignmentUnit": "group",
        "postExperimentRule": "assign",
        "enrollmentCompleteCondition": {"userCount": 20, "groupCount": 2},
        "endOn": None,
        "revertTo": variant,
        "tags": ["math"],
        "group": "classId",
        "conditionOrder": None,
        "assignmentAlgorithm": "random",
        "filterMode": "includeAll",
        "backendVersion": "6.5.0",
        "type": "Simple",
        "conditions": [
            {
                **STAMPED,
                "id": condition_id,
                "twoCharacterId": mark,
                "name": "",
                "description": None,
                "conditionCode": code,
                "assignmentWeight": weight,
                "order": order,
                "levelCombinationElements": [],
                "conditionPayloads": [
                    {**STAMPED, "id": new_id(), "payloadType": "string", "payloadValue": code}
                ],
            }
            for condition_id, mark, code, weight, order in (
                (variant, "Q7", "variant", 66.67, 3),
                (control, "4C", "control", 33.33, 1),
            )
        ],
        "partitions": [
            {
                **STAMPED,
                "id": point,
                "twoCharacterId": "Q7",
                "site": "lesson",
                "target": None,
                "description": "",
                "order": 1,
                "excludeIfReached": True,
            }
        ],
        "factors": [],
        "stateTimeLogs": [
            {
                **STAMPED,
                "id": new_id(),
                "fromState": before,
                "toState": after,
                "timeLog": f"2025-04-0{day}T00:00:00.000Z",
            }
            for before, after, day in (
                ("inactive", "enrolling", 1),
                ("enrolling", "enrollmentComplete", 2),
                ("enrollmentComplete", "enrolling", 3),
            )
        ],
        "queries": [],
        "experimentSegmentInclusion": [{**STAMPED, "segment": segment("included", "ada")}],
        "experimentSegmentExclusion": [
            {**STAMPED, "segment": segment("excluded", groups=[("classId", "c9")])}
        ],
        "stratificationFactor": None,
        "conditionPayloads": [
            {
                **STAMPED,
                "id": new_id(),
                "parentCondition": control,
                "decisionPoint": point,
                "payload": {"type": "json", "value": '{"hints": false}'},
            }
        ],
        **fields,
    }


def flag(**fields: Any) -> dict[str, Any]:
    """A flag as the original exports it."""
    return {
        **STAMPED,
        "id": new_id(),
        "name": 'the "new" menu é',
        "key": "NEW_MENU",
        "description": None,
        "context": ["home"],
        "tags": ["ui"],
        "status": "enabled",
        "filterMode": "excludeAll",
        "featureFlagSegmentInclusion": [
            {
                **STAMPED,
                "enabled": True,
                "listType": "Individual",
                "segment": segment("in", "ada", listType="Individual"),
            }
        ],
        "featureFlagSegmentExclusion": [
            {
                **STAMPED,
                "enabled": False,
                "listType": "classId",
                "segment": segment("out", groups=[("classId", "c9")], listType="classId"),
            }
        ],
        **fields,
    }
