"""Feature flags in UpGrade's form, and who they are on for (section 16)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.audiences.filters import FilterMode, ListEntry
from chalicelib.domain.audiences.segments import ResolvedSegments, Segment, resolve, screen
from chalicelib.domain.participants.participants import Participant
from chalicelib.domain.stored_words import Newer


class FlagStatus(StrEnum):
    """Whether clients are told of a flag; only enabled ones are answered."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    ARCHIVED = "archived"


@dataclass(frozen=True, slots=True)
class Flag:
    """A switch that clients ask for by its `key`, which is unique in its context.

    `feature_id` comes from the sequence of features' ids and is never used again: the exposures of
    users name the flag by it.
    """

    id: str
    feature_id: int
    name: str
    key: str
    description: str | None
    status: FlagStatus
    context: str
    tags: tuple[str, ...]
    filter_mode: FilterMode
    include: tuple[ListEntry, ...]
    exclude: tuple[ListEntry, ...]
    created_at: datetime
    updated_at: datetime
    version: int
    newer: tuple[Newer, ...] = ()


@dataclass(frozen=True, slots=True)
class CompiledFlag:
    """An enabled flag with its lists resolved; lists that are switched off do not count."""

    flag: Flag
    include: ResolvedSegments
    exclude: ResolvedSegments

    @classmethod
    def of(cls, flag: Flag, segments: Mapping[str, Segment]) -> CompiledFlag:
        """Compile a flag."""

        def resolved(entries: Iterable[ListEntry]) -> ResolvedSegments:
            return resolve((entry.segment_id for entry in entries if entry.enabled), segments)

        return cls(flag, resolved(flag.include), resolved(flag.exclude))

    def is_on_for(self, participant: Participant) -> bool:
        """Whether the lists let a user in (section 8)."""
        return screen(self.flag.filter_mode, self.include, self.exclude, participant).is_in
