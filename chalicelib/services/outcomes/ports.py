"""What the use cases need to keep of logs and of what they show.

What `running.ports` says of all ports goes for these.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from chalicelib.domain.access.idempotency import IdempotencyRecord
from chalicelib.domain.experiments.marks import Repeat
from chalicelib.domain.outcomes.logs import LogRecord, LogRecordKey, Merge
from chalicelib.domain.outcomes.metric_results import QueryResult
from chalicelib.domain.outcomes.results.results import Summary
from chalicelib.domain.outcomes.snapshots import Snapshot, Taken
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import (
    Enrollment,
)

LOG_RECORD_BYTES = 380_000
"""Bytes of JSON that a store takes in one log record: an item may have 400 KB in all."""

SNAPSHOT_BYTES = 380_000
"""Bytes of JSON that a store takes in one snapshot."""


class SummaryStore(Protocol):
    """The lines of the list of results."""

    def all(self) -> Sequence[Summary]:
        """The lines of all experiments."""
        ...

    def one(self, feature_id: int) -> Summary | None:
        """The line of an experiment, read consistently."""
        ...

    def put(self, summary: Summary) -> None:
        """Store a line in place of the one before; the first verdict of a run stays.

        Raises:
            LostRace: if another verdict of its run, or one of a later run, is latched there.
        """
        ...

    def remove(self, feature_id: int) -> None:
        """Remove the line of an experiment, if there is one."""
        ...


class LogStore(Protocol):
    """What clients logged of users."""

    def new_id(self) -> int:
        """An id that no row had before."""
        ...

    def log_records(
        self, user_id: str, log_record_keys: Collection[LogRecordKey]
    ) -> Mapping[LogRecordKey, LogRecord]:
        """Log records of a user, read consistently and together; missing ones are left out."""
        ...

    def store(
        self, merges: Sequence[Merge], record: IdempotencyRecord | None = None
    ) -> Collection[LogRecordKey]:
        """Store the log records of one user, each by itself; the keys of those that were not.

        A log record is not stored if it is no longer what it was merged into. With `record` all are
        stored, or none.

        Raises:
            Invalid: if a log record is larger than the store takes, or all of them are more than it
                stores at once with `record`; then none is stored.
        """
        ...

    def of_metric(self, metric_key: str) -> Iterator[Sequence[LogRecord]]:
        """All log records with values of a metric, some at a time."""
        ...

    def of_users(
        self, user_ids: Collection[str], metric_keys: Collection[str]
    ) -> Sequence[LogRecord]:
        """The log records of some users that may have values of the metrics, read consistently.

        It reads what those users logged, whoever else logged the metrics, and answers all that it
        read: of grouped metrics every log record of the users.
        """
        ...


class ResultStore(Protocol):
    """What the queries of archived experiments found."""

    def keep(self, feature_id: int, results: Sequence[QueryResult]) -> None:
        """Store what the queries of an experiment found, in place of what was stored before."""
        ...

    def kept(self, feature_id: int) -> Sequence[QueryResult]:
        """What was stored so; nothing if nothing was."""
        ...


class SnapshotStore(Protocol):
    """What the queries of experiments came to, day by day. It goes with the kept results.

    What is stored of a query stays, also when the design does not ask it any more.
    """

    def put(self, feature_id: int, snapshot: Snapshot) -> bool:
        """Store a snapshot; whether it was stored.

        It is not if there is one of the query of that day or of a later one, or, where it is a
        final one, if there is another: of any number of writers one comes first.

        Raises:
            Invalid: if it is larger than `SNAPSHOT_BYTES`.
        """
        ...

    def note_try(self, feature_id: int, query_ids: Collection[str], at: datetime) -> None:
        """Note, before snapshots of some queries are read, when that begins."""
        ...

    def taken(self, feature_id: int) -> Mapping[str, Taken]:
        """How far each query is, by its id; queries that were never tried are left out."""
        ...

    def of_experiment(self, feature_id: int) -> Sequence[Snapshot]:
        """All snapshots of an experiment, those of each query from the oldest day on."""
        ...


@dataclass(frozen=True, slots=True)
class EnrolledUser:
    """A user with all enrollments in an experiment; `key` is the place in the store's order."""

    key: str
    id: str
    enrollments: tuple[Enrollment, ...]


@dataclass(frozen=True, slots=True)
class EnrolledPage:
    """Some users of an experiment, and the key from which the next page starts, if there is one."""

    users: Sequence[EnrolledUser]
    next: str | None


class UserEnrollmentStore(Protocol):
    """The enrollments of single users, by which an analysis knows the conditions that they met."""

    def page(self, feature_id: int, since: str, limit: int) -> EnrolledPage:
        """Users who are enrolled in an experiment, from a key on, in an order of the store's own.

        The first page is that since "". A page looks at `limit` records that users have of the
        experiment, their exclusions included, and at the rest of the last user's: it may be short
        or empty, and yet not be the last. The list of users may lag behind what is stored, the
        enrollments do not; who has none any more is left out.
        """
        ...

    def enrollments(
        self, feature_id: int, point_keys: Collection[DecisionPointKey], user_ids: Collection[str]
    ) -> Mapping[str, Sequence[Enrollment]]:
        """The enrollments of some users in an experiment, at the given points or at none known."""
        ...

    def repeats(self, feature_id: int, user_ids: Collection[str]) -> Mapping[str, Sequence[Repeat]]:
        """The marks of some users in a within-subjects experiment."""
        ...
