"""What is set up around experiments: the settings of clients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from chalicelib.domain.catalogue.catalogue import Catalogue, CatalogueChange, ClientSettings
from chalicelib.domain.errors import Invalid
from chalicelib.services.running.catalogue import CatalogueService


class StudySetupService:
    """Keeps the settings."""

    def __init__(self, catalogue: CatalogueService, can_check_auth: Callable[[], bool]) -> None:
        self._catalogue = catalogue
        self._can_check_auth = can_check_auth

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
