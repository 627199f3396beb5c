"""Administration of segments: /api/segments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator

from chalicelib.api.blueprint import ApiBlueprint
from chalicelib.api.tagged import Concern, of_body, of_path
from chalicelib.api.upgrade.dialect import DIALECT, GoneSegment
from chalicelib.api.upgrade.listings import listing_of, listings_in
from chalicelib.api.upgrade.pages import SEGMENT_SEARCH, PageBody, page
from chalicelib.api.upgrade.records import new_id, now
from chalicelib.api.upgrade.segment_models import (
    UUID_SCHEMA,
    DeleteSegmentQuery,
    ParentBody,
    SegmentBody,
    SubListBody,
    bare_segment_answer,
    checked_uuid,
    segment_answer,
    segment_of,
)
from chalicelib.api.upgrade.segment_overview import (
    overview,
    shown_single,
    single_with_status,
    with_status,
)
from chalicelib.domain.entity_tags import Kind
from chalicelib.domain.errors import NotFound
from chalicelib.domain.segment_usage import SegmentUsage
from chalicelib.domain.segments import Segment, SegmentType

blueprint = ApiBlueprint(__name__, DIALECT)

T = TypeVar("T")

GONE = "Segment not found."

SegmentId = Annotated[str, AfterValidator(checked_uuid), UUID_SCHEMA]

SEGMENT = of_path(Kind.SEGMENT, "segment_id")
PUT = Concern(
    Kind.SEGMENT,
    lambda arguments: arguments["body"].id,
    made=lambda answer: answer["id"],
    creates=True,
)
PARENT = of_body(Kind.SEGMENT, lambda body: body.parent_segment_id)


@blueprint.endpoint("/api/segments")
def list_segments() -> dict[str, Any]:
    """All public segments, and what they are used for."""
    usage = blueprint.services.segments.usage()
    return _overview(usage, usage.public())


@blueprint.endpoint("/api/segments/paginated", "POST")
def page_of_segments(body: PageBody) -> dict[str, Any]:
    """Some of the public segments, the last changed first unless it is said otherwise."""
    usage = blueprint.services.segments.usage()
    newest = sorted(usage.public(), key=lambda segment: segment.updated_at, reverse=True)
    found = page(newest, body, SEGMENT_SEARCH)
    return found.answer(_overview(usage, found.rows))


def _overview(usage: SegmentUsage, segments: Sequence[Segment]) -> dict[str, Any]:
    return overview(usage, segments, listings_in(blueprint.services, usage.segments, segments))


@blueprint.endpoint("/api/segments/global")
def list_global_exclusions() -> list[dict[str, Any]]:
    """The global exclusion of each context."""
    segments = blueprint.services.segments
    usage, shut_out = segments.usage(), segments.shut_out()
    listings = listings_in(blueprint.services, usage.segments, shut_out)
    return [with_status(usage, listings[segment.id]) for segment in shut_out]


@blueprint.endpoint("/api/segments", "POST", concerns=PUT)
def put_segment(body: SegmentBody) -> dict[str, Any]:
    """Create a segment, or replace the one with the id."""
    stored = blueprint.services.segments.put(_drafted(body), body.users())
    return segment_answer(listing_of(blueprint.services, stored.id))


@blueprint.endpoint("/api/segments/list", "POST", concerns=PARENT)
def put_list(body: SubListBody) -> dict[str, Any]:
    """Create a private list inside a segment, or replace the one with the id."""
    parent_id = body.parent_segment_id
    stored = blueprint.services.segments.put_list(parent_id, _drafted(body), body.users())
    return segment_answer(listing_of(blueprint.services, stored.id))


def _drafted(body: SegmentBody) -> Segment:
    return segment_of(body, new_id=new_id, now=now())


@blueprint.endpoint("/api/segments/list/{segment_id}", "DELETE", concerns=PARENT)
def delete_list(segment_id: SegmentId, body: ParentBody) -> dict[str, Any]:
    """Take a list out of a segment."""
    deletion = blueprint.services.segment_deletion
    return bare_segment_answer(deletion.delete_list(body.parent_segment_id, segment_id))


@blueprint.endpoint("/api/segments/status/{segment_id}")
def get_segment_with_status(segment_id: SegmentId) -> dict[str, Any]:
    """One segment that is not private, and what it is used for."""
    listing = _or_gone(lambda: listing_of(blueprint.services, segment_id))
    if listing.segment.type is SegmentType.PRIVATE:
        raise GoneSegment(GONE)
    return single_with_status(blueprint.services.segments.usage(), listing)


@blueprint.endpoint("/api/segments/{segment_id}", concerns=SEGMENT)
def get_segment(segment_id: SegmentId) -> dict[str, Any]:
    """One segment."""
    listing = _or_gone(lambda: listing_of(blueprint.services, segment_id))
    return shown_single(blueprint.services.segments.usage(), listing)


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
