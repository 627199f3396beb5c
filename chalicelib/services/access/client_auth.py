"""Whether UpGrade's clients have to show a token, and what it has to be made with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from chalicelib.domain.errors import Unavailable
from chalicelib.services.running.catalogue import CatalogueService


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """What clients sign their tokens with, and the key that these must name."""

    secret: str = field(repr=False)
    key: str = field(repr=False)


class ClientAuthService:
    """Says what a client's token is checked against."""

    def __init__(
        self, catalogue: CatalogueService, credentials: Callable[[], ClientCredentials | None]
    ) -> None:
        self._catalogue = catalogue
        self._credentials = credentials

    def expected(self) -> ClientCredentials | None:
        """What a token is checked against; None while tokens are not checked.

        Raises:
            Unavailable: if they are to be checked, but nobody said against what.
        """
        if not self._catalogue.snapshot().settings.check_auth:
            return None
        credentials = self._credentials()
        if credentials is None:
            raise Unavailable("client tokens cannot be checked: no secret and key are configured")
        return credentials

    def credentials(self) -> ClientCredentials | None:
        """The configured secret and key of tokens, whether or not they are checked; else None."""
        return self._credentials()

    def is_still_required(self) -> bool:
        """Whether tokens are checked by the settings as they are stored now."""
        return self._catalogue.fresh().settings.check_auth
