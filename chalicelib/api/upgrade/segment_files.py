"""Segments and the lists within them as files: /api/segments/import and what goes with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, TypeVar

from pydantic import Field

from chalicelib.api.blueprint import ApiBlueprint
from chalicelib.api.upgrade.dialect import DIALECT
from chalicelib.api.upgrade.files import (
    FileBody,
    Files,
    FilesBody,
    IdsQuery,
    Judged,
    Read,
    judged,
    stored,
)
from chalicelib.api.upgrade.listings import listing_of
from chalicelib.api.upgrade.segment_file_models import SegmentImport
from chalicelib.api.upgrade.segment_imports import SegmentReader, exported_segment, segment_csv
from chalicelib.api.upgrade.segment_models import Listing, Uuid
from chalicelib.domain.errors import NotFound
from chalicelib.domain.segments import SegmentType
from chalicelib.services.imports import ListDraft

blueprint = ApiBlueprint(__name__, DIALECT)

Found = TypeVar("Found")

MALFORMED = "Invalid JSON format: {}"


class SegmentListFilesBody(FilesBody):
    """POST /api/segments/list/import."""

    parent_segment_id: Uuid


class SegmentIdsQuery(IdsQuery):
    """The segments to export."""

    ids: Annotated[tuple[Uuid, ...], Field(min_length=1)]


def _reader() -> SegmentReader:
    services = blueprint.services
    return SegmentReader(services.catalogue.fresh(), services.segments.group_types())


def _judged(file: FileBody, read: Read[Found]) -> Judged[Found]:
    return judged(file, read, malformed=MALFORMED, json_only=True)


@blueprint.endpoint("/api/segments/validation", "POST")
def validate_segments(body: Files) -> list[dict[str, Any]]:
    """What an import of some files would have to say, of those that it has something to say of."""
    return [answer for answer in check_segments(body) if answer["error"] is not None]


@blueprint.endpoint("/api/segments/import/validation", "POST")
def check_segments(body: Files) -> list[dict[str, Any]]:
    """What an import of some files would do."""
    reader = _reader()
    return [_judged(file, reader.read).answer() for file in body]


@blueprint.endpoint("/api/segments/import", "POST")
def import_segments(body: Files) -> list[dict[str, Any]]:
    """Create segments from files, each by itself; they keep their ids."""

    def store(found: SegmentImport) -> None:
        blueprint.services.imports.segment(found.segment, found.user_ids, found.lists)

    return [stored(_judged(file, _reader().read), store).answer() for file in body]


@blueprint.endpoint("/api/segments/list/import/validation", "POST")
def check_segment_lists(body: Files) -> list[dict[str, Any]]:
    """What an import of some files as lists of a segment would do."""
    reader = _reader()
    return [_judged(file, reader.read_list).answer() for file in body]


@blueprint.endpoint("/api/segments/list/import", "POST")
def import_segment_lists(body: SegmentListFilesBody) -> list[dict[str, Any]]:
    """Add lists from files to a segment, each by itself."""
    services = blueprint.services
    parent = services.segments.get(body.parent_segment_id)

    def store(draft: ListDraft) -> None:
        own = replace(draft, segment=replace(draft.segment, context=parent.context))
        services.imports.lists_of_segment(parent.id, [own])

    reader = _reader()
    return [stored(_judged(file, reader.read_list), store).answer() for file in body.files]


@blueprint.endpoint("/api/segments/export/json")
def export_segments(query_values: SegmentIdsQuery) -> list[dict[str, Any]]:
    """Some segments as files hold them."""
    listings = _listings(query_values)
    several = len(query_values.each_once()) > 1
    unused = {"experimentSegmentInclusion": None, "experimentSegmentExclusion": None}
    return [
        {**exported_segment(listing, _lists(listing)), **(unused if several else {})}
        for listing in listings
    ]


@blueprint.endpoint("/api/segments/export/csv")
def export_segments_as_csv(query_values: SegmentIdsQuery) -> list[dict[str, Any]]:
    """The members of some segments as CSV."""
    return [
        {"fileName": listing.segment.name, "fileContent": segment_csv(listing)}
        for listing in _listings(query_values)
    ]


def _listings(query: SegmentIdsQuery) -> list[Listing]:
    """The segments that there are; one that is asked for alone must be there."""
    ids = query.each_once()
    found = []
    for segment_id in ids:
        try:
            found.append(listing_of(blueprint.services, segment_id))
        except NotFound:
            if len(ids) == 1:
                raise
    return found


def _lists(listing: Listing) -> dict[str, Listing]:
    """The lists that are part of a segment."""
    return {
        each.id: listing_of(blueprint.services, each.id)
        for each in listing.sub_segments
        if each.type is SegmentType.PRIVATE
    }
