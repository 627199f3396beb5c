"""Administration of features and their variants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from chalicelib.domain.access.idempotency import Seal
from chalicelib.domain.catalogue.catalogue import (
    Catalogue,
    CatalogueChange,
    FeatureChange,
    changed_blocks,
)
from chalicelib.domain.catalogue.purge import DeadVariants
from chalicelib.domain.confirmation import require_name
from chalicelib.domain.errors import Conflict, Invalid, NotFound
from chalicelib.domain.features.blocks import release_surplus
from chalicelib.domain.features.features import (
    Feature,
    FeatureDraft,
    Variant,
    VariantDraft,
    check_variants,
    make_variants,
)
from chalicelib.services.features.purge import PurgeService
from chalicelib.services.running.catalogue import CatalogueService
from chalicelib.services.running.ports import CatalogueStore, Clock

BEGUN_AT_ONCE = 9
"""Features that one commit fixes the plans of: items of 400 KB, where a transaction has 4 MB."""

Decision = Callable[[Catalogue], CatalogueChange | None]


class FeatureService:
    """Makes, changes and deletes features and their variants."""

    def __init__(
        self,
        catalogue: CatalogueService,
        store: CatalogueStore,
        purge: PurgeService,
        clock: Clock,
        totals_shards: int,
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._purge = purge
        self._clock = clock
        self._totals_shards = totals_shards

    def create(self, draft: FeatureDraft, seal: Seal[Feature] | None = None) -> Feature:
        """Store a new feature, without variants.

        Raises:
            AlreadyAnswered: if the request that `seal` makes a record of was answered before.
            Conflict: if another feature has the name.
        """
        check_name(self._catalogue.fresh(), draft.name, None)
        feature = feature_of(self._store.new_feature_id(), draft, self._totals_shards)

        def decide(catalogue: Catalogue) -> CatalogueChange:
            check_name(catalogue, draft.name, None)
            return CatalogueChange(
                features=(FeatureChange(None, feature),), record=seal and seal(feature)
            )

        self._catalogue.change(decide)
        return feature

    def update(self, feature_id: int, draft: FeatureDraft) -> Feature:
        """Replace all that `draft` holds; variants and id stay.

        A lower share gives back the surplus user blocks at once.

        Raises:
            NotFound: if there is no such feature.
            Conflict: if another feature has the name.
        """
        return self.revise(feature_id, lambda _: draft)

    def revise(self, feature_id: int, revised: Callable[[Feature], FeatureDraft]) -> Feature:
        """Replace what a draft holds of a feature; `revised` is told the feature as it is stored.

        Raises:
            NotFound, Conflict: as `update` does; and what `revised` raises.
        """

        def decide(catalogue: Catalogue) -> CatalogueChange:
            before = _own(_existing(catalogue, feature_id))
            draft = revised(before)
            check_name(catalogue, draft.name, before)
            after = replace(
                feature_of(feature_id, draft, before.totals_shards),
                variants=before.variants,
                plan=before.plan,
                run=before.run,
            ).begun(self._clock())
            return CatalogueChange(
                features=(FeatureChange(before, after),),
                blocks=changed_blocks(catalogue, release_surplus(after, catalogue.blocks)),
            )

        return _existing(self._catalogue.change(decide), feature_id)

    def delete(self, feature_id: int, name: str | None = None) -> None:
        """Delete a feature with its variants, their users and those users' events.

        An unknown feature counts as deleted. All is out of sight at once; what is too much to
        remove in one request is removed by the scheduled function. Where `name` is given, only if
        that is its name.

        Raises:
            Invalid: if it has another name.
        """

        def decide(catalogue: Catalogue) -> CatalogueChange | None:
            before = catalogue.feature(feature_id)
            if before is None:
                return None
            if name is not None:
                require_name(before.name, name)
            # Without a variant nobody can have taken part.
            dead = self._dead(_own(before), whole=bool(before.variants))
            return CatalogueChange(features=(FeatureChange(before, None),), dead=dead)

        self._change_and_purge(decide)

    def replace_variants(
        self, feature_id: int, drafts: Sequence[VariantDraft], name: str | None = None
    ) -> tuple[Variant, ...]:
        """Give a feature new variants; the old ones go with their users and events.

        Where `name` is given, old ones go only if that is its name.

        Raises:
            NotFound: if there is no such feature.
            Invalid: as `check_variants` does, or if it has another name.
        """
        check_variants(feature_id, drafts)
        if self._catalogue.find(lambda catalogue: catalogue.feature(feature_id)) is None:
            raise NotFound(f"there is no feature {feature_id}")
        variants = make_variants(feature_id, drafts, self._store.new_variant_ids(len(drafts)))

        def decide(catalogue: Catalogue) -> CatalogueChange:
            before = _own(_existing(catalogue, feature_id))
            if name is not None and before.variants:
                require_name(before.name, name, "replace its variants")
            # Users and events go with the old ones: what was fixed for those is fixed anew.
            after = replace(before, variants=variants, run=None).begun(self._clock())
            return CatalogueChange(
                features=(FeatureChange(before, after),), dead=self._dead(before)
            )

        self._change_and_purge(decide)
        return variants

    def begin_due(self) -> None:
        """Fix the plans of the experiments that start today, or whose plan has changed."""

        def due(catalogue: Catalogue) -> CatalogueChange | None:
            now = self._clock()
            changes = [
                FeatureChange(before, after)
                for before in catalogue.features
                if (after := before.begun(now)) is not before
            ]
            if not changes:
                return None
            return CatalogueChange(features=tuple(changes[:BEGUN_AT_ONCE]), visible=False)

        while due(self._catalogue.snapshot()) is not None:
            self._catalogue.change(due)

    def _dead(self, feature: Feature, *, whole: bool = False) -> DeadVariants | None:
        ids = tuple(variant.id for variant in feature.variants)
        return DeadVariants.now(feature.id, ids, self._clock(), whole=whole)

    def _change_and_purge(self, decide: Decision) -> None:
        dead: DeadVariants | None = None

        def remember(catalogue: Catalogue) -> CatalogueChange | None:
            nonlocal dead
            change = decide(catalogue)
            dead = change.dead if change else None
            return change

        self._catalogue.change(remember)
        if dead is not None:
            self._purge.start(dead)


def feature_of(feature_id: int, draft: FeatureDraft, totals_shards: int) -> Feature:
    """The feature that a draft asks for, without variants."""
    return Feature(
        feature_id,
        draft.type,
        draft.name,
        draft.start_date,
        draft.end_date,
        draft.is_running,
        draft.user_percentage,
        draft.description,
        totals_shards,
    )


def _existing(catalogue: Catalogue, feature_id: int) -> Feature:
    feature = catalogue.feature(feature_id)
    if feature is None:
        raise NotFound(f"there is no feature {feature_id}")
    return feature


def _own(feature: Feature) -> Feature:
    if feature.design is not None:
        raise Invalid(f"experiment {feature.id} is administered through UpGrade's routes")
    return feature


def check_name(catalogue: Catalogue, name: str, owner: Feature | None) -> None:
    """Refuse a name that another feature of Test Lab than `owner` has.

    Raises:
        Conflict: if one has.
    """
    named = catalogue.named(name)
    if named is not None and (owner is None or named.id != owner.id):
        raise Conflict(f"feature {named.id} has the name already")
