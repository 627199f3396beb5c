"""A feature of Test Lab as a whole, for people who are about to decide on it."""

from __future__ import annotations

from chalicelib.domain.catalogue.testlab.designs import FeatureDesign, design_of
from chalicelib.domain.errors import NotFound
from chalicelib.services.features.ports import TotalsStore
from chalicelib.services.features.user_blocks import UserBlockService
from chalicelib.services.outcomes.ports import SummaryStore
from chalicelib.services.running.ports import Clock


class FeatureDesignService:
    """Shows toggles, rollouts and experiments with what is known of them."""

    def __init__(
        self,
        user_blocks: UserBlockService,
        totals: TotalsStore,
        summaries: SummaryStore,
        clock: Clock,
    ) -> None:
        self._user_blocks = user_blocks
        self._totals = totals
        self._summaries = summaries
        self._clock = clock

    def of(self, feature_id: int) -> FeatureDesign:
        """All of a feature, with the user blocks as they are allocated today.

        Raises:
            NotFound: if there is no such feature of Test Lab.
        """
        catalogue = self._user_blocks.current()
        feature = catalogue.own_feature(feature_id)
        if feature is None:
            raise NotFound(f"there is no feature {feature_id}")
        totals = self._totals.of_feature(feature_id) if feature.variants else {}
        summary = self._summaries.one(feature_id)
        return design_of(catalogue, feature, totals, summary, self._clock())
