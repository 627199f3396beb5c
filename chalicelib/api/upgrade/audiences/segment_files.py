"""Segments and the lists within them as files: /api/segments/import and what goes with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Annotated, TypeVar

from pydantic import Field

from chalicelib.api.http.rendering import Rendered
from chalicelib.api.http.routes import Routes
from chalicelib.api.pages.answer_pages import Pages, Row
from chalicelib.api.upgrade.access.dialect import DIALECT
from chalicelib.api.upgrade.audiences.segment_answers import CsvFile, ExportedSegment, total_of
from chalicelib.api.upgrade.audiences.segment_imports import (
    SegmentReader,
    exported_segment,
    segment_csv,
)
from chalicelib.api.upgrade.audiences.shown_members import bounded, bounded_one
from chalicelib.api.upgrade.wire.files import (
    MAX_IDS,
    FileBody,
    Files,
    FilesBody,
    Judged,
    JudgedFile,
    PagedIdsQuery,
    Read,
    judged,
    stored,
)
from chalicelib.api.upgrade.wire.texts import Uuid
from chalicelib.api.values.bounds import AtMost
from chalicelib.domain.audiences.listings import Listing, Listings
from chalicelib.services import Services
from chalicelib.services.catalogue.administration.segments import IndexedId
from chalicelib.services.catalogue.imports import ListDraft
from chalicelib.services.running.details import Detailed

routes = Routes(__name__, DIALECT)

A = TypeVar("A")
Found = TypeVar("Found")

MALFORMED = "Invalid JSON format: {}"


class SegmentListFilesBody(FilesBody):
    """POST /api/segments/list/import."""

    parent_segment_id: Uuid


class SegmentIdsQuery(PagedIdsQuery):
    """The segments to export."""

    ids: Annotated[tuple[Uuid, ...], Field(min_length=1), AtMost(MAX_IDS)]


def _pages(route: str) -> Pages[IndexedId]:
    return Pages(route, lambda row: (row[0],), tuple[int])


JSON_EXPORT = _pages("/api/segments/export/json")
CSV_EXPORT = _pages("/api/segments/export/csv")


def _judged(file: FileBody, read: Read[Found]) -> Judged[Found]:
    return judged(file, read, malformed=MALFORMED, json_only=True)


@routes.endpoint("/api/segments/validation", "POST")
def validate_segments(services: Services, body: Files) -> list[JudgedFile]:
    """What an import of some files would have to say, of those that it has something to say of."""
    return [answer for answer in check_segments(services, body) if answer["error"] is not None]


@routes.endpoint("/api/segments/import/validation", "POST")
def check_segments(services: Services, body: Files) -> list[JudgedFile]:
    """What an import of some files would do."""
    reader = SegmentReader(services.catalogue.fresh(), services.segments.group_types)
    return [_judged(file, reader.read).answer() for file in body]


@routes.endpoint("/api/segments/import", "POST")
def import_segments(services: Services, body: Files) -> list[JudgedFile]:
    """Create segments from files, each by itself; they keep their ids."""
    into, group_types = services.file_imports.of_segments(), services.segments.group_types

    def taken(file: FileBody) -> JudgedFile:
        reader = SegmentReader(into.catalogue(), group_types)
        return stored(_judged(file, reader.read), into.store).answer()

    return [taken(file) for file in body]


@routes.endpoint("/api/segments/list/import/validation", "POST")
def check_segment_lists(services: Services, body: Files) -> list[JudgedFile]:
    """What an import of some files as lists of a segment would do."""
    reader = SegmentReader(services.catalogue.fresh(), services.segments.group_types)
    return [_judged(file, reader.read_list).answer() for file in body]


@routes.endpoint("/api/segments/list/import", "POST")
def import_segment_lists(services: Services, body: SegmentListFilesBody) -> list[JudgedFile]:
    """Add lists from files to a segment, each by itself."""
    into = services.imports.into_segment(body.parent_segment_id)

    def store(draft: ListDraft) -> None:
        into.store([replace(draft, segment=replace(draft.segment, context=into.context))])

    reader = SegmentReader(into.catalogue, services.segments.group_types)
    return [stored(_judged(file, reader.read_list), store).answer() for file in body.files]


@routes.endpoint(JSON_EXPORT.route)
def export_segments(
    services: Services, query_values: SegmentIdsQuery
) -> Rendered[list[ExportedSegment]]:
    """Some segments as files hold them."""
    ids = query_values.each_once()
    JSON_EXPORT.check(query_values, ids=ids)
    found = services.segment_administration.some(ids, with_own_lists=True)

    def write(row: IndexedId, listings: Listings) -> Row[ExportedSegment]:
        render = partial(_file, row[1], several=len(ids) > 1)
        return bounded(render, listings, JSON_EXPORT.route)

    return _exported(found, JSON_EXPORT, query_values, write)


def _file(segment_id: str, listings: Listings, *, several: bool) -> ExportedSegment:
    """One segment as its file holds it; beside others it says that experiments are left out."""
    file = exported_segment(segment_id, listings)
    if several:
        file["experimentSegmentInclusion"] = file["experimentSegmentExclusion"] = None
    return file


@routes.endpoint(CSV_EXPORT.route)
def export_segments_as_csv(
    services: Services, query_values: SegmentIdsQuery
) -> Rendered[list[CsvFile]]:
    """The members of some segments as CSV."""
    ids = query_values.each_once()
    CSV_EXPORT.check(query_values, ids=ids)
    found = services.segment_administration.some(ids, with_own_lists=False)

    def write(row: IndexedId, listings: Listings) -> Row[CsvFile]:
        return bounded_one(_csv_file, listings[row[1]], CSV_EXPORT.route)

    return _exported(found, CSV_EXPORT, query_values, write)


def _csv_file(listing: Listing) -> CsvFile:
    return {
        "fileName": listing.segment.name,
        "fileContent": segment_csv(listing),
        **total_of(listing),
    }


def _exported(
    found: Detailed[IndexedId, Listings],
    pages: Pages[IndexedId],
    query: SegmentIdsQuery,
    write: Callable[[IndexedId, Listings], Row[A]],
) -> Rendered[list[A]]:
    """The segments that there are of those that are asked for."""
    ids = query.each_once()
    taken = pages.take(pages.rest(found.rows, query, ids=ids), query, found.read, write)
    return pages.response(taken, query, {"ids": ids}, ids=ids)
