"""The lists that name a user, and what they are lists of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.domain.audiences.segments import Segment
from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.catalogue.segment_usage import ListUse, SegmentUsage


@dataclass(frozen=True, slots=True)
class NamingList:
    """A segment that names the user `user_id`.

    `uses` are the lists of experiments and flags that are this segment or have it inside them, and
    `parents` the segments that have it inside them.
    """

    user_id: str
    segment: Segment
    uses: tuple[ListUse, ...]
    parents: tuple[Segment, ...]


def naming_lists(
    catalogue: Catalogue, user_id: str, versions: Iterable[tuple[str, int]]
) -> tuple[NamingList, ...]:
    """The lists in force among some versions of segments; former versions are left out."""
    usage = SegmentUsage(catalogue)
    segments = (
        segment
        for segment_id, version in sorted(versions)
        if (segment := catalogue.segments.get(segment_id)) is not None
        and segment.version == version
    )
    return tuple(
        NamingList(
            user_id,
            segment,
            tuple(usage.lists([segment.id])),
            tuple(usage.parents([segment.id])),
        )
        for segment in segments
    )
