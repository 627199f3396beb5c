"""Lists that are too long to be shown whole are not written back by accident."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from pydantic import BaseModel, ConfigDict

from chalicelib.api.http.reading import Reading
from chalicelib.api.pages.answer_pages import Row
from chalicelib.api.upgrade.audiences.segment_imports import exported_segment
from chalicelib.api.upgrade.audiences.segment_models import SegmentBody
from chalicelib.api.upgrade.audiences.shown_members import ROUTE, bounded, is_shown_whole
from chalicelib.api.upgrade.wire.error_bodies import LongListKept
from chalicelib.services.catalogue.administration.list_uses import Check, ListUses

IF_MATCH = "if-match"


ShownWithList = Callable[[ListUses], Iterator[Row[object]]]
"""The answers that show a list among others of what has it."""

_shown_with_list: list[ShownWithList] = []


def shows_lists(answers: ShownWithList) -> ShownWithList:
    """Declare answers that show lists: where they shorten one, it is not replaced by accident."""
    _shown_with_list.append(answers)
    return answers


class ReplaceQuery(BaseModel):
    """That a list is to be replaced though an answer may have shown a part of it."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)

    replace: bool = False


def check_replaced(body: SegmentBody, query: ReplaceQuery, reading: Reading) -> Check:
    """Make the check that refuses to replace a long list, unless the caller says that it is meant.

    Who has read the list, by itself or among the others of what has it, may have seen a part of
    it, and may send that back as if it were all. The check raises `LongListKept`.
    """
    is_meant = body.id is None or (query.replace and IF_MATCH in reading.headers)
    return _accept if is_meant else _refuse_if_long


def _accept(_: ListUses) -> None: ...


def _refuse_if_long(uses: ListUses) -> None:
    listing = uses.listing()
    if listing is None:
        return
    shown = (row for answers in _shown_with_list for row in answers(uses))
    if not is_shown_whole(listing) or any(row.links for row in shown):
        raise LongListKept(
            f"segment {uses.segment_id} has more members than each answer shows: what is sent would"
            " replace all of them. If it is to, send If-Match with the ETag, and replace=true"
        )


@shows_lists
def _shown_in_files(uses: ListUses) -> Iterator[Row[object]]:
    """The files of the segments that have a list, and its own."""
    for segment_id, listings in uses.segments():
        yield bounded(partial(exported_segment, segment_id), listings, ROUTE)
