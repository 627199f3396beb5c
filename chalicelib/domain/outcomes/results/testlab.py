"""Test Lab's experiments as results see them: cohorts of users by day of enrollment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from chalicelib.domain.features.cohorts import EVENTS, Cohort, Cohorts, MetricSums, scale_of
from chalicelib.domain.features.features import Feature
from chalicelib.domain.features.result_plans import Measure, PlannedMetric
from chalicelib.domain.outcomes.plans import shown_metrics
from chalicelib.domain.outcomes.results.measured import (
    Arm,
    Measured,
    MeasuredMetric,
    UsersByDay,
)
from chalicelib.domain.statistics.estimates import Kind
from chalicelib.domain.statistics.sums import DamagedSums, Sums

ByDay = Mapping[date, Mapping[str, Cohort]]
"""Cohorts by day and variant."""


def measured_of(
    feature: Feature,
    cohorts: Cohorts,
    now: datetime,
    *,
    is_backfilled: bool = True,
    is_exact: bool = True,
    series_of: str | None = None,
) -> Measured:
    """An experiment of Test Lab as results see it; only one metric has its days.

    That is the primary one, or the one that is called `series_of`.
    """
    plan = feature.effective_plan()
    fixed = plan if feature.run is None else feature.run.plan
    by_day: defaultdict[date, dict[str, Cohort]] = defaultdict(dict)
    live = {variant.id for variant in feature.variants}
    for (variant_id, day), cohort in cohorts.items():
        if day is not None and variant_id in live:
            by_day[day][str(variant_id)] = cohort
    measured = Measured(
        "feature",
        str(feature.id),
        feature.name,
        _arms(feature),
        plan,
        feature.run,
        (),
        UsersByDay({d: {k: max(0, c.users) for k, c in own.items()} for d, own in by_day.items()}),
        now,
        now,
        complete_until=_complete_until(feature, now),
        foreign_events=sum(
            cohort.foreign_events for (variant, _), cohort in cohorts.items() if variant in live
        ),
        no_comparison=_no_comparison(feature),
        is_backfilled=is_backfilled,
        is_exact=is_exact,
    )
    decided = _decided(measured, by_day)
    planned = shown_metrics(fixed, plan, None)
    shown = series_of or _name(planned[0])
    metrics = tuple(
        _metric(feature, each, decided, is_exact=is_exact, with_days=_name(each) == shown)
        for each in planned
    )
    return replace(measured, metrics=metrics)


def _arms(feature: Feature) -> tuple[Arm, ...]:
    control = feature.control_id
    first = feature.weights if feature.run is None else feature.run.weights[0].weights
    return tuple(
        Arm(str(v.id), v.value, v.id, v.weight, v.id == control, first.get(v.id, Decimal(0)))
        for v in sorted(feature.variants, key=lambda variant: variant.id)
    )


def _no_comparison(feature: Feature) -> str | None:
    if len(feature.variants) < 2:
        return "there are fewer than two variants"
    return None


def _complete_until(feature: Feature, now: datetime) -> date:
    """The last day of enrollment whose window is over."""
    return now.date() - timedelta(days=feature.window + 1)


def _decided(measured: Measured, by_day: ByDay) -> dict[date, Mapping[str, Cohort]]:
    """The days that decide: complete ones, and once the plan is over those until its end."""
    last = measured.complete_until
    if measured.is_over and measured.ends_on is not None and last is not None:
        last = min(last, measured.ends_on)
    return {day: own for day, own in sorted(by_day.items()) if last is None or day <= last}


def _metric(
    feature: Feature, planned: PlannedMetric, days: ByDay, *, is_exact: bool, with_days: bool
) -> MeasuredMetric:
    share = planned.measure is Measure.CONVERSION
    name = _name(planned)
    kind = Kind.PROPORTION if share else Kind.MEAN
    metric_id = EVENTS if planned.name is None else feature.metric_ids.get(planned.name)
    found = MeasuredMetric(planned, name, kind)
    if metric_id is None:
        return replace(found, described=f"the plan names no {name} any more")
    if not is_exact and not share:
        return replace(found, described="sums are not kept while EXACT_TOTALS is off")
    by_arm: defaultdict[str, list[Cohort]] = defaultdict(list)
    for own in days.values():
        for key, cohort in own.items():
            by_arm[key].append(cohort)
    together = {key: _added(cohorts, metric_id) for key, cohorts in by_arm.items()}
    try:
        sums = {key: _sums(cohort, metric_id, share=share) for key, cohort in together.items()}
        of_days = {
            day: ({key: _sums(cohort, metric_id, share=share) for key, cohort in own.items()},)
            for day, own in (days if with_days else {}).items()
        }
    except DamagedSums as error:
        return found.without_sums(str(error))
    capped = {key: cohort.metrics[metric_id].capped for key, cohort in together.items()}
    return replace(found, strata=(sums,), days=of_days, capped=capped)


def _sums(cohort: Cohort, metric_id: int, *, share: bool) -> Sums:
    found = cohort.metrics.get(metric_id, MetricSums())
    if share:
        return Sums.of_converters(cohort.users, found.converters)
    return found.of_users(cohort.users, scale_of(metric_id))


def _added(cohorts: Sequence[Cohort], metric_id: int) -> Cohort:
    """All these users, with the sums of one metric."""
    none = MetricSums()
    parts = [cohort.metrics.get(metric_id, none) for cohort in cohorts]
    sums = MetricSums(
        sum([part.converters for part in parts]),
        sum([part.total for part in parts]),
        sum([part.squares for part in parts]),
        sum([part.cubes for part in parts]),
        sum([part.capped for part in parts]),
    )
    return Cohort(sum([cohort.users for cohort in cohorts]), {metric_id: sums})


def _name(planned: PlannedMetric) -> str:
    if planned.name is None:
        return "conversion" if planned.measure is Measure.CONVERSION else "events per user"
    if planned.measure is Measure.CONVERSION:
        return f"users with {planned.name}"
    return f"{planned.name} per user"
