"""Experiments, flags and segments out of files, of which each is taken or refused by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from chalicelib.domain.audiences.segments import Segment
from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.experiments.experiments import Experiment
from chalicelib.domain.flags.flags import Flag
from chalicelib.services.catalogue.imports import ExperimentDraft, ImportService, ListDraft
from chalicelib.services.running.catalogue import CatalogueService

D = TypeVar("D")
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class FlagDraft:
    """A flag to create, with its lists."""

    flag: Flag
    include: tuple[ListDraft, ...]
    exclude: tuple[ListDraft, ...]


@dataclass(frozen=True, slots=True)
class SegmentDraft:
    """A segment to create, with its users and its lists."""

    segment: Segment
    user_ids: Sequence[str]
    lists: tuple[ListDraft, ...]


@dataclass(frozen=True, slots=True)
class FileImport(Generic[D, S]):
    """Imports what files hold, one after the other.

    `catalogue` is what there is by then, those before included; `store` takes what one file holds
    and returns it as stored. It raises `Conflict`, `Invalid` or `NotFound` where it cannot.
    """

    catalogue: Callable[[], Catalogue]
    store: Callable[[D], S]


class FileImportService:
    """Begins imports of files."""

    def __init__(self, catalogue: CatalogueService, imports: ImportService) -> None:
        self._catalogue = catalogue
        self._imports = imports

    def of_experiments(self) -> FileImport[ExperimentDraft, Experiment]:
        """Imports experiments as they are elsewhere: with their ids, states and histories."""

        def store(draft: ExperimentDraft) -> Experiment:
            return self._imports.experiments([draft], runs=True)[0]

        return FileImport(self._catalogue.fresh, store)

    def experiments(
        self, drafts: Callable[[Catalogue], Sequence[ExperimentDraft]]
    ) -> list[Experiment]:
        """Import experiments as they are elsewhere, all or none; `drafts` is told what there is.

        Raises:
            Conflict, Invalid: as `ImportService.experiments` does; and what `drafts` raises.
        """
        return self._imports.experiments(drafts(self._catalogue.fresh()), runs=True)

    def of_flags(self) -> FileImport[FlagDraft, Flag]:
        """Imports flags."""

        def store(draft: FlagDraft) -> Flag:
            return self._imports.flag(draft.flag, draft.include, draft.exclude)

        return FileImport(self._catalogue.fresh, store)

    def of_segments(self) -> FileImport[SegmentDraft, Segment]:
        """Imports segments."""

        def store(draft: SegmentDraft) -> Segment:
            return self._imports.segment(draft.segment, draft.user_ids, draft.lists)

        return FileImport(self._catalogue.fresh, store)
