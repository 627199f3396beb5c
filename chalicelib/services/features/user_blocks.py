"""User blocks: assigning by hand, and keeping the allocation up to date."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import date

from chalicelib.domain.catalogue.catalogue import (
    Catalogue,
    CatalogueChange,
    catch_up,
    changed_blocks,
)
from chalicelib.domain.catalogue.overbooking import Shortage, shortage
from chalicelib.domain.errors import NotFound, Unavailable
from chalicelib.domain.features.blocks import FREE_BLOCKS, UserBlock
from chalicelib.domain.features.features import Feature
from chalicelib.services.running.catalogue import CatalogueService


class UserBlockService:
    """Sets, frees and allocates the twenty user blocks."""

    def __init__(self, catalogue: CatalogueService) -> None:
        self._catalogue = catalogue
        self._settled: tuple[Catalogue, date] | None = None
        """The catalogue of which this process found that nothing is due, and on which day."""

    def named(self, name: str) -> UserBlock:
        """The block with a name.

        Raises:
            NotFound: if there is none ("5", "10", ... "100" are the names).
        """
        block = self._catalogue.snapshot().block(name)
        if block is None:
            raise NotFound(f"there is no user-block {name!r}: their names are 5, 10, ... 100")
        return block

    def assign(self, name: str, feature_id: int | None) -> UserBlock:
        """Give a block to a feature, known or not, or free it with None.

        Raises:
            NotFound: as `named` does.
        """
        block = replace(self.named(name), feature_id=feature_id)
        self._change((block,))
        return block

    def reset(self) -> tuple[UserBlock, ...]:
        """Free all blocks."""
        self._change(FREE_BLOCKS)
        return FREE_BLOCKS

    def shortage(self, experiment: Feature) -> Shortage | None:
        """What an experiment lacks that this request stores or has stored, if it lacks anything."""
        catalogue = self._catalogue.changed or self._catalogue.snapshot()
        return shortage(catalogue, experiment, self._catalogue.today())

    def catch_up(self) -> Catalogue:
        """The catalogue, brought up to today: allocated, and dated if a day has passed."""
        catalogue = self._catalogue.snapshot()
        if self._due(catalogue) is None:
            return catalogue
        return self._catalogue.change(self._due)

    def current(self) -> Catalogue:
        """The catalogue for an answer: brought up to today, or as it is where that fails.

        Then it is dated a second earlier, for what is missing will come without a date of its own:
        a client that asks with the date of this answer must get the whole one.
        """
        catalogue = self._catalogue.snapshot()
        if self._due(catalogue) is None:
            return catalogue
        if not self._catalogue.stale:
            with suppress(Unavailable):
                return self._catalogue.change(self._due)
            self._catalogue.answer_stale()
            catalogue = self._catalogue.snapshot()
        before = catalogue.revision.last_modified - 1
        revision = replace(catalogue.revision, last_modified=before, shared=False)
        return replace(catalogue, revision=revision)

    def _due(self, catalogue: Catalogue) -> CatalogueChange | None:
        today = self._catalogue.today()
        settled = self._settled
        if settled is not None and settled[0] is catalogue and settled[1] == today:
            return None
        due = catch_up(catalogue, today)
        if due is None:
            self._settled = catalogue, today
        return due

    def _change(self, blocks: tuple[UserBlock, ...]) -> None:
        def decide(catalogue: Catalogue) -> CatalogueChange | None:
            changed = changed_blocks(catalogue, blocks)
            return CatalogueChange(blocks=changed) if changed else None

        self._catalogue.change(decide)
