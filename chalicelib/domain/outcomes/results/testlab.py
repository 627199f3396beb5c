"""Test Lab's experiments as results see them: cohorts of users by day of enrollment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from chalicelib.domain.features.cohorts import (
    EVENTS,
    CohortColumns,
    Cohorts,
    MetricSums,
    scale_of,
)
from chalicelib.domain.features.features import Feature
from chalicelib.domain.features.result_plans import (
    Measure,
    PlannedMetric,
)
from chalicelib.domain.outcomes.plans import shown_metrics
from chalicelib.domain.outcomes.results.measured import (
    Arm,
    Measured,
    MeasuredMetric,
    UsersByDay,
)
from chalicelib.domain.statistics.estimates import Kind
from chalicelib.domain.statistics.sums import DamagedSums, Sums

Decided = Mapping[str, tuple[CohortColumns, int]]
"""The cohorts of an arm, and how many of their days decide."""


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
    live = {
        str(variant.id): columns
        for variant in feature.variants
        if (columns := cohorts.variants.get(variant.id)) is not None
    }
    measured = Measured(
        "feature",
        str(feature.id),
        feature.name,
        _arms(feature),
        plan,
        feature.run,
        (),
        _enrolled(live),
        now,
        now,
        complete_until=_complete_until(feature, now),
        foreign_events=sum(columns.foreign_events for columns in live.values()),
        no_comparison=_no_comparison(feature),
        is_backfilled=is_backfilled,
        is_exact=is_exact,
    )
    last = _last_day(measured)
    decided = {key: (columns, columns.until(last)) for key, columns in live.items()}
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


def _enrolled(columns: Mapping[str, CohortColumns]) -> UsersByDay:
    days: defaultdict[date, dict[str, int]] = defaultdict(dict)
    for key, own in columns.items():
        for day, users in zip(own.days, own.users, strict=True):
            days[day][key] = max(0, users)
    return UsersByDay(days)


def _last_day(measured: Measured) -> date | None:
    """The last day that decides: a complete one, and once the plan is over its end."""
    last = measured.complete_until
    if measured.is_over and measured.ends_on is not None and last is not None:
        return min(last, measured.ends_on)
    return last


def _metric(
    feature: Feature, planned: PlannedMetric, decided: Decided, *, is_exact: bool, with_days: bool
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
    scale = scale_of(metric_id)
    together = {key: columns.total(metric_id, days) for key, (columns, days) in decided.items()}
    users = {key: sum(columns.users[:days]) for key, (columns, days) in decided.items()}
    of_days: defaultdict[date, dict[str, Sums]] = defaultdict(dict)
    try:
        sums = {key: _sums(users[key], own, scale, share=share) for key, own in together.items()}
        for key, (columns, count) in decided.items() if with_days else ():
            on_days = columns.of_days(metric_id, count)
            for day, came, own in zip(columns.days, columns.users, on_days, strict=False):
                of_days[day][key] = _sums(came, own, 1, share=share)
    except DamagedSums as error:
        return found.without_sums(str(error))
    capped = {key: own.capped for key, own in together.items()}
    days = {day: (of_days[day],) for day in sorted(of_days)}
    return replace(found, strata=(sums,), days=days, scale=1 if share else scale, capped=capped)


def _sums(users: int, sums: MetricSums, scale: int, *, share: bool) -> Sums:
    return Sums.of_converters(users, sums.converters) if share else sums.of_users(users, scale)


def _name(planned: PlannedMetric) -> str:
    if planned.name is None:
        return "conversion" if planned.measure is Measure.CONVERSION else "events per user"
    if planned.measure is Measure.CONVERSION:
        return f"users with {planned.name}"
    return f"{planned.name} per user"
