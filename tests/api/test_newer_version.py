"""A database in which a newer version of this program has stored more than this one knows."""

from __future__ import annotations

import json
import zlib
from types import ModuleType
from typing import Any
from urllib.parse import quote

import pytest

from chalicelib.domain.access.api_keys import Role
from chalicelib.domain.audiences.filters import FilterMode
from chalicelib.domain.audiences.segments import SegmentType
from chalicelib.domain.experiments.experiments import (
    Algorithm,
    ConditionOrder,
    ConsistencyRule,
    DesignType,
    PostRule,
    State,
    Unit,
)
from chalicelib.domain.experiments.metrics import MetricType, Operation, RepeatedMeasure
from chalicelib.domain.flags.flags import FlagStatus
from chalicelib.domain.participants.participants import EnrollmentCode, ExclusionCode
from chalicelib.storage.dynamodb.connection import shared
from chalicelib.storage.dynamodb.tables import TABLES
from tests.everything import BOB, KEY, World
from tests.http import Gateway

NEWER = "of_a_newer_version"
KEYED_BY_DATA = frozenset({"group", "working_group", "data", "queries", "headers"})
"""Maps whose keys are not fields."""


def grown(value: Any, name: str = "") -> Any:
    """JSON with a further field in each of its objects."""
    if isinstance(value, list):
        return [grown(each, name) for each in value]
    if not isinstance(value, dict) or name in KEYED_BY_DATA:
        return value
    return {**{key: grown(each, key) for key, each in value.items()}, NEWER: [1, {"x": None}]}


def grown_text(text: str, *, keyed_by_data: bool) -> str:
    if not text.startswith(("{", "[")):
        return text
    value = json.loads(text)
    if keyed_by_data and isinstance(value, dict):
        return json.dumps({key: grown(each) for key, each in value.items()})
    return json.dumps(grown(value))


def store_more_with_every_item() -> int:
    """Give each item an attribute more, and each JSON in it fields; how many items there are."""
    client, count = shared().client, 0
    for table in TABLES:
        name = table.Meta.table_name
        pages = client.get_paginator("scan").paginate(TableName=name, ConsistentRead=True)
        for item in [item for page in pages for item in page["Items"]]:
            by_data = item.get("pk", {}).get("S", "").startswith("metrics#")
            by_data = by_data or item.get("sk", {}).get("S") == "preview"
            for attribute, value in item.items():
                if "S" in value and attribute not in ("pk", "sk"):
                    item[attribute] = {"S": grown_text(value["S"], keyed_by_data=by_data)}
            if "answer" in item and "B" in item["answer"]:
                answer = json.loads(zlib.decompress(item["answer"]["B"]))
                item["answer"] = {"B": zlib.compress(json.dumps(grown(answer)).encode())}
            item[NEWER] = {"L": [{"S": "more"}]}
            client.put_item(TableName=name, Item=item)
            count += 1
    return count


READ = (
    "/api/feature",
    "/api/feature/current",
    "/api/userblocks",
    "/api/users",
    "/api/events",
    "/api/experiments",
    "/api/flags",
    "/api/segments",
    "/api/metric",
    "/api/previewusers",
    "/api/stratification",
    "/api/setting",
    "/api/experiments/single/{simple}",
    "/api/experiments/single/{grouped}",
    "/api/experiments/single/{measured}",
)


def answers(world: World) -> list[Any]:
    """What is answered of all that is stored; nothing of it is changed."""
    send = world.send
    asked = [send("GET", path.format(**world.ids)) for path in READ]
    caller = {"userId": BOB, "context": "home"}
    asked += [send("POST", f"/api/v5/{route}", caller) for route in ("assign", "featureflag")]
    again = {"id": BOB, "variant_id": world.variants[0], "ip_address": "10.0.0.1"}
    asked.append(send("POST", "/api/users", again, KEY))
    query = send("GET", f"/api/experiments/single/{world.ids['measured']}")["queries"]
    asked.append(send("POST", "/api/query/analyse", {"queryIds": [each["id"] for each in query]}))
    asked.append(send("POST", "/api/stats/enrollment", {"experimentIds": [world.ids["grouped"]]}))
    return asked


def test_what_a_newer_version_stored_besides_changes_no_answer(
    app: ModuleType, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World.made(gateway)
    world.add_user(BOB)
    before = answers(world)
    assert store_more_with_every_item() > 100
    monkeypatch.setattr(app.services.catalogue, "_cached", None)
    assert answers(world) == before
    assert gateway.get(f"/api/users/{quote(BOB)}/export").status == 200


WORDS = frozenset(
    str(each.value)
    for words in (
        *(Algorithm, ConditionOrder, ConsistencyRule, DesignType, EnrollmentCode, ExclusionCode),
        *(FilterMode, FlagStatus, MetricType, Operation, PostRule, RepeatedMeasure, Role),
        *(SegmentType, State, Unit),
    )
    for each in words
)
"""Members of all enumerations that are stored."""


AS_GIVEN = frozenset({"repeatedMeasure", "operationType"})
"""Fields that are shown as they are stored, of which the document lists the words."""


def renamed(value: Any, name: str = "") -> Any:
    """JSON with another word for each of these."""
    if isinstance(value, list):
        return [renamed(each, name) for each in value]
    if isinstance(value, dict):
        return {key: renamed(each, key) for key, each in value.items()}
    is_word = isinstance(value, str) and value in WORDS and name not in AS_GIVEN
    return NEWER if is_word else value


def store_other_words() -> int:
    """Store a word that nobody knows for each that is known; in how many items."""
    client, count = shared().client, 0
    for table in TABLES:
        name = table.Meta.table_name
        pages = client.get_paginator("scan").paginate(TableName=name, ConsistentRead=True)
        for item in [item for page in pages for item in page["Items"]]:
            before = str(item)
            for attribute, value in item.items():
                if value.get("S", "").startswith(("{", "[")):
                    text = json.dumps(renamed(json.loads(value["S"])), separators=(",", ":"))
                    item[attribute] = {"S": text}
            if item.get("pk", {}).get("S", "").startswith("feature#") and "type" in item:
                item["type"] = {"N": "9"}
            count += str(item) != before
            client.put_item(TableName=name, Item=item)
    return count


def test_a_word_that_a_newer_version_stored_is_a_fault_on_no_route(
    app: ModuleType, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World.made(gateway)
    world.add_user(BOB)
    query = world.send("GET", f"/api/experiments/single/{world.ids['measured']}")["queries"]
    assert store_other_words() > 20
    monkeypatch.setattr(app.services.catalogue, "_cached", None)
    for path in READ:
        assert gateway.get(path.format(**world.ids)).status == 200, path
    caller = {"userId": BOB, "context": "home"}
    for route in ("assign", "featureflag"):
        assert world.send("POST", f"/api/v5/{route}", caller) == [], "nothing is in force"
    for path, body in (
        ("/api/query/analyse", {"queryIds": [each["id"] for each in query]}),
        ("/api/stats/enrollment", {"experimentIds": [world.ids["grouped"]]}),
        ("/api/v5/mark", {"userId": BOB, "data": {"site": "lesson", "target": "hint"}}),
    ):
        assert gateway.post(path, body).status < 500, path
    assert gateway.get(f"/api/users/{quote(BOB)}/export").status == 200
    app.run_upkeep()
