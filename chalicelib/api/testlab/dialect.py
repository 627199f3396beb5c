"""How the Test Lab API refuses."""

from __future__ import annotations

import json
from http import HTTPStatus

from chalice.app import Response

from chalicelib.api.http.rendering import Received
from chalicelib.api.protocol.negotiation import prefers
from chalicelib.api.protocol.problems import (
    PROBLEM_TYPE,
    PlainError,
    ResponseHeaders,
    detail_header,
    hint_header,
    problem_body,
    status_of,
)
from chalicelib.api.protocol.requests import JSON_TYPE
from chalicelib.domain.errors import KeyReused, SwitchyardError

DOCUMENTED = frozenset({HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT})
"""What the documented refusals stand for; all else keeps its own status."""


class TestLabDialect:
    """403 with the route's documented string; the reason in a header, or as problem details."""

    body_limit = 100 * 1024
    any_case = False

    def refuse(self, error: SwitchyardError, refusal: str, received: Received) -> Response:
        status = status_of(error)
        headers: ResponseHeaders = {**detail_header(error), **hint_header(status)}
        if prefers(received.headers.get("accept", ""), PROBLEM_TYPE):
            headers["Content-Type"] = PROBLEM_TYPE
            return Response(problem_body(error), headers, status.value)
        headers["Content-Type"] = JSON_TYPE
        if status in DOCUMENTED and not isinstance(error, KeyReused):
            return Response(json.dumps(refusal), headers, HTTPStatus.FORBIDDEN.value)
        plain: PlainError = {"error": str(error)}
        return Response(json.dumps(plain), headers, status.value)


DIALECT = TestLabDialect()
