"""Results as they are answered, in JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NotRequired

from typing_extensions import TypedDict

from chalicelib.domain.outcomes.results import results
from chalicelib.domain.statistics import intervals

Kind = Literal["feature", "experiment"]


class ValueInterval(TypedDict):
    """From `low` to `high`, in the unit of what it is about."""

    low: float
    high: float


class Verdict(TypedDict):
    """What to do: the row of the decision table that held, and its sentence.

    `variant` is the one to ship, `turn_off` are those that do harm. A terminal verdict is kept.
    """

    code: str
    row: int
    text: str
    advice: list[str]
    variant: str | None
    turn_off: list[str]
    is_terminal: bool


class Latched(TypedDict):
    """The first terminal verdict, which stays whatever comes later."""

    code: str
    text: str
    at: str
    variant: str | None


class Plan(TypedDict):
    """How the experiment decides; more of it at .../plan.

    `n_star` are the units of two variants for which the intervals are narrowest.
    """

    mode: str
    started_at: str | None
    ends_on: str | None
    is_over: bool
    full_days: int
    window_days: int
    n_star: float
    alpha: float
    comparisons: int


class Check(TypedDict):
    """A check that comes before any verdict."""

    name: str
    state: str
    text: str
    p: float | None


class Metric(TypedDict):
    """A metric. Shares, and their differences, are parts of one: 0.1 is 10 %."""

    name: str
    kind: str
    is_share: bool
    role: str
    direction: str
    margin: float | None
    cap: float | None
    described: str | None
    damaged: str | None


class MetricOfVariant(TypedDict):
    """A metric in a variant: units with a value, the rate or mean with its 95 % interval."""

    metric: str
    n: int
    mean: float | None
    interval: ValueInterval | None
    converters: int | None
    capped_share: float | None
    left_out: int
    user_weighted_mean: float | None


class Variant(TypedDict):
    """A variant or condition with its units, and those that were due by its weight."""

    id: str
    name: str
    is_control: bool
    weight: float
    units: int
    due: float | None
    metrics: list[MetricOfVariant]


class OnlyLook(TypedDict):
    """What a test would say if nobody had looked before, and nobody did again. It never decides."""

    label: Literal["if this were the only look"]
    p: float
    interval: ValueInterval


class Comparison(TypedDict):
    """A variant, or a level of a factor, against the control in one metric.

    `interval` decides for the primary metric and for guardrails; others are worth a look at most.
    `lift` is relative to the control (0.05: 5 % more), or `no_lift` says why there is none.
    """

    variant: str
    name: str
    against: str
    metric: str
    role: str
    units: int
    control_mean: float | None
    mean: float | None
    difference: float | None
    interval: ValueInterval | None
    p: float | None
    p_text: str | None
    lift: float | None
    lift_interval: ValueInterval | None
    no_lift: str | None
    if_only_look: OnlyLook | None
    lacks: list[str]
    guardrail: str | None


class SeriesPoint(TypedDict):
    """A difference to the control at the end of a day, and the interval that was valid that day."""

    variant: str
    metric: str
    difference: float | None
    interval: ValueInterval | None


class Period(TypedDict):
    """A day of enrollment, or a week from `first` on.

    `new` are its units by variant, `so_far` all until its end. `is_open`: what they do still counts
    on, so that they decide nothing yet.
    """

    first: str
    new: dict[str, int]
    so_far: dict[str, int]
    points: list[SeriesPoint]
    is_open: bool


class Series(TypedDict):
    days: list[Period]
    weeks: list[Period]


class Results(TypedDict):
    """Who won, how sure, and whether the test was sound."""

    kind: Kind
    id: str
    name: str
    verdict: Verdict
    latched: Latched | None
    plan: Plan
    unit: str
    checks: list[Check]
    metrics: list[Metric]
    variants: list[Variant]
    comparisons: list[Comparison]
    series: Series
    days_left: int | None
    notes: list[str]
    data_at: NotRequired[str]


class Line(TypedDict):
    """An experiment in the list; `verdict` is null until the scheduled function has looked."""

    kind: Kind
    id: str
    name: str
    verdict: str | None
    text: str | None
    latched: Latched | None
    units: int | None
    unit: str | None
    split: str | None
    days_left: int | None
    as_of: str | None


def results_answer(found: results.Results) -> Results:
    """Results but for the time of their data, which is no part of what they are."""
    verdict = found.verdict
    return {
        "kind": "feature" if found.kind == "feature" else "experiment",
        "id": found.key,
        "name": found.name,
        "verdict": {
            "code": verdict.code.value,
            "row": verdict.row,
            "text": verdict.text,
            "advice": list(verdict.advice),
            "variant": verdict.variant,
            "turn_off": list(verdict.turn_off),
            "is_terminal": verdict.is_terminal,
        },
        "latched": latched_answer(found.latched),
        "plan": {
            "mode": found.mode.value,
            "started_at": None if found.started_at is None else found.started_at.isoformat(),
            "ends_on": None if found.ends_on is None else found.ends_on.isoformat(),
            "is_over": found.is_over,
            "full_days": found.full_days,
            "window_days": found.window_days,
            "n_star": found.n_star,
            "alpha": found.alpha,
            "comparisons": found.comparisons_planned,
        },
        "unit": found.unit,
        "checks": [
            {"name": each.name, "state": each.state.value, "text": each.text, "p": each.p}
            for each in found.checks
        ],
        "metrics": [_metric(each) for each in found.metrics],
        "variants": [_variant(each) for each in found.variants],
        "comparisons": [_comparison(each) for each in found.comparisons],
        "series": {"days": _periods(found.days), "weeks": _periods(found.weeks)},
        "days_left": found.days_left,
        "notes": list(found.notes),
    }


def latched_answer(found: results.Latched | None) -> Latched | None:
    """The verdict that stays."""
    if found is None:
        return None
    return {
        "code": found.code,
        "text": found.text,
        "at": found.at.isoformat(),
        "variant": found.variant,
    }


def _metric(found: results.MetricSummary) -> Metric:
    return {
        "name": found.name,
        "kind": found.kind,
        "is_share": found.is_share,
        "role": found.role.value,
        "direction": found.direction.value,
        "margin": found.margin,
        "cap": found.cap,
        "described": found.described,
        "damaged": found.damaged,
    }


def _variant(found: results.VariantResult) -> Variant:
    return {
        "id": found.key,
        "name": found.name,
        "is_control": found.is_control,
        "weight": found.weight,
        "units": found.units,
        "due": found.due,
        "metrics": [
            {
                "metric": each.metric,
                "n": each.n,
                "mean": each.mean,
                "interval": _interval(each.interval),
                "converters": each.converters,
                "capped_share": each.capped,
                "left_out": each.left_out,
                "user_weighted_mean": each.user_weighted,
            }
            for each in found.metrics
        ],
    }


def _comparison(found: results.Comparison) -> Comparison:
    look = found.if_only_look
    return {
        "variant": found.variant,
        "name": found.variant_name,
        "against": found.against,
        "metric": found.metric,
        "role": found.role.value,
        "units": found.units,
        "control_mean": found.control_mean,
        "mean": found.mean,
        "difference": found.estimate,
        "interval": _interval(found.interval),
        "p": found.p,
        "p_text": found.p_text,
        "lift": found.lift,
        "lift_interval": _interval(found.lift_interval),
        "no_lift": found.no_lift,
        "if_only_look": None
        if look is None
        else {
            "label": "if this were the only look",
            "p": look.p,
            "interval": {"low": look.interval.low, "high": look.interval.high},
        },
        "lacks": list(found.lacks),
        "guardrail": None if found.guardrail is None else found.guardrail.value,
    }


def _periods(found: Iterable[results.Period]) -> list[Period]:
    return [
        {
            "first": each.first.isoformat(),
            "new": each.new,
            "so_far": each.so_far,
            "points": [
                {
                    "variant": point.variant,
                    "metric": point.metric,
                    "difference": point.estimate,
                    "interval": _interval(point.interval),
                }
                for point in each.points
            ],
            "is_open": each.is_open,
        }
        for each in found
    ]


def _interval(found: intervals.Interval | None) -> ValueInterval | None:
    return None if found is None else {"low": found.low, "high": found.high}
