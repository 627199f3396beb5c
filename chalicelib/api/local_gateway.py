"""Chalice's local server, made to answer as a deployed gateway does.

A gateway answers what no route takes by itself, in its own words; Chalice's local server has other
ones. Used in stage local only; `chalice.local` is not part of what is deployed.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from chalice import local
from chalice.app import CORSConfig

UNKNOWN = "unknown endpoint"
PAYLOAD_LIMIT = 10 * 1024 * 1024
"""Bytes of a request that API Gateway takes."""

CONNECTIONS_WAITING = 128


class SwitchyardGateway(local.LocalGateway):
    """Answers 404 where the gateway has no route, with the headers of CORS."""

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

    def refusal(self, status: HTTPStatus, reason: str, method: str) -> dict[str, Any]:
        """What the gateway answers by itself."""
        cors = self._app_object.api.cors
        headers = cors.get_access_control_headers() if isinstance(cors, CORSConfig) else {}
        return {
            "statusCode": status.value,
            "headers": {"Content-Type": "application/json", **headers},
            "multiValueHeaders": {},
            "body": "" if method == "HEAD" else json.dumps({"error": reason}),
        }


def _handle(handler: local.ChaliceRequestHandler) -> None:
    """Serve a request whose length can be read; any other ends the connection."""
    length = handler.headers.get("content-length", "0")
    if not length.isdecimal():
        _refuse(handler, HTTPStatus.BAD_REQUEST, "Content-Length: must be a number")
    elif int(length) > PAYLOAD_LIMIT:
        _refuse(handler, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {PAYLOAD_LIMIT} bytes")
    else:
        handler._generic_handle()


def _refuse(handler: local.ChaliceRequestHandler, status: HTTPStatus, reason: str) -> None:
    gateway = handler.local_gateway
    assert isinstance(gateway, SwitchyardGateway)  # noqa: S101 - see install()
    answer = gateway.refusal(status, reason, handler.command)
    handler.close_connection = True
    handler._send_http_response(status.value, answer["headers"], answer["body"])


def _send_error(
    handler: local.ChaliceRequestHandler,
    code: int,
    message: str | None = None,
    explain: str | None = None,  # noqa: ARG001 - the signature of http.server
) -> None:
    """Answer what http.server refuses, in JSON; a method that it does not know is no route."""
    status = HTTPStatus.NOT_FOUND if code == HTTPStatus.NOT_IMPLEMENTED else HTTPStatus(code)
    handler.command = handler.command or "GET"
    _refuse(
        handler, status, UNKNOWN if status is HTTPStatus.NOT_FOUND else message or status.phrase
    )


def _log_nothing(handler: local.ChaliceRequestHandler, *_: object) -> None:
    pass


def install() -> None:
    """Let `chalice local`, and every local server of this process, use this gateway.

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
    setattr(local, "LocalGateway", SwitchyardGateway)  # noqa: B010 - replaced on purpose
