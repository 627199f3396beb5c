"""The cost of a request, or of a run of a job, to the database so far.

The store fills the budget that is open where it is called from; who opened it reads it.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class RequestBudget:
    """Calls, capacity and lost time of one piece of work; its threads may share it.

    `calls` are counted as they are sent, so a call that is tried again counts again. `read_units`
    and `write_units` are DynamoDB's capacity units, as far as it names them. `lost` are seconds
    spent on attempts that failed and on the pauses after them, of which `deadline` allows that
    many; what several threads lose at the same time is lost once.
    """

    def __init__(self, deadline: float = math.inf) -> None:
        self.deadline = deadline
        self.calls = 0
        self.read_units = 0.0
        self.write_units = 0.0
        self.lost = 0.0
        self._lost_until = -math.inf
        self._guard = threading.Lock()

    def sent(self) -> None:
        """Count a call."""
        with self._guard:
            self.calls += 1

    def consumed(self, read_units: float, write_units: float) -> None:
        """Add the capacity that a call took."""
        with self._guard:
            self.read_units += read_units
            self.write_units += write_units

    def lose(self, begun: float, ended: float) -> None:
        """Add the time of a failure, in seconds of one clock that never goes back."""
        with self._guard:
            self.lost += max(ended - max(begun, self._lost_until), 0)
            self._lost_until = max(ended, self._lost_until)

    def allows(self, seconds: float) -> bool:
        """Whether an attempt that may take so long ends before the deadline, should it fail.

        The first is allowed however long that is.
        """
        return not self.lost or self.lost + seconds <= self.deadline


_open: ContextVar[RequestBudget | None] = ContextVar("budget", default=None)


@contextmanager
def opened(deadline: float = math.inf) -> Iterator[RequestBudget]:
    """Within it, what is asked of the store counts in the budget that it gives."""
    budget = RequestBudget(deadline)
    token = _open.set(budget)
    try:
        yield budget
    finally:
        _open.reset(token)


def current() -> RequestBudget | None:
    """The budget that is open here, if one is."""
    return _open.get()
