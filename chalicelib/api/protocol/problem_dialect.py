"""Refusals of routes that belong to neither of the two APIs."""

from __future__ import annotations

from chalice.app import Response

from chalicelib.api.http.rendering import Received
from chalicelib.api.protocol.problems import (
    PROBLEM_TYPE,
    ResponseHeaders,
    detail_header,
    hint_header,
    problem_body,
    status_of,
)
from chalicelib.domain.errors import SwitchyardError


class ProblemDialect:
    """A true status, with problem details."""

    body_limit = 0
    any_case = False

    def refuse(
        self,
        error: SwitchyardError,
        refusal: str,  # noqa: ARG002 - there are no texts of the routes' own
        received: Received,  # noqa: ARG002
    ) -> Response:
        status = status_of(error)
        headers: ResponseHeaders = {**detail_header(error), **hint_header(status)}
        headers["Content-Type"] = PROBLEM_TYPE
        return Response(problem_body(error), headers, status.value)
