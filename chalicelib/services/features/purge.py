"""Removing what deleted features, replaced variants and deleted users leave behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import TypeVar

from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.catalogue.purge import (
    HANDOVER,
    DeadVariants,
    ErasedUser,
    LooseLists,
    PurgeEntry,
    UnreadableEntry,
)
from chalicelib.domain.errors import LostRace, NotFound, Unavailable
from chalicelib.domain.features.cohorts import Cohort, cohort_of
from chalicelib.domain.features.users import Event, TotalsShard, User
from chalicelib.services.audiences.ports import MemberStore
from chalicelib.services.audiences.segment_deletion import SegmentDeletionService
from chalicelib.services.experiments.ports import DeadRecordStore, Position
from chalicelib.services.features.ports import EventStore, TotalsStore, UserStore
from chalicelib.services.features.purge_budget import Budget, OutOfBudget, Unreadable
from chalicelib.services.running.catalogue import CatalogueService
from chalicelib.services.running.ports import Clock, PurgeQueue
from chalicelib.services.running.retries import retries

T = TypeVar("T")

Tell = Callable[[PurgeEntry | UnreadableEntry, Exception], None]
"""Hears of an entry that a run failed at, and how."""

ROWS_IN_REQUEST = 300
"""Rows that the request which deletes something removes itself."""

REQUEST_TIME = timedelta(seconds=5)
"""How long it may take over that."""

ROWS_PER_RUN = 1_000_000
"""Rows that one run of the scheduled function may remove: more than it has time for."""

RUN_TIME = timedelta(seconds=50)
"""How long one run may take: the next comes after a minute."""

BATCH = 40
"""Rows of one transaction (which may hold 100)."""

ROWS_AT_ONCE = 200
"""Rows that are listed at once, and shared out to the workers."""

DROPPED_AT_ONCE = 25
"""Rows that one call drops."""

WORKERS = 8
"""Threads that remove rows: more would wait for the processor that they share."""


class PurgeService:
    """Works through the purge queue.

    Every step can be killed and repeated: rows of dead variants are found by their variant, and
    an erased user's row stays until all their events are gone. Transactions check that a row is
    still what it was taken for, so a user who comes back in between is never touched.
    """

    def __init__(
        self,
        catalogue: CatalogueService,
        users: UserStore,
        events: EventStore,
        totals: TotalsStore,
        members: MemberStore,
        dead_records: DeadRecordStore,
        lists: SegmentDeletionService,
        queue: PurgeQueue,
        clock: Clock,
    ) -> None:
        self._catalogue = catalogue
        self._users = users
        self._events = events
        self._totals = totals
        self._members = members
        self._dead_records = dead_records
        self._lists = lists
        self._queue = queue
        self._clock = clock

    def start(self, dead: DeadVariants) -> None:
        """Make the first pass for variants that just died, as far as a request may go.

        They are gone from sight, and the queue knows of them; so a store that fails now is left
        to the scheduled function.
        """
        try:
            self._pass(dead, self._budget(ROWS_IN_REQUEST, REQUEST_TIME))
        except (OutOfBudget, Unavailable):
            return

    def erase(self, user: User, budget: int | None = ROWS_IN_REQUEST) -> int:
        """Delete a user: out of sight at once, events and row as far as `budget` goes.

        Events that are left to the scheduled function are listed and counted until then. Returns
        how many were removed.
        """
        spent = self._budget(budget, REQUEST_TIME)
        with suppress(OutOfBudget):
            self._erase(user, spent)
        return spent.events

    def run_due(self, tell: Tell | None = None) -> int:
        """Work on all entries whose time has come; the number of rows removed.

        Each entry is handled alone: what fails stops no other, stays in the queue, and is told to
        `tell`. An entry that is worked on goes behind all that wait, so that in some runs each has
        its turn, however large the others are.

        Raises:
            Exception: what the first one failed with, after the others.
        """
        budget = self._budget(ROWS_PER_RUN, RUN_TIME, WORKERS)
        failures: list[Exception] = []
        for entry in self._queue.due(self._clock()):
            try:
                budget.spend(0)
                self._work_on(entry, budget)
            except OutOfBudget:
                break
            except LostRace:
                continue  # another run is working on it, or somebody has renewed it
            except Exception as error:  # noqa: BLE001 - raised below, once the others are done
                failures.append(error)
                if tell is not None:
                    tell(entry, error)
        if failures:
            raise failures[0]
        return budget.found

    def _work_on(self, entry: PurgeEntry | UnreadableEntry, budget: Budget) -> None:
        """Go on with an entry.

        Raises:
            LostRace: if somebody else has it.
            Unreadable: if it is of a kind that is not known here.
        """
        if isinstance(entry, UnreadableEntry):
            raise Unreadable
        now = self._clock()
        if isinstance(entry, DeadVariants):
            self._pass(self._queue.claim(entry, now), budget)
        elif isinstance(entry, ErasedUser):
            self._resume(self._queue.claim(entry, now), budget)
        else:
            self._drop_lists(self._queue.claim(entry, now), budget)

    def _drop_lists(self, entry: LooseLists, budget: Budget) -> None:
        """Remove lists that nothing lists, and the notes of versions that are not in force."""
        for segment_id in entry.listed:
            with suppress(NotFound):
                self._lists.delete_unused(segment_id)
            budget.spend(0)
        written = self._being_written(entry)
        segments = self._catalogue.fresh().segments
        for segment_id, version in entry.versions:
            segment = segments.get(segment_id)
            in_force = segment is not None and segment.version == version
            if not in_force and (segment_id, version) not in written:
                self._remove_list(segment_id, version, budget)
        self._queue.close(entry)

    def _being_written(self, entry: LooseLists) -> set[tuple[str, int]]:
        """Versions that a call may be about to put in force: its own entry sees to them later."""
        names = {LooseLists.writing(*version) for version in entry.versions} - {entry.name}
        calls = self._queue.lists(sorted(names))
        waiting = [each for each in calls if not each.claimed and each.due > self._clock()]
        return {version for each in waiting for version in each.versions}

    def _remove_list(self, segment_id: str, version: int, budget: Budget) -> None:
        while some := self._members.of_version(segment_id, version, ROWS_AT_ONCE):
            starts = range(0, len(some), DROPPED_AT_ONCE)
            parts = [some[i : i + DROPPED_AT_ONCE] for i in starts]
            budget.share_out(partial(self._forget_members, segment_id, version, budget), parts)
            budget.spend(0)

    def _forget_members(
        self, segment_id: str, version: int, budget: Budget, user_ids: Sequence[str]
    ) -> None:
        if budget.is_used_up:
            return
        self._members.forget(segment_id, version, user_ids)
        budget.spend(len(user_ids))

    def _budget(self, rows: int | None, time: timedelta, workers: int = 1) -> Budget:
        return Budget(rows, self._clock, self._clock() + time, workers=workers)

    def _resume(self, entry: ErasedUser, budget: Budget) -> None:
        user = self._users.get(entry.user_id)
        if user is not None and user.erased:
            self._erase(user, budget)
        else:
            self._queue.close(entry)

    def _pass(self, dead: DeadVariants, budget: Budget) -> None:
        started, before = self._clock(), budget.found
        for variant_id in dead.variant_ids:
            self._remove_users(variant_id, budget)
            self._remove_events(variant_id, budget)
            budget.spend(self._totals.drop(dead.feature_id, variant_id))
        if dead.whole:
            self._remove_records(dead.feature_id, budget)
        if dead.is_done(budget.found - before, started):
            self._queue.close(dead)
        else:
            self._queue.postpone(dead.postponed(self._clock()))

    def _remove_users(self, variant_id: int, budget: Budget) -> None:
        after: str | None = None
        while listed := self._users.of_variant(variant_id, after, ROWS_AT_ONCE):
            after = listed[-1].id
            budget.share_out(partial(self._remove_user, variant_id, budget), listed)
            budget.spend(0)

    def _remove_user(self, variant_id: int, budget: Budget, entry: User) -> None:
        if budget.is_used_up:
            return
        user = self._users.get(entry.id)
        # The list may lag: the id may be free, or somebody else's, by now.
        if user is None or user.variant_id != variant_id:
            return
        if not user.erased and not user.variants_with_events:
            with suppress(LostRace):
                self._users.remove_idle(user)
                budget.spend(1)
                return
        self._erase(user, budget)

    def _remove_events(self, variant_id: int, budget: Budget) -> None:
        after: tuple[str, int] | None = None
        while events := self._events.of_variant(variant_id, after, ROWS_AT_ONCE):
            after = (events[-1].user_id, events[-1].id)
            starts = range(0, len(events), DROPPED_AT_ONCE)
            budget.share_out(self._events.drop, [events[i : i + DROPPED_AT_ONCE] for i in starts])
            # Only then: an erasure finds a user's events by the variants that the row names.
            done = {event.user_id for event in events}
            if self._events.of_user(events[-1].user_id, variant_id, 1):
                done.remove(events[-1].user_id)  # whose events go on in the next batch
            budget.share_out(partial(self._forget, variant_id), sorted(done))
            budget.spend(len(events))

    def _remove_records(self, feature_id: int, budget: Budget) -> None:
        after: Position | None = None
        while records := self._dead_records.of_experiment(feature_id, after, ROWS_AT_ONCE):
            after = records[-1]
            starts = range(0, len(records), DROPPED_AT_ONCE)
            some = [records[i : i + DROPPED_AT_ONCE] for i in starts]
            budget.share_out(partial(self._drop_records, feature_id, budget), some)
            budget.spend(0)
        for rows in self._dead_records.drop_rest(feature_id):
            budget.spend(rows)

    def _drop_records(self, feature_id: int, budget: Budget, records: Sequence[Position]) -> None:
        if budget.is_used_up:
            return
        for rows in self._dead_records.drop(feature_id, records):
            budget.spend(rows)

    def _forget(self, variant_id: int, user_id: str) -> None:
        self._users.forget_variants(user_id, [variant_id])

    def _erase(self, user: User, budget: Budget) -> None:
        entry = ErasedUser(user.id, self._clock() + HANDOVER)
        tries = retries("users")
        while True:
            attempt = next(tries)
            catalogue = self._catalogue.fresh()
            try:
                if not user.erased:
                    self._begin_erasure(catalogue, user, entry, attempt)
                # Read after the row stopped taking events: now it names all their variants.
                erased = self._users.get(user.id)
                if erased is None or not erased.erased:
                    return
                user = erased
                if not all(map(catalogue.variant, user.variants_with_events)):
                    catalogue = self._catalogue.fresh()  # one that is new, or dead
                for variant_id in sorted(user.variants_with_events):
                    self._erase_events(catalogue, user, variant_id, attempt, budget)
                self._users.finish_erasure(
                    user, _shard(catalogue, user.variant_id, user.id, attempt), entry
                )
            except LostRace:
                current = self._users.get(user.id)
                if current is None or (current.variant_id, current.time_stamp) != (
                    user.variant_id,
                    user.time_stamp,
                ):
                    return
                user = current
                continue
            budget.spend(1)
            return

    def _begin_erasure(
        self, catalogue: Catalogue, user: User, entry: ErasedUser, attempt: int
    ) -> None:
        """Take a user out of sight, and off the cohort of the day of the enrollment."""
        found = catalogue.variant(user.variant_id)
        if found is None or user.own is None:
            self._users.begin_erasure(user, entry, None, Cohort())
            return
        feature, _ = found
        shard = TotalsShard.pick(
            feature.id, user.variant_id, feature.totals_shards, user.id, attempt
        ).of_past(user.enrolled_on)
        self._users.begin_erasure(user, entry, shard, cohort_of(user.own, feature))

    def _erase_events(
        self, catalogue: Catalogue, user: User, variant_id: int, attempt: int, budget: Budget
    ) -> None:
        shard = _shard(catalogue, variant_id, user.id, attempt)
        last = False
        while not last:
            events = self._events.of_user(user.id, variant_id, BATCH + 1)
            batch: list[Event] = list(events[:BATCH])
            last = len(events) <= BATCH
            self._events.erase(batch, user, variant_id, shard, last=last)
            with budget.lock:
                budget.events += len(batch)
            budget.spend(len(batch))


def _shard(catalogue: Catalogue, variant_id: int, seed: str, attempt: int) -> TotalsShard | None:
    found = catalogue.variant(variant_id)
    if found is None:
        return None
    feature, _ = found
    return TotalsShard.pick(feature.id, variant_id, feature.totals_shards, seed, attempt)
