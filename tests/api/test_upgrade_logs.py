"""log, bloblog and the administration of metrics, over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.upgrade_setup import entry, measure
from tests.http import Answer, Gateway

JSON = {"content-type": "application/json"}
TEXT = {"content-type": "text/plain;charset=UTF-8"}
MEGABYTE = 2**20
UNKNOWN_USER = "Experiment user not defined"
TIME = "2024-03-01T10:00:00.000Z"


def setup(gateway: Gateway, *names: str) -> None:
    """A known user, and an experiment that measures `time` and `grade`, or other metrics."""

    def send(method: str, path: str, body: Any) -> Any:
        answer = gateway.send(method, path, body)
        assert answer.status == 200, answer.text
        return answer.json

    measure(send, *(names or ("time", "grade")))
    gateway.send("POST", "/api/v6/init", {}, {"user-id": "ada"})


def log(gateway: Gateway, *entries: Any, user_id: str = "ada") -> list[Any]:
    body = {"value": list(entries)}
    answer = gateway.send("POST", "/api/v6/log", body, {"user-id": user_id})
    assert answer.status == 200, answer.text
    rows: list[Any] = answer.json
    return rows


def refused(gateway: Gateway, raw: str | bytes, version: int = 6) -> Answer:
    data = raw.encode() if isinstance(raw, str) else raw
    headers = {**JSON, "user-id": "ada"}
    return gateway.send("POST", f"/api/v{version}/log", raw=data, headers=headers)


class TestRows:
    def test_values_make_a_row_that_is_answered_with_metrics_and_user(
        self, gateway: Gateway
    ) -> None:
        setup(gateway)
        [row] = log(gateway, entry(1, {"time": 5, "mood": "good", "grade": "A"}))
        assert row["data"] == {"time": 5, "grade": "A"}
        assert (row["timeStamp"], row["uniquifier"]) == (TIME, "1")
        assert isinstance(row["id"], int)
        assert sorted(metric["key"] for metric in row["metrics"]) == ["grade", "time"]
        user = row["user"]
        assert (user["id"], user["requestedUserId"], user["group"]) == ("ada", "ada", None)
        assert user.keys() >= {"createdAt", "updatedAt", "versionNumber", "workingGroup"}
        assert "createdAt" not in row, "only bloblog shows when rows were stored"

    def test_a_later_value_changes_the_row_and_an_older_one_does_not(
        self, gateway: Gateway
    ) -> None:
        setup(gateway)
        [first] = log(gateway, entry(5, {"time": 5, "grade": "A"}))
        [changed] = log(gateway, entry(6, {"time": 6}))
        assert changed == {
            "id": first["id"],
            "uniquifier": "1",
            "timeStamp": "2024-03-06T10:00:00.000Z",
            "data": {"time": 6, "grade": "A"},
            "userId": "ada",
        }
        assert log(gateway, entry(4, {"time": 4})) == []
        [same] = log(gateway, entry(6, {"time": 7}))
        assert same["data"]["time"] == 7

    def test_grouped_values_are_kept_apart_by_uniquifier(self, gateway: Gateway) -> None:
        setup(gateway)
        made = log(gateway, entry(1, {"time": 1}, {"a": {"time": 2}, "b": {"time": 3}}))
        assert [row["uniquifier"] for row in made] == ["1", "a", "b"]
        assert made[1]["data"] == {"workspace": {"areas": {"time": 2}}}
        assert made[1]["metrics"][0]["key"] == "workspace@__@areas@__@time"
        [changed] = log(gateway, entry(2, grouped={"b": {"time": 4}}))
        assert (changed["id"], changed["data"]) == (
            made[2]["id"],
            {"workspace": {"areas": {"time": 4}}},
        )

    def test_what_is_measured_by_nobody_is_dropped(self, gateway: Gateway) -> None:
        setup(gateway)
        other = {"groupClass": "other", "groupKey": "areas", "groupUniquifier": "1"}
        dropped = entry(1, {"mood": 1}, {"a": {"mood": 1}})
        dropped["metrics"]["groupedMetrics"].append({**other, "attributes": {"time": 1}})
        assert log(gateway, dropped, {"timestamp": TIME, "metrics": {}}) == []
        assert log(gateway) == []
        experiment = gateway.get("/api/experiments").json[0]
        state = {"experimentId": experiment["id"], "state": "archived"}
        assert gateway.post("/api/experiments/state", state).status == 200
        assert log(gateway, entry(1, {"time": 1})) == []

    def test_a_deleted_metric_is_logged_no_longer_and_its_rows_stay(self, gateway: Gateway) -> None:
        setup(gateway)
        [row] = log(gateway, entry(1, {"time": 1, "grade": "A"}))
        gateway.delete("/api/metric/time")
        [changed] = log(gateway, entry(2, {"time": 2, "grade": "B"}))
        assert (changed["id"], changed["data"]) == (row["id"], {"time": 1, "grade": "B"})

    def test_entries_of_one_call_are_answered_in_order_and_see_each_others_rows_later(
        self, gateway: Gateway
    ) -> None:
        setup(gateway)
        made = log(gateway, entry(2, {"time": 2}), entry(1, {"time": 1}, {"a": {"time": 3}}))
        assert [row["data"] for row in made] == [
            {"time": 2},
            {"time": 1},
            {"workspace": {"areas": {"time": 3}}},
        ]
        assert len({row["id"] for row in made}) == 3
        changed = log(gateway, entry(3, {"time": 8}), entry(4, {"time": 9}))
        assert [row["id"] for row in changed] == [made[0]["id"]] * 2
        assert [row["data"]["time"] for row in changed] == [8, 9]

    def test_both_versions_log_for_the_same_user(self, gateway: Gateway) -> None:
        setup(gateway)
        body = {"userId": "ada", "value": [entry(1, {"time": 5})]}
        [made] = gateway.post("/api/v5/log", body).json
        [changed] = log(gateway, entry(2, {"time": 6}))
        assert changed["id"] == made["id"]

    def test_an_alias_logs_for_its_owner(self, gateway: Gateway) -> None:
        setup(gateway)
        aliases = {"aliases": ["al"]}
        gateway.send("PATCH", "/api/v6/useraliases", aliases, {"user-id": "ada"})
        [made] = log(gateway, entry(1, {"time": 5}), user_id="al")
        assert (made["user"]["id"], made["user"]["requestedUserId"]) == ("ada", "al")
        [changed] = log(gateway, entry(2, {"time": 6}))
        assert (changed["id"], changed["userId"]) == (made["id"], "ada")

    @pytest.mark.parametrize(
        "user_id", ["o'hara", 'a"b', "a#b", "log#ada", "'; DROP TABLE logs; --", "%23"]
    )
    def test_hostile_users_and_uniquifiers_log_like_others(
        self, gateway: Gateway, user_id: str
    ) -> None:
        setup(gateway)
        gateway.send("POST", "/api/v6/init", {}, {"user-id": user_id})
        for day in (1, 2):
            [row] = log(gateway, entry(day, grouped={user_id: {"time": day}}), user_id=user_id)
            assert (row["uniquifier"], row["timeStamp"][8:10]) == (user_id, f"0{day}")
        assert len(log(gateway, entry(3, grouped={user_id: {"time": 3}}))) == 1

    @pytest.mark.parametrize(
        ("given", "shown"),
        [
            ("5", 5),
            ("5.0", 5),
            ("0.1", 0.1),
            ("-0", 0),
            ("1e3", 1000),
            ("1e300", 1e300),
            ("1e-400", 0),
            ("9007199254740993", 9007199254740992),
            ('"5"', "5"),
            ('" "', " "),
            ('"\U0001f600"', "\U0001f600"),
        ],
    )
    def test_values_are_kept_as_javascript_knows_them(
        self, gateway: Gateway, given: str, shown: Any
    ) -> None:
        setup(gateway)
        answer = refused(gateway, with_attributes(f'{{"time": {given}}}'))
        assert answer.status == 200
        [row] = answer.json
        assert row["data"] == {"time": shown}
        assert type(row["data"]["time"]) is type(shown)
        [again] = log(gateway, entry(2, {"grade": 1}))
        assert again["data"] == {"grade": 1}

    @pytest.mark.parametrize(
        ("given", "shown"),
        [
            ("2024-03-01", "2024-03-01T00:00:00.000Z"),
            ("2024-03-01T10:00:00", "2024-03-01T10:00:00.000Z"),
            ("2024-03-01T10:00:00.1239Z", "2024-03-01T10:00:00.123Z"),
            ("2024-03-01T10:00:00+05:30", "2024-03-01T04:30:00.000Z"),
            ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
            ("Fri, 01 Mar 2024 10:00:00 GMT", TIME),
            ("Fri Mar 01 2024 11:00:00 GMT+0100 (Central European Time)", TIME),
        ],
    )
    def test_times_are_answered_in_utc_with_milliseconds(
        self, gateway: Gateway, given: str, shown: str
    ) -> None:
        setup(gateway)
        [row] = log(gateway, {**entry(1, {"time": 1}), "timestamp": given})
        assert row["timeStamp"] == shown

    def test_a_hundred_entries_are_logged_in_one_call(self, gateway: Gateway) -> None:
        setup(gateway)
        entries = [entry(1, {"time": n}, {f"try {n}": {"time": n}}) for n in range(100)]
        assert len(log(gateway, *entries)) == 200
        later = [entry(2, grouped={f"try {n}": {"time": -n}}) for n in range(100)]
        changed = log(gateway, *later)
        assert [row["data"]["workspace"]["areas"]["time"] for row in changed] == [
            -n for n in range(100)
        ]

    def test_very_many_entries_are_answered_without_delay(self, gateway: Gateway) -> None:
        """All for one row; they fill half a megabyte, of one that there may be."""
        setup(gateway)
        log(gateway, entry(1, {"time": 0}))
        one = b'{"timestamp":"2024-03-02","metrics":{"attributes":{"time":1}}}'
        raw = b'{"value":[' + b",".join([one] * 8_000) + b"]}"
        assert MEGABYTE * 0.45 < len(raw) < MEGABYTE
        assert len(refused(gateway, raw).json) == 8_000


GROUPED = {"groupClass": "workspace", "groupKey": "areas", "groupUniquifier": "1"}


def with_attributes(raw: str) -> str:
    return f'{{"value": [{{"timestamp": "{TIME}", "metrics": {{"attributes": {raw}}}}}]}}'


def with_grouped(**changes: Any) -> str:
    grouped = {**GROUPED, "attributes": {"time": 1}, **changes}
    metrics = {"groupedMetrics": [{k: v for k, v in grouped.items() if v is not None}]}
    return json.dumps({"value": [{"timestamp": TIME, "metrics": metrics}]})


INVALID = [
    "{}",
    "[]",
    '{"value": null}',
    '{"value": {}}',
    '{"value": "x"}',
    '{"value": [1]}',
    '{"value": [{}]}',
    '{"value": [{"timestamp": "2024-03-01"}]}',
    '{"value": [{"metrics": {}}]}',
    '{"value": [{"timestamp": "2024-03-01", "metrics": null}]}',
    '{"value": [{"timestamp": "2024-03-01", "metrics": []}]}',
    *(
        f'{{"value": [{{"timestamp": {time}, "metrics": {{}}}}]}}'
        for time in (
            '""',
            "null",
            "1709287200000",
            '"now"',
            '"2024-13-01"',
            '"2024-02-30T10:00:00Z"',
            '"0001-01-01T00:00:00+14:00"',
            '"Fri, 01 Mar 2024 10:00:00 CEST"',
            '"Fri Mar 01 2024 10:00:00"',
            '"\\ud800"',
        )
    ),
    *(
        with_attributes(attributes)
        for attributes in (
            "[]",
            '"time"',
            '{"": 1}',
            '{"time": ""}',
            '{"time": true}',
            '{"time": null}',
            '{"time": []}',
            '{"time": {"a": 1}}',
            '{"time": 1e400}',
            '{"time": -1e400}',
            '{"time": 1e1000000}',
            '{"time": 1e-99999999999999999999}',
            '{"time": "\\u0000"}',
            '{"time": "\\ud800"}',
            '{"time": "' + "0" * 1001 + '"}',
            '{"\\u0000": 1}',
            '{"' + "x" * 1001 + '": 1}',
        )
    ),
    with_grouped(groupClass=""),
    with_grouped(groupKey=""),
    with_grouped(groupUniquifier=""),
    with_grouped(groupClass=None),
    with_grouped(groupKey=None),
    with_grouped(groupUniquifier=None),
    with_grouped(attributes=None),
    with_grouped(groupUniquifier=1),
    with_grouped(groupUniquifier="x" * 1001),
    with_grouped(attributes={"time": False}),
    '{"value": [{"timestamp": "2024-03-01", "metrics": {"groupedMetrics": {}}}]}',
]
MALFORMED: list[str | bytes] = [
    b"\xff",
    "",
    "{",
    '"text"',
    "null",
    '{"value": NaN}',
    '{"value": [Infinity]}',
    "[" * 90_000,
]


def of_ada(raw: str) -> str:
    """A body with a user, if it is an object."""
    return raw.replace("{", '{"userId": "ada", ', 1).replace(", }", "}") if raw[0] == "{" else raw


class TestRefusals:
    @pytest.mark.parametrize("version", [5, 6])
    def test_a_log_that_is_none_is_refused_and_changes_nothing(
        self, gateway: Gateway, version: int
    ) -> None:
        setup(gateway)
        good = json.dumps(entry(1, {"time": 1}))
        for raw in INVALID:
            answer = refused(gateway, of_ada(raw.replace("[{", f"[{good}, {{", 1)), version)
            assert (answer.status, raw) == (400, raw)
            assert answer.json["name"] in ("BadRequestError", "SyntaxError")
        assert "user" in log(gateway, entry(1, {"time": 1}))[0], "it is the first row"

    @pytest.mark.parametrize("version", [5, 6])
    def test_what_is_no_json_is_refused(self, gateway: Gateway, version: int) -> None:
        setup(gateway)
        for raw in [each for each in MALFORMED if each]:
            answer = refused(gateway, raw, version)
            name = "SyntaxError" if raw else "BadRequestError"  # an empty body is an empty object
            assert (answer.status, answer.json["name"], raw) == (400, name, raw)

    def test_users_are_known(self, gateway: Gateway) -> None:
        setup(gateway)
        body = {"userId": "nobody", "value": []}
        assert gateway.post("/api/v5/log", body).status == 404
        headers = {"user-id": "nobody"}
        assert gateway.send("POST", "/api/v6/log", body, headers).status == 404
        assert gateway.send("POST", "/api/v6/log", body).status == 400
        assert gateway.send("POST", "/api/v6/log", {}, headers).status == 404, "before the body"
        assert gateway.post("/api/v5/log", {"userId": "nobody"}).status == 400, "after the body"

    @pytest.mark.parametrize("path", ["/api/v5/log", "/api/v6/log", "/api/v5/bloblog"])
    def test_a_log_may_have_a_megabyte(self, gateway: Gateway, path: str) -> None:
        setup(gateway)
        body = json.dumps({"userId": "ada", "value": [], "padding": ""}).encode()
        for size, status in ((MEGABYTE, 200), (MEGABYTE + 1, 413)):
            raw = body[:-2] + b"x" * (size - len(body)) + body[-2:]
            assert len(raw) == size
            headers = {**JSON, "user-id": "ada"}
            answer = gateway.send("POST", path, raw=raw, headers=headers)
            assert answer.status == status
        assert answer.json["name"] == "PayloadTooLargeError"
        assert len(answer.text) < 1000

    def test_more_than_a_user_can_have_is_refused(self, gateway: Gateway) -> None:
        setup(gateway)
        entries = [entry(1, {"time": "x" * 1000}) for _ in range(500)]
        body = {"value": entries}
        answer = gateway.send("POST", "/api/v6/log", body, {"user-id": "ada"})
        assert answer.status == 400
        assert "too much is logged" in answer.json["message"]
        assert "user" in log(gateway, entry(1, {"time": 1}))[0]


class TestBloblog:
    def send(self, gateway: Gateway, raw: str | bytes, headers: Any = TEXT) -> Answer:
        data = raw.encode() if isinstance(raw, str) else raw
        return gateway.send("POST", "/api/v5/bloblog", raw=data, headers=headers)

    @pytest.mark.parametrize(
        "headers", [TEXT, {}, JSON, {"content-type": "application/octet-stream"}]
    )
    def test_the_body_is_json_whatever_its_type_says(self, gateway: Gateway, headers: Any) -> None:
        setup(gateway)
        body = json.dumps({"userId": "ada", "value": [entry(1, {"time": "é"})]}, ensure_ascii=False)
        answer = self.send(gateway, body, headers)
        assert answer.status == 200, answer.text
        [row] = answer.json
        assert row["data"] == {"time": "é"}
        assert row["createdAt"] == row["updatedAt"]
        assert row["versionNumber"] == 1
        later = json.dumps({"userId": "ada", "value": [entry(2, {"time": 2})]})
        [changed] = self.send(gateway, later, headers).json
        assert (changed["id"], changed["versionNumber"]) == (row["id"], 2)
        assert changed["createdAt"] == row["createdAt"]

    def test_malformed_text_is_refused_and_the_next_call_answered(self, gateway: Gateway) -> None:
        setup(gateway)
        good = json.dumps({"userId": "ada", "value": [entry(1, {"time": 1})]})
        for raw in (*MALFORMED, "userId=ada"):
            answer = self.send(gateway, raw)
            assert (answer.status, answer.json["type"], raw) == (404, UNKNOWN_USER, raw)
            assert json.loads(answer.json["message"])["type"] == UNKNOWN_USER
            assert self.send(gateway, good).status == 200

    def test_an_invalid_json_body_is_400_and_404_is_for_unknown_users(
        self, gateway: Gateway
    ) -> None:
        setup(gateway)
        for raw in (*MALFORMED, "userId=ada"):
            answer = self.send(gateway, raw, JSON)
            name = "SyntaxError" if raw else "BadRequestError"  # an empty body is an empty object
            assert (answer.status, answer.json["name"], raw) == (400, name, raw)
        for invalid in INVALID:
            assert (self.send(gateway, of_ada(invalid), JSON).status, invalid) == (400, invalid)
        unknown = self.send(gateway, json.dumps({"userId": "nobody", "value": []}), JSON)
        assert (unknown.status, unknown.json["type"]) == (404, UNKNOWN_USER)
        assert "user" in log(gateway, entry(1, {"time": 1}))[0], "it is the first row"

    def test_a_log_that_is_none_is_refused_and_changes_nothing(self, gateway: Gateway) -> None:
        setup(gateway)
        for raw in INVALID:
            assert (self.send(gateway, of_ada(raw)).status, raw) == (404, raw)
        assert "user" in log(gateway, entry(1, {"time": 1}))[0], "it is the first row"

    @pytest.mark.parametrize("user", ["nobody", "", None, 5])
    def test_nobody_logs_for_a_user_at_random(self, gateway: Gateway, user: Any) -> None:
        setup(gateway)
        body = {"userId": user, "value": [entry(1, {"time": 1})]}
        if user is None:
            del body["userId"]
        answer = self.send(gateway, json.dumps(body))
        assert answer.status == 404
        if user == "nobody":
            assert json.loads(answer.json["message"]) == {
                "type": UNKNOWN_USER,
                "message": "Experiment User not found: nobody",
            }
        assert answer.json["request"] == {}, "text is not repeated"
        assert "user" in log(gateway, entry(1, {"time": 1}))[0], "it is the first row"

    def test_there_is_none_in_v6(self, gateway: Gateway) -> None:
        assert gateway.send("POST", "/api/v6/bloblog", {}, {"user-id": "ada"}).status == 404
