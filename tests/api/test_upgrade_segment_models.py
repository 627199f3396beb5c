"""The JSON of UpGrade's segments and lists."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from chalicelib.api.upgrade.audiences.segment_answers import (
    bare_segment_answer,
    list_answers,
    segment_answer,
    single_segment_answer,
)
from chalicelib.api.upgrade.audiences.segment_file_models import SegmentFile
from chalicelib.api.upgrade.audiences.segment_models import ListBody, SegmentBody
from chalicelib.api.upgrade.wire.records import iso
from chalicelib.domain.audiences.contexts import UnknownAppContext, known_context
from chalicelib.domain.audiences.filters import ListEntry
from chalicelib.domain.audiences.listings import Listing
from chalicelib.domain.audiences.segments import Segment, SegmentType
from chalicelib.domain.participants.participants import GroupKey

NOW = datetime(2026, 3, 1, 12, 30, 15, 123456, UTC)
ID = "5f2ad1c5-7d0e-4a8b-9d2f-0a4b6f6f3c11"
EXPERIMENT = "e6906849-1c26-4256-9709-18c03a5f67cb"
DESIGNS = Path(__file__).parent / "upgrade_designs"
BODY = {
    "name": "people",
    "context": "home",
    "type": "public",
    "userIds": [],
    "groups": [],
    "subSegmentIds": [],
}
STAMPS = {
    "createdAt": "2026-03-01T12:30:15.123Z",
    "updatedAt": "2026-03-01T12:30:15.123Z",
    "versionNumber": 1,
}


def recorded(name: str) -> list[dict[str, Any]]:
    """What is in a file of recordings; placeholders of ids are one UUID."""
    text = (DESIGNS / name).read_text(encoding="utf-8")
    for start in ("exp1", "a", "b", "seg", "segment1", "globalExclude.home"):
        text = text.replace(f'"{{{{{start}}}}}"', f'"{ID}"')
    items: list[dict[str, Any]] = json.loads(text)
    return items


def test_ids_are_trimmed_and_lose_tabs_and_line_breaks() -> None:
    groups = [{"type": "classId", "groupId": "\tc 1\r\n"}]
    body = SegmentBody.model_validate(
        BODY | {"userIds": ["u1", " u2 \n", "a\tb"], "groups": groups}
    )
    assert body.users() == ("u1", "u2", "ab")
    assert body.group_keys() == {GroupKey("classId", "c 1")}


def test_nobody_is_listed_twice_and_an_empty_id_lists_nobody() -> None:
    groups = [{"type": "classId", "groupId": " "}]
    body = SegmentBody.model_validate(
        BODY | {"userIds": ["b", "a", "b ", " "], "groups": groups, "subSegmentIds": ["x", "x"]}
    )
    assert body.users() == ("b", "a")
    assert body.group_keys() == frozenset()
    assert body.sub_segments() == ("x",)


def test_an_id_that_no_user_can_have_is_refused_and_says_so() -> None:
    for longest in ("x" * 512, "é" * 256, " " + "x" * 512 + "\n"):
        assert SegmentBody.model_validate(BODY | {"userIds": [longest]}).users()
    for too_long in ("x" * 513, "é" * 257):
        with pytest.raises(ValidationError, match="user id: at most 512 bytes"):
            SegmentBody.model_validate(BODY | {"userIds": ["u", too_long]})
        named = {"individualForSegment": [{"userId": too_long}], "userIds": []}
        for members in (named, {"userIds": [too_long]}):
            with pytest.raises(ValidationError, match="user id: at most 512 bytes"):
                SegmentFile.model_validate(BODY | members)


@pytest.mark.parametrize(
    "missing", ["name", "context", "type", "userIds", "groups", "subSegmentIds"]
)
def test_a_segment_must_say_everything_that_has_no_default(missing: str) -> None:
    with pytest.raises(ValidationError):
        SegmentBody.model_validate({key: BODY[key] for key in BODY if key != missing})


@pytest.mark.parametrize(
    "fault",
    [
        {"id": "abc"},
        {"id": ""},
        {"name": ""},
        {"name": 5},
        {"name": "\x00"},
        {"name": "\ud800"},
        {"type": "secret"},
        {"userIds": [1]},
        {"userIds": "a"},
        {"userIds": ["\x00"]},
        {"groups": ["c1"]},
        {"groups": [{"type": "", "groupId": "c1"}]},
        {"groups": [{"type": "classId"}]},
        {"subSegmentIds": [None]},
        {"tags": "t"},
    ],
)
def test_faulty_segments_are_refused(fault: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SegmentBody.model_validate(BODY | fault)


def test_an_id_counts_whatever_its_case() -> None:
    assert SegmentBody.model_validate(BODY | {"id": ID.upper()}).id == ID


def test_recorded_segments_and_lists_are_accepted() -> None:
    for body in recorded("segments.json"):
        if body.get("id") != ID:
            body.pop("id", None)
        SegmentBody.model_validate(body)
    for body in recorded("lists.json"):
        assert ListBody.model_validate(body).experiment_id == ID


def test_recorded_refusals_of_segments_are_refused_here() -> None:
    refused = {step["name"]: step for step in recorded("segment_administration.json")}
    with pytest.raises(ValidationError):
        SegmentBody.model_validate(refused["missing fields"]["request"])
    body = SegmentBody.model_validate(refused["unknown context"]["request"])
    with pytest.raises(UnknownAppContext) as refusal:
        known_context(body.context, {"home"})
    assert str(refusal.value) == refused["unknown context"]["message"]


def segment_of(body: SegmentBody) -> Segment:
    return Segment(
        id=body.id or ID,
        name=body.name,
        context=body.context,
        type=body.type,
        version=1,
        groups=body.group_keys(),
        sub_segments=body.sub_segments(),
        description=body.description,
        tags=body.tags or (),
        list_type=body.list_type,
        created_at=NOW,
        updated_at=NOW,
    )


def filled(answer: object) -> object:
    """A recorded answer with the times and the version of this test."""
    if isinstance(answer, dict):
        return {key: STAMPS.get(key, filled(value)) for key, value in answer.items()}
    return [filled(each) for each in answer] if isinstance(answer, list) else answer


def test_segments_are_answered_as_recorded() -> None:
    steps = {step["name"]: step for step in recorded("segment_administration.json")}
    body = SegmentBody.model_validate(steps["create a segment"]["request"])
    listing = Listing(segment_of(body), body.users())
    assert segment_answer(listing) == filled(steps["create a segment"]["answer"])
    assert single_segment_answer(listing) == filled(steps["read the segment"]["answer"])
    assert bare_segment_answer(listing.segment) == filled(steps["delete the segment"]["answer"])


def test_a_segment_shows_its_subsegments_without_their_members() -> None:
    inner = segment_of(SegmentBody.model_validate(BODY))
    outer = replace(inner, type=SegmentType.PRIVATE, sub_segments=(inner.id,))
    answer = segment_answer(Listing(outer, (), (inner,)))
    assert answer["subSegments"] == [bare_segment_answer(inner)]


def test_a_list_whose_segment_is_gone_is_not_shown() -> None:
    segment = segment_of(SegmentBody.model_validate(BODY))
    entries = [ListEntry("gone"), ListEntry(ID)]
    assert list_answers(EXPERIMENT, entries, {ID: Listing(segment, ["u"])}) == [
        {
            **STAMPS,
            "segmentId": ID,
            "experimentId": EXPERIMENT,
            "segment": segment_answer(Listing(segment, ["u"])),
        }
    ]


def test_times_are_answered_in_utc_with_milliseconds() -> None:
    there = datetime(2026, 3, 1, 1, 0, tzinfo=timezone(timedelta(hours=2)))
    assert iso(there) == "2026-02-28T23:00:00.000Z"
    assert iso(datetime(7, 1, 1, tzinfo=UTC)) == "0007-01-01T00:00:00.000Z"
