"""Routes as they are declared beside their views; `wrapper` serves them.

A view is called with its path parameters, converted to the types that it declares, and with `body`
and `query`, where it has such parameters, parsed as the models that it declares; `query_values` is
the query with a list of values for each key, as keys may be repeated. It gets `services`, the use
cases of its application, and, if it declares it, the `reading` of the request. It returns what is
to be sent: models, lists of them, plain JSON values, a `Reply` or a `Response`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from chalice.app import Response

from chalicelib.api.http import tagged
from chalicelib.api.http.access import ADMIN, Access
from chalicelib.api.http.calls import GIVEN, ONCE, READ, Arguments, Call
from chalicelib.api.http.rendering import Received, json_text, written
from chalicelib.api.http.tagged import Concern
from chalicelib.api.pages.answer_sizes import JsonText
from chalicelib.api.protocol.conditional import not_modified, validators
from chalicelib.api.protocol.problems import ResponseHeaders, quoted
from chalicelib.api.values.spellings import spellings
from chalicelib.domain.access.api_keys import Role
from chalicelib.domain.catalogue.catalogue import Catalogue, Validity
from chalicelib.domain.errors import NotFound, SwitchyardError
from chalicelib.services import Services

View = TypeVar("View", bound=Callable[..., Any])
Refusal = str | Callable[[Any], str]
"""A route's documented refusal, or what makes it of the request's parsed body."""

Around = Callable[[Call, ResponseHeaders], Any]
"""Makes the call of a view; what must be found out for it comes before. It fills the headers."""

VARIABLE = re.compile(r"{(\w+)}")
"""A part of a path that views get by its name."""

ReadCatalogue = Callable[[Services], Catalogue]


class Misdeclared(Exception):
    """A route would not do what it says."""


class Dialect(Protocol):
    """How one of the published APIs speaks."""

    body_limit: int
    """Bytes that a request's body may have."""

    any_case: bool
    """Whether paths of administration are known in other letters too."""

    def refuse(self, error: SwitchyardError, refusal: str, received: Received) -> Response:
        """The answer to a request that is not granted; `refusal` is the route's documented text."""
        ...


