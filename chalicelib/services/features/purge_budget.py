"""How much a purge may remove."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import TypeVar

from chalicelib.services.running.pools import Pool
from chalicelib.services.running.ports import Clock

T = TypeVar("T")


class Unreadable(Exception):
    """An entry of the queue was made by a newer version of the program, which must remove it."""


class OutOfBudget(Exception):
    """The rows that one run may remove are used up; the queue keeps what is left."""


@dataclass
class Budget:
    """Counts removed rows: up to `rows` (None: any number), and until `deadline`.

    Several `workers` may spend it.
    """

    rows: int | None
    clock: Clock
    deadline: datetime
    found: int = 0
    events: int = 0
    """Events of erased users among them."""
    workers: int = 1
    lock: Lock = field(default_factory=Lock)

    @property
    def is_used_up(self) -> bool:
        """Whether there may be no more."""
        return self.rows is not None and (self.found >= self.rows or self.clock() >= self.deadline)

    def spend(self, rows: int) -> None:
        """Note rows that were removed.

        Raises:
            OutOfBudget: if there may be no more.
        """
        with self.lock:
            self.found += rows
        if self.is_used_up:
            raise OutOfBudget

    def share_out(self, work: Callable[[T], None], tasks: Sequence[T]) -> None:
        """Do some tasks with the workers that there are.

        Raises:
            OutOfBudget: if one of them raised it; the others have ended too.
        """
        workers = min(len(tasks), self.workers)
        if workers <= 1:
            for task in tasks:
                work(task)
            return
        with Pool(workers) as pool:
            list(pool.map(work, tasks))
