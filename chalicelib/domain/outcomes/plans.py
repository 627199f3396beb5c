"""Plans of results as administrators set and see them.

What may be planned of an experiment, what its defaults are, and what changes after its start mean
for the verdict (the method, sections 3 and 7).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.domain.errors import Invalid
from chalicelib.domain.experiments.experiments import Experiment
from chalicelib.domain.features.features import Feature
from chalicelib.domain.features.result_plans import (
    CONVERSION,
    EVENTS_PER_USER,
    MetricRole,
    PlannedMetric,
    ResultPlan,
    beside,
    check_plan,
    measure_of,
    named,
)
from chalicelib.domain.features.runs import (
    PAST_END,
    PlanChange,
    Run,
)
from chalicelib.domain.statistics.plan import Mode

WEIGHTS = "the weights of variants"

NO_VERDICT = "Nothing is decided any more until a new run starts."
MOVED = "The verdict goes on by the interval that holds at every look; there is no final look."
ENDED = "The experiment had none when it started, so it goes on without a final look."
SWITCHED_OFF = (
    "Variants were switched off and the others keep their ratio: only the check of the split begins"
    " anew."
)
STRETCHED = "Who came before and after is compared apart, and only the planned end decides."
NEVER = "Only a planned end could decide now, and there is none: a new run can."
STAYS = "The final look stays as it is: what comes later does not count."


@dataclass(frozen=True, slots=True)
class ToldChange:
    """A change after the start in words, when it was, and whether it forbids a verdict."""

    at: datetime
    what: str
    forbids: bool
    sentence: str


def planned(feature: Feature, plan: ResultPlan, now: datetime, *, anybody: bool = True) -> Feature:
    """The experiment with another plan, and with what that changes in its run.

    Before `anybody` takes part there are no data that a plan could be chosen by: the run begins
    anew with it.

    Raises:
        Invalid: if the plan makes no sense, ends before the experiment starts, has more names of
            metrics than may be, or names a query that a design does not have.
    """
    design = feature.design
    plan = checked_plan(plan, design)
    if plan.ends_on is not None and plan.ends_on < feature.start_date:
        raise Invalid(f"ends_on: not before the experiment starts, {feature.start_date}")
    if design is None:
        plan = named(plan, feature.plan)
    return replace(feature, plan=plan, run=feature.run if anybody else None).begun(now)


def checked_plan(plan: ResultPlan, design: Experiment | None) -> ResultPlan:
    """The plan, of a design with what its queries measure.

    Raises:
        Invalid: if it makes no sense, or names a query that the design does not have.
    """
    if design is not None:
        plan = _of_queries(plan, design)
    check_plan(plan, next(iter(metrics_of(ResultPlan(), design)), EVENTS_PER_USER))
    return plan


def _of_queries(plan: ResultPlan, design: Experiment) -> ResultPlan:
    """The plan with what each of its queries measures.

    Raises:
        Invalid: if it names one that the design does not have.
    """
    measures = {query.id: measure_of(query) for query in design.metric_queries()}
    for each in plan.metrics:
        if each.name not in measures:
            raise Invalid(
                f"name: {each.name!r} is no query of the experiment; "
                + (f"there are {', '.join(measures)}" if measures else "it has none")
            )
    metrics = tuple(
        replace(each, measure=measures[each.name]) for each in plan.metrics if each.name is not None
    )
    return replace(plan, metrics=metrics)


def metrics_of(plan: ResultPlan, design: Experiment | None) -> tuple[PlannedMetric, ...]:
    """The metrics of a plan, with the defaults of its experiment.

    Of Test Lab the share of users with an event, then events per user, where none is planned. Of a
    design all its queries by order. Where no plan says so, the first of them decides.
    """
    if design is None:
        return plan.metrics or (CONVERSION, EVENTS_PER_USER)
    planned = {each.name: each for each in plan.metrics}
    queries = design.metric_queries()
    role = MetricRole.PRIMARY if plan.primary is None else MetricRole.SECONDARY
    first = [PlannedMetric(each.id, measure_of(each), role=role) for each in queries[:1]]
    others = [PlannedMetric(each.id, measure_of(each)) for each in queries[1:]]
    return tuple(planned.get(each.name, each) for each in (*first, *others))


def shown_metrics(
    fixed: ResultPlan, plan: ResultPlan, design: Experiment | None
) -> list[PlannedMetric]:
    """The metrics of results, the primary one first: as fixed at the start, others as planned now.

    There are none of a design without queries.
    """
    primary = fixed.primary or next(iter(metrics_of(fixed, design)), None)
    return [] if primary is None else [primary, *beside(fixed, primary, metrics_of(plan, design))]


def told_changes(run: Run) -> list[ToldChange]:
    """The changes after the start, by time, new weights among them."""
    told = [_told(change, run) for change in run.changes]
    return sorted([*told, *_stretches(run)], key=lambda change: change.at)


def _told(change: PlanChange, run: Run) -> ToldChange:
    means = MOVED if run.moved else ENDED
    if change.what == PAST_END:
        means = STAYS
    if change.forbids:
        means = NO_VERDICT
    sentence = f"Changed after the start: {change.what}. {means}"
    return ToldChange(change.at, change.what, change.forbids, sentence)


def _stretches(run: Run) -> Iterator[ToldChange]:
    forbids = run.mode is not Mode.PLANNED
    for each in run.weights[1:]:
        kept = each.since not in run.reweighted_at
        means = SWITCHED_OFF if kept else NEVER if forbids else STRETCHED
        sentence = f"Changed after the start: {WEIGHTS}. {means}"
        yield ToldChange(each.since, WEIGHTS, forbids=forbids and not kept, sentence=sentence)
