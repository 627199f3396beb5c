"""Who may call what, by API keys."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Iterable, Sequence

from chalicelib.domain.access.api_keys import ApiKey, Role, digest_of, matching
from chalicelib.domain.catalogue.catalogue import Catalogue, CatalogueChange
from chalicelib.domain.errors import Forbidden, Invalid, NotFound, Unauthorized
from chalicelib.services.running.catalogue import CatalogueService
from chalicelib.services.running.ports import Clock

KEYS = 50
"""Keys that may be in force at once: every process holds them, and compares them all."""

KEY_BYTES = 32
PREFIX = "swy_"
"""What keys begin with, so that a search for leaked secrets can find them."""


class AccessService:
    """Admits callers, and makes and revokes keys.

    With `open_testlab` the clients of Test Lab that cannot send a key are served without one.
    """

    def __init__(
        self,
        catalogue: CatalogueService,
        clock: Clock,
        *,
        enabled: bool,
        open_testlab: bool = False,
        draw: Callable[[], str] = lambda: PREFIX + secrets.token_urlsafe(KEY_BYTES),
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex[:8],
    ) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self.enabled = enabled
        self.open_testlab = open_testlab
        self._draw = draw
        self._new_id = new_id

    def admit(self, role: Role, presented: Iterable[str]) -> ApiKey:
        """Let a caller pass who presents a key that is good for `role`; the key.

        Raises:
            Unauthorized: if none of what was presented is a key in force.
            Forbidden: if it is one, but not for this.
        """
        presented = list(presented)
        known = self._known(self._catalogue.snapshot(), presented)
        if not any(key.may(role) for key in known):
            # A key that was just made may be unknown for a TTL: strangers must cost little.
            known = self._known(self._catalogue.confirmed(), presented) if presented else []
        for key in known:
            if key.may(role):
                return key
        if known:
            raise Forbidden("this key may not be used for that")
        raise Unauthorized("an API key is needed: X-API-Key, or Authorization: Bearer")

    def _known(self, catalogue: Catalogue, presented: Sequence[str]) -> list[ApiKey]:
        found = (matching(catalogue.keys, each) for each in presented)
        return [key for key in found if key is not None]

    def in_force(self) -> list[ApiKey]:
        """All keys in force, the oldest first."""
        return sorted(self._catalogue.fresh().keys, key=lambda key: key.created_at)

    def create(self, role: Role, key: str | None = None) -> tuple[ApiKey, str]:
        """Create a key: the stored record, and the key itself, which is never shown again.

        Raises:
            Invalid: if there are as many as there may be.
        """
        text = self._draw() if key is None else key
        made = ApiKey(self._new_id(), role, digest_of(text), self._clock())

        def decide(catalogue: Catalogue) -> CatalogueChange | None:
            if any(each.digest == made.digest for each in catalogue.keys):
                return None
            if len(catalogue.keys) >= KEYS:
                raise Invalid(f"at most {KEYS} keys: revoke one first")
            return CatalogueChange(keys=(*catalogue.keys, made), visible=False)

        self._catalogue.change(decide)
        return made, text

    def revoke(self, key_id: str) -> ApiKey:
        """Take a key out of force; every process knows within the catalogue's TTL.

        While a process cannot read the catalogue, clients may go on with it for as long as they are
        answered from an old one.

        Raises:
            NotFound: if there is none with the id.
        """
        gone: list[ApiKey] = []

        def decide(catalogue: Catalogue) -> CatalogueChange:
            gone[:] = [key for key in catalogue.keys if key.id == key_id]
            if not gone:
                raise NotFound(f"there is no key {key_id}")
            left = tuple(key for key in catalogue.keys if key.id != key_id)
            return CatalogueChange(keys=left, visible=False)

        self._catalogue.change(decide)
        return gone[0]
