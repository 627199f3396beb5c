"""What the use cases need from the outside world.

Every method may raise `Unavailable`. Those that write are all-or-nothing; where they say so they
raise `LostRace` if what the caller based its decision on has changed. Those that take an
`IdempotencyRecord` store it in the same transaction, and raise `AlreadyAnswered` if there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from chalicelib.domain.access.idempotency import IdempotencyRecord, RequestKey
from chalicelib.domain.catalogue.catalogue import Catalogue, CatalogueChange, Revision
from chalicelib.domain.catalogue.purge import (
    Entry,
    ErasedUser,
    LooseLists,
    PurgeEntry,
    UnreadableEntry,
)
from chalicelib.domain.features.users import Event, Marked, Totals, TotalsShard, User

Clock = Callable[[], datetime]
"""The time now, aware, in UTC."""


class CatalogueStore(Protocol):
    """Features, variants and user blocks."""

    def revision(self) -> Revision:
        """The revision now, read consistently; `Revision()` for a new store."""
        ...

    def load(self) -> Catalogue:
        """Everything, labelled with a revision that was read before the rest.

        Of the commit that made that revision it has all or, read again, a later one.
        """
        ...

    def commit(self, base: Revision, revision: Revision, change: CatalogueChange) -> None:
        """Apply `change` and move from `base` to `revision`.

        Raises:
            AlreadyAnswered: if there is an answer where `change.record` is to be stored.
            LostRace: if the stored revision is not `base` any more.
            Invalid: if a design or a segment is larger than the store takes.
        """
        ...

    def new_feature_id(self) -> int:
        """An id that no feature had before, not even a deleted one."""
        ...

    def new_variant_ids(self, count: int) -> Sequence[int]:
        """Ascending ids that no variant had before."""
        ...


class UserStore(Protocol):
    """Test Lab's rows of users, and their share in the totals."""

    def get(self, user_id: str) -> User | None:
        """The user's row, read consistently; rows of erased users included."""
        ...

    def create(
        self,
        user: User,
        shard: TotalsShard,
        record: IdempotencyRecord | None = None,
        marked: Marked | None = None,
    ) -> None:
        """Store a row and count it, in place of the enrollment by which a mark counts the user.

        Without `marked` it is taken that no mark counts the user, in whatever feature.

        Raises:
            LostRace: if the id has a row, if a mark counts the user and `marked` does not say so,
                or on a conflict with another write.
        """
        ...

    def of_variant(self, variant_id: int, after: str | None, limit: int) -> Sequence[User]:
        """Up to `limit` rows of a variant by ascending id, those after the id `after`.

        May lag behind the writes by a second; rows of erased users are left out, and
        `variants_with_events` is not filled in.
        """
        ...

    def begin_erasure(self, user: User, entry: ErasedUser) -> None:
        """Take a user out of sight and put `entry` into the purge queue.

        Raises:
            LostRace: if the row is no longer that of `user`.
        """
        ...

    def finish_erasure(self, user: User, shard: TotalsShard | None, entry: ErasedUser) -> None:
        """Remove the row of an erased user who has no events, and `entry` with it.

        The user is taken off the totals in `shard`; None if the variant is dead.

        Raises:
            LostRace: if the row is gone, lives again, or still has events.
        """
        ...

    def remove_idle(self, user: User) -> None:
        """Remove the row of a user of a dead variant who has no events; it counts nowhere.

        Raises:
            LostRace: if the row is no longer that of `user`, or has events.
        """
        ...

    def forget_variants(self, user_id: str, variant_ids: Collection[int]) -> None:
        """Note that a user has no events for variants that are dead."""
        ...


class EventStore(Protocol):
    """Test Lab's events, and their share in the totals."""

    def new_id(self) -> int:
        """An id that no event had before."""
        ...

    def add(
        self, event: Event, user: User, shard: TotalsShard, record: IdempotencyRecord | None = None
    ) -> None:
        """Store an event, count it, and note the variant at the user's row.

        Raises:
            LostRace: if the user's row changed in what counts here (its variant, whether it has
                events for this one), or on a conflict with another write.
        """
        ...

    def of_user(self, user_id: str, variant_id: int, limit: int, after: int = 0) -> Sequence[Event]:
        """Up to `limit` events of a user for one variant, by ascending id, behind the id `after`.

        They are read consistently.
        """
        ...

    def of_variant(
        self, variant_id: int, after: tuple[str, int] | None, limit: int
    ) -> Sequence[Event]:
        """Up to `limit` events of a variant, by user and id, those after (user id, event id)."""
        ...

    def erase(
        self, events: Sequence[Event], user: User, variant_id: int, shard: TotalsShard | None,
        *, last: bool
    ) -> None:  # fmt: skip
        """Remove some events of an erased user for one variant and take them off its totals.

        With `last` the user has no others for it, and is taken off its distinct users too.
        `shard` is None if the variant is dead.

        Raises:
            LostRace: if one of them is gone, or the user's row is not what it was.
        """
        ...

    def drop(self, events: Sequence[Event]) -> None:
        """Remove events of a dead variant; those that are gone already do not matter."""
        ...


class TotalsStore(Protocol):
    """The totals of variants."""

    def of_feature(self, feature_id: int) -> Mapping[int, Totals]:
        """The totals of a feature's variants by variant id, the sum of their shards."""
        ...

    def drop(self, feature_id: int, variant_id: int) -> int:
        """Remove all shards of a dead variant; how many there were."""
        ...


class PurgeQueue(Protocol):
    """What is still to be removed. Entries come in with the writes that cause them."""

    def due(self, now: datetime) -> Sequence[PurgeEntry | UnreadableEntry]:
        """The entries whose time has come, the longest waiting first."""
        ...

    def postpone(self, entry: PurgeEntry) -> None:
        """Store an entry's new `due`."""
        ...

    def open(self, entry: LooseLists) -> None:
        """Store an entry before what it is about, in place of one of an earlier attempt.

        Raises:
            LostRace: if that one is claimed.
        """
        ...

    def lists(self, names: Collection[str]) -> Sequence[LooseLists]:
        """The entries of lists that have some names, read consistently; those that there are."""
        ...

    def claim(self, entry: Entry, due: datetime) -> Entry:
        """Store that an entry is worked on, and a new `due`; the entry as it is then.

        Raises:
            LostRace: if it is not what it was.
        """
        ...

    def close(self, entry: PurgeEntry) -> None:
        """Take an entry out of the queue, unless it has another `due` by now."""
        ...


class IdempotencyStore(Protocol):
    """Answers that are kept for a day. With an effect they are stored by the store of that."""

    def find(self, key: RequestKey, now: datetime) -> IdempotencyRecord | None:
        """The answer to a request of the same digest, read consistently, if it is kept still."""
        ...

    def keep(self, record: IdempotencyRecord) -> None:
        """Store an answer.

        Raises:
            AlreadyAnswered: if one is kept.
            LostRace: on a conflict with another write.
            Invalid: if it is longer than the store takes.
        """
        ...

    def of_user(
        self, owner: str, now: datetime, after: str, limit: int
    ) -> Sequence[IdempotencyRecord]:
        """Up to `limit` answers kept with a user, by digest, those behind the digest `after`.

        Only none means that there are no more: large ones are fewer.
        """
        ...


class Eraser(Protocol):
    """Empties the whole store, for demonstrations and tests."""

    def clear(self, clock: Clock, settling: timedelta) -> None:
        """Remove everything but the version and the id sequences, and move the version on.

        The date of that follows from the time of the commit and `settling` as `Revision.following`
        says.
        """
        ...
