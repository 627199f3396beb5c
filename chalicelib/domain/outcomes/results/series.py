"""Series of results: units and differences by day of enrollment, and by week."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import accumulate

from chalicelib.domain.outcomes.results.judging import NONE, Pairing, read
from chalicelib.domain.outcomes.results.measured import Arm, Measured, MeasuredMetric
from chalicelib.domain.outcomes.results.results import Period, Point
from chalicelib.domain.statistics.estimates import Kind
from chalicelib.domain.statistics.horizon import DayEstimate, cumulated, series
from chalicelib.domain.statistics.intervals import Interval
from chalicelib.domain.statistics.plan import Plan, judge_by

Estimates = Mapping[str, list[DayEstimate | None]]
"""The estimates of a pairing, day by day."""

MOST_DAYS = 1_100
MOST_POINTS = 12_000
"""Days of a series, and points of all arms in it; of a longer one the last days."""


def by_day(
    measured: Measured, metrics: Sequence[MeasuredMetric], compared: Sequence[Pairing], plan: Plan
) -> tuple[Period, ...]:
    """Each day of enrollment, with the estimates over all days until its end."""
    days = _days(measured, metrics)
    found = {
        metric.name: _estimates(metric, compared, plan, days, measured.arms) for metric in metrics
    }
    keys = [arm.key for arm in measured.arms]
    new = [measured.enrolled.days.get(day, {}) for day in days]
    so_far = {key: list(accumulate(each.get(key, 0) for each in new)) for key in keys}
    return tuple(
        Period(
            day,
            {key: new[i].get(key, 0) for key in keys},
            {key: so_far[key][i] for key in keys},
            tuple(_points(found, i)),
            measured.complete_until is not None and day > measured.complete_until,
        )
        for i, day in enumerate(days)
    )


def by_week(days: Sequence[Period]) -> tuple[Period, ...]:
    """Each week from the first day on, with the estimates at its end."""
    if not days:
        return ()
    weeks: defaultdict[int, list[Period]] = defaultdict(list)
    for each in days:
        weeks[(each.first - days[0].first).days // 7].append(each)
    return tuple(
        Period(
            days[0].first + timedelta(days=7 * place),
            {key: sum(each.new[key] for each in own) for key in own[0].new},
            own[-1].so_far,
            own[-1].points,
            own[-1].is_open,
        )
        for place, own in sorted(weeks.items())
    )


def _days(measured: Measured, metrics: Sequence[MeasuredMetric]) -> list[date]:
    """All days from the first to the last of which there is anything."""
    known = {*measured.enrolled.days, *(day for metric in metrics for day in metric.days)}
    if not known:
        return []
    first, last = min(known), max(known)
    most = min(MOST_DAYS, MOST_POINTS // max(1, len(measured.arms)))
    count = min((last - first).days + 1, most)
    return [last - timedelta(days=back) for back in range(count - 1, -1, -1)]


def _estimates(
    metric: MeasuredMetric,
    compared: Sequence[Pairing],
    plan: Plan,
    days: Sequence[date],
    arms: Sequence[Arm],
) -> Estimates:
    own = sorted(day for day in metric.days if days and day <= days[-1])
    found: dict[str, list[DayEstimate | None]] = {}
    for pairing in compared:
        if metric.cumulative:
            estimates = [_as_of(metric, day, pairing, plan, arms) for day in own]
        elif pairing.factor is None and metric.kind is not Kind.PAIRS and own:
            control, variant = (
                cumulated(metric.kind, [metric.days[day][0].get(each.key, NONE) for day in own])
                for each in (pairing.control[0], pairing.variant[0])
            )
            estimates = [
                _unscaled(each, metric.scale)
                for each in series(control, variant, plan, metric.kind)
            ]
        else:
            continue
        found[pairing.key] = list(_carried(dict(zip(own, estimates, strict=True)), days))
    return found


def _unscaled(estimate: DayEstimate | None, scale: int) -> DayEstimate | None:
    if estimate is None or scale == 1:
        return estimate
    return DayEstimate(*(number / scale for number in estimate))


def _as_of(
    metric: MeasuredMetric, day: date, pairing: Pairing, plan: Plan, arms: Sequence[Arm]
) -> DayEstimate | None:
    """The estimate from the sums over all that was there at the end of a day.

    None of a day whose sums contradict each other: those of today may be sound.
    """
    found, contrasts = read(replace(metric, strata=metric.days[day]), [pairing], arms)
    contrast = contrasts[0].contrast if found.is_compared else None
    if contrast is None:
        return None
    interval = judge_by(contrast, plan.early_boundary).interval
    if interval is None:
        return None
    return DayEstimate(contrast.estimate, interval.low, interval.high)


def _carried(
    estimates: Mapping[date, DayEstimate | None], days: Sequence[date]
) -> Iterator[DayEstimate | None]:
    """An estimate for each day: that of the last day with any, until then none."""
    last: DayEstimate | None = None
    for day in days:
        last = estimates.get(day, last)
        yield last


def _points(found: Mapping[str, Estimates], place: int) -> Iterator[Point]:
    for metric, estimates in found.items():
        for variant, of_days in estimates.items():
            each = of_days[place]
            if each is None:
                yield Point(variant, metric, None, None)
            else:
                yield Point(variant, metric, each.estimate, Interval(each.low, each.high))
