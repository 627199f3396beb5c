"""What the use cases need to find all that is stored under a user's id, and to remove it.

Every method may raise `Unavailable`. Those that write may be killed half-way and made again, and
where they say so they raise `LostRace` if what the caller read has changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from chalicelib.domain.experiments.marks import Repeat
from chalicelib.domain.features.users import TotalsShard
from chalicelib.domain.outcomes.logs import LogRecord
from chalicelib.domain.participants.participants import GroupKey, GroupRecord, Participant
from chalicelib.domain.privacy.erasure import Ending, KeptRepeat


@dataclass(frozen=True, slots=True)
class Listing:
    """A user's note that a version of a list names them; `key` is the store's own of the list."""

    segment_id: str
    version: int
    key: str


@dataclass(frozen=True, slots=True)
class OtherRecord:
    """Something at a user that is no record of a kind that the use cases know, as it is stored."""

    key: str
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Dropped:
    """Some records that were removed, `answers` kept ones among them; `revision` is the user's."""

    revision: int
    answers: int


class Remains(Enum):
    """What there is at a user: a profile or a row of Test Lab, only other records, or nothing."""

    USER = auto()
    RECORDS = auto()
    NOTHING = auto()


class UserDataStore(Protocol):
    """All that is stored under the id of a user, wherever it is."""

    def aliases(self, user_id: str) -> Sequence[str]:
        """The ids that were made aliases of a user."""
        ...

    def listings(self, user_id: str, segment_ids: Collection[str]) -> Sequence[Listing]:
        """The lists that a user has a note of, in all versions: no other one names the user.

        `segment_ids` are those that there are; nothing is asked of them.
        """
        ...

    def repeats(self, user_id: str, feature_id: int) -> Sequence[KeptRepeat]:
        """The marks of a user in a within-subjects experiment."""
        ...

    def log_records(self, user_id: str) -> Iterator[Sequence[LogRecord]]:
        """All that was logged of a user, some log records at a time."""
        ...

    def begun_metrics(self, user_id: str) -> Collection[str]:
        """The metrics of logs of a user that may be noted though they were never stored."""
        ...

    def others(self, user_id: str) -> Sequence[OtherRecord]:
        """What is stored at a user besides the records that have a use here."""
        ...

    def remains(self, user_id: str) -> Remains:
        """What is stored at a user and of their logs, read consistently."""
        ...

    def drop_aliases(self, user_id: str, aliases: Collection[str]) -> None:
        """Forget that some ids were aliases of a user; those that are leave by `finish`.

        Raises:
            LostRace: if further ones were made, or others left, meanwhile.
        """
        ...

    def drop_log_records(self, log_records: Sequence[LogRecord]) -> None:
        """Remove what was logged, and where it is noted which metrics that is of.

        Raises:
            LostRace: if one of the log records has changed; others may be gone.
        """
        ...

    def drop_notes(self, user_id: str, metric_keys: Collection[str]) -> Iterator[None]:
        """Remove the notes of logs of some metrics that were never stored, some at a time."""
        ...

    def drop_repeats(self, participant: Participant, repeats: Sequence[KeptRepeat]) -> Participant:
        """Remove some marks within subjects that no counter knows of; the user after that.

        Raises:
            LostRace: if the records of the user are not what they were: who came back meanwhile
                has marks of their own.
        """
        ...

    def end(
        self,
        participant: Participant,
        ending: Ending,
        groups: Mapping[GroupKey, GroupRecord],
        variants: Collection[TotalsShard],
    ) -> None:
        """Remove records of a user, and take them off all counters; the revision moves by one.

        `variants` is where the totals of Test Lab have a user less.

        Raises:
            LostRace: if the records of the user or of a group are not what they were.
        """
        ...

    def drop_exposures(self, user_id: str) -> None:
        """Forget which flags were on for a user, and count the user less at each.

        Raises:
            LostRace: if further ones are noted meanwhile; some may be gone.
        """
        ...

    def drop_records(self, participant: Participant) -> Iterator[Dropped]:
        """Remove what is at a user but what the other calls remove, some records at a time.

        Raises:
            LostRace: if the user's records are not what they were; some may be gone.
        """
        ...

    def drop_listings(self, user_id: str, listings: Sequence[Listing]) -> None:
        """Take a user off lists; the user's own notes of them stay."""
        ...

    def finish(self, participant: Participant, listings: Sequence[Listing]) -> None:
        """Remove a user's notes of lists, and with the last of them the profile.

        With the profile an alias leaves the notes of its owner.

        Raises:
            LostRace: if the user's records, or the owner's aliases, are not what they were; some
                notes may be gone.
        """
        ...

    def close_queue(self, user_id: str) -> None:
        """Remove the entry of the purge queue for a user who has no row in Test Lab."""
        ...


class UserListStore(Protocol):
    """Lists of records of a user that grow with every request."""

    def repeats(
        self, user_id: str, feature_id: int, after: str, limit: int
    ) -> Sequence[tuple[str, Repeat]]:
        """Up to `limit` marks of a user in a within-subjects experiment, behind a key."""
        ...

    def log_records(self, user_id: str, after: str, limit: int) -> Sequence[tuple[str, LogRecord]]:
        """Up to `limit` log records that were logged of a user, behind a key."""
        ...
