"""Reading and storing what experiments and flags refer to, in the forms of administration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from chalicelib.api.upgrade.audiences.segment_models import (
    Listing,
    Listings,
    SegmentBody,
    segment_of,
)
from chalicelib.api.upgrade.wire.pages import batched
from chalicelib.api.upgrade.wire.records import new_id, now
from chalicelib.domain.audiences.filters import ListEntry
from chalicelib.domain.audiences.segments import Segment
from chalicelib.domain.catalogue.lists import entries as list_entries
from chalicelib.domain.catalogue.segment_usage import parts_of
from chalicelib.domain.errors import Invalid
from chalicelib.services import Services
from chalicelib.services.catalogue.imports import ListDraft
from chalicelib.services.experiments.experiments import HeldExperiment
from chalicelib.services.running.pools import Pool

SEGMENTS_AT_ONCE = 8

T = TypeVar("T")
Holder = TypeVar("Holder")


def listing_of(services: Services, segment_id: str) -> Listing:
    """A segment with its users and subsegments.

    Raises:
        NotFound: if there is none.
    """
    stored = services.segments.stored()
    segment = stored.get(segment_id) or services.segments.get(segment_id)
    return listings_in(services, stored, [segment])[segment.id]


def listings_in(
    services: Services, stored: Mapping[str, Segment], segments: Sequence[Segment]
) -> Listings:
    """Some segments with their users and subsegments, by id; `stored` are all of the catalogue."""
    if not segments:
        return {}
    with Pool(min(len(segments), SEGMENTS_AT_ONCE)) as pool:
        members = pool.map(services.segments.members, segments)
        return {
            segment.id: Listing(
                segment,
                user_ids,
                parts_of(segment, stored),
            )
            for segment, user_ids in zip(segments, members, strict=True)
        }


def listings_with_parts(
    services: Services, segment_id: str, parts: Callable[[Listing], Sequence[Segment]]
) -> Listings:
    """A segment and some of its parts with their members.

    Raises:
        NotFound: if there is no such segment.
    """
    listing = listing_of(services, segment_id)
    stored = services.segments.stored()
    return {segment_id: listing, **listings_in(services, stored, parts(listing))}


def each_listing(
    services: Services, stored: Mapping[str, Segment], segments: Iterable[Segment]
) -> Iterator[tuple[Segment, Listing]]:
    """Some segments with their members, some read at a time: a page may end before the last."""
    for some in batched(segments, SEGMENTS_AT_ONCE):
        listings = listings_in(services, stored, some)
        yield from ((segment, listings[segment.id]) for segment in some)


def each_with_lists(
    services: Services, holders: Iterable[Holder], entries: Callable[[Holder], Sequence[ListEntry]]
) -> Iterator[tuple[Holder, Listings]]:
    """What has lists with the segments of those, some lists read at a time."""
    some: list[Holder] = []
    waiting = 0
    for holder in holders:
        some.append(holder)
        waiting += len(entries(holder))
        if waiting >= SEGMENTS_AT_ONCE:
            yield from _with_lists(services, some, entries)
            some, waiting = [], 0
    yield from _with_lists(services, some, entries)


def each_experiment_with_lists(
    services: Services, experiments: Iterable[HeldExperiment]
) -> Iterator[tuple[HeldExperiment, Listings]]:
    """Experiments with the segments of their lists, some lists read at a time."""
    return each_with_lists(services, experiments, lambda row: list_entries(row[1]))


def _with_lists(
    services: Services, holders: Sequence[Holder], entries: Callable[[Holder], Sequence[ListEntry]]
) -> Iterator[tuple[Holder, Listings]]:
    found = listings_of(services, (entry for holder in holders for entry in entries(holder)))
    for holder in holders:
        named = dict.fromkeys(entry.segment_id for entry in entries(holder))
        yield holder, {each: found[each] for each in named if each in found}


def listings_of(services: Services, entries: Iterable[ListEntry]) -> Listings:
    """The segments of some lists, by id; those that there are."""
    stored = services.segments.stored()
    named = dict.fromkeys(entry.segment_id for entry in entries)
    return listings_in(services, stored, [stored[each] for each in named if each in stored])


def check_same_list(segment_id: str, body: SegmentBody) -> None:
    """Refuse a body that describes another list than the path.

    Raises:
        Invalid: if so.
    """
    if body.id not in (None, segment_id):
        raise Invalid(
            f"The id in the URL ({segment_id}) does not match the list id in the request body"
            f" ({body.id})."
        )


def list_draft(body: SegmentBody) -> ListDraft:
    """A list that is to be created along with what has it."""
    return ListDraft(segment_of(body, new_id=new_id, now=now()), body.users())
