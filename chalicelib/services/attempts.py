"""Trying again after a lost race."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

from chalicelib.domain.errors import Unavailable

ATTEMPTS = 12
FIRST_PAUSE = 0.004
LONGEST_PAUSE = 0.25


def attempts(
    of_what: str,
    *,
    sleep: Callable[[float], None] = time.sleep,
    draw: Callable[[], float] = random.random,
) -> Iterator[int]:
    """Numbers of attempts, 0 first, with a pause before each further one; it never just ends.

    The pauses are drawn evenly from 0 to a bound that doubles ("full jitter", M. Brooker,
    "Exponential Backoff And Jitter", AWS Architecture Blog 2015), about a second in all.

    Raises:
        Unavailable: after the last attempt.
    """
    for attempt in range(ATTEMPTS):
        if attempt:
            sleep(min(FIRST_PAUSE * 2**attempt, LONGEST_PAUSE) * draw())
        yield attempt
    raise Unavailable(f"{of_what}: too many writers at once, please try again")
