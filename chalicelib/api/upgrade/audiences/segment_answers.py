"""Segments as they are answered, alone and as the lists of experiments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NotRequired

from pydantic import WithJsonSchema
from typing_extensions import TypedDict

from chalicelib.api.upgrade.wire.records import stamps
from chalicelib.api.upgrade.wire.shapes import Id, Stamps
from chalicelib.domain.audiences import segments
from chalicelib.domain.audiences.filters import ListEntry
from chalicelib.domain.audiences.listings import Listing, Listings
from chalicelib.domain.audiences.segments import SegmentType
from chalicelib.domain.catalogue.segment_usage import SegmentStatus
from chalicelib.domain.participants.participants import GroupKey

MembersTotal = Annotated[
    int,
    WithJsonSchema(
        {
            "type": "integer",
            "description": "How many members there are, where not all of them are shown: a Link"
            " leads to the others.",
        }
    ),
]


class SegmentColumns(Stamps):
    """A segment without its members."""

    id: Id
    name: str
    description: str | None
    listType: str | None
    context: str
    type: SegmentType
    tags: list[str] | None


class SegmentUser(Stamps):
    segmentId: Id
    userId: str


class SegmentGroup(Stamps):
    segmentId: Id
    groupId: str
    type: str


class Segment(SegmentColumns):
    """A segment with its members."""

    individualForSegment: list[SegmentUser]
    groupForSegment: list[SegmentGroup]
    subSegments: list[SegmentColumns]
    membersTotal: NotRequired[MembersTotal]


class ListColumns(Stamps):
    """That a list belongs to an experiment."""

    segmentId: Id
    experimentId: Id


class ExperimentList(ListColumns):
    """A list of an experiment."""

    segment: Segment


class DeletedList(TypedDict):
    id: Id
    name: str


class SingleSegment(Segment):
    """A segment, and the experiment that it is a list of, if it is one."""

    experimentSegmentInclusion: ListColumns | None
    experimentSegmentExclusion: ListColumns | None


class SegmentWithStatus(Segment):
    status: SegmentStatus


class SingleSegmentWithStatus(SingleSegment):
    status: SegmentStatus


class ExportedSegment(SegmentColumns):
    """A segment as a file holds it; its own lists come with their members."""

    individualForSegment: list[SegmentUser]
    groupForSegment: list[SegmentGroup]
    subSegments: list[Segment | SegmentColumns]
    experimentSegmentInclusion: NotRequired[None]
    experimentSegmentExclusion: NotRequired[None]
    membersTotal: NotRequired[MembersTotal]


class CsvFile(TypedDict):
    fileName: str
    fileContent: str
    membersTotal: NotRequired[MembersTotal]


class _Member(Stamps):
    segmentId: Id


class Total(TypedDict, total=False):
    """How many members there are, where not all of them are shown."""

    membersTotal: MembersTotal


def _stamps_of(segment: segments.Segment) -> Stamps:
    return stamps(segment.created_at, segment.updated_at, segment.version)


def bare_segment_answer(segment: segments.Segment) -> SegmentColumns:
    """A segment without its members: as subsegment, and as answer to its deletion."""
    return {
        **_stamps_of(segment),
        "id": segment.id,
        "name": segment.name,
        "description": segment.description,
        "listType": segment.list_type,
        "context": segment.context,
        "type": segment.type,
        # The original knows no difference between no tags and an empty list of them.
        "tags": list(segment.tags) or None,
    }


def segment_answer(listing: Listing) -> Segment:
    """A segment with its members: as POST /api/segments and the lists show it."""
    return {
        **bare_segment_answer(listing.segment),
        "individualForSegment": [user_member(listing, user) for user in listing.user_ids],
        "groupForSegment": [group_member(listing, group) for group in listing.shown_groups()],
        "subSegments": [bare_segment_answer(each) for each in listing.sub_segments],
        **total_of(listing),
    }


def user_member(listing: Listing, user_id: str) -> SegmentUser:
    """A user as a member of a segment."""
    return {**_member_columns(listing), "userId": user_id}


def group_member(listing: Listing, group: GroupKey) -> SegmentGroup:
    """A group as a member of a segment."""
    return {**_member_columns(listing), "groupId": group.id, "type": group.type}


def _member_columns(listing: Listing) -> _Member:
    return {**_stamps_of(listing.segment), "segmentId": listing.segment.id}


def total_of(listing: Listing) -> Total:
    """How many members there are, where not all of them are shown."""
    return {} if listing.total is None else {"membersTotal": listing.total}


def single_segment_answer(
    listing: Listing, includes: str | None = None, excludes: str | None = None
) -> SingleSegment:
    """GET /api/segments/{id}; `includes` and `excludes` are the experiments whose list it is."""

    def list_of(experiment_id: str | None) -> ListColumns | None:
        return bare_list_answer(experiment_id, listing.segment) if experiment_id else None

    return {
        **segment_answer(listing),
        "experimentSegmentInclusion": list_of(includes),
        "experimentSegmentExclusion": list_of(excludes),
    }


def bare_list_answer(experiment_id: str, segment: segments.Segment) -> ListColumns:
    """That a list belongs to an experiment."""
    return {**_stamps_of(segment), "segmentId": segment.id, "experimentId": experiment_id}


def list_answer(experiment_id: str, listing: Listing) -> ExperimentList:
    """A list of an experiment with its segment."""
    return {
        **bare_list_answer(experiment_id, listing.segment),
        "segment": segment_answer(listing),
    }


def list_answers(
    experiment_id: str, entries: Sequence[ListEntry], listings: Listings
) -> list[ExperimentList]:
    """The lists of an experiment whose segments are there."""
    return [
        list_answer(experiment_id, listings[entry.segment_id])
        for entry in entries
        if entry.segment_id in listings
    ]
