"""UpGrade's experiments as results see them: snapshots of what their queries come to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise

from chalicelib.domain.experiments.enrollment_counts import DailyEnrollmentCount, counted_from
from chalicelib.domain.experiments.experiments import (
    Algorithm,
    DesignType,
    Experiment,
    Level,
    Unit,
)
from chalicelib.domain.experiments.metrics import MetricQuery, Operation
from chalicelib.domain.features.features import Feature
from chalicelib.domain.features.result_plans import (
    Measure,
    MetricRole,
    PlannedMetric,
    ResultPlan,
    beside,
    keeps_ratio,
)
from chalicelib.domain.outcomes.query_sums import Analysed, Described, QuerySums, control_of
from chalicelib.domain.outcomes.results.measured import (
    Arm,
    ByArm,
    Factor,
    Measured,
    MeasuredMetric,
    UsersByDay,
)
from chalicelib.domain.outcomes.snapshots import Snapshot
from chalicelib.domain.statistics.estimates import Kind
from chalicelib.domain.statistics.sums import DamagedSums, Sums

UNITS = {
    Unit.INDIVIDUAL: "users",
    Unit.GROUP: "groups",
    Unit.WITHIN_SUBJECTS: "users under both conditions",
}

WHY_DESCRIBED = {
    Described.OPERATION: "the query asks for neither a mean nor a share: there is no interval",
    Described.ORDERED: "in an ordered round robin condition and time are one",
    Described.ADAPTIVE: "assignment depends on outcomes, so means are biased",
    Described.NEWER: "a newer version of this program took its sums",
}

NAME_CHARACTERS = 200
"""Characters of the name of a query, as results show it."""

NO_QUERIES = "no query asks what participants logged"


@dataclass(frozen=True, slots=True)
class Queried:
    """What was read of a query: its snapshots, the oldest first, and today's sums if asked for."""

    query: MetricQuery
    name: str
    snapshots: Sequence[Snapshot] = ()
    today: QuerySums | None = None

    def sums(self, *, over: bool) -> tuple[QuerySums | None, datetime | None]:
        """The sums that decide and when they were read: the final look, once the plan is over."""
        final = next((each for each in self.snapshots if each.final), None)
        if over and final is not None:
            return final.sums, final.at
        if self.today is not None:
            return self.today, None
        last = self.snapshots[-1] if self.snapshots else None
        return (None, None) if last is None else (last.sums, last.at)


def named_queries(design: Experiment) -> Iterator[tuple[MetricQuery, str]]:
    """The queries of a design by order, each with a name of its own."""
    names = {str(each["id"]): str(each.get("name") or "") for each in design.queries}
    seen: set[str] = set()
    for query in design.metric_queries():
        name = names.get(query.id) or f"{query.operation.value} of {query.metric_key}"
        name = name[:NAME_CHARACTERS]
        if name in seen:
            name = f"{name[: NAME_CHARACTERS - len(query.id) - 3]} ({query.id})"
        seen.add(name)
        yield query, name


def measured_of(
    feature: Feature,
    design: Experiment,
    daily: Sequence[DailyEnrollmentCount],
    queried: Sequence[Queried],
    now: datetime,
) -> Measured:
    """An experiment in UpGrade's form as results see it."""
    plan = feature.effective_plan()
    measured = Measured(
        "experiment",
        design.id,
        design.name,
        _arms(feature, design),
        plan,
        feature.run,
        (),
        _enrolled(design, daily),
        now,
        now,
        unit=UNITS[design.unit],
        has_window=False,
        factors=_factors(design),
        no_comparison=_no_comparison(feature, design),
        split_applies=design.unit is not Unit.WITHIN_SUBJECTS
        and design.algorithm is not Algorithm.ADAPTIVE,
        is_backfilled=counted_from(daily) is None,
    )
    planned = metrics_of(measured.fixed, plan, [each.query for each in queried])
    by_id = {each.query.id: each for each in queried}
    # Only the snapshot at the end is judged as the one look that the plan has left for it.
    deciding = by_id.get(str(planned[0].name)) if planned else None
    final = deciding is not None and any(each.final for each in deciding.snapshots)
    measured = replace(measured, has_final_look=final)
    metrics = tuple(
        _metric(each, by_id[each.name], measured) for each in planned if each.name in by_id
    )
    read = [at for each in queried if (at := each.sums(over=measured.is_over)[1]) is not None]
    return replace(measured, metrics=metrics, data_at=min(read, default=now))


def metrics_of(
    fixed: ResultPlan, plan: ResultPlan, queries: Sequence[MetricQuery]
) -> list[PlannedMetric]:
    """The metrics to show, the primary one first: by default the first query by order."""
    primary = fixed.primary
    if primary is None and queries:
        primary = PlannedMetric(queries[0].id, role=MetricRole.PRIMARY)
    if primary is None:
        return []
    planned = {each.name: each for each in plan.metrics}
    others = [planned.get(query.id, PlannedMetric(query.id)) for query in queries]
    return [primary, *beside(fixed, primary, others)]


def _arms(feature: Feature, design: Experiment) -> tuple[Arm, ...]:
    control = control_of(design.conditions)
    first = feature.weights if feature.run is None else feature.run.weights[0].weights
    factors = _ordered_factors(design)
    return tuple(
        Arm(
            condition.id,
            condition.code,
            condition.variant_id,
            feature.weights.get(condition.variant_id, Decimal(0)),
            control is not None and condition.id == control.id,
            first.get(condition.variant_id, Decimal(0)),
            _places({each.level_id for each in condition.levels}, factors),
        )
        for condition in sorted(design.conditions, key=lambda each: each.order)
    )


