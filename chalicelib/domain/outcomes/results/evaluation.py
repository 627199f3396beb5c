"""The results of an experiment from what was measured: the decision table and all that it needs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from chalicelib.domain.errors import Invalid
from chalicelib.domain.features.result_plans import (
    ComparisonOf,
    MetricRole,
)
from chalicelib.domain.outcomes.results import checks, judging, series
from chalicelib.domain.outcomes.results.judging import Contrasted, Pairing
from chalicelib.domain.outcomes.results.measured import (
    Arm,
    Measured,
    MeasuredMetric,
    engine_plan,
)
from chalicelib.domain.outcomes.results.results import (
    Comparison,
    Latched,
    MetricOfVariant,
    MetricSummary,
    Results,
    VariantResult,
)
from chalicelib.domain.statistics.decision import Candidate, Situation, Verdict, decide
from chalicelib.domain.statistics.distributions import t_upper_quantile
from chalicelib.domain.statistics.estimates import Kind, arm
from chalicelib.domain.statistics.horizon import days_to_decision, days_to_units
from chalicelib.domain.statistics.intervals import Interval, wilson
from chalicelib.domain.statistics.plan import Guardrail, Mode, Plan
from chalicelib.domain.statistics.sentences import Measure
from chalicelib.domain.statistics.split_check import SplitCheck
from chalicelib.domain.statistics.sums import Sums

DESCRIBED_ALPHA = 0.05
"""Of the interval of a single variant's rate or mean, which is only described."""

FULL_DAYS_OF_TRAFFIC = 7

Read = Sequence[tuple[MeasuredMetric, Sequence[Contrasted]]]
"""The metrics, each with its comparisons."""


def results_of(
    measured: Measured, latched: Latched | None = None, series_of: str | None = None
) -> Results:
    """All that is said of an experiment; `latched` is its first terminal verdict, if it has one.

    The series is that of the primary metric, or of the one that is called `series_of`.

    Raises:
        Invalid: if there is no metric of that name.
    """
    compared = judging.pairings(measured)
    found = [judging.read(each, compared, measured.arms) for each in measured.metrics]
    metrics = tuple(metric for metric, _ in found)
    measured = replace(measured, metrics=metrics)
    plan = engine_plan(measured, len(compared))
    found_split = checks.split(measured)
    primary = found[0][1] if found else []
    guardrails, guardrail_rows = _guardrails(measured, found, compared, plan)
    over = measured.is_over
    judgements = [judging.judged(each, plan, over=over) for each in primary]
    candidates = tuple(
        judging.candidate(each, judgement, guardrails[each.pairing.key], plan)
        for each, judgement in zip(primary, judgements, strict=True)
    )
    days_left = _days_left(measured, primary, plan)
    verdict = _verdict(measured, plan, found_split, candidates, days_left)
    comparisons = [
        judging.comparison(each, judgement, None)
        for each, judgement in zip(primary, judgements, strict=True)
    ]
    of_days = series.by_day(measured, _in_series(metrics, series_of), compared, plan)
    return Results(
        measured.kind,
        measured.key,
        measured.name,
        verdict,
        measured.mode,
        plan.n_star,
        plan.comparisons,
        plan.alpha(over),
        measured.ends_on,
        measured.window_days,
        over,
        measured.full_days,
        measured.unit,
        checks.all_checks(
            measured, found_split, primary, [c.name for c in candidates if c.reports_differ]
        ),
        tuple(map(_summary, metrics)),
        tuple(_variants(measured, found_split)),
        (*comparisons, *guardrail_rows, *_secondary(found, plan)),
        of_days,
        series.by_week(of_days),
        days_left,
        measured.data_at,
        None if measured.run is None else measured.run.started_at,
        _notes(measured),
        latched,
    )


