"""Administration of segments: /api/segments; preview users, strata and settings."""

from __future__ import annotations

from typing import Any

from chalicelib.api.blueprint import ApiBlueprint
from chalicelib.api.upgrade.dialect import DIALECT
from chalicelib.api.upgrade.listings import listing_of
from chalicelib.api.upgrade.records import new_id, now
from chalicelib.api.upgrade.segment_models import (
    SegmentBody,
    segment_answer,
    segment_of,
    single_segment_answer,
)

blueprint = ApiBlueprint(__name__, DIALECT)


@blueprint.endpoint("/api/segments")
def list_segments() -> list[dict[str, Any]]:
    """All public segments."""
    return [
        segment_answer(listing_of(blueprint.services, segment.id))
        for segment in blueprint.services.segments.all()
    ]


@blueprint.endpoint("/api/segments/global")
def list_global_exclusions() -> list[dict[str, Any]]:
    """The global exclusion of each context."""
    return [
        segment_answer(listing_of(blueprint.services, segment.id))
        for segment in blueprint.services.segments.shut_out()
    ]


@blueprint.endpoint("/api/segments", "POST")
def put_segment(body: SegmentBody) -> dict[str, Any]:
    """Create a segment, or replace the one with the id."""
    segment = segment_of(body, new_id=new_id, now=now())
    stored = blueprint.services.segments.put(segment, body.users())
    return segment_answer(listing_of(blueprint.services, stored.id))


@blueprint.endpoint("/api/segments/{segment_id}")
def get_segment(segment_id: str) -> dict[str, Any]:
    """One segment."""
    return single_segment_answer(listing_of(blueprint.services, segment_id))


@blueprint.endpoint("/api/segments/{segment_id}", "DELETE")
def delete_segment(segment_id: str) -> list[dict[str, Any]]:
    """Delete a segment."""
    listing = listing_of(blueprint.services, segment_id)
    blueprint.services.segments.delete(segment_id)
    return [segment_answer(listing)]
