"""New features of Test Lab, made whole: with their variants and their plan, or not at all."""

from __future__ import annotations

from chalicelib.domain.catalogue.catalogue import Catalogue, CatalogueChange, FeatureChange
from chalicelib.domain.catalogue.pages.traffic import traffic
from chalicelib.domain.catalogue.testlab.new_features import (
    NewFeature,
    Preview,
    Room,
    Wish,
    duration,
    made,
    room_for,
)
from chalicelib.domain.errors import Invalid
from chalicelib.domain.features.features import Feature, FeatureType
from chalicelib.services.features.features import check_name, feature_of
from chalicelib.services.features.user_blocks import UserBlockService
from chalicelib.services.outcomes.ports import SummaryStore
from chalicelib.services.running.catalogue import CatalogueService
from chalicelib.services.running.ports import CatalogueStore, Clock


class FeatureCreationService:
    """Says what a new feature would meet, and makes it."""

    def __init__(
        self,
        catalogue: CatalogueService,
        store: CatalogueStore,
        user_blocks: UserBlockService,
        summaries: SummaryStore,
        clock: Clock,
        totals_shards: int,
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._user_blocks = user_blocks
        self._summaries = summaries
        self._clock = clock
        self._totals_shards = totals_shards

    def preview(self, wish: Wish | None) -> Preview:
        """What a feature would meet: a namesake, user blocks, traffic, and how long it would take.

        Of nothing that can be understood yet only the day and the traffic are known.
        """
        catalogue, today = self._user_blocks.current(), self._catalogue.today()
        summaries = {each.feature_id: each for each in self._summaries.all()}
        per_day = traffic(catalogue, summaries, today)
        if wish is None:
            return Preview(today, None, None, None, per_day, None)
        new = wish(today)
        other = catalogue.named(new.draft.name)
        namesake = None if other is None else other.id
        expected = per_day if new.users_per_day is None else new.users_per_day
        if new.draft.type is not FeatureType.EXPERIMENT:
            return Preview(today, new, namesake, None, per_day, None)
        room = self._room(catalogue, new)
        try:
            takes, wrong = duration(new, room, expected), None
        except Invalid as error:
            takes, wrong = None, str(error)
        return Preview(today, new, namesake, room, per_day, takes, wrong)

    def _room(self, catalogue: Catalogue, new: NewFeature) -> Room:
        next_id = max((each.id for each in catalogue.features), default=0) + 1
        feature = feature_of(next_id, new.draft, self._totals_shards)
        return room_for(catalogue, feature, self._catalogue.today())

    def create(self, wish: Wish) -> Feature:
        """Make a feature with its variants and its plan, in one write.

        Raises:
            Conflict: if another feature has the name.
            Invalid: if the variants or the plan break a rule.
        """
        new = wish(self._catalogue.today())
        check_name(self._catalogue.fresh(), new.draft.name, None)
        feature = feature_of(self._store.new_feature_id(), new.draft, self._totals_shards)
        variant_ids = self._store.new_variant_ids(len(new.variants)) if new.variants else ()
        whole = made(new, feature, variant_ids, self._clock())

        def decide(catalogue: Catalogue) -> CatalogueChange:
            check_name(catalogue, new.draft.name, None)
            return CatalogueChange(features=(FeatureChange(None, whole),))

        self._catalogue.change(decide)
        return whole
