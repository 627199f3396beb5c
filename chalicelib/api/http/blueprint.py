"""The one wrapper around every view."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol, TypeVar

from chalice.app import Blueprint, Response

from chalicelib.api.access import (
    EMPTY_WITHOUT_KEY,
    WITHOUT_KEY,
    Route,
    presented_keys,
    role_of,
)
from chalicelib.api.http import tagged
from chalicelib.api.http.calls import (
    ONCE,
    Arguments,
    Call,
    Reading,
    Received,
    Reply,
    crash,
    json_text,
    request_id,
    requested,
    serialised,
    written,
)
from chalicelib.api.http.conditional import not_modified, validators
from chalicelib.api.http.idempotent_calls import HEADER as IDEMPOTENCY_KEY
from chalicelib.api.http.idempotent_calls import IdempotentCall
from chalicelib.api.http.problems import ResponseHeaders, quoted
from chalicelib.api.http.requests import decode
from chalicelib.api.http.response_cache import ResponseCache
from chalicelib.api.http.tagged import Concern
from chalicelib.api.pages.answer_sizes import check_length
from chalicelib.api.values.ignored_fields import HEADER as IGNORED_FIELDS
from chalicelib.api.values.ignored_fields import named, noting
from chalicelib.api.values.spellings import spellings
from chalicelib.domain.access.api_keys import Role
from chalicelib.domain.access.idempotency import RequestKey
from chalicelib.domain.catalogue.catalogue import Catalogue, Validity
from chalicelib.domain.errors import NotFound, SwitchyardError
from chalicelib.observability import Observed, Observer
from chalicelib.services import Services

View = TypeVar("View", bound=Callable[..., Any])
Refusal = str | Callable[[Any], str]
"""A route's documented refusal, or what makes it of the request's parsed body."""

TOKEN = "token"  # noqa: S105 - no token
"""Who calls with a client's token: it does not say more."""


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
class Published:
    """A route as its documentation needs it; GET stands for HEAD too.

    `conditional` routes answer 304, those of `any_type` read any body as JSON, and those that are
    `idempotent` heed the header Idempotency-Key. What a route `concerns` has an ETag of its own.
    """

    path: str
    method: str
    view: Callable[..., Any]
    taken: Arguments
    refusal: Refusal
    dialect: Dialect
    conditional: bool
    any_type: bool
    idempotent: bool
    concerns: Concern | None = None

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The types of what the view takes from the request, by name."""
        return self.taken.types


@dataclass(frozen=True, slots=True)
class _Served:
    """A route as requests need it; the fields are explained at `ApiBlueprint.publish`."""

    published: Published
    around: Callable[[Call, Reading, ResponseHeaders], Any]
    body_limit: int

    @property
    def route(self) -> Route:
        return Route(self.published.method, self.published.path)


@dataclass(frozen=True, slots=True)
class Admission:
    """Who calls, as far as a key or a token says so, and what is answered in place of the view."""

    caller: str = ""
    instead: Reply | None = None


class ApiBlueprint(Blueprint):
    """The routes of one resource.

    A view is called with its path parameters, converted to the types that it declares, and with
    `body` and `query`, where it has such parameters, parsed as the models that it declares;
    `query_values` is the query with a list of values for each key, as keys may be repeated. A view
    that is to take effect once, however often a client sends a request, performs it by `once`. It
    returns what is to be sent: models, lists of them, plain JSON values, or a `Reply`. All else
    happens here: decoding, parsing, refusals in the words of the API, JSON, HEAD, and conditional
    requests.
    """

    services: Services
    observer: Observer

    def __init__(self, import_name: str, dialect: Dialect) -> None:
        super().__init__(import_name)
        self._dialect = dialect
        self.published: list[Published] = []
        """The routes, for the document that describes them."""
        self.any_case_paths: set[str] = set()
        """The paths that match whatever the letter case."""

    def endpoint(
        self,
        path: str,
        method: str = "GET",
        *,
        refusal: Refusal = "",
        conditional: bool = False,
        concerns: Concern | None = None,
    ) -> Callable[[View], View]:
        """Publish a view; HEAD comes with GET. `conditional` says that it may answer 304.

        What it `concerns` has a tag of its own: answers carry it, and requests may insist on it.
        """

        def around(call: Call, reading: Reading, headers: ResponseHeaders) -> Any:
            if concerns is None:
                return call()
            act = tagged.read if method == "GET" else tagged.change
            return act(self.services, concerns, call, reading.request.headers, headers)

        reads_one = concerns is not None and method == "GET"
        return self.publish(
            path,
            method,
            around,
            refusal,
            conditional=conditional or reads_one,
            concerns=concerns,
        )

    def catalogue_endpoint(
        self,
        path: str,
        *,
        refusal: Refusal,
        read: Callable[[Services], Catalogue] = lambda services: services.catalogue.snapshot(),
        absent: Any = None,
        concerns: Concern | None = None,
    ) -> Callable[[View], View]:
        """Publish a view whose first argument is the catalogue, as got by `read`.

        It returns models or plain values. Its answers are written once for each catalogue,
        carry the catalogue's validators, and no body where the client has it already.
        `absent`, if given, is the answer where the view finds nothing. The tag is that of what the
        route `concerns`, if it is one thing. While the store is unavailable they are of the last
        catalogue that was read, and say so by X-Stale; nothing is refused on the strength of that.
        """

        kept = ResponseCache()

        def answer(call: Call, catalogue: Catalogue) -> str:
            question = frozenset(call.converted().items())
            return kept.text(catalogue, question, lambda: json_text(call(catalogue)))

        def conditionally(call: Call, reading: Reading, headers: ResponseHeaders) -> Any:
            def dated(catalogue: Catalogue) -> Validity:
                validity = self.services.catalogue.validity(catalogue.revision)
                headers.update(validators(catalogue.revision, validity))
                return validity

            catalogue = read(self.services)
            validity = dated(catalogue)
            try:
                text = answer(call, catalogue)
            except NotFound:
                # It may have been a cached catalogue; only a fresh one may refuse.
                catalogue = self.services.catalogue.fresh()
                validity = dated(catalogue)
                try:
                    text = answer(call, catalogue)
                except NotFound:
                    if absent is None:
                        raise
                    text = json_text(absent)
            subject = concerns and concerns.subject(call.converted())
            own = subject and self.services.entity_tags.tag(catalogue, subject)
            if own:
                headers["ETag"] = quoted(own)
            if not_modified(reading.request.headers, str(headers["ETag"]), validity):
                return Response("", status_code=304)
            return written(text)

        return self.publish(
            path, "GET", conditionally, refusal, conditional=True, concerns=concerns
        )

    def publish(
        self,
        path: str,
        method: str,
        around: Callable[[Call, Reading, ResponseHeaders], Any],
        refusal: Refusal = "",
        body: Any = None,
        *,
        body_limit: int | None = None,
        any_type: bool = False,
        conditional: bool = False,
        concerns: Concern | None = None,
    ) -> Callable[[View], View]:
        """Publish a view that `around` calls; `body` is the model of the body if the view's is not.

        `around` gets the call to make, the request, and the headers to fill of the answer. The
        body may have `body_limit` bytes if not as many as others of the API, and with `any_type`
        it is read as JSON whatever its type says. `conditional` says that `around` may answer 304.
        """
        methods = ["GET", "HEAD"] if method == "GET" else [method]
        paths = frozenset({path})
        if self._dialect.any_case and role_of(Route(method, path)) is Role.ADMIN:
            self.any_case_paths.add(path)
            paths = spellings(path)

        def decorate(view: View) -> View:
            arguments = Arguments(view, body)
            published = Published(
                path,
                method,
                view,
                arguments,
                refusal,
                self._dialect,
                conditional,
                any_type,
                idempotent=ONCE in view.__annotations__,
                concerns=concerns,
            )
            self.published.append(published)
            served = _Served(published, around, body_limit or self._dialect.body_limit)

            @functools.wraps(view)
            def respond(**params: str) -> Response:
                return self._respond(served, params)

            for spelling in paths:
                self.route(spelling, methods=methods, content_types=["*/*"])(respond)
            return view

        return decorate

    def _respond(self, served: _Served, params: Mapping[str, str]) -> Response:
        """The answer to the current request, observed; a fault of the program is 500."""
        request = self.current_request
        route = f"{request.method} {served.published.path}"
        try:
            with self.observer.request(request_id(request), route) as seen, noting() as ignored:
                response = self._answer(served, params, seen)
                if ignored:
                    response.headers[IGNORED_FIELDS] = named(ignored)
                seen.status = response.status_code
        except Exception:  # noqa: BLE001 - the observer has logged it, without its message
            response = crash()
        if request.method == "HEAD":
            response.body = ""
        return response

    def _answer(self, served: _Served, params: Mapping[str, str], seen: Observed) -> Response:
        published, route, request = served.published, served.route, self.current_request
        headers: ResponseHeaders = {}
        reading = Reading(request, served.body_limit, published.any_type)

        def refused(error: SwitchyardError) -> Response:
            seen.error = error
            refusal = published.refusal
            text = refusal if isinstance(refusal, str) else refusal(reading.parsed)
            received = Received(request.headers, request.method, requested(request), reading.shown)
            return self._dialect.refuse(error, text, received)

        try:
            # Clients go on with the last catalogue that was read while a newer one cannot be.
            stale_ok = role_of(route) is Role.CLIENT
            with self.services.catalogue.one_view(
                stale_ok=stale_ok, reads_once=published.method == "GET"
            ):
                # Before anything is read of it: a stranger is to learn nothing.
                admission = self._admit(route, request.headers)
                once = None
                if published.idempotent:
                    once = self._once(route, params, admission.caller, reading)
                call = Call(published.view, published.taken, params, reading, once)
                try:
                    response = serialised(
                        admission.instead or served.around(call, reading, headers)
                    )
                except SwitchyardError as error:
                    if once is None:
                        raise
                    response = once.refused(error, refused(error))
                if self.services.catalogue.stale and response.status_code < HTTPStatus.BAD_REQUEST:
                    headers["X-Stale"] = "true"
                if isinstance(response.body, str):
                    check_length(response.body)
        except SwitchyardError as error:
            response = refused(error)
        response.headers = {**headers, **response.headers}
        return response

    def build(self) -> None:
        """Build now what reads requests, which is built for the first of each route otherwise."""
        for route in self.published:
            route.taken.build()

    def admits(self, headers: Mapping[str, str]) -> bool:  # noqa: ARG002 - for derived classes
        """Whether a client proves in another way than by a key that it may call."""
        return False

    def _once(
        self, route: Route, params: Mapping[str, str], caller: str, reading: Reading
    ) -> IdempotentCall:
        client_key = reading.request.headers.get(IDEMPOTENCY_KEY)
        if client_key is None:
            return IdempotentCall(self.services.idempotency, None, serialised)
        named = {name: decode(value) for name, value in sorted(params.items())}
        name = " ".join([route.method, route.path, *([json_text(named)] if named else [])])

        def key_for(owner: str | None) -> RequestKey:
            return RequestKey.of(owner, name, caller, client_key, reading.raw)

        return IdempotentCall(self.services.idempotency, key_for, serialised)

    def _admit(self, route: Route, headers: Mapping[str, str]) -> Admission:
        """Let a caller pass, with the answer for one who may see nothing of what there is.

        Raises:
            Unauthorized, Forbidden: if the route needs a key that was not presented.
        """
        access, role = self.services.access, role_of(route)
        if role is None or not access.enabled:
            return Admission()
        presented = list(presented_keys(headers))
        if access.open_testlab and not presented:
            if route == EMPTY_WITHOUT_KEY:
                return Admission(instead=Reply([], {}))
            if route in WITHOUT_KEY:
                return Admission()
        if role is Role.CLIENT and self.admits(headers):
            return Admission(TOKEN)
        return Admission(access.admit(role, presented).id)
