"""Flags and segments as files: downloaded from one page, and pasted into another."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.dashboard import test_flags, test_segments
from tests.api.dashboard.pages import load, submit
from tests.http import Gateway


def exported(gateway: Gateway, place: str) -> Any:
    """What the page's file holds."""
    answer = gateway.send("GET", f"{place}/export")
    assert answer.headers["content-disposition"].startswith("attachment")
    return json.loads(answer.text)


def test_a_flag_comes_back_from_its_file(gateway: Gateway) -> None:
    place, _ = test_flags.created(gateway, status="enabled", description="for night")
    test_flags.with_list(gateway, place, ids="ann,bob")
    file = exported(gateway, place)
    submit(gateway, f"{place}/delete", {"name": "dark mode"})
    assert load(gateway, place).status == 404
    page = submit(gateway, "/dashboard/flags/new/import", {"json_text": json.dumps(file)})
    assert "The flag is imported" in page.text
    assert page.testids["state"][0].startswith("paused")
    again = exported(gateway, place)
    assert (again["id"], again["description"]) == (file["id"], "for night")
    [listed] = again["featureFlagSegmentInclusion"]
    assert {each["userId"] for each in listed["segment"]["individualForSegment"]} == {"ann", "bob"}


def test_a_segment_comes_back_from_its_file(gateway: Gateway) -> None:
    place, _ = test_segments.created(gateway, ids="ann\nbob", tags="a,b")
    file = exported(gateway, place)
    submit(gateway, f"{place}/delete", {"name": "beta"})
    assert load(gateway, place).status == 404
    page = submit(gateway, "/dashboard/segments/new/import", {"json_text": json.dumps(file)})
    assert "The segment is imported" in page.text
    assert test_segments.users(gateway, place) == ["ann", "bob"]


@pytest.mark.parametrize("kind", ["flag", "segment"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "this is not JSON"),
        ("", "this is not JSON"),
        ("[]", "the list is empty"),
        ('{"name": "x"}', "1: "),
        ("7", "fileContent"),
    ],
)
def test_what_is_no_file_is_refused_and_kept(
    gateway: Gateway, kind: str, text: str, said: str
) -> None:
    page = submit(gateway, f"/dashboard/{kind}s/new/import", {"json_text": text})
    assert page.status == 422
    assert said in page.text
    assert f">{text.replace(chr(34), '&#34;')}</textarea>" in page.answer.text


def test_files_come_one_at_a_time(gateway: Gateway) -> None:
    place, _ = test_segments.created(gateway)
    file = exported(gateway, place)
    others = [{**file, "name": name} for name in ("one", "two")]
    text = json.dumps(others)
    page = submit(gateway, "/dashboard/segments/new/import", {"json_text": text})
    assert page.status == 422
    assert "These are 2 files: paste one segment at a time." in page.text


def test_warnings_are_read_before_they_are_accepted(gateway: Gateway) -> None:
    outer, _ = test_segments.created(gateway, "outer")
    inner, _ = test_segments.created(gateway, "inner")
    submit(gateway, f"{outer}/parts", {"named": "inner"})
    file = exported(gateway, outer)
    submit(gateway, f"{outer}/delete", {"name": "outer"})
    submit(gateway, f"{inner}/delete", {"name": "inner"})
    sent = {"json_text": json.dumps(file)}
    page = submit(gateway, "/dashboard/segments/new/import", sent)
    assert page.status == 422
    assert "Tick “import all the same” to go on." in page.text
    page = submit(gateway, "/dashboard/segments/new/import", {**sent, "accept": "yes"})
    assert "The segment is imported" in page.text
