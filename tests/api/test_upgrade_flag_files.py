"""Flags and their lists as files."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from tests.api.upgrade_files_setup import file, flag, lasting, new_id, segment
from tests.http import Gateway


def validate(gateway: Gateway, *files: Any) -> list[str]:
    answer = gateway.post("/api/flags/import/validation", {"files": files})
    assert answer.status == 200, answer.text
    return [each["compatibilityType"] for each in answer.json]


def import_files(gateway: Gateway, *files: Any) -> list[tuple[str | None, str | None]]:
    answer = gateway.post("/api/flags/import", {"files": files})
    assert answer.status == 200, answer.text
    return [(each["error"], each["reason"]) for each in answer.json]


def without_status(value: dict[str, Any]) -> Any:
    return lasting({name: each for name, each in value.items() if name != "status"})


def keys(gateway: Gateway) -> list[str]:
    return [each["key"] for each in gateway.get("/api/flags").json]


class TestRoundTrip:
    def test_a_flag_comes_back_as_it_went(self, gateway: Gateway) -> None:
        original = flag()
        assert validate(gateway, file(original)) == ["compatible"]
        assert keys(gateway) == []
        assert import_files(gateway, file(original)) == [(None, None)]
        path = f"/api/flags/export/{original['id']}"
        before = gateway.get(path)
        whole = before.json
        assert whole == gateway.get(f"/api/flags/{original['id']}").json
        assert whole["status"] == "disabled"
        for side, enabled in (("Inclusion", True), ("Exclusion", False)):
            (was,), (now,) = (each[f"featureFlagSegment{side}"] for each in (original, whole))
            assert (now["enabled"], now["listType"]) == (enabled, was["listType"])
            assert now["segment"]["id"] == was["segment"]["id"]
        gateway.delete("/api/v5/clearDB")
        assert import_files(gateway, {"fileName": "x", "fileContent": before.text}) == [
            (None, None)
        ]
        assert lasting(gateway.get(path).json) == lasting(whole)

    def test_an_export_is_laid_out_and_named_for_people(self, gateway: Gateway) -> None:
        original = flag()
        import_files(gateway, file(original))
        answer = gateway.get(f"/api/flags/export/{original['id']}")
        assert answer.text == json.dumps(answer.json, indent=2, ensure_ascii=False)
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["content-disposition"] == (
            'attachment; filename="the _new_ menu _.json"'
            "; filename*=UTF-8''the%20%22new%22%20menu%20%C3%A9.json"
        )
        head = gateway.send("HEAD", f"/api/flags/export/{original['id']}")
        assert (head.status, head.text) == (200, "")

    def test_an_unknown_flag_is_404_in_plain_text(self, gateway: Gateway) -> None:
        answer = gateway.get(f"/api/flags/export/{new_id()}")
        assert (answer.status, answer.text) == (404, "Feature Flag not found")
        assert answer.headers["content-type"].startswith("text/plain")
        assert gateway.get("/api/flags/export/x").status == 400


class TestImport:
    def test_a_key_is_unique_in_its_context(self, gateway: Gateway) -> None:
        first, again = flag(), flag()
        elsewhere = flag(context=["add"])
        sent = [file(each) for each in (first, again, elsewhere)]
        assert validate(gateway, *sent) == ["compatible", "incompatible", "compatible"]
        errors = import_files(gateway, *sent)
        assert [error for error, _ in errors] == [None, "incompatible", None]
        assert errors[1][1] == "A flag with this key already exists for this app-context"
        assert [error for error, _ in import_files(gateway, *sent)] == ["incompatible"] * 3
        assert len(keys(gateway)) == 2

    def test_ids_that_are_taken_or_none_are_replaced(self, gateway: Gateway) -> None:
        first = flag()
        copied = copy.deepcopy(first) | {"key": "OTHER"}
        nameless = flag(id="17", key="THIRD")
        answers = import_files(gateway, *(file(each) for each in (first, copied, nameless)))
        assert answers == [(None, None)] * 3
        ids = {each["key"]: each["id"] for each in gateway.get("/api/flags").json}
        assert ids["NEW_MENU"] == first["id"]
        assert len(set(ids.values()) - {"17"}) == 3
        lists = [
            gateway.get(f"/api/flags/{each}").json["featureFlagSegmentInclusion"][0]["segment"]
            for each in (ids["NEW_MENU"], ids["OTHER"])
        ]
        assert lists[0]["id"] != lists[1]["id"]
        assert without_status(lists[0] | {"id": ""})["name"] == lists[1]["name"]

    def test_lists_may_be_missing_and_say_once_what_they_are(self, gateway: Gateway) -> None:
        bare = flag(key="BARE")
        del bare["featureFlagSegmentInclusion"], bare["featureFlagSegmentExclusion"]
        typed = flag()
        (listing,) = typed["featureFlagSegmentInclusion"]
        del listing["segment"]["listType"]
        (other,) = typed["featureFlagSegmentExclusion"]
        del other["listType"]
        assert import_files(gateway, file(bare), file(typed)) == [(None, None)] * 2
        after = gateway.get(f"/api/flags/{typed['id']}").json
        (listing,) = after["featureFlagSegmentInclusion"]
        assert listing["segment"]["listType"] == "Individual"
        assert after["featureFlagSegmentExclusion"][0]["listType"] == "classId"
        assert gateway.get(f"/api/flags/{bare['id']}").json["featureFlagSegmentInclusion"] == []

    def test_lists_that_name_unknown_segments_are_kept_and_warned_of(
        self, gateway: Gateway
    ) -> None:
        missing = new_id()
        listing = {"enabled": True, "listType": "Segment", "segment": segment(subs=[missing])}
        original = flag(featureFlagSegmentExclusion=[listing])
        assert validate(gateway, file(original)) == ["warning"]
        ((error, reason),) = import_files(gateway, file(original))
        assert error is None
        assert reason is not None
        assert missing in reason
        after = gateway.get(f"/api/flags/{original['id']}").json
        assert len(after["featureFlagSegmentExclusion"]) == 1

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"context": ["nowhere"]}, 'app context "nowhere"'),
            ({"key": ""}, "key: "),
            ({"status": "on"}, "status: "),
            ({"filterMode": None}, "filterMode: "),
            ({"featureFlagSegmentInclusion": {}}, "featureFlagSegmentInclusion: "),
            ({"featureFlagSegmentInclusion": [1]}, "featureFlagSegmentInclusion.0: "),
            ({"featureFlagSegmentExclusion": [{"enabled": True, "segment": {}}]}, "listType"),
            (
                {
                    "featureFlagSegmentExclusion": [
                        {"enabled": True, "listType": "Individual", "segment": segment()}
                    ]
                    * 41
                },
                "at most 40 lists",
            ),
        ],
    )
    def test_a_file_that_holds_no_flag_is_incompatible(
        self, gateway: Gateway, fields: dict[str, Any], said: str
    ) -> None:
        bad, good = file(flag(**fields)), file(flag(key="GOOD"))
        assert validate(gateway, bad, good) == ["incompatible", "compatible"]
        (error, reason), (fine, _) = import_files(gateway, bad, good)
        assert (error, fine) == ("incompatible", None)
        assert reason is not None
        assert said in reason
        assert keys(gateway) == ["GOOD"]

    @pytest.mark.parametrize(
        "body", [{}, [], {"files": {}}, {"files": [{"fileName": "x"}]}, {"files": [1] * 101}]
    )
    def test_a_body_that_holds_no_files_is_refused(self, gateway: Gateway, body: Any) -> None:
        for path in ("import", "import/validation"):
            assert gateway.post(f"/api/flags/{path}", body).status == 400


LIST = {
    "name": "l",
    "description": None,
    "context": "add",
    "type": "private",
    "userIds": ["bob"],
    "subSegmentIds": [],
    "groups": [],
    "listType": "Individual",
}


class TestLists:
    @pytest.mark.parametrize(
        ("side", "path"), [("inclusion", "includeLists"), ("exclusion", "excludeLists")]
    )
    def test_lists_go_out_and_come_in_switched_off(
        self, gateway: Gateway, side: str, path: str
    ) -> None:
        bare: dict[str, Any] = {"featureFlagSegmentInclusion": []}
        original = flag(**bare, featureFlagSegmentExclusion=[])
        import_files(gateway, file(original))
        untyped = {**LIST, "listType": None}
        sent = [file(LIST), file(untyped), file(LIST, "l.txt")]
        body = {"files": sent, "flagId": original["id"], "filterType": side}
        answers = gateway.post("/api/flags/lists/import", body).json
        assert [each["error"] for each in answers] == [None, "incompatible", "incompatible"]
        assert answers[1]["reason"] == "listType: required"
        answer = gateway.get(f"/api/flags/export/{path}/{original['id']}")
        assert answer.json == [{**LIST, "context": "home"}]
        assert answer.headers["content-disposition"] == 'attachment; filename="l.json"'
        after = gateway.get(f"/api/flags/{original['id']}").json
        ((listing,),) = (each for name, each in after.items() if side in name.lower())
        assert listing["enabled"] is False

    def test_lists_and_flags_that_are_not_there_are_404(self, gateway: Gateway) -> None:
        original = flag(featureFlagSegmentInclusion=[], featureFlagSegmentExclusion=[])
        import_files(gateway, file(original))
        for name in ("Include", "Exclude"):
            path = f"/api/flags/export/{name.lower()}Lists"
            answer = gateway.get(f"{path}/{original['id']}")
            assert (answer.status, answer.json["message"]) == (404, f"{name} lists not found.")
            assert gateway.get(f"{path}/{new_id()}").status == 404
        body = {"files": [], "flagId": new_id(), "filterType": "inclusion"}
        assert gateway.post("/api/flags/lists/import", body).status == 404
