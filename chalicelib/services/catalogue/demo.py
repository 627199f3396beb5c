"""Emptying the whole store, for demonstrations and tests."""

from __future__ import annotations

from datetime import timedelta

from chalicelib.services.catalogue.ports import Eraser
from chalicelib.services.running.ports import Clock


class DemoService:
    """What only a demonstration may do."""

    def __init__(self, eraser: Eraser, clock: Clock, settling: timedelta, *, enabled: bool) -> None:
        """`settling` is the time after which every process sees a change (`Revision.following`)."""
        self._eraser = eraser
        self._clock = clock
        self._settling = settling
        self._enabled = enabled

    def clear(self) -> bool:
        """Empty the store; False, and nothing done, where that is not allowed."""
        if self._enabled:
            self._eraser.clear(self._clock, self._settling)
        return self._enabled
