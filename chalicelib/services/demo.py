"""Emptying the whole store, for demonstrations and tests."""

from __future__ import annotations

from chalicelib.services.ports import Clock, Eraser


class DemoService:
    """What only a demonstration may do."""

    def __init__(self, eraser: Eraser, clock: Clock, *, enabled: bool) -> None:
        self._eraser = eraser
        self._clock = clock
        self._enabled = enabled

    def clear(self) -> bool:
        """Empty the store; False, and nothing done, where that is not allowed."""
        if self._enabled:
            self._eraser.clear(self._clock())
        return self._enabled
