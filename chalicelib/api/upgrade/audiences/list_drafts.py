"""Lists of experiments and flags as requests describe them."""

from __future__ import annotations

from chalicelib.api.upgrade.audiences.segment_models import SegmentBody, segment_of
from chalicelib.api.upgrade.wire.records import new_id, now
from chalicelib.domain.errors import Invalid
from chalicelib.services.catalogue.imports import ListDraft


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
