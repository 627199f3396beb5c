"""Estimates by day with the interval that was valid on each, and by week."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from chalicelib.api.dashboard.charts import numbers
from chalicelib.api.dashboard.charts.forest import Tick
from chalicelib.api.dashboard.charts.scales import Scale, covering, line, spread, ticks
from chalicelib.domain.outcomes.results.results import MetricSummary, Period, Point, Results

WIDTH, HEIGHT = 480, 220
LEFT, RIGHT, TOP, BOTTOM = 76, 12, 10, 28

MOST_POINTS = 120
"""Points of a line: days between them are left out, and stand in the table and in the CSV."""

MOST_LINES = 400
"""Lines of the table; of more the last ones."""

THIRDS = 3
"""The first third of the days, when intervals are widest, may be cut off."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The estimates of a comparison: a line, and the band of its intervals."""

    name: str
    line: str
    band: str
    last: tuple[float, float]
    text: str
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table: a day or the first of a week, and a comparison on it."""

    first: date
    name: str
    new: int | None
    so_far: int | None
    difference: str
    interval: str
    is_open: bool


@dataclass(frozen=True, slots=True)
class Course:
    """The charts of a metric, on one scale, with their tables; no curves: no estimates yet."""

    metric: MetricSummary | None
    unit: str
    curves: tuple[Curve, ...]
    days: tuple[Tick, ...]
    values: tuple[Tick, ...]
    zero: float
    band: tuple[float, float] | None
    by_day: tuple[Line, ...]
    by_week: tuple[Line, ...]
    days_left_out: int


def course(found: Results, smallest_effect: float | None, asked_for: str | None = None) -> Course:
    """The series that results have: that of the metric asked for, else of the one that decides."""
    metric = _metric(found, asked_for)
    done = [day for day in found.days if not day.is_open and _has_points(day)]
    listed = max(1, MOST_LINES // max(1, len(_names(found))))
    tables = (
        _lines(found, metric, found.days[-listed:]),
        _lines(found, metric, found.weeks[-listed:]),
        max(0, len(found.days) - listed),
    )
    if metric is None or not done:
        return Course(metric, "", (), (), (), 0.0, None, *tables)
    drawn = [done[place] for place in spread(len(done), MOST_POINTS)]
    x = Scale(
        done[0].first.toordinal() - 0.5, done[-1].first.toordinal() + 0.5, LEFT, WIDTH - RIGHT
    )
    effect = smallest_effect if metric == found.metrics[0] else None
    y = _heights(drawn, effect)
    marks = ticks(y, 4)
    step = marks[1] - marks[0] if len(marks) > 1 else 1.0
    band = None
    if effect is not None:
        band = y.at(effect), round(y.at(-effect) - y.at(effect), 1)
    return Course(
        metric,
        numbers.unit_of(metric),
        tuple(_curve(found, metric, drawn, key, x, y) for key in _keys(drawn)),
        tuple(
            (x.at(done[place].first.toordinal()), f"{done[place].first:%b %-d}")
            for place in spread(len(done), 4)
        ),
        tuple((y.at(each), numbers.tick(metric.is_share, each, step)) for each in marks),
        y.at(0),
        band,
        *tables,
    )


def _metric(found: Results, asked_for: str | None) -> MetricSummary | None:
    name = asked_for or next((each.name for each in found.metrics), None)
    return next((each for each in found.metrics if each.name == name), None)


def _has_points(day: Period) -> bool:
    return any(point.interval is not None for point in day.points)


def _keys(drawn: Sequence[Period]) -> list[str]:
    return [point.variant for point in drawn[-1].points if point.interval is not None]


def _heights(drawn: Sequence[Period], effect: float | None) -> Scale:
    """The scale of differences; the wide intervals of the first days may go beyond it."""
    late = drawn[len(drawn) // THIRDS :]
    shown = [0.0, *(() if effect is None else (-effect, effect))]
    for day in late:
        for point in day.points:
            if point.interval is not None:
                shown += (point.interval.low, point.interval.high)
    return covering(shown, HEIGHT - BOTTOM, TOP)


def _curve(
    found: Results,
    metric: MetricSummary,
    drawn: Sequence[Period],
    key: str,
    x: Scale,
    y: Scale,
) -> Curve:
    middle, low, high = [], [], []
    is_cut = False
    last = ""
    for day in drawn:
        point = next(each for each in day.points if each.variant == key)
        if point.estimate is None or point.interval is None:
            continue
        at, interval = x.at(day.first.toordinal()), point.interval
        middle.append((at, y.at(point.estimate)))
        low.append((at, y.at(interval.low)))
        high.append((at, y.at(interval.high)))
        is_cut = is_cut or not (y.holds(interval.low) and y.holds(interval.high))
        last = f"{_difference(metric, point)} ({_interval(metric, point)})"
    return Curve(
        _names(found).get(key, key),
        line(middle),
        line([*high, *low[::-1]]),
        middle[-1],
        last,
        is_cut,
    )


def _names(found: Results) -> dict[str, str]:
    return {each.variant: each.variant_name for each in found.comparisons} | {
        each.key: each.name for each in found.variants
    }


def _lines(
    found: Results, metric: MetricSummary | None, periods: Sequence[Period]
) -> tuple[Line, ...]:
    names = _names(found)
    lines = []
    for each in periods:
        points = {point.variant: point for point in each.points}
        for key in (*each.new, *(key for key in points if key not in each.new)):
            point = points.get(key)
            lines.append(
                Line(
                    each.first,
                    names.get(key, key),
                    each.new.get(key),
                    each.so_far.get(key),
                    _difference(metric, point),
                    _interval(metric, point),
                    each.is_open,
                )
            )
    return tuple(lines)


def _difference(metric: MetricSummary | None, point: Point | None) -> str:
    if metric is None or point is None or point.estimate is None:
        return ""
    interval = point.interval
    width = abs(point.estimate) / 10 if interval is None else interval.high - interval.low
    return numbers.signed(metric.is_share, point.estimate, width)


def _interval(metric: MetricSummary | None, point: Point | None) -> str:
    if metric is None or point is None or point.interval is None:
        return ""
    return numbers.between(metric.is_share, point.interval)
