"""The table of variants, and the interaction of two factors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.api.dashboard.charts import numbers
from chalicelib.api.dashboard.charts.course import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH
from chalicelib.api.dashboard.charts.forest import Tick
from chalicelib.api.dashboard.charts.scales import Scale, covering, line, ticks
from chalicelib.domain.catalogue.pages.experiment_pages import Cells
from chalicelib.domain.outcomes.results.results import (
    MetricOfVariant,
    MetricSummary,
    Results,
    VariantResult,
)


@dataclass(frozen=True, slots=True)
class Cell:
    """A metric of a variant: the rate or mean, its interval, and what else is to be known."""

    mean: str
    interval: str
    beside: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VariantRow:
    """A variant with its metrics; `off` is how far its units are from those due, as a share."""

    variant: VariantResult
    off: float | None
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Interaction:
    """The means of two factors' cells: a line for each level of the first, over the second's."""

    factors: tuple[str, str]
    columns: tuple[Tick, ...]
    lines: tuple[tuple[str, str, tuple[tuple[float, float], ...]], ...]
    table: tuple[tuple[str, tuple[str, ...]], ...]
    values: tuple[Tick, ...]
    metric: MetricSummary


def variant_rows(found: Results) -> Iterator[VariantRow]:
    """A row for each variant."""
    for each in found.variants:
        off = None if not each.due else each.units / each.due - 1
        pairs = zip(found.metrics, each.metrics, strict=True)
        yield VariantRow(each, off, tuple(_cell(metric, own) for metric, own in pairs))


def _cell(metric: MetricSummary, own: MetricOfVariant) -> Cell:
    if metric.damaged is not None:
        return Cell("cannot be read", "", ())
    if own.mean is None:
        return Cell("no values yet", "", ())
    interval = own.interval
    between = ""
    if interval is not None:
        unit = " %" if metric.is_share else ""
        between = f"{numbers.between(metric.is_share, interval, signs=False)}{unit}"
    return Cell(
        numbers.value(metric.is_share, own.mean, interval), between, tuple(_beside(metric, own))
    )


def _beside(metric: MetricSummary, own: MetricOfVariant) -> Iterator[str]:
    if own.converters is None:
        yield f"{own.n:,} with a value"
    else:
        yield f"{own.converters:,} of {own.n:,}"
    if own.user_weighted is not None:
        yield f"{numbers.value(metric.is_share, own.user_weighted, None)} with users weighted"
    if own.left_out:
        yield f"{own.left_out:,} left out"
    if own.capped is not None:
        yield f"{own.capped * 100:.1f} % beyond the cap"


def interaction(found: Results, cells: Cells | None) -> Interaction | None:
    """The cells of a design of two factors in the metric that decides, if all have a mean."""
    if cells is None or not found.metrics or found.metrics[0].damaged is not None:
        return None
    metric = found.metrics[0]
    own = {each.key: each.metrics[0] for each in found.variants}
    means = [[own[key].mean for key in row] for row in cells.keys]
    known = [mean for row in means for mean in row if mean is not None]
    if len(known) < sum(map(len, means)):
        return None
    y = covering(known, HEIGHT - BOTTOM, TOP, margin=0.15)
    x = Scale(-0.5, len(cells.levels[1]) - 0.5, LEFT, WIDTH - RIGHT)
    marks = ticks(y, 4)
    step = marks[1] - marks[0] if len(marks) > 1 else 1.0
    lines, table = [], []
    for level, row, keys in zip(cells.levels[0], means, cells.keys, strict=True):
        points = tuple((x.at(at), y.at(mean)) for at, mean in enumerate(row) if mean is not None)
        lines.append((level, line(points), points))
        texts = tuple(
            numbers.value(metric.is_share, mean, own[key].interval)
            for mean, key in zip(row, keys, strict=True)
            if mean is not None
        )
        table.append((level, texts))
    return Interaction(
        cells.factors,
        tuple((x.at(at), level) for at, level in enumerate(cells.levels[1])),
        tuple(lines),
        tuple(table),
        tuple((y.at(each), numbers.tick(metric.is_share, each, step)) for each in marks),
        metric,
    )
