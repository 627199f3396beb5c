"""Test Lab's users in DynamoDB."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from chalicelib.domain.access.idempotency import IdempotencyRecord
from chalicelib.domain.catalogue.purge import ErasedUser
from chalicelib.domain.errors import LostRace
from chalicelib.domain.features.users import Marked, Totals, TotalsShard, User
from chalicelib.services.running.retries import retries
from chalicelib.storage.access.idempotency import transaction_once
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import store_errors, transaction
from chalicelib.storage.dynamodb.tables import UserRow
from chalicelib.storage.dynamodb.times import from_ms, to_ms
from chalicelib.storage.experiments.totals import count
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
        if row.user_id is None:
            return None  # only a mark that counts is noted here
        erased = row.variant_id is None
        return User(
            row.user_id,
            int(row.erased_variant_id if erased else row.variant_id),
            row.ip_address,
            from_ms(row.time_stamp),
            frozenset(map(int, row.variants_with_events or ())),
            erased,
        )

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
        )
        with transaction_once(record) as write:
            if marked is None:
                write.save(row, condition=UserRow.pk.does_not_exist())
            else:
                write.save(row, condition=UserRow.user_id.does_not_exist())
                move_on(write, marked.participant)
            before = None
            if marked is not None and marked.counted is not None:
                uncount(write, user.id, marked.counted)
                before = marked.counted.variant_id
            if before != user.variant_id:
                count(write, shard, Totals(total_users=1))
                if before is not None:
                    count(write, replace(shard, variant_id=before), Totals(total_users=-1))

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

    def begin_erasure(self, user: User, entry: ErasedUser) -> None:
        with transaction() as write:
            write.update(
                UserRow(keys.user(user.id), keys.TESTLAB),
                actions=[
                    UserRow.variant_id.remove(),
                    UserRow.erased_variant_id.set(user.variant_id),
                ],
                condition=(UserRow.variant_id == user.variant_id)
                & (UserRow.time_stamp == to_ms(user.time_stamp)),
            )
            write.save(to_row(entry))

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
