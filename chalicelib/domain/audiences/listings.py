"""Segments with their members, as answers show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chalicelib.domain.audiences.segments import Segment, SegmentType
from chalicelib.domain.participants.participants import GroupKey


@dataclass(frozen=True, slots=True)
class Listing:
    """A segment with what is kept apart from it: its users, and its subsegments themselves.

    Where these are only some of the members, `groups` are those that are shown, `total` says how
    many members there are, and `last` is where the others go on, if they do.
    """

    segment: Segment
    user_ids: Sequence[str] = ()
    sub_segments: Sequence[Segment] = ()
    groups: Sequence[GroupKey] | None = None
    total: int | None = None
    last: tuple[int, str, str] | None = None

    def shown_groups(self) -> Sequence[GroupKey]:
        """The groups that are shown."""
        return sorted(self.segment.groups) if self.groups is None else self.groups

    def own_lists(self) -> list[Segment]:
        """The private segments inside: a file of the segment holds them with their members."""
        return [each for each in self.sub_segments if each.type is SegmentType.PRIVATE]


Listings = Mapping[str, Listing]
"""Segments by id."""
