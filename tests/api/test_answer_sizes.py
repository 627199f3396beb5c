"""No answer outgrows a response, whatever is stored and whatever is asked for."""

from __future__ import annotations

import json
from typing import Any

from chalicelib.api.answer_sizes import ANSWER_BYTES, LONGEST_ANSWER
from chalicelib.domain.answer_room import answer_bytes
from tests.api.upgrade_setup import entry, measure
from tests.http import Answer, Gateway

GROUPS = {"class": [f"class {number:05}" for number in range(3_000)]}


def sent(gateway: Gateway, method: str, path: str, body: Any = None, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = gateway.send(method, path, body, named)
    assert answer.status == 200, answer.text[:500]
    assert answer_bytes(answer.text) < LONGEST_ANSWER
    return answer


class TestLogs:
    def log(self, gateway: Gateway, entries: list[Any], version: str = "v6/log") -> Any:
        body = {"userId": "ada", "value": entries}
        answer = sent(gateway, "POST", f"/api/{version}", body, user_id="ada")
        assert answer_bytes(answer.text) <= ANSWER_BYTES
        return answer.json

    def prepared(self, gateway: Gateway, *names: str, groups: Any = None) -> None:
        measure(lambda *call: sent(gateway, *call).json, *names)
        sent(gateway, "POST", "/api/v6/init", {"group": groups or {}}, user_id="ada")

    def test_a_log_of_many_rows_names_each_without_the_users_groups(self, gateway: Gateway) -> None:
        self.prepared(gateway, "time", groups=GROUPS)
        entries = [entry(1, {"time": number}) for number in range(2_300)]
        rows = self.log(gateway, entries)
        assert len({row["id"] for row in rows}) == len(rows) == len(entries)
        assert [row["data"] for row in rows] == [{"time": number} for number in range(2_300)]
        assert rows[0].keys() == {"id", "uniquifier", "timeStamp", "data", "userId"}

    def test_a_log_that_changes_a_long_row_many_times_names_it_once(self, gateway: Gateway) -> None:
        names = [f"m{number:03}" for number in range(150)]
        self.prepared(gateway, *names)
        self.log(gateway, [entry(1, dict.fromkeys(names, "x" * 500))])
        entries = [entry(2, {names[0]: number}) for number in range(400)]
        [row] = self.log(gateway, entries, "v5/bloblog")
        assert (row["data"][names[0]], row["data"][names[1]]) == (399, "x" * 500)

    def test_where_even_the_rows_with_their_values_are_too_much_they_are_named(
        self, gateway: Gateway, monkeypatch: Any
    ) -> None:
        self.prepared(gateway, "time")
        monkeypatch.setattr("chalicelib.api.answer_sizes.ANSWER_BYTES", 1_000)
        rows = self.log(gateway, [entry(1, {"time": number}) for number in range(100)])
        assert 0 < len(rows) < 100
        assert all(row.keys() == {"id", "uniquifier", "timeStamp"} for row in rows)

    def test_a_short_log_is_answered_as_recorded(self, gateway: Gateway) -> None:
        self.prepared(gateway, "time", groups={"class": ["a"]})
        rows = self.log(gateway, [entry(1, {"time": 1}), entry(1, {"time": 2})])
        assert [row["user"]["group"] for row in rows] == [{"class": ["a"]}] * 2
        assert all(row["metrics"] for row in rows)


def test_a_refusal_repeats_the_request_unless_that_is_too_long(gateway: Gateway) -> None:
    for length, repeated in ((10, True), (4_000_000, False)):
        body = {"name": "😀" * (length // 4), "context": 5}
        raw = json.dumps(body, ensure_ascii=False).encode()
        headers = {"content-type": "application/json"}
        answer = gateway.send("POST", "/api/segments", headers=headers, raw=raw)
        assert answer.status == 400
        assert answer_bytes(answer.text) < LONGEST_ANSWER
        assert answer.json["request"] == (body if repeated else {})
