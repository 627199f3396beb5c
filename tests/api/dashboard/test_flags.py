"""The pages of flags: read, create, turn on and off, edit, lists, delete."""

from __future__ import annotations

import uuid

import pytest

from tests.api.dashboard.pages import Seen, load, submit
from tests.http import Gateway

HOSTILE = "<script>alert(1)</script>\"'&\u202e"
NEW = {
    "name": "dark mode",
    "key": "dark-mode",
    "context": "home",
    "status": "disabled",
    "filterMode": "excludeAll",
}


def created(gateway: Gateway, **fields: str) -> tuple[str, Seen]:
    """A flag that was made by the form: where its page is, and that page."""
    page = submit(gateway, "/dashboard/flags/new", {**NEW, **fields})
    flags = gateway.send("GET", "/api/flags").json
    return f"/dashboard/flag/{flags[-1]['id']}", page


def with_list(gateway: Gateway, place: str, **fields: str) -> Seen:
    draft = {"side": "include", "name": "staff", "context": "home", "list_type": "Individual"}
    return submit(gateway, f"{place}/lists", {**draft, "enabled": "true", **fields})


def said(page: Seen) -> str:
    """The text of a page, whatever the line breaks of its template."""
    return " ".join(page.text.split())


def list_id(gateway: Gateway, place: str, side: str = "Inclusion") -> str:
    flag = gateway.send("GET", f"/api/flags/{place.rpartition('/')[2]}").json
    found: str = flag[f"featureFlagSegment{side}"][0]["segment"]["id"]
    return found


def test_a_flag_is_created_with_what_was_typed(gateway: Gateway) -> None:
    _, page = created(gateway, description="for\nnight", tags="ui, night")
    assert "The flag is stored" in page.text
    assert page.testids["state"] == ["paused The flag is off for everybody."]
    for each in ("dark mode", "dark-mode", "ui", "night", "It was on for nobody yet."):
        assert each in page.text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"name": ""}, "name"), ({"context": "nowhere"}, "nowhere"), ({"filterMode": "x"}, "filter")],
)
def test_a_refused_flag_keeps_what_was_typed(
    gateway: Gateway, wrong: dict[str, str], said: str
) -> None:
    page = submit(gateway, "/dashboard/flags/new", {**NEW, "key": "kept", **wrong})
    assert page.status == 422
    assert said in page.text
    assert page.fields["key"] == "kept"
    assert gateway.send("GET", "/api/flags").json == []


def test_a_key_that_is_taken_is_told(gateway: Gateway) -> None:
    created(gateway)
    page = submit(gateway, "/dashboard/flags/new", NEW)
    assert page.status == 409
    assert "already exists for this app-context" in page.text


def test_turning_on_says_for_whom_and_turning_off_that_it_is_off(gateway: Gateway) -> None:
    place, page = created(gateway)
    assert "for nobody: no list that is switched on includes anyone yet" in said(page)
    page = with_list(gateway, place, ids="ann\nbob, cem\n")
    assert "Turned on, it is on for the 3 users that its lists include" in said(page)
    assert "action-turn-off" not in page.testids
    page = submit(gateway, f"{place}/turn-on", {})
    assert "The flag is on. Clients that ask from now on are told of it." in page.text
    assert page.testids["state"][0].startswith("running The flag is on for the 3 users")
    assert "action-turn-on" not in page.testids
    page = submit(gateway, f"{place}/turn-off", {})
    assert page.testids["state"] == ["paused The flag is off for everybody."]
    page = submit(gateway, f"{place}/archive", {})
    assert page.testids["state"] == ["archived The flag is off for everybody."]
    assert "action-archive" not in page.testids


def test_exclusions_are_part_of_whom_it_is_on_for(gateway: Gateway) -> None:
    place, _ = created(gateway, filterMode="includeAll", status="enabled")
    with_list(gateway, place, side="exclude", list_type="schoolId", ids="north,south")
    page = load(gateway, place)
    assert page.testids["state"] == [
        "running The flag is on for every user of the context home, but not for the 0 users and"
        " 2 groups that its lists exclude."
    ]


def test_a_list_of_a_segment_counts_who_is_in_that(gateway: Gateway) -> None:
    submit(
        gateway, "/dashboard/segments/new", {"name": "beta", "context": "home", "ids": "a\nb\nc"}
    )
    [segment] = gateway.send("GET", "/api/segments").json["segmentsData"]
    place, _ = created(gateway)
    page = with_list(gateway, place, list_type="Segment", segment=segment["id"])
    assert "on for the 3 users that its lists include" in said(page)
    refused = with_list(gateway, place, list_type="Segment", name="kept name")
    assert refused.status == 422
    assert "choose a segment" in refused.text
    refused = with_list(gateway, place, list_type="Segment", segment=segment["id"], ids="d")
    assert "has no ids of its own" in refused.text


