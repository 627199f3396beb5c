"""What the use cases need to keep of taking part in experiments.

What `running.ports` says of all ports goes for these.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from chalicelib.domain.experiments.transfer import OwnedRecord, RecordKind

Position = tuple[str, str]
"""Where a page of records ended, in the order of the store."""


@dataclass(frozen=True, slots=True)
class RecordPage:
    """Some records, and where the next page starts, if there is one."""

    records: Sequence[OwnedRecord]
    next: Position | None


class RecordStore(Protocol):
    """The records of all users and groups, kind by kind."""

    def page(self, kind: RecordKind, after: Position | None, limit: int) -> RecordPage:
        """Up to `limit` records in an order of the store's own; each once, if nothing is written.

        It reads past the records of other kinds, so many of them; a page may be empty, and yet
        not be the last.
        """
        ...


class DeadRecordStore(Protocol):
    """What is stored of an experiment that is gone, beside its variants, their users and events."""

    def of_experiment(
        self, feature_id: int, after: Position | None, limit: int
    ) -> Sequence[Position]:
        """Up to `limit` records of users and groups, those after `after`, in some fixed order.

        The list may lag behind what is stored.
        """
        ...

    def drop(self, feature_id: int, records: Sequence[Position]) -> Iterator[int]:
        """Remove at most 25 of them, with marks within subjects; bit by bit, how many rows.

        Points that were reached stay. A record that changes in this moment may stay too.
        """
        ...

    def drop_rest(self, feature_id: int) -> Iterator[int]:
        """Remove kept results and all counters of an experiment; bit by bit, how many rows."""
        ...
