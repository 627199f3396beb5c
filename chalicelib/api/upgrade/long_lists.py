"""Lists that are too long to be shown whole are not written back by accident."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from chalicelib.api.upgrade.listings import listing_of
from chalicelib.api.upgrade.segment_models import SegmentBody
from chalicelib.api.upgrade.shown_members import is_shown_whole
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.services import Services

IF_MATCH = "if-match"


class LongListKept(Conflict):
    """A list that no answer shows whole would be replaced by what may be a part of it."""


class ReplaceQuery(BaseModel):
    """That a list is to be replaced though no answer shows it whole."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)

    replace: bool = False


def check_replaced(
    services: Services, body: SegmentBody, query: ReplaceQuery, headers: Mapping[str, str]
) -> None:
    """Refuse to replace the members of a long list, unless the caller says that it is meant.

    Who has read the list has seen a part of it, and may send that back as if it were all.

    Raises:
        LongListKept: if so.
    """
    if body.id is None or (query.replace and IF_MATCH in headers):
        return
    try:
        listing = listing_of(services, body.id)
    except NotFound:
        return
    if not is_shown_whole(listing):
        raise LongListKept(
            f"segment {body.id} has more members than an answer shows: what is sent would replace"
            " all of them. If it is to, send If-Match with the segment's ETag, and replace=true"
        )
