"""The list of everything, for people who look for one of them."""

from __future__ import annotations

from chalicelib.domain.catalogue.overview import Overview, Wanted, overview
from chalicelib.services.features.user_blocks import UserBlockService
from chalicelib.services.outcomes.ports import SummaryStore
from chalicelib.services.running.catalogue import CatalogueService


class OverviewService:
    """Lists experiments, rollouts, toggles and flags of both APIs, with their last verdicts."""

    def __init__(
        self, catalogue: CatalogueService, user_blocks: UserBlockService, summaries: SummaryStore
    ) -> None:
        self._catalogue = catalogue
        self._user_blocks = user_blocks
        self._summaries = summaries

    def of(self, wanted: Wanted) -> Overview:
        """A page of what is asked for, with the user blocks as they are allocated today."""
        catalogue = self._user_blocks.current()
        summaries = {each.feature_id: each for each in self._summaries.all()}
        return overview(catalogue, summaries, wanted, self._catalogue.today())
