"""One call of a view: what its request holds, and what it answers."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, get_type_hints
from urllib.parse import quote, urlencode

from chalice.app import Request, Response
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from chalicelib.api.http.encodings import decompressed
from chalicelib.api.http.idempotent_calls import IdempotentCall
from chalicelib.api.http.problems import ResponseHeaders, faults
from chalicelib.api.http.requests import (
    JSON_TYPE,
    InvalidBody,
    InvalidParameter,
    decode,
    is_json,
    parse_json,
)
from chalicelib.api.values.ignored_fields import note

BODY, QUERY, CATALOGUE, CALLER, ONCE = "body", "query", "catalogue", "caller", "once"
QUERY_VALUES = "query_values"
"""Parameters of views that do not come from the path."""

NOT_SENT = frozenset({"return", CATALOGUE, CALLER, ONCE})
"""Those that do not come from the request at all."""

SHOWN_BYTES = 100_000
"""A longer body is not repeated: Lambda's answers end at 6 MB, and texts grow when written."""

PARAMETERS = 1000
"""What a query may have; a gateway's URL has no room for as many with names."""

QUERY_TEXT = "[]:/,@"
"""What a query may hold without an escape, besides letters, digits and `-._~`."""


CRASH = {"Code": "InternalServerError", "Message": "An internal server error occurred."}
"""What Chalice answers where the server is at fault."""


@dataclass(frozen=True, slots=True)
class Received:
    """A request as its refusal may repeat it; `body` is None where it was not read."""

    headers: Mapping[str, str]
    method: str
    path: str
    body: Any


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with headers of its own."""

    body: Any
    headers: ResponseHeaders


class Call:
    """A call of a view: its arguments can be converted before it is made."""

    def __init__(
        self,
        view: Callable[..., Any],
        arguments: Arguments,
        params: Mapping[str, str],
        reading: Reading,
        once: IdempotentCall | None,
    ) -> None:
        self._view = view
        self._arguments = arguments
        self._params = params
        self._reading = reading
        self._once = {} if once is None else {ONCE: once}
        self._converted: dict[str, Any] | None = None

    def converted(self) -> dict[str, Any]:
        """The arguments by name.

        Raises:
            Invalid: if one of them is not what its type says.
        """
        if self._converted is None:
            self._converted = self._arguments.convert(self._params, self._reading)
        return self._converted

    def __call__(self, *first: Any) -> Any:
        """Call the view with `first`, then the arguments."""
        return self._view(*first, **self.converted(), **self._once)


class Reading:
    """A request's body, parsed when it is first asked for; `parsed` is None until then.

    `shown` is what a refusal may repeat of it: nothing of what does not say that it is JSON, or is
    long.
    """

    def __init__(self, request: Request, limit: int, any_type: bool) -> None:
        self.request = request
        self._limit = limit
        self._any_type = any_type
        self.parsed: Any = None
        self.shown: Any = None
        self._read = False

    def body(self) -> Any:
        if self._read:
            return self.parsed
        self._read = True
        content_type = self.request.headers.get("content-type", "")
        raw = self.raw
        if self._any_type and not is_json(content_type):
            self.parsed = parse_json(raw, JSON_TYPE, self._limit)
        else:
            self.parsed = parse_json(raw, content_type, self._limit)
            self.shown = self.parsed if len(raw) <= SHOWN_BYTES else None
        return self.parsed

    @functools.cached_property
    def raw(self) -> bytes:
        """The body, decompressed."""
        body: str | bytes = self.request.raw_body
        sent = body.encode() if isinstance(body, str) else body
        return decompressed(sent, self.request.headers.get("content-encoding", ""), self._limit)

    def query(self) -> dict[str, str]:
        return {name: values[-1] for name, values in self.query_values().items()}

    def query_values(self) -> dict[str, list[str]]:
        pairs = parameters(self.request)
        if len(pairs) > PARAMETERS:
            raise InvalidParameter(f"the query has {len(pairs)} parameters: at most {PARAMETERS}")
        found: dict[str, list[str]] = {}
        for name, value in pairs:
            found.setdefault(name, []).append(value)
        return found


class Arguments:
    """Converts what a request holds to the arguments that a view declares.

    What it takes for that is built for the first request: of all routes a process serves a few,
    and building them all would take half of its start-up.
    """

    def __init__(self, view: Callable[..., Any], body: Any) -> None:
        """`body`, if given, is the type of the body in place of the view's."""
        self._view = view
        self._body = body

    @functools.cached_property
    def types(self) -> dict[str, Any]:
        """What the view takes from the request, by name."""
        hints = get_type_hints(self._view, include_extras=True)
        if self._body is not None:
            hints[BODY] = self._body
        return {name: hint for name, hint in hints.items() if name not in NOT_SENT}

    @functools.cached_property
    def _adapters(self) -> dict[str, TypeAdapter[Any]]:
        return {name: TypeAdapter(hint) for name, hint in self.types.items()}

    def build(self) -> None:
        """Build it now."""
        for adapter in self._adapters.values():
            adapter.rebuild()

    def convert(self, params: Mapping[str, str], reading: Reading) -> dict[str, Any]:
        """The arguments by name.

        Raises:
            Invalid: if one of them is not what its type says.
        """
        values: dict[str, Any] = {}
        for name, adapter in self._adapters.items():
            if name == BODY:
                value = reading.body()
            elif name == QUERY:
                value = reading.query()
            elif name == QUERY_VALUES:
                value = reading.query_values()
            else:
                value = decode(params[name])
            try:
                values[name] = adapter.validate_python(value)
            except ValidationError as error:
                kind = InvalidBody if name == BODY else InvalidParameter
                raise kind(faults(error, name)) from error
            if name == BODY:
                note(values[name], value)
        return values


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


def crash() -> Response:
    status = HTTPStatus.INTERNAL_SERVER_ERROR.value
    return Response(CRASH, headers={"Content-Type": JSON_TYPE}, status_code=status)


def serialised(answer: Any) -> Response:
    if isinstance(answer, Response):
        return answer
    reply = answer if isinstance(answer, Reply) else Reply(answer, {})
    return written(json_text(reply.body), reply.headers)


def json_text(body: Any) -> str:
    """Models, lists of them or plain values as JSON."""
    return to_json(body, by_alias=True).decode()


def written(text: str, headers: ResponseHeaders | None = None) -> Response:
    """The answer that is this JSON."""
    return Response(text, headers={"Content-Type": JSON_TYPE, **(headers or {})})
