"""Taking turns within a process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakValueDictionary


class KeyLocks:
    """Locks by key: threads of one process change the same record one by one.

    The store decides between processes, and would between threads: but where one process serves
    many callers at once, as on a developer's machine, those who lost would only take the time of
    those who could win.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()

    @contextmanager
    def of(self, thing: str) -> Iterator[None]:
        """Hold the lock of a key within the block."""
        with self._guard:
            # It lives as long as somebody is within, or waits.
            lock = self._locks.setdefault(thing, threading.Lock())
        with lock:
            yield

    def busy(self) -> int:
        """The number of keys that are locked or waited for."""
        return len(self._locks)
