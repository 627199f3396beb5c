"""How many take part in experiments, read from counts: never from the records of users."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from chalicelib.domain.errors import NotFound
from chalicelib.domain.experiments.enrollment_statistics import (
    DateCounts,
    DateRange,
    EnrollmentDetail,
    Head,
    by_date,
    detail,
    enrolled,
    periods,
)
from chalicelib.domain.experiments.experiments import Experiment
from chalicelib.services.experiments.ports import EnrollmentCountStore
from chalicelib.services.running.catalogue import CatalogueService
from chalicelib.services.running.pools import Pool
from chalicelib.services.running.ports import Clock

EXPERIMENTS_AT_ONCE = 8


class EnrollmentStatisticsService:
    """Answers what administrators ask about enrollment."""

    def __init__(
        self, catalogue: CatalogueService, counts: EnrollmentCountStore, clock: Clock
    ) -> None:
        self._catalogue = catalogue
        self._counts = counts
        self._clock = clock

    def enrolled(self, experiment_ids: Sequence[str]) -> list[tuple[str, Head]]:
        """Enrolled users and groups by experiment; an unknown experiment has none."""
        catalogue = self._catalogue.fresh()
        features = [catalogue.experiment(experiment_id) for experiment_id in experiment_ids]
        feature_ids = [feature.id for feature in features if feature is not None]
        with Pool(EXPERIMENTS_AT_ONCE) as pool:
            counted = dict(zip(feature_ids, pool.map(self._enrolled, feature_ids), strict=True))
        return [
            (experiment_id, counted[feature.id] if feature else Head())
            for experiment_id, feature in zip(experiment_ids, features, strict=True)
        ]

    def _enrolled(self, feature_id: int) -> Head:
        return enrolled(self._counts.by_point(feature_id, ())[0])

    def detail(self, experiment_id: str) -> EnrollmentDetail:
        """Who takes part, by condition and point, and who is excluded.

        Raises:
            NotFound: if there is no such experiment.
        """
        feature_id, experiment = self._experiment(experiment_id)
        point_keys = {point.point_key for point in experiment.points}
        return detail(experiment, *self._counts.by_point(feature_id, point_keys))

    def by_date(self, experiment_id: str, reach: DateRange, offset: timedelta) -> list[DateCounts]:
        """New enrollments by date, for a caller whose clock is `offset` before UTC.

        Raises:
            NotFound: if there is no such experiment.
        """
        feature_id, experiment = self._experiment(experiment_id)
        now = self._clock()
        created = (experiment.created_at + offset).date()
        since = periods(reach, (now + offset).date(), created)[-1] - timedelta(days=1)
        point_keys = {point.point_key for point in experiment.points}
        return by_date(
            experiment, self._counts.hourly(feature_id, since, point_keys), reach, offset, now
        )

    def _experiment(self, experiment_id: str) -> tuple[int, Experiment]:
        feature = self._catalogue.fresh().experiment(experiment_id)
        if feature is None or feature.design is None:
            raise NotFound("Experiment not found!")
        return feature.id, feature.design
