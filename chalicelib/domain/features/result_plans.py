"""Plans of experiments: which metric decides and when, and what would matter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from chalicelib.domain.errors import Invalid
from chalicelib.domain.experiments.metrics import MetricQuery, Operation
from chalicelib.domain.statistics.plan import Direction, Mode

METRICS_PER_FEATURE = 20
"""Metrics that a feature can have, those that left its plan included."""

NAME_CHARACTERS = 64
"""Characters of the name of a metric."""

WINDOW_DAYS = 90
"""Days that a window may have."""

OPEN_WINDOW = 7
"""Days of the window of an experiment without a planned end."""


RESERVED = frozenset({"conversion", "events"})
"""What no metric can be called: what is measured of events without a name."""


class Measure(StrEnum):
    """The figure of a metric that variants are compared by.

    Share of users with any event of a metric, or mean of what the users' events come to.
    """

    CONVERSION = "conversion"
    MEAN = "mean"


class MetricRole(StrEnum):
    """Whether a metric decides, is described, or must not get worse."""

    PRIMARY = "primary"
    SECONDARY = "secondary"
    GUARDRAIL = "guardrail"


class ComparisonOf(StrEnum):
    """What a factorial design compares: the levels of its factors, or its conditions."""

    LEVELS = "levels"
    CONDITIONS = "conditions"


@dataclass(frozen=True, slots=True)
class PlannedMetric:
    """A metric of a plan.

    `name` is that of its events, None for those without one; in UpGrade the id of a query, whose
    own measure goes before `measure`. `cap` bounds a user's total, both ways. `margin` is what a
    guardrail may lose, in the unit of the metric.
    """

    name: str | None
    measure: Measure = Measure.MEAN
    direction: Direction = Direction.INCREASE
    role: MetricRole = MetricRole.SECONDARY
    cap: Decimal | None = None
    margin: Decimal | None = None

    @property
    def key(self) -> tuple[str | None, Measure]:
        """The key of a metric among those of a plan."""
        return self.name, self.measure


def measure_of(query: MetricQuery) -> Measure:
    """The figure that a query of a design compares."""
    return Measure.CONVERSION if query.operation is Operation.PERCENTAGE else Measure.MEAN


CONVERSION = PlannedMetric(None, Measure.CONVERSION, role=MetricRole.PRIMARY)
"""The primary metric of an experiment of Test Lab, unless its plan names another."""

EVENTS_PER_USER = PlannedMetric(None, Measure.MEAN)


@dataclass(frozen=True, slots=True)
class ResultPlan:
    """What an administrator plans; None and () leave it to the defaults.

    `smallest_effect` is the smallest difference in the primary metric that matters, absolute, in
    its unit. `units` are those of the two arms of a comparison; without them they are computed from
    the smallest effect and what is expected of control: `expected_mean` (a rate for a conversion)
    and `expected_spread` (a standard deviation). `window` is in days. `metric_ids` are the names
    that events may have, and never lose their number; `metric_caps` are the caps of some of them.
    """

    metrics: tuple[PlannedMetric, ...] = ()
    smallest_effect: Decimal | None = None
    ends_on: date | None = None
    units: int | None = None
    expected_mean: Decimal | None = None
    expected_spread: Decimal | None = None
    window: int | None = None
    is_aa: bool = False
    missing_as_zero: bool = False
    compares: ComparisonOf = ComparisonOf.LEVELS
    metric_ids: Mapping[str, int] = field(default_factory=dict)
    metric_caps: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def primary(self) -> PlannedMetric | None:
        """The metric that decides, if the plan names one."""
        return next((each for each in self.metrics if each.role is MetricRole.PRIMARY), None)

    @property
    def mode(self) -> Mode:
        """How looks share α: an end is planned as a day, or as a number of units."""
        return Mode.OPEN if self.ends_on is None and self.units is None else Mode.PLANNED


def default_window(starts_on: date, ends_on: date | None) -> int:
    """The window of a plan that names none: a quarter of its days, from 1 to 7; 7 without an end.

    >>> default_window(date(2026, 1, 1), date(2026, 1, 14))
    3
    """
    if ends_on is None:
        return OPEN_WINDOW
    return max(1, min(OPEN_WINDOW, ((ends_on - starts_on).days + 1) // 4))


def check_plan(plan: ResultPlan, default: PlannedMetric = CONVERSION) -> None:
    """Refuse a plan that makes no sense; `default` decides where it names no primary metric.

    Raises:
        Invalid: with the reason.
    """
    keys = [each.key for each in plan.metrics]
    if len(set(keys)) < len(keys):
        raise Invalid("metrics: two have the same name and measure")
    if sum(each.role is MetricRole.PRIMARY for each in plan.metrics) > 1:
        raise Invalid("metrics: only one can be the primary metric")
    if plan.metrics and plan.primary is None:
        raise Invalid("metrics: one must have the role primary")
    for each in plan.metrics:
        _check_metric(each)
    caps = {(each.name, each.cap) for each in plan.metrics if each.name is not None}
    if len({name for name, _ in caps}) < len(caps):
        raise Invalid("cap: the same for all measures of a metric")
    if plan.smallest_effect is not None and plan.smallest_effect <= 0:
        raise Invalid("smallest_effect: more than 0; the direction says which way is good")
    primary = plan.primary or default
    share = primary.measure is Measure.CONVERSION
    if share and plan.smallest_effect is not None and plan.smallest_effect >= 1:
        raise Invalid("smallest_effect: a difference of rates is below 1 (0.02 are two points)")
    if share and plan.expected_mean is not None and not 0 < plan.expected_mean < 1:
        raise Invalid("expected_mean: a rate, between 0 and 1")
    if plan.expected_spread is not None and plan.expected_spread <= 0:
        raise Invalid("expected_spread: more than 0")
    if plan.units is not None and not 2 <= plan.units <= 10**12:
        raise Invalid("units: from 2 to 10^12, for both arms of a comparison together")
    if plan.window is not None and not 1 <= plan.window <= WINDOW_DAYS:
        raise Invalid(f"window: from 1 to {WINDOW_DAYS} days, not {plan.window}")


def _check_metric(metric: PlannedMetric) -> None:
    if metric.name is not None and not 1 <= len(metric.name) <= NAME_CHARACTERS:
        raise Invalid(f"name: from 1 to {NAME_CHARACTERS} characters")
    if metric.cap is not None and not 0 < metric.cap <= 10**5:
        raise Invalid("cap: more than 0, and at most 100000")
    if metric.name in RESERVED:
        raise Invalid(f"name: {metric.name!r} stands for events without a name")
    if metric.cap is not None and metric.name is None:
        raise Invalid("cap: only for a metric whose events have a name")
    if metric.margin is not None and metric.role is not MetricRole.GUARDRAIL:
        raise Invalid("margin: only for a guardrail")
    if metric.margin is not None and metric.margin < 0:
        raise Invalid("margin: at least 0")


def named(plan: ResultPlan, before: ResultPlan | None) -> ResultPlan:
    """The plan with a number for the name of each metric; names that had one keep it, and the cap.

    Raises:
        Invalid: if there are more than 20 names, those of former plans included, or if a name
            had another cap: sums of both would be mixed.
    """
    ids = dict(before.metric_ids) if before else {}
    caps = dict(before.metric_caps) if before else {}
    for each in plan.metrics:
        if each.name is None:
            continue
        if each.name in ids and caps.get(each.name) != each.cap:
            raise Invalid(
                f"cap: that of {each.name!r} is fixed as {caps.get(each.name, 'none')} since the"
                " metric was first planned; plan a metric of another name"
            )
        ids.setdefault(each.name, len(ids) + 1)
        if each.cap is not None:
            caps[each.name] = each.cap
    if len(ids) > METRICS_PER_FEATURE:
        raise Invalid(
            f"metrics: a feature has at most {METRICS_PER_FEATURE} names of metrics in its life,"
            f" these are {len(ids)}: {', '.join(sorted(ids))}"
        )
    return replace(plan, metric_ids=ids, metric_caps=caps)


def beside(
    fixed: ResultPlan, primary: PlannedMetric, others: Sequence[PlannedMetric]
) -> list[PlannedMetric]:
    """The metrics to show beside the primary one, with the guardrails that were fixed at the start.

    One that became a guardrail later, or was the primary one, is only described.
    """
    guardrails = {each.key: each for each in fixed.metrics if each.role is MetricRole.GUARDRAIL}
    shown = [
        guardrails.pop(each.key, replace(each, role=MetricRole.SECONDARY, margin=None))
        for each in others
        if each.key != primary.key
    ]
    return [*shown, *guardrails.values()]
