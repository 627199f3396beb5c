"""Administration of segments: /api/segments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, TypeVar

from chalice.app import Response
from pydantic import AfterValidator

from chalicelib.api.http.blueprint import ApiBlueprint
from chalicelib.api.http.calls import written
from chalicelib.api.http.tagged import Concern, of_body, of_path
from chalicelib.api.pages.answer_pages import ListQuery, Pages, PartQuery, Position, Row
from chalicelib.api.upgrade.access.dialect import DIALECT, GoneSegment
from chalicelib.api.upgrade.audiences.listings import each_listing, listing_of
from chalicelib.api.upgrade.audiences.long_lists import ReplaceQuery, check_replaced
from chalicelib.api.upgrade.audiences.segment_models import (
    SEGMENT_SEARCH,
    DeleteSegmentQuery,
    Listing,
    ParentBody,
    SegmentBody,
    SubListBody,
    bare_segment_answer,
    segment_answer,
    segment_of,
)
from chalicelib.api.upgrade.audiences.segment_overview import (
    overview,
    shown_single,
    single_with_status,
    with_status,
)
from chalicelib.api.upgrade.audiences.shown_members import ROUTE, after, bounded_one, reply
from chalicelib.api.upgrade.wire.pages import PageBody, page
from chalicelib.api.upgrade.wire.records import new_id, now
from chalicelib.api.upgrade.wire.texts import UUID_SCHEMA, checked_uuid
from chalicelib.domain.audiences.segments import Segment, SegmentType
from chalicelib.domain.catalogue.entity_tags import Kind
from chalicelib.domain.catalogue.segment_usage import SegmentUsage
from chalicelib.domain.errors import NotFound

blueprint = ApiBlueprint(__name__, DIALECT)

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
    lambda arguments: arguments["body"].id,
    made=lambda answer: answer["id"],
    creates=True,
)
PARENT = of_body(Kind.SEGMENT, lambda body: body.parent_segment_id)


def _made(segment: Segment) -> Position:
    return int(segment.created_at.timestamp() * 1000), segment.id


def _of_context(segment: Segment) -> Position:
    return (blueprint.services.segments.contexts.index(segment.context),)


SEGMENTS: Pages[Segment] = Pages(LIST, _made, tuple[int, str])
EXCLUSIONS: Pages[Segment] = Pages(GLOBAL, _of_context, tuple[int])


@blueprint.endpoint(LIST)
def list_segments(query: ListQuery) -> Response:
    """The public segments, the oldest first, and what they are used for."""
    usage = blueprint.services.segments.usage()
    rest = SEGMENTS.rest(sorted(usage.public(), key=_made), query)
    taken = SEGMENTS.take(rest, query, _listings_in(usage), partial(_shown, usage, LIST))
    found = overview(usage, SEGMENTS, taken)
    return written(found.text, SEGMENTS.headers(found.taken, query))


@blueprint.endpoint(PAGINATED, "POST")
def page_of_segments(body: PageBody) -> Response:
    """Some of the public segments, the last changed first unless it is said otherwise."""
    usage = blueprint.services.segments.usage()
    newest = sorted(usage.public(), key=lambda segment: segment.updated_at, reverse=True)
    found = page(newest, body, SEGMENT_SEARCH)
    write = partial(_shown, usage, PAGINATED)
    taken = SEGMENTS.take(found.rows, ListQuery(), _listings_in(usage), write)
    whole = overview(usage, SEGMENTS, taken)
    links = SEGMENTS.headers(replace(whole.taken, last=None), ListQuery())
    return written(found.text(whole.text, len(whole.taken.rows)), links)


def _listings_in(
    usage: SegmentUsage,
) -> Callable[[Iterable[Segment]], Iterator[tuple[Segment, Listing]]]:
    return partial(each_listing, blueprint.services, usage.segments)


def _shown(usage: SegmentUsage, route: str, _: Segment, listing: Listing) -> Row:
    return bounded_one(partial(with_status, usage), listing, route)


@blueprint.endpoint(GLOBAL)
def list_global_exclusions(query: ListQuery) -> Response:
    """The global exclusion of each context."""
    segments = blueprint.services.segments
    usage, shut_out = segments.usage(), segments.shut_out()
    rest = EXCLUSIONS.rest(shut_out, query)
    taken = EXCLUSIONS.take(rest, query, _listings_in(usage), partial(_shown, usage, GLOBAL))
    return EXCLUSIONS.response(taken, query)


@blueprint.endpoint(LIST, "POST", concerns=PUT)
def put_segment(body: SegmentBody, query: ReplaceQuery) -> Any:
    """Create a segment, or replace the one with the id."""
    _check_replaced(body, query)
    stored = blueprint.services.segments.put(_drafted(body), body.users())
    return _answered(stored, LIST)


@blueprint.endpoint("/api/segments/list", "POST", concerns=PARENT)
def put_list(body: SubListBody, query: ReplaceQuery) -> Any:
    """Create a private list inside a segment, or replace the one with the id."""
    _check_replaced(body, query)
    parent_id = body.parent_segment_id
    stored = blueprint.services.segments.put_list(parent_id, _drafted(body), body.users())
    return _answered(stored, "/api/segments/list")


def _check_replaced(body: SegmentBody, query: ReplaceQuery) -> None:
    check_replaced(blueprint.services, body, query, blueprint.current_request.headers)


def _answered(stored: Segment, route: str) -> Any:
    listing = listing_of(blueprint.services, stored.id)
    return reply(bounded_one(segment_answer, listing, route))


def _drafted(body: SegmentBody) -> Segment:
    return segment_of(body, new_id=new_id, now=now())


@blueprint.endpoint("/api/segments/list/{segment_id}", "DELETE", concerns=PARENT)
def delete_list(segment_id: SegmentId, body: ParentBody) -> dict[str, Any]:
    """Take a list out of a segment."""
    deletion = blueprint.services.segment_deletion
    return bare_segment_answer(deletion.delete_list(body.parent_segment_id, segment_id))


@blueprint.endpoint(STATUS)
def get_segment_with_status(segment_id: SegmentId) -> Any:
    """One segment that is not private, and what it is used for."""
    listing = _or_gone(lambda: listing_of(blueprint.services, segment_id))
    if listing.segment.type is SegmentType.PRIVATE:
        raise GoneSegment(GONE)
    usage = blueprint.services.segments.usage()
    return reply(single_with_status(usage, listing, STATUS))


@blueprint.endpoint(ROUTE, concerns=SEGMENT)
def get_segment(segment_id: SegmentId, query: PartQuery) -> Any:
    """One segment; of very many members those after the answer whose Link gave `cursor`."""
    listing = _or_gone(lambda: listing_of(blueprint.services, segment_id))
    if query.cursor is not None:
        listing = after(listing, query.cursor)
    usage = blueprint.services.segments.usage()
    return reply(bounded_one(partial(shown_single, usage), listing, ROUTE))


@blueprint.endpoint("/api/segments/{segment_id}", "DELETE", concerns=SEGMENT)
def delete_segment(segment_id: SegmentId, query: DeleteSegmentQuery) -> dict[str, Any]:
    """Delete a segment with its lists; one that something uses only where that is insisted on."""
    deletion = blueprint.services.segment_deletion
    deleted = _or_gone(lambda: deletion.delete(segment_id, force=query.force == "true"))
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
