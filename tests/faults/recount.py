"""What the stored items of participants add up to, and what the counters say."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, TypeVar

from chalicelib.domain.catalogue.testlab_assignments import variant_uuid
from chalicelib.domain.features.cohorts import Cohort
from chalicelib.domain.features.users import Totals
from chalicelib.services import Services
from chalicelib.services.stores import Stores
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.tables import (
    HOURS,
    CounterRow,
    EnrolledOnRow,
    EnrolledRow,
    EventsTable,
    LogRecordRow,
    RecordRow,
    RepeatRow,
    TotalsRow,
    UserRow,
    VariantsTable,
)
from chalicelib.storage.dynamodb.times import from_ms
from tests.storage.cohort_setup import recount

Row = TypeVar("Row", bound=VariantsTable)

Counts = dict[Any, int]
"""A count by its subject: a kind, the number of the experiment or flag, and what is counted."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """An enrollment of a user, or of a group; `condition` is an id."""

    feature_id: int
    subject: str
    point_text: str
    condition: str | None
    group: str | None = None
    stratum: str | None = None
    day: str = ""
    repeats: int = 0
    met: frozenset[str] = frozenset()
    cohort_day: date | None = None
    """Of a mark that counts a user in the cohort of that day."""


@dataclass
class Stored:
    """All items that somebody counted, by what they are."""

    users: dict[str, int] = field(default_factory=dict)
    """Variants of Test Lab's users."""

    enrollments: list[Enrolled] = field(default_factory=list)
    groups: list[Enrolled] = field(default_factory=list)
    exclusions: Counter[tuple[str, int]] = field(default_factory=Counter)
    group_counts: Counts = field(default_factory=dict)
    enrolled_at: Counter[tuple[int, str]] = field(default_factory=Counter)
    exposures: Counter[int] = field(default_factory=Counter)

    @classmethod
    def read(cls) -> Stored:
        """Read the whole table of users."""
        stored = cls()
        for user in UserRow.scan(UserRow.sk == keys.TESTLAB, consistent_read=True):
            if user.user_id is not None and user.variant_id is not None:
                stored.users[user.user_id] = int(user.variant_id)
        for row in RecordRow.scan(consistent_read=True):
            stored._add(row)
        return stored

    def _add(self, row: RecordRow) -> None:
        kind, *rest = row.sk.split("#")
        of_group = row.pk.startswith("group#")
        match kind:
            case "enrollment":
                (self.groups if of_group else self.enrollments).append(_enrolled(row, rest))
            case "exclusion":
                self.exclusions["groups" if of_group else "users", int(rest[0])] += 1
            case "count":
                self.group_counts[int(rest[0]), row.pk.split("#")[2]] = int(row.n)
                if row.data is not None:
                    point_text = keys.point_text(row.data["site"], row.data["target"])
                    self.enrolled_at[int(rest[0]), point_text] += 1
            case "at":
                self.enrolled_at[int(rest[0]), rest[1]] += 1
            case "exposures":
                self.exposures.update(map(int, row.numbers))

    def conditions(self, user_id: str, feature_id: int) -> set[str | None]:
        """The conditions with which a user is enrolled in an experiment."""
        pk = keys.user(user_id)
        return {
            e.condition for e in self.enrollments if (e.subject, e.feature_id) == (pk, feature_id)
        }

    def counts(self, users_per_group: int) -> Counts:
        """What the counters must say; no zeros."""
        found: Counter[Any] = Counter()
        by_user: defaultdict[tuple[int, str], list[Enrolled]] = defaultdict(list)
        for each in self.enrollments:
            by_user[each.feature_id, each.subject].append(each)
            for condition in each.met or (each.condition,):
                found["point users", each.feature_id, condition or None, each.point_text] += 1
            if each.stratum:
                found["stratum", each.feature_id, each.stratum, each.condition] += 1
        for (feature_id, _), own in by_user.items():
            found["users", feature_id] += 1
            for condition in {c or None for e in own for c in e.met or (e.condition,)}:
                found["condition users", feature_id, condition] += 1
        for each in self.groups:
            found["groups", each.feature_id, each.condition, each.point_text] += 1
        for (feature_id, point_text), count in self.enrolled_at.items():
            found["point groups", feature_id, point_text] += count
        for (subjects, feature_id), count in self.exclusions.items():
            found[f"excluded {subjects}", feature_id] += count
        for (feature_id, _), count in self.group_counts.items():
            found["complete groups", feature_id] += count >= users_per_group
        for feature_id, count in self.exposures.items():
            found["exposures", feature_id] += count
        return _nonzero(found)

    def daily(self) -> Counts:
        """What the counters by day must say of first enrollments; no zeros.

        Of within-subjects experiments, whose marks have days of their own, nothing.
        """
        found: Counter[Any] = Counter()
        first: dict[tuple[int, str, str], str] = {}
        for each in self.enrollments:
            if each.condition is not None:
                key = each.feature_id, each.subject, each.condition
                first[key] = min(each.day, first.get(key, each.day))
        for (feature_id, _, condition), day in first.items():
            found["users", feature_id, day, condition] += 1
        for each in self.groups:
            found["groups", each.feature_id, each.day, each.condition] += 1
        return _nonzero(found)

    def members(self) -> Counts:
        """How many users are enrolled of each group."""
        users = {(e.feature_id, e.group, e.subject) for e in self.enrollments if e.group}
        return dict(Counter((feature_id, group) for feature_id, group, _ in users if group))


