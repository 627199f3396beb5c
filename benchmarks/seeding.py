"""Many items at once, put into the embedded database's tables in process.

Through the API, or even through DynamoDB's, a million events would take hours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict

from benchmarks.worlds import World
from chalicelib.storage import keys
from chalicelib.storage.connection import TableModel, shared
from chalicelib.storage.tables import EventRow, UserRow

EVENTS_PER_USER = 10
FIRST_ID = 1_000_000_000
"""Of events that are seeded, far from those that are given out."""

AT = {"N": "1700000000000"}


def events(world: World, count: int) -> None:
    """Events of the world's variants, ten of each of many users who have no rows of their own."""
    _put(EventRow, _events(world.variant_ids, count))


def users(world: World, count: int) -> None:
    """Users of Test Lab who are UpGrade's users too, shared by the world's variants."""
    _put(UserRow, _users(world.variant_ids, count))


def _events(variant_ids: tuple[int, ...], count: int) -> Iterator[Mapping[str, Any]]:
    for number in range(count):
        user_id = f"seeded-{number // EVENTS_PER_USER:07d}"
        event_id = FIRST_ID + number
        yield {
            "pk": {"S": keys.event_partition(variant_ids[number % len(variant_ids)])},
            "sk": {"S": keys.event(user_id, event_id)},
            "id": {"N": str(event_id)},
            "user_id": {"S": user_id},
            "time_stamp": AT,
        }


def _users(variant_ids: tuple[int, ...], count: int) -> Iterator[Mapping[str, Any]]:
    for number in range(count):
        user_id = f"seeded-{number:07d}"
        key = {"S": keys.user(user_id)}
        yield {
            "pk": key,
            "sk": {"S": keys.TESTLAB},
            "user_id": {"S": user_id},
            "variant_id": {"N": str(variant_ids[number % len(variant_ids)])},
            "ip_address": {"S": "192.0.2.1"},
            "time_stamp": AT,
        }
        yield {"pk": key, "sk": {"S": keys.PROFILE}, "data": {"S": "{}"}, "n": {"N": "1"}}


def _put(model: type[TableModel], items: Iterable[Mapping[str, Any]]) -> None:
    region = shared().client.meta.region_name
    backend = get_backend("dynamodb")[DEFAULT_ACCOUNT_ID][region]
    table = backend.get_table(model.Meta.table_name)
    stored: dict[DynamoType, dict[DynamoType, Item]] = table.items
    for values in items:
        # Each assignment to moto's own dictionary measures the whole item.
        attributes = LimitedSizeDict.__new__(LimitedSizeDict)
        dict.__init__(attributes, {name: DynamoType(value) for name, value in values.items()})
        item = cast(Item, Item.__new__(Item))
        item.hash_key, item.range_key = attributes["pk"], attributes["sk"]
        item.attrs = attributes
        stored[item.hash_key][item.range_key] = item
