"""What the use cases need to keep of users and groups: records, preview users, strata.

What `running.ports` says of all ports goes for these.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from chalicelib.domain.access.idempotency import IdempotencyRecord
from chalicelib.domain.experiments.compiled_experiments import CompiledExperiment
from chalicelib.domain.experiments.enrollment_counts import (
    EnrollmentCount,
    ExclusionCount,
    HourlyEnrollmentCount,
)
from chalicelib.domain.experiments.group_change import GroupChange
from chalicelib.domain.experiments.marking import Outcome, Records, Repeat
from chalicelib.domain.features.users import TotalsShard
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import (
    Enrollment,
    Exclusion,
    GroupEnrollment,
    GroupKey,
    GroupRecord,
    Participant,
    Profile,
)
from chalicelib.domain.participants.preview_users import PreviewUser
from chalicelib.domain.participants.strata import StratificationFactor


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


class ParticipantStore(Protocol):
    """What is known of users and groups in UpGrade's experiments."""

    def read(self, user_id: str) -> Participant:
        """All that is stored under the id of a user, initialised or not; read consistently."""
        ...

    def get(self, user_id: str) -> Participant | None:
        """The same; None for a user who was never initialised."""
        ...

    def groups(self, groups: Collection[GroupKey]) -> Mapping[GroupKey, GroupRecord]:
        """All records of some groups, read consistently at the same time."""
        ...

    def create(self, profiles: Sequence[Profile]) -> None:
        """Store new users.

        Raises:
            LostRace: if one of them is known.
        """
        ...

    def update(
        self, participant: Participant, profile: Profile, change: GroupChange, at: datetime
    ) -> None:
        """Replace a user's profile, and take away what a change of the working group ends.

        Raises:
            LostRace: if the user's records are not what they were.
        """
        ...

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

    def counted(self, feature_id: int) -> tuple[int, int]:
        """Users enrolled in an experiment, and groups with users enough."""
        ...

    def enrollment_counts(
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

    def enrollments(
        self, feature_id: int, point_keys: Collection[DecisionPointKey], user_ids: Collection[str]
    ) -> Mapping[str, Sequence[Enrollment]]:
        """The enrollments of some users in an experiment, at the given points or at none known."""
        ...

    def repeats(self, feature_id: int, user_ids: Collection[str]) -> Mapping[str, Sequence[Repeat]]:
        """The marks of some users in a within-subjects experiment."""
        ...

    def stratum(self, feature_id: int, value: str) -> Mapping[int, int]:
        """Enrollments in a stratum of an experiment, by the ids of variants."""
        ...

    def note_members(self, segment_id: str, version: int, user_ids: Sequence[str]) -> None:
        """Note at users that a version of a segment names them; may be repeated, and goes on then.

        Killed half-way, `members` names all who were told, and perhaps others.
        """
        ...

    def members(self, segment_id: str, version: int, limit: int | None = None) -> Sequence[str]:
        """The users that a version of a segment names, `limit` of them at most."""
        ...

    def count_members(self, segment_id: str, version: int) -> int:
        """How many users a version of a segment names."""
        ...

    def forget_members(self, segment_id: str, version: int, user_ids: Sequence[str]) -> None:
        """Remove the notes that a version of a segment names at most 25 users.

        Its entries go last, for by these the notes are found.
        """
        ...

    def note_exposures(self, user_id: str, feature_ids: Collection[int], shard: int) -> None:
        """Note that some flags were on for a user for the first time, and count it in a shard.

        Of many flags, some may be noted though others are not.

        Raises:
            LostRace: if one of them was noted before, or on a conflict with another write.
        """
        ...

    def exposures(self, feature_id: int) -> int:
        """Users for whom a flag was on."""
        ...


class PreviewUserStore(Protocol):
    """Preview users, each noted with the user's other records too."""

    def get(self, user_id: str) -> PreviewUser | None:
        """One preview user, read consistently."""
        ...

    def all(self) -> Sequence[PreviewUser]:
        """All preview users, in no order."""
        ...

    def put(self, user: PreviewUser) -> None:
        """Store a preview user in place of the version before; version 1 is a new one.

        Raises:
            LostRace: if another version is stored.
        """
        ...

    def remove(self, user: PreviewUser) -> None:
        """Make a preview user an ordinary one.

        Raises:
            LostRace: if another version is stored, or none.
        """
        ...


class StratumStore(Protocol):
    """Stratification factors, and users' values of them, noted with their other records."""

    def register(self, factor: StratificationFactor) -> None:
        """Note that there is a factor, unless it is noted already."""
        ...

    def factors(self) -> Sequence[StratificationFactor]:
        """All factors that are noted, in no order."""
        ...

    def unregister(self, factor: str) -> None:
        """Forget that there is a factor, if it is noted; its values are left as they are."""
        ...

    def store(self, factor: str, values: Mapping[str, str], at: datetime) -> None:
        """Store the values of at most 33 users; an empty one removes it, unknown users are created.

        Raises:
            LostRace: if one of them is created meanwhile, or on a conflict with another write.
        """
        ...

    def users(self, factor: str) -> Iterator[Sequence[tuple[str, str]]]:
        """The users with a value of a factor, and the values, some at a time, in no order."""
        ...

    def drop(self, factor: str, user_ids: Sequence[str]) -> None:
        """Remove the values of at most 33 users; those who have none do not matter.

        Raises:
            LostRace: on a conflict with another write.
        """
        ...
