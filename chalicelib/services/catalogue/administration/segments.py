"""Segments with all that the answers about them show: members, and what they are used for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from chalicelib.domain.audiences.listings import Listing, Listings
from chalicelib.domain.audiences.segments import Segment
from chalicelib.domain.catalogue.segment_usage import SegmentUsage
from chalicelib.domain.errors import NotFound
from chalicelib.services.audiences.listings import ListingService
from chalicelib.services.audiences.segments import SegmentService
from chalicelib.services.catalogue.administration.list_uses import Check, UsesOf
from chalicelib.services.running.details import Detailed

IndexedId = tuple[int, str]
"""A segment that is asked for, with its place among the others."""


@dataclass(frozen=True, slots=True)
class SegmentRows:
    """Some segments with their members, and what all segments are used for."""

    segments: Detailed[Segment, Listing]
    usage: SegmentUsage


@dataclass(frozen=True, slots=True)
class SegmentInFull:
    """A segment with its members, and what all segments are used for."""

    listing: Listing
    usage: SegmentUsage


class SegmentAdministration:
    """Stores and reads segments as their administrators see them."""

    def __init__(self, segments: SegmentService, listings: ListingService, uses_of: UsesOf) -> None:
        self._segments = segments
        self._listings = listings
        self._uses_of = uses_of

    def public(self) -> SegmentRows:
        """All segments but private ones and global exclusions."""
        usage = self._segments.usage()
        return SegmentRows(self._listings.segments(usage.public(), usage.segments), usage)

    def global_exclusions(self) -> SegmentRows:
        """The global exclusion of each context, in the order of contexts."""
        shut_out, usage = self._segments.shut_out(), self._segments.usage()
        return SegmentRows(self._listings.segments(shut_out, usage.segments), usage)

    def get(self, segment_id: str) -> SegmentInFull:
        """One segment.

        Raises:
            NotFound: if there is none.
        """
        return SegmentInFull(self._listings.of(segment_id), self._segments.usage())

    def some(
        self, segment_ids: Sequence[str], *, with_own_lists: bool
    ) -> Detailed[IndexedId, Listings]:
        """The segments that there are of some, also with the members of private ones inside them.

        Raises:
            NotFound: if one is asked for alone, and is not there.
        """
        rows = [row for row in enumerate(segment_ids) if self._is_there(row[1], segment_ids)]

        def read(some: Iterable[IndexedId]) -> Iterator[tuple[IndexedId, Listings]]:
            for row in some:
                segment_id = row[1]
                if with_own_lists:
                    yield row, self._listings.with_own_lists(segment_id)
                else:
                    yield row, {segment_id: self._listings.of(segment_id)}

        return Detailed(rows, read)

    def put(self, draft: Segment, user_ids: Sequence[str], check: Check) -> Listing:
        """Create a segment, or replace the one with its id; the segment as stored.

        Raises:
            UnknownAppContext, NameTaken: as `SegmentService.put` does; before that, what `check`
                raises.
        """
        check(self._uses_of(draft.id))
        return self._listings.of(self._segments.put(draft, user_ids).id)

    def put_list(
        self, parent_id: str, draft: Segment, user_ids: Sequence[str], check: Check
    ) -> Listing:
        """Create a list inside a segment, or replace the one with its id; the list as stored.

        Raises:
            NotFound, Conflict: as `SegmentService.put_list` does; before that, what `check` raises.
        """
        check(self._uses_of(draft.id))
        return self._listings.of(self._segments.put_list(parent_id, draft, user_ids).id)

    def _is_there(self, segment_id: str, asked: Sequence[str]) -> bool:
        try:
            self._segments.get(segment_id)
        except NotFound:
            if len(asked) == 1:
                raise
            return False
        return True
