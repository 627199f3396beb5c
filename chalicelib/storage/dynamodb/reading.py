"""Reads many items by key, and runs several calls at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from chalicelib.services.running.pools import Pool
from chalicelib.storage.dynamodb.connection import TableModel, store_errors

AT_ONCE = 8

READERS = 16
"""Users whose records are read at the same time, with a Query for each."""

KEYS_PER_READ = 100
"""Keys that DynamoDB takes in one BatchGetItem."""

Row = TypeVar("Row", bound=TableModel)
T = TypeVar("T")
R = TypeVar("R")


@store_errors()
def read_rows(table: type[Row], wanted: Sequence[tuple[str, str]]) -> list[Row]:
    """The items with some keys (partition key, sort key), read consistently; those there are."""
    chunks = [
        wanted[start : start + KEYS_PER_READ] for start in range(0, len(wanted), KEYS_PER_READ)
    ]
    found = at_once(lambda chunk: list(table.batch_get(chunk, consistent_read=True)), chunks)
    return [row for rows in found for row in rows]


def at_once(work: Callable[[T], R], tasks: Sequence[T]) -> list[R]:
    """The results of `work` on each task, done at once; a single one needs no thread."""
    if len(tasks) <= 1:
        return [work(task) for task in tasks]
    with Pool(min(len(tasks), AT_ONCE)) as pool:
        return list(pool.map(work, tasks))
