"""The administration of metrics, over HTTP."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.api.upgrade_setup import design, query
from tests.http import Answer, Gateway

TIME: dict[str, Any] = {"metric": "time", "datatype": "continuous"}
GRADES = ["A", 2, 1.50, 3.0]
GRADE: dict[str, Any] = {"metric": "grade", "datatype": "categorical", "allowedValues": GRADES}
GROUPED: dict[str, Any] = {
    "groupClass": "workspace",
    "allowedKeys": ["areas", "volumes"],
    "attributes": [TIME, GRADE],
}
SIMPLE: dict[str, Any] = {
    "metric": "mood",
    "datatype": "categorical",
    "allowedValues": ["good", "bad"],
}


def save(gateway: Gateway, *units: Any, context: Any = ("home",)) -> Answer:
    return gateway.post("/api/metric/save", {"metricUnit": units, "context": context})


def tree(gateway: Gateway, path: str = "") -> Any:
    """The names of metrics as nested dicts."""

    def names(nodes: Any) -> Any:
        return {node["key"]: names(node["children"]) for node in nodes}

    return names(gateway.get(f"/api/metric{path}").json)


def test_metrics_are_saved_and_shown_as_trees(gateway: Gateway) -> None:
    saved = save(gateway, GROUPED, SIMPLE)
    assert saved.status == 200
    leaves: dict[str, Any] = {"time": {}, "grade": {}}
    expected = {"workspace": {"areas": leaves, "volumes": leaves}, "mood": {}}
    assert tree(gateway) == tree(gateway, "/home") == expected
    [mood] = [node for node in saved.json if node["key"] == "mood"]
    assert mood == {
        "key": "mood",
        "children": [],
        "metadata": {"type": "categorical"},
        "allowedData": ["good", "bad"],
        "context": ["home"],
    }
    [areas, _] = saved.json[0]["children"]
    grade = areas["children"][1]
    assert grade["allowedData"] == ["A", "2", "1.5", "3"]


def test_only_what_was_saved_is_answered(gateway: Gateway) -> None:
    save(gateway, GROUPED)
    assert [node["key"] for node in save(gateway, SIMPLE).json] == ["mood"]
    assert save(gateway).json == []


def test_saving_again_replaces(gateway: Gateway) -> None:
    save(gateway, SIMPLE)
    again = save(gateway, {"metric": "mood"}, context=["add", "mul"]).json
    assert again[0]["metadata"] == {"type": "continuous"}
    assert again[0]["allowedData"] == ["good", "bad"]
    assert again[0]["context"] == ["add", "mul"]
    assert gateway.get("/api/metric/home").status == 404
    assert tree(gateway, "/mul") == {"mood": {}}


@pytest.mark.parametrize(
    ("key", "left_of_the_class", "left"),
    [
        ("mood", [], {"workspace"}),
        ("workspace", [], {"mood"}),
        ("workspace@__@areas", ["workspace"], {"mood", "workspace"}),
        ("workspace%40__%40volumes", ["workspace"], {"mood", "workspace"}),
        ("workspace@__@areas@__@time", ["workspace"], {"mood", "workspace"}),
    ],
)
def test_a_metric_is_deleted_with_all_below_it(
    gateway: Gateway, key: str, left_of_the_class: list[str], left: set[str]
) -> None:
    save(gateway, GROUPED, SIMPLE)
    answer = gateway.delete(f"/api/metric/{key}")
    assert answer.status == 200
    assert [node["key"] for node in answer.json] == left_of_the_class
    assert set(tree(gateway)) == left
    assert gateway.delete(f"/api/metric/{key}").status == 404


def test_what_is_not_there_is_not_found(gateway: Gateway) -> None:
    assert gateway.get("/api/metric").json == []
    missing = gateway.get("/api/metric/home")
    assert (missing.status, missing.json["message"]) == (
        404,
        "Metrics context not found: home",
    )
    missing = gateway.delete("/api/metric/a%20b")
    assert (missing.status, missing.json["message"]) == (404, "Metric key not found: a b")


@pytest.mark.parametrize("name", ["a/b", "a b", "é", "50%", "a#b", "a?b"])
def test_a_metric_may_be_called_anything(gateway: Gateway, name: str) -> None:
    assert save(gateway, {"metric": name}).status == 200
    assert tree(gateway) == {name: {}}
    assert gateway.delete(f"/api/metric/{quote(name, safe='')}").status == 200
    assert tree(gateway) == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"metric": ""},
        {"metric": 5},
        {"metric": "\x00"},
        {"metric": "\ud800"},
        {"datatype": "number"},
        {"datatype": None},
        {"allowedValues": "good"},
        {"allowedValues": [None]},
        {"allowedValues": [True]},
        {"allowedValues": ["\ud800"]},
        {"allowedValues": ["\x00"]},
        {"allowedValues": [10**400]},
        {"allowedValues": ["x" * 300_000]},
    ],
    ids=lambda wrong: str(wrong)[:40],
)
def test_a_metric_that_is_none_changes_nothing(gateway: Gateway, wrong: Any) -> None:
    save(gateway, SIMPLE)
    before = gateway.get("/api/metric").json
    assert save(gateway, GROUPED, {**SIMPLE, **wrong}).status == 400
    assert gateway.get("/api/metric").json == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"groupClass": ""},
        {"groupClass": None},
        {"allowedKeys": "areas"},
        {"allowedKeys": [""]},
        {"attributes": None},
        {"attributes": [{}]},
        {"attributes": [{"metric": ""}]},
        {"allowedKeys": [f"key {n}" for n in range(2501)]},
    ],
    ids=lambda wrong: str(wrong)[:40],
)
def test_a_class_that_is_none_changes_nothing(gateway: Gateway, wrong: Any) -> None:
    assert save(gateway, SIMPLE, {**GROUPED, **wrong}).status == 400
    assert gateway.get("/api/metric").json == []


@pytest.mark.parametrize("context", [[], "home", None, [""], [1]])
def test_a_metric_has_a_context(gateway: Gateway, context: Any) -> None:
    assert save(gateway, SIMPLE, context=context).status == 400


def test_hundreds_are_saved_in_one_call(gateway: Gateway) -> None:
    many = {**GROUPED, "allowedKeys": [f"key {n}" for n in range(400)]}
    assert save(gateway, many).status == 200
    assert len(tree(gateway)["workspace"]) == 400


def test_nothing_is_saved_while_metrics_are_switched_off(gateway: Gateway) -> None:
    gateway.post("/api/setting", {"toCheckAuth": False, "toFilterMetric": False})
    answer = save(gateway, SIMPLE)
    assert (answer.status, answer.json["message"]) == (400, "Metrics filter not enabled")
    assert gateway.get("/api/metric").json == []


def test_an_experiment_asks_about_metrics_that_there_are(gateway: Gateway) -> None:
    save(gateway, TIME)
    body = design(("site", "target"), queries=[query("time"), query("unknown")])
    made = gateway.post("/api/experiments", body).json
    assert [each["metric"]["key"] for each in made["queries"]] == ["time"]
