"""Which pages of browsers may call the API, with which headers, and what they may read."""

from __future__ import annotations

from collections.abc import Iterable

from chalice.app import CORSConfig

ANY_ORIGIN = "*"

OF_ANY_ORIGIN = ("*", "Authorization")
"""Request headers that pages of any origin may send: all. `*` leaves out Authorization."""

NAMED = (
    "Content-Type", "Authorization", "X-API-Key", "User-Id", "Session-Id", "CurrentRetry",
    "Client-source", "Client-Context", "Client-Version", "URL", "If-Modified-Since",
    "If-None-Match", "If-Match", "Idempotency-Key",
)  # fmt: skip
"""Those that pages of one origin may send, for `*` means nothing where credentials come along."""

EXPOSED = (
    "ETag", "Last-Modified", "X-Error-Detail", "X-Ignored-Fields", "X-Blocks", "X-Stale",
    "Idempotent-Replayed", "Link", "Retry-After",
)  # fmt: skip
"""Response headers that pages may read."""

PREFLIGHT_SECONDS = 86400
"""For which browsers need not ask again whether they may send a request."""


class Cors(CORSConfig):
    """What browsers are told, on preflights and on answers alike.

    Chalice adds headers of its own to those that are allowed, and sorts them; here it is the list
    and nothing else, for `*` is to be the first.
    """

    def __init__(self, origin: str, more: Iterable[str] = ()) -> None:
        """Open the API to pages of `origin`, `*` for any; pages of one may send credentials.

        `more` are request headers that pages of one origin may send besides `NAMED`.
        """
        anyone = origin == ANY_ORIGIN
        self._allowed = OF_ANY_ORIGIN if anyone else (*NAMED, *more)
        super().__init__(
            allow_origin=origin,
            allow_headers=self._allowed,
            expose_headers=EXPOSED,
            max_age=PREFLIGHT_SECONDS,
            allow_credentials=not anyone,
        )

    @property
    def allow_headers(self) -> str:
        """The request headers that pages may send, as the header that allows them says it."""
        return ",".join(self._allowed)
