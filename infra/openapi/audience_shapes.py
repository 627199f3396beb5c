"""What UpGrade's routes answer about segments, lists, flags, files and preview users."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from chalicelib.api.upgrade.wire.files import Compatibility
from chalicelib.api.upgrade.wire.pages import PageColumns
from chalicelib.domain.audiences.filters import FilterMode
from chalicelib.domain.audiences.segments import SegmentType
from chalicelib.domain.catalogue.segment_usage import SegmentStatus
from chalicelib.domain.flags.flags import FlagStatus
from infra.openapi.experiment_parts import (
    Id,
    ListColumns,
    MembersTotal,
    Segment,
    SegmentColumns,
    SegmentGroup,
    SegmentUser,
    Stamps,
    StateName,
)


class SegmentWithStatus(Segment):
    status: SegmentStatus


class SingleSegment(Segment):
    """A segment, and the experiment that it is a list of, if it is one."""

    experimentSegmentInclusion: ListColumns | None
    experimentSegmentExclusion: ListColumns | None


class SingleSegmentWithStatus(SingleSegment):
    status: SegmentStatus


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


class ExperimentUse(Stamps):
    """A list of an experiment that names a segment."""

    segment: UsedSegment
    experiment: UsingExperiment


class FlagUse(Stamps):
    """A list of a flag that names a segment."""

    segment: UsedSegment
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


class Flag(Stamps):
    """A flag without its lists."""

    id: Id
    name: str
    key: str
    description: str | None
    context: list[str]
    tags: list[str]
    status: FlagStatus
    filterMode: FilterMode


class FlagListColumns(Stamps):
    segmentId: Id
    featureFlagId: Id
    enabled: bool
    listType: str


class FlagList(FlagListColumns):
    """A list of a flag."""

    segment: Segment


class FlagWithLists(Flag):
    featureFlagSegmentInclusion: list[FlagList]
    featureFlagSegmentExclusion: list[FlagList]


class AddedFlagList(FlagList):
    featureFlag: Flag


class ListedFlag(Flag):
    """A flag, and for how many users it was on."""

    featureFlagExposures: int
    featureFlagSegmentInclusion: NotRequired[list[FlagListColumns]]


class PageOfFlags(PageColumns):
    nodes: list[ListedFlag]


class JudgedFile(TypedDict):
    """What can be done with a file, or was; `error` says why not, or what to mind."""

    fileName: str
    error: str | None
    compatibilityType: Compatibility


class FileVerdict(TypedDict):
    """What can be done with a file, and why."""

    fileName: str
    compatibilityType: Compatibility
    reason: str | None


class TakenFile(TypedDict):
    """Whether a file was taken, and why not or what to mind."""

    fileName: str
    error: Literal["incompatible"] | None
    reason: str | None


class Group(TypedDict):
    type: str
    groupId: str


class ExportedList(TypedDict):
    """A list as a file holds it."""

    name: str
    description: str | None
    context: str
    type: SegmentType
    userIds: list[str]
    subSegmentIds: list[str]
    groups: list[Group]
    listType: str | None
    membersTotal: NotRequired[MembersTotal]
