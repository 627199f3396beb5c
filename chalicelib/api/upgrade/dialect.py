"""How the UpGrade API refuses."""

from __future__ import annotations

import json
from collections.abc import Mapping

from chalice.app import Response

from chalicelib.api.problems import (
    detail_header,
    retry_header,
    status_of,
)
from chalicelib.api.requests import JSON_TYPE
from chalicelib.domain.errors import SwitchyardError


class UpgradeDialect:
    """A true status, and what happened in the body."""

    body_limit = 5 * 1024 * 1024

    def refuse(
        self,
        error: SwitchyardError,
        refusal: str,  # noqa: ARG002 - this API has no texts of its routes' own
        request: Mapping[str, str],  # noqa: ARG002 - nor other forms of its refusals
    ) -> Response:
        status = status_of(error)
        headers = {"Content-Type": JSON_TYPE, **detail_header(error), **retry_header(status)}
        body = {"name": type(error).__name__, "message": str(error), "errorCode": status.value}
        return Response(json.dumps(body), headers, status.value)


DIALECT = UpgradeDialect()
