"""What segments are used for, as it is answered."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict

from chalicelib.api.upgrade.audiences.segment_answers import (
    SegmentColumns,
    SegmentWithStatus,
    SingleSegmentWithStatus,
)
from chalicelib.api.upgrade.wire.pages import PageColumns
from chalicelib.api.upgrade.wire.shapes import Id, Stamps, StateName
from chalicelib.domain.catalogue.segment_usage import SegmentStatus
from chalicelib.domain.flags.flags import FlagStatus


class UsedSegment(TypedDict):
    id: Id
    subSegments: list[SegmentColumns]


class UsingExperiment(TypedDict):
    id: Id
    name: str
    description: str | None
    state: StateName
    context: list[str]


class UsingFlag(TypedDict):
    id: Id
    name: str
    key: str
    description: str | None
    status: FlagStatus
    context: list[str]


class Use(Stamps):
    segment: UsedSegment


class ExperimentUse(Use):
    """A list of an experiment that names a segment."""

    experiment: UsingExperiment


class FlagUse(Use):
    """A list of a flag that names a segment."""

    featureFlag: UsingFlag


class NestedSegment(SegmentColumns):
    subSegments: list[SegmentColumns]


class ParentSegment(SegmentColumns):
    """A segment with what is inside it, and what is inside that."""

    subSegments: list[NestedSegment]
    status: SegmentStatus


class SegmentUses(TypedDict):
    """The lists and the segments that name one of some segments."""

    experimentSegmentInclusionData: list[ExperimentUse]
    experimentSegmentExclusionData: list[ExperimentUse]
    featureFlagSegmentInclusionData: list[FlagUse]
    featureFlagSegmentExclusionData: list[FlagUse]
    allParentSegments: list[ParentSegment]
    usesTotal: NotRequired[int]


class SegmentOverview(SegmentUses):
    segmentsData: list[SegmentWithStatus]


class SegmentUsage(SegmentUses):
    segment: SingleSegmentWithStatus


class PageOfSegments(PageColumns):
    nodes: SegmentOverview
