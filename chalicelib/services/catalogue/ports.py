"""What demonstrations and tests need: an empty store.

What `running.ports` says of all ports goes for these.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from chalicelib.services.running.ports import Clock


class Eraser(Protocol):
    """Empties the whole store, for demonstrations and tests."""

    def clear(self, clock: Clock, settling: timedelta) -> None:
        """Remove everything but the version and the id sequences, and move the version on.

        The date of that follows from the time of the commit and `settling` as `Revision.following`
        says.
        """
        ...
