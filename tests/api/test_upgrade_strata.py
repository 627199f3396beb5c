"""Stratification factors over HTTP."""

from __future__ import annotations

import csv
import io
import re
from typing import Any
from urllib.parse import quote

import pytest

from tests.api.upgrade_setup import design
from tests.http import Answer, Gateway


def upload(gateway: Gateway, *texts: str) -> Answer:
    return gateway.post("/api/stratification", {"files": [{"file": text} for text in texts]})


def download(gateway: Gateway, factor: str, query: str = "") -> Answer:
    return gateway.get(f"/api/stratification/download/{quote(factor, safe='')}{query}")


def delete(gateway: Gateway, factor: str) -> Answer:
    return gateway.delete(f"/api/stratification/{quote(factor, safe='')}")


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


class TestFactors:
    def test_factors_tell_their_values_and_experiments(self, gateway: Gateway) -> None:
        assert gateway.get("/api/stratification").json == []
        assert upload(gateway, "uuid,pretest,age\na,high,9\nb,low,\nc,high,10").status == 200
        stratified: dict[str, Any] = {
            "stratificationFactor": {"stratificationFactorName": "pretest"}
        }
        made = gateway.post("/api/experiments", design(("site", ""), **stratified)).json
        assert gateway.get("/api/stratification").json == [
            {"factor": "age", "factorValue": {"10": 1, "9": 1}, "experimentIds": []},
            {
                "factor": "pretest",
                "factorValue": {"high": 2, "low": 1},
                "experimentIds": [made["id"]],
            },
        ]

    def test_users_are_counted_once_however_many_experiments_there_are(
        self, gateway: Gateway
    ) -> None:
        upload(gateway, "uuid,pretest\na,high")
        stratified: dict[str, Any] = {
            "stratificationFactor": {"stratificationFactorName": "pretest"}
        }
        for _ in range(2):
            gateway.post("/api/experiments", design(("site", ""), **stratified))
        (shown,) = gateway.get("/api/stratification").json
        assert (shown["factorValue"], len(shown["experimentIds"])) == ({"high": 1}, 2)

    def test_a_later_upload_replaces_and_removes(self, gateway: Gateway) -> None:
        upload(gateway, "uuid,pretest\na,high\nb,low", "uuid,pretest\nb,high")
        assert rows(download(gateway, "pretest").text)[1:] == [["a", "high"], ["b", "high"]]
        upload(gateway, "uuid,pretest\na,\nb,low")
        assert rows(download(gateway, "pretest").text)[1:] == [["b", "low"]]

    def test_a_deleted_factor_is_answered_as_a_row(self, gateway: Gateway) -> None:
        upload(gateway, "uuid,pretest,age\na,high,9")
        (gone,) = delete(gateway, "pretest").json
        assert gone["stratificationFactorName"] == "pretest"
        assert set(gone) == {
            "createdAt",
            "updatedAt",
            "versionNumber",
            "stratificationFactorName",
        }
        assert [shown["factor"] for shown in gateway.get("/api/stratification").json] == ["age"]
        assert download(gateway, "pretest").status == 404
        assert delete(gateway, "pretest").json == []

    @pytest.mark.parametrize(
        "text",
        ["uuid,\na,b", "uuid,f,\na,b,c", "id,f\na,b", "", "uuid,f\na\x00,b", "uuid,f\na,\ud800"],
    )
    def test_what_is_no_file_of_strata_changes_nothing(self, gateway: Gateway, text: str) -> None:
        answer = upload(gateway, "uuid,pretest\na,high", text)
        assert (answer.status, answer.json["name"]) == (400, "BadRequestError")
        assert gateway.get("/api/stratification").json == []

    @pytest.mark.parametrize(
        ("text", "fault"),
        [
            ("uuid,f\na,high\nb", "line 3 has 1 cells"),
            ('uuid,f\n"a\nb",x\n\nc,high,9', "line 5 has 3 cells"),
            ("uuid,f\n,high", "line 2 has no uuid"),
            ("uuid,f,f\na,b,c", "names a column twice"),
        ],
    )
    def test_a_line_that_does_not_fit_is_named(
        self, gateway: Gateway, text: str, fault: str
    ) -> None:
        answer = upload(gateway, text)
        assert answer.status == 400
        assert fault in answer.json["message"]
        assert gateway.get("/api/stratification").json == []

    def test_blank_lines_are_left_out(self, gateway: Gateway) -> None:
        assert upload(gateway, "\nuuid,f\n\na,high\n , \n,\n").status == 200
        assert download(gateway, "f").text == "uuid,f\r\na,high"

    @pytest.mark.parametrize("text", [f"uuid,f\n{'x' * 513},v", f"uuid,f\na,{'x' * 1001}"])
    def test_what_is_too_long_changes_nothing(self, gateway: Gateway, text: str) -> None:
        assert upload(gateway, "uuid,pretest\na,high", text).status == 400
        assert gateway.get("/api/stratification").json == []

    def test_spreadsheets_may_begin_with_a_mark(self, gateway: Gateway) -> None:
        assert upload(gateway, '\ufeff"uuid","pretest"\r\n"a","high"\r\n').status == 200
        assert download(gateway, "pretest").text == "uuid,pretest\r\na,high"


