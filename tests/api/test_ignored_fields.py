"""Mistyped fields are ignored, and named: X-Ignored-Fields."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import pytest

from chalicelib import api
from chalicelib.api.http.calls import BODY
from tests import contract
from tests.api.upgrade_setup import design, entry, flag, segment
from tests.http import Answer, Gateway

FEATURE = {"type_id": 1, "name": "n", "start_date": "2020-01-01", "end_date": "2099-12-31"}


def ignored(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.text
    line = answer.headers.get("x-ignored-fields")
    return [] if line is None else line.split(", ")


def test_a_mistyped_field_of_test_lab_is_named(gateway: Gateway) -> None:
    assert ignored(gateway.post("/api/feature", FEATURE)) == []
    body = {**FEATURE, "name": "m", "is_runing": False, "id": 7}
    made = gateway.post("/api/feature", body)
    assert ignored(made) == ["is_runing", "id"]
    assert made.json["is_running"] is True
    path = f"/api/feature/{made.json['id']}"
    whole = {**made.json, "startDate": "2020-01-01"}
    assert ignored(gateway.put(path, whole)) == ["variant_arr", "startDate"]
    variants = [{"feature_id": made.json["id"], "value": "a", "wieght": 1}]
    answer = gateway.post(f"{path}/variants", {"id": 1, "variants": variants})
    assert ignored(answer) == ["id", "variants.0.wieght"]


def test_a_mistyped_field_of_upgrade_is_named_where_it_is(gateway: Gateway) -> None:
    body = design(("site", ""))
    assert ignored(gateway.post("/api/experiments", body)) == []
    body = {**design(("site", "")), "targeting": {"secret": "ada"}}
    body["conditions"][0]["wieght"] = 7
    listed = {"type": "private", "individualForSegment": [{"userId": "ada", "userid": "bob"}]}
    body["experimentSegmentInclusion"] = [{"segment": listed}]
    answer = gateway.post("/api/experiments", body)
    assert sorted(ignored(answer)) == [
        "conditions.0.wieght",
        "experimentSegmentInclusion.0.segment.individualForSegment.0.userid",
        "targeting",
    ]
    both = [design(("s", "")), {**design(("t", "")), "targeting": {}}]
    assert ignored(gateway.post("/api/experiments/batch", both)) == ["1.targeting"]
    assert ignored(gateway.post("/api/flags", flag(kye="x"))) == ["kye"]
    parts = segment("ada", groups=[("class", "a")], name="s", type="public", subsegmentIds=[])
    assert ignored(gateway.post("/api/segments", parts)) == ["subsegmentIds"]


def test_a_mistyped_field_of_clients_is_named_and_what_they_log_is_none(gateway: Gateway) -> None:
    def call(name: str, body: Any) -> list[str]:
        return ignored(gateway.send("POST", f"/api/v6/{name}", body, {"User-Id": "ada"}))

    assert call("init", {"group": {"class": ["a"]}}) == []
    assert call("assign", {"context": "home", "contex": "x"}) == ["contex"]
    logged = entry(1, {"stars": 3}, {"u": {"time": 1}})
    logged["metrics"]["atributes"] = {"stars": 4}
    assert call("log", {"value": [logged]}) == ["value.0.metrics.atributes"]
    data = {"site": "s", "target": "", "assignedCondition": {"conditionCode": "x", "code": "x"}}
    assert call("mark", {"data": data}) == ["data.assignedCondition.code"]


def experiment_file() -> dict[str, Any]:
    return design(("site", ""), wieght=1, mispelled={"secret": "ada"})


def list_file(**fields: Any) -> dict[str, Any]:
    return {**segment("ada", listType="any"), "userids": ["bob"], **fields}


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize(
    ("path", "content", "names"),
    [
        ("experiments/validation", experiment_file(), ["wieght", "mispelled"]),
        ("experiments/import", experiment_file(), ["wieght", "mispelled"]),
        ("experiments/lists/import", list_file(), ["context", "type", "userids"]),
        ("flags/import/validation", flag(enabledFor=1), ["enabledFor"]),
        ("flags/import", flag(enabledFor=1), ["enabledFor"]),
        ("flags/lists/import", [list_file()], ["context", "type", "userids"]),
        ("segments/validation", list_file(type="public"), ["userids"]),
        ("segments/import/validation", list_file(type="public"), ["userids"]),
        ("segments/import", list_file(type="public"), ["userids"]),
        ("segments/list/import/validation", list_file(), ["userids"]),
        ("segments/list/import", list_file(), ["userids"]),
    ],
)
def test_what_files_hold_is_named_too(
    gateway: Gateway, path: str, content: Any, names: list[str], as_text: bool
) -> None:
    sent = json.dumps(content) if as_text else content
    files = [{"fileName": "f.json", "fileContent": sent}]
    wrapped: Any = {"files": files}
    if "lists/" in path:
        holder = path.split("/")[0]
        made = design(("s", "")) if holder == "experiments" else flag()
        holder_id = gateway.post(f"/api/{holder}", made).json["id"]
        wrapped["filterType"] = "inclusion"
        wrapped["experimentId" if holder == "experiments" else "flagId"] = holder_id
    elif path == "segments/list/import":
        parent = gateway.post("/api/segments", segment(type="public", name="parent"))
        wrapped = {"files": files, "parentSegmentId": parent.json["id"]}
    elif not path.startswith("flags"):
        wrapped = files
    answer = gateway.post(f"/api/{path}", wrapped)
    assert ignored(answer) == [f"fileContent.{name}" for name in names]
    assert "ada" not in answer.headers["x-ignored-fields"]


def test_of_files_as_many_are_named_as_of_anything_else(gateway: Gateway) -> None:
    hostile: dict[str, Any] = {f"hostile,\r\n{number}": "x" for number in range(50)}
    body = design(("site", ""), **hostile)
    files = [{"fileName": "f", "fileContent": {**body, "id": None}}] * 3
    names = ignored(gateway.post("/api/experiments/validation", files))
    assert len(names) == 20
    assert all(name.startswith("fileContent.hostile???") for name in names)


def test_what_older_files_called_otherwise_is_not_ignored(gateway: Gateway) -> None:
    body = design(("", ""))
    [point] = body["partitions"]
    [arm, _] = body["conditions"]
    del point["site"], point["target"], body["conditionPayloads"]
    level = {"id": "l", "name": "level", "order": 1, "alias": "one"}
    factor = {"name": "factor", "order": 1, "levels": [level]}
    body["partitions"] = [{**point, "expPoint": "s", "expId": "t", "factors": [factor]}]
    body["conditionAliases"] = [{"id": "a", "parentCondition": arm, "aliasName": "x", "lost": 1}]
    files = [{"fileName": "f", "fileContent": body}]
    assert ignored(gateway.post("/api/experiments/import", files)) == [
        "fileContent.conditionPayloads.0.lost"
    ]
    [made] = gateway.get("/api/experiments").json
    assert (made["partitions"][0]["site"], made["partitions"][0]["target"]) == ("s", "t")
    assert made["factors"][0]["levels"][0]["payload"]["value"] == "one"
    assert made["conditionPayloads"][0]["payload"]["value"] == "x"


def test_a_refusal_names_them_too(gateway: Gateway) -> None:
    gateway.post("/api/feature", FEATURE)
    taken = gateway.post("/api/feature", {**FEATURE, "nmae": "x"})
    assert (taken.status, taken.headers["x-ignored-fields"]) == (403, "nmae")


def test_an_answer_that_was_given_before_names_them_again(gateway: Gateway) -> None:
    for _ in range(2):
        key = {"Idempotency-Key": "once"}
        answer = gateway.send("POST", "/api/feature", {**FEATURE, "is_runing": 1}, key)
        assert ignored(answer) == ["is_runing"]


def operations() -> list[tuple[str, str, Any]]:
    return [each for each in contract.operations(contract.document()) if "requestBody" in each[2]]


def mistyped(body: Any) -> tuple[Any, str]:
    """A body with a field more, and what that is called."""
    if isinstance(body, list):
        first, name = mistyped(body[0])
        return [first, *body[1:]], f"0.{name}"
    return {**body, "misstyped": "the value"}, "misstyped"


@pytest.mark.parametrize(("path", "method", "operation"), operations(), ids=str)
def test_every_route_that_takes_a_body_names_what_it_ignores(
    gateway: Gateway, path: str, method: str, operation: Any
) -> None:
    gateway.send("POST", "/api/v6/init", {}, {"User-Id": "ada"})
    gateway.post("/api/v5/init", {"id": "ada"})
    body, name = mistyped(operation["requestBody"]["content"]["application/json"]["example"])
    for each in operation.get("parameters", ()):
        if each["in"] == "path":
            path = path.replace(f"{{{each['name']}}}", str(each["example"]))
    answer = gateway.send(method.upper(), path, body, {"User-Id": "ada"})
    if "x-ignored-fields" not in answer.headers:
        assert answer.status == 400, "it is refused, then, and said which field it is"
        assert f"{name}: Extra inputs are not permitted" in answer.headers["x-error-detail"]
        return
    assert answer.headers["x-ignored-fields"] == name
    assert "the value" not in str(answer.headers)


def test_the_document_has_the_body_of_every_route_that_takes_one(app: ModuleType) -> None:
    del app  # it publishes the routes
    bodies = [route for route in api.all_routes() if BODY in route.arguments]
    assert len(bodies) == len(operations()) > 40
