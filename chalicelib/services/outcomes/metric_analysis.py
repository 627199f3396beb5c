"""The results of metrics: what became of those who take part under each condition.

What is read is linear in the users that logged a metric, whatever else they logged and however many
others there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.errors import NotFound
from chalicelib.domain.experiments.experiments import Experiment, State
from chalicelib.domain.experiments.metrics import MetricQuery
from chalicelib.domain.outcomes.metric_results import (
    QueryResult,
    observations,
    result_of,
)
from chalicelib.services.outcomes.observations import kind_of, read_logged, read_part
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
        keys = {each.query.metric_key for each in asked}
        logged = {key: read_logged(self._logs, key) for key in keys}
        by_feature: defaultdict[int, list[_Asked]] = defaultdict(list)
        for each in asked:
            by_feature[each.feature_id].append(each)
        for feature_id, own in by_feature.items():
            users = {value.user_id for each in own for value in logged[each.query.metric_key]}
            part = read_part(self._enrollments, feature_id, own[0].experiment, users)
            for each in own:
                key = each.query.metric_key
                kind = kind_of(catalogue, key)
                values = list(observations(logged[key], part.met))
                yield result_of(each.query, each.experiment, kind, values)
