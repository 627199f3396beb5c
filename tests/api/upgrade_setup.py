"""Experiments in UpGrade's form, set up through its administration."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any

Send = Callable[[str, str, Any], Any]
"""Method, path, body -> the parsed answer of a request that must succeed."""


def design(
    *points: tuple[str, str],
    codes: Sequence[str] = ("control", "variant"),
    weights: Sequence[float] = (50, 50),
    **fields: Any,
) -> dict[str, Any]:
    """The body that creates an experiment."""
    return {
        "id": str(uuid.uuid4()),
        "name": "experiment",
        "description": "",
        "context": ["home"],
        "state": "inactive",
        "consistencyRule": "individual",
        "assignmentUnit": "individual",
        "postExperimentRule": "continue",
        "tags": [],
        "filterMode": "includeAll",
        "type": "Simple",
        "assignmentAlgorithm": "random",
        "conditions": [
            {
                "id": str(uuid.uuid4()),
                "conditionCode": code,
                "assignmentWeight": weight,
                "order": order,
            }
            for order, (code, weight) in enumerate(zip(codes, weights, strict=True), 1)
        ],
        "partitions": [
            {
                "id": str(uuid.uuid4()),
                "site": site,
                "target": target,
                "order": order,
                "excludeIfReached": False,
            }
            for order, (site, target) in enumerate(points, 1)
        ],
        "conditionPayloads": [],
        "queries": [],
        **fields,
    }


def two_factors(*points: tuple[str, str]) -> dict[str, Any]:
    """A factorial design: two factors of two levels, the first combination for everybody."""
    levels = {name: str(uuid.uuid4()) for name in ("Red", "Blue", "Circle", "Square")}
    body = design(
        *points,
        codes=("RC", "RS", "BC", "BS"),
        weights=(100, 0, 0, 0),
        type="Factorial",
        factors=[
            {
                "name": factor,
                "order": order,
                "levels": [
                    {"id": levels[name], "name": name, "payload": {"type": "string", "value": name}}
                    for name in names
                ],
            }
            for order, (factor, names) in enumerate(
                {"Color": ("Red", "Blue"), "Shape": ("Circle", "Square")}.items(), 1
            )
        ],
    )
    pairs = [("Red", "Circle"), ("Red", "Square"), ("Blue", "Circle"), ("Blue", "Square")]
    for condition, pair in zip(body["conditions"], pairs, strict=True):
        condition["levelCombinationElements"] = [
            {"id": str(uuid.uuid4()), "level": {"id": levels[name], "name": name}} for name in pair
        ]
    return body


def query(metric_key: str) -> dict[str, Any]:
    """What an experiment asks about a metric."""
    return {
        "name": metric_key,
        "query": {"operationType": "count"},
        "metric": {"key": metric_key},
        "repeatedMeasure": "MOST RECENT",
    }


def measure(send: Send, *names: str) -> dict[str, Any]:
    """Let the metrics of some names, and those of class and key `workspace`, `areas`, be logged."""
    attributes = [{"metric": name, "datatype": "continuous"} for name in names]
    grouped = {"groupClass": "workspace", "allowedKeys": ["areas"], "attributes": attributes}
    send("POST", "/api/metric/save", {"metricUnit": [*attributes, grouped], "context": ["home"]})
    keys = [*names, *(f"workspace@__@areas@__@{name}" for name in names)]
    body = design(("measured", "point"), queries=[query(key) for key in keys])
    made: dict[str, Any] = send("POST", "/api/experiments", body)
    return made


def entry(
    day: int,
    attributes: dict[str, Any] | None = None,
    grouped: dict[str, dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """One entry of a log, of a day in March: simple values, and grouped ones by uniquifier."""
    of_class = {"groupClass": "workspace", "groupKey": "areas"}
    return {
        "timestamp": f"2024-03-{day:02}T10:00:00.000Z",
        "metrics": {
            "attributes": attributes or {},
            "groupedMetrics": [
                {**of_class, "groupUniquifier": uniquifier, "attributes": values}
                for uniquifier, values in (grouped or {}).items()
            ],
        },
    }


def flag(key: str = "key", **fields: Any) -> dict[str, Any]:
    """The body that creates a flag that is on for everybody."""
    return {
        "name": f"flag {key}",
        "key": key,
        "status": "enabled",
        "context": ["home"],
        "filterMode": "includeAll",
        **fields,
    }


def segment(*users: str, groups: Sequence[tuple[str, str]] = (), **fields: Any) -> dict[str, Any]:
    """The body that creates a list of users and groups."""
    return {
        "name": "list",
        "context": "home",
        "type": "private",
        "userIds": users,
        "groups": [{"type": kind, "groupId": group_id} for kind, group_id in groups],
        "subSegmentIds": [],
        **fields,
    }


def start(send: Send, body: dict[str, Any]) -> dict[str, Any]:
    """Create an experiment and let it enroll; the answer to its creation."""
    made: dict[str, Any] = send("POST", "/api/experiments", body)
    send("POST", "/api/experiments/state", {"experimentId": made["id"], "state": "enrolling"})
    return made
