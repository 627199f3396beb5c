"""Statistics of enrollment and results of metrics, as they are answered."""

from __future__ import annotations

from typing_extensions import TypedDict

from chalicelib.api.upgrade.wire.shapes import Id
from chalicelib.domain.experiments import enrollment_statistics as statistics
from chalicelib.domain.outcomes import metric_results as results
from chalicelib.domain.outcomes.metric_analysis import ArmResult


class Counts(TypedDict):
    users: int
    groups: int


class Enrollment(TypedDict):
    id: Id
    users: int
    groups: int


class ConditionEnrollment(Enrollment):
    partitions: list[Enrollment]


class EnrollmentDetail(Enrollment):
    usersExcluded: int
    groupsExcluded: int
    conditions: list[ConditionEnrollment]


class DatedCondition(TypedDict):
    id: Id
    partitions: list[Enrollment]


class DatedStatistics(TypedDict):
    id: Id
    conditions: list[DatedCondition]


class DatedEnrollment(TypedDict):
    """Who enrolled in a day, month or year; `date` is its first day, as JavaScript writes it."""

    date: str
    stats: DatedStatistics


class Result(TypedDict):
    """What a query found for an arm, in PostgreSQL's digits; 0 stands for no values at all."""

    result: str | int | float | None
    participantsLogged: str | int


NO_RESULT: Result = {"result": "0", "participantsLogged": 0}


class ConditionResult(Result):
    """The result of a condition, in PostgreSQL's digits."""

    conditionId: Id


class LevelResult(Result):
    """The result of a level of a factorial design."""

    levelId: Id


class QueryResult(TypedDict):
    """The results of a query; those of factorial designs by level, then by condition."""

    id: Id
    mainEffect: list[ConditionResult | LevelResult]
    interactionEffect: list[ConditionResult] | None


def enrollment_answer(experiment_id: str, head: statistics.Head) -> Enrollment:
    """Who takes part in an experiment, or at a point."""
    return {"id": experiment_id, **_counts(head)}


def detail_answer(detail: statistics.EnrollmentDetail) -> EnrollmentDetail:
    """Who takes part in an experiment, by condition and point, and who is excluded."""
    return {
        **enrollment_answer(detail.experiment_id, detail.enrolled),
        "usersExcluded": detail.excluded.users,
        "groupsExcluded": detail.excluded.groups,
        "conditions": [
            {**_condition(condition), **_counts(condition.enrolled)}
            for condition in detail.conditions
        ],
    }


def period_answer(experiment_id: str, period: statistics.DateCounts) -> DatedEnrollment:
    """Who enrolled in a period."""
    return {
        # As JavaScript's Date.toDateString() writes it.
        "date": period.first.strftime("%a %b %d %Y"),
        "stats": {
            "id": experiment_id,
            "conditions": [_condition(condition) for condition in period.conditions],
        },
    }


def result_answer(found: results.QueryResult) -> QueryResult:
    """The results of a query."""
    if found.interaction is None:
        main: list[ConditionResult | LevelResult] = [*_by_condition(found.main)]
        return {"id": found.query_id, "mainEffect": main, "interactionEffect": None}
    return {
        "id": found.query_id,
        "mainEffect": [*_by_level(found.main)],
        "interactionEffect": _by_condition(found.interaction),
    }


def _counts(head: statistics.Head) -> Counts:
    return {"users": head.users, "groups": head.groups}


def _condition(counts: statistics.ConditionCounts) -> DatedCondition:
    return {
        "id": counts.condition_id,
        "partitions": [enrollment_answer(each.point_id, each.enrolled) for each in counts.points],
    }


def _by_condition(effect: results.Effect) -> list[ConditionResult]:
    """The arms with logged values, then the others."""
    return [
        *(ConditionResult(conditionId=each.arm_id, **_result(each)) for each in effect.results),
        *(ConditionResult(conditionId=arm_id, **NO_RESULT) for arm_id in effect.without_data()),
    ]


def _by_level(effect: results.Effect) -> list[LevelResult]:
    """The arms with logged values, then the others."""
    return [
        *(LevelResult(levelId=each.arm_id, **_result(each)) for each in effect.results),
        *(LevelResult(levelId=arm_id, **NO_RESULT) for arm_id in effect.without_data()),
    ]


def _result(result: ArmResult) -> Result:
    return {"result": result.result, "participantsLogged": str(result.participants)}
