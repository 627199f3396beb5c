"""How pages refuse: by the way to the sign-in, or by a page that says why."""

from __future__ import annotations

from urllib.parse import quote

from chalice.app import Response

from chalicelib.api.dashboard.serving.page import refused, root_of
from chalicelib.api.dashboard.serving.places import own_place, place_of
from chalicelib.api.http.rendering import Received, Rendered
from chalicelib.api.protocol.problems import ResponseHeaders, reason_of, status_of
from chalicelib.domain.errors import SwitchyardError, Unauthorized

BODY_LIMIT = 1024 * 1024
"""Bytes of a form: many ids can be pasted into one."""

SIGN_IN = "/dashboard/sign-in"


class PageDialect:
    """HTML for people."""

    body_limit = BODY_LIMIT
    any_case = False

    def refuse(
        self,
        error: SwitchyardError,
        refusal: str,  # noqa: ARG002 - there are no texts of the routes' own
        received: Received,
    ) -> Response:
        path = received.path.partition("?")[0]
        if isinstance(error, Unauthorized) and path != SIGN_IN:
            to = quote(_asked_for(received), safe="/")
            headers: ResponseHeaders = {"Location": f"{root_of(path)}{SIGN_IN[1:]}?to={to}"}
            return Rendered("", {**headers, "Cache-Control": "no-store"}, 303)
        return refused(path, status_of(error), reason_of(error))


def _asked_for(received: Received) -> str:
    """Where to go on after a sign-in: to the page that was asked for, or that sent the form."""
    if received.method in ("GET", "HEAD"):
        return own_place(received.path)
    return place_of(received.headers.get("referer", ""))


DIALECT = PageDialect()
