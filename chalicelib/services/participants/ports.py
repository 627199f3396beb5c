"""What the use cases need to keep of users and groups: records, preview users, strata.

What `running.ports` says of all ports goes for these.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from chalicelib.domain.experiments.group_change import GroupChange
from chalicelib.domain.participants.participants import (
    GroupKey,
    GroupRecord,
    Participant,
    Profile,
)
from chalicelib.domain.participants.preview_users import PreviewUser
from chalicelib.domain.participants.strata import StratificationFactor


class ParticipantStore(Protocol):
    """The records of users and groups in UpGrade's experiments, as they are read."""

    def read(self, user_id: str) -> Participant:
        """All that is stored under the id of a user, initialised or not; read consistently."""
        ...

    def get(self, user_id: str) -> Participant | None:
        """All records of a user, read consistently; None for a user who was never initialised."""
        ...

    def groups(self, groups: Collection[GroupKey]) -> Mapping[GroupKey, GroupRecord]:
        """All records of some groups, read consistently and together."""
        ...


class ProfileStore(Protocol):
    """The profiles of users: their groups, their working group, and whose alias they are."""

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
