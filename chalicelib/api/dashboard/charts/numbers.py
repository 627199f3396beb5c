"""Numbers of results as texts, with the digits that their intervals support."""

from __future__ import annotations

from decimal import Decimal

from chalicelib.domain.outcomes.results.results import MetricSummary
from chalicelib.domain.statistics.intervals import Interval
from chalicelib.domain.statistics.sentences import decimals_for, number

PERCENT = 100


def unit_of(metric: MetricSummary) -> str:
    """The unit of differences, as the heading of a column has it; "" where it is not known."""
    return "percentage points" if metric.is_share else ""


def bare(is_share: bool, value: float, width: float) -> str:
    """A number without its unit; `width` is that of its interval.

    >>> bare(True, 0.02412, 0.031), bare(False, 12345.678, 4.2)
    ('2.4', '12,345.7')
    """
    scale = PERCENT if is_share else 1
    digits = decimals_for(width * scale)
    return number(value * scale, max(1, digits) if is_share else digits)


def signed(is_share: bool, value: float, width: float) -> str:
    """A difference with its sign.

    >>> signed(True, 0.02412, 0.031), signed(False, -0.5, 0.2), signed(False, 0.0, 1)
    ('+2.4', '-0.50', '0.0')
    """
    text = bare(is_share, value, width)
    is_positive = value > 0 and any(digit in "123456789" for digit in text)
    return f"+{text}" if is_positive else text


def between(is_share: bool, interval: Interval, *, signs: bool = True) -> str:
    """An interval.

    >>> between(True, Interval(-0.007, 0.041))
    '-0.7 to +4.1'
    """
    written = signed if signs else bare
    width = interval.high - interval.low
    low, high = (written(is_share, each, width) for each in (interval.low, interval.high))
    return f"{low} to {high}"


def value(is_share: bool, of: float, interval: Interval | None) -> str:
    """A rate as a percentage, or a mean.

    >>> value(True, 0.123, None), value(False, 1234.5678, Interval(1230, 1239.2))
    ('12.3 %', '1,234.6')
    """
    width = abs(of) / 10 if interval is None else interval.high - interval.low
    text = bare(is_share, of, width)
    return f"{text} %" if is_share else text


def tick(is_share: bool, of: float, step: float) -> str:
    """The text of a tick: no more digits than the distance of ticks needs.

    >>> tick(True, 0.05, 0.05), tick(False, 1500, 500), tick(False, 0.25, 0.05)
    ('5', '1,500', '0.25')
    """
    scale = PERCENT if is_share else 1
    digits = max(0, decimals_for(step * scale) - 1)
    return number(of * scale, digits)


def relative(lift: float, interval: Interval | None) -> str:
    """A relative difference in per cent.

    >>> relative(0.05, Interval(-0.01, 0.11)), relative(-0.5, None)
    ('+5.0 % (-1.0 to +11.0 %)', '-50.0 %')
    """
    width = abs(lift) / 10 if interval is None else interval.high - interval.low
    text = f"{signed(True, lift, width)} %"
    return text if interval is None else f"{text} ({between(True, interval)} %)"


def size(of: float | Decimal, is_share: bool = False) -> str:
    """A difference by its size alone, with its unit.

    >>> size(Decimal("0.05"), True), size(1500)
    ('5.0 percentage points', '1,500')
    """
    text = bare(is_share, float(of), float(of))
    return f"{text} percentage points" if is_share else text
