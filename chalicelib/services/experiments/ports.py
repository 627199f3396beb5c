"""What the use cases need to keep of taking part in experiments.

What `running.ports` says of all ports goes for these.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from chalicelib.domain.access.idempotency import IdempotencyRecord
from chalicelib.domain.experiments.compiled_experiments import CompiledExperiment
from chalicelib.domain.experiments.enrollment_counts import (
    DailyEnrollmentCount,
    EnrollmentCount,
    ExclusionCount,
    HourlyEnrollmentCount,
)
from chalicelib.domain.experiments.marks import Outcome, Records
from chalicelib.domain.experiments.transfer import OwnedRecord, RecordKind
from chalicelib.domain.features.users import TotalsShard
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import (
    Exclusion,
    GroupEnrollment,
    GroupKey,
    GroupRecord,
    Participant,
)


@dataclass(frozen=True, slots=True)
class Counting:
    """How an enrollment is counted: in which shard, for which stratum (value, variant id),
    and how many users make a group count (None: groups are not counted). `totals` is where a
    user of a variant of Test Lab is counted.
    """

    shard: int = 0
    stratum: tuple[str, int] | None = None
    users_per_group: int | None = None
    totals: TotalsShard | None = None


class EnrollmentStore(Protocol):
    """The enrollments, exclusions and reached points of users and groups, as they are written."""

    def store_mark(
        self,
        participant: Participant,
        groups: Mapping[GroupKey, GroupRecord],
        outcome: Outcome,
        counting: Counting,
        reached_by: Collection[GroupKey],
        record: IdempotencyRecord | None = None,
    ) -> None:
        """Store what a mark adds to the records of its user and groups, and count it.

        The groups `reached_by` note that a member reached the decision point, if none did before.

        Raises:
            LostRace: if the records are not what they were.
        """
        ...

    def store_records(
        self,
        participant: Participant,
        groups: Mapping[GroupKey, GroupRecord],
        compiled: CompiledExperiment,
        records: Records,
        counting: Counting,
    ) -> None:
        """Store records of an experiment that come from elsewhere, and count them.

        Raises:
            LostRace: if the records of the user or a group are not what they were.
        """
        ...

    def store_group_record(
        self, key: GroupKey, record: GroupEnrollment | Exclusion, shard: int
    ) -> None:
        """Store an enrollment or exclusion of a group that comes from elsewhere, and count it.

        Raises:
            LostRace: if the group has one.
        """
        ...


class EnrollmentCountStore(Protocol):
    """How many users and groups are enrolled in an experiment, and how many are excluded."""

    def in_all(self, feature_id: int) -> tuple[int, int]:
        """Users enrolled in an experiment, and groups with users enough."""
        ...

    def by_point(
        self, feature_id: int, point_keys: Collection[DecisionPointKey]
    ) -> tuple[Sequence[EnrollmentCount], ExclusionCount]:
        """The enrollments of an experiment by condition and point, and its exclusions.

        Enrollments at other decision points than `point_keys` come with None for a decision point.
        """
        ...

    def hourly(
        self, feature_id: int, since: date, point_keys: Collection[DecisionPointKey]
    ) -> Sequence[HourlyEnrollmentCount]:
        """The new enrollments of an experiment from a day (UTC) on, by the hour."""
        ...

    def daily(self, feature_id: int) -> Sequence[DailyEnrollmentCount]:
        """The users and groups that first enrolled under each condition, by day (UTC).

        It reads days x conditions x points x shards. What was counted before there were such counts
        is in none of them: `DailyEnrollmentCount.whole` says of each day whether there is such.
        """
        ...

    def in_strata(self, feature_id: int, values: Collection[str]) -> Mapping[tuple[str, int], int]:
        """Enrollments at all points in some strata of an experiment, by value and id of variant."""
        ...

    def in_stratum(self, feature_id: int, value: str) -> Mapping[int, int]:
        """Enrollments in a stratum of an experiment, by the ids of variants."""
        ...


Position = tuple[str, str]
"""Where a page of records ended, in the order of the store."""


@dataclass(frozen=True, slots=True)
class RecordPage:
    """Some records, and where the next page starts, if there is one."""

    records: Sequence[OwnedRecord]
    next: Position | None


class RecordStore(Protocol):
    """The records of all users and groups, kind by kind."""

    def page(self, kind: RecordKind, after: Position | None, limit: int) -> RecordPage:
        """Up to `limit` records in an order of the store's own; each once, if nothing is written.

        It reads past the records of other kinds, so many of them; a page may be empty, and yet
        not be the last.
        """
        ...


class DeadRecordStore(Protocol):
    """What is stored of an experiment that is gone, beside its variants, their users and events."""

    def of_experiment(
        self, feature_id: int, after: Position | None, limit: int
    ) -> Sequence[Position]:
        """Up to `limit` records of users and groups, those after `after`, in some fixed order.

        The list may lag behind what is stored.
        """
        ...

    def drop(self, feature_id: int, records: Sequence[Position]) -> Iterator[int]:
        """Remove at most 25 of them, with marks within subjects; bit by bit, how many rows.

        Points that were reached stay. A record that changes in this moment may stay too.
        """
        ...

    def drop_rest(self, feature_id: int) -> Iterator[int]:
        """Remove kept results and all counters of an experiment; bit by bit, how many rows."""
        ...
