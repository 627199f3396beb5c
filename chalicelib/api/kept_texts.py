"""Answers of a route as they were written, for as long as the catalogue is the same."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable

from chalicelib.domain.catalogue import Catalogue

CHARACTERS = 4_000_000
"""Of all answers of one route that a process keeps."""


class KeptTexts:
    """The answers of one route, by what it was asked for.

    Clients poll, and a catalogue changes rarely: an answer is written once for all of them. What
    follows from anything but the catalogue and the question must not be kept so; the day does,
    for a new day makes a new catalogue.
    """

    def __init__(self, characters: int = CHARACTERS) -> None:
        self._characters = characters
        self._of: Callable[[], Catalogue | None] = lambda: None
        self._texts: dict[Hashable, str] = {}
        self._length = 0

    def text(self, catalogue: Catalogue, question: Hashable, write: Callable[[], str]) -> str:
        """The answer, made by `write` if it is not kept; what that raises is not kept."""
        texts = self._texts
        if self._of() is not catalogue:
            # The catalogue before is not held: it may be large.
            texts = self._emptied(catalogue)
        found = texts.get(question)
        if found is None:
            found = write()
            if self._length + len(found) > self._characters:
                texts = self._emptied(catalogue)
            texts[question] = found
            self._length += len(found)
        return found

    def _emptied(self, catalogue: Catalogue) -> dict[Hashable, str]:
        # A new one: another thread may be about to fill the old one from the old catalogue.
        self._texts, self._length = {}, 0
        self._of = weakref.ref(catalogue)
        return self._texts
