"""Refusals of routes that belong to neither of the two APIs."""

from __future__ import annotations

from http import HTTPStatus

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
    """A true status, with problem details; whatever is wrong with a request is 400."""

    any_case = False

    def __init__(self, body_limit: int = 0) -> None:
        self.body_limit = body_limit

    def refuse(
        self,
        error: SwitchyardError,
        refusal: str,  # noqa: ARG002 - there are no texts of the routes' own
        received: Received,  # noqa: ARG002
    ) -> Response:
        status = status_of(error)
        if status is HTTPStatus.UNPROCESSABLE_ENTITY:
            status = HTTPStatus.BAD_REQUEST
        headers: ResponseHeaders = {**detail_header(error), **hint_header(status)}
        headers["Content-Type"] = PROBLEM_TYPE
        return Response(problem_body(error, status), headers, status.value)
