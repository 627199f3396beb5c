"""Numbers and moments as pages show them, each with its unit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, localcontext

from markupsafe import Markup


def count(value: int) -> str:
    """A whole number with its thousands apart.

    >>> count(1234567)
    '1,234,567'
    """
    return f"{value:,}"


def share(value: Decimal | float | None) -> str:
    """A share as a percentage.

    >>> share(Decimal("0.125")), share(None)
    ('12.5 %', 'no share of its own')
    """
    if value is None:
        return "no share of its own"
    return f"{float(value) * 100:.4g} %"


def moment(at: datetime | None) -> Markup | str:
    """A moment in UTC, which a script repeats in the reader's zone."""
    if at is None:
        return "never"
    text = at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return Markup('<time datetime="{}">{}</time>').format(at.astimezone(UTC).isoformat(), text)


def day(at: date | None) -> Markup | str:
    """A day (UTC)."""
    if at is None:
        return "no day"
    return Markup('<time datetime="{0}">{0}</time>').format(at.isoformat())


def age(since: datetime, now: datetime) -> str:
    """How long ago something was, in whole days or the largest smaller unit.

    >>> age(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC))
    '2 days'
    """
    seconds = max(0, int((now - since).total_seconds()))
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            number_of = seconds // length
            return f"{number_of:,} {unit}{'s' if number_of > 1 else ''}"
    return "less than a minute"


BAR, STEP = 3, 4
"""How wide a bar of a small chart is, and how far it is from one to the next."""


def bars(values: Sequence[int], height: int = 24) -> str:
    """The bars of a small chart as one SVG path: a page of the list has more than a thousand.

    >>> bars([1, 2, 0], 10)
    'M0 5h3v5h-3zM4 0h3v10h-3z'
    """
    most = max(values, default=0) or 1
    tall = [round(height * max(0, value) / most) for value in values]
    return "".join(
        f"M{place * STEP} {height - each}h{BAR}v{each}h-{BAR}z"
        for place, each in enumerate(tall)
        if each
    )


def percent(value: Decimal | None) -> str:
    """A share as the number of per cent that a field holds, with all its digits.

    >>> percent(Decimal("0.125")), percent(Decimal(1)), percent(None)
    ('12.5', '100', '')
    """
    if value is None:
        return ""
    with localcontext(prec=60):
        return format((value * 100).normalize(), "f")
