"""Experiments, flags and segments out of files, of which each is taken or refused by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from chalicelib.domain.audiences.segments import Segment
from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.flags.flags import Flag
from chalicelib.services.catalogue.imports import ExperimentDraft, ImportService, ListDraft
from chalicelib.services.running.catalogue import CatalogueService

D = TypeVar("D")


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
class FileImport(Generic[D]):
    """Imports what files hold, one after the other.

    `catalogue` is what there is by then, those before included; `store` takes what one file holds.
    It raises `Conflict`, `Invalid` or `NotFound` where that cannot be taken.
    """

    catalogue: Callable[[], Catalogue]
    store: Callable[[D], object]


class FileImportService:
    """Begins imports of files."""

    def __init__(self, catalogue: CatalogueService, imports: ImportService) -> None:
        self._catalogue = catalogue
        self._imports = imports

    def of_experiments(self) -> FileImport[ExperimentDraft]:
        """Imports experiments as they are elsewhere: with their ids, states and histories."""

        def store(draft: ExperimentDraft) -> None:
            self._imports.experiments([draft], runs=True)

        return FileImport(self._catalogue.fresh, store)

    def of_flags(self) -> FileImport[FlagDraft]:
        """Imports flags."""

        def store(draft: FlagDraft) -> None:
            self._imports.flag(draft.flag, draft.include, draft.exclude)

        return FileImport(self._catalogue.fresh, store)

    def of_segments(self) -> FileImport[SegmentDraft]:
        """Imports segments."""

        def store(draft: SegmentDraft) -> None:
            self._imports.segment(draft.segment, draft.user_ids, draft.lists)

        return FileImport(self._catalogue.fresh, store)
