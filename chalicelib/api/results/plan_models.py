"""Request and response bodies of plans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Self

from chalicelib.api.results.fields import CalendarDay, Exact, Flag, Name, OwnBody, Whole
from chalicelib.api.testlab.fields import Moment, Share, Weight
from chalicelib.api.testlab.models import Answer
from chalicelib.api.values.bounds import AtMost
from chalicelib.domain.features.features import Feature
from chalicelib.domain.features.result_plans import (
    METRICS_PER_FEATURE,
    ComparisonOf,
    Measure,
    MetricRole,
    PlannedMetric,
    ResultPlan,
)
from chalicelib.domain.features.runs import (
    Run,
    WeightsSince,
)
from chalicelib.domain.outcomes.plans import ToldChange, metrics_of, told_changes
from chalicelib.domain.statistics.plan import Direction, Mode

METRICS = 2 * METRICS_PER_FEATURE
"""Metrics of one plan: each name can have both measures."""


class Missing(StrEnum):
    """How users without a value count: not at all, or as 0."""

    LEFT_OUT = "left_out"
    ZERO = "zero"

    @classmethod
    def of(cls, plan: ResultPlan) -> Missing:
        return cls.ZERO if plan.missing_as_zero else cls.LEFT_OUT


class MetricBody(OwnBody):
    """A metric of a plan; without a name the events without one, in UpGrade the id of a query."""

    name: Name | None = None
    measure: Measure = Measure.MEAN
    direction: Direction = Direction.INCREASE
    role: MetricRole = MetricRole.SECONDARY
    cap: Exact | None = None
    margin: Exact | None = None

    def metric(self) -> PlannedMetric:
        return PlannedMetric(
            self.name, self.measure, self.direction, self.role, self.cap, self.margin
        )


class PlanBody(OwnBody):
    """PUT of a plan, which replaces what was planned before."""

    metrics: Annotated[tuple[MetricBody, ...], AtMost(METRICS)] = ()
    smallest_effect: Exact | None = None
    ends_on: CalendarDay | None = None
    units: Whole | None = None
    expected_mean: Exact | None = None
    expected_spread: Exact | None = None
    window: Whole | None = None
    is_aa: Flag = False
    missing: Missing = Missing.LEFT_OUT
    compares: ComparisonOf = ComparisonOf.LEVELS

    def plan(self) -> ResultPlan:
        """What is planned."""
        return ResultPlan(
            tuple(each.metric() for each in self.metrics),
            self.smallest_effect,
            self.ends_on,
            self.units,
            self.expected_mean,
            self.expected_spread,
            self.window,
            self.is_aa,
            self.missing is Missing.ZERO,
            self.compares,
        )


class MetricAnswer(Answer):
    """A metric of a plan."""

    name: str | None
    measure: Measure
    direction: Direction
    role: MetricRole
    cap: Share | None
    margin: Share | None


class PlanFields(Answer):
    """A plan, in the form in which it is sent; null is left to the defaults."""

    metrics: list[MetricAnswer]
    smallest_effect: Share | None
    ends_on: CalendarDay | None
    units: int | None
    expected_mean: Share | None
    expected_spread: Share | None
    window: int | None
    is_aa: bool
    missing: Missing
    compares: ComparisonOf

    @classmethod
    def of_plan(cls, plan: ResultPlan, metrics: Iterable[PlannedMetric], **more: object) -> Self:
        """A plan with some metrics, those that it has or those that it stands for."""
        return cls.model_validate(
            {
                "metrics": [MetricAnswer.of(each) for each in metrics],
                "smallest_effect": plan.smallest_effect,
                "ends_on": plan.ends_on and plan.ends_on.isoformat(),
                "units": plan.units,
                "expected_mean": plan.expected_mean,
                "expected_spread": plan.expected_spread,
                "window": plan.window,
                "is_aa": plan.is_aa,
                "missing": Missing.of(plan),
                "compares": plan.compares,
                **more,
            }
        )


class EffectivePlan(PlanFields):
    """A plan with its defaults filled in, and the mode in which looks share their alpha."""

    mode: Mode


class WeightAnswer(Answer):
    """The weight of a variant; `value` is null where the variant is no more."""

    variant_id: int
    value: str | None
    weight: Weight


class WeightsAnswer(Answer):
    """Weights of variants from a moment on."""

    since: Moment
    variants: list[WeightAnswer]

    @classmethod
    def of_stretch(cls, stretch: WeightsSince, values: Mapping[int, str]) -> Self:
        return cls(
            since=stretch.since,
            variants=[
                WeightAnswer(variant_id=key, value=values.get(key), weight=weight)
                for key, weight in stretch.weights.items()
            ],
        )


class FixedPlan(Answer):
    """What was fixed when the experiment first started; that plan is what decides."""

    started_at: Moment
    plan: PlanFields
    weights: list[WeightsAnswer]

    @classmethod
    def of_run(cls, run: Run, feature: Feature) -> Self:
        values = {variant.id: variant.value for variant in feature.variants}
        return cls(
            started_at=run.started_at,
            plan=PlanFields.of_plan(run.plan, metrics_of(run.plan, feature.design)),
            weights=[WeightsAnswer.of_stretch(each, values) for each in run.weights],
        )


class ChangeAnswer(Answer):
    """What was changed after the start, and what that means for the verdict."""

    at: Moment
    what: str
    forbids_verdict: bool
    says: str

    @classmethod
    def of_change(cls, change: ToldChange) -> Self:
        return cls(
            at=change.at,
            what=change.what,
            forbids_verdict=change.forbids,
            says=change.sentence,
        )


class PlanAnswer(Answer):
    """What is planned of an experiment, what of it is in force, and what changed after the start.

    `event_names` are the names that events may have, those of former plans included.
    """

    plan: PlanFields
    effective: EffectivePlan
    fixed: FixedPlan | None
    changes: list[ChangeAnswer]
    event_names: list[str]

    @classmethod
    def of_feature(cls, feature: Feature) -> Self:
        plan, run = feature.plan or ResultPlan(), feature.run
        return cls(
            plan=PlanFields.of_plan(plan, plan.metrics),
            effective=EffectivePlan.of_plan(
                feature.effective_plan(), metrics_of(plan, feature.design), mode=feature.mode
            ),
            fixed=None if run is None else FixedPlan.of_run(run, feature),
            changes=[] if run is None else [ChangeAnswer.of_change(x) for x in told_changes(run)],
            event_names=[] if feature.design else sorted(feature.metric_ids),
        )
