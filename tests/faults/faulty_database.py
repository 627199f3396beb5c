"""A database that fails at one call in five, in every way that a real one does."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable

from chalicelib.storage.dynamodb.connection import READ_TIMEOUT
from tests.database_proxy import Call

FAULTY = 1 / 5
SHORT_DELAY = (0.005, 0.05)
LONG_DELAY = READ_TIMEOUT + 0.3
LONG_EVERY = 120
"""Of so many faults one is a delay beyond the application's patience: each costs it seconds."""

THROTTLES = (
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
)
TRANSACTION = "TransactWriteItems"
CANCELLED = "TransactionCanceledException"


class FaultyDatabase:
    """Forwards calls, and spoils some; draws from a seed which, and how.

    It spoils nothing until `faulty` is set.
    """

    def __init__(self, seed: int) -> None:
        self.faulty = threading.Event()
        self.calls = 0
        self.faults: Counter[str] = Counter()
        self._draw = random.Random(seed)
        self._lock = threading.Lock()
        self._never = threading.Event()
        self._common: tuple[Callable[[Call], None], ...] = (
            self.drop_before,
            self.drop_after,
            self.cut,
            self.throttle,
            self.cancel,
            self.fail_before,
            self.fail_after,
            self.delay_before,
            self.delay_after,
        )
        self._rare = (self.delay_long_before, self.delay_long_after)

    def __call__(self, call: Call) -> None:
        fault = self._next_fault()
        if fault is None:
            call.answer(*call.forward())
        else:
            fault(call)

    def _next_fault(self) -> Callable[[Call], None] | None:
        if not self.faulty.is_set():
            return None
        with self._lock:
            self.calls += 1
            if self._draw.random() >= FAULTY:
                return None
            rare = (self.faults.total() + 1) % LONG_EVERY == 0
            fault = self._draw.choice(self._rare if rare else self._common)
            self.faults[fault.__name__] += 1
            return fault

    def drop_before(self, call: Call) -> None:
        """The call never arrives."""
        call.hang_up()

    def drop_after(self, call: Call) -> None:
        """The call takes effect, the answer is lost."""
        call.forward()
        call.hang_up()

    def cut(self, call: Call) -> None:
        """The call takes effect, and half of the answer arrives."""
        call.answer(*call.forward(), cut=True)

    def throttle(self, call: Call) -> None:
        call.refuse(400, self._one_of(THROTTLES))

    def cancel(self, call: Call) -> None:
        """A transaction is cancelled because one of its items is throttled."""
        if call.operation != TRANSACTION:
            self.throttle(call)
            return
        count = len(call.arguments["TransactItems"])
        reasons = [{"Code": "None"}] * (count - 1) + [{"Code": "ThrottlingError"}]
        call.refuse(400, CANCELLED, CancellationReasons=reasons)

    def fail_before(self, call: Call) -> None:
        call.refuse(500, "InternalServerError")

    def fail_after(self, call: Call) -> None:
        """The call takes effect, and the answer says that it failed."""
        call.forward()
        call.refuse(500, "InternalServerError")

    def delay_before(self, call: Call) -> None:
        self._wait(self._between(*SHORT_DELAY))
        call.answer(*call.forward())

    def delay_after(self, call: Call) -> None:
        answer = call.forward()
        self._wait(self._between(*SHORT_DELAY))
        call.answer(*answer)

    def delay_long_before(self, call: Call) -> None:
        """The call takes effect long after the application has stopped waiting."""
        self._wait(LONG_DELAY)
        call.answer(*call.forward())

    def delay_long_after(self, call: Call) -> None:
        """The call takes effect, and the answer comes too late."""
        answer = call.forward()
        self._wait(LONG_DELAY)
        call.answer(*answer)

    def _one_of(self, kinds: tuple[str, ...]) -> str:
        with self._lock:
            return self._draw.choice(kinds)

    def _between(self, shortest: float, longest: float) -> float:
        with self._lock:
            return self._draw.uniform(shortest, longest)

    def _wait(self, seconds: float) -> None:
        self._never.wait(seconds)
