"""Results of an experiment together with its state and its plan, for people who decide by them."""

from __future__ import annotations

from chalicelib.domain.catalogue.overview import phase_of
from chalicelib.domain.catalogue.pages.experiment_pages import ExperimentPage
from chalicelib.domain.errors import NotFound
from chalicelib.domain.features.features import Feature, FeatureType
from chalicelib.services.outcomes.results import ResultService
from chalicelib.services.running.catalogue import CatalogueService


class ExperimentPageService:
    """Finds an experiment of either API with all that is read of it."""

    def __init__(self, catalogue: CatalogueService, results: ResultService) -> None:
        self._catalogue = catalogue
        self._results = results

    def of_feature(self, feature_id: int, series_of: str | None = None) -> ExperimentPage:
        """A feature of Test Lab; with results if it is an experiment.

        The series is that of the metric `series_of`, or of the primary one.

        Raises:
            NotFound: if there is no such feature.
            Invalid: if there is no metric of that name.
        """
        feature = self._catalogue.find(lambda catalogue: catalogue.own_feature(feature_id))
        if feature is None:
            raise NotFound(f"There is no feature {feature_id}.")
        page = self._page(feature)
        if feature.type is not FeatureType.EXPERIMENT:
            return page
        results = self._results.of_feature(feature_id, series_of)
        return ExperimentPage(feature, page.phase, page.today, results)

    def of_experiment(
        self, experiment_id: str, series_of: str | None = None, *, up_to_now: bool = False
    ) -> ExperimentPage:
        """An experiment in UpGrade's form with its results, as `ResultService` has them.

        Raises:
            NotFound: if there is no such experiment.
            Invalid: if there is no metric of that name.
        """
        feature = self._catalogue.find(lambda catalogue: catalogue.experiment(experiment_id))
        if feature is None:
            raise NotFound(f"There is no experiment {experiment_id}.")
        page = self._page(feature)
        results = self._results.of_experiment(experiment_id, series_of, up_to_now=up_to_now)
        return ExperimentPage(feature, page.phase, page.today, results)

    def _page(self, feature: Feature) -> ExperimentPage:
        today = self._catalogue.today()
        return ExperimentPage(feature, phase_of(feature, today), today)
