"""Results over HTTP: JSON and CSV, tags, the list, and the rows behind them."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.api.results import result_rows
from tests.api.test_upgrade_statistics import NOBODY, asked, client
from tests.api.upgrade_setup import design, start
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


TIME = "2026-01-01T00:00:00Z"


def running(gateway: Gateway, **fields: Any) -> dict[str, Any]:
    """A running design that asks for a mean and a share, with some participants."""
    units = [
        {"metric": "time", "datatype": "continuous"},
        {"metric": "status", "datatype": "categorical", "allowedValues": ["DONE", "OPEN"]},
    ]
    assert (
        gateway.post("/api/metric/save", {"metricUnit": units, "context": ["home"]}).status == 200
    )
    queries = [
        asked("day", "time", operationType="avg"),
        asked("=done", "status", operationType="percentage", compareFn="=", compareValue="DONE"),
    ]
    body = design(("=site", "one"), ("=site", "two"), queries=queries, codes=NAMES, **fields)
    found = start(lambda *sent: gateway.send(*sent).json, body)
    for n, user_id in enumerate(("+ada", "bob", "eve", "zoe", "yan")):
        client(gateway, "init", user_id, {})
        for target in ("one", "two")[: 1 + n % 2]:
            client(gateway, "mark", user_id, {"data": {"site": "=site", "target": target}})
        if n != 2:
            attributes = {"time": n + 0.1, "status": "DONE" if n % 3 else "OPEN"}
            item = {"timestamp": TIME, "metrics": {"attributes": attributes}}
            client(gateway, "log", user_id, {"value": [item]})
    return found


def followed(gateway: Gateway, path: str, **headers: str) -> list[Any]:
    """The answers of all pages."""
    answers = [gateway.get(path, **headers)]
    while (link := answers[-1].headers.get("link")) is not None:
        rest = link.split(">")[0].removeprefix("<")
        answers.append(gateway.get(path.partition("?")[0] + rest, **headers))
    assert all(each.status == 200 for each in answers)
    return answers


def test_the_rows_of_a_design_have_the_means_of_its_results(gateway: Gateway) -> None:
    made_ = running(gateway)
    path = f"/api/results/experiment/{made_['id']}"
    results: Any = gateway.get(f"{path}?now=true").json
    rows: list[Any] = [
        row for page in followed(gateway, f"{path}/participants?limit=2") for row in page.json
    ]
    lines = [
        line
        for page in followed(gateway, f"{path}/participants?limit=2", Accept="text/csv")
        for line in table(page.text)
    ]
    assert len(rows) == len(lines) == 7
    for name, column in (("day", "day (value)"), ("=done", "'=done")):
        assert [row["values"][name] for row in rows] == [
            float(line[column]) if line[column] else None for line in lines
        ]
    today = datetime.now(UTC).date()
    assert {row["day"] for row in rows} <= {(today - timedelta(days=n)).isoformat() for n in (0, 1)}
    assert {(line["site"], line["condition"]) for line in lines} <= {
        ("'=site", f"'{name}") for name in NAMES
    }
    for variant in results["variants"]:
        own = {row["user_id"]: row for row in rows if row["condition_id"] == variant["id"]}
        assert variant["units"] == len(own)
        for metric in variant["metrics"]:
            values = [
                value
                for row in own.values()
                if (value := row["values"][metric["metric"]]) is not None
            ]
            assert metric["n"] == len(values)
            assert metric["mean"] == (pytest.approx(sum(values) / len(values)) if values else None)


def test_a_page_has_as_many_rows_as_fit_an_answer(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment_id, (feature_id, _) = running(gateway)["id"], made(gateway)
    for path in (f"experiment/{experiment_id}", f"feature/{feature_id}"):
        for accept in ("text/csv", "application/json"):
            address = f"/api/results/{path}/participants"
            with monkeypatch.context() as patched:
                [whole] = followed(gateway, address, Accept=accept)
                patched.setattr(result_rows, "ANSWER_BYTES", 600)
                pages = followed(gateway, address, Accept=accept)
                patched.setattr(result_rows, "ANSWER_BYTES", 1)
                single = followed(gateway, address, Accept=accept)
            shown = [[*table(each.text)] if accept == "text/csv" else each.json for each in pages]
            assert len(single) >= len(pages)
            assert all(len(each.text) <= 600 for each in pages)
            every = table(whole.text) if accept == "text/csv" else whole.json
            assert [row for page in shown for row in page] == every


def test_a_number_that_json_cannot_have_is_null_there_and_whole_in_csv(gateway: Gateway) -> None:
    made_ = running(gateway)
    log = {"time": "1e400", "status": "DONE"}
    item = {"timestamp": TIME, "metrics": {"attributes": log}}
    client(gateway, "log", "eve", {"value": [item]})
    path = f"/api/results/experiment/{made_['id']}/participants"
    (row,) = (each for each in gateway.get(path).json if each["user_id"] == "eve")
    assert row["values"] == {"day": None, "=done": 1}
    lines = table(gateway.get(path, Accept="text/csv").text)
    (line,) = (each for each in lines if each["user_id"] == "eve")
    assert line["day (value)"] == "1" + "0" * 400


def test_a_cursor_is_good_for_its_experiment_alone_and_as_it_was_given_out(
    gateway: Gateway,
) -> None:
    first, second = running(gateway)["id"], "11111111-2222-4333-8444-555555555555"
    link = gateway.get(f"/api/results/experiment/{first}/participants?limit=1").headers["link"]
    rest = link.split(">")[0].removeprefix("<")
    assert gateway.get(f"/api/results/experiment/{first}/participants{rest}").status == 200
    assert gateway.get(f"/api/results/experiment/{second}/participants{rest}").status == 400
    for parts in (("x" * 1001, 0), ("x", -1)):
        cursor = result_rows.EXPERIMENT_CURSORS.write(parts, experiment=first)
        path = f"/api/results/experiment/{first}/participants?cursor={cursor}"
        assert gateway.get(path).status == 400
    cursor = result_rows.EXPERIMENT_CURSORS.write(("~" * 1000, 10**9), experiment=first)
    answer = gateway.get(f"/api/results/experiment/{first}/participants?cursor={cursor}")
    assert answer.json == []


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/api/results/feature/4711", 404, "there is no experiment 4711"),
        ("/api/results/feature/4711/participants", 404, "there is no experiment 4711"),
        ("/api/results/experiment/11111111-2222-4333-8444-555555555555", 404, "no experiment"),
        (f"/api/results/experiment/{NOBODY}/participants", 404, f"no experiment {NOBODY}"),
        ("/api/results/experiment/x/participants", 400, "experiment_id"),
        (f"/api/results/experiment/{NOBODY}/participants?limit=251", 400, "limit"),
        (f"/api/results/experiment/{NOBODY}/participants?cursor=x", 400, "cursor"),
        (f"/api/results/experiment/{NOBODY}/participants?now=true", 400, "now"),
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
