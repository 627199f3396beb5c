"""What is set up around experiments: preview users, strata, settings of clients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

from chalicelib.domain.catalogue import Catalogue, CatalogueChange, ClientSettings
from chalicelib.domain.errors import Invalid, LostRace
from chalicelib.domain.participants import Profile
from chalicelib.domain.users import check_user_id
from chalicelib.services.catalogue import CatalogueService
from chalicelib.services.ports import Clock, ParticipantStore

FACTOR_BYTES = 255
"""Bytes of UTF-8 that the name of a factor may have."""

USERS_AT_ONCE = 8


class StudySetupService:
    """Registers preview users, stores users' strata, and keeps the settings."""

    def __init__(
        self,
        catalogue: CatalogueService,
        store: ParticipantStore,
        clock: Clock,
        can_check_auth: Callable[[], bool],
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._clock = clock
        self._can_check_auth = can_check_auth

    def put_preview(self, user_id: str, conditions: Mapping[str, str]) -> None:
        """Make a user a preview user, with explicit conditions by experiment id."""
        check_user_id(user_id)
        self._store.put_preview(user_id, conditions)

    def remove_preview(self, user_id: str) -> None:
        """Make a preview user an ordinary one."""
        self._store.put_preview(user_id, None)

    def put_strata(self, factor: str, values: Mapping[str, str]) -> None:
        """Store users' values of a factor; unknown users are created, an empty value removes."""
        if len(factor.encode()) > FACTOR_BYTES:
            raise Invalid(f"factor: at most {FACTOR_BYTES} bytes in UTF-8")
        for user_id in values:
            check_user_id(user_id)
        with ThreadPoolExecutor(USERS_AT_ONCE) as pool:
            list(pool.map(self._create_if_unknown, values))
        self._store.note_strata(factor, values)

    def _create_if_unknown(self, user_id: str) -> None:
        if self._store.get(user_id) is None:
            # Somebody else may have just created the user.
            with suppress(LostRace):
                now = self._clock()
                self._store.create([Profile(user_id, created_at=now, updated_at=now)])

    def settings(self) -> ClientSettings:
        """The settings as they are."""
        return self._catalogue.fresh().settings

    def change_settings(
        self, *, check_auth: bool, filter_metric: bool | None = None
    ) -> ClientSettings:
        """Replace settings; None leaves one as it is.

        Raises:
            Invalid: if tokens were to be checked, but nobody said against what.
        """
        if check_auth and not self._can_check_auth():
            raise Invalid(
                "toCheckAuth: configure CLIENT_API_SECRET and CLIENT_API_KEY first, or every"
                " client would be refused"
            )

        def decide(catalogue: Catalogue) -> CatalogueChange | None:
            before = catalogue.settings
            after = replace(before, check_auth=check_auth)
            if filter_metric is not None:
                after = replace(after, filter_metric=filter_metric)
            return None if after == before else CatalogueChange(settings=after)

        return self._catalogue.change(decide).settings
