"""UpGrade's experiments as results see them: snapshots of what their queries come to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

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
)
from chalicelib.domain.features.runs import after_final_look
from chalicelib.domain.outcomes.plans import shown_metrics
from chalicelib.domain.outcomes.query_sums import Analysed, Described, QuerySums
from chalicelib.domain.outcomes.results.measured import (
    WITHIN_SUBJECTS,
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
    Unit.WITHIN_SUBJECTS: WITHIN_SUBJECTS,
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

UNCOUNTED = "who logged nothing counts as 0, and how many they are in each stratum is not known"


@dataclass(frozen=True, slots=True)
class Queried:
    """What was read of a query: its snapshots, the oldest first, and today's sums if asked for."""

    query: MetricQuery
    name: str
    snapshots: Sequence[Snapshot] = ()
    today: QuerySums | None = None

    @property
    def final(self) -> Snapshot | None:
        """The look that the plan ends with."""
        return next((each for each in self.snapshots if each.final), None)

    def sums(self, *, over: bool) -> tuple[QuerySums | None, datetime | None]:
        """The sums that decide and when they were read: the final look, once the plan is over."""
        if over and self.final is not None:
            return self.final.sums, self.final.at
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
    fixed = plan if feature.run is None else feature.run.plan
    planned = shown_metrics(fixed, plan, design)
    by_id = {each.query.id: each for each in queried}
    # Only the snapshot at the end is judged as the one look that the plan has left for it.
    deciding = by_id.get(str(planned[0].name)) if planned else None
    final = None if deciding is None else deciding.final
    measured = Measured(
        "experiment",
        design.id,
        design.name,
        _arms(feature, design),
        plan,
        after_final_look(feature.run, None if final is None else final.at),
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
        has_final_look=final is not None,
    )
    metrics = tuple(
        _metric(each, by_id[each.name], measured) for each in planned if each.name in by_id
    )
    read = [at for each in queried if (at := each.sums(over=measured.is_over)[1]) is not None]
    return replace(measured, metrics=metrics, data_at=min(read, default=now))


def _arms(feature: Feature, design: Experiment) -> tuple[Arm, ...]:
    first = feature.weights if feature.run is None else feature.run.weights[0].weights
    factors = _ordered_factors(design)
    return tuple(
        Arm(
            condition.id,
            condition.code,
            condition.variant_id,
            feature.weights.get(condition.variant_id, Decimal(0)),
            condition.variant_id == feature.control_id,
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
    gone = _gone_since_the_start(feature, design)
    return None if gone is None else f"{gone} was removed after the start; a new run can decide"


def _gone_since_the_start(feature: Feature, design: Experiment) -> str | None:
    """What the run compares, or decides by, and what the design does not have any more."""
    run = feature.run
    if run is None:
        return None
    conditions = {condition.variant_id for condition in design.conditions}
    compared = {key for key, weight in run.weights[0].weights.items() if weight > 0}
    if run.control_id is not None and run.control_id not in conditions:
        return "the condition to compare with"
    if compared - conditions:
        return "a condition"
    queries = {each.id for each in design.metric_queries()}
    gone = {each.role for each in run.plan.metrics if each.name not in queries}
    if MetricRole.PRIMARY in gone:
        return "the query that decides"
    return "the query of a guardrail" if MetricRole.GUARDRAIL in gone else None


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
    if as_zero and any(cell.enrolled is None for cell in sums.cells):
        return replace(found, described=UNCOUNTED)
    try:
        strata = _strata(sums, as_zero=as_zero)
        days = {each.day: _strata(each.sums, as_zero=as_zero) for each in queried.snapshots}
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


def _strata(sums: QuerySums, *, as_zero: bool) -> tuple[ByArm, ...]:
    """The sums by condition, of each stratum; with zeros for units without a value, if so."""
    strata: defaultdict[str | None, dict[str, Sums]] = defaultdict(dict)
    for cell in sums.cells:
        found = cell.sums.checked()
        if as_zero and cell.enrolled is not None and cell.enrolled > found.n:
            found = replace(found, n=cell.enrolled)
        strata[cell.stratum][cell.condition_id] = found
    return tuple(strata.values())


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
