"""Chalice's local server, made to answer as the deployed gateway does.

Of unknown paths and methods the deployed API is told by gateway responses; Chalice's local server
knows none of those. Used in stage local only; `chalice.local` is not part of what is deployed.
"""

from __future__ import annotations

from typing import Any

from chalice import local
from chalice.app import CORSConfig

UNKNOWN_BODY = '{"error":"unknown endpoint"}'


class SwitchyardGateway(local.LocalGateway):
    """Answers 404 where the gateway has no route, with the headers of CORS."""

    def handle_request(
        self, method: str, path: str, headers: dict[str, Any], body: bytes | None
    ) -> dict[str, Any]:
        try:
            response: dict[str, Any] = super().handle_request(method, path, headers, body)
        except local.ForbiddenError:
            return self._unknown(method)
        return self._unknown(method) if response["statusCode"] == 405 else response

    def _unknown(self, method: str) -> dict[str, Any]:
        cors = self._app_object.api.cors
        headers = cors.get_access_control_headers() if isinstance(cors, CORSConfig) else {}
        return {
            "statusCode": 404,
            "headers": {"Content-Type": "application/json", **headers},
            "multiValueHeaders": {},
            "body": "" if method == "HEAD" else UNKNOWN_BODY,
        }


def install() -> None:
    """Let `chalice local`, and every local server of this process, use this gateway.

    Headers and body leave the server in two packets; without TCP_NODELAY the second would wait
    for the acknowledgement of the first, 40 ms.
    """
    local.LocalGateway = SwitchyardGateway  # type: ignore[misc]  # replaced on purpose
    local.ChaliceRequestHandler.disable_nagle_algorithm = True
