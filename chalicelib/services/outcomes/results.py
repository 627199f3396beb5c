"""Results of experiments: who won, how sure, and whether the test was sound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.domain.errors import LostRace, NotFound, SwitchyardError
from chalicelib.domain.experiments.experiments import Experiment
from chalicelib.domain.features.features import Feature, FeatureType
from chalicelib.domain.outcomes.results import testlab, upgrade
from chalicelib.domain.outcomes.results.evaluation import latch, results_of
from chalicelib.domain.outcomes.results.measured import Measured
from chalicelib.domain.outcomes.results.results import Latched, Results, Summary, of_run
from chalicelib.services.experiments.ports import EnrollmentCountStore
from chalicelib.services.features.cohorts import CohortService
from chalicelib.services.features.ports import CohortStore
from chalicelib.services.outcomes.ports import SummaryStore
from chalicelib.services.outcomes.snapshots import SnapshotService
from chalicelib.services.running.catalogue import CatalogueService
from chalicelib.services.running.pools import Pool
from chalicelib.services.running.ports import Clock

RENEWED_EVERY = timedelta(hours=1)
"""How old the line of an experiment in the list may become."""

RECENT_DAYS = 30
"""Days of which the list shows how many units came."""

RUN_TIME = timedelta(seconds=20)
"""How long one run of the scheduled function may renew lines; the next goes on."""


@dataclass(frozen=True, slots=True)
class ResultLine:
    """An experiment in the list: its line is None until the scheduled function made one."""

    feature: Feature
    summary: Summary | None


class ResultService:
    """Answers what a team decides with."""

    def __init__(
        self,
        catalogue: CatalogueService,
        cohorts: CohortStore,
        cohort_service: CohortService,
        enrollment_counts: EnrollmentCountStore,
        snapshots: SnapshotService,
        summaries: SummaryStore,
        clock: Clock,
        *,
        exact_totals: bool = True,
    ) -> None:
        self._catalogue = catalogue
        self._cohorts = cohorts
        self._cohort_service = cohort_service
        self._enrollment_counts = enrollment_counts
        self._snapshots = snapshots
        self._summaries = summaries
        self._clock = clock
        self._exact_totals = exact_totals
        self._renewed_at: datetime | None = None
        self._renewed: frozenset[int] = frozenset()

    def of_feature(self, feature_id: int, series_of: str | None = None) -> Results:
        """The results of an experiment of Test Lab; its first terminal verdict is kept.

        The series is that of the metric `series_of`, or of the primary one.

        Raises:
            NotFound: if there is no such experiment.
        """
        feature = self._catalogue.find(lambda catalogue: catalogue.own_feature(feature_id))
        if feature is None or feature.type is not FeatureType.EXPERIMENT:
            raise NotFound(f"there is no experiment {feature_id}")
        return self._results(feature, series_of)

    def of_experiment(
        self, experiment_id: str, series_of: str | None = None, *, up_to_now: bool = False
    ) -> Results:
        """The results of an experiment in UpGrade's form; its first terminal verdict is kept.

        They are those of the last snapshot; `up_to_now` reads what was logged until now, which is
        linear in who logged it.

        Raises:
            NotFound: if there is no such experiment.
        """
        feature = self._catalogue.fresh().experiment(experiment_id)
        if feature is None:
            raise NotFound(f"there is no experiment {experiment_id}")
        return self._results(feature, series_of, up_to_now=up_to_now)

    def all(self) -> list[ResultLine]:
        """A line for each experiment, as of when the scheduled function last looked."""
        summaries = {each.feature_id: each for each in self._summaries.all()}
        return [
            ResultLine(feature, of_run(feature, summaries.get(feature.id)))
            for feature in _experiments(self._catalogue.fresh().features)
        ]

    def renew_due(self) -> int:
        """Renew the lines that are missing or older than an hour; how many there were.

        Each is renewed alone: one that fails stops no other.

        Raises:
            SwitchyardError: what the first one failed with, after the others.
        """
        started = self._clock()
        features = list(_experiments(self._catalogue.fresh().features))
        known = frozenset(feature.id for feature in features)
        is_new = self._renewed_at is not None and started - self._renewed_at < RENEWED_EVERY
        if is_new and known <= self._renewed:
            return 0
        renewed = 0
        failures: list[SwitchyardError] = []
        summaries = {each.feature_id: each for each in self._summaries.all()}
        for feature_id in summaries.keys() - known:
            self._summaries.remove(feature_id)
        for feature in sorted(features, key=lambda each: _age(summaries.get(each.id))):
            summary = of_run(feature, summaries.get(feature.id))
            if summary is not None and started - summary.at < RENEWED_EVERY:
                continue
            if self._clock() - started > RUN_TIME:
                return renewed
            try:
                self._results(feature)
            except SwitchyardError as error:
                failures.append(error)
            else:
                renewed += 1
        if failures:
            raise failures[0]
        self._renewed_at, self._renewed = started, known
        return renewed

    def _results(
        self, feature: Feature, series_of: str | None = None, *, up_to_now: bool = False
    ) -> Results:
        with Pool(4) as pool:
            kept = pool.submit(self._summaries.one, feature.id)
            if feature.design is None:
                measured = self._of_testlab(pool, feature, series_of)
            else:
                measured = self._of_upgrade(pool, feature, feature.design, up_to_now=up_to_now)
        summary = of_run(feature, kept.result())
        latched = None if summary is None else summary.latched
        results = results_of(measured, latched, series_of)
        return replace(results, latched=self._keep(feature, summary, results))

    def _of_testlab(self, pool: Pool, feature: Feature, series_of: str | None) -> Measured:
        cohorts = pool.submit(self._cohorts.of_feature, feature.id)
        complete = pool.submit(self._cohort_service.is_complete)
        return testlab.measured_of(
            feature,
            cohorts.result(),
            self._clock(),
            is_backfilled=complete.result(),
            is_exact=self._exact_totals,
            series_of=series_of,
        )

    def _of_upgrade(
        self, pool: Pool, feature: Feature, design: Experiment, *, up_to_now: bool
    ) -> Measured:
        daily = pool.submit(self._enrollment_counts.daily, feature.id)
        series = pool.submit(self._snapshots.series, feature.id)
        queries = list(upgrade.named_queries(design))
        today = [
            pool.submit(self._snapshots.today, feature.id, query.id)
            for query, _ in queries
            if up_to_now
        ]
        snapshots = series.result()
        sums = {each.sums.query_id: each.sums for each in (read.result() for read in today)}
        queried = [
            upgrade.Queried(query, name, snapshots.get(query.id, ()), sums.get(query.id))
            for query, name in queries
        ]
        return upgrade.measured_of(feature, design, daily.result(), queried, self._clock())

    def _keep(self, feature: Feature, before: Summary | None, results: Results) -> Latched | None:
        """Store the line of an experiment, where it is old or a verdict is to be kept.

        Of several callers with a verdict the first one's stays; that is returned.
        """
        latched = latch(results)
        now = self._clock()
        due = before is None or now - before.at >= RENEWED_EVERY
        if due or (before is not None and before.latched != latched):
            try:
                self._summaries.put(summary_of(feature, results, latched, now))
            except LostRace:
                kept = of_run(feature, self._summaries.one(feature.id))
                return latched if kept is None else kept.latched
        return latched


def summary_of(
    feature: Feature, results: Results, latched: Latched | None, now: datetime
) -> Summary:
    """The line of an experiment in the list, as it is looked at now."""
    split = next((check for check in results.checks if check.name == "split"), None)
    return Summary(
        feature.id,
        results.verdict.code.value,
        results.verdict.text,
        sum(variant.units for variant in results.variants),
        results.unit,
        "unknown" if split is None else split.state.value,
        results.days_left,
        now,
        None if feature.run is None else feature.run.started_at,
        latched,
        tuple(sum(day.new.values()) for day in results.days[-RECENT_DAYS:]),
    )


def _experiments(features: Sequence[Feature]) -> Iterator[Feature]:
    return (feature for feature in features if feature.type is FeatureType.EXPERIMENT)


def _age(summary: Summary | None) -> float:
    return 0.0 if summary is None else summary.at.timestamp()
