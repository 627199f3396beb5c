"""Cohorts of Test Lab's users: folding days gone by, and counting who came before them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime, timedelta

from chalicelib.domain.errors import LostRace
from chalicelib.domain.features.cohorts import cohort_of, own_of_events
from chalicelib.domain.features.features import Feature, FeatureType
from chalicelib.domain.features.users import Event, TotalsShard, User
from chalicelib.services.features.ports import CohortStore, EventStore, UserStore
from chalicelib.services.running.catalogue import CatalogueService
from chalicelib.services.running.ports import Clock, NoteStore

FOLDING_HOUR = 1
"""Hour (UTC) from which the days before are folded: writes under way are done by then."""

RUN_TIME = timedelta(seconds=20)
"""How long one run of either may take; the next run goes on."""

TAKE_OVER = timedelta(minutes=15)
"""Time after the first run of this version until no older one runs any more."""

ASKED_EVERY = timedelta(minutes=1)
"""How often it is asked whether everybody is counted."""

AT_ONCE = 200
"""Users or events that are read at once."""

FOLDS = "folds"
BACKFILL = "backfill"


class CohortService:
    """Keeps the cohorts of all experiments complete and few."""

    def __init__(
        self,
        catalogue: CatalogueService,
        users: UserStore,
        events: EventStore,
        cohorts: CohortStore,
        notes: NoteStore,
        clock: Clock,
    ) -> None:
        self._catalogue = catalogue
        self._users = users
        self._events = events
        self._cohorts = cohorts
        self._notes = notes
        self._clock = clock
        self._folded: date | None = None
        self._complete = False
        self._asked: datetime | None = None

    def fold_due(self) -> int:
        """Fold the shards of days gone by, once a day; how many there were."""
        started = self._clock()
        today = started.date()
        if started.hour < FOLDING_HOUR or self._folded == today:
            return 0
        folded = 0
        if self._notes.read(FOLDS).get("day") != today.isoformat():
            for feature in self._experiments():
                for shards in self._cohorts.fold(feature.id, today):
                    folded += shards
                    if self._clock() - started > RUN_TIME:
                        return folded  # what is folded is not met again
            self._notes.write(FOLDS, {"day": today.isoformat()})
        self._folded = today
        return folded

    def is_complete(self) -> bool:
        """Whether everybody is counted who came before there were cohorts.

        As of the last minute: results are asked for more often than that changes.
        """
        now = self._clock()
        if not self._complete and (self._asked is None or now - self._asked >= ASKED_EVERY):
            self._asked = now
            self._complete = bool(self._notes.read(BACKFILL).get("done"))
        return self._complete

    def backfill_due(self) -> int:
        """Count in cohorts who came before there were any; how many users.

        It begins once no older version of this program can be running, which would count events
        without adding to the user's own totals. Killed anywhere, it goes on with the next call.
        """
        if self._complete:
            return 0
        started = self._clock()
        note = self._notes.read(BACKFILL)
        if note.get("done"):
            self._complete = True
            return 0
        if "since" not in note:
            self._notes.write(BACKFILL, {"since": started.isoformat()})
            return 0
        if started - datetime.fromisoformat(str(note["since"])) < TAKE_OVER:
            return 0
        counted = 0
        position = None
        if "after" in note:
            position = int(str(note["variant_id"])), str(note["after"])
        for user in self._users_behind(position):
            counted += self._count(user)
            if self._clock() - started > RUN_TIME:
                behind = {"variant_id": user.variant_id, "after": user.id}
                self._notes.write(BACKFILL, {"since": note["since"], **behind})
                return counted
        self._notes.write(BACKFILL, {"since": note["since"], "done": True})
        self._complete = True
        return counted

    def _experiments(self) -> list[Feature]:
        return [
            feature
            for feature in self._catalogue.fresh().own_features()
            if feature.type is FeatureType.EXPERIMENT and feature.variants
        ]

    def _users_behind(self, position: tuple[int, str] | None) -> Iterator[User]:
        """Users by ascending variant and id, behind a position."""
        variants = [each.id for feature in self._experiments() for each in feature.variants]
        for variant_id in sorted(variants):
            if position is not None and variant_id < position[0]:
                continue
            own_position = position is not None and variant_id == position[0]
            after = position[1] if own_position and position is not None else None
            while listed := self._users.of_variant(variant_id, after, AT_ONCE):
                after = listed[-1].id
                yield from listed

    def _count(self, listed: User) -> int:
        """Count a user of a list; 0 for one who is counted, or gone."""
        while True:
            # The list says nothing of cohorts. `late` is read before the events, and the plan in
            # between: an event that comes meanwhile is missed by none of both, and of those that
            # are there all metrics are known.
            user = self._users.get(listed.id)
            if user is None or user.erased or user.variant_id != listed.variant_id:
                return 0
            if user.own is not None:
                return 0
            found = self._catalogue.fresh().variant(user.variant_id)
            if found is None:
                return 0
            feature, _ = found
            own = own_of_events(self._events_of(user), user, feature)
            shard = TotalsShard.pick(
                feature.id, user.variant_id, feature.totals_shards, user.id, 0
            ).of_past(user.enrolled_on)
            with suppress(LostRace):
                self._users.backfill(user, own, shard, cohort_of(own, feature))
                return 1

    def _events_of(self, user: User) -> Iterator[Event]:
        after = 0
        while events := self._events.of_user(user.id, user.variant_id, AT_ONCE, after):
            yield from events
            after = events[-1].id
