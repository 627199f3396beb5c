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
from chalicelib.domain.experiments.metrics import MetricQuery, Operation
from chalicelib.domain.features.features import Feature
from chalicelib.domain.features.result_plans import (
    CONVERSION,
    EVENTS_PER_USER,
    Measure,
    MetricRole,
    PlanChange,
    PlannedMetric,
    ResultPlan,
    Run,
    check_plan,
    keeps_ratio,
    named,
)

WEIGHTS = "the weights of variants"

NO_VERDICT = "Nothing is decided any more until a new run starts."
MOVED = "The verdict goes on by the interval that holds at every look; there is no final look."
ENDED = "The experiment had none when it started, so it goes on without a final look."
SWITCHED_OFF = (
    "Variants were switched off and the others keep their ratio: only the check of the split begins"
    " anew."
)
STRETCHED = "What was logged before and after cannot be told apart: nothing is compared."


@dataclass(frozen=True, slots=True)
class ToldChange:
    """What was changed after the start, when, whether it forbids a verdict, and in words."""

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
    check_plan(plan)
    if plan.ends_on is not None and plan.ends_on < feature.start_date:
        raise Invalid(f"ends_on: not before the experiment starts, {feature.start_date}")
    if feature.design is not None:
        _check_queries(plan, feature.design)
    else:
        plan = named(plan, feature.plan)
    return replace(feature, plan=plan, run=feature.run if anybody else None).begun(now)


def _check_queries(plan: ResultPlan, design: Experiment) -> None:
    known = [str(query["id"]) for query in design.queries]
    for each in plan.metrics:
        if each.name not in known:
            raise Invalid(
                f"name: {each.name!r} is no query of the experiment; "
                + (f"there are {', '.join(known)}" if known else "it has none")
            )


def metrics_of(plan: ResultPlan, design: Experiment | None) -> tuple[PlannedMetric, ...]:
    """The metrics of a plan, or the defaults of its experiment where it has none.

    Of Test Lab the share of users with an event, then events per user; of a design its queries by
    order. The first of them decides.
    """
    if plan.metrics:
        return plan.metrics
    if design is None:
        return CONVERSION, EVENTS_PER_USER
    return tuple(
        PlannedMetric(
            str(query["id"]),
            _measure(MetricQuery.of(query)),
            role=MetricRole.SECONDARY if number else MetricRole.PRIMARY,
        )
        for number, query in enumerate(design.queries)
    )


def _measure(query: MetricQuery | None) -> Measure:
    is_share = query is not None and query.operation is Operation.PERCENTAGE
    return Measure.CONVERSION if is_share else Measure.MEAN


def told_changes(run: Run) -> list[ToldChange]:
    """What was changed after the start, by time; weights that were set anew among it."""
    told = [_told(change, run) for change in run.changes]
    return sorted([*told, *_stretches(run)], key=lambda change: change.at)


def _told(change: PlanChange, run: Run) -> ToldChange:
    means = MOVED if run.moved else ENDED
    if change.forbids:
        means = NO_VERDICT
    sentence = f"Changed after the start: {change.what}. {means}"
    return ToldChange(change.at, change.what, change.forbids, sentence)


def _stretches(run: Run) -> Iterator[ToldChange]:
    for before, after in zip(run.weights, run.weights[1:], strict=False):
        kept = keeps_ratio(before.weights, after.weights)
        sentence = f"Changed after the start: {WEIGHTS}. {SWITCHED_OFF if kept else STRETCHED}"
        yield ToldChange(after.since, WEIGHTS, forbids=not kept, sentence=sentence)
