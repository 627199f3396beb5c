"""Segments with their members and what uses them, for people who look at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.domain.audiences.contexts import same_context
from chalicelib.domain.audiences.segments import Segment, SegmentType
from chalicelib.domain.catalogue.segment_usage import ListUse, SegmentStatus, SegmentUsage
from chalicelib.domain.experiments.experiments import Experiment
from chalicelib.domain.flags.flags import Flag
from chalicelib.domain.participants.participants import GroupKey
from chalicelib.services.audiences.member_counts import SHOWN, FirstMembers, MemberCounts, Reach
from chalicelib.services.audiences.segments import SegmentService

ROWS_OF_A_PAGE = 50
NAMED = 200
"""Parts of a segment, and names of others, that are shown beside it."""


@dataclass(frozen=True, slots=True)
class SegmentsWanted:
    """Which segments are asked for; of no kind all but the lists."""

    search: str = ""
    context: str = ""
    kind: SegmentType | None = None
    page: int = 1


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """A segment, how many users it names itself, and what uses it at any depth, each once."""

    segment: Segment
    users: int
    used_by: Sequence[Experiment | Flag | Segment]


@dataclass(frozen=True, slots=True)
class SegmentList:
    """A page of segments; how many there are that were asked for, and in all."""

    rows: tuple[SegmentRow, ...]
    found: int
    total: int
    pages: int
    contexts: Sequence[str]


@dataclass(frozen=True, slots=True)
class SegmentDetail:
    """A segment with its first members, and all that uses it.

    `reach` counts who is in it with all that is inside it. `parts` are the first segments directly
    inside; `others` the names of some that could be. `group_types` are those of its context.
    """

    segment: Segment
    status: SegmentStatus
    users: FirstMembers
    groups: Sequence[GroupKey]
    reach: Reach
    parts: Sequence[Segment]
    lists: Sequence[ListUse]
    parents: Sequence[Segment]
    others: Sequence[str]
    group_types: Sequence[str]


class SegmentDetailService:
    """Reads segments with their members and uses."""

    def __init__(self, segments: SegmentService, counts: MemberCounts) -> None:
        self._segments = segments
        self._counts = counts

    def of(self, segment_id: str) -> SegmentDetail:
        """One segment.

        Raises:
            NotFound: if there is none.
        """
        segment = self._segments.get(segment_id)
        usage = self._segments.usage()
        return SegmentDetail(
            segment,
            usage.status(segment),
            self._counts.first(segment),
            sorted(segment.groups)[:SHOWN],
            self._counts.reach([segment.id], usage.segments),
            usage.sub_segments(segment)[:NAMED],
            usage.lists([segment.id]),
            [each for each in usage.parents([segment.id]) if each.id != segment.id],
            _others(usage, segment),
            self._group_types(segment),
        )

    def page(self, wanted: SegmentsWanted) -> SegmentList:
        """The segments that are asked for, by name."""
        usage = self._segments.usage()
        lists = (each for each in usage.segments.values() if each.type is SegmentType.PRIVATE)
        every = [*usage.public(), *self._segments.shut_out(), *lists]
        found = sorted((each for each in every if _is_wanted(each, wanted)), key=_by_name)
        pages = max(1, -(-len(found) // ROWS_OF_A_PAGE))
        first = (min(wanted.page, pages) - 1) * ROWS_OF_A_PAGE
        shown = found[first : first + ROWS_OF_A_PAGE]
        counts, uses = self._counts.of(shown), usage.users_of_all()
        return SegmentList(
            tuple(SegmentRow(each, counts[each.id], uses.get(each.id, ())) for each in shown),
            len(found),
            len(usage.public()),
            pages,
            self._segments.contexts,
        )

    def _group_types(self, segment: Segment) -> Sequence[str]:
        """The configured types of its context, and those that it has."""
        configured = self._segments.group_types
        known = [
            each
            for context, types in configured.items()
            if same_context(context, segment.context)
            for each in types
        ]
        return list(dict.fromkeys([*known, *sorted(group.type for group in segment.groups)]))


def _is_wanted(segment: Segment, wanted: SegmentsWanted) -> bool:
    of_kind = (
        segment.type is not SegmentType.PRIVATE
        if wanted.kind is None
        else segment.type is wanted.kind
    )
    named = wanted.search.casefold() in segment.name.casefold() or wanted.search == segment.id
    in_context = not wanted.context or same_context(wanted.context, segment.context)
    return of_kind and named and in_context


def _by_name(segment: Segment) -> tuple[bool, str, str]:
    """Global exclusions stand behind all others, since they are there without being made."""
    is_global = segment.type is SegmentType.GLOBAL_EXCLUDE
    return is_global, segment.name.casefold(), segment.id


def _others(usage: SegmentUsage, segment: Segment) -> list[str]:
    names = sorted(
        each.name
        for each in usage.public()
        if each.context == segment.context and each.id not in (segment.id, *segment.sub_segments)
    )
    return names[:NAMED]
