"""What log and bloblog answer: rows of the log."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar, cast

from typing_extensions import TypedDict

from chalicelib.api.http.rendering import Rendered, written
from chalicelib.api.pages.answer_sizes import fitting, list_text
from chalicelib.api.upgrade.experiments.designs.metric_models import MetricRecord, metric_answer
from chalicelib.api.upgrade.wire.records import iso, stamps
from chalicelib.api.upgrade.wire.shapes import Groups, Moment, Stamps, WorkingGroups
from chalicelib.domain.outcomes.logs import LogPart, LogRecordKey, LogRow, Value
from chalicelib.services.outcomes.logs import LogReport
from chalicelib.services.participants.participants import Caller


class ChangedLogRow(TypedDict):
    """A row of the log that was there before."""

    id: int
    uniquifier: str | None
    timeStamp: Moment
    data: dict[str, Any]
    userId: str


class LogUser(Stamps):
    id: str
    group: Groups | None
    workingGroup: WorkingGroups | None
    requestedUserId: str


class NewLogRow(TypedDict):
    """A row of the log that is new."""

    id: int
    uniquifier: str | None
    timeStamp: Moment
    data: dict[str, Any]
    metrics: list[MetricRecord]
    user: LogUser


class NamedLogRow(TypedDict):
    """A row of the log, where all of them with their values are more than an answer holds."""

    id: int
    uniquifier: str | None
    timeStamp: Moment


class StampedChangedLogRow(Stamps, ChangedLogRow):
    pass


class StampedNewLogRow(Stamps, NewLogRow):
    pass


R = TypeVar("R")

LogRows = list[NewLogRow | ChangedLogRow | NamedLogRow]


StampedLogRows = list[StampedNewLogRow | StampedChangedLogRow | ChangedLogRow | NamedLogRow]


def log_answer(report: LogReport, caller: Caller) -> Rendered[LogRows]:
    """By item: the rows that it changed, each as it then was, then those that it made.

    Where that is longer than an answer may be, each row is there once, without the user and the
    metrics; where even that is, without its values, as many as fit.
    """
    return _rendered(report, caller, (answer for _, answer in _rows(report, caller)))


def stamped_log_answer(report: LogReport, caller: Caller) -> Rendered[StampedLogRows]:
    """The same rows with when they were stored, as bloblog answers."""
    rows = (_stamped(row, answer) for row, answer in _rows(report, caller))
    return _rendered(report, caller, rows)


def _stamped(
    row: LogRow, answer: ChangedLogRow | NewLogRow
) -> StampedChangedLogRow | StampedNewLogRow:
    return cast("StampedChangedLogRow | StampedNewLogRow", {**_stamps(row), **answer})


def _rendered(
    report: LogReport, caller: Caller, rows: Iterable[R]
) -> Rendered[list[R | ChangedLogRow | NamedLogRow]]:
    texts, whole = fitting(rows)
    if whole:
        return written(list_text(texts))
    touched = _touched(report)
    bare, whole = fitting(_bare(part, row, caller) for part, row in touched)
    if whole:
        return written(list_text(bare))
    named, _ = fitting(_named(part, row) for part, row in touched)
    return written(list_text(named))


def _rows(report: LogReport, caller: Caller) -> Iterator[tuple[LogRow, ChangedLogRow | NewLogRow]]:
    for _, parts in itertools.groupby(report.logged, key=lambda each: each.part.item):
        logged = list(parts)
        changed = {row.id: (row, each.part) for each in logged for row in each.changed}
        for row, part in changed.values():
            yield row, _bare(part, row, caller)
        for each in logged:
            if each.inserted is not None:
                yield each.inserted, _inserted(each.part.key, each.inserted, report, caller)


def _touched(report: LogReport) -> list[tuple[LogPart, LogRow]]:
    """Each row that was changed or made, as it now is, with a part that did."""
    rows: dict[int, tuple[LogPart, LogRow]] = {}
    for each in report.logged:
        for row in (*each.changed, *([each.inserted] if each.inserted else [])):
            rows[row.id] = each.part, row
    return list(rows.values())


def _bare(part: LogPart, row: LogRow, caller: Caller) -> ChangedLogRow:
    return {**_named(part, row), "data": _data(part.key, row), "userId": caller.user.id}


def _named(part: LogPart, row: LogRow) -> NamedLogRow:
    return {"id": row.id, "uniquifier": part.key.uniquifier, "timeStamp": iso(row.time)}


def _inserted(key: LogRecordKey, row: LogRow, report: LogReport, caller: Caller) -> NewLogRow:
    profile = caller.user.profile
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
        "id": row.id,
    }


def _stamps(row: LogRow) -> Stamps:
    return stamps(row.created_at, row.updated_at, row.version)


def _data(key: LogRecordKey, row: LogRow) -> dict[str, Any]:  # whatever clients log
    data: dict[str, Value] = dict(row.data)
    return data if key.group is None else {key.group[0]: {key.group[1]: data}}