def _enrolled(row: RecordRow, rest: list[str]) -> Enrolled:
    data = row.data
    of_group = row.pk.startswith("group#")
    return Enrolled(
        int(rest[0]),
        row.pk,
        keys.point_text(data["site"], data["target"]),
        data["condition"],
        None if of_group else data["group"],
        None if of_group else data["stratum"],
        datetime.fromtimestamp(data["at"] / 1000, UTC).date().isoformat(),
        int(row.n or 0),
        frozenset(row.met or ()),
        from_ms(data["at"]).date() if not of_group and data["cohort"] else None,
    )


def counters(strata: Iterable[str], conditions: dict[int, str]) -> tuple[Counts, Counts]:
    """What the counters say, and what those by day say; no zeros.

    `strata` are the values of the factor, `conditions` the ids of conditions by their numbers.
    """
    values = {keys.stratum_counter_prefix(value): value for value in strata}
    found: Counter[Any] = Counter()
    by_day: Counter[Any] = Counter()
    for row in _scan(EnrolledRow, keys.ENROLLED):
        feature_id, (_, condition, point_text, _) = int(row.feature_id), row.sk.split("#")
        found["users", feature_id] += int(row.users or 0)
        found["condition users", feature_id, _condition(condition)] += int(row.condition_users or 0)
        found["point users", feature_id, _condition(condition), point_text] += int(
            row.point_users or 0
        )
        found["groups", feature_id, _condition(condition), point_text] += int(row.groups or 0)
        found["point groups", feature_id, point_text] += int(row.point_groups or 0)
    for day in _scan(EnrolledOnRow, "day"):
        _, _, condition, point_text, _ = day.sk.split("#")
        hours = [int(getattr(day, f"u{hour}") or 0) for hour in HOURS]
        by_day["point users", int(day.feature_id), _condition(condition), point_text] += sum(hours)
    for kind in (keys.EXCLUDED, keys.GROUPS, keys.EXPOSED, "stratum"):
        for counter in _scan(CounterRow, kind):
            feature_id, rest = int(counter.feature_id), counter.sk.split("#")[1:]
            found[_counter(kind, feature_id, rest, values, conditions)] += int(counter.n)
    return _nonzero(found), _nonzero(by_day)


def daily(within_subjects: Collection[int]) -> Counts:
    """What the counters say of first enrollments by day, but for some experiments; no zeros."""
    found: Counter[Any] = Counter()
    for row in _scan(EnrolledOnRow, "day"):
        _, day, condition, _, _ = row.sk.split("#")
        feature_id = int(row.feature_id)
        if feature_id not in within_subjects:
            key = feature_id, day, _condition(condition)
            found["users", *key] += int(row.condition_users or 0)
            found["groups", *key] += int(row.condition_groups or 0)
    return _nonzero(found)


