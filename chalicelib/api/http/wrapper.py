"""What is around every view: admit, read, replay, call, render."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus

from chalice.app import Blueprint, Request, Response

from chalicelib.api.http.access import admit
from chalicelib.api.http.calls import Call
from chalicelib.api.http.idempotent_calls import IdempotentCall, idempotent_call
from chalicelib.api.http.reading import Reading, request_id, requested
from chalicelib.api.http.rendering import Received, crash, rendered, serialised
from chalicelib.api.http.response_cache import ResponseCache
from chalicelib.api.http.routes import Route, Routes
from chalicelib.api.protocol.problems import ResponseHeaders
from chalicelib.api.values.ignored_fields import HEADER as IGNORED_FIELDS
from chalicelib.api.values.ignored_fields import named, noting
from chalicelib.domain.access.api_keys import Role
from chalicelib.domain.errors import SwitchyardError
from chalicelib.observability import Observed, Observer
from chalicelib.services import Services

Refuse = Callable[[SwitchyardError], Response]
"""Makes the answer to a request that is not granted."""


class Wrapper:
    """Serves routes with the use cases of one application; `observer` sees each request."""

    def __init__(self, services: Services, observer: Observer) -> None:
        self._services = services
        self._observer = observer

    def blueprint(self, routes: Routes) -> Blueprint:
        """The routes of one resource, as Chalice takes them."""
        blueprint = Blueprint(routes.import_name)
        for route in routes.declared:
            methods = ["GET", "HEAD"] if route.method == "GET" else [route.method]
            served = _served(Server(route, self._services, self._observer), blueprint)
            for path in route.spellings:
                blueprint.route(path, methods=methods, content_types=["*/*"])(served)
        return blueprint

    def late_blueprint(
        self,
        import_name: str,
        paths: Mapping[str, Iterable[str]],
        load: Callable[[], Iterable[Route]],
    ) -> Blueprint:
        """Routes that are loaded with the first request to any of them; `paths` have methods."""
        blueprint = Blueprint(import_name)

        @functools.cache
        def servers() -> Mapping[tuple[str, str], Server]:
            own = self._services, self._observer
            return {(route.method, route.path): Server(route, *own) for route in load()}

        for path, methods in paths.items():
            for method in methods:
                served = _served_late(servers, blueprint, method, path)
                also = ["HEAD"] if method == "GET" else []
                blueprint.route(path, methods=[method, *also], content_types=["*/*"])(served)
        return blueprint


def _served_late(
    servers: Callable[[], Mapping[tuple[str, str], Server]],
    blueprint: Blueprint,
    method: str,
    path: str,
) -> Callable[..., Response]:
    def respond(**params: str) -> Response:
        return servers()[method, path].respond(blueprint.current_request, params)

    # Chalice names what it deploys by the function.
    respond.__name__ = f"{method.lower()}{re.sub('[^a-z]+', '_', path)}"
    return respond


def _served(server: Server, blueprint: Blueprint) -> Callable[..., Response]:
    # Chalice takes names, and the summaries of the API that it deploys, from the function.
    @functools.wraps(server.route.view)
    def respond(**params: str) -> Response:
        return server.respond(blueprint.current_request, params)

    return respond


class Server:
    """Answers the requests of one route of one application."""

    def __init__(self, route: Route, services: Services, observer: Observer) -> None:
        self.route = route
        self._services = services
        self._observer = observer
        self._cache = ResponseCache()

    def respond(self, request: Request, params: Mapping[str, str]) -> Response:
        """The answer to a request, observed; a fault of the program is 500."""
        name = f"{request.method} {self.route.path}"
        try:
            with self._observer.request(request_id(request), name) as seen, noting() as ignored:
                response = self._answer(request, params, seen)
                if ignored:
                    response.headers[IGNORED_FIELDS] = named(ignored)
                seen.status = response.status_code
        except Exception:  # noqa: BLE001 - the observer has logged it, without its message
            response = crash()
        if request.method == "HEAD":
            response.body = ""
        return response

    def _answer(self, request: Request, params: Mapping[str, str], seen: Observed) -> Response:
        route, services, catalogue = self.route, self._services, self._services.catalogue
        headers: ResponseHeaders = {}
        reading = Reading(request, route.body_limit, any_type=route.any_type)

        def refuse(error: SwitchyardError) -> Response:
            seen.error = error
            return refused(route, reading, error)

        try:
            # Clients go on with the last catalogue that was read while a newer one cannot be.
            stale_ok = route.access.role is Role.CLIENT
            with catalogue.one_view(stale_ok=stale_ok, reads_once=route.method == "GET"):
                # Before anything is read of it: a stranger is to learn nothing.
                admission = admit(services, route.access, reading.headers)
                if admission.sees_nothing:
                    return serialised([])
                once = idempotent_call(services, route, params, admission.caller, reading)
                call = Call(
                    route.view, route.taken, params, services, reading, self._cache, once=once
                )
                response = rendered(performed(lambda: route.around(call, headers), once, refuse))
                if catalogue.stale and response.status_code < HTTPStatus.BAD_REQUEST:
                    headers["X-Stale"] = "true"
        except SwitchyardError as error:
            response = refuse(error)
        response.headers = {**headers, **response.headers}
        return response


def performed(
    call: Callable[[], object], once: IdempotentCall | None, refuse: Refuse
) -> object | Response:
    """The answer of a call; a refusal is kept too where the request is to take effect once."""
    try:
        return call()
    except SwitchyardError as error:
        if once is None:
            raise
        return once.refused(error, refuse(error))


def refused(route: Route, reading: Reading, error: SwitchyardError) -> Response:
    """The answer to a request that is not granted, in the words of the route's API."""
    request, refusal = reading.request, route.refusal
    text = refusal if isinstance(refusal, str) else refusal(reading.parsed)
    received = Received(reading.headers, request.method, requested(request), reading.shown)
    return route.dialect.refuse(error, text, received)
