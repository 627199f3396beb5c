"""What a request has seen of the catalogue, and what a process keeps of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.catalogue.catalogue import (
    Catalogue,
)

LONG_AGO = float("-inf")


@dataclass(slots=True)
class CatalogueView:
    """The catalogue that a request has seen, and since when; whether the store gave it none.

    One that only reads `reads_once` what is stored.
    `premise` is what its first commit insists on, `changed` the catalogue after its last change.
    """

    stale_ok: bool
    seen_at: datetime
    reads_once: bool = False
    catalogue: Catalogue | None = None
    is_confirmed: bool = False
    stale: bool = False
    premise: Callable[[Catalogue], None] | None = None
    changed: Catalogue | None = None


@dataclass(frozen=True, slots=True)
class CachedCatalogue:
    """A catalogue, when its revision was last checked, and when it is to be checked again."""

    catalogue: Catalogue
    checked_at: float = LONG_AGO
    due_at: float = LONG_AGO


def order_of(cached: CachedCatalogue) -> tuple[int, float]:
    """The age of a cached catalogue, for comparison: its version, then when it was checked."""
    return cached.catalogue.revision.version, cached.checked_at
