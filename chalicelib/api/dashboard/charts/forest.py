"""The forest plot: the comparisons of each metric on a scale of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chalicelib.api.dashboard.charts import numbers
from chalicelib.api.dashboard.charts.scales import Scale, covering, ticks
from chalicelib.domain.features.result_plans import MetricRole
from chalicelib.domain.outcomes.results.results import Comparison, MetricSummary, Results
from chalicelib.domain.statistics.intervals import Interval

WIDTH = 400
MARGIN = 14
WIDEST = 6
"""Times the median reach of intervals that the widest may take of a scale; it is cut beyond."""

Tick = tuple[float, str]


@dataclass(frozen=True, slots=True)
class Whisker:
    """An interval as it is drawn: its estimate, its ends, and whether they are cut off."""

    x: float
    low: float
    high: float
    is_cut_low: bool
    is_cut_high: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A comparison: the marks and the texts that say the same."""

    comparison: Comparison
    whisker: Whisker | None
    difference: str
    interval: str
    reading: str
    means: str
    lift: str
    only_look: str


@dataclass(frozen=True, slots=True)
class Panel:
    """The comparisons of a metric; `band` is what lies within the smallest effect or the margin."""

    metric: MetricSummary
    unit: str
    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...] = ()
    zero: float = 0.0
    band: tuple[float, float] | None = None
    band_text: str = ""


def forest(found: Results, smallest_effect: float | None) -> list[Panel]:
    """A panel for each metric, the one that decides first."""
    return [_panel(found, metric, smallest_effect) for metric in found.metrics]


def _panel(found: Results, metric: MetricSummary, smallest_effect: float | None) -> Panel:
    compared = [each for each in found.comparisons if each.metric == metric.name]
    unit = numbers.unit_of(metric)
    edges = _band(metric, smallest_effect)
    scale = _scale(compared, edges)
    if scale is None:
        return Panel(metric, unit, tuple(_row(metric, each, None, edges) for each in compared))
    marks = ticks(scale, 4)
    step = marks[1] - marks[0] if len(marks) > 1 else 1.0
    band = None if edges is None else (scale.at(edges.low), scale.at(edges.high))
    return Panel(
        metric,
        unit,
        tuple(_row(metric, each, scale, edges) for each in compared),
        tuple((scale.at(each), numbers.tick(metric.is_share, each, step)) for each in marks),
        scale.at(0),
        None if band is None else (band[0], round(band[1] - band[0], 1)),
        _band_text(metric, edges),
    )


def _band(metric: MetricSummary, smallest_effect: float | None) -> Interval | None:
    """Differences that do not matter: below the smallest effect, or what a guardrail may lose."""
    if metric.role is MetricRole.PRIMARY and smallest_effect is not None:
        return Interval(-smallest_effect, smallest_effect)
    if metric.role is MetricRole.GUARDRAIL and metric.margin is not None:
        return Interval(-metric.margin, 0).oriented(metric.direction.sign)
    return None


def _band_text(metric: MetricSummary, edges: Interval | None) -> str:
    if edges is None:
        return ""
    text = numbers.size(max(abs(edges.low), abs(edges.high)), metric.is_share)
    if metric.role is MetricRole.PRIMARY:
        return f"The band is what is smaller than the smallest effect that matters, {text}."
    return f"The band is the margin: what it may get worse by, {text}."


def _scale(compared: Sequence[Comparison], edges: Interval | None) -> Scale | None:
    """A scale for all of them, on which no single wide interval makes points of the others."""
    intervals = [each.interval for each in compared if each.interval is not None]
    estimates = [each.estimate for each in compared if each.estimate is not None]
    if not estimates:
        return None
    reaches = sorted(max(abs(each.low), abs(each.high)) for each in intervals)
    reach = WIDEST * reaches[len(reaches) // 2] if reaches else 0.0
    shown = [0.0, *(() if edges is None else (edges.low, edges.high))]
    for each in intervals:
        shown += (max(each.low, -reach), min(each.high, reach))
    if not intervals:
        shown += estimates
    return covering(shown, MARGIN, WIDTH - MARGIN)


def _row(
    metric: MetricSummary, each: Comparison, scale: Scale | None, edges: Interval | None
) -> Row:
    is_share, interval = metric.is_share, each.interval
    width = abs(each.estimate or 0.0) / 10
    if interval is not None:
        width = interval.high - interval.low
    means = [mean for mean in (each.control_mean, each.mean) if mean is not None]
    look = each.if_only_look
    return Row(
        each,
        _whisker(each, scale),
        "none yet" if each.estimate is None else numbers.signed(is_share, each.estimate, width),
        "no interval yet" if interval is None else numbers.between(is_share, interval),
        reading(metric, each, edges),
        " → ".join(numbers.value(is_share, mean, interval) for mean in means),
        each.no_lift or ""
        if each.lift is None
        else numbers.relative(each.lift, each.lift_interval),
        "" if look is None else f"p {look.p:.2g}, {numbers.between(is_share, look.interval)}",
    )


def _whisker(each: Comparison, scale: Scale | None) -> Whisker | None:
    if scale is None or each.estimate is None:
        return None
    ends = each.interval or Interval(each.estimate, each.estimate)
    return Whisker(
        scale.at(each.estimate),
        scale.at(ends.low),
        scale.at(ends.high),
        not scale.holds(ends.low),
        not scale.holds(ends.high),
    )


def reading(metric: MetricSummary, each: Comparison, edges: Interval | None) -> str:
    """What an interval says, in a word or two."""
    if each.lacks:
        return "too few data"
    if each.interval is None:
        return "no interval"
    if each.guardrail is not None:
        return each.guardrail.value
    own = each.interval.oriented(metric.direction.sign)
    if own.low > 0:
        return "better"
    if own.high < 0:
        return "worse"
    if edges is not None and edges.low < each.interval.low and each.interval.high < edges.high:
        return "no difference that matters"
    return "not shown"


def guardrail_rows(panels: Sequence[Panel]) -> Iterator[tuple[Panel, Row]]:
    """The comparisons that guard, with their panels."""
    for panel in panels:
        if panel.metric.role is MetricRole.GUARDRAIL:
            yield from ((panel, row) for row in panel.rows)
