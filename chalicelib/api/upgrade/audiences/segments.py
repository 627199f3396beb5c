"""Administration of segments: /api/segments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Annotated, TypeVar

from pydantic import AfterValidator

from chalicelib.api.http.reading import Reading
from chalicelib.api.http.rendering import Rendered, written
from chalicelib.api.http.routes import Routes
from chalicelib.api.http.tagged import Concern, of_body, of_path
from chalicelib.api.pages.answer_pages import ListQuery, Pages, PartQuery, Position, Row
from chalicelib.api.upgrade.access.dialect import DIALECT, GoneSegment
from chalicelib.api.upgrade.audiences import segment_answers, segment_uses
from chalicelib.api.upgrade.audiences.listings import each_listing, listing_of
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
    Listing,
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
    usage = services.segments.usage()
    rest = SEGMENTS.rest(sorted(usage.public(), key=_made), query)
    taken = SEGMENTS.take(rest, query, _listings_in(services, usage), partial(_shown, usage, LIST))
    found = overview(usage, SEGMENTS, taken)
    return written(found.text, SEGMENTS.headers(found.taken, query))


@routes.endpoint(PAGINATED, "POST")
def page_of_segments(services: Services, body: PageBody) -> Rendered[PageOfSegments]:
    """Some of the public segments, the last changed first unless it is said otherwise."""
    usage = services.segments.usage()
    newest = sorted(usage.public(), key=lambda segment: segment.updated_at, reverse=True)
    found = page(newest, body, SEGMENT_SEARCH)
    write = partial(_shown, usage, PAGINATED)
    taken = SEGMENTS.take(found.rows, ListQuery(), _listings_in(services, usage), write)
    whole = overview(usage, SEGMENTS, taken)
    links = SEGMENTS.headers(replace(whole.taken, last=None), ListQuery())
    return written(found.text(whole.text, len(whole.taken.rows)), links)


Read = Callable[[Iterable[Segment]], Iterator[tuple[Segment, Listing]]]
Write = Callable[[Segment, Listing], Row[SegmentWithStatus]]


def _listings_in(services: Services, usage: SegmentUsage) -> Read:
    return partial(each_listing, services, usage.segments)


def _shown(usage: SegmentUsage, route: str, _: Segment, listing: Listing) -> Row[SegmentWithStatus]:
    return bounded_one(partial(with_status, usage), listing, route)


@routes.endpoint(GLOBAL)
def list_global_exclusions(
    services: Services, query: ListQuery
) -> Rendered[list[SegmentWithStatus]]:
    """The global exclusion of each context."""
    contexts = services.segments.contexts
    pages: Pages[Segment] = Pages(GLOBAL, lambda s: (contexts.index(s.context),), tuple[int])
    rest = pages.rest(services.segments.shut_out(), query)
    return pages.response(pages.take(rest, query, *_with_status(services, GLOBAL)), query)


def _with_status(services: Services, route: str) -> tuple[Read, Write]:
    """What reads the lists of segments for a page, and what shows one with its status."""
    usage = services.segments.usage()
    return _listings_in(services, usage), partial(_shown, usage, route)


@routes.endpoint(LIST, "POST", concerns=PUT)
def put_segment(
    services: Services, reading: Reading, body: SegmentBody, query: ReplaceQuery
) -> Rendered[segment_answers.Segment]:
    """Create a segment, or replace the one with the id."""
    check_replaced(services, body, query, reading)
    stored = services.segments.put(_drafted(body), body.users())
    return _answered(services, stored, LIST)


@routes.endpoint("/api/segments/list", "POST", concerns=PARENT)
def put_list(
    services: Services, reading: Reading, body: SubListBody, query: ReplaceQuery
) -> Rendered[segment_answers.Segment]:
    """Create a private list inside a segment, or replace the one with the id."""
    check_replaced(services, body, query, reading)
    parent_id = body.parent_segment_id
    stored = services.segments.put_list(parent_id, _drafted(body), body.users())
    return _answered(services, stored, "/api/segments/list")


def _answered(services: Services, stored: Segment, route: str) -> Rendered[segment_answers.Segment]:
    listing = listing_of(services, stored.id)
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
    listing = _or_gone(lambda: listing_of(services, segment_id))
    if listing.segment.type is SegmentType.PRIVATE:
        raise GoneSegment(GONE)
    usage = services.segments.usage()
    return reply(single_with_status(usage, listing, STATUS))


@routes.endpoint(ROUTE, concerns=SEGMENT)
def get_segment(
    services: Services, segment_id: SegmentId, query: PartQuery
) -> Rendered[SingleSegment]:
    """One segment; of very many members those after the answer whose Link gave `cursor`."""
    listing = _or_gone(lambda: listing_of(services, segment_id))
    if query.cursor is not None:
        listing = after(listing, query.cursor)
    usage = services.segments.usage()
    return reply(bounded_one(partial(shown_single, usage), listing, ROUTE))


@routes.endpoint("/api/segments/{segment_id}", "DELETE", concerns=SEGMENT)
def delete_segment(
    services: Services, segment_id: SegmentId, query: DeleteSegmentQuery
) -> SegmentColumns:
    """Delete a segment with its lists; one that something uses only where that is insisted on."""
    force = query.force == "true"
    deleted = _or_gone(lambda: services.segment_deletion.delete(segment_id, force=force))
    return bare_segment_answer(deleted)


def _or_gone(call: Callable[[], T]) -> T:
    """What a call returns that names one segment.

    Raises:
        GoneSegment: if there is no such segment.
    """
    try:
        return call()
    except NotFound as error:
        raise GoneSegment(GONE) from error
