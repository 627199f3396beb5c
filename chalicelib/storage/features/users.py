"""Test Lab's users in DynamoDB."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from pynamodb.expressions.condition import Condition

from chalicelib.domain.access.idempotency import IdempotencyRecord
from chalicelib.domain.catalogue.purge import ErasedUser
from chalicelib.domain.errors import LostRace
from chalicelib.domain.features.cohorts import Cohort
from chalicelib.domain.features.users import Marked, Own, Totals, TotalsShard, User
from chalicelib.domain.participants.participants import Enrollment
from chalicelib.services.running.retries import retries
from chalicelib.storage.access.idempotency import transaction_once
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import store_errors, transaction
from chalicelib.storage.dynamodb.reading import read_rows
from chalicelib.storage.dynamodb.tables import UserRow
from chalicelib.storage.dynamodb.times import from_ms, to_ms
from chalicelib.storage.experiments.totals import count, count_users
from chalicelib.storage.features.purge import to_row
from chalicelib.storage.participants.records import move_on, uncount


class DynamoUserStore:
    """`UserStore` on the table `users`."""

    @store_errors()
    def get(self, user_id: str) -> User | None:
        try:
            row = UserRow.get(keys.user(user_id), keys.TESTLAB, consistent_read=True)
        except UserRow.DoesNotExist:
            return None
        return _user(row)

    def many(self, user_ids: Sequence[str]) -> Sequence[User]:
        rows = read_rows(UserRow, [(keys.user(user_id), keys.TESTLAB) for user_id in user_ids])
        return [user for row in rows if (user := _user(row)) is not None]

    def create(
        self,
        user: User,
        shard: TotalsShard,
        record: IdempotencyRecord | None = None,
        marked: Marked | None = None,
    ) -> None:
        row = UserRow(
            keys.user(user.id),
            keys.TESTLAB,
            user_id=user.id,
            variant_id=user.variant_id,
            ip_address=user.ip_address,
            time_stamp=to_ms(user.time_stamp),
            own=None if user.own is None else stored_own(user.own),
        )
        with transaction_once(record) as write:
            if marked is None:
                write.save(row, condition=UserRow.pk.does_not_exist())
            else:
                write.save(row, condition=UserRow.user_id.does_not_exist())
                move_on(write, marked.participant)
            counted = marked.counted if marked is not None else None
            if counted is not None:
                uncount(write, user.id, counted)
            before = None if counted is None else counted_in(counted, shard)
            if before != shard:
                count_users(write, shard, 1)
                count_users(write, before, -1)

    @store_errors()
    def of_variant(self, variant_id: int, after: str | None, limit: int) -> Sequence[User]:
        rows = UserRow.by_variant.query(
            variant_id,
            None if after is None else UserRow.pk > keys.user(after),
            limit=limit,
            page_size=limit,
        )
        return [
            User(row.user_id, variant_id, row.ip_address, from_ms(row.time_stamp)) for row in rows
        ]

    def begin_erasure(
        self, user: User, entry: ErasedUser, shard: TotalsShard | None, cohort: Cohort
    ) -> None:
        with transaction() as write:
            write.update(
                UserRow(keys.user(user.id), keys.TESTLAB),
                actions=[
                    UserRow.variant_id.remove(),
                    UserRow.erased_variant_id.set(user.variant_id),
                    UserRow.own.remove(),
                    UserRow.late.remove(),
                ],
                condition=(UserRow.variant_id == user.variant_id)
                & (UserRow.time_stamp == to_ms(user.time_stamp))
                & same_own(user.own),
            )
            write.save(to_row(entry))
            count(write, shard, Totals(), -cohort)

    def finish_erasure(self, user: User, shard: TotalsShard | None, entry: ErasedUser) -> None:
        with transaction() as write:
            write.delete(
                UserRow(keys.user(user.id), keys.TESTLAB),
                condition=(UserRow.erased_variant_id == user.variant_id)
                & (UserRow.time_stamp == to_ms(user.time_stamp))
                & UserRow.variants_with_events.does_not_exist(),
            )
            count(write, shard, Totals(total_users=-1))
            write.delete(to_row(entry))

    @store_errors()
    def remove_idle(self, user: User) -> None:
        UserRow(keys.user(user.id), keys.TESTLAB).delete(
            condition=(UserRow.variant_id == user.variant_id)
            & (UserRow.time_stamp == to_ms(user.time_stamp))
            & UserRow.variants_with_events.does_not_exist()
        )

    def forget_variants(self, user_id: str, variant_ids: Collection[int]) -> None:
        row = UserRow(keys.user(user_id), keys.TESTLAB)
        tries = retries("users")
        while True:
            next(tries)
            try:
                with store_errors():
                    row.update(
                        actions=[UserRow.variants_with_events.delete(list(variant_ids))],
                        condition=UserRow.pk.exists(),
                    )
                return
            except LostRace:
                if self.get(user_id) is None:
                    return  # and with the row what was to be forgotten

    def backfill(self, user: User, own: Own, shard: TotalsShard, cohort: Cohort) -> None:
        with transaction() as write:
            unseen = UserRow.late.does_not_exist()
            write.update(
                UserRow(keys.user(user.id), keys.TESTLAB),
                actions=[UserRow.own.set(stored_own(own)), UserRow.late.remove()],
                condition=(UserRow.variant_id == user.variant_id)
                & (UserRow.time_stamp == to_ms(user.time_stamp))
                & UserRow.own.does_not_exist()
                & (UserRow.late == user.late if user.late else unseen),
            )
            count(write, shard, Totals(), cohort)


def _user(row: UserRow) -> User | None:
    """The user of a row; None of the note that a mark counts the user."""
    if row.user_id is None:
        return None
    erased = row.variant_id is None
    return User(
        row.user_id,
        int(row.erased_variant_id if erased else row.variant_id),
        row.ip_address,
        from_ms(row.time_stamp),
        frozenset(map(int, row.variants_with_events or ())),
        erased,
        own_of(row),
        int(row.late or 0),
    )


def own_of(row: UserRow) -> Own | None:
    """The totals of a user's own events that a row holds, if it is counted in a cohort."""
    # What a newer version notes besides is passed over.
    own = row.own or {}
    totals = {int(key): int(total) for key, total in own.items() if key.isdigit()}
    return None if row.own is None else totals


def stored_own(own: Own) -> dict[str, int]:
    """A user's own totals as they are stored: in one order, so that equal ones are stored alike."""
    return {str(metric_id): own[metric_id] for metric_id in sorted(own)}


def same_own(own: Own | None) -> Condition:
    """The condition that a row holds these totals."""
    if own is None:
        return UserRow.own.does_not_exist()
    return UserRow.own == stored_own(own)


def counted_in(counted: Enrollment, shard: TotalsShard) -> TotalsShard | None:
    """Where a mark counts a user of whom a row is now to count in `shard`."""
    if counted.variant_id is None:
        return None
    before = replace(shard, variant_id=counted.variant_id, day=None)
    if not counted.in_cohort or shard.day is None:
        return before
    return before.of_day(counted.at.date(), shard.day)
