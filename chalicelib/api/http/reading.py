"""What a request holds: its body, its query, its headers and its path."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from chalice.app import Request

from chalicelib.api.protocol.encodings import decompressed
from chalicelib.api.protocol.requests import (
    JSON_TYPE,
    InvalidParameter,
    is_json,
    parse_form,
    parse_json,
)

SHOWN_BYTES = 100_000
"""A longer body is not repeated: Lambda's answers end at 6 MB, and texts grow when written."""

PARAMETERS = 1000
"""What a query may have; a gateway's URL has no room for as many with names."""

QUERY_TEXT = "[]:/,@"
"""What a query may hold without an escape, besides letters, digits and `-._~`."""


class Reading:
    """A request's body, parsed when it is first asked for; `parsed` is None until then.

    `shown` is what a refusal may repeat of it: nothing of what does not say that it is JSON, or is
    long.
    """

    def __init__(self, request: Request, limit: int, *, any_type: bool) -> None:
        self.request = request
        self._limit = limit
        self._any_type = any_type
        self.parsed: Any = None
        self.shown: Any = None
        self._read = False

    @property
    def headers(self) -> Mapping[str, str]:
        """By lower-case name."""
        headers: Mapping[str, str] = self.request.headers
        return headers

    def body(self) -> Any:
        """The parsed body.

        Raises:
            Malformed, TooLarge, UnknownEncoding: if it cannot be read.
        """
        if self._read:
            return self.parsed
        self._read = True
        content_type = self.headers.get("content-type", "")
        raw = self.raw
        if self._any_type and not is_json(content_type):
            self.parsed = parse_json(raw, JSON_TYPE, self._limit)
        else:
            self.parsed = parse_json(raw, content_type, self._limit)
            self.shown = self.parsed if len(raw) <= SHOWN_BYTES else None
        return self.parsed

    def form(self) -> dict[str, list[str]]:
        """The fields of a form that a page sent, with all values of each.

        Raises:
            Malformed, TooLarge: if it cannot be read.
        """
        return parse_form(self.raw, self._limit)

    @functools.cached_property
    def raw(self) -> bytes:
        """The body, decompressed."""
        body: str | bytes = self.request.raw_body
        sent = body.encode() if isinstance(body, str) else body
        return decompressed(sent, self.headers.get("content-encoding", ""), self._limit)

    def query(self) -> dict[str, str]:
        """The query; of a name that is repeated, the last value."""
        return {name: values[-1] for name, values in self.query_values().items()}

    def query_values(self) -> dict[str, list[str]]:
        """The query, with all values of each name."""
        pairs = parameters(self.request)
        if len(pairs) > PARAMETERS:
            raise InvalidParameter(f"the query has {len(pairs)} parameters: at most {PARAMETERS}")
        found: dict[str, list[str]] = {}
        for name, value in pairs:
            found.setdefault(name, []).append(value)
        return found


def request_id(request: Request) -> str:
    """What the gateway calls a request, else what Lambda calls it, else a name made up for it."""
    named = request.context.get("requestId") or getattr(
        request.lambda_context, "aws_request_id", None
    )
    return named or str(uuid.uuid4())


def requested_path(request: Request) -> str:
    """The path as it was requested, without the stage that a gateway puts before it."""
    context = request.context
    path: str = context.get("path", request.path)
    stage = f"/{context.get('stage')}/"
    return path[len(stage) - 1 :] if path.startswith(stage) else path


def requested(request: Request) -> str:
    """The path with the query; the gateway has decoded that, and what reads well is left so."""
    path, pairs = requested_path(request), parameters(request)[:PARAMETERS]
    return f"{path}?{urlencode(pairs, safe=QUERY_TEXT, quote_via=quote)}" if pairs else path


def parameters(request: Request) -> list[tuple[str, str]]:
    """The names and values of a query; names may be repeated."""
    params = request.query_params
    return [(name, value) for name in params for value in params.getlist(name)] if params else []