def _in_series(
    metrics: Sequence[MeasuredMetric], series_of: str | None
) -> Sequence[MeasuredMetric]:
    """The metric whose series is shown, if it can be read.

    Raises:
        Invalid: if there is no metric of the name.
    """
    names = [each.name for each in metrics]
    if series_of is not None and series_of not in names:
        raise Invalid(f"metric: {series_of!r} is none of {', '.join(names)}")
    shown = [each for each in metrics if each.name == series_of] if series_of else metrics[:1]
    return [each for each in shown if each.is_compared]


def latch(results: Results) -> Latched | None:
    """The verdict to be kept with its date, if it is the first terminal one."""
    if results.latched is not None:
        return results.latched
    verdict = results.verdict
    if not verdict.is_terminal:
        return None
    return Latched(verdict.code.value, verdict.text, results.data_at, verdict.variant)


def _guardrails(
    measured: Measured, found: Read, compared: Sequence[Pairing], plan: Plan
) -> tuple[dict[str, list[Guardrail]], list[Comparison]]:
    """The guardrails of each pairing, and how they are shown."""
    by_pairing: dict[str, list[Guardrail]] = {each.key: [] for each in compared}
    rows = []
    planned = _of_role(found, MetricRole.GUARDRAIL)
    for metric, contrasts in planned:
        if not metric.is_compared:
            margin = metric.planned.margin
            unclear = Guardrail(metric.name, None, None if margin is None else float(margin))
            for guardrails in by_pairing.values():
                guardrails.append(unclear)
        for each in contrasts:
            guardrail, interval = judging.guardrail(each, plan, len(planned), over=measured.is_over)
            by_pairing[each.pairing.key].append(guardrail)
            rows.append(judging.comparison(each, None, interval, guardrail))
    return by_pairing, rows


def _secondary(found: Read, plan: Plan) -> list[Comparison]:
    own = [each for each in _of_role(found, MetricRole.SECONDARY) if each[0].is_compared]
    return [
        judging.comparison(each, judging.secondary(each, plan, len(own)), None)
        for _, contrasts in own
        for each in contrasts
    ]


def _of_role(found: Read, role: MetricRole) -> Read:
    return [each for each in found if each[0].planned.role is role]


def _verdict(
    measured: Measured,
    plan: Plan,
    found_split: SplitCheck,
    candidates: tuple[Candidate, ...],
    days_left: int | None,
) -> Verdict:
    primary = measured.primary
    return decide(
        Situation(
            plan,
            Measure(
                primary.name if primary is not None else "",
                primary is not None and primary.is_share,
                units=measured.unit,
            ),
            _control_name(measured),
            found_split,
            candidates,
            measured.units,
            measured.full_days,
            measured.is_over,
            days_left,
            _no_comparison(measured, candidates),
            _early_looks(measured),
            measured.has_window,
        )
    )


def _control_name(measured: Measured) -> str:
    """The name of the control, or of a factorial the first level of each factor."""
    if measured.factors and measured.fixed.compares is ComparisonOf.LEVELS:
        return "the first level"
    return "" if measured.control is None else measured.control.name


def _no_comparison(measured: Measured, candidates: Sequence[Candidate]) -> str | None:
    """The reason why there is nothing to compare (row 2 of the table), if there is one."""
    primary = measured.primary
    if measured.no_comparison is not None:
        return measured.no_comparison
    forbidding = [] if measured.run is None else [c for c in measured.run.changes if c.forbids]
    if forbidding:
        changed = ", ".join(each.what for each in forbidding)
        return f"{changed} changed after the start; a new run can decide"
    if not _early_looks(measured) and measured.mode is not Mode.PLANNED:
        return "weights changed after the start and no end was planned; a new run can decide"
    if primary is None:
        return "no metric is measured"
    if primary.damaged is not None:
        return f"the sums of {primary.name} are damaged"
    if primary.described is not None:
        return primary.described
    if measured.control is None:
        return "no variant is the control"
    return None if candidates else "fewer than two variants have a weight above 0"


def _early_looks(measured: Measured) -> bool:
    """Whether weights stayed, or only variants were switched off."""
    return measured.run is None or not measured.run.reweighted_at


