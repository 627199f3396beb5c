"""Changes of the members of a segment: some are added or removed, or take the place of all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from chalicelib.domain.errors import Invalid
from chalicelib.domain.participants.participants import GroupKey

MEMBERS = 150_000
"""Users of a list."""

GROUPS = 20_000
"""Groups of a list: more of them do not fit into its item."""


class Change(StrEnum):
    """What becomes of the members that are named."""

    ADD = "add"
    REMOVE = "remove"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class MemberChange:
    """A change of the users of a segment, or of its groups of one type (`group_type`)."""

    change: Change
    ids: tuple[str, ...]
    group_type: str | None = None

    def users(self, before: Sequence[str]) -> tuple[str, ...]:
        """The users after the change, each once.

        >>> MemberChange(Change.REMOVE, ("b",)).users(["a", "b"])
        ('a',)

        Raises:
            Invalid: if there are more than a list may have.
        """
        return self._changed(before, MEMBERS)

    def groups(self, before: Iterable[GroupKey]) -> frozenset[GroupKey]:
        """The groups after the change; those of other types stay.

        Raises:
            Invalid: if there are more than a list may have.
        """
        known = sorted(before)
        own = [group.id for group in known if group.type == self.group_type]
        others = [group for group in known if group.type != self.group_type]
        ids = self._changed(own, GROUPS - len(others))
        return frozenset([*others, *(GroupKey(self.group_type or "", each) for each in ids)])

    def _changed(self, before: Sequence[str], most: int) -> tuple[str, ...]:
        named = dict.fromkeys(self.ids)
        if self.change is Change.REMOVE:
            return tuple(each for each in before if each not in named)
        after = named if self.change is Change.REPLACE else dict.fromkeys((*before, *self.ids))
        if len(after) > most:
            raise Invalid(f"a list may have {most} of these members, not {len(after)}")
        return tuple(after)
