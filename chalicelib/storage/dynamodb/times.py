"""Times as numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ms(moment: datetime) -> int:
    """Whole milliseconds since 1970 of an aware moment, finer parts cut off."""
    return (moment - EPOCH) // timedelta(milliseconds=1)


def from_ms(milliseconds: float) -> datetime:
    """The moment, in UTC."""
    return EPOCH + timedelta(milliseconds=int(milliseconds))
