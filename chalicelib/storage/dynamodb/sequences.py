"""Ids that are never given out twice."""

from __future__ import annotations

import threading

from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import store_errors
from chalicelib.storage.dynamodb.tables import SequenceRow


@store_errors()
def reserve(name: str, count: int) -> range:
    """The next `count` ids of a sequence. A retry inside the client leaves a gap, no duplicate."""
    row = SequenceRow(keys.sequence(name))
    row.update(actions=[SequenceRow.value.add(count)])
    last = int(row.value)
    return range(last - count + 1, last + 1)


class LeasedIds:
    """Ids taken from a sequence in blocks, one trip to the database per block.

    Each process has its own block, so ids of two processes are not in the order of time.
    """

    def __init__(self, name: str, block: int) -> None:
        self._name = name
        self._block = block
        self._ids = iter(range(0))
        self._lock = threading.Lock()

    def next(self) -> int:
        with self._lock:
            for leased in self._ids:
                return leased
            self._ids = iter(reserve(self._name, self._block))
            return next(self._ids)
