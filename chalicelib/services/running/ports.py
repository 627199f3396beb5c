"""Ports of every use case to the outside world, and the rules of all ports.

Every method may raise `Unavailable`. Those that write are all-or-nothing; where they say so they
raise `LostRace` if what the caller based its decision on has changed. Those that take an
`IdempotencyRecord` store it in the same transaction, and raise `AlreadyAnswered` if there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from chalicelib.domain.catalogue.catalogue import Catalogue, CatalogueChange, Revision
from chalicelib.domain.catalogue.purge import Entry, LooseLists, PurgeEntry, UnreadableEntry

Clock = Callable[[], datetime]
"""The time now, aware, in UTC."""


class CatalogueStore(Protocol):
    """Features, variants and user blocks."""

    def revision(self) -> Revision:
        """The revision now, read consistently; `Revision()` for a new store."""
        ...

    def load(self) -> Catalogue:
        """Everything, labelled with a revision that was read before the rest.

        Of the commit that made that revision it has all or, read again, a later one.
        """
        ...

    def commit(self, base: Revision, revision: Revision, change: CatalogueChange) -> None:
        """Apply `change` and move from `base` to `revision`.

        Raises:
            AlreadyAnswered: if there is an answer where `change.record` is to be stored.
            LostRace: if the stored revision is not `base` any more.
            Invalid: if a design or a segment is larger than the store takes.
        """
        ...

    def new_feature_id(self) -> int:
        """An id that no feature had before, not even a deleted one."""
        ...

    def new_variant_ids(self, count: int) -> Sequence[int]:
        """Ascending ids that no variant had before."""
        ...


class NoteStore(Protocol):
    """Notes of the scheduled function about its own work, by name."""

    def read(self, name: str) -> Mapping[str, object]:
        """What was noted, read consistently; nothing if there is none."""
        ...

    def write(self, name: str, note: Mapping[str, object]) -> None:
        """Note something in place of what was noted."""
        ...


class PurgeQueue(Protocol):
    """What is still to be removed. Entries come in with the writes that cause them."""

    def due(self, now: datetime) -> Sequence[PurgeEntry | UnreadableEntry]:
        """The entries whose time has come, the longest waiting first."""
        ...

    def postpone(self, entry: PurgeEntry) -> None:
        """Store an entry's new `due`."""
        ...

    def open(self, entry: LooseLists) -> None:
        """Store an entry before what it is about, in place of one of an earlier attempt.

        Raises:
            LostRace: if that one is claimed.
        """
        ...

    def lists(self, names: Collection[str]) -> Sequence[LooseLists]:
        """The entries of lists that have some names, read consistently; those that there are."""
        ...

    def claim(self, entry: Entry, due: datetime) -> Entry:
        """Store that an entry is worked on, and a new `due`; the entry as it is then.

        Raises:
            LostRace: if it is not what it was.
        """
        ...

    def close(self, entry: PurgeEntry) -> None:
        """Take an entry out of the queue, unless it has another `due` by now."""
        ...
