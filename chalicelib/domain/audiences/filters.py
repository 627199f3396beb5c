"""How lists decide who is in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FilterMode(StrEnum):
    """Who is in if no list says otherwise (section 8)."""

    INCLUDE_ALL = "includeAll"
    EXCLUDE_ALL = "excludeAll"


@dataclass(frozen=True, slots=True)
class ListEntry:
    """A private segment that includes or excludes its members.

    Lists of flags can be switched off, and say themselves what they are lists of (`list_type`).
    """

    segment_id: str
    enabled: bool = True
    list_type: str | None = None
