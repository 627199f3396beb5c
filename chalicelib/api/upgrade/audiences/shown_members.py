"""How much of long lists of members an answer shows, and where the rest is found.

Members are shown whole while the answer fits 4 MB. Else the first of them are, `membersTotal` says
how many there are, and a Link leads to the rest: a segment with its next members. Of many segments
that are not shown whole only the first have a Link; the others are read by their ids. Where even
their own texts are too long together, they are named.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from chalicelib.api.http.rendering import Rendered, written
from chalicelib.api.pages.answer_pages import LINKS, Row
from chalicelib.api.pages.answer_sizes import ANSWER_BYTES, JsonText, row_text
from chalicelib.api.pages.cursors import Cursors
from chalicelib.api.upgrade.audiences.segment_answers import (
    bare_segment_answer,
    group_member,
    segment_answer,
    user_member,
)
from chalicelib.domain.audiences.listings import Listing, Listings
from chalicelib.domain.catalogue.answer_room import answer_bytes
from chalicelib.domain.errors import Invalid
from chalicelib.domain.participants.participants import GroupKey

A = TypeVar("A")

FEW = 5_000
"""Members that are written without being measured first."""

NAME_SHOWN = 200
"""Characters of a name where segments are too long together to be shown with their texts."""

BEFORE_ALL = (-1, "", "")

USER, GROUP, SEGMENT = 0, 1, 2
"""The kinds of members, in the order in which they are shown."""

Place = tuple[int, str, str]
"""A member: its kind, and its ids."""

ROUTE = "/api/segments/{segment_id}"


CURSORS: Cursors[Place] = Cursors(ROUTE, tuple[int, str, str], lambda *place: place)


def after(listing: Listing, cursor: str) -> Listing:
    """A segment with its members after a cursor.

    Raises:
        Invalid: if the cursor is not one of this segment, or the member is gone where it ended.
    """
    place = CURSORS.read(cursor, segment_id=listing.segment.id)
    places = [each for each, _ in _members(listing)]
    if place[0] == SEGMENT and place not in places:
        raise Invalid("cursor: the segment has changed since; begin without one")
    if place[0] == SEGMENT:
        shown = places.index(place) + 1
    else:
        shown = sum(each <= place for each in places if each[0] != SEGMENT)
    return _between(listing, shown, len(places))


def bounded(
    render: Callable[[Listings], A],
    listings: Listings,
    route: str,
    write: Callable[[A], JsonText[A]] = row_text,
) -> Row[A]:
    """An answer that shows some segments, with as many of their members as fit it.

    It is what `route` answers: the Links, to the route of segments, are relative to that.
    """
    if sum(map(_count, listings.values())) <= FEW:
        text = write(render(listings))
        if answer_bytes(text) <= ANSWER_BYTES:
            return Row(text, _links(listings, route))
    room = ANSWER_BYTES - answer_bytes(write(render(_fitting(listings, 0))))
    if room < 0:
        named = {segment_id: _named(listing) for segment_id, listing in listings.items()}
        return Row(write(render(named)), _links(named, route))
    while True:
        shown = _fitting(listings, room)
        text = write(render(shown))
        if room <= 0 or (size := answer_bytes(text)) <= ANSWER_BYTES:
            return Row(text, _links(shown, route))
        # The way in which it is laid out takes more for each member than was reckoned.
        room = room * ANSWER_BYTES // size * 9 // 10


def reply(row: Row[A]) -> Rendered[A]:
    """The answer of a view that shows one experiment, flag or segment."""
    return written(row.text, {"Link": ", ".join(row.links)} if row.links else None)


def bounded_one(render: Callable[[Listing], A], listing: Listing, route: str) -> Row[A]:
    """The same of one segment."""
    segment_id = listing.segment.id
    return bounded(lambda listings: render(listings[segment_id]), {segment_id: listing}, route)


def is_shown_whole(listing: Listing) -> bool:
    """Whether a segment fits an answer with all its members."""
    return not bounded_one(segment_answer, listing, ROUTE).links


def _fitting(listings: Listings, room: int) -> Listings:
    """Some segments with as many members, one segment after the other, as fit `room` bytes."""
    shown: dict[str, Listing] = {}
    for segment_id, listing in listings.items():
        members, count = _members(listing), 0
        for _, size in members:
            room -= size
            if room < 0:
                break
            count += 1
        # What follows is not to be shown just because it is smaller.
        room = room if count == len(members) else 0
        whole = count == len(members)
        shown[segment_id] = listing if whole else _between(listing, 0, count)
    return shown


def _named(listing: Listing) -> Listing:
    """A segment without its members and its own texts, but for the beginning of its name."""
    bare = replace(
        listing.segment,
        name=listing.segment.name[:NAME_SHOWN],
        description=None,
        tags=(),
        list_type=None,
    )
    return replace(_between(listing, 0, 0), segment=bare, last=BEFORE_ALL)


def _between(listing: Listing, begin: int, end: int) -> Listing:
    """A segment with some of its members only, counted in the order in which they are shown."""
    places = [place for place, _ in _members(listing)]
    kinds = [[each for each in places[begin:end] if each[0] == kind] for kind in range(3)]
    parts = {each.id: each for each in listing.sub_segments}
    return replace(
        listing,
        user_ids=[user_id for _, user_id, _ in kinds[USER]],
        groups=[GroupKey(kind, group_id) for _, kind, group_id in kinds[GROUP]],
        sub_segments=[parts[segment_id] for _, segment_id, _ in kinds[SEGMENT]],
        total=listing.total or len(places),
        last=None if end == len(places) else places[end - 1] if end else BEFORE_ALL,
    )


def _members(listing: Listing) -> list[tuple[Place, int]]:
    """The members in the order in which they are shown, with the bytes that each takes."""
    user, group = (
        answer_bytes(row_text(each))
        for each in (user_member(listing, ""), group_member(listing, GroupKey("", "")))
    )
    return [
        *(((USER, each, ""), user + _bytes(each)) for each in sorted(listing.user_ids)),
        *(
            ((GROUP, each.type, each.id), group + _bytes(each.type) + _bytes(each.id))
            for each in listing.shown_groups()
        ),
        *(
            ((SEGMENT, each.id, ""), answer_bytes(row_text(bare_segment_answer(each))) + 1)
            for each in listing.sub_segments
        ),
    ]


def _bytes(text: str) -> int:
    return answer_bytes(row_text(text)) - 1


def _count(listing: Listing) -> int:
    return len(listing.user_ids) + len(listing.shown_groups()) + len(listing.sub_segments)


def _links(listings: Listings, route: str) -> tuple[str, ...]:
    up = "../" * (route.count("/") - 2)
    links = [
        CURSORS.link(listing.last, segment_id=segment_id)
        if route == ROUTE
        else CURSORS.link_at(f"{up}segments/{segment_id}", listing.last, segment_id=segment_id)
        for segment_id, listing in listings.items()
        if listing.last is not None
    ]
    return tuple(links[:LINKS])
