"""Trying again after a lost race."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

from chalicelib.domain.errors import Unavailable

DEADLINE = 2.5
"""Seconds after which no further attempt begins, for somebody waits: of a decision that
others overtake, and of the calls of a request that fail (`storage.metering`)."""

FEWEST = 3
"""Attempts that are made all the same, where each takes long."""

FIRST_PAUSE = 0.004
LONGEST_PAUSE = 0.25
DOUBLINGS = 10
"""More than lead from the first bound to the longest."""


def retries(
    of_what: str,
    *,
    sleep: Callable[[float], None] = time.sleep,
    draw: Callable[[], float] = random.random,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[int]:
    """Numbers of attempts, 0 first, with a pause before each further one; it never just ends.

    The pauses are drawn evenly from 0 to a bound that doubles ("full jitter", M. Brooker,
    "Exponential Backoff And Jitter", AWS Architecture Blog 2015), and falls again with the square
    of the share of the time that is left: else newcomers, whose pauses are short, would go before
    those who have waited for long. Time bounds the attempts, not a number: of many writers of one
    item each needs as many as the others leave it.

    Raises:
        Unavailable: after the last attempt that the deadline allows.
    """
    end = monotonic() + DEADLINE
    attempt = 0
    while True:
        yield attempt
        attempt += 1
        left = max(end - monotonic(), 0)
        if not left and attempt >= FEWEST:
            raise Unavailable(
                f"{of_what}: too many writers at once, please try again", reason="writers"
            )
        bound = min(FIRST_PAUSE * 2 ** min(attempt, DOUBLINGS), LONGEST_PAUSE)
        sleep(bound * (left / DEADLINE) ** 2 * draw())
