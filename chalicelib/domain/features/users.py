"""Test Lab users and events, and the totals that count them."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal

from chalicelib.domain.errors import Invalid
from chalicelib.domain.features.features import Feature
from chalicelib.domain.participants.participants import Enrollment, Participant

SHARDS_OF_PAST_DAYS = 3
"""Items for what is written of each day gone by."""

USER_ID_BYTES = 512
"""Bytes of UTF-8 that a user id may have: DynamoDB's sort keys end at 1,024."""


Own = Mapping[int, int]
"""What a user's own events within the window come to, by metric; a metric without any is not in."""


@dataclass(frozen=True, slots=True)
class User:
    """A user's row in Test Lab: the variant they were assigned to.

    `variants_with_events` are the variants, of any feature, for which the user has events.
    `erased` says that the row only stands for events that are still to be removed. `own` is None
    in a row from before there were cohorts, of which `late` own events have come since.
    """

    id: str
    variant_id: int
    ip_address: str
    time_stamp: datetime
    variants_with_events: frozenset[int] = frozenset()
    erased: bool = False
    own: Own | None = field(default_factory=dict)
    late: int = 0

    @property
    def enrolled_on(self) -> date:
        """The day (UTC) on which results count the user."""
        return self.time_stamp.date()


@dataclass(frozen=True, slots=True)
class Marked:
    """A user without a row, who may have been marked before.

    `counted` is the enrollment, if there is one, by which a mark counts the user in the feature
    that the row is to be of: from then on the row counts in its place.
    """

    participant: Participant
    counted: Enrollment | None

    @classmethod
    def of(cls, participant: Participant, feature: Feature) -> Marked:
        """The row of a user who is to be in one of a feature's variants."""
        live = {variant.id for variant in feature.variants}
        own = participant.enrollments.get(feature.id, ())
        return cls(participant, next((each for each in own if each.variant_id in live), None))


@dataclass(frozen=True, slots=True)
class Measurement:
    """A value of a metric, with at most 4 decimals; an event that gives none counts 1."""

    metric: str
    value: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a user did under a variant; ids are unique, `time_stamp` gives the order."""

    id: int
    variant_id: int
    user_id: str
    time_stamp: datetime
    measurement: Measurement | None = None


@dataclass(frozen=True, slots=True)
class TotalsShard:
    """Where one write counts: one of the items over which a variant's totals are spread.

    With a `day` it holds the cohort of the users who were enrolled on it, too.
    """

    feature_id: int
    variant_id: int
    shard: int
    day: date | None = None

    @classmethod
    def pick(
        cls, feature_id: int, variant_id: int, shards: int, seed: str, attempt: int
    ) -> TotalsShard:
        """The shard for a write known by `seed`; each further `attempt` tries another one.

        Any shard would be right, for the write and its count are one transaction. A hash spreads
        them, and moving on after a conflict keeps two writers from meeting again.
        """
        return cls(feature_id, variant_id, (zlib.crc32(seed.encode()) + attempt) % shards)

    def of_day(self, enrolled: date, today: date) -> TotalsShard:
        """The shard of the users who were enrolled on a day."""
        if enrolled != today:
            return self.of_past(enrolled)
        return replace(self, day=enrolled)

    def of_past(self, enrolled: date) -> TotalsShard:
        """The shard of those of a day gone by.

        There are fewer: what is written for such days comes spread over all days of a window.
        """
        return replace(self, shard=self.shard % SHARDS_OF_PAST_DAYS, day=enrolled)


@dataclass(frozen=True, slots=True)
class Totals:
    """The figures of one variant, as the Test Lab API names them ("Get Analysis")."""

    event_total: int = 0
    distinct_user_events_total: int = 0
    total_users: int = 0

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            self.event_total + other.event_total,
            self.distinct_user_events_total + other.distinct_user_events_total,
            self.total_users + other.total_users,
        )


def check_user_id(user_id: str) -> None:
    """Refuse an id that cannot be stored.

    Raises:
        Invalid: if it is longer than 512 bytes in UTF-8.
    """
    if (size := len(user_id.encode())) > USER_ID_BYTES:
        raise Invalid(f"user id: at most {USER_ID_BYTES} bytes in UTF-8, not {size}")


def check_named(user_id: str) -> None:
    """Refuse an id that no user can have; lists of former versions may hold longer ones.

    Raises:
        Invalid: if it is empty.
    """
    if not user_id:
        raise Invalid("user id: must not be empty")
