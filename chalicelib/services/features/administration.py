"""Features as they are written, with the user blocks that they lack."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.domain.access.idempotency import IdempotencyRecord, Seal
from chalicelib.domain.catalogue.overbooking import Shortage
from chalicelib.domain.features.features import Feature, FeatureDraft
from chalicelib.services.features.features import FeatureService
from chalicelib.services.features.user_blocks import UserBlockService


@dataclass(frozen=True, slots=True)
class StoredFeature:
    """A feature that was written, and what it lacks of user blocks, if it lacks any."""

    feature: Feature
    lacking: Shortage | None


class FeatureAdministration:
    """Creates and replaces features, and says whether there are user blocks enough for them."""

    def __init__(self, features: FeatureService, user_blocks: UserBlockService) -> None:
        self._features = features
        self._user_blocks = user_blocks

    def create(self, draft: FeatureDraft, seal: Seal[StoredFeature] | None = None) -> StoredFeature:
        """Store a new feature, without variants.

        Where the answer is stored with it, that one is returned: sent again, it says what was so
        then.

        Raises:
            AlreadyAnswered, Conflict: as `FeatureService.create` does.
        """
        if seal is None:
            return self._stored(self._features.create(draft))
        sealed: list[StoredFeature] = []

        def sealing(feature: Feature) -> IdempotencyRecord:
            sealed.append(self._stored(feature))
            return seal(sealed[-1])

        self._features.create(draft, sealing)
        return sealed[-1]

    def update(self, feature_id: int, draft: FeatureDraft) -> StoredFeature:
        """Replace all of a feature but its variants.

        Raises:
            NotFound, Conflict: as `FeatureService.update` does.
        """
        return self._stored(self._features.update(feature_id, draft))

    def _stored(self, feature: Feature) -> StoredFeature:
        return StoredFeature(feature, self._user_blocks.shortage(feature))
