"""Answers of UpGrade's client operations, held against the schemas of the document itself.

Set aside is what the document takes from its examples (the types of groups that it requires, lists
and targets that are not empty), and that it knows no null where the original answers it.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.api.upgrade_setup import design, entry, flag, measure, segment, start, two_factors
from tests.http import Answer, Gateway

DOCUMENT = Path(__file__).parent / "upgrade-client-api.md"
SUCCESS = "200"
JSON_TYPE = "application/json"
GROUPS = {"group": {"classId": ["1a", "1b"]}, "workingGroup": {"classId": "1a"}}
POINT_KEYS = ("simple", "group", "within", "stopped", "excluding", "factorial", "button", "nowhere")
EXAMPLES_REQUIRED = {"group", "workingGroup"}
"""Schemas that require the types of groups of their examples."""

MAY_BE_NULL = {
    "group": "users_init_v6",
    "workingGroup": "users_init_v6",
    "experimentId": "mark_unknown",
    "condition": "mark_unknown",
    "payload": "assign_payloads",
}
"""Fields in which the original answers null, each with a recording that shows it."""


def whole_document() -> dict[str, dict[str, Any]]:
    """What the document says of each operation, by method and path as clients call it."""
    found = {}
    for block in re.findall(r"```json\n(.*?)\n```", DOCUMENT.read_text(), re.DOTALL):
        part = json.loads(block)
        [(path, methods)] = part["paths"].items()
        [(method, operation)] = methods.items()
        content = operation["responses"][SUCCESS].get("content", {})
        schema = content.get(JSON_TYPE, {}).get("schema", {})
        found[f"{method.upper()} /api{path}"] = {**part, **_adjusted(schema)} | {
            "components": _adjusted(part.get("components", {}))
        }
    return found


def _adjusted(schema: Any, name: str = "") -> Any:
    """A schema without what is set aside."""
    if isinstance(schema, list):
        return [_adjusted(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    dropped = {"minItems"}
    if name in EXAMPLES_REQUIRED:
        dropped.add("required")
    if name == "target":
        dropped.add("minLength")
    adjusted = {
        key: {field: _adjusted(each, field) for field, each in value.items()}
        if key == "properties"
        else _adjusted(value)
        for key, value in schema.items()
        if key not in dropped
    }
    if name in MAY_BE_NULL and "type" in adjusted:
        adjusted["type"] = [adjusted["type"], "null"]
    return adjusted


OPERATIONS = whole_document()


def send(gateway: Gateway, method: str, path: str, body: Any, **headers: str) -> Answer:
    """Send a request that must succeed, and hold the answer against the document."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = gateway.send(method, path, body, named)
    assert answer.status == 200, (method, path, answer.text)
    schema = OPERATIONS.get(f"{method} {path}")
    if schema is not None:
        Draft202012Validator(schema).validate(answer.json)
    return answer


def world(gateway: Gateway) -> None:
    """Experiments of every kind, in several states, with flags and metrics."""

    def done(method: str, path: str, body: Any) -> Any:
        return send(gateway, method, path, body).json

    within = {
        "assignmentUnit": "within-subjects",
        "consistencyRule": None,
        "conditionOrder": "random round robin",
    }
    of_groups: dict[str, Any] = {
        "assignmentUnit": "group",
        "group": "classId",
        "consistencyRule": "group",
    }
    start(done, design(("simple", ""), ("simple", "two")))
    start(done, design(("group", "t"), **of_groups))
    start(done, design(("within", "t"), codes=("a", "b", "c"), weights=(34, 33, 33), **within))
    start(done, two_factors(("factorial", "t")))
    stopped = start(done, design(("stopped", "t")))
    state = {"experimentId": stopped["id"], "state": "enrollmentComplete"}
    done("POST", "/api/experiments/state", state)
    excluding = start(done, design(("excluding", "t")))
    listed = {**segment("ada"), "listType": "Individual"}
    body = {"experimentId": excluding["id"], "list": listed}
    done("POST", "/api/experiments/exclusionList", body)
    measure(done, "time")
    done("POST", "/api/flags", flag())
    dates = {"start_date": "2020-01-01", "end_date": "2099-12-31"}
    feature = done("POST", "/api/feature", {"type_id": 3, "name": "button", **dates})
    variants = [{"feature_id": feature["id"], "value": "red", "weight": 1}]
    done("POST", f"/api/feature/{feature['id']}/variants", {"variants": variants})
    gateway.get("/api/feature/current")


