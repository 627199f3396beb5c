"""Many items at once, put into the embedded database's tables in process.

Through the API, or even through DynamoDB's, a million events would take hours.
"""

from __future__ import annotations

import functools
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.models.table import Table

from benchmarks.worlds import World
from chalicelib.domain.features.cohorts import Cohort, CohortColumns, MetricSums
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import TableModel, shared
from chalicelib.storage.dynamodb.tables import COMPACT, EventRow, TotalsRow, UserRow
from chalicelib.storage.experiments.totals import stored_cohorts

EVENTS_PER_USER = 10
METRICS = 10
FIRST_ID = 1_000_000_000
"""Of events that are seeded, far from those that are given out."""

INDEX_NAME = 6
"""Its place among the arguments that follow the key in moto's `Table.query`."""

AT = {"N": "1700000000000"}


@functools.cache
def read_partitions_alone() -> None:
    """Let the embedded database find a partition without going through the whole table.

    moto sorts all items of a table for each Query; what it answers stays the same.
    """
    query = Table.query

    def query_partition(self: Table, hash_key: Any, *args: Any, **named: Any) -> Any:
        if self.range_key_attr is None or args[INDEX_NAME] is not None:
            return query(self, hash_key, *args, **named)
        found = list(self.items.get(hash_key, {}).values())
        # One call at a time: the embedded database sees to that.
        setattr(self, "all_items", lambda: found)  # noqa: B010 - in place of the method
        try:
            return query(self, hash_key, *args, **named)
        finally:
            delattr(self, "all_items")

    setattr(Table, "query", query_partition)  # noqa: B010 - replaced on purpose


def events(world: World, count: int) -> None:
    """Events of the world's variants, ten of each of many users who have no rows of their own."""
    _put(EventRow, _events(world.variant_ids, count))


def users(world: World, count: int) -> None:
    """Users of Test Lab who are UpGrade's users too, shared by the world's variants."""
    _put(UserRow, _users(world.variant_ids, count))


def days(world: World, count: int) -> None:
    """Cohorts of the world's variants and ten metrics, folded, of so many days until yesterday."""
    _put(TotalsRow, _days(world.feature_id, world.variant_ids, count))


def empty() -> None:
    """Drop what was seeded at once: clearing by the API takes it one by one."""
    for model in (EventRow, UserRow, TotalsRow):
        _table(model).items.clear()


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


def _days(feature_id: int, variant_ids: tuple[int, ...], count: int) -> Iterator[Mapping[str, Any]]:
    today = datetime.now(UTC).date()
    sums = {metric_id: MetricSums(40, 40, 40, 40) for metric_id in range(METRICS)}
    months: defaultdict[str, CohortColumns] = defaultdict(CohortColumns)
    for back in range(1, count + 1):
        day = today - timedelta(days=back)
        months[f"{day:%Y-%m}"].add(day, Cohort(200, sums))
    for variant_id, (month, cohorts) in itertools.product(variant_ids, months.items()):
        yield {
            "feature_id": {"N": str(feature_id)},
            "sk": {"S": keys.window(variant_id, month)},
            "cohorts": {"S": COMPACT.encode(stored_cohorts(cohorts))},
        }


def _table(model: type[TableModel]) -> Table:
    backend = get_backend("dynamodb")[DEFAULT_ACCOUNT_ID][shared().client.meta.region_name]
    return backend.get_table(model.Meta.table_name)


def _put(model: type[TableModel], items: Iterable[Mapping[str, Any]]) -> None:
    stored: dict[DynamoType, dict[DynamoType, Item]] = _table(model).items
    for values in items:
        # Each assignment to moto's own dictionary measures the whole item.
        attributes = LimitedSizeDict.__new__(LimitedSizeDict)
        dict.__init__(attributes, {name: DynamoType(value) for name, value in values.items()})
        item = cast(Item, Item.__new__(Item))
        item.hash_key, item.range_key = (
            attributes[key["AttributeName"]] for key in _table(model).schema
        )
        item.attrs = attributes
        stored[item.hash_key][item.range_key] = item
