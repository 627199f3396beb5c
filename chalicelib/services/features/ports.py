"""What the use cases of Test Lab need to keep: users, events and their totals.

What `running.ports` says of all ports goes for these.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import Protocol

from chalicelib.domain.access.idempotency import IdempotencyRecord
from chalicelib.domain.catalogue.purge import ErasedUser
from chalicelib.domain.features.cohorts import Cohort, Cohorts, OwnEvent
from chalicelib.domain.features.users import Event, Marked, Own, Totals, TotalsShard, User


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

    def many(self, user_ids: Sequence[str]) -> Sequence[User]:
        """The rows of some users, read consistently, in no order; those there are."""
        ...

    def begin_erasure(
        self, user: User, entry: ErasedUser, shard: TotalsShard | None, cohort: Cohort
    ) -> None:
        """Take a user out of sight, and off the cohort; put `entry` into the purge queue.

        `cohort` is what the user alone adds to the one of `shard`; None if the variant is dead.

        Raises:
            LostRace: if the row is no longer that of `user`, or the own totals have changed.
        """
        ...

    def finish_erasure(self, user: User, shard: TotalsShard | None, entry: ErasedUser) -> None:
        """Remove the row of an erased user who has no events, and `entry` with it.

        The user is taken off the totals in `shard`; None if the variant is dead.

        Raises:
            LostRace: if the row is gone, lives again, or still has events.
        """
        ...

    def backfill(self, user: User, own: Own, shard: TotalsShard, cohort: Cohort) -> None:
        """Count a user from before there were cohorts, with these totals, in that of `shard`.

        Raises:
            LostRace: if the row is counted, or is not what it was, or has more late events.
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
        self,
        event: Event,
        user: User,
        shard: TotalsShard,
        own: OwnEvent | None = None,
        record: IdempotencyRecord | None = None,
    ) -> None:
        """Store an event, count it, and note the variant at the user's row.

        `own` is what it changes in the user's own totals and in the cohort of `shard`; None if it
        counts for none. One for another variant than the user's is counted as foreign there; of a
        user from before there were cohorts it is noted that it came late.

        Raises:
            LostRace: if the user's row changed in what counts here (its variant, whether it has
                events for this one, its own totals), or on a conflict with another write.
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
        """Remove all shards of a dead variant, and its cohorts; how many there were."""
        ...


class CohortStore(Protocol):
    """The cohorts of variants, by day of enrollment."""

    def of_feature(self, feature_id: int) -> Cohorts:
        """The cohorts of a feature's variants by variant id and day, the sum of their shards.

        What is of no day (foreign events) goes by None.
        """
        ...

    def fold(self, feature_id: int, before: date) -> Iterator[int]:
        """Merge the shards of days before a day into one row for each, a transaction at a time.

        Says how many each of these was to merge. Left or killed anywhere, it goes on with the next
        call. What is written for such a day later is merged by the next call too.
        """
        ...
