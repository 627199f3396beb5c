"""How many items lists and maps of requests may have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from annotated_types import BaseMetadata, GroupedMetadata, MaxLen
from pydantic import FailFast


@dataclass(frozen=True, slots=True)
class AtMost(GroupedMetadata):
    """Allows a list or a map so many items, and looks no further than the first that is wrong.

    Each fault that is reported takes two thousand times the memory of the two bytes that made it.
    """

    items: int

    def __iter__(self) -> Iterator[BaseMetadata]:
        """What pydantic reads."""
        yield MaxLen(self.items)
        yield FailFast()
