"""Test Lab's events in DynamoDB."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from pynamodb.expressions.update import Action

from chalicelib.domain.access.idempotency import IdempotencyRecord
from chalicelib.domain.features.cohorts import Cohort, OwnEvent
from chalicelib.domain.features.users import Event, Measurement, Totals, TotalsShard, User
from chalicelib.storage.access.idempotency import transaction_once
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import store_errors, transaction
from chalicelib.storage.dynamodb.sequences import LeasedIds
from chalicelib.storage.dynamodb.tables import EventRow, UserRow
from chalicelib.storage.dynamodb.times import from_ms, to_ms
from chalicelib.storage.experiments.totals import count, count_alone
from chalicelib.storage.features.users import same_own, stored_own

IDS_PER_LEASE = 1000


class DynamoEventStore:
    """`EventStore` on the table `events`.

    With `exact_totals` an event is stored and counted in one transaction. Else each is a write of
    its own, at half the price, and of a user's own events only the first of each metric is counted
    in the cohort (how many convert). The event is stored once all the same, but a process that dies
    in between leaves it uncounted, two first events of a user at once count the user twice, a total
    whose answer is lost may move twice, and an event that meets the deletion of its user may stay.
    """

    def __init__(self, *, exact_totals: bool = True) -> None:
        self._exact_totals = exact_totals
        self._ids = LeasedIds("event", IDS_PER_LEASE)

    def new_id(self) -> int:
        return self._ids.next()

    def add(
        self,
        event: Event,
        user: User,
        shard: TotalsShard,
        own: OwnEvent | None = None,
        record: IdempotencyRecord | None = None,
    ) -> None:
        first = event.variant_id not in user.variants_with_events
        row = UserRow(keys.user(user.id), keys.TESTLAB)
        same_variant = UserRow.variant_id == user.variant_id
        noted = UserRow.variants_with_events.contains(event.variant_id)
        notes: list[Action] = []
        if first:
            notes.append(UserRow.variants_with_events.add([event.variant_id]))
        counted = Totals(event_total=1, distinct_user_events_total=1 if first else 0)
        cohort = _cohort(event, user, own)
        if record is None and not self._exact_totals:
            if own is not None and len(own.after) > len(user.own or ()):
                # Who converts; how often stays unknown, for no condition guards it.
                notes.append(UserRow.own.set(stored_own(own.after)))
            elif own is not None:
                cohort = Cohort()
            with store_errors():
                # By this note the event is found again, so it comes first. Both may be repeated by
                # the client: they say nothing of what was there but the variant.
                if notes:
                    row.update(actions=notes, condition=same_variant)
                _event_row(event).save()
            count_alone(shard, counted, cohort)
            return
        unchanged = same_variant & (~noted if first else noted)
        if own is not None:
            notes.append(UserRow.own.set(stored_own(own.after)))
            unchanged &= same_own(user.own)
        elif event.variant_id == user.variant_id and user.own is None:
            notes.append(UserRow.late.add(1))
            unchanged &= UserRow.own.does_not_exist()
        with transaction_once(record) as write:
            write.save(_event_row(event), condition=EventRow.pk.does_not_exist())
            if notes:
                write.update(row, actions=notes, condition=unchanged)
            else:
                write.condition_check(UserRow, row.pk, row.sk, condition=unchanged)
            count(write, shard, counted, cohort)

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
                Cohort(foreign_events=0 if variant_id == user.variant_id else -len(events)),
            )

    @store_errors()
    def drop(self, events: Sequence[Event]) -> None:
        with EventRow.batch_write() as batch:
            for event in events:
                batch.delete(_key_row(event))


def _cohort(event: Event, user: User, own: OwnEvent | None) -> Cohort:
    """The addition of an event to a cohort, or the note that it is a foreign one."""
    if own is not None:
        return own.cohort
    return Cohort(foreign_events=int(event.variant_id != user.variant_id))


def _event_row(event: Event) -> EventRow:
    row = _key_row(event)
    if event.measurement is not None:
        row.metric, row.value = event.measurement.metric, str(event.measurement.value)
    row.id, row.user_id, row.time_stamp = event.id, event.user_id, to_ms(event.time_stamp)
    return row


def _key_row(event: Event) -> EventRow:
    return EventRow(keys.event_partition(event.variant_id), keys.event(event.user_id, event.id))


def _events(variant_id: int, rows: Iterable[EventRow]) -> list[Event]:
    return [
        Event(
            int(row.id),
            variant_id,
            row.user_id,
            from_ms(row.time_stamp),
            None if row.metric is None else Measurement(row.metric, Decimal(row.value or 1)),
        )
        for row in rows
    ]
