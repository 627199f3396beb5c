"""Administration of segments: /api/segments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Annotated, TypeVar

from pydantic import AfterValidator

from chalicelib.api.http.reading import Reading
from chalicelib.api.http.rendering import Rendered, written
from chalicelib.api.http.routes import Routes
from chalicelib.api.http.tagged import Concern, of_body, of_path
from chalicelib.api.pages.answer_pages import ListQuery, Pages, PartQuery, Position, Row
from chalicelib.api.pages.answer_sizes import JsonText
from chalicelib.api.upgrade.access.dialect import DIALECT, GoneSegment
from chalicelib.api.upgrade.audiences import segment_answers, segment_uses
from chalicelib.api.upgrade.audiences.long_lists import ReplaceQuery, check_replaced
from chalicelib.api.upgrade.audiences.segment_answers import (
    SegmentColumns,
    SegmentWithStatus,
    SingleSegment,
    bare_segment_answer,
    segment_answer,
)
from chalicelib.api.upgrade.audiences.segment_models import (
    SEGMENT_SEARCH,
    DeleteSegmentQuery,
    ParentBody,
    SegmentBody,
    SubListBody,
    segment_of,
)
from chalicelib.api.upgrade.audiences.segment_overview import (
    overview,
    shown_single,
    single_with_status,
    with_status,
)
from chalicelib.api.upgrade.audiences.segment_uses import PageOfSegments, SegmentOverview
from chalicelib.api.upgrade.audiences.shown_members import ROUTE, after, bounded_one, reply
from chalicelib.api.upgrade.wire.pages import PageBody, page
from chalicelib.api.upgrade.wire.records import new_id, now
from chalicelib.api.upgrade.wire.texts import UUID_SCHEMA, checked_uuid
from chalicelib.domain.audiences.listings import Listing
from chalicelib.domain.audiences.segments import Segment, SegmentType
from chalicelib.domain.catalogue.entity_tags import Kind
from chalicelib.domain.catalogue.segment_usage import SegmentUsage
from chalicelib.domain.errors import NotFound
from chalicelib.services import Services

routes = Routes(__name__, DIALECT)

T = TypeVar("T")

GONE = "Segment not found."

LIST = "/api/segments"
PAGINATED = "/api/segments/paginated"
GLOBAL = "/api/segments/global"
STATUS = "/api/segments/status/{segment_id}"

SegmentId = Annotated[str, AfterValidator(checked_uuid), UUID_SCHEMA]

SEGMENT = of_path(Kind.SEGMENT, "segment_id")
PUT = Concern(
    Kind.SEGMENT,
    lambda _, arguments: arguments["body"].id,
    made=lambda answer: answer["id"],
    creates=True,
)
PARENT = of_body(Kind.SEGMENT, lambda body: body.parent_segment_id)


def _made(segment: Segment) -> Position:
    return int(segment.created_at.timestamp() * 1000), segment.id


SEGMENTS: Pages[Segment] = Pages(LIST, _made, tuple[int, str])


@routes.endpoint(LIST)
def list_segments(services: Services, query: ListQuery) -> Rendered[SegmentOverview]:
    """The public segments, the oldest first, and what they are used for."""
    public = services.segment_administration.public()
    rest = SEGMENTS.rest(sorted(public.segments.rows, key=_made), query)
    write = partial(_shown, public.usage, LIST)
    taken = SEGMENTS.take(rest, query, public.segments.read, write)
    found = overview(public.usage, SEGMENTS, taken)
    return written(found.text, SEGMENTS.headers(found.taken, query))


@routes.endpoint(PAGINATED, "POST")
def page_of_segments(services: Services, body: PageBody) -> Rendered[PageOfSegments]:
    """Some of the public segments, the last changed first unless it is said otherwise."""
    public = services.segment_administration.public()
    newest = sorted(public.segments.rows, key=lambda segment: segment.updated_at, reverse=True)
    found = page(newest, body, SEGMENT_SEARCH)
    write = partial(_shown, public.usage, PAGINATED)
    taken = SEGMENTS.take(found.rows, ListQuery(), public.segments.read, write)
    whole = overview(public.usage, SEGMENTS, taken)
    links = SEGMENTS.headers(replace(whole.taken, last=None), ListQuery())
    text = JsonText[PageOfSegments](found.text(whole.text, len(whole.taken.rows)))
    return written(text, links)


def _shown(usage: SegmentUsage, route: str, _: Segment, listing: Listing) -> Row[SegmentWithStatus]:
    return bounded_one(partial(with_status, usage), listing, route)


@routes.endpoint(GLOBAL)
def list_global_exclusions(
    services: Services, query: ListQuery
) -> Rendered[list[SegmentWithStatus]]:
    """The global exclusion of each context."""
    contexts = services.segments.contexts
    pages: Pages[Segment] = Pages(GLOBAL, lambda s: (contexts.index(s.context),), tuple[int])
    found = services.segment_administration.global_exclusions()
    rest = pages.rest(found.segments.rows, query)
    write = partial(_shown, found.usage, GLOBAL)
    return pages.response(pages.take(rest, query, found.segments.read, write), query)


@routes.endpoint(LIST, "POST", concerns=PUT)
def put_segment(
    services: Services, reading: Reading, body: SegmentBody, query: ReplaceQuery
) -> Rendered[segment_answers.Segment]:
    """Create a segment, or replace the one with the id."""
    check = check_replaced(body, query, reading)
    stored = services.segment_administration.put(_drafted(body), body.users(), check)
    return _answered(stored, LIST)


@routes.endpoint("/api/segments/list", "POST", concerns=PARENT)
def put_list(
    services: Services, reading: Reading, body: SubListBody, query: ReplaceQuery
) -> Rendered[segment_answers.Segment]:
    """Create a private list inside a segment, or replace the one with the id."""
    check = check_replaced(body, query, reading)
    stored = services.segment_administration.put_list(
        body.parent_segment_id, _drafted(body), body.users(), check
    )
    return _answered(stored, "/api/segments/list")


def _answered(listing: Listing, route: str) -> Rendered[segment_answers.Segment]:
    return reply(bounded_one(segment_answer, listing, route))


def _drafted(body: SegmentBody) -> Segment:
    return segment_of(body, new_id=new_id, now=now())


@routes.endpoint("/api/segments/list/{segment_id}", "DELETE", concerns=PARENT)
def delete_list(services: Services, segment_id: SegmentId, body: ParentBody) -> SegmentColumns:
    """Take a list out of a segment."""
    parent = services.segment_deletion.delete_list(body.parent_segment_id, segment_id)
    return bare_segment_answer(parent)


@routes.endpoint(STATUS)
def get_segment_with_status(
    services: Services, segment_id: SegmentId
) -> Rendered[segment_uses.SegmentUsage]:
    """One segment that is not private, and what it is used for."""
    found = _or_gone(lambda: services.segment_administration.get(segment_id))
    if found.listing.segment.type is SegmentType.PRIVATE:
        raise GoneSegment(GONE)
    return reply(single_with_status(found.usage, found.listing, STATUS))


@routes.endpoint(ROUTE, concerns=SEGMENT)
def get_segment(
    services: Services, segment_id: SegmentId, query: PartQuery
) -> Rendered[SingleSegment]:
    """One segment; of very many members those after the answer whose Link gave `cursor`."""
    found = _or_gone(lambda: services.segment_administration.get(segment_id))
    listing = found.listing if query.cursor is None else after(found.listing, query.cursor)
    return reply(bounded_one(partial(shown_single, found.usage), listing, ROUTE))


@routes.endpoint("/api/segments/{segment_id}", "DELETE", concerns=SEGMENT)
def delete_segment(
    services: Services, segment_id: SegmentId, query: DeleteSegmentQuery
) -> SegmentColumns:
    """Delete a segment with its lists; one that something uses only where that is insisted on."""
    force = query.force == "true"
    deleted = _or_gone(lambda: services.segment_deletion.delete(segment_id, force=force))
    return bare_segment_answer(deleted)


def _or_gone(call: Callable[[], T]) -> T:
    """The result of a call about one segment.

    Raises:
        GoneSegment: if there is no such segment.
    """
    try:
        return call()
    except NotFound as error:
        raise GoneSegment(GONE) from error