def _scan(table: type[Row], kind: str) -> Iterator[Row]:
    return table.scan(VariantsTable.sk.startswith(f"{kind}#"), consistent_read=True)


def _counter(
    kind: str, feature_id: int, rest: list[str], values: dict[str, str], conditions: dict[int, str]
) -> tuple[Any, ...]:
    if kind == keys.EXCLUDED:
        return (f"excluded {rest[0]}", feature_id)
    if kind == keys.GROUPS:
        return ("complete groups", feature_id)
    if kind == keys.EXPOSED:
        return ("exposures", feature_id)
    return ("stratum", feature_id, values[f"stratum#{rest[0]}#"], conditions[int(rest[1])])


def _condition(part: str) -> str | None:
    return None if part == keys.NO_CONDITION else keys.unescaped(part)


def _nonzero(counts: Counter[Any]) -> Counts:
    return {subject: count for subject, count in counts.items() if count}


def totals_of_rows(variants: Iterable[int]) -> dict[int, Totals]:
    """Test Lab's totals by variant, counted from the rows of users and events.

    Users whom a mark enrolled count too; here none of them has a row in Test Lab.
    """
    events: Counter[int] = Counter()
    who: defaultdict[int, set[str]] = defaultdict(set)
    for (user_id, variant_id), count in events_by_user().items():
        events[variant_id] += count
        who[variant_id].add(user_id)
    stored = Stored.read()
    users = Counter(stored.users.values())
    by_condition = {variant_uuid(variant_id): variant_id for variant_id in variants}
    users.update(by_condition[c] for e in stored.enrollments if (c := e.condition) in by_condition)
    return {v: Totals(events[v], len(who[v]), users[v]) for v in {*users, *events}}


def cohorts_of_rows(
    services: Services, stores: Stores, variants: Iterable[int]
) -> tuple[dict[tuple[int, date], Cohort], Counter[int]]:
    """Cohorts and foreign events, counted from the rows of users and events, and from marks."""
    cohorts, foreign = recount(services, stores)
    by_condition = {variant_uuid(variant_id): variant_id for variant_id in variants}
    for each in Stored.read().enrollments:
        if each.cohort_day is not None:
            key = by_condition[each.condition or ""], each.cohort_day
            cohorts[key] = cohorts.get(key, Cohort()) + Cohort(1)
    return cohorts, foreign


def totals() -> dict[int, Totals]:
    """Test Lab's totals by variant, as the shards say."""
    found: defaultdict[int, Totals] = defaultdict(Totals)
    for row in TotalsRow.scan(TotalsRow.sk.startswith(keys.totals_prefix()), consistent_read=True):
        found[keys.variant_of_totals(row.sk)] += Totals(
            int(row.event_total or 0),
            int(row.distinct_user_events_total or 0),
            int(row.total_users or 0),
        )
    return dict(found)


def events_by_user() -> Counter[tuple[str, int]]:
    """How many events of a user there are for a variant."""
    variants = EventsTable.pk.startswith("variant#")
    rows = [row.pk + "#" + row.sk for row in EventsTable.scan(variants, consistent_read=True)]
    parts = [row.split("#") for row in rows]
    return Counter((keys.unescaped(user), int(variant)) for _, variant, user, _ in parts)


def repeats() -> Counter[tuple[int, str]]:
    """How many marks of a user there are in an experiment within subjects."""
    rows = RepeatRow.scan(RepeatRow.pk.startswith("repeat#"), consistent_read=True)
    parts = [row.pk.split("#") for row in rows]
    return Counter((int(feature_id), keys.unescaped(user)) for _, feature_id, user in parts)


def logged() -> dict[str, Any]:
    """The rows of each user's simple metrics, merged."""
    rows = LogRecordRow.scan(LogRecordRow.pk.startswith("log#"), consistent_read=True)
    return {row.user_id: [each["data"] for each in row.data["rows"]] for row in rows}
