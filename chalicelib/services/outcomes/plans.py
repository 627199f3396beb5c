"""Plans of results: what an administrator plans of an experiment, in either API."""

from __future__ import annotations

from chalicelib.domain.catalogue.catalogue import Catalogue, CatalogueChange, FeatureChange
from chalicelib.domain.confirmation import require_unchanged
from chalicelib.domain.errors import NotFound
from chalicelib.domain.features.features import Feature, FeatureType
from chalicelib.domain.features.result_plans import ResultPlan
from chalicelib.domain.outcomes.plans import planned
from chalicelib.services.experiments.ports import EnrollmentCountStore
from chalicelib.services.features.ports import TotalsStore
from chalicelib.services.running.catalogue import CatalogueService
from chalicelib.services.running.ports import Clock

ExperimentId = int | str
"""The number of a feature of Test Lab, or the id of an experiment in UpGrade's form."""


class PlanService:
    """Shows and replaces the plans of experiments."""

    def __init__(
        self,
        catalogue: CatalogueService,
        totals: TotalsStore,
        enrollment_counts: EnrollmentCountStore,
        clock: Clock,
    ) -> None:
        self._catalogue = catalogue
        self._totals = totals
        self._enrollment_counts = enrollment_counts
        self._clock = clock

    def get(self, experiment_id: ExperimentId) -> Feature:
        """The experiment with its plan, and with what was fixed when it first started.

        Raises:
            NotFound: if there is none, or if the feature is no experiment.
        """
        return _experiment(self._catalogue.fresh(), experiment_id)

    def put(self, experiment_id: ExperimentId, plan: ResultPlan, seen: str = "") -> Feature:
        """Replace the plan of an experiment; what was fixed when it first started stays.

        A change that the method does not allow after the start is noted with its consequence; as
        long as nobody takes part, the plan is fixed anew. `seen` is the tag of the plan that was
        there, if it is to be replaced as it was.

        Raises:
            NotFound: if there is none, or if the feature is no experiment.
            Invalid: if the plan makes no sense, or does not fit into the item of the feature.
            Changed: if another plan is there.
        """

        anybody = self._anybody(_experiment(self._catalogue.fresh(), experiment_id))

        def decide(catalogue: Catalogue) -> CatalogueChange | None:
            before = _experiment(catalogue, experiment_id)
            require_unchanged(seen, before.plan)
            after = planned(before, plan, self._clock(), anybody=anybody)
            if after == before:
                return None
            return CatalogueChange(features=(FeatureChange(before, after),), visible=False)

        return _experiment(self._catalogue.change(decide), experiment_id)

    def _anybody(self, feature: Feature) -> bool:
        """Whether users or groups take part in an experiment."""
        if feature.design is not None:
            return any(self._enrollment_counts.in_all(feature.id))
        return any(each.total_users for each in self._totals.of_feature(feature.id).values())


def _experiment(catalogue: Catalogue, experiment_id: ExperimentId) -> Feature:
    if isinstance(experiment_id, str):
        feature = catalogue.experiment(experiment_id)
    else:
        feature = catalogue.own_feature(experiment_id)
    if feature is None:
        raise NotFound(f"there is no experiment {experiment_id}")
    if feature.type is not FeatureType.EXPERIMENT:
        kind = feature.type.name.lower()
        raise NotFound(f"feature {feature.id} is a {kind}: only experiments have results")
    return feature
