"""The steps in the life of a feature of Test Lab, from its start to what takes its place."""

from __future__ import annotations

from dataclasses import replace

from chalicelib.domain.catalogue.catalogue import Catalogue, CatalogueChange, FeatureChange
from chalicelib.domain.catalogue.testlab import steps
from chalicelib.domain.catalogue.testlab.steps import (
    Clone,
    Delete,
    Edit,
    End,
    Moment,
    Pause,
    Replan,
    Revision,
    Reweigh,
    Ship,
    Start,
    Step,
    Taken,
)
from chalicelib.domain.errors import NotFound
from chalicelib.domain.features.features import Feature
from chalicelib.services.catalogue.testlab.creation import FeatureCreationService
from chalicelib.services.features.features import FeatureService, check_name, feature_of
from chalicelib.services.features.ports import TotalsStore
from chalicelib.services.outcomes.plans import PlanService
from chalicelib.services.running.catalogue import CatalogueService
from chalicelib.services.running.ports import CatalogueStore, Clock


class FeatureStepService:
    """Takes features from step to step; each is one write, or can be repeated."""

    def __init__(
        self,
        catalogue: CatalogueService,
        store: CatalogueStore,
        features: FeatureService,
        plans: PlanService,
        creation: FeatureCreationService,
        totals: TotalsStore,
        clock: Clock,
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._features = features
        self._plans = plans
        self._creation = creation
        self._totals = totals
        self._clock = clock

    def take(self, feature_id: int, step: Step) -> Taken:
        """Take a step, and say what it did.

        Raises:
            NotFound: if there is no such feature of Test Lab.
            Conflict: if another feature has the name that is asked for.
            Invalid: if the step breaks a rule; nothing was changed.
        """
        if isinstance(step, Replan):
            self._plans.put(feature_id, step.plan, step.seen)
            return Taken("planned", feature_id)
        if isinstance(step, Ship):
            return self._ship(feature_id, step)
        if isinstance(step, Clone):
            before = self._feature(feature_id)
            copy = self._creation.create(lambda today: steps.cloned(before, step, today))
            return Taken("cloned", copy.id)
        if isinstance(step, Delete):
            return self._delete(feature_id, step)
        if isinstance(step, Reweigh):
            return self._reweigh(feature_id, step)
        today = self._catalogue.today()
        self._features.revise(feature_id, lambda before: steps.revised(before, step, today))
        return Taken(_word_of(step), feature_id)

    def _delete(self, feature_id: int, step: Delete) -> Taken:
        feature = self._feature(feature_id)
        users, events = self._removed_with(feature)
        self._features.delete(feature_id, step.confirmed)
        return Taken("deleted", None, users, events)

    def _reweigh(self, feature_id: int, step: Reweigh) -> Taken:
        feature = self._feature(feature_id)
        drafts = [replace(each, feature_id=feature_id) for each in step.variants]
        users, events = self._removed_with(feature)
        self._features.replace_variants(feature_id, drafts, step.confirmed)
        return Taken("variants", feature_id, users, events)

    def _ship(self, feature_id: int, step: Ship) -> Taken:
        """End an experiment and make the rollout, in one write; once, however often it is asked.

        Where the rollout is there, from a call that was not answered, it is that which is meant.
        """
        today = self._catalogue.today()
        before = self._feature(feature_id)
        draft = steps.shipped(before, step, today)
        there = self._catalogue.fresh().named(step.name)
        if there is not None and steps.is_shipped(before, there, draft, today):
            return Taken("shipped", there.id)
        check_name(self._catalogue.fresh(), step.name, None)
        rollout = feature_of(self._store.new_feature_id(), draft, before.totals_shards)

        def decide(catalogue: Catalogue) -> CatalogueChange:
            check_name(catalogue, step.name, None)
            experiment = _own(catalogue, feature_id)
            steps.winner_of(experiment, step)
            ended = FeatureChange(experiment, steps.over(experiment, self._clock()))
            return CatalogueChange(features=(FeatureChange(None, rollout), ended))

        self._catalogue.change(decide)
        return Taken("shipped", rollout.id)

    def _feature(self, feature_id: int) -> Feature:
        return _own(self._catalogue.fresh(), feature_id)

    def _removed_with(self, feature: Feature) -> tuple[int, int]:
        """The users and the events that go with a feature's variants."""
        totals = self._totals.of_feature(feature.id) if feature.variants else {}
        counted = [totals[each.id] for each in feature.variants if each.id in totals]
        return sum(t.total_users for t in counted), sum(t.event_total for t in counted)


def _own(catalogue: Catalogue, feature_id: int) -> Feature:
    feature = catalogue.own_feature(feature_id)
    if feature is None:
        raise NotFound(f"there is no feature {feature_id}")
    return feature


def _word_of(step: Revision) -> str:
    if isinstance(step, End):
        return "ended" if step.when is Moment.NOW else "ends"
    return {Edit: "saved", Start: "started", Pause: "paused"}[type(step)]