class TestDownload:
    def test_a_factor_comes_as_a_file(self, gateway: Gateway) -> None:
        upload(gateway, 'uuid,pretest\nb,"high, ""very"""\na,low')
        answer = download(gateway, "pretest")
        assert answer.text == 'uuid,pretest\r\na,low\r\nb,"high, ""very"""'
        assert answer.headers["content-type"] == "text/csv; charset=UTF-8"
        assert answer.headers["content-disposition"] == "attachment; filename=data-pretest.csv"
        assert "link" not in answer.headers

    def test_what_was_downloaded_can_be_uploaded(self, gateway: Gateway) -> None:
        upload(gateway, 'uuid,"pre, test"\n"a,b","x ""y"" z"\n"line\nbreak",é')
        text = download(gateway, "pre, test").text
        delete(gateway, "pre, test")
        upload(gateway, text)
        assert download(gateway, "pre, test").text == text

    @pytest.mark.parametrize("factor", ['a"b', "a;b", "é", "a/b", "a%b", "a\\b"])
    def test_names_that_a_header_cannot_hold_are_escaped(
        self, gateway: Gateway, factor: str
    ) -> None:
        name = factor.replace('"', '""')
        upload(gateway, f'uuid,"{name}"\na,b')
        disposition = download(gateway, factor).headers["content-disposition"]
        escaped = quote(factor, safe="")
        assert disposition == (
            f"attachment; filename=data.csv; filename*=UTF-8''data-{escaped}.csv"
        )
        assert disposition.isascii()

    def test_an_unknown_factor_is_not_found(self, gateway: Gateway) -> None:
        answer = download(gateway, "pretest")
        assert answer.status == 404
        assert answer.json["message"] == "Stratification factor not found: pretest"

    def test_a_large_factor_comes_in_parts(
        self, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("chalicelib.api.upgrade.participants.stratification.PAGE_BYTES", 40)
        users = [f"user {number}" for number in range(9)] + ["é" * 90]
        upload(gateway, "uuid,f\n" + "\n".join(f"{user},v" for user in users))
        got, query, parts = [], "", 0
        while True:
            answer = download(gateway, "f", query)
            header, *part = rows(answer.text)
            assert header == ["uuid", "f"]
            got += [user for user, _ in part]
            parts += 1
            if "link" not in answer.headers:
                break
            found = re.fullmatch(r'<(\?cursor=[^>]+)>; rel="next"', answer.headers["link"])
            assert found is not None
            query = found[1]
        assert got == users
        assert parts > 3

    @pytest.mark.parametrize("cursor", ["é", "a", "%2F", "gA==", "W10"])
    def test_a_cursor_must_be_ours(self, gateway: Gateway, cursor: Any) -> None:
        upload(gateway, "uuid,f\na,b")
        assert download(gateway, "f", f"?cursor={cursor}").status == 400
        assert download(gateway, "unknown", f"?cursor={cursor}").status == 404
