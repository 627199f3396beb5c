"""Flags with their lists and whom those name, for people who look at them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chalicelib.domain.audiences.contexts import same_context
from chalicelib.domain.audiences.filters import ListEntry
from chalicelib.domain.audiences.segments import Segment
from chalicelib.domain.flags.flags import Flag
from chalicelib.services.audiences.member_counts import MemberCounts, Reach
from chalicelib.services.audiences.segments import SegmentService
from chalicelib.services.flags.flags import FlagService

NAMED = 200
"""Segments that are named to make a list of."""


@dataclass(frozen=True, slots=True)
class FlagList:
    """A list of a flag; `segment` is None where the list is gone that it names."""

    entry: ListEntry
    exclude: bool
    segment: Segment | None
    reach: Reach


@dataclass(frozen=True, slots=True)
class FlagDetail:
    """A flag with its lists.

    `included` and `excluded` count whom the lists name that are switched on, `shut_out` whom the
    global exclusion of its context names. For `exposures` users it was on. `group_types` and
    `segments` (the first of them) are what a list can be made of in its context.
    """

    flag: Flag
    include: tuple[FlagList, ...]
    exclude: tuple[FlagList, ...]
    included: Reach
    excluded: Reach
    shut_out: Reach
    exposures: int
    group_types: Sequence[str]
    segments: Sequence[Segment]


class FlagDetailService:
    """Reads flags with their lists."""

    def __init__(self, flags: FlagService, segments: SegmentService, counts: MemberCounts) -> None:
        self._flags = flags
        self._segments = segments
        self._counts = counts

    def of(self, flag_id: str) -> FlagDetail:
        """One flag.

        Raises:
            NotFound: if there is none.
        """
        flag = self._flags.get(flag_id)
        stored = self._segments.stored()
        shut_out = [
            each.id
            for each in self._segments.shut_out()
            if same_context(each.context, flag.context)
        ]
        entries = [*flag.include, *flag.exclude]
        included, excluded, global_exclusion, *of_lists = self._counts.reaches(
            [
                _switched_on(flag.include),
                _switched_on(flag.exclude),
                shut_out,
                *([entry.segment_id] for entry in entries),
            ],
            stored,
        )
        lists = [
            FlagList(entry, place >= len(flag.include), stored.get(entry.segment_id), reach)
            for place, (entry, reach) in enumerate(zip(entries, of_lists, strict=True))
        ]
        return FlagDetail(
            flag,
            tuple(lists[: len(flag.include)]),
            tuple(lists[len(flag.include) :]),
            included,
            excluded,
            global_exclusion,
            self._flags.exposures([flag])[0],
            self._group_types(flag.context),
            self._public(flag.context),
        )

    def _public(self, context: str) -> Sequence[Segment]:
        own = [each for each in self._segments.all() if same_context(each.context, context)]
        return sorted(own, key=lambda each: each.name.casefold())[:NAMED]

    def _group_types(self, context: str) -> Sequence[str]:
        configured = self._segments.group_types
        return [
            each
            for name, types in configured.items()
            if same_context(name, context)
            for each in types
        ]


def _switched_on(entries: Iterable[ListEntry]) -> list[str]:
    return [entry.segment_id for entry in entries if entry.enabled]
