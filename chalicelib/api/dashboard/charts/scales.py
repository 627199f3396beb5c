"""Scales: from values to places in a drawing, with round ticks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SMALLEST_SPAN = 1e-300
"""Values that are closer together are one."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A line from `low` at `start` to `high` at `end`; what lies beyond is drawn at its ends.

    >>> Scale(0, 10, 100, 200).at(2.5)
    125.0
    >>> Scale(0, 10, 200, 100).at(99)
    100.0
    """

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Where a value is, to a tenth of a point."""
        # Halves: the difference of the largest numbers would be beyond all.
        span = self.high / 2 - self.low / 2
        share = min(1.0, max(0.0, (value / 2 - self.low / 2) / span))
        return round(self.start + share * (self.end - self.start), 1)

    def holds(self, value: float) -> bool:
        """Whether a value is not beyond the ends."""
        return self.low <= value <= self.high


def covering(values: Iterable[float], start: float, end: float, *, margin: float = 0.05) -> Scale:
    """A scale that shows some values, with a margin (a share of them) at both ends.

    >>> covering([0, 10], 0, 100, margin=0.1)
    Scale(low=-1.0, high=11.0, start=0, end=100)
    >>> covering([4, 4], 0, 100, margin=0)
    Scale(low=2.0, high=6.0, start=0, end=100)
    """
    shown = list(values) or [0.0]
    low, high = float(min(shown)), float(max(shown))
    if high / 2 - low / 2 < SMALLEST_SPAN:
        around = abs(low) / 2 or 1.0
        low, high = low - around, high + around
    more = (high / 2 - low / 2) * 2 * margin
    if not math.isfinite(more):
        more = 0.0
    return Scale(low - more, high + more, start, end)


def round_step(span: float, about: int) -> float:
    """The round distance (1, 2 or 5 times a power of ten) that cuts a span into some parts.

    >>> round_step(10, 5), round_step(0.7, 4), round_step(900, 4)
    (2.0, 0.2, 200.0)
    """
    rough = span / about
    power = 10.0 ** math.floor(math.log10(rough))
    found = min((1, 2, 5, 10), key=lambda each: abs(each - rough / power))
    return float(f"{found * power:.0e}")


def ticks(scale: Scale, about: int = 5) -> list[float]:
    """Round values on a scale, 0 among them where it is on it.

    >>> ticks(Scale(-1.2, 5.1, 0, 1), 4)
    [0.0, 2.0, 4.0]
    >>> ticks(Scale(0, 0.31, 0, 1), 3)
    [0.0, 0.1, 0.2, 0.3]
    """
    span = scale.high - scale.low
    if not math.isfinite(span):
        return [0.0] if scale.holds(0) else []
    step = round_step(span, about)
    first, last = math.ceil(scale.low / step), math.floor(scale.high / step)
    if last - first > 10 * about:  # values that differ in their last digits only
        return []
    return [float(f"{place * step:.12g}") for place in range(first, last + 1)]


def whole_ticks(most: int, about: int = 4) -> list[int]:
    """Round whole numbers from 0 to at most `most`.

    >>> whole_ticks(410), whole_ticks(3), whole_ticks(0)
    ([0, 100, 200, 300, 400], [0, 1, 2, 3], [0])
    """
    if most <= 0:
        return [0]
    step = max(1, int(round_step(most, about)))
    return list(range(0, most + 1, step))


def spread(count: int, most: int) -> list[int]:
    """Some of `count` places, the first and the last among them, evenly spread.

    >>> spread(10, 4), spread(3, 5), spread(1, 5)
    ([0, 3, 6, 9], [0, 1, 2], [0])
    """
    if count <= most:
        return list(range(count))
    return sorted({round(place * (count - 1) / (most - 1)) for place in range(most)})


def line(points: Sequence[tuple[float, float]]) -> str:
    """The points of a line as SVG has them.

    >>> line([(0, 1), (2.5, 3)])
    '0,1 2.5,3'
    """
    return " ".join(f"{x:g},{y:g}" for x, y in points)
