"""The catalogue in memory: kept, checked, changed."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import date, datetime, timedelta
from typing import TypeVar

from chalicelib.domain.catalogue.catalogue import (
    Catalogue,
    CatalogueChange,
    Revision,
    Validity,
    applied,
)
from chalicelib.domain.catalogue.lists import with_loose_lists
from chalicelib.domain.catalogue.purge import HANDOVER
from chalicelib.domain.errors import LostRace, Unavailable
from chalicelib.services.running.answer_room import AnswerRoom
from chalicelib.services.running.catalogue_views import (
    LONG_AGO,
    CachedCatalogue,
    CatalogueView,
    order_of,
)
from chalicelib.services.running.ports import CatalogueStore, Clock
from chalicelib.services.running.retries import retries

T = TypeVar("T")

SPREAD = 0.25
"""The share of the TTL by which a refresh may come early, so that processes do not meet."""

PAUSE = 1.0
"""Seconds, at least, for which what failed is not tried again; clients are told the same."""


CLOCK_SKEW = timedelta(seconds=2)
"""By which clocks of processes may differ."""


class CatalogueService:
    """One process's view of the catalogue.

    It is read anew only when the stored version has moved, and the version is read at most once
    per `ttl` seconds (once per request where that is 0), some `SPREAD` of it early. One thread at a
    time does so. What was cached may answer; before anything is refused, or decided for a write,
    ask `fresh` or `find`.

    A commit is stored within `timeout` seconds or not at all. While the store is unavailable, some
    requests may see what was cached for `stale_for` seconds more. `draw` is a random share.
    """

    def __init__(
        self,
        store: CatalogueStore,
        clock: Clock,
        ttl: float = 0,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        timeout: float = 0,
        stale_for: float = 60,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ttl = ttl
        self._monotonic = monotonic
        self.settling = timedelta(seconds=ttl + timeout)
        """The time after which a change that is attempted now is seen by every process."""
        self._stale_for = stale_for
        self._seen_for = self.settling + timedelta(seconds=stale_for) + HANDOVER
        """The time after which no request decides by what a change of now took out of force."""
        self._draw = draw
        self._cached: CachedCatalogue | None = None
        self._refreshing = threading.Lock()
        self._loading = threading.Lock()
        self._keeping = threading.Lock()
        self._failed_at = LONG_AGO
        self._load_failed_at = LONG_AGO
        self._confirmed_at = LONG_AGO
        self._doubtful_until = LONG_AGO
        self._room = AnswerRoom()
        self._view: ContextVar[CatalogueView | None] = ContextVar("view", default=None)

    @contextmanager
    def one_view(self, *, stale_ok: bool = False, reads_once: bool = False) -> Iterator[None]:
        """Show one request one catalogue: snapshots within the block are the same.

        A request that changes nothing `reads_once` what is stored: `fresh` is the same one too.
        With `stale_ok` that is the last one that was read, where the store is unavailable. It is
        asked again after a pause, so that not each request of an outage waits for it. `fresh`, and
        with it all that refuses or changes anything, goes on to fail.
        """
        token = self._view.set(CatalogueView(stale_ok, self._clock(), reads_once))
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
        self._doubtful_until = float("inf")
        view = self._view.get()
        if view is not None:
            view.stale = True

    def validity(self, revision: Revision) -> Validity:
        """How this request's answer is dated, which comes from the catalogue of `revision`.

        A process that had to answer from an old catalogue trusts only dates that it showed itself,
        until it has been fresh for as long as such a catalogue may answer: whoever asks with the
        time of its last request, and got that answer then, does not have what came since.
        """
        view = self._view.get()
        return revision.validity(
            self._clock() if view is None else view.seen_at,
            stale=self.stale,
            exact_only=self._monotonic() < self._doubtful_until,
        )

    def snapshot(self) -> Catalogue:
        """The catalogue, at most `ttl` old, or as the request has seen it before.

        Raises:
            Unavailable: if the store does not answer, and this request may see nothing older.
        """
        view = self._view.get()
        if view is None:
            return self._recent()
        if view.catalogue is None:
            view.seen_at = self._clock()
            view.catalogue = self._recent(view)
        return view.catalogue

    def _recent(self, view: CatalogueView | None = None) -> Catalogue:
        cached, now = self._cached, self._monotonic()
        if cached is None:
            return self.fresh()
        if now < cached.due_at:
            return cached.catalogue
        if now < cached.checked_at + self._ttl:
            # It is good for a while yet, whatever comes of the attempt to renew it.
            return self._renewed(now) or cached.catalogue
        if view is None or not view.stale_ok or now >= self._good_until(cached):
            return self.fresh()
        if (catalogue := self._renewed(now)) is not None:
            return catalogue
        self.answer_stale()
        return cached.catalogue

    def _good_until(self, cached: CachedCatalogue) -> float:
        return cached.checked_at + self._ttl + self._stale_for

    def _renewed(self, now: float) -> Catalogue | None:
        """The catalogue as it is stored now; None while that is not known.

        It is not if another thread is about to find out, or if the last attempt failed just now.
        """
        if now < self._failed_at + max(self._ttl, PAUSE):
            return None
        # Without a TTL, what another thread found before this request began is not good enough.
        if self._ttl and not self._refreshing.acquire(blocking=False):
            return None
        try:
            with suppress(Unavailable):
                return self.fresh()
            return None
        finally:
            if self._ttl:
                self._refreshing.release()

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
        view = self._view.get()
        if view is not None and view.reads_once and view.is_confirmed:
            return self.snapshot()
        return self._read()

    def _read(self) -> Catalogue:
        seen_at, checked_at = self._clock(), self._monotonic()
        try:
            catalogue = self._at_least(self._store.revision().version)
        except Unavailable:
            self._failed_at = self._monotonic()
            raise
        due_at = checked_at + self._ttl * (1 - SPREAD * self._draw())
        self._keep(CachedCatalogue(catalogue, checked_at, due_at))
        self._failed_at = LONG_AGO
        if self._doubtful_until == float("inf"):
            self._doubtful_until = checked_at + self._stale_for
        self._show(catalogue, seen_at)
        return catalogue

    def _at_least(self, version: int) -> Catalogue:
        """The catalogue at a version or a later one; one thread at a time loads it.

        Raises:
            Unavailable: if the store does not answer, or did not a moment ago: a catalogue may be
                large, and who was refused it for want of capacity must not ask at once for more.
        """
        if (cached := self._cached) is not None and cached.catalogue.revision.version >= version:
            return cached.catalogue
        with self._loading:
            cached = self._cached
            if cached is not None and cached.catalogue.revision.version >= version:
                return cached.catalogue
            if self._monotonic() < self._load_failed_at + PAUSE:
                raise Unavailable("the catalogue could not be read a moment ago", reason="pause")
            try:
                catalogue = self._store.load()
            except Unavailable:
                self._load_failed_at = self._monotonic()
                raise
            self._keep(CachedCatalogue(catalogue))
            return catalogue

    def _keep(self, new: CachedCatalogue) -> None:
        """Cache a catalogue, unless a later one, or a later check of it, came first."""
        with self._keeping:
            old = self._cached
            if old is None or order_of(new) >= order_of(old):
                self._cached = new

    def renewed(self) -> bool:
        """Whether snapshots were older than what is stored; from here on they are not."""
        return (self._ttl > 0 or self.stale) and self.snapshot() is not self.fresh()

    def may_lack(self, recorded_at: datetime) -> bool:
        """Whether a snapshot may lack what a record of `recorded_at` is of.

        A snapshot is at most `ttl` old: what somebody was recorded in before that is known to it,
        or gone. One that is stale is all there is.
        """
        return not self.stale and recorded_at >= self._clock() - self.settling - CLOCK_SKEW

    def confirmed(self) -> Catalogue:
        """The catalogue by which strangers are refused: read anew at most once per `ttl`.

        Raises:
            Unavailable: if the store does not answer, or did not a moment ago.
        """
        view, now = self._view.get(), self._monotonic()
        if view is not None and view.is_confirmed:
            return self.snapshot()
        if not self.stale and now < self._confirmed_at + self._ttl:
            return self.snapshot()
        if now < self._failed_at + PAUSE:
            raise Unavailable("the database did not answer a moment ago", reason="pause")
        self._confirmed_at = now
        return self.fresh()

    def _show(self, catalogue: Catalogue | None, seen_at: datetime) -> None:
        view = self._view.get()
        if view is not None:
            view.catalogue, view.seen_at = catalogue, seen_at
            view.is_confirmed = catalogue is not None
            view.stale = False

    def insist(self, premise: Callable[[Catalogue], None]) -> None:
        """Let this request's first commit depend on `premise`, which raises where it does not hold.

        It is asked of the very catalogue that the commit is decided on. What the request commits
        after that builds on its own first commit.
        """
        self._request().premise = premise

    @property
    def changed(self) -> Catalogue | None:
        """The catalogue that this request's last change resulted in; None if it changed none."""
        return self._request().changed

    def _request(self) -> CatalogueView:
        view = self._view.get()
        assert view is not None  # noqa: S101 - the wrapper of all views opens it
        return view

    def today(self) -> date:
        """The day now, in UTC."""
        return self._clock().date()

    def find(self, lookup: Callable[[Catalogue], T | None]) -> T | None:
        """The result of `lookup`; if it finds nothing it is asked again of a fresh catalogue."""
        found = lookup(self.snapshot())
        return found if found is not None else lookup(self.fresh())

    def change(
        self,
        decide: Callable[[Catalogue], CatalogueChange | None],
        what: str = "the catalogue",
        *,
        as_seen: bool = False,
    ) -> Catalogue:
        """Commit the change that `decide` makes to the newest catalogue; the catalogue after it.

        `decide` is asked again whenever somebody else was faster; None means that there is
        nothing to do. What it raises ends the attempt, with nothing changed. With `as_seen` it is
        first asked of the snapshot, which saves a trip where nothing has changed since; then it
        must neither refuse nor do nothing for what a newer catalogue may hold.

        Raises:
            PreconditionFailed: if this request insists on what is not so (`insist`).
            Unavailable: if others are faster again and again.
        """
        view = self._view.get() or CatalogueView(stale_ok=False, seen_at=self._clock())
        tries = retries(what)
        while True:
            attempt = next(tries)
            catalogue = self.snapshot() if as_seen and attempt == 0 else self._read()
            if view.premise is not None:
                view.premise(catalogue)
            change = decide(catalogue)
            if change is None:
                view.changed = catalogue
                return catalogue
            self._room.check(catalogue, change)
            now, checked_at = self._clock(), self._monotonic()
            revision = catalogue.revision.following(
                now, visible=change.visible, settling=self.settling
            )
            change = with_loose_lists(change, revision, now, now + self._seen_for)
            try:
                self._store.commit(catalogue.revision, revision, change)
            except LostRace:
                continue
            changed = applied(catalogue, revision, change)
            # Another process may have gone further by now, so this is checked when it is asked for.
            self._keep(CachedCatalogue(changed, checked_at))
            self._show(None, now)
            view.premise, view.changed = None, changed
            return changed
