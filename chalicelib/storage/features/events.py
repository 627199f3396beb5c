"""Test Lab's events in DynamoDB."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pynamodb.expressions.update import Action

from chalicelib.domain.access.idempotency import IdempotencyRecord
from chalicelib.domain.features.users import Event, Totals, TotalsShard, User
from chalicelib.storage.access.idempotency import transaction_once
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import store_errors, transaction
from chalicelib.storage.dynamodb.sequences import LeasedIds
from chalicelib.storage.dynamodb.tables import EventRow, UserRow
from chalicelib.storage.dynamodb.times import from_ms, to_ms
from chalicelib.storage.experiments.totals import count, count_alone

IDS_PER_LEASE = 1000


class DynamoEventStore:
    """`EventStore` on the table `events`.

    With `exact_totals` an event is stored and counted in one transaction. Else each is a write of
    its own, at half the price. The event is stored once all the same, but a process that dies in
    between leaves it uncounted, two first events of a user at once count the user twice, a total
    whose answer is lost may move twice, and an event that meets the deletion of its user may stay.
    """

    def __init__(self, *, exact_totals: bool = True) -> None:
        self._exact_totals = exact_totals
        self._ids = LeasedIds("event", IDS_PER_LEASE)

    def new_id(self) -> int:
        return self._ids.next()

    def add(
        self, event: Event, user: User, shard: TotalsShard, record: IdempotencyRecord | None = None
    ) -> None:
        first = event.variant_id not in user.variants_with_events
        row = UserRow(keys.user(user.id), keys.TESTLAB)
        same_variant = UserRow.variant_id == user.variant_id
        noted = UserRow.variants_with_events.contains(event.variant_id)
        note: list[Action] = [UserRow.variants_with_events.add([event.variant_id])]
        counted = Totals(event_total=1, distinct_user_events_total=1 if first else 0)
        if record is None and not self._exact_totals:
            with store_errors():
                # By this note the event is found again, so it comes first. Both may be repeated by
                # the client: they say nothing of what was there but the variant.
                if first:
                    row.update(actions=note, condition=same_variant)
                _event_row(event).save()
            count_alone(shard, counted)
            return
        with transaction_once(record) as write:
            write.save(_event_row(event), condition=EventRow.pk.does_not_exist())
            if first:
                write.update(row, actions=note, condition=same_variant & ~noted)
            else:
                write.condition_check(UserRow, row.pk, row.sk, condition=same_variant & noted)
            count(write, shard, counted)

    @store_errors()
    def of_user(self, user_id: str, variant_id: int, limit: int, after: int = 0) -> Sequence[Event]:
        prefix = keys.event_prefix(user_id)
        behind = EventRow.sk.between(f"{keys.event(user_id, after)}!", f"{prefix}~")
        rows = EventRow.query(
            keys.event_partition(variant_id),
            behind if after else EventRow.sk.startswith(prefix),
            consistent_read=True,
            limit=limit,
            page_size=limit,
        )
        return _events(variant_id, rows)

    @store_errors()
    def of_variant(
        self, variant_id: int, after: tuple[str, int] | None, limit: int
    ) -> Sequence[Event]:
        rows = EventRow.query(
            keys.event_partition(variant_id),
            None if after is None else EventRow.sk > keys.event(*after),
            consistent_read=True,
            limit=limit,
            page_size=limit,
        )
        return _events(variant_id, rows)

    def erase(
        self,
        events: Sequence[Event],
        user: User,
        variant_id: int,
        shard: TotalsShard | None,
        *,
        last: bool,
    ) -> None:
        row = UserRow(keys.user(user.id), keys.TESTLAB)
        still_erased = (
            (UserRow.erased_variant_id == user.variant_id)
            & (UserRow.time_stamp == to_ms(user.time_stamp))
            & UserRow.variants_with_events.contains(variant_id)
        )
        with transaction() as write:
            for event in events:
                write.delete(_key_row(event), condition=EventRow.pk.exists())
            if last:
                write.update(
                    row,
                    actions=[UserRow.variants_with_events.delete([variant_id])],
                    condition=still_erased,
                )
            else:
                write.condition_check(UserRow, row.pk, row.sk, condition=still_erased)
            count(
                write,
                shard,
                Totals(event_total=-len(events), distinct_user_events_total=-1 if last else 0),
            )

    @store_errors()
    def drop(self, events: Sequence[Event]) -> None:
        with EventRow.batch_write() as batch:
            for event in events:
                batch.delete(_key_row(event))


def _event_row(event: Event) -> EventRow:
    row = _key_row(event)
    row.id, row.user_id, row.time_stamp = event.id, event.user_id, to_ms(event.time_stamp)
    return row


def _key_row(event: Event) -> EventRow:
    return EventRow(keys.event_partition(event.variant_id), keys.event(event.user_id, event.id))


def _events(variant_id: int, rows: Iterable[EventRow]) -> list[Event]:
    return [Event(int(row.id), variant_id, row.user_id, from_ms(row.time_stamp)) for row in rows]
