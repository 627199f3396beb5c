"""Results over HTTP: JSON and CSV, tags, the list, and the rows behind them."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.http import Gateway

NAMES = "=1+1", "@SUM(A1)"
"""Of variants, as a spreadsheet would take them for formulas."""


def made(gateway: Gateway, name: str = "button") -> tuple[int, list[int]]:
    """A running experiment of two variants, with some users and events."""
    today = datetime.now(UTC).date()
    body = {
        "type_id": 3,
        "name": name,
        "start_date": (today - timedelta(days=5)).isoformat(),
        "end_date": (today + timedelta(days=20)).isoformat(),
    }
    feature_id = gateway.post("/api/feature", body).json["id"]
    variants = [
        {"feature_id": feature_id, "value": value, "is_control": not place}
        for place, value in enumerate(NAMES)
    ]
    answer = gateway.post(f"/api/feature/{feature_id}/variants", {"variants": variants})
    ids = [each["id"] for each in answer.json]
    plan = {"metrics": [{"role": "primary", "measure": "conversion"}, {"name": "revenue"}]}
    assert gateway.put(f"/api/results/feature/{feature_id}/plan", plan).status == 200
    for user_id, variant_id in (("ada", ids[0]), ("bob", ids[1]), ("eve", ids[1])):
        user = {"id": user_id, "variant_id": variant_id, "ip_address": "192.0.2.1"}
        assert gateway.post("/api/users", user).status == 200
    for event in (
        {"user_id": "ada", "variant_id": ids[0]},
        {"user_id": "bob", "variant_id": ids[0]},
        {"user_id": "bob", "variant_id": ids[1], "metric": "revenue", "value": 12.5},
    ):
        assert gateway.post("/api/events", event).status == 200
    return feature_id, ids


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_results_say_what_is_known_and_what_is_missing(gateway: Gateway) -> None:
    feature_id, ids = made(gateway)
    found: Any = gateway.get(f"/api/results/feature/{feature_id}").json
    assert found["verdict"]["code"] == "needs data"
    assert found["latched"] is None
    assert [(each["id"], each["units"]) for each in found["variants"]] == [
        (str(ids[0]), 1),
        (str(ids[1]), 2),
    ]
    foreign = next(each for each in found["checks"] if each["name"] == "foreign events")
    assert foreign["text"].startswith("1 event was sent for another variant")
    assert [each["name"] for each in found["metrics"]] == ["conversion", "revenue per user"]
    assert found["series"]["days"][-1]["new"] == {str(ids[0]): 1, str(ids[1]): 2}
    assert found["plan"]["window_days"] == 6


def test_what_a_client_has_is_not_sent_again(gateway: Gateway) -> None:
    feature_id, ids = made(gateway)
    path = f"/api/results/feature/{feature_id}"
    tag = gateway.get(path).headers["etag"]
    assert gateway.get(path, If_None_Match=tag).status == 304
    user = {"id": "new", "variant_id": ids[0], "ip_address": "192.0.2.1"}
    assert gateway.post("/api/users", user).status == 200
    assert gateway.get(path, If_None_Match=tag).status == 200


def test_spreadsheets_get_a_line_for_each_variant_and_metric_and_no_formula(
    gateway: Gateway,
) -> None:
    feature_id, ids = made(gateway)
    answer = gateway.get(f"/api/results/feature/{feature_id}", Accept="text/csv")
    assert answer.headers["content-type"].startswith("text/csv")
    lines = table(answer.text)
    assert [(each["metric"], each["variant"], each["name"]) for each in lines] == [
        (metric, str(variant), f"'{name}")
        for metric in ("conversion", "revenue per user")
        for variant, name in zip(ids, NAMES, strict=True)
    ]
    days = gateway.get(f"/api/results/feature/{feature_id}?series=true", Accept="text/csv")
    assert table(days.text)[-1]["variant"] == str(ids[1])


def test_the_list_has_every_experiment_and_pages(gateway: Gateway, app: Any) -> None:
    first, _ = made(gateway, "first")
    gateway.post("/api/feature", {"type_id": 3, "name": "second", "start_date": "1/1/26",
                                  "end_date": "1/1/27"})  # fmt: skip
    assert [each["verdict"] for each in gateway.get("/api/results").json] == [None, None]
    app.run_upkeep()
    lines: Any = gateway.get("/api/results").json
    assert [each["name"] for each in lines] == ["first", "second"]
    assert (lines[0]["id"], lines[0]["verdict"]) == (str(first), "needs data")
    page = gateway.get("/api/results?limit=1")
    assert len(page.json) == 1
    rest = page.headers["link"].split(">")[0].removeprefix("<")
    assert [each["name"] for each in gateway.get(f"/api/results{rest}").json] == ["second"]


def test_the_rows_are_listed_in_pages_as_json_and_csv(gateway: Gateway) -> None:
    feature_id, ids = made(gateway)
    path = f"/api/results/feature/{feature_id}/participants"
    page = gateway.get(f"{path}?limit=2")
    assert [(each["user_id"], each["values"]) for each in page.json] == [
        ("ada", {"events": 1.0, "revenue": None}),
        ("bob", {"events": None, "revenue": 12.5}),
    ]
    rest = page.headers["link"].split(">")[0].removeprefix("<")
    assert [each["user_id"] for each in gateway.get(f"{path}{rest}").json] == ["eve"]
    lines = table(gateway.get(path, Accept="text/csv").text)
    assert [(each["user_id"], each["revenue"]) for each in lines] == [
        ("ada", ""),
        ("bob", "12.5"),
        ("eve", ""),
    ]
    assert {each["variant_id"] for each in lines} == {str(each) for each in ids}


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/api/results/feature/4711", 404, "there is no experiment 4711"),
        ("/api/results/feature/4711/participants", 404, "there is no experiment 4711"),
        ("/api/results/experiment/11111111-2222-4333-8444-555555555555", 404, "no experiment"),
        ("/api/results/feature/x", 400, "feature_id"),
        ("/api/results/feature/1?unheard=1", 400, "unheard"),
        ("/api/results/feature/1?series=maybe", 400, "series"),
        ("/api/results/feature/1/participants?limit=0", 400, "limit"),
        ("/api/results/feature/1/participants?cursor=x", 400, "cursor"),
    ],
)
def test_what_is_asked_wrongly_is_refused_with_the_reason(
    gateway: Gateway, path: str, status: int, words: str
) -> None:
    answer = gateway.get(path)
    assert answer.status == status
    assert answer.json["status"] == status
    assert words in answer.json["detail"]
