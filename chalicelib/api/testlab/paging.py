"""Pages of lists: the parameters `limit` and `cursor`, and the header Link."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from pydantic import TypeAdapter, ValidationError

from chalicelib.api.calls import Reply
from chalicelib.api.problems import ResponseHeaders
from chalicelib.api.testlab.fields import Integer, Text
from chalicelib.api.testlab.models import RequestBody
from chalicelib.domain.errors import Invalid
from chalicelib.domain.users import check_user_id
from chalicelib.services.paging import Page, PageRequest, Position, R

T = TypeVar("T")
P = TypeVar("P", bound=tuple[Any, ...])

_parts: TypeAdapter[tuple[int, str, int]] = TypeAdapter(tuple[Integer, Text, int])


class PageQuery(RequestBody):
    """Up to `limit` rows, after those of the page whose Link gave `cursor`."""

    limit: Integer | None = None
    cursor: str | None = None

    def request(self) -> PageRequest:
        """The page that is asked for.

        Raises:
            Invalid: if the limit is not positive, or the cursor not one of ours.
        """
        return PageRequest(self.limit, None if self.cursor is None else _decode(self.cursor))


def page_reply(page: Page[R], query: PageQuery, answer: Callable[[R], Any]) -> Reply:
    """The rows of a page; a relative Link, right under any host and stage, names the next."""
    headers: ResponseHeaders = {}
    if page.next is not None:
        parameters: dict[str, Any] = {"cursor": _encode(page.next)}
        if query.limit is not None:
            parameters["limit"] = query.limit
        headers["Link"] = f'<?{urlencode(parameters)}>; rel="next"'
    return Reply([answer(row) for row in page.rows], headers)


def json_bytes(text: str) -> int:
    """Bytes that a text takes in JSON, at the most."""
    return len(json.dumps(text))


def written_cursor(parts: Sequence[Any]) -> str:
    """A position as text that clients need not understand."""
    text = json.dumps(parts, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(cursor: str, parts: TypeAdapter[P], position: Callable[..., T]) -> T:
    """What `position` makes of the parts of a cursor.

    Raises:
        Invalid: if it is not one of ours.
    """
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return position(*parts.validate_json(text))
    except (binascii.Error, ValueError, ValidationError, Invalid) as error:
        raise Invalid("cursor: not one that this server gave out") from error


def _encode(position: Position) -> str:
    return written_cursor([position.variant_id, *position.key])


def _decode(cursor: str) -> Position:
    return read_cursor(cursor, _parts, _position)


def _position(variant_id: int, user_id: str, event_id: int) -> Position:
    check_user_id(user_id)
    if event_id < 0 or len(str(event_id)) > 16:
        raise Invalid("no event has this id")
    return Position(variant_id, (user_id, event_id))