def _days_left(measured: Measured, primary: Sequence[Contrasted], plan: Plan) -> int | None:
    """Days to the planned end, or until an open experiment can be expected to decide."""
    if measured.is_over:
        return None
    per_day = _per_day(measured)
    ends_on = measured.fixed.ends_on
    if measured.mode is Mode.PLANNED and ends_on is not None:
        return max(0, (ends_on - measured.now.date()).days + 1 + measured.window_days)
    if measured.mode is Mode.PLANNED and measured.units_planned is not None:
        return days_to_units(measured.units_planned, measured.units, per_day)
    contrasts = [each.contrast for each in primary if each.contrast is not None]
    found = [days_to_decision(each, plan, per_day * _share(measured)) for each in contrasts]
    known = [each for each in found if each is not None]
    return max(known) if known and len(known) == len(found) else None


def _share(measured: Measured) -> float:
    """The share of units that go to the two arms of a comparison."""
    compared = sum(each.weight > 0 for each in measured.arms)
    return 2 / compared if compared > 1 else 1.0


def _per_day(measured: Measured) -> float:
    """Units a day, the mean of the last 7 full days."""
    today = measured.now.date()
    days = [today - timedelta(days=back) for back in range(1, FULL_DAYS_OF_TRAFFIC + 1)]
    counts = (sum(measured.enrolled.days.get(day, {}).values()) for day in days)
    return sum(counts) / FULL_DAYS_OF_TRAFFIC


def _variants(measured: Measured, found_split: SplitCheck) -> list[VariantResult]:
    due = found_split.expected or [None] * len(measured.arms)
    sums = [(metric, metric.in_all) for metric in measured.metrics]
    return [
        VariantResult(
            each.key,
            each.name,
            each.is_control,
            float(each.weight),
            measured.enrolled.in_all(each.key),
            expected,
            tuple(_of_variant(metric, each, own.get(each.key)) for metric, own in sums),
        )
        for each, expected in zip(measured.arms, due, strict=True)
    ]


def _of_variant(metric: MeasuredMetric, variant: Arm, sums: Sums | None) -> MetricOfVariant:
    if sums is None or metric.damaged is not None:
        return MetricOfVariant(metric.name, 0, None, None)
    weighted = None
    if metric.user_weighted is not None and variant.key in metric.user_weighted:
        weighted = metric.user_weighted[variant.key].mean
    if metric.kind is Kind.PROPORTION:
        converters = int(sums.total)
        interval = wilson(converters, sums.n, DESCRIBED_ALPHA)
        return MetricOfVariant(metric.name, sums.n, sums.mean, interval, converters)
    estimate = arm(metric.kind, sums)
    interval = None
    if estimate is not None and estimate.variance > 0:
        half = t_upper_quantile(DESCRIBED_ALPHA / 2, estimate.df) * math.sqrt(estimate.variance)
        interval = Interval(estimate.mean - half, estimate.mean + half)
    return MetricOfVariant(
        metric.name,
        sums.n,
        sums.mean,
        interval,
        capped=_capped(metric, variant, sums.n),
        left_out=metric.left_out.get(variant.key, 0),
        user_weighted=weighted,
    )


def _capped(metric: MeasuredMetric, variant: Arm, units: int) -> float | None:
    if metric.planned.cap is None or not units:
        return None
    return metric.capped.get(variant.key, 0) / units


def _summary(metric: MeasuredMetric) -> MetricSummary:
    planned = metric.planned
    return MetricSummary(
        metric.name,
        metric.kind.value,
        metric.is_share,
        planned.role,
        planned.direction,
        None if planned.margin is None else float(planned.margin),
        None if planned.cap is None else float(planned.cap),
        metric.described,
        metric.damaged,
    )


def _notes(measured: Measured) -> tuple[str, ...]:
    """What a reader has to know of these results."""
    notes = []
    if measured.has_window:
        notes.append(
            f"A user counts on the day of the enrollment, with what follows within"
            f" {measured.window_days} days; days of which the window is open decide nothing yet."
        )
    else:
        notes.append("An effect on when people act counts as an effect: there is no window.")
    return tuple(notes)
