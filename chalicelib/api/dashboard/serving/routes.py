"""Routes of pages and of what their forms do.

A page's view returns a `Page`, or a `Download` to be kept; what a form does, an `Elsewhere`, or a
`Page` that no address leads to. A form that is refused is shown once more with what was typed, by
the view `again`.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import urlsplit

from chalicelib.api.dashboard.serving.dialect import DIALECT
from chalicelib.api.dashboard.serving.field_faults import faults_at_fields
from chalicelib.api.dashboard.serving.forms import typed
from chalicelib.api.dashboard.serving.page import (
    FORM,
    SEEN,
    TOKEN,
    Download,
    Elsewhere,
    Page,
    downloaded,
    redirected,
    rendered,
)
from chalicelib.api.dashboard.serving.sessions import session_text
from chalicelib.api.http.access import OPEN
from chalicelib.api.http.calls import Call
from chalicelib.api.http.reading import Reading
from chalicelib.api.http.rendering import Rendered
from chalicelib.api.http.routes import Around, Routes
from chalicelib.api.protocol.problems import ResponseHeaders, reason_of, status_of
from chalicelib.domain.access.api_keys import Right
from chalicelib.domain.access.sessions import Session
from chalicelib.domain.confirmation import Changed
from chalicelib.domain.errors import Forbidden, SwitchyardError, Unavailable

View = TypeVar("View", bound=Callable[..., Any])
Again = Callable[..., Page]
"""Makes a form's page of services, what was typed, what is wrong, and parts of the path."""


class PageRoutes(Routes):
    """The pages of one subject."""

    def __init__(self, import_name: str) -> None:
        # Who may see a page is asked when it is called: of sessions, not of keys.
        super().__init__(import_name, DIALECT, OPEN)

    def page(self, path: str, right: Right | None = Right.SEE) -> Callable[[View], View]:
        """Publish a page for who has a right; for None, for everybody."""
        return self.publish(path, "GET", _shown(right))

    def form(
        self,
        path: str,
        right: Right | None = Right.CHANGE,
        again: Again | None = None,
        *,
        begins: bool = False,
    ) -> Callable[[View], View]:
        """Publish what a form does, for who has a right; one that `begins` a session needs none."""
        return self.publish(path, "POST", _sent(right, again, begins=begins))


def _shown(right: Right | None) -> Around:
    def show(call: Call, _: ResponseHeaders) -> Rendered[str]:
        session = _required(call, right)
        return _answered(call(), call, session)

    return show


def _sent(right: Right | None, again: Again | None, *, begins: bool) -> Around:
    def send(call: Call, _: ResponseHeaders) -> Rendered[str]:
        session = _required(call, right)
        _check_origin(call.reading)
        if session is not None and not begins:
            _check_token(call.reading, session)
        try:
            answer = call()
        except Unavailable:
            raise
        except SwitchyardError as error:
            if again is None:
                raise
            answer = _once_more(call, again, error)
        return _answered(answer, call, session)

    return send


def _once_more(call: Call, again: Again, error: SwitchyardError) -> Page:
    parts = call.path_parts()
    sent = typed(call.reading)
    if isinstance(error, Changed):
        # The page shows what is there now, and its form is about that.
        sent = {name: "" if name in SEEN else text for name, text in sent.items()}
    page = again(call.services, sent, reason_of(error), **parts)
    faults = faults_at_fields(error, sent, page.words)
    return replace(page, status=status_of(error), faults=faults, refused=sent.get(FORM, ""))


def _required(call: Call, right: Right | None) -> Session | None:
    text = session_text(call.reading)
    sessions = call.services.sessions
    return sessions.opened(text) if right is None else sessions.require(right, text)


def _answered(
    answer: Page | Download | Elsewhere, call: Call, session: Session | None
) -> Rendered[str]:
    if isinstance(answer, Elsewhere):
        return redirected(answer, call.reading)
    if isinstance(answer, Download):
        return downloaded(answer)
    return rendered(answer, call.reading, session, signs_in=call.services.sessions.enabled)


def _check_token(reading: Reading, session: Session) -> None:
    """Refuse a form of another session.

    Raises:
        Forbidden: if it is one.
    """
    if not hmac.compare_digest(typed(reading).get(TOKEN, "").encode(), session.form_token.encode()):
        raise Forbidden("This form is of another session: load its page anew, and send it again.")


def _check_origin(reading: Reading) -> None:
    """Refuse a form that a page of another host sends.

    Raises:
        Forbidden: if so, or if nothing says where it comes from.
    """
    host = reading.headers.get("host", "")
    try:
        origin = urlsplit(reading.headers.get("origin", "")).netloc
    except ValueError:
        origin = ""
    if not origin or origin.lower() != host.lower():
        raise Forbidden("Forms are taken from pages of this address only.")
