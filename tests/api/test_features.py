"""Features over HTTP: what the documents promise and the recordings leave open."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from email.utils import formatdate, parsedate_to_datetime
from types import ModuleType
from typing import Any

import pytest

from tests.http import Gateway

CREATE_REFUSED = "Error in creating the feature in postgres"
UPDATE_REFUSED = "Error updating the feature in postgres"
FEATURE = {"type_id": 3, "name": "x", "start_date": "2020-01-01", "end_date": "2099-12-31"}


def create(gateway: Gateway, **fields: Any) -> Any:
    answer = gateway.post("/api/feature", {**FEATURE, **fields})
    assert answer.status == 200, answer.text
    return answer.json


def test_the_documented_defaults(gateway: Gateway) -> None:
    created = create(gateway)
    assert created == {
        "id": created["id"],
        "type_id": 3,
        "name": "x",
        "start_date": "2020-01-01T00:00:00.000Z",
        "end_date": "2099-12-31T00:00:00.000Z",
        "is_running": True,
        "user_percentage": 1,
        "description": "",
        "variant_arr": [],
    }


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2/3/23", "2023-02-03"),
        ("12/31/1999", "1999-12-31"),
        ("1/1/70", "1970-01-01"),
        ("1/1/69", "2069-01-01"),
        ("2024-02-29", "2024-02-29"),
        ("2023-02-23T23:59:59.999+14:00", "2023-02-23"),
    ],
)
def test_dates_are_read_as_written(gateway: Gateway, written: str, day: str) -> None:
    assert create(gateway, start_date=written)["start_date"] == f"{day}T00:00:00.000Z"


@pytest.mark.parametrize(
    "fields",
    [
        {"start_date": "31/12/2023"},
        {"start_date": "2023-02-23 10:11:12"},
        {"start_date": "Feb 23 2023"},
        {"start_date": 20230223},
        {"end_date": "tomorrow"},
        {"name": "a" * 256},
        {"name": "nul\0"},
        {"name": "\ud800"},
        {"name": None},
        {"name": ["x"]},
        {"name": {"a": 1}},
        {"user_percentage": 1.0000001},
        {"user_percentage": "0." + "1" * 39},
        {"user_percentage": "1e-200"},
        {"user_percentage": "NaN"},
        {"is_running": "perhaps"},
        {"type_id": 4},
        {"type_id": 2**31},
    ],
    ids=str,
)
def test_bad_values_are_refused_with_a_reason_and_change_nothing(
    gateway: Gateway, fields: dict[str, Any]
) -> None:
    before = gateway.get("/api/feature").headers["last-modified"]
    answer = gateway.post("/api/feature", {**FEATURE, **fields})
    assert (answer.status, answer.json) == (403, CREATE_REFUSED)
    assert next(iter(fields)) in answer.headers["x-error-detail"]
    listed = gateway.get("/api/feature")
    assert listed.json == []
    assert listed.headers["last-modified"] == before


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 403),
        (b"{", 400),
        (b'"text"', 400),
        (b"null", 400),
        (b"[1]", 403),
        (b"\xff\xfe", 400),
        (b'{"name": NaN}', 400),
        (b'{"user_percentage": Infinity}', 400),
        (b'{"type_id": ' + b"9" * 5000 + b"}", 400),
        (b"[" * 100_000, 400),
        (b'{"a":' * 20_000 + b"1" + b"}" * 20_000, 413),
        (b'{"name": "' + b"x" * 102_400 + b'"}', 413),
        (b'{"user_percentage": 1E400, "type_id": 1e400}', 403),
        (b'{"user_percentage": 0E-99999}', 403),
        (b'{"unknown": 1e99999999999999999999}', 400),
        (b'{"type_id": 1e9999999}', 403),
        (b'{"type_id": -1e-9999999}', 403),
    ],
    ids=lambda value: str(value)[:24],
)
def test_unreadable_bodies_are_a_clients_mistake(gateway: Gateway, raw: bytes, status: int) -> None:
    headers = {"content-type": "application/json"}
    for method, path in (("POST", "/api/feature"), ("PUT", "/api/feature/1")):
        answer = gateway.send(method, path, raw=raw, headers=headers)
        assert answer.status == status
        assert "x-error-detail" in answer.headers
        assert answer.headers["access-control-allow-origin"] == "*"


def test_a_deeply_nested_value_is_refused(gateway: Gateway) -> None:
    raw = b'{"name": ' + b"[" * 40_000 + b"]" * 40_000 + b"}"
    answer = gateway.send(
        "POST", "/api/feature", raw=raw, headers={"content-type": "application/json"}
    )
    assert answer.status == 400


def test_a_body_of_another_type_counts_as_none(gateway: Gateway) -> None:
    answer = gateway.send("POST", "/api/feature", raw=b"{}", headers={"content-type": "text/plain"})
    assert (answer.status, answer.json) == (403, CREATE_REFUSED)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/api/feature", {**FEATURE, "type_id": 9}, 422),
        ("POST", "/api/feature", {**FEATURE, "name": "taken"}, 409),
        ("GET", "/api/feature/2000000000", None, 404),
        ("GET", "/api/feature/abc", None, 422),
        ("GET", "/api/userblocks/7", None, 404),
        ("GET", "/api/feature/%FF", None, 400),
    ],
)
def test_who_asks_for_problem_details_gets_a_true_status(
    gateway: Gateway, method: str, path: str, body: Any, status: int
) -> None:
    create(gateway, name="taken")
    headers = {"accept": "application/problem+json", "content-type": "application/json"}
    answer = gateway.send(method, path, body, headers)
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json
    assert problem["status"] == status
    assert problem["detail"]
    assert set(problem) == {"type", "title", "status", "detail"}


def test_the_reason_is_one_line_of_ascii(gateway: Gateway) -> None:
    answer = gateway.post("/api/feature", {**FEATURE, "start_date": "é\r\nX-Evil: 1\u2028"})
    detail = answer.headers["x-error-detail"]
    assert detail.isascii()
    assert detail.isprintable()
    assert "x-evil" not in answer.headers


def test_put_must_name_the_feature_of_its_path(gateway: Gateway) -> None:
    one, two = create(gateway, name="one"), create(gateway, name="two")
    body = {**FEATURE, "name": "new", "is_running": True, "user_percentage": 1}
    refused = gateway.put(f"/api/feature/{one['id']}", {**body, "id": two["id"]})
    assert (refused.status, refused.json) == (403, UPDATE_REFUSED)
    assert gateway.put(f"/api/feature/{one['id']}", body).json["name"] == "new"
    assert gateway.get(f"/api/feature/{two['id']}").json["name"] == "two"


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_current_is_no_feature_to_change(gateway: Gateway, method: str) -> None:
    assert gateway.send(method, "/api/feature/current", FEATURE).status == 403


def test_lowering_the_share_gives_back_the_highest_blocks_at_once(gateway: Gateway) -> None:
    feature = create(gateway, user_percentage=0.5)
    gateway.get("/api/feature/current")
    body = {**FEATURE, "is_running": True, "user_percentage": "0.101"}
    gateway.put(f"/api/feature/{feature['id']}", body)
    owned = [b["id"] for b in gateway.get("/api/userblocks").json if b["feature_id"]]
    assert owned == [1, 2, 3]


class TestConditionalGet:
    PATHS = ("/api/feature", "/api/feature/current", "/api/feature/{}", "/api/feature/{}/variants")

    @pytest.mark.parametrize("path", PATHS)
    @pytest.mark.usefixtures("quiet")
    def test_both_validators_give_304_without_a_body(self, gateway: Gateway, path: str) -> None:
        path = path.format(create(gateway)["id"])
        gateway.get("/api/feature/current")
        first = gateway.get(path)
        for headers in (
            {"If_None_Match": first.headers["etag"]},
            {"If_None_Match": f'"other", {first.headers["etag"].removeprefix("W/")}'},
            {"If_None_Match": "*"},
            {"If_Modified_Since": first.headers["last-modified"]},
            {"If_Modified_Since": "Fri, 01 Jan 2100 00:00:00 GMT"},
            {"If_Modified_Since": "Fri Jan  1 00:00:00 2100"},
        ):
            again = gateway.get(path, **headers)
            assert (again.status, again.text) == (304, "")
            assert again.headers["etag"] == first.headers["etag"]
            assert again.headers["last-modified"] == first.headers["last-modified"]

    @pytest.mark.parametrize(
        "headers",
        [
            {"If_None_Match": '"other"', "If_Modified_Since": "Fri, 01 Jan 2100 00:00:00 GMT"},
            {"If_Modified_Since": "yesterday"},
            {"If_Modified_Since": "Fri, 99 Jan 2100 00:00:00 GMT"},
            {"If_Modified_Since": "Fri, 01 Jan 2100 00:00:00 GMT", "Cache_Control": "no-cache"},
            {"If_None_Match": "*", "Cache_Control": "max-age=0, No-Cache"},
        ],
    )
    def test_everything_else_gives_the_whole_answer(
        self, gateway: Gateway, headers: dict[str, str]
    ) -> None:
        create(gateway)
        assert gateway.get("/api/feature", **headers).status == 200

    def test_every_change_within_one_second_is_seen_by_a_poller(self, gateway: Gateway) -> None:
        seen = gateway.get("/api/feature").headers["last-modified"]
        for number in range(3):
            create(gateway, name=f"feature {number}")
            answer = gateway.get("/api/feature", If_Modified_Since=seen)
            assert answer.status == 200
            assert len(answer.json) == number + 1
            seen = answer.headers["last-modified"]

    def test_the_date_is_never_before_the_change(self, gateway: Gateway) -> None:
        create(gateway)
        changed = datetime.now(UTC) - timedelta(seconds=1)
        shown = gateway.get("/api/feature").headers["last-modified"]
        assert parsedate_to_datetime(shown) > changed
        assert shown == formatdate(parsedate_to_datetime(shown).timestamp(), usegmt=True)

    def test_allocation_moves_the_tag_but_not_the_date(self, gateway: Gateway) -> None:
        create(gateway)
        before = gateway.get("/api/feature").headers
        current = gateway.get("/api/feature/current").headers
        assert current["last-modified"] == before["last-modified"]
        assert current["etag"] != before["etag"]

    def test_a_refused_request_does_not_move_it(self, gateway: Gateway) -> None:
        create(gateway)
        before = gateway.get("/api/feature").headers["etag"]
        gateway.post("/api/feature", FEATURE)
        gateway.put("/api/userblocks", {"name": "7", "feature_id": 1})
        gateway.post("/api/feature/1/variants", {"variants": []})
        assert gateway.get("/api/feature").headers["etag"] == before


def test_a_day_that_passes_is_a_change(
    app: ModuleType, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    create(gateway, start_date=tomorrow.isoformat())
    gateway.get("/api/feature/current")
    seen = gateway.get("/api/feature/current").headers
    monkeypatch.setattr(app.services.catalogue, "today", lambda: tomorrow)
    answer = gateway.get("/api/feature/current", If_None_Match=seen["etag"])
    assert answer.status == 200
    assert [feature["name"] for feature in answer.json["experiments"]] == ["x"]
    assert all(block["feature_id"] for block in answer.json["userblocks"])


def test_every_get_has_a_head(gateway: Gateway, app: ModuleType) -> None:
    for path, methods in app.app.routes.items():
        assert ("GET" in methods) == ("HEAD" in methods), path
    feature = create(gateway)
    got = gateway.get(f"/api/feature/{feature['id']}")
    headed = gateway.send("HEAD", f"/api/feature/{feature['id']}")
    assert (headed.status, headed.text) == (200, "")
    assert headed.headers["etag"] == got.headers["etag"]


def test_a_feature_may_be_as_large_as_two_requests(gateway: Gateway) -> None:
    def post(path: str, body: Any) -> Any:
        raw = json.dumps(body, ensure_ascii=False).encode()
        headers = {"content-type": "application/json"}
        answer = gateway.send("POST", path, raw=raw, headers=headers)
        assert answer.status == 200, answer.text
        return answer.json

    description, value = "\u00e9" * 50_000, "\u00e9" * 25_000
    feature = {**FEATURE, "description": description, "user_percentage": "1e-120"}
    path = f"/api/feature/{post('/api/feature', feature)['id']}"
    feature_id = int(path.rsplit("/", 1)[1])
    variants = [
        {"feature_id": feature_id, "value": value, "weight": weight} for weight in ("1e-120", 1)
    ]
    post(f"{path}/variants", {"variants": variants})
    shown = gateway.get(path).json
    assert shown["description"] == description
    assert [variant["value"] for variant in shown["variant_arr"]] == [value, value]


def test_the_reasons_of_a_refusal_are_few(gateway: Gateway) -> None:
    headers = {"accept": "application/problem+json"}
    body: Any = {"variants": [{}] * 20_000}
    answer = gateway.send("POST", "/api/feature/1/variants", body, headers)
    assert answer.status == 422
    assert answer.json["detail"].startswith("variants.0.feature_id: Field required; ")
    assert len(answer.text) < 1000


@pytest.mark.usefixtures("quiet")
def test_dates_without_a_zone_are_gmt(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    create(gateway)
    changed = parsedate_to_datetime(gateway.get("/api/feature").headers["last-modified"])
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        for seconds, status in ((-1, 200), (0, 304)):
            asked = (changed + timedelta(seconds=seconds)).strftime("%a %b %d %H:%M:%S %Y")
            assert gateway.get("/api/feature", If_Modified_Since=asked).status == status
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()


class TestOverbooking:
    def test_who_asks_for_more_blocks_than_there_will_be_is_told_so(self, gateway: Gateway) -> None:
        whole = {**FEATURE, "is_running": True, "description": ""}
        first = gateway.post("/api/feature", {**whole, "name": "first", "user_percentage": 0.95})
        assert "x-blocks" not in first.headers
        last = gateway.post("/api/feature", {**whole, "name": "last", "user_percentage": "0.2"})
        assert last.headers["x-blocks"] == "1 of 4"
        blocks = gateway.get("/api/userblocks").json
        assert {block["feature_id"] for block in blocks} == {None}, "nothing was allocated"

        path = f"/api/feature/{last.json['id']}"
        for share, said in ((1, "1 of 20"), (0.05, None), (0.1, "1 of 2")):
            body = {**whole, "name": "last", "user_percentage": share}
            assert gateway.put(path, body).headers.get("x-blocks") == said
        owners = [
            block["feature_id"] for block in gateway.get("/api/feature/current").json["userblocks"]
        ]
        assert owners.count(last.json["id"]) == 1, "as it was said"
        toggle = {**whole, "name": "toggle", "type_id": 1}
        assert "x-blocks" not in gateway.post("/api/feature", toggle).headers
        assert "x-blocks" not in gateway.get(path).headers

    def test_a_creation_that_is_sent_again_says_what_it_said(self, gateway: Gateway) -> None:
        create(gateway)
        key = {"Idempotency-Key": "once"}
        for _ in range(2):
            answer = gateway.send("POST", "/api/feature", {**FEATURE, "name": "late"}, key)
            assert (answer.status, answer.headers["x-blocks"]) == (200, "0 of 20")
            gateway.delete("/api/feature/1")
