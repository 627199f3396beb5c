"""Logs of users by clients, and their merging (UpGrade, section 15).

Values are kept in rows. A row belongs to one *log record*: the simple metrics of a user, or those
of one class, key and uniquifier. Whatever is logged touches one log record for each of its parts,
so it is found by key however much the user logged before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.domain.experiments.metrics import grouped_key

Value = str | int | float

SIMPLE_UNIQUIFIER = "1"
"""What simple metrics have for a uniquifier."""

VALUES_SHOWN = 800_000
"""Values that are kept of how rows were between the parts of a call: more than an answer can show.

A value takes at least 6 bytes there (`"a":1,`), so these take more than 4 MB.
"""


@dataclass(frozen=True, slots=True)
class LogRecordKey:
    """Which log record of a user: `group` is the class and the key, None for the simple metrics."""

    group: tuple[str, str] | None = None
    uniquifier: str = SIMPLE_UNIQUIFIER

    def metric(self, attribute: str) -> str:
        """The key of the metric that an attribute is a value of."""
        return attribute if self.group is None else grouped_key(*self.group, attribute)


@dataclass(frozen=True, slots=True)
class LogRow:
    """Values that were first logged together, by attribute.

    `time` is the client's, of the newest value; the others say when the server stored it.
    """

    id: int
    time: datetime
    data: Mapping[str, Value]
    created_at: datetime
    updated_at: datetime
    version: int = 1


@dataclass(frozen=True, slots=True)
class LogRecord:
    """The rows of a log record by ascending id; `revision` counts changes, 0 if not stored."""

    user_id: str
    key: LogRecordKey
    rows: tuple[LogRow, ...] = ()
    revision: int = 0

    def metrics(self) -> frozenset[str]:
        """The keys of all metrics that it has values of."""
        return frozenset(self.key.metric(name) for row in self.rows for name in row.data)

    def values(self, metric_key: str) -> list[tuple[LogRow, Value]]:
        """The values of a metric, with their rows."""
        return [
            (row, value)
            for row in self.rows
            for name, value in row.data.items()
            if self.key.metric(name) == metric_key
        ]


@dataclass(frozen=True, slots=True)
class LogPart:
    """Values that a client logs together for one log record; `item` is their place in the call."""

    item: int
    time: datetime
    key: LogRecordKey
    attributes: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Logged:
    """The outcome of a part of a log: the rows that it changed, and the new row, if any."""

    part: LogPart
    changed: tuple[LogRow, ...] = ()
    inserted: LogRow | None = None


@dataclass(frozen=True, slots=True)
class Merge:
    """A log record after some parts, what became of each, and the metrics that are new in it."""

    log_record: LogRecord
    logged: tuple[Logged, ...]
    new_metrics: frozenset[str] = frozenset()

    @property
    def is_new(self) -> bool:
        """Whether there is something to store."""
        return any(each.changed or each.inserted for each in self.logged)


def measured_part(part: LogPart, measured: Collection[str]) -> LogPart | None:
    """The measured values of `part`; None if no query asks for any of them."""
    kept = {
        name: value for name, value in part.attributes.items() if part.key.metric(name) in measured
    }
    return replace(part, attributes=kept) if kept else None


def merge(
    log_record: LogRecord, parts: Sequence[LogPart], ids: Iterator[int], now: datetime
) -> Merge:
    """Merge some parts of one call into a log record; `ids` number new rows.

    A value goes to the first row that has its attribute, and counts if it is not older than that
    row; only values that no row has make a new one. The parts of a call are handled at the same
    time: none of them sees a row that another one makes. Each part has the rows as they were after
    it; where those have more than `VALUES_SHOWN` values in all, later parts have the last values.
    """
    room = VALUES_SHOWN
    newest: dict[int, dict[str, Value]] = {}
    rows = {row.id: row for row in log_record.rows}
    homes: dict[str, int] = {}
    for row in log_record.rows:
        for name in row.data:
            homes.setdefault(name, row.id)
    logged = []
    for part in parts:
        touched: dict[int, None] = {}
        fresh: dict[str, Value] = {}
        for name, value in part.attributes.items():
            home = homes.get(name)
            if home is None:
                fresh[name] = value
            elif part.time >= rows[home].time:
                row = rows[home]
                if home not in newest:
                    newest[home] = dict(row.data)
                newest[home][name] = value
                rows[home] = replace(row, time=part.time, data=newest[home], updated_at=now)
                touched[home] = None
        after: list[LogRow] = []
        for row_id in touched:
            row = replace(rows[row_id], version=rows[row_id].version + 1)
            rows[row_id] = row
            room -= len(row.data)
            after.append(replace(row, data=dict(row.data)) if room >= 0 else row)
        inserted = None
        if fresh:
            inserted = LogRow(next(ids), part.time, fresh, now, now)
            rows[inserted.id] = inserted
        logged.append(Logged(part, tuple(after), inserted))
    whole = replace(
        log_record,
        rows=tuple(rows[row_id] for row_id in sorted(rows)),
        revision=log_record.revision + 1,
    )
    return Merge(whole, tuple(logged), whole.metrics() - log_record.metrics())