def test_a_refused_list_keeps_what_was_typed(gateway: Gateway) -> None:
    place, _ = created(gateway)
    page = with_list(gateway, place, name="kept", ids="x" * 513)
    assert page.status == 422
    assert "512 bytes" in page.text
    assert "x" * 513 in page.text
    assert 'value="kept"' in page.answer.text


def test_a_list_is_switched_off_and_on_and_removed(gateway: Gateway) -> None:
    place, _ = created(gateway)
    with_list(gateway, place, ids="ann")
    own = f"{place}/list/{list_id(gateway, place)}"
    page = submit(gateway, f"{own}/turn-off", {"side": "include"})
    assert "no: switched off" in page.text
    assert "for nobody: no list" in said(page)
    page = submit(gateway, f"{own}/turn-on", {"side": "include"})
    assert "on for the 1 user that its lists include" in said(page)
    page = submit(gateway, f"{own}/turn-on", {"side": "exclude"})
    assert page.status == 404
    assert "there is no such list" in page.text
    page = submit(gateway, f"{own}/remove", {"side": "include"})
    assert "The list is taken off." in page.text
    assert "staff" not in page.text


def test_an_edit_leaves_the_state_and_the_lists(gateway: Gateway) -> None:
    place, _ = created(gateway, status="enabled")
    with_list(gateway, place, ids="ann")
    edited = {name: each for name, each in NEW.items() if name != "status"}
    page = submit(gateway, place, {**edited, "name": "darker", "tags": "a,b"})
    assert "The flag is saved" in page.text
    assert "darker" in page.text
    assert page.testids["state"][0].startswith("running")
    assert "staff" in page.text
    page = submit(gateway, place, {**edited, "name": ""})
    assert page.status == 422
    assert page.fields["key"] == "dark-mode"


def test_of_two_edits_at_once_the_second_is_refused(gateway: Gateway) -> None:
    place, page = created(gateway)
    edited = {name: each for name, each in NEW.items() if name != "status"}
    seen = {**edited, "seen": page.fields["seen"]}
    assert submit(gateway, f"{place}/turn-on", {}).status == 200, "the form does not show the state"
    assert submit(gateway, place, {**seen, "name": "first"}).status == 200
    page = submit(gateway, place, {**seen, "description": "second"})
    assert page.status == 409
    assert "Somebody changed this since you opened the form." in page.text
    assert "second" in page.text
    assert submit(gateway, place, {**seen, "seen": page.fields["seen"]}).status == 200


def test_a_form_that_was_wrong_first_is_still_about_what_it_showed(gateway: Gateway) -> None:
    place, page = created(gateway)
    edited = {name: each for name, each in NEW.items() if name != "status"}
    seen = {**edited, "seen": page.fields["seen"]}
    submit(gateway, place, {**edited, "description": "what somebody else wrote"})
    page = submit(gateway, place, {**seen, "name": ""})
    assert page.status == 422
    page = submit(gateway, place, {**seen, "seen": page.fields["seen"]})
    assert page.status == 409
    assert "what somebody else wrote" in gateway.get(place).text


def test_a_flag_is_deleted_by_its_name_alone(gateway: Gateway) -> None:
    place, _ = created(gateway)
    page = submit(gateway, f"{place}/delete", {"name": "other"})
    assert page.status == 422
    assert "Nothing was changed" in page.text
    assert 'value="other"' in page.answer.text
    page = submit(gateway, f"{place}/delete", {"name": " dark  mode "})
    assert "The flag and its own lists are deleted." in page.text
    assert load(gateway, place).status == 404


def test_hostile_names_are_shown_and_never_run(gateway: Gateway) -> None:
    place, page = created(gateway, name=HOSTILE, key=HOSTILE, description=HOSTILE, tags=HOSTILE)
    assert HOSTILE in page.text
    page = with_list(gateway, place, name=HOSTILE, list_type=HOSTILE, ids=HOSTILE)
    assert page.text.count(HOSTILE) > 4
    assert "<script>alert" not in page.answer.text
    page = submit(gateway, f"{place}/delete", {"name": HOSTILE})
    assert "are deleted" in page.text


def test_what_is_no_flag_is_not_found(gateway: Gateway) -> None:
    place = f"/dashboard/flag/{uuid.uuid4()}"
    assert load(gateway, place).status == 404
    assert submit(gateway, f"{place}/turn-on", {}).status == 404
    assert load(gateway, "/dashboard/flag/none").status == 422
