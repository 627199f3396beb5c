"""What the export of a user reads some at a time, because it may be very much.

As in `ports`, every method may raise `Unavailable`. Records come with the key that the next are
asked for by, in the order of these keys; that there are no more is said by none, not by few.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from chalicelib.domain.experiments.marking import Repeat
from chalicelib.domain.outcomes.logs import LogRecord


class UserListStore(Protocol):
    """Lists of records of a user that grow with every request."""

    def repeats(
        self, user_id: str, feature_id: int, after: str, limit: int
    ) -> Sequence[tuple[str, Repeat]]:
        """Up to `limit` marks of a user in a within-subjects experiment, behind a key."""
        ...

    def log_records(self, user_id: str, after: str, limit: int) -> Sequence[tuple[str, LogRecord]]:
        """Up to `limit` log records that were logged of a user, behind a key."""
        ...
