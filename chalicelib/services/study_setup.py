"""What is set up around experiments: preview users, strata, settings of clients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from chalicelib.domain.catalogue import Catalogue, CatalogueChange, ClientSettings
from chalicelib.domain.errors import LostRace
from chalicelib.domain.participants import Profile
from chalicelib.domain.users import check_user_id
from chalicelib.services.catalogue import CatalogueService
from chalicelib.services.ports import ParticipantStore


class StudySetupService:
    """Registers preview users, stores users' strata, and keeps the settings."""

    def __init__(self, catalogue: CatalogueService, store: ParticipantStore) -> None:
        self._catalogue = catalogue
        self._store = store

    def put_preview(self, user_id: str, conditions: Mapping[str, str]) -> None:
        """Make a user a preview user, with explicit conditions by experiment id."""
        check_user_id(user_id)
        self._store.put_preview(user_id, conditions)

    def remove_preview(self, user_id: str) -> None:
        """Make a preview user an ordinary one."""
        self._store.put_preview(user_id, None)

    def put_strata(self, factor: str, values: Mapping[str, str]) -> None:
        """Store users' values of a factor; unknown users are created, an empty value removes."""
        for user_id in values:
            check_user_id(user_id)
            if self._store.get(user_id) is None:
                try:
                    self._store.create([Profile(user_id)])
                except LostRace:
                    continue  # somebody else has just created the user
        self._store.note_strata(factor, values)

    def settings(self) -> ClientSettings:
        """The settings as they are."""
        return self._catalogue.fresh().settings

    def change_settings(
        self, *, check_auth: bool, filter_metric: bool | None = None
    ) -> ClientSettings:
        """Replace settings; None leaves one as it is."""

        def decide(catalogue: Catalogue) -> CatalogueChange | None:
            before = catalogue.settings
            after = replace(before, check_auth=check_auth)
            if filter_metric is not None:
                after = replace(after, filter_metric=filter_metric)
            return None if after == before else CatalogueChange(settings=after)

        return self._catalogue.change(decide).settings
