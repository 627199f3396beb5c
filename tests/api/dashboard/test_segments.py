"""The pages of segments: list, create, edit, members, parts, uses, delete."""

from __future__ import annotations

import re

from chalicelib.services.audiences.segments import global_id
from tests.api.dashboard.pages import Seen, load, submit
from tests.http import Gateway

HOSTILE = "<script>alert(1)</script>\"'&\u202e"


def created(gateway: Gateway, name: str = "beta", **fields: str) -> tuple[str, Seen]:
    """A segment that was made by the form: where its page is, and that page."""
    page = submit(gateway, "/dashboard/segments/new", {"name": name, "context": "home", **fields})
    every = gateway.send("GET", "/api/segments").json["segmentsData"]
    [made] = [each["id"] for each in every if each["name"] == name]
    return f"/dashboard/segment/{made}", page


def id_of(place: str) -> str:
    return place.rpartition("/")[2]


def users(gateway: Gateway, place: str) -> list[str]:
    found = gateway.send("GET", f"/api/segments/{id_of(place)}").json
    return [each["userId"] for each in found["individualForSegment"]]


def flag_with(gateway: Gateway, place: str) -> str:
    """A flag that excludes the members of a segment."""
    flag = {"name": "dark mode", "key": "k", "context": ["home"], "tags": []}
    made = gateway.send(
        "POST", "/api/flags", {**flag, "status": "enabled", "filterMode": "includeAll"}
    ).json
    draft = {"side": "exclude", "name": "not them", "context": "home", "list_type": "Segment"}
    submit(
        gateway,
        f"/dashboard/flag/{made['id']}/lists",
        {**draft, "segment": id_of(place), "enabled": "true"},
    )
    return f"dashboard/flag/{made['id']}"


def test_without_segments_the_next_step_is_told(gateway: Gateway) -> None:
    page = load(gateway, "/dashboard/segments")
    assert "There is no segment yet" in page.text
    assert "../dashboard/segments/new" in page.links
    assert "global exclusion" in page.text


def test_ids_are_pasted_by_lines_or_commas(gateway: Gateway) -> None:
    place, page = created(gateway, ids="ann, bob\r\n\r\ncem\nann\n")
    assert "3 users" in page.text
    assert users(gateway, place) == ["ann", "bob", "cem"]


def test_the_list_shows_members_and_uses(gateway: Gateway) -> None:
    place, _ = created(gateway, ids="ann,bob")
    outer, _ = created(gateway, "outer")
    submit(gateway, f"{outer}/parts", {"named": "beta"})
    flag = flag_with(gateway, place)
    page = load(gateway, "/dashboard/segments?search=bet&context=home&kind=public")
    assert "1 found" in page.text
    assert f"../{flag}" in page.links
    assert f"../dashboard/segment/{id_of(outer)}" in page.links
    page = load(gateway, "/dashboard/segments?kind=private")
    assert "not them" in page.text
    assert "Nothing matches" in load(gateway, "/dashboard/segments?search=none").text


def test_a_segment_says_where_it_is_used(gateway: Gateway) -> None:
    place, page = created(gateway, ids="ann")
    assert page.testids["state"][0].startswith("unused")
    assert "Nothing uses it yet" in page.text
    outer, _ = created(gateway, "outer")
    submit(gateway, f"{outer}/parts", {"named": id_of(place).upper()})
    flag = flag_with(gateway, place)
    page = load(gateway, place)
    assert page.testids["state"][0].startswith("used")
    assert f"../../{flag}" in page.links
    assert "excludes its members, by a list that has it inside" in page.text
    assert f"../../dashboard/segment/{id_of(outer)}" in page.links


def test_members_are_added_removed_and_replaced(gateway: Gateway) -> None:
    place, _ = created(gateway, ids="ann,bob")
    change = f"{place}/members"
    page = submit(gateway, change, {"change": "add", "ids": "cem\nbob"})
    assert "The members are changed" in page.text
    assert users(gateway, place) == ["ann", "bob", "cem"]
    submit(gateway, change, {"change": "remove", "ids": "ann"})
    assert users(gateway, place) == ["bob", "cem"]
    submit(gateway, change, {"change": "replace", "ids": "dan"})
    assert users(gateway, place) == ["dan"]
    page = submit(gateway, change, {"change": "add", "ids": "north", "group_type": "schoolId"})
    assert "schoolId : north" in page.text
    assert users(gateway, place) == ["dan"]


def test_refused_members_are_kept_in_the_form(gateway: Gateway) -> None:
    place, _ = created(gateway, ids="ann")
    page = submit(gateway, f"{place}/members", {"change": "add", "ids": "y" * 513})
    assert page.status == 422
    assert "512 bytes" in page.text
    assert "y" * 513 in page.text
    assert users(gateway, place) == ["ann"]


