"""What the things are called that records name by ids and numbers."""

from __future__ import annotations

from chalicelib.api.testlab.models import Answer
from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.catalogue.testlab_assignments import feature_uuid, variant_uuid


class Named(Answer):
    """Something by its id; the name is null if it is gone."""

    id: str | int | None
    name: str | None


class Names:
    """What things are called, where the catalogue knows them."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._flags = {flag.number: flag for flag in catalogue.flags.values()}
        self._conditions = {
            condition.id: condition.code
            for _, experiment in catalogue.experiments()
            for condition in experiment.conditions
        }
        self._conditions.update(
            (variant_uuid(variant.id), variant.value) for variant in catalogue.variants()
        )

    def experiment(self, number: int) -> Named:
        """An experiment of either API, by the number that records have."""
        feature = self._catalogue.feature(number)
        if feature is None:
            return Named(id=number, name=None)
        if feature.design is None:
            return Named(id=feature_uuid(number), name=feature.name)
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

    def flag(self, number: int) -> Named:
        """A flag by the number that exposures have."""
        flag = self._flags.get(number)
        if flag is None:
            return Named(id=number, name=None)
        return Named(id=flag.id, name=flag.name)