def _places(levels: set[str], factors: Sequence[tuple[str, Sequence[Level]]]) -> tuple[int, ...]:
    """The place of a condition's level in each factor; () if one is missing."""
    places = [place for _, own in factors for place, level in enumerate(own) if level.id in levels]
    return tuple(places) if len(places) == len(factors) else ()


def _ordered_factors(design: Experiment) -> list[tuple[str, Sequence[Level]]]:
    """The factors of a factorial design by order, each with its levels by order."""
    if design.type is not DesignType.FACTORIAL:
        return []
    return [
        (factor.name, sorted(factor.levels, key=lambda level: level.order or 0))
        for factor in sorted(design.factors, key=lambda factor: factor.order)
    ]


def _factors(design: Experiment) -> tuple[Factor, ...]:
    """The factors, if every condition has a level of each; else conditions are compared."""
    factors = _ordered_factors(design)
    whole = all(
        len(_places({each.level_id for each in condition.levels}, factors)) == len(factors)
        for condition in design.conditions
    )
    if not whole:
        return ()
    return tuple(Factor(name, tuple(level.name for level in own)) for name, own in factors)


def _enrolled(design: Experiment, daily: Iterable[DailyEnrollmentCount]) -> UsersByDay:
    days: defaultdict[date, dict[str, int]] = defaultdict(dict)
    for each in daily:
        if each.condition_id is not None:
            units = each.groups if design.unit is Unit.GROUP else each.users
            own = days[each.day]
            own[each.condition_id] = max(0, own.get(each.condition_id, 0) + units)
    return UsersByDay(days)


def _no_comparison(feature: Feature, design: Experiment) -> str | None:
    if len(design.conditions) < 2:
        return "there are fewer than two conditions"
    if design.algorithm is Algorithm.ADAPTIVE:
        return WHY_DESCRIBED[Described.ADAPTIVE]
    if not design.queries:
        return NO_QUERIES
    weights = [] if feature.run is None else [each.weights for each in feature.run.weights]
    if not all(keeps_ratio(before, after) for before, after in pairwise(weights)):
        return (
            "weights were changed after the start, and what was logged is not kept by day of"
            " enrollment"
        )
    return None


def _metric(planned: PlannedMetric, queried: Queried, measured: Measured) -> MeasuredMetric:
    sums, _ = queried.sums(over=measured.is_over)
    share = sums is not None and sums.proportion
    found = MeasuredMetric(
        replace(planned, measure=Measure.CONVERSION if share else Measure.MEAN),
        queried.name,
        _kind(sums),
        cumulative=True,
    )
    if sums is None:
        return found
    if sums.too_large:
        return replace(found, described="its numbers are too long to be kept")
    as_zero = measured.fixed.missing_as_zero and queried.query.operation in COUNTED
    try:
        strata = tuple(_strata(sums, as_zero=as_zero))
        days = {each.day: _by_arm(each.sums, as_zero=as_zero) for each in queried.snapshots}
        beside = {cell.condition_id: cell.sums.checked() for cell in sums.beside}
    except DamagedSums as error:
        return found.without_sums(str(error))
    return replace(
        found,
        strata=strata,
        days=days,
        reports=None if as_zero else _reports(sums),
        left_out=_left_out(sums),
        user_weighted=beside or None,
        described=WHY_DESCRIBED[sums.described[0]] if sums.described else None,
    )


COUNTED = frozenset({Operation.SUM, Operation.COUNT})
"""Operations for which a unit without a value may count as 0."""


def _kind(sums: QuerySums | None) -> Kind:
    if sums is not None and sums.unit is Analysed.GROUP:
        return Kind.GROUPS
    if sums is not None and sums.unit is Analysed.PAIR:
        return Kind.PAIRS
    return Kind.PROPORTION if sums is not None and sums.proportion else Kind.MEAN


def _strata(sums: QuerySums, *, as_zero: bool) -> Iterable[ByArm]:
    """The sums by condition, of each stratum; with zeros for units without a value, if so."""
    strata: defaultdict[str | None, dict[str, Sums]] = defaultdict(dict)
    for cell in sums.cells:
        found = cell.sums.checked()
        if as_zero and cell.enrolled is not None and cell.enrolled > found.n:
            found = replace(found, n=cell.enrolled)
        strata[cell.stratum][cell.condition_id] = found
    return strata.values()


def _by_arm(sums: QuerySums, *, as_zero: bool) -> ByArm:
    together: defaultdict[str, list[Sums]] = defaultdict(list)
    for own in _strata(sums, as_zero=as_zero):
        for key, found in own.items():
            together[key].append(found)
    return {key: Sums.together(parts) for key, parts in together.items()}


def _reports(sums: QuerySums) -> Mapping[str, tuple[int, int]] | None:
    """Units with a value and enrolled ones; None of pairs, which need a value under both."""
    if sums.unit is Analysed.PAIR:
        return None
    with_value = {key: found.n for key, found in sums.by_condition().items()}
    return {
        # Who is enrolled is counted apart from what they log, and may lag behind.
        key: (n, max(n, sums.enrolled.get(key, 0)))
        for key, n in with_value.items()
    }


def _left_out(sums: QuerySums) -> dict[str, int]:
    found: defaultdict[str, int] = defaultdict(int)
    for cell in sums.cells:
        found[cell.condition_id] += cell.left_out
        if sums.unit is Analysed.GROUP and cell.enrolled is not None:
            found[cell.condition_id] += max(0, cell.enrolled - cell.sums.n)
    return found
