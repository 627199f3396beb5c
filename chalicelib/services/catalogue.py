"""The catalogue in memory: kept, checked, changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from chalicelib.domain.catalogue import Catalogue, CatalogueChange, Revision, applied
from chalicelib.domain.errors import LostRace, Unavailable
from chalicelib.services.attempts import attempts
from chalicelib.services.ports import CatalogueStore, Clock

T = TypeVar("T")


@dataclass(slots=True)
class _View:
    """The catalogue that a request has seen, once it has; whether the store gave it none."""

    stale_ok: bool
    catalogue: Catalogue | None = None
    stale: bool = False


class CatalogueService:
    """One process's view of the catalogue.

    It is read anew only when the stored version has moved, and the version is read at most once
    per `ttl` seconds (once per request where that is 0). What was cached may answer; before
    anything is refused, or decided for a write, ask `fresh` or `find`.
    """

    def __init__(
        self,
        store: CatalogueStore,
        clock: Clock,
        ttl: float = 0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ttl = ttl
        self._monotonic = monotonic
        self._cached: tuple[Catalogue, float] | None = None
        self._failed_at = float("-inf")
        self._view: ContextVar[_View | None] = ContextVar("view", default=None)

    @contextmanager
    def one_view(self, *, stale_ok: bool = False) -> Iterator[None]:
        """Within it, snapshots are all the same one: a request sees one catalogue.

        With `stale_ok` that is the last one that was read, where the store is unavailable. It is
        asked again after `ttl` at the earliest, so that not each request of an outage waits for
        it. `fresh`, and with it all that refuses or changes anything, goes on to fail.
        """
        token = self._view.set(_View(stale_ok))
        try:
            yield
        finally:
            self._view.reset(token)

    @property
    def stale(self) -> bool:
        """Whether this request's snapshot may be older than it should, for want of an answer."""
        view = self._view.get()
        return view is not None and view.stale

    def answer_stale(self) -> None:
        """Let this request's answer count as older than it should be."""
        view = self._view.get()
        if view is not None:
            view.stale = True

    def snapshot(self) -> Catalogue:
        """The catalogue, at most `ttl` old, or as the request has seen it before.

        Raises:
            Unavailable: if the store does not answer, and this request may see nothing older.
        """
        view = self._view.get()
        if view is None:
            return self._recent()
        if view.catalogue is None:
            view.catalogue = self._recent(view)
        return view.catalogue

    def _recent(self, view: _View | None = None) -> Catalogue:
        now = self._monotonic()
        if self._cached is not None:
            catalogue, checked_at = self._cached
            if now < checked_at + self._ttl:
                return catalogue
        if self._cached is None or view is None or not view.stale_ok:
            return self.fresh()
        if now >= self._failed_at + self._ttl:
            with suppress(Unavailable):
                return self.fresh()
        view.stale = True
        return self._cached[0]

    def stored_revision(self) -> Revision:
        """The revision that is stored now: one read, whatever is cached.

        Raises:
            Unavailable: if the store does not answer.
        """
        return self._store.revision()

    def fresh(self) -> Catalogue:
        """The catalogue as it is stored now.

        Raises:
            Unavailable: if the store does not answer.
        """
        checked_at = self._monotonic()
        try:
            revision = self._store.revision()
            if self._cached is not None and self._cached[0].revision == revision:
                catalogue = self._cached[0]
            else:
                catalogue = self._store.load()
        except Unavailable:
            self._failed_at = self._monotonic()
            raise
        self._cached, self._failed_at = (catalogue, checked_at), float("-inf")
        self._show(catalogue)
        return catalogue

    def renewed(self) -> bool:
        """Whether snapshots were older than what is stored; from here on they are not."""
        return self._ttl > 0 and self.snapshot() is not self.fresh()

    def _show(self, catalogue: Catalogue | None) -> None:
        view = self._view.get()
        if view is not None:
            view.catalogue = catalogue
            view.stale = False

    def today(self) -> date:
        """The day now, in UTC."""
        return self._clock().date()

    def find(self, lookup: Callable[[Catalogue], T | None]) -> T | None:
        """What `lookup` finds; if it finds nothing it is asked again of a fresh catalogue."""
        found = lookup(self.snapshot())
        return found if found is not None else lookup(self.fresh())

    def change(
        self,
        decide: Callable[[Catalogue], CatalogueChange | None],
        what: str = "the catalogue",
        *,
        as_seen: bool = False,
    ) -> Catalogue:
        """Commit what `decide` makes of the newest catalogue; the catalogue that results.

        `decide` is asked again whenever somebody else was faster; None means that there is
        nothing to do. What it raises ends the attempt, with nothing changed. With `as_seen` it is
        first asked of the snapshot, which saves a trip where nothing has changed since; then it
        must neither refuse nor do nothing for what a newer catalogue may hold.

        Raises:
            Unavailable: if others are faster again and again.
        """
        tries = attempts(what)
        while True:
            attempt = next(tries)
            catalogue = self.snapshot() if as_seen and attempt == 0 else self.fresh()
            change = decide(catalogue)
            if change is None:
                return catalogue
            revision = catalogue.revision.following(self._clock(), visible=change.visible)
            try:
                self._store.commit(catalogue.revision, revision, change)
            except LostRace:
                continue
            changed = applied(catalogue, revision, change)
            # Another process may have gone further already, so this is not cached as checked.
            self._cached = (changed, float("-inf"))
            self._show(None)
            return changed
