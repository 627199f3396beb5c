"""The results of metrics: what became of those who take part under each condition.

What is read is linear in the users that logged a metric, whatever else they logged and however many
others there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.errors import NotFound
from chalicelib.domain.experiments.experiments import Experiment, State, Unit
from chalicelib.domain.experiments.metrics import MetricQuery, MetricType
from chalicelib.domain.outcomes.metric_results import (
    Logged,
    Met,
    QueryResult,
    met_by_enrollments,
    met_by_repeats,
    observations,
    result_of,
)
from chalicelib.services.outcomes.ports import LogStore, ResultStore, UserEnrollmentStore
from chalicelib.services.running.catalogue import CatalogueService


@dataclass(frozen=True, slots=True)
class _Asked:
    """A query, and the experiment that asks it."""

    feature_id: int
    experiment: Experiment
    query: MetricQuery


class MetricAnalysisService:
    """Analyses what participants logged."""

    def __init__(
        self,
        catalogue: CatalogueService,
        logs: LogStore,
        results: ResultStore,
        enrollments: UserEnrollmentStore,
    ) -> None:
        self._catalogue = catalogue
        self._logs = logs
        self._results = results
        self._enrollments = enrollments

    def analyse(self, query_ids: Sequence[str]) -> list[QueryResult]:
        """The results of some queries, in their order.

        Those of an archived experiment are what they were when it was archived.

        Raises:
            NotFound: if there is no such query.
        """
        catalogue = self._catalogue.fresh()
        known = {
            query.id: _Asked(feature_id, experiment, query)
            for feature_id, experiment in catalogue.experiments()
            for query in experiment.metric_queries()
        }
        unknown = [query_id for query_id in query_ids if query_id not in known]
        if unknown:
            raise NotFound(f"there is no such query: {unknown[0]}")
        asked = {query_id: known[query_id] for query_id in query_ids}
        results = self._kept(asked.values())
        waiting = [each for query_id, each in asked.items() if query_id not in results]
        results.update((each.query_id, each) for each in self._analysed(catalogue, waiting))
        return [results[query_id] for query_id in query_ids]

    def keep(self, feature_id: int, experiment: Experiment) -> None:
        """Store the results of an experiment as they are now, for when it is archived."""
        asked = [_Asked(feature_id, experiment, query) for query in experiment.metric_queries()]
        self._results.keep(feature_id, list(self._analysed(self._catalogue.fresh(), asked)))

    def _kept(self, asked: Iterable[_Asked]) -> dict[str, QueryResult]:
        archived = {each.feature_id for each in asked if each.experiment.state is State.ARCHIVED}
        return {
            result.query_id: result
            for feature_id in sorted(archived)
            for result in self._results.kept(feature_id)
        }

    def _analysed(self, catalogue: Catalogue, asked: Sequence[_Asked]) -> Iterator[QueryResult]:
        logged = {key: self._logged(key) for key in {each.query.metric_key for each in asked}}
        by_feature: defaultdict[int, list[_Asked]] = defaultdict(list)
        for each in asked:
            by_feature[each.feature_id].append(each)
        for feature_id, own in by_feature.items():
            users = {value.user_id for each in own for value in logged[each.query.metric_key]}
            met = self._met(feature_id, own[0].experiment, users)
            for each in own:
                key = each.query.metric_key
                metric = catalogue.metrics.get(key)
                kind = MetricType.CONTINUOUS if metric is None else metric.type
                values = list(observations(logged[key], met))
                yield result_of(each.query, each.experiment, kind, values)

    def _logged(self, metric_key: str) -> list[Logged]:
        return [
            Logged(log_record.user_id, log_record.key.uniquifier, row, value)
            for log_records in self._logs.of_metric(metric_key)
            for log_record in log_records
            for row, value in log_record.values(metric_key)
        ]

    def _met(
        self, feature_id: int, experiment: Experiment, users: Collection[str]
    ) -> Mapping[str, Met]:
        """The conditions of those users who take part."""
        if experiment.unit is Unit.WITHIN_SUBJECTS:
            repeats = self._enrollments.repeats(feature_id, users)
            return {user_id: met_by_repeats(own) for user_id, own in repeats.items()}
        point_keys = {point.point_key for point in experiment.points}
        enrollments = self._enrollments.enrollments(feature_id, point_keys, users)
        return {user_id: met_by_enrollments(own) for user_id, own in enrollments.items()}
