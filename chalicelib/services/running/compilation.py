"""Compiles the experiments and flags of the catalogue, once per version of it."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.catalogue.testlab_assignments import last_unknown
from chalicelib.domain.errors import Invalid
from chalicelib.domain.experiments.compiled_experiments import CompiledCatalogue
from chalicelib.domain.participants.participants import Participant
from chalicelib.services.running.catalogue import CatalogueService


class UnknownContext(Invalid):
    """No context is called so by a client, for whom letter case counts."""


class CompilationService:
    """Gives use cases the experiments and flags of the catalogue, compiled once per version."""

    def __init__(self, catalogue: CatalogueService, contexts: Sequence[str]) -> None:
        self._catalogue = catalogue
        self._contexts = contexts
        self._compiled: tuple[Catalogue, CompiledCatalogue] | None = None

    def current(self) -> tuple[Catalogue, CompiledCatalogue]:
        """The catalogue, and its experiments and flags compiled."""
        catalogue = self._catalogue.snapshot()
        compiled = self._compiled
        if compiled is None or compiled[0] is not catalogue:
            compiled_catalogue = CompiledCatalogue(
                catalogue.experiments(),
                catalogue.segments,
                self._contexts,
                catalogue.flags.values(),
                catalogue.metrics,
            )
            compiled = self._compiled = (catalogue, compiled_catalogue)
        return compiled

    def current_for(self, participant: Participant) -> tuple[Catalogue, CompiledCatalogue]:
        """The current catalogue, read anew if a user has records of an experiment that it lacks."""
        current = self.current()
        recorded_at = last_unknown(current[0], participant)
        if recorded_at is not None and self._catalogue.may_lack(recorded_at) and self.renewed():
            return self.current()
        return current

    def renewed(self) -> bool:
        """Whether `current` was older than what is stored; from here on it is not."""
        return self._catalogue.renewed()
