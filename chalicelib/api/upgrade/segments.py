"""Administration of segments: /api/segments; preview users, strata and settings."""

from __future__ import annotations

from typing import Any

from chalicelib.api.blueprint import ApiBlueprint
from chalicelib.api.upgrade.dialect import DIALECT
from chalicelib.api.upgrade.experiments import _new_id, _now, segments_listing
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
        segment_answer(segments_listing(segment.id))
        for segment in blueprint.services.segments.all()
    ]


@blueprint.endpoint("/api/segments/global")
def list_global_exclusions() -> list[dict[str, Any]]:
    """The global exclusion of each context."""
    return [
        segment_answer(segments_listing(segment.id))
        for segment in blueprint.services.segments.shut_out()
    ]


@blueprint.endpoint("/api/segments", "POST")
def put_segment(body: SegmentBody) -> dict[str, Any]:
    """Create a segment, or replace the one with the id."""
    segment = segment_of(body, new_id=_new_id, now=_now())
    stored = blueprint.services.segments.put(segment, body.users())
    return segment_answer(segments_listing(stored.id))


@blueprint.endpoint("/api/segments/{segment_id}")
def get_segment(segment_id: str) -> dict[str, Any]:
    """One segment."""
    return single_segment_answer(segments_listing(segment_id))


@blueprint.endpoint("/api/segments/{segment_id}", "DELETE")
def delete_segment(segment_id: str) -> list[dict[str, Any]]:
    """Delete a segment."""
    listing = segments_listing(segment_id)
    blueprint.services.segments.delete(segment_id)
    return [segment_answer(listing)]
