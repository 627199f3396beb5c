"""What clients log, and how it is answered (UpGrade, sections 4 and 15)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Annotated, Any

from chalice.app import Response
from pydantic import BeforeValidator, Field, StrictFloat, StrictInt

from chalicelib.api.http.rendering import written
from chalicelib.api.pages.answer_sizes import fitting, list_text
from chalicelib.api.upgrade.experiments.designs.metric_models import METRICS_AT_ONCE, metric_answer
from chalicelib.api.upgrade.participants.client_models import ClientBody, Name, UserBody
from chalicelib.api.upgrade.wire.records import Json, iso, stamps
from chalicelib.api.values.bounds import AtMost
from chalicelib.api.values.numbers import as_javascript
from chalicelib.domain.outcomes.logs import Logged, LogPart, LogRecordKey, LogRow, Value
from chalicelib.services.outcomes.logs import LogReport
from chalicelib.services.participants.participants import Caller

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


def log_answer(report: LogReport, caller: Caller, *, stamped: bool = False) -> Response:
    """By item: the rows that it changed, each as it then was, then those that it made.

    With `stamped`, as bloblog answers, rows show when they were stored. Where that is longer than
    an answer may be, each row is there once, without the user and the metrics; where even that
    is, without its values, as many as fit.
    """
    texts, whole = fitting(_rows(report, caller, stamped=stamped))
    if not whole:
        touched = _touched(report)
        texts, whole = fitting(_bare(part, row, caller) for part, row in touched)
        if not whole:
            texts, _ = fitting(_named(part, row) for part, row in touched)
    return written(list_text(texts))


def _rows(report: LogReport, caller: Caller, *, stamped: bool) -> Iterator[Json]:
    for _, parts in itertools.groupby(report.logged, key=lambda each: each.part.item):
        logged = list(parts)
        yield from _changed(logged, caller, stamped=stamped)
        for each in logged:
            if each.inserted is not None:
                yield _inserted(each, each.inserted, report, caller, stamped=stamped)


def _touched(report: LogReport) -> list[tuple[LogPart, LogRow]]:
    """Each row that was changed or made, as it now is, with a part that did."""
    rows: dict[int, tuple[LogPart, LogRow]] = {}
    for each in report.logged:
        for row in (*each.changed, *([each.inserted] if each.inserted else [])):
            rows[row.id] = each.part, row
    return list(rows.values())


def _bare(part: LogPart, row: LogRow, caller: Caller) -> Json:
    return {**_named(part, row), "data": _data(part.key, row), "userId": caller.user.id}


def _named(part: LogPart, row: LogRow) -> Json:
    return {"id": row.id, "uniquifier": part.key.uniquifier, "timeStamp": iso(row.time)}


def _changed(logged: Sequence[Logged], caller: Caller, *, stamped: bool) -> list[Json]:
    rows: dict[int, Json] = {}
    for each in logged:
        for row in each.changed:
            rows[row.id] = {
                **(_stamps(row) if stamped else {}),
                **_bare(each.part, row, caller),
            }
    return list(rows.values())


def _inserted(
    logged: Logged, row: LogRow, report: LogReport, caller: Caller, *, stamped: bool
) -> Json:
    key, profile = logged.part.key, caller.user.profile
    created_at = profile.created_at or row.created_at
    return {
        "timeStamp": iso(row.time),
        "uniquifier": key.uniquifier,
        "data": _data(key, row),
        "metrics": [metric_answer(report.metrics[key.metric(name)]) for name in row.data],
        "user": {
            **stamps(created_at, profile.updated_at or created_at, caller.user.revision),
            "id": profile.id,
            "group": profile.group,
            "workingGroup": profile.working_group,
            "requestedUserId": caller.named.id,
        },
        **(_stamps(row) if stamped else {}),
        "id": row.id,
    }


def _stamps(row: LogRow) -> Json:
    return stamps(row.created_at, row.updated_at, row.version)


def _data(key: LogRecordKey, row: LogRow) -> dict[str, Any]:
    data: dict[str, Value] = dict(row.data)
    return data if key.group is None else {key.group[0]: {key.group[1]: data}}
