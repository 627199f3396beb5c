"""Who is signed in to the dashboard."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from chalicelib.domain.access.api_keys import Right, Role
from chalicelib.domain.access.sessions import Session, issued, opened
from chalicelib.domain.errors import Forbidden, Unauthorized
from chalicelib.services.access.access import AccessService
from chalicelib.services.running.catalogue import CatalogueService
from chalicelib.services.running.ports import Clock


class SessionService:
    """Signs people in with API keys, and knows them again.

    Where callers need no keys nobody signs in, and everybody may do everything.
    """

    def __init__(
        self,
        catalogue: CatalogueService,
        access: AccessService,
        clock: Clock,
        *,
        draw: Callable[[], str] = lambda: secrets.token_urlsafe(16),
    ) -> None:
        self._catalogue = catalogue
        self._access = access
        self._clock = clock
        self._draw = draw

    @property
    def enabled(self) -> bool:
        """Whether people need to sign in."""
        return self._access.enabled

    def sign_in(self, key: str) -> str:
        """The text of a new session for who has a key.

        Raises:
            Unauthorized: if the key is not in force.
            Forbidden: if it is not good for the dashboard.
        """
        try:
            admitted = self._access.admit(Role.ADMIN, [key])
        except Unauthorized:
            raise Unauthorized("No such key is in force: check it, or ask for a new one.") from None
        except Forbidden:
            raise Forbidden(
                "This is a key for clients: sign in with an administrator's key."
            ) from None
        return issued(admitted, self._clock(), self._draw())

    def opened(self, text: str) -> Session | None:
        """The session that a text stands for; None if it is none in force."""
        found = opened(self._catalogue.snapshot().keys, text, self._clock())
        if found is None and text:
            # A key that was just made may be unknown for a TTL: strangers must cost little.
            found = opened(self._catalogue.confirmed().keys, text, self._clock())
        return found

    def require(self, right: Right, text: str) -> Session | None:
        """The session of a person who has a right; None where nobody signs in.

        Raises:
            Unauthorized: if it is none in force.
            Forbidden: if its key does not grant the right.
        """
        if not self.enabled:
            return None
        session = self.opened(text)
        if session is None:
            raise Unauthorized("Sign in: there is no session, or it has ended.")
        if not session.key.grants(right):
            raise Forbidden(f"Your key may not {right.value} here.")
        return session
