"""A user: found by id, shown, handed out as a file, erased in two steps."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

import pytest

from chalicelib.services.privacy import user_export, user_overview
from tests.api.dashboard.pages import Seen, load, submit
from tests.api.test_user_data import export
from tests.everything import ALIASES, BOB, HOSTILE, World
from tests.http import Gateway
from tests.recount import all_items, items_naming

USERS = "/dashboard/users"
STRANGE = [
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "\u202eevil\u2066 \u200b",
    "é" * 256,
    " blanks  at both ends ",
    "a+b%20c&d=e#f/../g?h",
    "line\nbreak\r\nand\ttab",
    "..",
    "{{ 7 * 7 }}",
]


@pytest.fixture
def world(gateway: Gateway) -> World:
    return World.made(gateway)


def show(gateway: Gateway, user_id: str) -> Seen:
    return load(gateway, f"{USERS}?id={quote(user_id, safe='')}")


def erase(gateway: Gateway, user_id: str, again: str) -> Seen:
    return submit(gateway, f"{USERS}/erase", {"id": quote(user_id), "again": again})


class TestShowing:
    def test_without_an_id_there_is_a_search(self, gateway: Gateway) -> None:
        page = load(gateway, USERS)
        assert page.status == 200
        assert page.fields == {"id": ""}
        assert "Type an id" in page.text

    def test_of_a_stranger_nothing_is_shown_and_the_id_stays(self, gateway: Gateway) -> None:
        page = show(gateway, HOSTILE)
        assert page.status == 200
        assert page.fields["id"] == HOSTILE
        assert "Nothing is stored" in page.text

    def test_all_is_shown_in_order_of_time(self, gateway: Gateway, world: World) -> None:
        world.add_user(HOSTILE, *ALIASES)
        page = show(gateway, HOSTILE)
        assert page.status == 200
        (history,) = page.testids["history"]
        for what in (
            "recorded in Test Lab", "event", "first seen by UpGrade", "enrolled", "excluded",
            "first mark here", "mark within subjects", "logged", "made a preview user",
            "let in again" if "let in again" in history else "groups last changed",
        ):  # fmt: skip
            assert what in history, what
        times = [
            part.partition('"')[0] for part in page.answer.text.split('class="moment"')[1:]
            for part in [part.partition('datetime="')[2]]
        ]  # fmt: skip
        assert len(times) > 40
        assert times == sorted(times)
        for fact in ("classId : 1a , 1b", "classId : 1b", "pretest = high", "10.0.0.1", "flag on"):
            assert fact in page.text, fact
        for alias in ALIASES:
            assert alias in page.text
        assert "included in listed" in page.text
        assert "excluded from flag off" in page.text
        assert f"../dashboard/experiment/{world.ids['simple']}" in page.links
        assert f"../dashboard/flag/{world.ids['on']}" in page.links

    def test_what_is_gone_is_said_to_be(self, gateway: Gateway, world: World) -> None:
        world.add_user(HOSTILE)
        world.send("DELETE", f"/api/experiments/{world.ids['simple']}")
        world.send("DELETE", f"/api/flags/{world.ids['on']}")
        feature_id = world.send("GET", "/api/feature")[0]["id"]
        world.send("DELETE", f"/api/feature/{feature_id}")
        page = show(gateway, HOSTILE)
        assert page.status == 200
        assert "an experiment that is deleted" in page.text
        assert "a flag that is deleted" in page.text

    def test_an_alias_leads_to_its_owner(self, gateway: Gateway, world: World) -> None:
        world.add_user(HOSTILE, *ALIASES)
        page = show(gateway, ALIASES[0])
        link = next(each for each in page.links if "users?id=" in each)
        assert load(gateway, f"/{link.removeprefix('../')}").fields["id"] == HOSTILE
        asked = load(gateway, f"{USERS}/erase?id={quote(ALIASES[0], safe='')}")
        assert "goes with it" in asked.text

    def test_more_than_a_page_holds_is_said(
        self, gateway: Gateway, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.add_user(HOSTILE)
        monkeypatch.setattr("chalicelib.api.dashboard.users.SHOWN", 3)
        page = show(gateway, HOSTILE)
        assert "The latest 3;" in page.text
        assert page.answer.text.count('class="moment"') == 3
        monkeypatch.setattr(user_overview, "RECORDS_READ", 1)
        assert "More is stored than a page shows" in show(gateway, HOSTILE).text
        asked = load(gateway, f"{USERS}/erase?id={quote(HOSTILE, safe='')}")
        assert "at least so many" in asked.text

    @pytest.mark.parametrize("user_id", STRANGE)
    def test_a_strange_id_is_shown_as_it_is(self, gateway: Gateway, user_id: str) -> None:
        gateway.post("/api/v5/init", {"id": user_id})
        page = show(gateway, user_id)
        assert "first seen by UpGrade" in page.text
        assert page.fields["id"] == user_id
        assert "<script>" not in page.answer.text.replace('<script src="', "")
        assert "<img" not in page.answer.text
        for link in (each for each in page.links if "id=" in each):
            found = load(gateway, f"/{link.removeprefix('../')}")
            assert found.status == 200
        asked = load(gateway, f"{USERS}/erase?id={quote(user_id, safe='')}")
        done = submit(gateway, f"{USERS}/erase", {**asked.fields, "again": user_id})
        assert "The user is erased" in done.text
        assert "Nothing is stored" in show(gateway, user_id).text


class TestExporting:
    def test_the_file_holds_what_the_api_hands_out(self, gateway: Gateway, world: World) -> None:
        world.add_user(HOSTILE, *ALIASES)
        answer = gateway.get(f"{USERS}/export?id={quote(HOSTILE, safe='')}")
        assert answer.json == {**export(gateway, HOSTILE).json, "next": None}
        assert answer.headers["content-type"] == "application/json"
        named = answer.headers["content-disposition"]
        assert named == 'attachment; filename="user-ada_a_b_c__.json"'
        assert answer.headers["cache-control"] == "no-store"

    def test_a_file_names_the_next(
        self, gateway: Gateway, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.add_user(HOSTILE)
        whole = export(gateway, HOSTILE).json["events"]
        monkeypatch.setattr(user_export, "WORK_TIME", timedelta())
        rest: str | None = f"?id={quote(HOSTILE, safe='')}"
        events = []
        while rest is not None:
            body = gateway.get(f"{USERS}/export{rest}").json
            events += body["events"]
            rest = body["next"]
        assert events == whole

    def test_of_a_stranger_there_is_no_file(self, gateway: Gateway) -> None:
        answer = gateway.get(f"{USERS}/export?id=nobody")
        assert answer.status == 404
        assert "nothing is stored" in Seen(answer).text
        assert gateway.get(f"{USERS}/export").status == 422
        assert gateway.get(f"{USERS}/export?id=a&cursor=x").status == 422


class TestErasing:
    def test_the_numbers_before_are_those_after(self, gateway: Gateway, world: World) -> None:
        world.add_user(BOB, "alias of bob")
        others = items_naming(all_items(), BOB)
        world.add_user(HOSTILE, *ALIASES)
        asked = load(gateway, f"{USERS}/erase?id={quote(HOSTILE, safe='')}")
        for number in ("9 enrollments", "8 events of Test Lab", "2 aliases", "places on lists"):
            assert number in asked.text, number
        assert items_naming(all_items(), HOSTILE), "asking removes nothing"
        page = submit(gateway, f"{USERS}/erase", {**asked.fields, "again": HOSTILE})
        assert page.status == 200
        numbers = asked.answer.text.partition("<ul>")[2].partition("</ul>")[0]
        assert page.answer.text.partition("<ul>")[2].partition("</ul>")[0] == numbers
        for user_id in (HOSTILE, *ALIASES):
            assert items_naming(all_items(), user_id) == []
        assert items_naming(all_items(), BOB) == others

    @pytest.mark.parametrize("again", ["", "ada", BOB, quote(HOSTILE)])
    def test_without_the_id_typed_again_nothing_is_removed(
        self, gateway: Gateway, world: World, again: str
    ) -> None:
        world.add_user(HOSTILE)
        before = items_naming(all_items(), HOSTILE)
        page = erase(gateway, HOSTILE, again)
        assert page.status == 422
        assert "Nothing was removed" in page.text
        assert "9 enrollments" in page.text
        assert (page.fields["id"], page.fields["again"]) == (quote(HOSTILE), again)
        assert items_naming(all_items(), HOSTILE) == before

    def test_blanks_at_the_ends_of_an_id_do_not_mean_another_user(self, gateway: Gateway) -> None:
        for user_id in ("bob", " bob"):
            gateway.post("/api/v5/init", {"id": user_id})
        asked = load(gateway, f"{USERS}/erase?id=%20bob")
        submit(gateway, f"{USERS}/erase", {**asked.fields, "again": " bob"})
        assert items_naming(all_items(), "bob")
        assert "Nothing is stored" in show(gateway, " bob").text
        assert "first seen" in show(gateway, "bob").text

    def test_of_a_stranger_there_is_nothing_to_remove(self, gateway: Gateway) -> None:
        assert "nothing to remove" in load(gateway, f"{USERS}/erase?id=nobody").text
        assert load(gateway, f"{USERS}/erase").status == 422
        assert submit(gateway, f"{USERS}/erase", {}).status == 422
