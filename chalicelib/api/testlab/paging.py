"""Pages of lists: the parameters `limit` and `cursor`, and the header Link."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TypeVar

from chalicelib.api.http.rendering import Reply
from chalicelib.api.pages.answer_pages import PartQuery
from chalicelib.api.pages.cursors import Cursors
from chalicelib.api.protocol.problems import ResponseHeaders
from chalicelib.api.testlab.fields import Integer
from chalicelib.domain.errors import Invalid
from chalicelib.domain.features.users import check_user_id
from chalicelib.services.running.paging import Page, PageRequest, Position, R

A = TypeVar("A")

RowCursors = Cursors[Position]
"""Cursors of a list of users or events."""


class PageQuery(PartQuery):
    """Up to `limit` rows, after those of the page whose Link gave `cursor`."""

    limit: Integer | None = None

    def request(self, cursors: RowCursors, **narrowed: object) -> PageRequest:
        """The page that is asked for, of a list that is `narrowed` to something.

        Raises:
            Invalid: if the limit is not positive, or the cursor not one of ours.
        """
        after = None if self.cursor is None else cursors.read(self.cursor, **narrowed)
        return PageRequest(self.limit, after)


def row_cursors(route: str) -> RowCursors:
    """The cursors of a route that lists users or events."""
    return Cursors(route, tuple[int, str, int], _position)


def page_reply(
    page: Page[R],
    query: PageQuery,
    cursors: RowCursors,
    answer: Callable[[R], A],
    **narrowed: object,
) -> Reply[list[A]]:
    """The rows of a page; a Link names the next."""
    headers: ResponseHeaders = {}
    if page.next is not None:
        kept = {} if query.limit is None else {"limit": query.limit}
        end = (page.next.variant_id, *page.next.key)
        headers["Link"] = cursors.link(end, kept, **narrowed)
    return Reply([answer(row) for row in page.rows], headers)


def json_bytes(text: str) -> int:
    """Bytes that a text takes in JSON, at the most."""
    return len(json.dumps(text))


def _position(variant_id: int, user_id: str, event_id: int) -> Position:
    check_user_id(user_id)
    if event_id < 0 or len(str(event_id)) > 16:
        raise Invalid("no event has this id")
    return Position(variant_id, (user_id, event_id))
