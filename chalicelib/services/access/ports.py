"""What the use cases need to keep of requests that may come again.

What `running.ports` says of all ports goes for these.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from chalicelib.domain.access.idempotency import IdempotencyRecord, RequestKey


class IdempotencyStore(Protocol):
    """Answers that are kept for a day. With an effect they are stored by the store of that."""

    def find(self, key: RequestKey, now: datetime) -> IdempotencyRecord | None:
        """The record of a request, read consistently, if it has not expired."""
        ...

    def keep(self, record: IdempotencyRecord) -> None:
        """Store an answer.

        Raises:
            AlreadyAnswered: if one is kept.
            LostRace: on a conflict with another write.
            Invalid: if it is longer than the store takes.
        """
        ...

    def of_user(
        self, owner: str, now: datetime, after: str, limit: int
    ) -> Sequence[IdempotencyRecord]:
        """Up to `limit` answers kept with a user, by digest, those behind the digest `after`.

        Only none means that there are no more: large ones are fewer.
        """
        ...
