"""What clients log, and how it is answered (UpGrade, sections 4 and 15)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StrictFloat, StrictInt

from chalicelib.api.upgrade.experiments.designs.metric_models import METRICS_AT_ONCE
from chalicelib.api.upgrade.participants.client_models import ClientBody, Name, UserBody
from chalicelib.api.values.bounds import AtMost
from chalicelib.api.values.numbers import as_javascript
from chalicelib.domain.outcomes.logs import LogPart, LogRecordKey

LOG_BYTES = 2**20
"""Bytes that the body of a log may have."""

LOG_ITEMS = 20_000
"""Items of one call, and groups of one item; a megabyte has room for few more."""

TIME_LENGTH = 100
"""Characters of a time, with the name of a zone as JavaScript writes it."""

ZONE_NAME = re.compile(r"(?:GMT|UTC)(?=[+-]\d{4})")
"""What JavaScript writes before an offset, and nobody else."""


def moment_of(value: Any) -> datetime:
    """The moment that a text names, in UTC unless it says otherwise.

    Raises:
        ValueError: if it names none.
    """
    if not isinstance(value, str) or len(value) > TIME_LENGTH:
        raise ValueError(f"must be text of at most {TIME_LENGTH} characters")
    moment = _moment(value)
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise ValueError("must lie between the years 1 and 9999") from None


def _moment(text: str) -> datetime:
    """The moment in ISO 8601, or as mails and JavaScript write it, with a zone that is known."""
    with suppress(ValueError):
        return datetime.fromisoformat(text)
    # It is guesswork beyond ISO 8601, so nothing is taken of which the zone is not certain.
    with suppress(TypeError, ValueError, IndexError, OverflowError):
        moment = parsedate_to_datetime(ZONE_NAME.sub("", text))
        if moment.tzinfo is not None:
            return moment
    raise ValueError("must be a date and time in ISO 8601")


def _value(value: Any) -> str | int | float:
    """A number as JavaScript has it; text is left to the other validators."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("must be text or a number")
    return as_javascript(value)


LogTime = Annotated[datetime, BeforeValidator(moment_of)]
LogValue = Annotated[Name | StrictInt | StrictFloat, BeforeValidator(_value)]
Attributes = Annotated[dict[Name, LogValue], AtMost(METRICS_AT_ONCE)]


class GroupedMetric(ClientBody):
    group_class: Name = Field(alias="groupClass")
    group_key: Name = Field(alias="groupKey")
    group_uniquifier: Name = Field(alias="groupUniquifier")
    attributes: Attributes


class LoggedMetrics(ClientBody):
    attributes: Attributes | None = None
    grouped_metrics: Annotated[list[GroupedMetric], AtMost(LOG_ITEMS)] | None = Field(
        None, alias="groupedMetrics"
    )


class LogItem(ClientBody):
    timestamp: LogTime
    metrics: LoggedMetrics


class LogV6(ClientBody):
    value: Annotated[list[LogItem], AtMost(LOG_ITEMS)]

    def parts(self) -> list[LogPart]:
        """What is logged, by item and log record; the simple metrics of an item come first."""
        return [part for number, item in enumerate(self.value) for part in _parts(number, item)]


class LogV5(LogV6, UserBody):
    pass


def _parts(number: int, item: LogItem) -> Iterator[LogPart]:
    if item.metrics.attributes:
        yield LogPart(number, item.timestamp, LogRecordKey(), item.metrics.attributes)
    for grouped in item.metrics.grouped_metrics or ():
        key = LogRecordKey((grouped.group_class, grouped.group_key), grouped.group_uniquifier)
        yield LogPart(number, item.timestamp, key, grouped.attributes)