class Client:
    """A user who calls every operation of one version of the API."""

    def __init__(self, gateway: Gateway, version: str, user_id: str) -> None:
        self._gateway = gateway
        self._version = version
        self._user_id = user_id
        self.called: set[str] = set()

    def call(self, method: str, name: str, body: dict[str, Any], user: str = "userId") -> Any:
        path = f"/api/{self._version}/{name}"
        self.called.add(f"{method} {path}")
        if self._version == "v5":
            return send(self._gateway, method, path, {user: self._user_id, **body}).json
        return send(self._gateway, method, path, body, user_id=self._user_id).json

    def everything(self, groups: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        """Call all operations; what marks answered, by site."""
        for body in ({}, groups, groups, {}):
            self.call("POST", "init", body, user="id")
        own: dict[str, Any] = groups.get("group", {})
        in_force: dict[str, Any] = groups.get("workingGroup", {})
        changes: list[dict[str, Any]] = [{}, {"group": None}, {"group": {}}, {"group": own}]
        for change in changes:
            self.call("PATCH", "groupmembership", change, user="id")
        without: dict[str, Any] = {}
        for working_group in (without, in_force):
            self.call("PATCH", "workinggroup", {"workingGroup": working_group}, user="id")
        for aliases in ([], [f"{self._user_id} 1"], [f"{self._user_id} 1", f"{self._user_id} 2"]):
            self.call("PATCH", "useraliases", {"aliases": aliases})
        self.call("POST", "featureflag", {"context": "home"})
        for day in (1, 2):
            logged = {"value": [entry(day, {"time": day}, {"try": {"time": day}})]}
            self.call("POST", "log", logged)
            if self._version == "v5":
                self.call("POST", "bloblog", logged)
        for _ in ("first", "again"):
            assigned = self.call("POST", "assign", {"context": "home"})
            by_site = {item["site"]: item for item in assigned}
            for site, status in itertools.product(POINT_KEYS, ("condition applied", None)):
                item = by_site.get(site, {"site": site, "target": "t", "assignedCondition": None})
                data = {**item, "assignedCondition": (item["assignedCondition"] or [None])[0]}
                yield site, self.call("POST", "mark", {"data": data, "status": status})


@pytest.mark.parametrize("version", ["v5", "v6"])
def test_every_answer_has_what_the_schema_of_the_document_requires(
    gateway: Gateway, version: str
) -> None:
    world(gateway)
    codes: dict[str, set[str | None]] = {}
    called: set[str] = set()
    for user_id, groups in (("ada", GROUPS), ("bob", {}), ("carl", {"group": {"classId": ["1a"]}})):
        client = Client(gateway, version, user_id)
        for site, marked in client.everything(groups):
            codes.setdefault(f"{user_id} {site}", set()).add(marked["enrollmentCode"])
        called |= client.called
    assert called == {name for name in OPERATIONS if f"/{version}/" in name}
    enrolled = {"participant enrolled via algorithm"}
    for user_id in ("ada", "bob", "carl"):
        for site in ("simple", "within", "factorial", "button"):
            assert codes[f"{user_id} {site}"] == enrolled
        assert codes[f"{user_id} nowhere"] == {None}
        late = {"participant reached experiment during enrollment complete"}
        assert codes[f"{user_id} stopped"] == late
    assert codes["ada group"] == codes["bob excluding"] == enrolled
    assert codes["ada excluding"] == {"participant was on the exclusion list"}
    assert codes["bob group"] == {"participant excluded due to incomplete group information"}
    assert codes["carl group"] == codes["bob group"]


def test_the_document_has_seventeen_operations_and_most_say_what_they_answer() -> None:
    assert len(OPERATIONS) == 17
    silent = {name.rpartition("/")[2] for name, each in OPERATIONS.items() if "type" not in each}
    assert silent <= {"init", "groupmembership", "workinggroup", "log", "bloblog", "featureflag"}


def test_what_is_set_aside_is_null_in_recordings() -> None:
    recordings = Path(__file__).parent / "upgrade"
    for field, scenario in MAY_BE_NULL.items():
        text = json.dumps(json.loads((recordings / f"{scenario}.json").read_text()))
        assert f'"{field}": null' in text
