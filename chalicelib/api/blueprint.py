"""The one wrapper around every view."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, get_type_hints

from chalice.app import Blueprint, Request, Response
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from chalicelib.api.conditional import not_modified, validators
from chalicelib.api.problems import ResponseHeaders, invalid
from chalicelib.api.requests import JSON_TYPE, decode, parse_json
from chalicelib.domain.catalogue import Catalogue
from chalicelib.domain.errors import NotFound, SwitchyardError
from chalicelib.services import Services

View = TypeVar("View", bound=Callable[..., Any])
Refusal = str | Callable[[Any], str]
"""A route's documented refusal, or what makes it of the request's parsed body."""

BODY, QUERY, CATALOGUE = "body", "query", "catalogue"
"""Parameters of views that do not come from the path."""


class Dialect(Protocol):
    """How one of the published APIs speaks."""

    body_limit: int
    """Bytes that a request's body may have."""

    def refuse(self, error: SwitchyardError, refusal: str, request: Mapping[str, str]) -> Response:
        """The answer to a request that is not granted.

        `refusal` is the route's documented text, `request` the request's headers.
        """
        ...


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with headers of its own."""

    body: Any
    headers: ResponseHeaders


class ApiBlueprint(Blueprint):
    """The routes of one resource.

    A view is called with its path parameters, converted to the types that it declares, and with
    `body` and `query`, where it has such parameters, parsed as the models that it declares. It
    returns what is to be sent: models, lists of them, plain JSON values, or a `Reply`. All else
    happens here: decoding, parsing, refusals in the words of the API, JSON, HEAD, and conditional
    requests.
    """

    services: Services

    def __init__(self, import_name: str, dialect: Dialect) -> None:
        super().__init__(import_name)
        self._dialect = dialect

    def endpoint(
        self, path: str, method: str = "GET", *, refusal: Refusal = ""
    ) -> Callable[[View], View]:
        """Publish a view; HEAD comes with GET."""
        return self._publish(path, method, refusal, lambda call, _request, _headers: call())

    def catalogue_endpoint(
        self,
        path: str,
        *,
        refusal: Refusal,
        read: Callable[[Services], Catalogue] = lambda services: services.catalogue.snapshot(),
        absent: Any = None,
    ) -> Callable[[View], View]:
        """Publish a view whose first argument is the catalogue, as got by `read`.

        Its answers carry the catalogue's validators, and no body where the client has it already.
        `absent`, if given, is the answer where the view finds nothing.
        """

        def conditionally(
            call: Callable[..., Any], request: Mapping[str, str], headers: ResponseHeaders
        ) -> Any:
            catalogue = read(self.services)
            headers.update(validators(catalogue.revision))
            try:
                answer = call(catalogue)
            except NotFound:
                # It may have been a cached catalogue; only a fresh one may refuse.
                catalogue = self.services.catalogue.fresh()
                headers.update(validators(catalogue.revision))
                answer = self._call_or(call, catalogue, absent)
            if not_modified(request, catalogue.revision):
                return Response("", status_code=304)
            return answer

        return self._publish(path, "GET", refusal, conditionally)

    @staticmethod
    def _call_or(call: Callable[..., Any], catalogue: Catalogue, absent: Any) -> Any:
        try:
            return call(catalogue)
        except NotFound:
            if absent is None:
                raise
            return absent

    def _publish(
        self,
        path: str,
        method: str,
        refusal: Refusal,
        around: Callable[[Callable[..., Any], Mapping[str, str], ResponseHeaders], Any],
    ) -> Callable[[View], View]:
        methods = ["GET", "HEAD"] if method == "GET" else [method]
        register = self.route(path, methods=methods, content_types=["*/*"])

        def decorate(view: View) -> View:
            arguments = _Arguments(view)

            @functools.wraps(view)
            def respond(**params: str) -> Response:
                request = self.current_request
                headers: ResponseHeaders = {}
                reading = _Reading(request, self._dialect.body_limit)

                def call(*catalogue: Catalogue) -> Any:
                    return view(*catalogue, **arguments.convert(params, reading))

                try:
                    response = _serialised(around(call, request.headers, headers))
                except SwitchyardError as error:
                    text = refusal if isinstance(refusal, str) else refusal(reading.parsed)
                    response = self._dialect.refuse(error, text, request.headers)
                response.headers = {**headers, **response.headers}
                if request.method == "HEAD":
                    response.body = ""
                return response

            register(respond)
            return view

        return decorate


class _Reading:
    """A request's body, parsed when it is first asked for; `parsed` is None until then."""

    def __init__(self, request: Request, limit: int) -> None:
        self.request = request
        self._limit = limit
        self.parsed: Any = None

    def body(self) -> Any:
        content_type = self.request.headers.get("content-type", "")
        raw = self.request.raw_body
        raw = raw.encode() if isinstance(raw, str) else raw
        self.parsed = parse_json(raw, content_type, self._limit)
        return self.parsed

    def query(self) -> dict[str, str]:
        return dict(self.request.query_params or {})


class _Arguments:
    """Converts what a request holds to the arguments that a view declares."""

    def __init__(self, view: Callable[..., Any]) -> None:
        hints = get_type_hints(view, include_extras=True)
        self._adapters: dict[str, TypeAdapter[Any]] = {
            name: TypeAdapter(hint)
            for name, hint in hints.items()
            if name not in ("return", CATALOGUE)
        }

    def convert(self, params: Mapping[str, str], reading: _Reading) -> dict[str, Any]:
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
            else:
                value = decode(params[name])
            try:
                values[name] = adapter.validate_python(value)
            except ValidationError as error:
                raise invalid(error, name) from error
        return values


def _serialised(answer: Any) -> Response:
    if isinstance(answer, Response):
        return answer
    reply = answer if isinstance(answer, Reply) else Reply(answer, {})
    return Response(
        to_json(reply.body, by_alias=True).decode(),
        headers={"Content-Type": JSON_TYPE, **reply.headers},
    )