def test_of_many_members_the_first_are_shown(gateway: Gateway) -> None:
    _, page = created(gateway, ids="\n".join(f"u{n:04}" for n in range(1_100)))
    assert "The first 1,000 of 1,100." in page.text
    assert len(re.findall(r"<li><bdi>u\d{4}</bdi></li>", page.answer.text)) == 1000


def test_a_global_exclusion_is_there_without_being_made(gateway: Gateway) -> None:
    place = f"/dashboard/segment/{global_id('home')}"
    page = load(gateway, place)
    assert "Whom it names gets nothing" in page.text
    assert "action-delete" not in page.testids
    page = submit(gateway, f"{place}/members", {"change": "add", "ids": "ann"})
    assert users(gateway, place) == ["ann"]
    page = submit(gateway, place, {"name": "home", "description": "for testers"})
    assert "for testers" in page.text
    assert users(gateway, place) == ["ann"]


def test_an_edit_leaves_the_members(gateway: Gateway) -> None:
    place, _ = created(gateway, ids="ann")
    created(gateway, "taken")
    page = submit(gateway, place, {"name": "alpha", "description": "d", "tags": "a,b"})
    assert "The segment is saved." in page.text
    assert users(gateway, place) == ["ann"]
    page = submit(gateway, place, {"name": "taken", "description": "kept"})
    assert page.status == 409
    assert "already exists in context" in page.text
    assert "kept" in page.text


def test_of_two_edits_at_once_the_second_is_refused(gateway: Gateway) -> None:
    place, page = created(gateway)
    seen = page.fields["seen"]
    submit(gateway, f"{place}/members", {"change": "add", "ids": "ann"})
    assert submit(gateway, place, {"name": "first", "seen": seen}).status == 200
    page = submit(gateway, place, {"name": "second", "seen": seen})
    assert page.status == 409
    assert "Somebody changed this since you opened the form." in page.text
    assert 'value="second"' in page.answer.text


def test_parts_are_named_and_taken_out(gateway: Gateway) -> None:
    place, _ = created(gateway)
    inner, _ = created(gateway, "inner", ids="ann")
    page = submit(gateway, f"{place}/parts", {"named": "inner"})
    assert f"../../dashboard/segment/{id_of(inner)}" in page.links
    assert "1 user, with the segments inside" in page.text
    page = submit(gateway, f"{place}/parts", {"named": "unheard of"})
    assert page.status == 404
    assert 'There is no segment "unheard of"' in page.text
    assert page.fields["named"] == "unheard of"
    page = submit(gateway, f"{place}/parts", {"named": "beta"})
    assert "A segment cannot be part of itself." in page.text
    page = submit(gateway, f"{place}/parts/remove", {"part": id_of(inner)})
    assert "taken out" in page.text
    assert f"../../dashboard/segment/{id_of(inner)}" not in page.links


def test_a_used_segment_is_deleted_only_where_that_is_insisted_on(gateway: Gateway) -> None:
    place, _ = created(gateway)
    flag_with(gateway, place)
    page = submit(gateway, f"{place}/delete", {"name": "beta"})
    assert page.status == 409
    assert "is in use by" in page.text
    assert "dark mode" in page.text
    page = submit(gateway, f"{place}/delete", {"name": "other", "force": "true"})
    assert "Nothing was changed" in page.text
    page = submit(gateway, f"{place}/delete", {"name": "beta", "force": "true"})
    assert "The segment is deleted." in page.text
    assert load(gateway, place).status == 404


def test_a_list_is_not_deleted_on_its_own_page(gateway: Gateway) -> None:
    place, _ = created(gateway)
    flag_with(gateway, place)
    listed = load(gateway, "/dashboard/segments?kind=private")
    [link] = {each for each in listed.links if "/segment/" in each}
    page = load(gateway, link.removeprefix(".."))
    assert "A list is removed where it is one" in page.text
    assert "action-delete" not in page.testids


def test_hostile_texts_are_shown_and_never_run(gateway: Gateway) -> None:
    place, page = created(
        gateway, HOSTILE, description=HOSTILE, tags=HOSTILE, ids=f"{HOSTILE}\n{'x' * 512}"
    )
    outer, _ = created(gateway, "outer")
    inside = submit(gateway, f"{outer}/parts", {"named": HOSTILE})
    for shown in (page, inside, load(gateway, "/dashboard/segments"), load(gateway, place)):
        assert HOSTILE in shown.text
        assert "<script>alert" not in shown.answer.text


def test_a_refused_segment_keeps_what_was_typed(gateway: Gateway) -> None:
    page = submit(
        gateway, "/dashboard/segments/new", {"name": "", "context": "home", "ids": "kept-id"}
    )
    assert page.status == 422
    assert "kept-id" in page.text