@dataclass(frozen=True, slots=True)
class Route:
    """A route as it is served and documented; GET stands for HEAD too.

    `around` makes the calls of the view. `conditional` routes answer 304, those of `any_type` read
    any body as JSON, and those that are `idempotent` heed the header Idempotency-Key. What a route
    `concerns` has an ETag of its own.
    """

    method: str
    path: str
    view: Callable[..., Any]
    taken: Arguments
    around: Around
    dialect: Dialect
    access: Access
    refusal: Refusal
    body_limit: int
    any_type: bool
    conditional: bool
    idempotent: bool
    concerns: Concern | None

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The types of what the view takes from the request, by name."""
        return self.taken.types

    @property
    def spellings(self) -> frozenset[str]:
        """The paths under which it is published."""
        return spellings(self.path) if self.any_case else frozenset({self.path})

    @property
    def any_case(self) -> bool:
        """Whether its path matches whatever the letter case, where the server can do that."""
        return self.dialect.any_case and self.access.role is Role.ADMIN


class Routes:
    """The routes of one resource, in the words of one API."""

    def __init__(self, import_name: str, dialect: Dialect, access: Access = ADMIN) -> None:
        """`access` is that of routes which do not declare their own."""
        self.import_name = import_name
        self.declared: list[Route] = []
        self._dialect = dialect
        self._access = access

    def endpoint(
        self,
        path: str,
        method: str = "GET",
        *,
        access: Access | None = None,
        refusal: Refusal = "",
        conditional: bool = False,
        idempotent: bool = False,
        concerns: Concern | None = None,
    ) -> Callable[[View], View]:
        """Publish a view; HEAD comes with GET. `conditional` says that it may answer 304.

        What it `concerns` has a tag of its own: answers carry it, and requests may insist on it.
        A view that is `idempotent` performs what it does by `once`.
        """
        around = _call if concerns is None else tagged.around(concerns, method)
        reads_one = concerns is not None and method == "GET"
        return self.publish(
            path,
            method,
            around,
            access=access,
            refusal=refusal,
            conditional=conditional or reads_one,
            idempotent=idempotent,
            concerns=concerns,
        )

    def catalogue_endpoint(
        self,
        path: str,
        *,
        access: Access | None = None,
        refusal: Refusal,
        read: ReadCatalogue = lambda services: services.catalogue.snapshot(),
        absent: Any = None,
        concerns: Concern | None = None,
    ) -> Callable[[View], View]:
        """Publish a view that takes the `catalogue`, as got by `read`.

        It returns models or plain values. Its answers are written once for each catalogue,
        carry the catalogue's validators, and no body where the client has it already.
        `absent`, if given, is the answer where the view finds nothing. The tag is that of what the
        route `concerns`, if it is one thing. While the store is unavailable they are of the last
        catalogue that was read, and say so by X-Stale; nothing is refused on the strength of that.
        """
        return self.publish(
            path,
            "GET",
            _from_catalogue(read, absent, concerns),
            access=access,
            refusal=refusal,
            conditional=True,
            concerns=concerns,
        )

    def publish(
        self,
        path: str,
        method: str,
        around: Around,
        *,
        body: Any = None,
        access: Access | None = None,
        refusal: Refusal = "",
        body_limit: int | None = None,
        any_type: bool = False,
        conditional: bool = False,
        idempotent: bool = False,
        concerns: Concern | None = None,
    ) -> Callable[[View], View]:
        """Publish a view whose calls `around` makes; the fields are explained at `Route`.

        `body` is the model of the body if the view's is not, and it may have `body_limit` bytes if
        not as many as others of the API.
        """

        def decorate(view: View) -> View:
            _check_declared(path, view, idempotent=idempotent)
            route = Route(
                method,
                path,
                view,
                Arguments(view, body),
                around,
                self._dialect,
                access or self._access,
                refusal,
                body_limit or self._dialect.body_limit,
                any_type=any_type,
                conditional=conditional,
                idempotent=idempotent,
                concerns=concerns,
            )
            self.declared.append(route)
            return view

        return decorate


def _check_declared(path: str, view: View, *, idempotent: bool) -> None:
    """Refuse a route whose declaration and view do not go together.

    Raises:
        Misdeclared: if so.
    """
    if idempotent != (ONCE in view.__annotations__):
        raise Misdeclared(f"{path}: an idempotent view, and no other, takes {ONCE!r}")
    variables = frozenset(VARIABLE.findall(path))
    if taken := variables & (GIVEN | READ):
        raise Misdeclared(f"{path}: a variable must not be called {', '.join(sorted(taken))}")
    known = variables | GIVEN | READ | {"return"}
    if unknown := view.__annotations__.keys() - known:
        raise Misdeclared(f"{path}: nothing gives the view {', '.join(sorted(unknown))}")


def _call(call: Call, _headers: ResponseHeaders) -> Any:
    return call()


def _from_catalogue(read: ReadCatalogue, absent: Any, concerns: Concern | None) -> Around:
    def text_of(call: Call, catalogue: Catalogue) -> str:
        question = frozenset(call.converted().items())
        return call.cache.text(catalogue, question, lambda: json_text(call(catalogue=catalogue)))

    def fresh_text(call: Call, catalogue: Catalogue) -> str:
        try:
            return text_of(call, catalogue)
        except NotFound:
            if absent is None:
                raise
            return json_text(absent)

    def conditionally(call: Call, headers: ResponseHeaders) -> Response:
        services = call.services

        def dated(catalogue: Catalogue) -> Validity:
            validity = services.catalogue.validity(catalogue.revision)
            headers.update(validators(catalogue.revision, validity))
            return validity

        catalogue = read(services)
        validity = dated(catalogue)
        try:
            text = text_of(call, catalogue)
        except NotFound:
            # It may have been a cached catalogue; only a fresh one may refuse.
            catalogue = services.catalogue.fresh()
            validity = dated(catalogue)
            text = fresh_text(call, catalogue)
        subject = concerns and concerns.subject(services, call.converted())
        own = subject and services.entity_tags.tag(catalogue, subject)
        if own:
            headers["ETag"] = quoted(own)
        if not_modified(call.reading.headers, str(headers["ETag"]), validity):
            return Response("", status_code=304)
        return written(JsonText[object](text))

    return conditionally
