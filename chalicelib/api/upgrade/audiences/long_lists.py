"""Lists that are too long to be shown whole are not written back by accident."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from pydantic import BaseModel, ConfigDict

from chalicelib.api.http.reading import Reading
from chalicelib.api.pages.answer_pages import Row
from chalicelib.api.upgrade.audiences.listings import listing_of, listings_with_parts
from chalicelib.api.upgrade.audiences.segment_imports import exported_segment, exported_with
from chalicelib.api.upgrade.audiences.segment_models import SegmentBody
from chalicelib.api.upgrade.audiences.shown_members import ROUTE, bounded, is_shown_whole
from chalicelib.api.upgrade.wire.error_bodies import LongListKept
from chalicelib.domain.errors import NotFound
from chalicelib.services import Services

IF_MATCH = "if-match"


ShownWithList = Callable[[Services, str], Iterator[Row[object]]]
"""The answers that show a list, by the id of its segment, among others of what has it."""

_shown_with_list: list[ShownWithList] = []


def shows_lists(answers: ShownWithList) -> ShownWithList:
    """Declare answers that show lists: where they shorten one, it is not replaced by accident."""
    _shown_with_list.append(answers)
    return answers


class ReplaceQuery(BaseModel):
    """That a list is to be replaced though an answer may have shown a part of it."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)

    replace: bool = False


def check_replaced(
    services: Services, body: SegmentBody, query: ReplaceQuery, reading: Reading
) -> None:
    """Refuse to replace the members of a long list, unless the caller says that it is meant.

    Who has read the list, by itself or among the others of what has it, may have seen a part of
    it, and may send that back as if it were all.

    Raises:
        LongListKept: if so.
    """
    if body.id is None or (query.replace and IF_MATCH in reading.headers):
        return
    try:
        listing = listing_of(services, body.id)
    except NotFound:
        return
    shown = (row for answers in _shown_with_list for row in answers(services, body.id))
    if not is_shown_whole(listing) or any(row.links for row in shown):
        raise LongListKept(
            f"segment {body.id} has more members than each answer shows: what is sent would replace"
            " all of them. If it is to, send If-Match with the ETag, and replace=true"
        )


@shows_lists
def _shown_in_files(services: Services, segment_id: str) -> Iterator[Row[object]]:
    """The files of the segments that have a list, and its own."""
    for segment in services.segments.stored().values():
        if segment_id == segment.id or segment_id in segment.sub_segments:
            yield _file(services, segment.id)


def _file(services: Services, segment_id: str) -> Row[object]:
    listings = listings_with_parts(services, segment_id, exported_with)
    return bounded(partial(exported_segment, segment_id), listings, ROUTE)
