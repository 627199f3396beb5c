"""Chalice's local server, made to answer as a deployed gateway does.

A gateway answers what no route takes by itself, in its own words; Chalice's local server has other
ones. Used in stage local only; `chalice.local` is not part of what is deployed.
"""

from __future__ import annotations

import json
from contextlib import suppress
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from chalice import local
from chalice.app import Chalice, CORSConfig
from chalice.config import Config

from chalicelib.api.local.framing import BadFraming, read_body

UNKNOWN = {"error": "unknown endpoint"}
PAYLOAD_LIMIT = 10 * 1024 * 1024
"""Bytes of a request that API Gateway takes."""

CONNECTIONS_WAITING = 128
SECONDS_TO_READ_ON = 1
PIECE = 64 * 1024


class Routes(local.RouteMatcher):
    """Finds routes as API Gateway does, to which a semicolon is a character like others.

    Routes among `any_case` match whatever the letter case.
    """

    def __init__(self, route_urls: list[str], any_case: frozenset[str]) -> None:
        super().__init__(route_urls)
        self._any_case = any_case

    def match_route(self, url: str) -> local.MatchResult:
        asked = urlsplit(url, allow_fragments=False)
        parts = asked.path.removesuffix("/").split("/")
        for route in self.route_urls:
            declared = route.removesuffix("/").split("/")
            captured = _captured(declared, parts, any_case=route in self._any_case)
            if captured is not None:
                query = parse_qs(asked.query, keep_blank_values=True)
                return local.MatchResult(route, captured, query)
        raise ValueError(f"there is no route for {url}")


def _captured(route: list[str], parts: list[str], *, any_case: bool) -> dict[str, str] | None:
    """The values of a route's variables in a path; None if it is not the route's."""
    if len(route) != len(parts):
        return None
    captured: dict[str, str] = {}
    for declared, part in zip(route, parts, strict=True):
        if declared.startswith("{"):
            captured[declared[1:-1]] = part
        elif declared != part and not (any_case and declared.lower() == part.lower()):
            return None
    return captured


class SwitchyardGateway(local.LocalGateway):
    """Answers 404 where the gateway has no route, with the headers of CORS."""

    any_case: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, app_object: Chalice, config: Config) -> None:
        super().__init__(app_object, config)
        self.event_converter = local.LambdaEventConverter(
            Routes(list(app_object.routes), self.any_case), app_object.api.binary_types
        )

    def handle_request(
        self, method: str, path: str, headers: dict[str, Any], body: bytes | None
    ) -> dict[str, Any]:
        try:
            response: dict[str, Any] = super().handle_request(method, path, headers, body)
        except local.ForbiddenError:
            response = {"statusCode": 405}
        if response["statusCode"] == 405:
            return self.refusal(HTTPStatus.NOT_FOUND, UNKNOWN, method)
        return response

    def refusal(self, status: HTTPStatus, body: dict[str, str], method: str) -> dict[str, Any]:
        """What the gateway answers by itself."""
        cors = self._app_object.api.cors
        headers = cors.get_access_control_headers() if isinstance(cors, CORSConfig) else {}
        return {
            "statusCode": status.value,
            "headers": {"Content-Type": "application/json", **headers},
            "multiValueHeaders": {},
            "body": "" if method == "HEAD" else json.dumps(body),
        }


def _handle(handler: local.ChaliceRequestHandler) -> None:
    """Serve a request whose end can be told; any other ends the connection."""
    try:
        body = read_body(handler.rfile, handler.headers, handler.request_version, PAYLOAD_LIMIT)
    except BadFraming as error:
        _refuse(handler, error.status, {"message": str(error)})
        _read_on(handler)
        return
    sent = dict(handler.headers)
    answer = handler.local_gateway.handle_request(handler.command, handler.path, sent, body or None)
    headers = {**answer["headers"], **answer["multiValueHeaders"]}
    _send(handler, answer["statusCode"], headers, answer["body"] or "")


def _send(
    handler: local.ChaliceRequestHandler, status: int, headers: dict[str, Any], body: str
) -> None:
    """Send an answer; of one without its body nothing is said of how long that would be."""
    content = body.encode()
    handler.send_response(status)
    if handler.command != "HEAD" and status != HTTPStatus.NOT_MODIFIED:
        handler.send_header("Content-Length", str(len(content)))
    handler._send_headers(headers)
    handler.wfile.write(content)


def _refuse(handler: local.ChaliceRequestHandler, status: HTTPStatus, body: dict[str, str]) -> None:
    gateway = handler.local_gateway
    assert isinstance(gateway, SwitchyardGateway)  # noqa: S101 - see install()
    answer = gateway.refusal(status, body, handler.command)
    handler.close_connection = True
    _send(handler, status.value, {**answer["headers"], "Connection": "close"}, answer["body"])


def _read_on(handler: local.ChaliceRequestHandler) -> None:
    """Take some of what is still coming: a connection that is closed on it loses the answer."""
    handler.connection.settimeout(SECONDS_TO_READ_ON)
    room = PAYLOAD_LIMIT
    with suppress(OSError):
        while room > 0 and (taken := len(handler.rfile.read1(PIECE))):
            room -= taken


def _send_error(
    handler: local.ChaliceRequestHandler,
    code: int,
    message: str | None = None,
    explain: str | None = None,  # noqa: ARG001 - the signature of http.server
) -> None:
    """Answer what http.server refuses, in JSON; a method that it does not know is no route."""
    handler.command = handler.command or "GET"
    if code == HTTPStatus.NOT_IMPLEMENTED:
        _refuse(handler, HTTPStatus.NOT_FOUND, UNKNOWN)
    else:
        _refuse(handler, HTTPStatus(code), {"message": message or HTTPStatus(code).phrase})


def _log_nothing(handler: local.ChaliceRequestHandler, *_: object) -> None:
    pass


def install(any_case: frozenset[str]) -> None:
    """Let `chalice local`, and every local server of this process, use this gateway.

    Routes among `any_case` match whatever the letter case.

    Headers and body leave the server in two packets; without TCP_NODELAY the second would wait
    for the acknowledgement of the first, 40 ms. And Python's servers let five callers wait.
    """
    handler = local.ChaliceRequestHandler
    methods = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    for name in (f"do_{method}" for method in methods):
        setattr(handler, name, _handle)
    setattr(handler, "send_error", _send_error)  # noqa: B010 - replaced on purpose
    # Its lines would hold the paths as they were requested; the application logs each request.
    setattr(handler, "log_request", _log_nothing)  # noqa: B010 - replaced on purpose
    handler.disable_nagle_algorithm = True
    local.ThreadedHTTPServer.request_queue_size = CONNECTIONS_WAITING
    SwitchyardGateway.any_case = any_case
    setattr(local, "LocalGateway", SwitchyardGateway)  # noqa: B010 - replaced on purpose
