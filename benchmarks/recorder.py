"""What a request asks of DynamoDB: its calls, the units they cost, and its round trips.

The calls are seen at the events of botocore's client that all tables share. A second client, which
nobody counts, reads items before and after they are written.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import botocore.session

from benchmarks.capacity import (
    Index,
    Item,
    Units,
    get_units,
    index_units,
    page_units,
    write_units,
)
from chalicelib.storage.dynamodb.connection import shared

NOTED = "benchmarks"
"""Where a call's own notes are kept in botocore's context of the request."""

AT_ONCE = 8
"""Threads of the smallest pool that makes calls at the same time."""

Key = tuple[str, Item]
"""A table and the key of an item."""


@dataclass(frozen=True, slots=True)
class Written:
    """One item that a call wrote or checked."""

    table: str
    key: Item
    before: Item | None
    after: Item | None
    units: float


@dataclass(frozen=True, slots=True)
class Call:
    """One call, with the parameters it was made with."""

    operation: str
    tables: tuple[str, ...]
    units: Units
    params: Mapping[str, Any]
    worker: int | None
    """The thread it was made in; None for the one that serves the request."""
    continued: bool
    """Whether it asks for the next page of another."""
    written: tuple[Written, ...] = ()


@dataclass
class Record:
    """The calls of one request, in the order in which they were answered."""

    calls: list[Call] = field(default_factory=list)

    @property
    def operations(self) -> list[str]:
        return [call.operation for call in self.calls]

    @property
    def units(self) -> Units:
        return sum((call.units for call in self.calls), Units())

    @property
    def trips(self) -> int:
        """Rounds of calls, one after the other.

        Each call of the thread that serves the request is one. Calls of one kind that worker
        threads make in a row are made at the same time, up to `AT_ONCE` of them, and are one
        together; a call that asks for the next page had to wait for the page before.
        """
        trips = 0
        together: tuple[str, tuple[str, ...]] | None = None
        number = 0
        for call in self.calls:
            kind = (call.operation, call.tables)
            number = number + 1 if kind == together else 0
            if call.worker is None or call.continued or number % AT_ONCE == 0:
                trips += 1
            together = None if call.worker is None else kind
        return trips


class Recorder:
    """Watches the shared client. `with recorder.request() as record: ...`."""

    def __init__(self) -> None:
        connection = shared()
        client = connection.client
        session = botocore.session.get_session()
        self._raw = session.create_client(
            "dynamodb",
            region_name=client.meta.region_name,
            endpoint_url=client.meta.endpoint_url if connection.host else None,
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - nobody checks it
        )
        self._events = client.meta.events
        self._tables: dict[str, tuple[tuple[str, ...], dict[str, Index]]] = {}
        self._lock = threading.Lock()
        self._record: Record | None = None
        self._served_by = 0

    @contextmanager
    def request(self) -> Iterator[Record]:
        """Record what happens within."""
        self._record = record = Record()
        self._served_by = threading.get_ident()
        self._events.register("before-parameter-build.dynamodb", self._before)
        self._events.register("after-call.dynamodb", self._after)
        try:
            yield record
        finally:
            self._events.unregister("before-parameter-build.dynamodb", self._before)
            self._events.unregister("after-call.dynamodb", self._after)
            self._record = None

    def _before(self, params: Any, model: Any, context: dict[str, Any], **_: Any) -> None:
        before = {_identity(key): self._item(key) for key in self._written_keys(model.name, params)}
        context[NOTED] = (dict(params), before)

    def _after(self, model: Any, parsed: Any, context: dict[str, Any], **_: Any) -> None:
        params, before = context[NOTED]
        written = tuple(self._written(model.name, params, before))
        units = Units(write=sum(each.units for each in written))
        if not written:
            units = Units(read=self._read(model.name, params, parsed))
        thread = threading.get_ident()
        call = Call(
            model.name,
            _tables(params),
            units,
            params,
            None if thread == self._served_by else thread,
            "ExclusiveStartKey" in params,
            written,
        )
        with self._lock:
            if self._record is not None:
                self._record.calls.append(call)

    def _read(self, operation: str, params: Mapping[str, Any], parsed: Any) -> float:
        consistent = bool(params.get("ConsistentRead"))
        if operation == "GetItem":
            item = parsed.get("Item")
            if "ProjectionExpression" in params:
                item = self._item((params["TableName"], params["Key"]))
            return get_units(item, consistent=consistent)
        if operation in ("Query", "Scan"):
            return page_units(self._evaluated(operation, params, parsed), consistent=consistent)
        if operation == "BatchGetItem":
            return sum(
                get_units(self._item((table, key)), consistent=bool(asked.get("ConsistentRead")))
                for table, asked in params["RequestItems"].items()
                for key in asked["Keys"]
            )
        if operation == "TransactGetItems":
            return sum(
                get_units(
                    self._item((get["Get"]["TableName"], get["Get"]["Key"])),
                    consistent=True,
                    transactional=True,
                )
                for get in params["TransactItems"]
            )
        raise ValueError(f"no rule for the units of {operation}")

    def _evaluated(self, operation: str, params: Mapping[str, Any], parsed: Any) -> list[Item]:
        """The items that a page came upon, before a filter and a projection."""
        cut = {"FilterExpression", "ProjectionExpression"}
        items: list[Item] = parsed.get("Items", [])
        if not cut & params.keys() and params.get("Select") != "COUNT":
            return items
        whole = {k: v for k, v in params.items() if k not in {*cut, "Select"}}
        used = str([params.get(name) for name in ("KeyConditionExpression", "ConditionExpression")])
        for names in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
            kept = {name: value for name, value in whole.get(names, {}).items() if name in used}
            whole.pop(names, None)
            if kept:
                whole[names] = kept
        call = self._raw.query if operation == "Query" else self._raw.scan
        answer: dict[str, list[Item]] = call(**whole)
        return answer["Items"]

    def _written(
        self, operation: str, params: Mapping[str, Any], before: Mapping[Any, Item | None]
    ) -> Iterator[Written]:
        transactional = operation == "TransactWriteItems"
        for key in self._written_keys(operation, params):
            old, new = before[_identity(key)], self._item(key)
            units = write_units(old, new, transactional=transactional)
            for index in self._indexes(key[0]).values():
                units += index_units(index, old, new)
            yield Written(key[0], key[1], old, new, units)

    def _written_keys(self, operation: str, params: Mapping[str, Any]) -> list[Key]:
        if operation in ("PutItem", "UpdateItem", "DeleteItem"):
            return [self._key(params)]
        if operation == "TransactWriteItems":
            return [
                self._key(action) for item in params["TransactItems"] for action in item.values()
            ]
        if operation == "BatchWriteItem":
            return [
                self._key({"TableName": table, **action})
                for table, requests in params["RequestItems"].items()
                for request in requests
                for action in request.values()
            ]
        return []

    def _key(self, action: Mapping[str, Any]) -> Key:
        table = action["TableName"]
        item = action.get("Key") or action["Item"]
        return table, {name: item[name] for name in self._described(table)[0]}

    def _indexes(self, table: str) -> dict[str, Index]:
        return self._described(table)[1]

    def _described(self, table: str) -> tuple[tuple[str, ...], dict[str, Index]]:
        if table not in self._tables:
            described = self._raw.describe_table(TableName=table)["Table"]
            keys = tuple(element["AttributeName"] for element in described["KeySchema"])
            indexes = {
                index["IndexName"]: Index(
                    tuple(element["AttributeName"] for element in index["KeySchema"]),
                    keys,
                    None
                    if index["Projection"]["ProjectionType"] == "ALL"
                    else frozenset(index["Projection"].get("NonKeyAttributes", ())),
                )
                for index in described.get("GlobalSecondaryIndexes", ())
            }
            self._tables[table] = keys, indexes
        return self._tables[table]

    def _item(self, key: Key) -> Item | None:
        table, values = key
        found: Item | None = self._raw.get_item(
            TableName=table, Key=values, ConsistentRead=True
        ).get("Item")
        return found


def _identity(key: Key) -> tuple[str, str]:
    return key[0], repr(sorted((name, str(value)) for name, value in key[1].items()))


def _tables(params: Mapping[str, Any]) -> tuple[str, ...]:
    if "TableName" in params:
        return (params["TableName"],)
    if "RequestItems" in params:
        return tuple(sorted(params["RequestItems"]))
    actions = [action for item in params["TransactItems"] for action in item.values()]
    return tuple(sorted({action["TableName"] for action in actions}))
