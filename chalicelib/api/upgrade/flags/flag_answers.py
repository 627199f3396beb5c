"""Flags as they are answered (UpGrade, section 16)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, NotRequired, TypeVar

from pydantic import WithJsonSchema

from chalicelib.api.pages.answer_sizes import JsonText
from chalicelib.api.upgrade.audiences.segment_answers import Segment, segment_answer
from chalicelib.api.upgrade.wire.records import stamps
from chalicelib.api.upgrade.wire.shapes import Id, Stamps
from chalicelib.domain.audiences.filters import FilterMode, ListEntry
from chalicelib.domain.audiences.listings import Listing, Listings
from chalicelib.domain.flags import flags
from chalicelib.domain.flags.flags import FlagStatus

A = TypeVar("A")

ListType = Annotated[str | None, WithJsonSchema({"type": "string"})]
"""Of a list of a flag, which always has one."""


class Flag(Stamps):
    """A flag without its lists."""

    id: Id
    name: str
    key: str
    description: str | None
    context: list[str]
    tags: list[str]
    status: FlagStatus
    filterMode: FilterMode


class FlagListColumns(Stamps):
    segmentId: Id
    featureFlagId: Id
    enabled: bool
    listType: ListType


class FlagList(FlagListColumns):
    """A list of a flag."""

    segment: Segment


class FlagWithLists(Flag):
    featureFlagSegmentInclusion: list[FlagList]
    featureFlagSegmentExclusion: list[FlagList]


class AddedFlagList(FlagList):
    featureFlag: Flag


class ListedFlag(Flag):
    """A flag, and for how many users it was on."""

    featureFlagExposures: int
    featureFlagSegmentInclusion: NotRequired[list[FlagListColumns]]


def flag_answer(flag: flags.Flag) -> Flag:
    """A flag without its lists."""
    return {
        **stamps(flag.created_at, flag.updated_at, flag.version),
        "id": flag.id,
        "name": flag.name,
        "key": flag.key,
        "description": flag.description,
        "context": [flag.context],
        "tags": list(flag.tags),
        "status": flag.status,
        "filterMode": flag.filter_mode,
    }


def laid_out(value: A) -> JsonText[A]:
    """A flag as JSON for people, as its file holds it."""
    return JsonText(json.dumps(value, indent=2, ensure_ascii=False))


def whole_flag_answer(flag: flags.Flag, listings: Listings) -> FlagWithLists:
    """A flag with its lists."""
    return {
        **flag_answer(flag),
        "featureFlagSegmentInclusion": _lists(flag, flag.include, listings),
        "featureFlagSegmentExclusion": _lists(flag, flag.exclude, listings),
    }


def flag_node(flag: flags.Flag, exposures: int) -> ListedFlag:
    """One of the nodes of POST /api/flags/paginated."""
    node: ListedFlag = {**flag_answer(flag), "featureFlagExposures": exposures}
    if flag.include:
        node["featureFlagSegmentInclusion"] = [_bare_list(flag, entry) for entry in flag.include]
    return node


def flag_list_answer(flag: flags.Flag, entry: ListEntry, listing: Listing) -> AddedFlagList:
    """POST and PUT of a list."""
    return {
        **_bare_list(flag, entry),
        "featureFlag": flag_answer(flag),
        "segment": segment_answer(listing),
    }


def _lists(flag: flags.Flag, entries: Sequence[ListEntry], listings: Listings) -> list[FlagList]:
    return [
        {**_bare_list(flag, entry), "segment": segment_answer(listings[entry.segment_id])}
        for entry in entries
        if entry.segment_id in listings
    ]


def _bare_list(flag: flags.Flag, entry: ListEntry) -> FlagListColumns:
    return {
        **stamps(flag.created_at, flag.updated_at, flag.version),
        "segmentId": entry.segment_id,
        "featureFlagId": flag.id,
        "enabled": entry.enabled,
        "listType": entry.list_type,
    }
