"""Segments with their members: by themselves, as lists, and with the lists inside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar

from chalicelib.domain.audiences.filters import ListEntry
from chalicelib.domain.audiences.listings import Listing, Listings
from chalicelib.domain.audiences.segments import Segment
from chalicelib.domain.catalogue.segment_usage import parts_of
from chalicelib.services.audiences.segments import SegmentService
from chalicelib.services.running.details import Detailed, batched
from chalicelib.services.running.pools import Pool

SEGMENTS_AT_ONCE = 8
"""Segments whose members are read at once."""

Holder = TypeVar("Holder")

ListRow = tuple[int, ListEntry, Segment]
"""A list with its segment, and with its place among those of an experiment or a flag."""


class ListingService:
    """Reads segments with their members."""

    def __init__(self, segments: SegmentService) -> None:
        self._segments = segments

    def of(self, segment_id: str) -> Listing:
        """One segment.

        Raises:
            NotFound: if there is none.
        """
        stored = self._segments.stored()
        segment = stored.get(segment_id) or self._segments.get(segment_id)
        return self._among(stored, [segment])[segment.id]

    def with_own_lists(self, segment_id: str) -> Listings:
        """One segment and the private ones inside it.

        Raises:
            NotFound: if there is none.
        """
        listing = self.of(segment_id)
        return {segment_id: listing, **self._among(self._segments.stored(), listing.own_lists())}

    def of_entries(self, entries: Iterable[ListEntry]) -> Listings:
        """The segments of some lists, those that there are."""
        stored = self._segments.stored()
        named = dict.fromkeys(entry.segment_id for entry in entries)
        return self._among(stored, [stored[each] for each in named if each in stored])

    def rows(self, entries: Sequence[ListEntry]) -> Detailed[ListRow, Listing]:
        """The lists of one side of an experiment or a flag whose segments there are."""
        stored = self._segments.stored()
        rows = [
            (number, entry, stored[entry.segment_id])
            for number, entry in enumerate(entries)
            if entry.segment_id in stored
        ]

        def read(some: Iterable[ListRow]) -> Iterator[tuple[ListRow, Listing]]:
            for batch in batched(some, SEGMENTS_AT_ONCE):
                found = self._among(stored, [segment for _, _, segment in batch])
                yield from ((row, found[row[2].id]) for row in batch)

        return Detailed(rows, read)

    def segments(
        self, rows: Sequence[Segment], stored: Mapping[str, Segment]
    ) -> Detailed[Segment, Listing]:
        """Some segments; `stored` are all of the catalogue, by id."""
        return Detailed(rows, partial(self._each, stored))

    def holders(
        self, rows: Sequence[Holder], entries: Callable[[Holder], Sequence[ListEntry]]
    ) -> Detailed[Holder, Listings]:
        """Experiments or flags with the segments of their lists, which `entries` names."""

        def read(some: Iterable[Holder]) -> Iterator[tuple[Holder, Listings]]:
            waiting: list[Holder] = []
            lists = 0
            for holder in some:
                waiting.append(holder)
                lists += len(entries(holder))
                if lists >= SEGMENTS_AT_ONCE:
                    yield from self._with_lists(waiting, entries)
                    waiting, lists = [], 0
            yield from self._with_lists(waiting, entries)

        return Detailed(rows, read)

    def _each(
        self, stored: Mapping[str, Segment], segments: Iterable[Segment]
    ) -> Iterator[tuple[Segment, Listing]]:
        for some in batched(segments, SEGMENTS_AT_ONCE):
            listings = self._among(stored, some)
            yield from ((segment, listings[segment.id]) for segment in some)

    def _with_lists(
        self, holders: Sequence[Holder], entries: Callable[[Holder], Sequence[ListEntry]]
    ) -> Iterator[tuple[Holder, Listings]]:
        found = self.of_entries(entry for holder in holders for entry in entries(holder))
        for holder in holders:
            named = dict.fromkeys(entry.segment_id for entry in entries(holder))
            yield holder, {each: found[each] for each in named if each in found}

    def _among(self, stored: Mapping[str, Segment], segments: Sequence[Segment]) -> Listings:
        if not segments:
            return {}
        with Pool(min(len(segments), SEGMENTS_AT_ONCE)) as pool:
            members = pool.map(self._segments.members, segments)
            return {
                segment.id: Listing(segment, user_ids, parts_of(segment, stored))
                for segment, user_ids in zip(segments, members, strict=True)
            }
