"""Results of queries over the logs of an experiment's participants, by condition and by level."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from chalicelib.domain.experiments.experiments import DesignType, Experiment
from chalicelib.domain.experiments.marks import Repeat
from chalicelib.domain.experiments.metrics import MetricQuery, MetricType
from chalicelib.domain.outcomes.logs import LogRow, Value
from chalicelib.domain.outcomes.metric_analysis import ArmResult, Observation, analyse
from chalicelib.domain.participants.participants import Enrollment

Met = Collection[tuple[str, str | None]]
"""The conditions of a user; within subjects each with the uniquifier of a mark, else with None."""


@dataclass(frozen=True, slots=True)
class Logged:
    """A value that a user logged."""

    user_id: str
    uniquifier: str
    row: LogRow
    value: Value


@dataclass(frozen=True, slots=True)
class Effect:
    """The results of the arms with logged values, among all `arms`."""

    arms: tuple[str, ...]
    results: tuple[ArmResult, ...]

    def without_data(self) -> list[str]:
        """The arms without logged values."""
        known = {result.arm_id for result in self.results}
        return [arm for arm in self.arms if arm not in known]


@dataclass(frozen=True, slots=True)
class QueryResult:
    """What a query found: by condition; of a factorial design by level, and by condition beside."""

    query_id: str
    main: Effect
    interaction: Effect | None = None


def met_by_enrollments(enrollments: Iterable[Enrollment]) -> Met:
    """The conditions of a user who has enrollments."""
    return {(each.condition_id, None) for each in enrollments if each.condition_id is not None}


def met_by_repeats(repeats: Iterable[Repeat]) -> Met:
    """The conditions that a user met within subjects, by the uniquifiers of the marks."""
    return {
        (repeat.condition_id, repeat.uniquifier)
        for repeat in repeats
        if repeat.condition_id is not None and repeat.uniquifier is not None
    }


def observations(logged: Iterable[Logged], met: Mapping[str, Met]) -> Iterator[Observation]:
    """The values of those who take part, each for the conditions that it counts for.

    Within subjects that are the conditions that were met with the value's uniquifier.
    """
    for each in logged:
        for condition_id, uniquifier in met.get(each.user_id, ()):
            if uniquifier is None or uniquifier == each.uniquifier:
                yield Observation(
                    each.user_id, condition_id, each.value, each.row.updated_at, each.row.id
                )


def result_of(
    query: MetricQuery, experiment: Experiment, kind: MetricType, values: Sequence[Observation]
) -> QueryResult:
    """The result of a query of an experiment over the values of its participants."""

    def effect(arms: Mapping[str, Collection[str]]) -> Effect:
        return Effect(tuple(arms), tuple(analyse(query, kind, values, arms)))

    by_condition = effect({condition.id: (condition.id,) for condition in experiment.conditions})
    if experiment.type is DesignType.SIMPLE:
        return QueryResult(query.id, by_condition)
    return QueryResult(query.id, effect(_conditions_by_level(experiment)), by_condition)


def _conditions_by_level(experiment: Experiment) -> Mapping[str, Collection[str]]:
    """The levels of all factors, each with the conditions that combine it."""
    return {
        level.id: tuple(
            condition.id
            for condition in experiment.conditions
            if any(element.level_id == level.id for element in condition.levels)
        )
        for factor in sorted(experiment.factors, key=lambda factor: factor.order)
        for level in factor.levels
    }
