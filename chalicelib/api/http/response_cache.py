"""Cached response texts of a route, valid for one state of the catalogue."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from chalicelib.domain.catalogue.catalogue import Catalogue

CHARACTERS = 4_000_000
"""Of all answers of one route that a process keeps."""


@dataclass(slots=True)
class _Kept:
    """The answers of one catalogue, which is not held: it may be large."""

    of: Callable[[], Catalogue | None]
    texts: dict[Hashable, str] = field(default_factory=dict)
    length: int = 0


class ResponseCache:
    """The answers of one route, by what it was asked for.

    Clients poll, and a catalogue changes rarely: an answer is written once for all of them. What
    follows from anything but the catalogue and the question must not be kept so; the day does,
    for a new day makes a new catalogue.
    """

    def __init__(self, characters: int = CHARACTERS) -> None:
        self._characters = characters
        self._kept = _Kept(lambda: None)

    def text(self, catalogue: Catalogue, question: Hashable, write: Callable[[], str]) -> str:
        """The answer, made by `write` if it is not kept; what that raises is not kept."""
        kept = self._kept
        if kept.of() is not catalogue:
            kept = self._emptied(catalogue)
        found = kept.texts.get(question)
        if found is None:
            found = write()
            if kept.length + len(found) > self._characters:
                kept = self._emptied(catalogue)
            kept.texts[question] = found
            kept.length += len(found)
        return found

    def _emptied(self, catalogue: Catalogue) -> _Kept:
        # In one step, for other threads: whatever they find, its texts are of its catalogue.
        self._kept = kept = _Kept(weakref.ref(catalogue))
        return kept
