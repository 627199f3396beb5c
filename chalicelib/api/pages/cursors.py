"""Cursors: where an answer in parts goes on, as text that clients need not understand."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from pydantic import ConfigDict, TypeAdapter, ValidationError

from chalicelib.domain.errors import Invalid

T = TypeVar("T")

CURSOR_LENGTH = 8192
"""Characters that a cursor may have: the longest keys, each byte of them escaped, are shorter."""

TAG_BYTES = 9
"""Bytes of the digest that binds a cursor to its route and filter; a multiple of 3 (base64)."""

MODE = ConfigDict(strict=True)

Filter = Mapping[str, object]
"""What a list was narrowed to, by name: JSON values."""


class Cursors(Generic[T]):
    """The cursors of one route.

    A cursor is good for the route and the filter that it was given out for, and only as it was
    given out: whatever else is sent is refused, however it came about.
    """

    def __init__(self, route: str, parts: Any, position: Callable[..., T]) -> None:
        """`parts` is the type of the tuple that a position is written as, of text and integers.

        `position` makes a position of them; it may raise `Invalid`.
        """
        self._route = route
        self._parts = parts
        self._position = position

    @functools.cached_property
    def _adapter(self) -> TypeAdapter[tuple[Any, ...]]:
        return TypeAdapter(self._parts, config=MODE)

    def write(self, parts: tuple[str | int, ...], /, **narrowed: object) -> str:
        """The cursor of the position that is written as `parts`."""
        text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
        return (_base64(self._tag(narrowed)) + _base64(text.encode())).rstrip("=")

    def read(self, cursor: str, /, **narrowed: object) -> T:
        """The position that a cursor stands for.

        Raises:
            Invalid: if it was not given out by this route for this filter.
        """
        try:
            if len(cursor) > CURSOR_LENGTH:
                raise ValueError("longer than any")
            padded = cursor + "=" * (-len(cursor) % 4)
            text = base64.b64decode(padded, altchars=b"-_", validate=True)[TAG_BYTES:]
            parts = self._adapter.validate_json(text)
            if self.write(parts, **narrowed) != cursor:
                raise ValueError("written in another way")
            return self._position(*parts)
        except (ValueError, ValidationError, Invalid) as error:
            raise Invalid(
                "cursor: not one that this server gave out for this; begin without one"
            ) from error

    def link(
        self, parts: tuple[str | int, ...], kept: Filter | None = None, /, **narrowed: object
    ) -> str:
        """The value of the header Link: relative, so that it is right under any host and stage.

        `kept` are the parameters that the next request has beside the cursor.
        """
        query = {"cursor": self.write(parts, **narrowed), **(kept or {})}
        return f'<?{urlencode(query, doseq=True)}>; rel="next"'

    def link_at(self, at: str, parts: tuple[str | int, ...], /, **narrowed: object) -> str:
        """A link from an answer of another route, from which `at` leads to this one."""
        query = urlencode({"cursor": self.write(parts, **narrowed)})
        return f'<{at}?{query}>; rel="next"; anchor="{at}"'

    def _tag(self, narrowed: Filter) -> bytes:
        bound = json.dumps([self._route, narrowed], sort_keys=True)
        return hashlib.sha256(bound.encode()).digest()[:TAG_BYTES]


def _base64(some: bytes) -> str:
    return base64.urlsafe_b64encode(some).decode()
