"""Segments with what they are used for, as UpGrade's administration lists them (section 8)."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.api.upgrade.experiment_answers import display_name
from chalicelib.api.upgrade.records import Json, stamps
from chalicelib.api.upgrade.segment_models import (
    Listing,
    Listings,
    bare_segment_answer,
    segment_answer,
    single_segment_answer,
)
from chalicelib.domain.experiments import Experiment
from chalicelib.domain.flags import Flag
from chalicelib.domain.segment_usage import ListUse, SegmentUsage
from chalicelib.domain.segments import Segment


def overview(usage: SegmentUsage, segments: Sequence[Segment], listings: Listings) -> Json:
    """GET /api/segments, and the nodes of POST /api/segments/paginated."""
    return {
        "segmentsData": [with_status(usage, listings[segment.id]) for segment in segments],
        **_used_by(usage, segments),
    }


def single_with_status(usage: SegmentUsage, listing: Listing) -> Json:
    """GET /api/segments/status/{id}."""
    segment = {**shown_single(usage, listing), "status": usage.status(listing.segment).value}
    return {"segment": segment, **_used_by(usage, [listing.segment])}


def shown_single(usage: SegmentUsage, listing: Listing) -> Json:
    """GET /api/segments/{id}: with the experiments that it is itself a list of."""
    holders = [usage.list_of(listing.segment.id, exclude=exclude) for exclude in (False, True)]
    return single_segment_answer(listing, *(holder.id if holder else None for holder in holders))


def with_status(usage: SegmentUsage, listing: Listing) -> Json:
    """A segment with its members, and whether it is used."""
    return {**segment_answer(listing), "status": usage.status(listing.segment).value}


def _used_by(usage: SegmentUsage, segments: Sequence[Segment]) -> Json:
    """The lists and the segments that name one of some segments."""
    ids = [segment.id for segment in segments]
    uses = usage.lists(ids)

    def of_experiments(*, exclude: bool) -> list[Json]:
        return [
            {**_list(usage, use), "experiment": _experiment(use.holder)}
            for use in uses
            if use.exclude is exclude and isinstance(use.holder, Experiment)
        ]

    def of_flags(*, exclude: bool) -> list[Json]:
        return [
            {**_list(usage, use), "featureFlag": _flag(use.holder)}
            for use in uses
            if use.exclude is exclude and isinstance(use.holder, Flag)
        ]

    return {
        "experimentSegmentInclusionData": of_experiments(exclude=False),
        "experimentSegmentExclusionData": of_experiments(exclude=True),
        "featureFlagSegmentInclusionData": of_flags(exclude=False),
        "featureFlagSegmentExclusionData": of_flags(exclude=True),
        "allParentSegments": [_parent(usage, parent) for parent in usage.parents(ids)],
    }


def _list(usage: SegmentUsage, use: ListUse) -> Json:
    """The list that a use is, which is there: it names a segment that is."""
    segment = usage.segments[use.entry.segment_id]
    subs = [bare_segment_answer(sub) for sub in usage.sub_segments(segment)]
    return {
        **stamps(segment.created_at, segment.updated_at, segment.version),
        "segment": {"id": segment.id, "subSegments": subs},
    }


def _experiment(experiment: Experiment) -> Json:
    return {
        "id": experiment.id,
        "name": experiment.name,
        "description": experiment.description,
        "state": display_name(experiment.state),
        "context": [experiment.context],
    }


def _flag(flag: Flag) -> Json:
    return {
        "id": flag.id,
        "name": flag.name,
        "key": flag.key,
        "description": flag.description,
        "status": flag.status.value,
        "context": [flag.context],
    }


def _parent(usage: SegmentUsage, parent: Segment) -> Json:
    """A segment with what is inside it, and what is inside that."""
    return {
        **bare_segment_answer(parent),
        "subSegments": [
            {
                **bare_segment_answer(sub),
                "subSegments": [bare_segment_answer(each) for each in usage.sub_segments(sub)],
            }
            for sub in usage.sub_segments(parent)
        ],
        "status": usage.status(parent).value,
    }
