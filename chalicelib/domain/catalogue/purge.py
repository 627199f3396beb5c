"""What is still to be removed after a feature, its variants or a user went away.

Entries are written in the transaction that takes their subject out of sight, or before something is
written that may never come into sight, and leave the queue only when nothing of it is left; so a
purge that was killed half-way is resumed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

SECOND_PASS = timedelta(minutes=15)
"""How long after a pass the next one looks again: longer than any request can be under way."""

HANDOVER = timedelta(minutes=1)
"""How long the request that made an entry has it for itself before the scheduled function."""


@dataclass(frozen=True, slots=True)
class DeadVariants:
    """Variants that left the catalogue; their users, events and totals are to be removed.

    With `whole` the feature left too, and with it goes what is stored of those who took part.
    `due` is when the next pass should run. The entry is done when a pass finds nothing, at the
    earliest `SECOND_PASS` after the variants died: until then a request that still saw them alive
    may add a row.
    """

    feature_id: int
    variant_ids: tuple[int, ...]
    died: datetime
    due: datetime
    whole: bool = False

    @classmethod
    def now(
        cls, feature_id: int, variant_ids: tuple[int, ...], died: datetime, *, whole: bool = False
    ) -> DeadVariants | None:
        """The entry for what dies at `died`; None where that is nothing."""
        if not variant_ids and not whole:
            return None
        return cls(feature_id, variant_ids, died, died + HANDOVER, whole)

    @property
    def first(self) -> int:
        """What tells it from others of the feature: its first variant, 0 if it has none."""
        return min(self.variant_ids, default=0)

    def is_done(self, found: int, started: datetime) -> bool:
        """Whether a whole pass that began at `started` and removed `found` rows was the last."""
        return found == 0 and started >= self.died + SECOND_PASS

    def postponed(self, finished: datetime) -> DeadVariants:
        """The entry after a whole pass that was not the last one."""
        return replace(self, due=finished + SECOND_PASS)


@dataclass(frozen=True, slots=True)
class ErasedUser:
    """A user who was deleted; the events still to be removed are found by the user's row."""

    user_id: str
    due: datetime


@dataclass(frozen=True, slots=True)
class LooseLists:
    """Versions of lists that may be in force no more, or never came to be in force.

    `versions` are pairs of a segment and the version of its list: those that the catalogue does
    not have when the entry is due are removed. `listed` are segments that were made to be lists
    of something: they go if nothing lists them then. `due` is later than any request can be under
    way, and `claimed` says that the purge has begun, so that nobody writes these versions anew.
    """

    name: str
    versions: tuple[tuple[str, int], ...]
    due: datetime
    listed: tuple[str, ...] = ()
    claimed: bool = False

    @classmethod
    def written(
        cls, segment_id: str, version: int, due: datetime, listed: tuple[str, ...] = ()
    ) -> LooseLists:
        """The entry of a call that writes the notes of a version."""
        return cls(cls.writing(segment_id, version), ((segment_id, version),), due, listed)

    @staticmethod
    def writing(segment_id: str, version: int) -> str:
        """The name of the entry of a version that is being written, the same for two such calls."""
        return f"{segment_id} {version}"


PurgeEntry = DeadVariants | ErasedUser | LooseLists
Entry = TypeVar("Entry", bound=PurgeEntry)


@dataclass(frozen=True, slots=True)
class UnreadableEntry:
    """An entry that this version of the program cannot read, for a newer one made it."""

    name: str
    due: datetime


def claimed(entry: Entry, due: datetime) -> Entry:
    """An entry that is being worked on; whatever is due before `due` goes before it."""
    if isinstance(entry, LooseLists):
        return replace(entry, due=due, claimed=True)
    return replace(entry, due=due)
