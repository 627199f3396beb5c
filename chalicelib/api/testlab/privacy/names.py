"""The names of experiments, conditions and flags that records know by ids."""

from __future__ import annotations

from chalicelib.api.testlab.models import Answer
from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.catalogue.testlab_assignments import feature_uuid, variant_uuid


class Named(Answer):
    """Something by its id; the name is null if it is gone."""

    id: str | int | None
    name: str | None


class Names:
    """Names of features, experiments and flags that the catalogue knows."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._flags = {flag.feature_id: flag for flag in catalogue.flags.values()}
        self._conditions = {
            condition.id: condition.code
            for _, experiment in catalogue.experiments()
            for condition in experiment.conditions
        }
        self._conditions.update(
            (variant_uuid(variant.id), variant.value) for variant in catalogue.variants()
        )

    def experiment(self, feature_id: int) -> Named:
        """An experiment of either API, by the feature id that records have."""
        feature = self._catalogue.feature(feature_id)
        if feature is None:
            return Named(id=feature_id, name=None)
        if feature.design is None:
            return Named(id=feature_uuid(feature_id), name=feature.name)
        return Named(id=feature.design.id, name=feature.design.name)

    def design(self, experiment_id: str) -> Named:
        """An experiment by its id."""
        feature = self._catalogue.experiment(experiment_id)
        design = feature.design if feature else None
        return Named(id=experiment_id, name=design.name if design else None)

    def condition(self, condition_id: str | None) -> Named:
        """A condition of an experiment, or a variant of Test Lab, by its id for UpGrade."""
        return Named(id=condition_id, name=self._conditions.get(condition_id or ""))

    def variant(self, variant_id: int) -> tuple[Named | None, Named]:
        """The feature and the variant of Test Lab."""
        found = self._catalogue.variant(variant_id)
        if found is None:
            return None, Named(id=variant_id, name=None)
        feature, variant = found
        return Named(id=feature.id, name=feature.name), Named(id=variant_id, name=variant.value)

    def flag(self, feature_id: int) -> Named:
        """A flag by the feature id that exposures have."""
        flag = self._flags.get(feature_id)
        if flag is None:
            return Named(id=feature_id, name=None)
        return Named(id=flag.id, name=flag.name)
