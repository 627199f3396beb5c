"""Users of Test Lab by day of enrollment, and the sums over what each did within a window.

A user counts on the UTC day of the users row, and of the user's own events (those for the variant
of that row) the ones within the window from then on. So a variant that makes people act sooner is
not taken for one that makes them act more (the method, section 7).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import astuple, dataclass, field, fields
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import chain, repeat, starmap

from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.features.features import Feature
from chalicelib.domain.features.users import Event, Own, User
from chalicelib.domain.statistics.sums import Sums

EVENTS = 0
"""The metric of the events without a name; each counts 1."""

DECIMALS = 4
SCALE = 10**DECIMALS
"""Values are kept as integers in this part of one, so that sums of cubes stay exact."""

LARGEST = 10**5
"""What a user's total may reach: cubes of 10^9 users keep within DynamoDB's 38 digits."""


@dataclass(frozen=True, slots=True)
class MetricSums:
    """Sums over the totals of a cohort's users of one metric, in 1/`SCALE` (events: in ones).

    `converters` are the users with any event of it, `capped` those whose total is beyond the cap.
    """

    converters: int = 0
    total: int = 0
    squares: int = 0
    cubes: int = 0
    capped: int = 0

    def __add__(self, other: MetricSums) -> MetricSums:
        return MetricSums(
            self.converters + other.converters,
            self.total + other.total,
            self.squares + other.squares,
            self.cubes + other.cubes,
            self.capped + other.capped,
        )

    def __neg__(self) -> MetricSums:
        return MetricSums(-self.converters, -self.total, -self.squares, -self.cubes, -self.capped)

    def of_users(self, users: int, scale: int) -> Sums:
        """Sums over the totals of all users of a cohort; who has no event has 0.

        Raises:
            DamagedSums: if no users can have them.
        """
        if scale == 1:
            return Sums(users, self.total, self.squares, self.cubes)
        return Sums(
            users,
            Fraction(self.total, scale),
            Fraction(self.squares, scale**2),
            Fraction(self.cubes, scale**3),
        )


@dataclass(frozen=True, slots=True)
class Cohort:
    """The users of a variant who were enrolled on one day, with the sums of each metric by id.

    `foreign_events` came for the variant from users of others; they are in no sum, and of no day.
    """

    users: int = 0
    metrics: Mapping[int, MetricSums] = field(default_factory=dict)
    foreign_events: int = 0

    def __add__(self, other: Cohort) -> Cohort:
        metrics = dict(self.metrics)
        for metric_id, sums in other.metrics.items():
            metrics[metric_id] = metrics.get(metric_id, MetricSums()) + sums
        foreign = self.foreign_events + other.foreign_events
        return Cohort(self.users + other.users, metrics, foreign)

    def __neg__(self) -> Cohort:
        metrics = {metric_id: -sums for metric_id, sums in self.metrics.items()}
        return Cohort(-self.users, metrics, -self.foreign_events)


Columns = list[list[int]]
"""The figures of `MetricSums`, by day each; those of a newer version behind them are kept."""

FIGURES = len(fields(MetricSums))


@dataclass(slots=True)
class CohortColumns:
    """The cohorts of a variant by ascending day, each figure in a column of its own.

    So what a metric comes to over years are sums of lists. `metrics` have the columns by id.
    """

    days: list[date] = field(default_factory=list)
    users: list[int] = field(default_factory=list)
    metrics: dict[int, Columns] = field(default_factory=dict)
    foreign_events: int = 0

    def add(self, day: date | None, cohort: Cohort) -> None:
        """Add to the cohort of a day; foreign events are of none."""
        self.foreign_events += cohort.foreign_events
        if day is None:
            return
        place = bisect_left(self.days, day)
        if place == len(self.days) or self.days[place] != day:
            self.days.insert(place, day)
            for column in (self.users, *chain.from_iterable(self.metrics.values())):
                column.insert(place, 0)
        self.users[place] += cohort.users
        for metric_id, sums in cohort.metrics.items():
            for column, figure in zip(self._of_metric(metric_id), astuple(sums), strict=False):
                column[place] += figure

    def extend(self, later: CohortColumns) -> None:
        """Add cohorts of later days only."""
        for metric_id in self.metrics.keys() | later.metrics.keys():
            new = later.metrics.get(metric_id) or [[0] * len(later.days)] * FIGURES
            for column, more in zip(self._of_metric(metric_id), new, strict=False):
                column += more
        self.days += later.days
        self.users += later.users

    def until(self, last: date | None) -> int:
        """How many days there are until a last one, of all without."""
        return len(self.days) if last is None else bisect_right(self.days, last)

    def at(self, place: int) -> Cohort:
        """The cohort of one day, by its place, with the metrics of which there is anything."""
        metrics = {
            metric_id: MetricSums(*figures)
            for metric_id, columns in self.metrics.items()
            if any(figures := [column[place] for column in columns[:FIGURES]])
        }
        return Cohort(self.users[place], metrics)

    def total(self, metric_id: int, days: int) -> MetricSums:
        """The sums of a metric over the first so many days."""
        columns = self.metrics.get(metric_id, ())[:FIGURES]
        return MetricSums(*(sum(column[:days]) for column in columns))

    def of_days(self, metric_id: int, days: int) -> Iterator[MetricSums]:
        """The sums of a metric on each of the first so many days."""
        columns = self.metrics.get(metric_id)
        if columns is None:
            return repeat(MetricSums(), days)
        return starmap(MetricSums, zip(*(c[:days] for c in columns[:FIGURES]), strict=True))

    def _of_metric(self, metric_id: int) -> Columns:
        if metric_id not in self.metrics:
            self.metrics[metric_id] = [[0] * len(self.days) for _ in range(FIGURES)]
        return self.metrics[metric_id]


@dataclass(frozen=True, slots=True, eq=False)
class Cohorts(Mapping[tuple[int, date | None], Cohort]):
    """Cohorts by variant id and day of enrollment; foreign events, if any, go by None."""

    variants: Mapping[int, CohortColumns]

    @classmethod
    def of(cls, cohorts: Mapping[tuple[int, date | None], Cohort]) -> Cohorts:
        """The cohorts in columns."""
        variants: defaultdict[int, CohortColumns] = defaultdict(CohortColumns)
        for (variant_id, day), cohort in cohorts.items():
            variants[variant_id].add(day, cohort)
        return cls(dict(variants))

    def __getitem__(self, key: tuple[int, date | None]) -> Cohort:
        variant_id, day = key
        columns = self.variants[variant_id]
        if day is None and columns.foreign_events:
            return Cohort(foreign_events=columns.foreign_events)
        if day not in columns.days:
            raise KeyError(key)
        return columns.at(columns.days.index(day))

    def __iter__(self) -> Iterator[tuple[int, date | None]]:
        for variant_id, columns in self.variants.items():
            yield from ((variant_id, day) for day in columns.days)
            if columns.foreign_events:
                yield variant_id, None

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass(frozen=True, slots=True)
class OwnEvent:
    """The part of an event in its user's own totals, and in the sums of the user's cohort."""

    after: Own
    cohort: Cohort


def scale_of(metric_id: int) -> int:
    """The part of one in which totals of a metric are kept."""
    return 1 if metric_id == EVENTS else SCALE


def scaled(value: Decimal) -> int:
    """A value of an event in 1/`SCALE`.

    Raises:
        Invalid: if it has more than 4 decimals, or is beyond ±100,000.

    >>> scaled(Decimal("2.5"))
    25000
    """
    if not value.is_finite() or abs(value) > LARGEST:
        raise Invalid(f"value: from -{LARGEST} to {LARGEST}, not {value}")
    shifted = Fraction(value) * SCALE  # exact, where decimals would be rounded to their context
    if shifted.denominator != 1:
        raise Invalid(f"value: at most {DECIMALS} decimals, not {value}")
    return int(shifted)


def is_own(event: Event, user: User, window_days: int) -> bool:
    """Whether an event counts for its user's cohort: for the user's variant, within the window."""
    window = timedelta(days=window_days)
    return event.variant_id == user.variant_id and event.time_stamp < user.time_stamp + window


def own_event(own: Own, metric_id: int, by: int, cap: int | None) -> OwnEvent:
    """What an event of `by` in a metric changes; `cap` bounds the total that counts, both ways.

    Raises:
        Invalid: if the user's total would be beyond ±100,000 (of events: 10^9).

    >>> own_event({}, EVENTS, 1, None).cohort.metrics[EVENTS]
    MetricSums(converters=1, total=1, squares=1, cubes=1, capped=0)
    """
    before = own.get(metric_id)
    after = (before or 0) + by
    if abs(after) > LARGEST * SCALE:
        raise Invalid(f"value: the user's total would be beyond ±{LARGEST}")
    gained = _alone(after, cap) + -(MetricSums() if before is None else _alone(before, cap))
    return OwnEvent({**own, metric_id: after}, Cohort(metrics={metric_id: gained}))


def own_event_of(event: Event, user: User, feature: Feature) -> OwnEvent | None:
    """The change of a cohort by an event of one of its users; None if it counts for none.

    Raises:
        NotFound: if its metric is not in the plan of the feature.
        Invalid: if its value, or the user's total with it, is out of range.
    """
    metric_id, by = measured(event, feature)
    if user.own is None or not is_own(event, user, feature.window):
        return None
    return own_event(user.own, metric_id, by, caps_of(feature).get(metric_id))


def measured(event: Event, feature: Feature) -> tuple[int, int]:
    """The metric of an event, and what it adds to its user's total, in the scale of the metric.

    Raises:
        NotFound: if its metric is not in the plan of the feature.
        Invalid: if its value is out of range.
    """
    measurement = event.measurement
    if measurement is None:
        return EVENTS, 1
    metric_id = feature.metric_ids.get(measurement.metric)
    if metric_id is None:
        raise NotFound(
            f"there is no metric {measurement.metric!r} in the plan of feature {feature.id}: add it"
            f" with PUT /api/results/feature/{feature.id}/plan"
        )
    return metric_id, scaled(measurement.value)


def caps_of(feature: Feature) -> dict[int, int]:
    """The caps of metrics, in their scale."""
    if feature.plan is None:
        return {}
    ids = feature.plan.metric_ids
    return {ids[name]: scaled(cap) for name, cap in feature.plan.metric_caps.items()}


def cohort_of(own: Own, feature: Feature) -> Cohort:
    """A cohort of one user of a feature alone, with these totals by metric."""
    caps = caps_of(feature)
    sums = {metric_id: _alone(total, caps.get(metric_id)) for metric_id, total in own.items()}
    return Cohort(1, sums)


def own_of_events(events: Iterable[Event], user: User, feature: Feature) -> Own:
    """The totals of a user's own events within the window, by metric.

    Those that no plan knows any more, or of values out of range, count for nothing.
    """
    own: dict[int, int] = {}
    for event in events:
        with suppress(NotFound, Invalid):
            metric_id, by = measured(event, feature)
            if is_own(event, user, feature.window):
                own = dict(own_event(own, metric_id, by, None).after)
    return own


def _alone(total: int, cap: int | None) -> MetricSums:
    counts = total if cap is None else max(-cap, min(total, cap))
    return MetricSums(1, counts, counts**2, counts**3, int(counts != total))
