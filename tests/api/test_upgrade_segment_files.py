"""Segments and the lists within them as files."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.upgrade_files_setup import file, lasting, new_id, segment
from tests.http import Gateway


def public(name: str = "s", *users: str, **fields: Any) -> dict[str, Any]:
    return segment(name, *users, **{"type": "public", **fields})


def post(gateway: Gateway, path: str, *files: Any) -> Any:
    answer = gateway.post(f"/api/segments/{path}", list(files))
    assert answer.status == 200, answer.text
    return answer.json


def kinds(answers: Any) -> list[str]:
    return [each["compatibilityType"] for each in answers]


def exported(gateway: Gateway, *ids: str, form: str = "json") -> Any:
    query = "&".join(f"ids={each}" for each in ids)
    answer = gateway.get(f"/api/segments/export/{form}?{query}")
    assert answer.status == 200, answer.text
    return answer.json


def names(gateway: Gateway) -> set[str]:
    return {each["name"] for each in gateway.get("/api/segments").json["segmentsData"]}


class TestRoundTrip:
    def test_a_segment_comes_back_as_it_went(self, gateway: Gateway) -> None:
        other = public("other", "eve", tags=["t"])
        own = segment("own", "bob", listType="Individual")
        whole = public("whole", "ada", groups=[("classId", "c1")], subs=[other["id"]])
        whole["subSegments"].append(own)
        answers = post(gateway, "import", file(other, "o.json"), file(whole, "w.json"))
        assert [each["error"] for each in answers] == [None, None]
        before = exported(gateway, other["id"], whole["id"])
        assert [each["id"] for each in before] == [other["id"], whole["id"]]
        assert [each["id"] for each in before[1]["subSegments"]] == [other["id"], own["id"]]
        assert "individualForSegment" not in before[1]["subSegments"][0]
        assert before[1]["subSegments"][1]["individualForSegment"][0]["userId"] == "bob"
        assert before[0]["experimentSegmentInclusion"] is None
        gateway.delete("/api/v5/clearDB")
        assert kinds(post(gateway, "import", *map(file, before))) == ["compatible"] * 2
        assert lasting(exported(gateway, other["id"], whole["id"])) == lasting(before)

    def test_a_segment_may_come_as_it_is_sent(self, gateway: Gateway) -> None:
        sent = {
            "name": "sent",
            "context": "HOME",
            "type": "public",
            "userIds": [" ada\n", "ada", ""],
            "groups": [{"type": "classId", "groupId": "c1"}],
            "subSegmentIds": [],
        }
        wrapped = {"segment": {**sent, "name": "wrapped"}, "listType": None}
        answers = post(gateway, "import", file(sent, as_text=False), file(wrapped))
        assert kinds(answers) == ["compatible"] * 2
        assert names(gateway) == {"sent", "wrapped"}
        for each in gateway.get("/api/segments").json["segmentsData"]:
            assert [user["userId"] for user in each["individualForSegment"]] == ["ada"]
            assert each["context"] == "home"

    def test_one_segment_is_exported_without_what_it_is_used_for(self, gateway: Gateway) -> None:
        made = public()
        post(gateway, "import", file(made))
        (only,) = exported(gateway, made["id"], made["id"])
        assert "experimentSegmentInclusion" not in only
        assert exported(gateway, made["id"], new_id())[0]["id"] == made["id"]
        for form in ("json", "csv"):
            assert gateway.get(f"/api/segments/export/{form}?ids={new_id()}").status == 404
            assert gateway.get(f"/api/segments/export/{form}").status == 400
            assert gateway.get(f"/api/segments/export/{form}?ids=x").status == 400

    def test_members_go_out_as_csv(self, gateway: Gateway) -> None:
        other, empty = public('the "other", one'), public("empty")
        whole = public("whole", "a,b", "z", groups=[("classId", "c1")], subs=[other["id"]])
        post(gateway, "import", *map(file, (other, empty, whole)))
        first, second = exported(gateway, whole["id"], empty["id"], form="csv")
        assert first["fileName"] == "whole"
        assert first["fileContent"].split("\r\n") == [
            "Type,UUID",
            'Individual,"a,b"',
            "Individual,z",
            'Segment,"the ""other"", one"',
            "classId,c1",
        ]
        assert second == {"fileName": "empty", "fileContent": ""}


class TestImport:
    @pytest.mark.parametrize(
        ("whole", "said"),
        [
            (public(context="nowhere"), "Invalid Segment data: Context nowhere not found."),
            (public(groups=[("team", "1"), ("x", "2")]), "Group type: team, x not found."),
            (public(type="private"), "Lists are imported into their segment"),
            (public(type="global_exclude"), "global exclusion"),
            (public(name=""), "name: "),
            (public(type="other"), "type: "),
            (public(individualForSegment=None), "userIds (or individualForSegment): required"),
            (public(subSegments=[{"type": "private"}]), "id: required"),
            ([], "one JSON object"),
        ],
    )
    def test_a_file_that_holds_no_segment_is_incompatible(
        self, gateway: Gateway, whole: Any, said: str
    ) -> None:
        sent = file(whole, "1.json"), file(public("good"), "2.json")
        for path in ("validation", "import/validation", "import"):
            answers = post(gateway, path, *sent)
            assert kinds(answers) == ["incompatible", "compatible"][: len(answers)]
            assert len(answers) == (1 if path == "validation" else 2)
            assert said in answers[0]["error"]
        assert names(gateway) == {"good"}

    def test_what_is_no_json_is_told_apart(self, gateway: Gateway) -> None:
        sent = [
            {"fileName": "1.json", "fileContent": "{"},
            {"fileName": "2.json", "fileContent": "null"},
            file(public(), "3.csv"),
        ]
        for path in ("validation", "import/validation", "import"):
            errors = [each["error"] for each in post(gateway, path, *sent)]
            assert errors[0].startswith("Invalid JSON format: Expecting")
            assert errors[1:] == [
                "Invalid JSON format: Empty JSON",
                "the name of the file must end in .json",
            ]
        assert names(gateway) == set()

    def test_a_name_is_unique_in_its_context(self, gateway: Gateway) -> None:
        sent = [file(public("s")), file(public("s")), file(public("s", context="add"))]
        expected = ["compatible", "incompatible", "compatible"]
        for path in ("import/validation", "import"):
            answers = post(gateway, path, *sent)
            assert kinds(answers) == expected
            assert "Invalid Segment Name: s is already used" in answers[1]["error"]
        assert kinds(post(gateway, "import", *sent)) == ["incompatible"] * 3
        assert len(gateway.get("/api/segments").json["segmentsData"]) == 2

    def test_an_id_that_is_taken_is_replaced(self, gateway: Gateway) -> None:
        first = public("first", "ada")
        own = segment("own", "bob")
        second = public("second", "eve", id=first["id"], subSegments=[own])
        third = public("third", subSegments=[own])
        del own["name"]
        assert (
            kinds(post(gateway, "import", *map(file, (first, second, third)))) == ["compatible"] * 3
        )
        made = {each["name"]: each for each in gateway.get("/api/segments").json["segmentsData"]}
        assert made["first"]["id"] == first["id"] != made["second"]["id"]
        (sub,), (other,) = (made[name]["subSegments"] for name in ("second", "third"))
        assert sub["id"] == own["id"] != other["id"]
        assert gateway.get(f"/api/segments/{other['id']}").json["individualForSegment"][0][
            "userId"
        ] == ("bob")

    def test_one_id_for_two_lists_makes_two_lists(self, gateway: Gateway) -> None:
        own = segment("own", "bob")
        whole = public("whole", subSegments=[own, {**own, "name": "again"}])
        assert kinds(post(gateway, "import", file(whole))) == ["compatible"]
        (shown,) = exported(gateway, whole["id"])
        assert [each["name"] for each in shown["subSegments"]] == ["own", "again"]

    def test_missing_subsegments_are_warned_of_unless_they_came_before(
        self, gateway: Gateway
    ) -> None:
        child = public("child")
        parent = public("parent", subs=[child["id"]])
        for path in ("import/validation", "validation"):
            (answer,) = post(gateway, path, file(parent))
            assert answer["compatibilityType"] == "warning"
            assert answer["error"].startswith(f"warning: SubSegment: {child['id']} not found.")
        both = post(gateway, "import/validation", file(child), file(parent))
        assert kinds(both) == ["compatible"] * 2
        assert kinds(post(gateway, "import", file(parent), file(child))) == [
            "warning",
            "compatible",
        ]
        (shown,) = exported(gateway, parent["id"])
        assert [each["id"] for each in shown["subSegments"]] == [child["id"]]

    @pytest.mark.parametrize("path", ["validation", "import", "import/validation"])
    @pytest.mark.parametrize("body", [{}, [{}], [{"fileName": "x", "fileContent": 1}]])
    def test_a_body_that_holds_no_files_is_refused(
        self, gateway: Gateway, path: str, body: Any
    ) -> None:
        for base in ("", "list/"):
            if base + path not in ("list/validation", "list/import"):
                assert gateway.post(f"/api/segments/{base}{path}", body).status == 400


class TestLists:
    def send(self, gateway: Gateway, parent: str, *files: Any) -> Any:
        body = {"files": files, "parentSegmentId": parent}
        return gateway.post("/api/segments/list/import", body)

    def test_lists_become_part_of_a_segment(self, gateway: Gateway) -> None:
        parent = public("parent", "ada")
        post(gateway, "import", file(parent))
        sent = [
            file(segment("typed", "bob", listType="Individual"), "1.json"),
            file(segment("untyped", "eve"), "2.json"),
            file({"segment": segment("outside", "joe", context="add", listType="x")}, "3.json"),
        ]
        for answers in (
            post(gateway, "list/import/validation", *sent),
            self.send(gateway, parent["id"], *sent).json,
        ):
            assert kinds(answers) == ["compatible", "incompatible", "compatible"]
            assert "List type is required for lists." in answers[1]["error"]
        (after,) = exported(gateway, parent["id"])
        assert [each["name"] for each in after["subSegments"]] == ["typed", "outside"]
        assert {(each["type"], each["context"]) for each in after["subSegments"]} == {
            ("private", "home")
        }
        self.send(gateway, parent["id"], sent[0])
        assert len(exported(gateway, parent["id"])[0]["subSegments"]) == 3
        assert names(gateway) == {"parent"}

    def test_lists_need_a_segment_that_is_none(self, gateway: Gateway) -> None:
        listing = file(segment("l", "bob", listType="Individual"))
        assert self.send(gateway, new_id(), listing).status == 404
        assert self.send(gateway, "x", listing).status == 400
        parent = public("parent")
        post(gateway, "import", file(parent))
        self.send(gateway, parent["id"], listing)
        (sub,) = exported(gateway, parent["id"])[0]["subSegments"]
        (answer,) = self.send(gateway, sub["id"], listing).json
        assert answer["compatibilityType"] == "incompatible"
        assert "is a list" in answer["error"]

    def test_a_global_exclusion_can_have_lists(self, gateway: Gateway) -> None:
        shut_out = gateway.get("/api/segments/global").json
        home = next(each["id"] for each in shut_out if each["context"] == "home")
        listing = file(segment("l", "bob", listType="Individual"))
        assert kinds(self.send(gateway, home, listing).json) == ["compatible"]
        (after,) = exported(gateway, home)
        assert [each["name"] for each in after["subSegments"]] == ["l"]


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_a_cursor_that_was_never_given_out_is_refused_before_anything_is_read(
    gateway: Gateway, kind: str
) -> None:
    path = f"/api/segments/export/{kind}?ids={new_id()}"
    assert gateway.get(path).status == 404
    assert gateway.get(f"{path}&cursor=nonsense").status == 400
