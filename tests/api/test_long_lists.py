"""Lists and members that are more than an answer holds come in parts; none is lost by accident."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import pytest

from chalicelib.domain.audiences.segments import Segment
from tests.api.in_memory import InMemory, in_memory, next_of
from tests.api.upgrade_setup import design

__all__ = ["in_memory"]

USERS = [f"user {number:05}" for number in range(30_000)]
BODY = {
    "name": "everybody",
    "context": "home",
    "type": "public",
    "userIds": [],
    "groups": [],
    "subSegmentIds": [],
}


def segment(api: InMemory, users: list[str], **fields: Any) -> str:
    body = {**BODY, "id": str(uuid.uuid4()), "userIds": users, **fields}
    return str(api.granted("POST", "/api/segments", body).json["id"])


def members(answer: Any) -> list[str]:
    return [each["userId"] for each in answer["individualForSegment"]]


class TestMembers:
    def test_members_are_shown_whole_while_they_fit(self, in_memory: InMemory) -> None:
        found = in_memory.granted("GET", f"/api/segments/{segment(in_memory, USERS[:20_000])}")
        assert members(found.json) == USERS[:20_000]
        assert "membersTotal" not in found.json
        assert "link" not in found.headers

    def test_more_members_come_in_parts(self, in_memory: InMemory) -> None:
        groups = [{"type": "class", "groupId": f"g{number:04}"} for number in range(3_000)]
        inner = [segment(in_memory, [], name=f"inner {number}") for number in range(3)]
        made = segment(in_memory, USERS, groups=groups, subSegmentIds=inner)
        parts = [answer.json for answer in in_memory.parts(f"/api/segments/{made}")]
        assert len(parts) > 1
        assert {part["membersTotal"] for part in parts} == {33_003}
        assert [user for part in parts for user in members(part)] == USERS
        assert [g["groupId"] for part in parts for g in part["groupForSegment"]] == [
            group["groupId"] for group in groups
        ]
        assert [each["id"] for part in parts for each in part["subSegments"]] == inner

    def test_within_other_answers_a_link_leads_to_the_rest(
        self, in_memory: InMemory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("chalicelib.api.upgrade.audiences.shown_members.ANSWER_BYTES", 12_000)
        user_list = {**BODY, "type": "private", "userIds": USERS[:200]}
        made = in_memory.granted("POST", "/api/experiments", design(("site", "target"))).json["id"]
        added = in_memory.granted(
            "POST", "/api/experiments/inclusionList", {"experimentId": made, "list": user_list}
        )
        flag = in_memory.granted("POST", "/api/flags", FLAG).json["id"]
        flag_list = {"id": flag, "enabled": True, "listType": "Individual", "segment": user_list}
        whole = in_memory.granted("POST", "/api/flags/inclusionList", flag_list)
        for answer, path, shown in (
            (added, "/api/experiments/inclusionList", lambda body: body["segment"]),
            (whole, "/api/flags/inclusionList", lambda body: body["segment"]),
            *(
                (in_memory.granted("GET", path), path, read)
                for path, read in (
                    (f"/api/experiments/single/{made}", self.included),
                    ("/api/experiments", lambda body: self.included(body[0])),
                    ("/api/experiments/export", lambda body: self.included(body[0])),
                    (f"/api/flags/{flag}", self.included_by_flag),
                    (f"/api/flags/export/{flag}", self.included_by_flag),
                )
            ),
        ):
            part = shown(answer.json)
            assert part["membersTotal"] == 200
            rest = next_of(path, answer)
            assert urlsplit(rest).path == f"/api/segments/{part['id']}"
            others = [user for each in in_memory.parts(rest) for user in members(each.json)]
            assert members(part) + others == USERS[:200]

    @staticmethod
    def included(experiment: Any) -> Any:
        return experiment["experimentSegmentInclusion"][0]["segment"]

    @staticmethod
    def included_by_flag(flag: Any) -> Any:
        return flag["featureFlagSegmentInclusion"][0]["segment"]

    def test_files_say_that_they_are_not_whole_and_are_not_taken_for_it(
        self, in_memory: InMemory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("chalicelib.api.upgrade.audiences.shown_members.ANSWER_BYTES", 12_000)
        made = segment(in_memory, USERS[:200])
        exported = in_memory.granted("GET", f"/api/segments/export/json?ids={made}")
        [file] = exported.json
        assert file["membersTotal"] == 200
        files = [{"fileName": "everybody.json", "fileContent": file}]
        [judged] = in_memory.granted("POST", "/api/segments/import", files).json
        assert judged["compatibilityType"] == "incompatible"
        assert "200 members" in judged["error"]
        [csv] = in_memory.granted("GET", f"/api/segments/export/csv?ids={made}").json
        assert csv["fileContent"].count("Individual") == 200, "a line of CSV is short"


FLAG = {
    "name": "flag",
    "key": "flag",
    "description": "",
    "status": "enabled",
    "context": ["home"],
    "tags": [],
    "filterMode": "includeAll",
}


class TestLinks:
    def test_only_the_first_lists_that_are_shortened_have_a_link(
        self, in_memory: InMemory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("chalicelib.api.upgrade.audiences.shown_members.ANSWER_BYTES", 30_000)
        user_list = {**BODY, "type": "private", "userIds": USERS[:50]}
        made = in_memory.granted("POST", "/api/experiments", design(("site", "target"))).json["id"]
        for _ in range(35):
            body = {"experimentId": made, "list": user_list}
            in_memory.granted("POST", "/api/experiments/inclusionList", body)
        for path in (
            f"/api/experiments/single/{made}",
            "/api/experiments",
            "/api/experiments/export",
        ):
            answer = in_memory.granted("GET", path)
            body = answer.json if "single" in path else answer.json[0]
            lists = [each["segment"] for each in body["experimentSegmentInclusion"]]
            assert sum("membersTotal" in each for each in lists) > 20
            assert answer.headers["link"].count("rel=") == 20

    def test_the_links_of_all_rows_of_a_page_are_bounded_and_the_next_page_has_its_own(
        self, in_memory: InMemory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("chalicelib.api.upgrade.audiences.shown_members.ANSWER_BYTES", 2_000)
        for number in range(30):
            segment(in_memory, USERS[:50], name=f"wide {number}")
        answer = in_memory.granted("GET", "/api/segments?limit=25")
        assert answer.headers["link"].count("rel=") == 21
        assert urlsplit(next_of("/api/segments", answer)).path == "/api/segments"


class TestReplacing:
    def test_a_list_that_is_not_shown_whole_is_replaced_only_on_purpose(
        self, in_memory: InMemory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("chalicelib.api.upgrade.audiences.shown_members.ANSWER_BYTES", 12_000)
        made = segment(in_memory, USERS[:200])
        shown = in_memory.granted("GET", f"/api/segments/{made}").json
        body = {**BODY, "id": made, "userIds": members(shown)}
        for query, headers in (("", {}), ("?replace=true", {}), ("", {"if_match": "*"})):
            answer = in_memory.send("POST", f"/api/segments{query}", body, **headers)
            assert (answer.status, "If-Match" in answer.json["message"]) == (409, True)
        listing = in_memory.services.segments.get(made)
        assert len(in_memory.services.segments.members(listing)) == 200
        in_memory.granted("POST", "/api/segments?replace=true", body, if_match="*")
        assert members(in_memory.granted("GET", f"/api/segments/{made}").json) == members(shown)

    @pytest.mark.parametrize("holder", ["experiments", "flags"])
    @pytest.mark.parametrize("method", ["POST", "PUT"])
    def test_so_are_those_of_experiments_and_flags(
        self, in_memory: InMemory, holder: str, method: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("chalicelib.api.upgrade.audiences.shown_members.ANSWER_BYTES", 12_000)
        wide = {**BODY, "id": str(uuid.uuid4()), "type": "private", "userIds": USERS[:200]}
        made = design(("site", "target")) if holder == "experiments" else FLAG
        holder_id = in_memory.granted("POST", f"/api/{holder}", made).json["id"]
        path = f"/api/{holder}/exclusionList"

        def body(segment: Any) -> Any:
            if holder == "experiments":
                return {"experimentId": holder_id, "list": segment}
            return {"id": holder_id, "enabled": True, "listType": "any", "segment": segment}

        in_memory.granted("POST", path, body(wide))
        less = body({**wide, "userIds": ["ada"]})
        again = f"{path}/{wide['id']}" if method == "PUT" else path
        assert in_memory.send(method, again, less).status == 409
        answer = in_memory.granted(method, f"{again}?replace=true", less, if_match="*")
        assert members(answer.json["segment"]) == ["ada"]

    @pytest.mark.parametrize(("holder", "users"), [("experiments", 60), ("flags", 35)])
    def test_so_are_lists_that_are_shortened_only_beside_each_other(
        self, in_memory: InMemory, holder: str, users: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("chalicelib.api.upgrade.audiences.shown_members.ANSWER_BYTES", 14_000)
        made = design(("site", "target")) if holder == "experiments" else FLAG
        holder_id = in_memory.granted("POST", f"/api/{holder}", made).json["id"]
        path = f"/api/{holder}/exclusionList"

        def body(segment: Any) -> Any:
            if holder == "experiments":
                return {"experimentId": holder_id, "list": segment}
            return {"id": holder_id, "enabled": True, "listType": "any", "segment": segment}

        wide = {**BODY, "type": "private", "userIds": USERS[:users]}
        one, other = ({**wide, "id": str(uuid.uuid4())} for _ in range(2))
        for each in (one, other):
            answer = in_memory.granted("POST", path, body(each))
            assert "membersTotal" not in answer.json["segment"], "it fits by itself"
        less = {"userIds": ["ada"]}
        again = f"{path}/{one['id']}"
        assert in_memory.send("PUT", again, body({**one, **less})).status == 409
        assert in_memory.send("POST", "/api/segments", {**one, **less}).status == 409
        in_memory.granted("PUT", f"{again}?replace=true", body({**one, **less}), if_match="*")
        in_memory.granted("PUT", f"{path}/{other['id']}", body({**other, **less}))

    def test_so_are_those_that_only_the_file_of_their_segment_shortens(
        self, in_memory: InMemory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("chalicelib.api.upgrade.audiences.shown_members.ANSWER_BYTES", 14_000)
        made = segment(in_memory, USERS[:40])
        lists = []
        for users in (USERS[:40], ["bob"]):
            body = {**BODY, "type": "private", "userIds": users, "parentSegmentId": made}
            lists.append(in_memory.granted("POST", "/api/segments/list", body).json["id"])
        for each in (made, *lists):
            assert "membersTotal" not in in_memory.granted("GET", f"/api/segments/{each}").json
        [file] = in_memory.granted("GET", f"/api/segments/export/json?ids={made}").json
        assert file["subSegments"][0]["membersTotal"] == 40
        for each, path in (
            (lists[0], "/api/segments/list"),
            (lists[0], "/api/segments"),
            (made, "/api/segments"),
        ):
            kind = "public" if each == made else "private"
            less = {**BODY, "id": each, "type": kind, "userIds": ["ada"], "subSegmentIds": lists}
            if each != made:
                less |= {"subSegmentIds": [], "parentSegmentId": made}
            assert in_memory.send("POST", path, less).status == 409
        in_memory.granted(
            "POST",
            "/api/segments/list?replace=true",
            {
                **BODY,
                "id": lists[0],
                "type": "private",
                "userIds": ["ada"],
                "parentSegmentId": made,
            },
            if_match="*",
        )
        [file] = in_memory.granted("GET", f"/api/segments/export/json?ids={made}").json
        assert members(file["subSegments"][0]) == ["ada"]

    def test_a_short_list_is_replaced_as_ever(self, in_memory: InMemory) -> None:
        made = segment(in_memory, USERS[:3])
        body = {**BODY, "id": made, "userIds": ["ada"]}
        assert members(in_memory.granted("POST", "/api/segments", body).json) == ["ada"]


class TestPages:
    @pytest.mark.parametrize(
        ("thing", "room"), [("segments", 2_500), ("flags", 2_500), ("experiments", 6_000)]
    )
    def test_who_steps_by_the_take_of_numbered_pages_sees_all(
        self, in_memory: InMemory, thing: str, room: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("chalicelib.api.pages.answer_pages.ANSWER_BYTES", room)
        monkeypatch.setattr("chalicelib.api.pages.answer_sizes.ANSWER_BYTES", room)
        made = set()
        for number in range(25):
            if thing == "segments":
                made.add(segment(in_memory, ["ada"], name=f"segment {number}"))
                continue
            own = design(("site", "target")) if thing == "experiments" else FLAG
            body = {**own, "name": f"n{number}", **({} if "id" in own else {"key": f"k{number}"})}
            made.add(in_memory.granted("POST", f"/api/{thing}", body).json["id"])
        seen: list[str] = []
        takes: list[int] = []
        while len(seen) < 25:
            asked = {"skip": sum(takes), "take": 10}
            page = in_memory.granted("POST", f"/api/{thing}/paginated", asked).json
            nodes = page["nodes"]["segmentsData"] if thing == "segments" else page["nodes"]
            assert (page["total"], page["skip"]) == (25, sum(takes))
            assert nodes
            takes.append(page["take"])
            seen += [node["id"] for node in nodes]
        assert (len(seen), set(seen)) == (25, made)
        assert min(takes[:-1]) < 10, "some page was shortened"

    @pytest.mark.parametrize(
        ("path", "key"),
        [
            ("/api/segments", "segmentsData"),
            ("/api/experiments", None),
            ("/api/experiments/export", None),
            ("/api/experiments/export/all", None),
            ("/api/experiments/names", None),
            ("/api/experiments/partitions", None),
            ("/api/flags", None),
            ("/api/metric", None),
            ("/api/metric/home", None),
            ("/api/previewusers", None),
        ],
    )
    def test_a_list_comes_whole_or_in_pages(
        self, in_memory: InMemory, path: str, key: str | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(9):
            segment(in_memory, [f"u{number}"], name=f"s{number}")
            body = {**design((f"site {number}", "t")), "name": f"e{number}"}
            in_memory.granted("POST", "/api/experiments", body)
            in_memory.granted("POST", "/api/flags", {**FLAG, "key": f"f{number}"})
            in_memory.granted("POST", "/api/previewusers", {"id": f"u{number}"})
            unit = {"metric": f"m{number}", "datatype": "continuous"}
            metrics = {"metricUnit": [unit], "context": ["home"]}
            in_memory.granted("POST", "/api/metric/save", metrics)

        def rows(answer: Any) -> Any:
            return answer[key] if key else answer

        whole = in_memory.granted("GET", path)
        assert "link" not in whole.headers
        assert len(rows(whole.json)) >= 9
        by_limit = [each.json for each in in_memory.parts(f"{path}?limit=2")]
        assert max(len(rows(part)) for part in by_limit) == 2
        monkeypatch.setattr("chalicelib.api.pages.answer_pages.ANSWER_BYTES", 3_000)
        by_size = [each.json for each in in_memory.parts(path)]
        for parts in (by_limit, by_size):
            assert [row for part in parts for row in rows(part)] == rows(whole.json)

    @pytest.mark.parametrize("limit", [1, 3, 9, 12])
    def test_a_page_reads_the_lists_that_it_shows_and_no_others(
        self, in_memory: InMemory, limit: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ids = [segment(in_memory, ["ada"], name=f"s{number}") for number in range(15)]
        user_list = {**BODY, "type": "private", "userIds": ["ada"]}
        for _ in range(15):
            made = in_memory.granted("POST", "/api/experiments", design(("s", "t"))).json["id"]
            body = {"experimentId": made, "list": user_list}
            in_memory.granted("POST", "/api/experiments/inclusionList", body)
        read = []
        members_of = in_memory.services.segments.members

        def counted(found: Segment) -> Sequence[str]:
            read.append(found.id)
            return members_of(found)

        monkeypatch.setattr(in_memory.services.segments, "members", counted)
        named = "&".join(f"ids={each}" for each in ids)
        for path in (
            "/api/segments?",
            "/api/experiments?",
            "/api/experiments/export?",
            "/api/experiments/export/all?",
            f"/api/segments/export/json?{named}&",
            f"/api/segments/export/csv?{named}&",
        ):
            read.clear()
            answer = in_memory.granted("GET", f"{path}limit={limit}")
            shown = answer.json["segmentsData"] if path == "/api/segments?" else answer.json
            assert len(shown) == limit
            assert (len(read), 'rel="next"' in answer.headers["link"]) == (limit, True)

    def test_a_cursor_of_another_list_is_refused(self, in_memory: InMemory) -> None:
        for number in range(2):
            in_memory.granted("POST", "/api/flags", {**FLAG, "key": f"f{number}"})
        first = in_memory.granted("GET", "/api/flags?limit=1")
        query = next_of("/api/flags", first).split("?")[1]
        for path in ("/api/experiments", "/api/metric", "/api/previewusers", "/api/segments"):
            answer = in_memory.send("GET", f"{path}?{query}")
            assert (answer.status, "cursor" in answer.json["message"]) == (400, True)
