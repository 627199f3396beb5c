"""The cookie that holds a session."""

from __future__ import annotations

from chalicelib.api.http.reading import Reading
from chalicelib.domain.access.sessions import LIFETIME

COOKIE = "switchyard-session"


def session_text(reading: Reading) -> str:
    """The session that a request shows; "" without one.

    Other programs on the same host may set what they like: none of their cookies hides this one.
    """
    for pair in reading.headers.get("cookie", "").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == COOKIE:
            return value
    return ""


def cookie_of(session: str, reading: Reading) -> str:
    """The cookie that begins a session, or for "" ends it.

    Only pages get it, never scripts nor other sites; where it is deployed, only over TLS.
    """
    age = int(LIFETIME.total_seconds()) if session else 0
    secure = "" if reading.headers.get("x-forwarded-proto", "http") == "http" else "; Secure"
    return (
        f"{COOKIE}={session}; Path={_path(reading)}; Max-Age={age}; HttpOnly; SameSite=Strict"
        f"{secure}"
    )


def _path(reading: Reading) -> str:
    """Where all pages are: a gateway may have put a stage before them."""
    path: str = reading.request.context.get("path", reading.request.path)
    return f"{path.partition('/dashboard')[0]}/dashboard"
