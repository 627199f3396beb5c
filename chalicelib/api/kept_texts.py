"""Answers of a route as they were written, for as long as the catalogue is the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from chalicelib.domain.catalogue import Catalogue

TEXTS = 1000
"""Answers of one route that a process keeps."""

Source = tuple[Catalogue, date]
"""What answers are made of: a catalogue, and the day."""


class KeptTexts:
    """The answers of one route by the parameters of its path.

    Clients poll, and a catalogue changes rarely: an answer is written once for all of them.
    """

    def __init__(self) -> None:
        self._kept: tuple[Source, dict[frozenset[tuple[str, str]], str]] | None = None

    def text(self, source: Source, params: Mapping[str, str], write: Callable[[], str]) -> str:
        """The answer, made by `write` if it is not kept; what that raises is not kept."""
        kept = self._kept
        if kept is None or kept[0][0] is not source[0] or kept[0][1] != source[1]:
            kept = self._kept = source, {}
        texts, key = kept[1], frozenset(params.items())
        found = texts.get(key)
        if found is None:
            found = write()
            if len(texts) >= TEXTS:
                texts.clear()
            texts[key] = found
        return found
