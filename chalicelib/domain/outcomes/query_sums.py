"""Sums of one value per unit for a query of an experiment.

Statistics need nothing else (the method, sections 2 and 7): n, Σx, Σx² and Σx³ of the users, groups
or pairs of values under each condition, in each stratum.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from chalicelib.domain.experiments.enrollment_counts import EnrollmentCount
from chalicelib.domain.experiments.experiments import (
    Algorithm,
    Condition,
    ConditionOrder,
    Experiment,
    Unit,
)
from chalicelib.domain.experiments.metrics import MetricQuery, MetricType, Operation
from chalicelib.domain.outcomes.metric_analysis import Observation, is_comparison, user_values
from chalicelib.domain.outcomes.pg_numeric import EXACT, total
from chalicelib.domain.outcomes.value_sums import ValueSums
from chalicelib.domain.participants.participants import Enrollment

SPREADS = frozenset(
    {Operation.MIN, Operation.MAX, Operation.MEDIAN, Operation.MODE, Operation.DEVIATION}
)
"""Operations that are no mean of values, and so are never tested."""


class Analysed(StrEnum):
    """The unit of an analysis: what has one value."""

    USER = "user"
    GROUP = "group"
    PAIR = "pair"
    """A user with values under two conditions: the value is their difference."""


class Described(StrEnum):
    """Why sums are described only, and never decide."""

    OPERATION = "operation"
    """The query asks for something else than a mean or a share."""
    ORDERED = "ordered round robin"
    """Condition and time are one."""
    ADAPTIVE = "adaptive"
    """Assignment depends on outcomes, so means are biased."""
    NEWER = "newer"
    """A newer version of this program took the sums, for a reason or a unit not known here."""


@dataclass(frozen=True, slots=True)
class Place:
    """The stratum and the group of a user under a condition."""

    stratum: str | None = None
    group_id: str | None = None


Places = Mapping[tuple[str, str], Place]
"""By the ids of user and condition."""


@dataclass(frozen=True, slots=True)
class EnrolledUnits:
    """How many users and groups are enrolled under each condition, by its id.

    `strata` are users by stratum and condition, of those conditions where they are known.
    """

    users: Mapping[str, int] = field(default_factory=dict)
    groups: Mapping[str, int] = field(default_factory=dict)
    strata: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cell:
    """The sums of the units of a condition in a stratum (None: they have none).

    `enrolled` units are with and without a value; None where they are not counted. `left_out` are
    users with a value who are in no unit: without a group, or without a value under the condition
    to compare with, or with one only there. A cell may stand for `merged` strata together.
    """

    condition_id: str
    stratum: str | None
    sums: ValueSums
    enrolled: int | None = None
    left_out: int = 0
    merged: int = 0

    @property
    def without_value(self) -> int | None:
        """Enrolled units without a value; None where those are not counted."""
        return None if self.enrolled is None else self.enrolled - self.sums.n


@dataclass(frozen=True, slots=True)
class QuerySums:
    """The sums of a query, by condition and stratum.

    Values of a `proportion` are 1 or 0. Where the unit is no user, `beside` are the sums of the
    users themselves, by condition. `enrolled` are all units under each condition, in whatever
    stratum, with or without a value; of pairs, the users who met it. Of pairs, `control_id` is the
    condition that is taken off the others, and has no cell. `described` says why they decide
    nothing, if so. Where they were too many to be kept, strata were merged (`Cell.merged`);
    `too_large` ones are left out altogether.
    """

    query_id: str
    unit: Analysed
    proportion: bool
    cells: tuple[Cell, ...]
    beside: tuple[Cell, ...] = ()
    enrolled: Mapping[str, int] = field(default_factory=dict)
    control_id: str | None = None
    described: tuple[Described, ...] = ()
    too_large: bool = False

    @property
    def merged(self) -> int:
        """How many strata were merged into one."""
        return max((cell.merged for cell in self.cells), default=0)

    def by_condition(self) -> Mapping[str, ValueSums]:
        """The sums of all strata together."""
        found: dict[str, ValueSums] = {}
        for cell in self.cells:
            found[cell.condition_id] = found.get(cell.condition_id, ValueSums()) + cell.sums
        return found


def places(
    enrollments: Mapping[str, Iterable[Enrollment]],
    reweighted_at: Sequence[datetime] = (),
    group_times: Mapping[str, datetime] | None = None,
) -> Places:
    """The stratum and group with which users, by their ids, first came under each condition.

    Where weights were changed, a stratum is one of those who came between two changes. Where groups
    are assigned, that is when the group came, by `group_times`; they have no other strata.
    """
    first: dict[tuple[str, str], Enrollment] = {}
    for user_id, own in enrollments.items():
        for each in sorted(own, key=lambda enrollment: enrollment.at):
            if each.condition_id is not None:
                first.setdefault((user_id, each.condition_id), each)

    def stratum(enrollment: Enrollment) -> str | None:
        own, at = enrollment.stratum or None, enrollment.at
        if group_times is not None:
            own, at = None, group_times.get(enrollment.group_id or "", at)
        if not reweighted_at:
            return own
        stretch = f"stretch {1 + sum(at >= change for change in reweighted_at)}"
        return stretch if own is None else f"{stretch}, {own}"

    return {key: Place(stratum(each), each.group_id) for key, each in first.items()}


def enrolled_units(
    counts: Iterable[EnrollmentCount], in_strata: Mapping[tuple[str, str], int]
) -> EnrolledUnits:
    """The enrolled units by the counts of an experiment; `in_strata` counts enrollments.

    An enrollment is one at a point. So a stratum's users are known of a condition whose users are
    enrolled at one point each.
    """
    users, at_points, groups = Counter[str](), Counter[str](), Counter[str]()
    for each in counts:
        if each.condition_id is not None:
            users[each.condition_id] += each.condition_users
            at_points[each.condition_id] += each.point_users
            groups[each.condition_id] += each.groups
    return EnrolledUnits(
        users,
        groups,
        {key: n for key, n in in_strata.items() if users[key[1]] == at_points[key[1]]},
    )


def query_sums(
    query: MetricQuery,
    experiment: Experiment,
    kind: MetricType,
    values: Sequence[Observation],
    place_of: Places,
    enrolled: EnrolledUnits,
    control: Condition | None = None,
    *,
    by_stretch: bool = False,
) -> QuerySums:
    """The sums of what a query finds in the values of an experiment's participants.

    Each user has the one value that `analyse` takes. Whatever the operation, sums are those of the
    users' values: an inference is about their mean, or about the share of those who match. Within
    subjects the values under `control` (by default that of the design) are taken off the others.
    `by_stretch`: places name stretches of constant weights, which are strata of any design.
    """
    arms = {condition.id: (condition.id,) for condition in experiment.conditions}
    found = dict(user_values(query, kind, values, arms))
    numbers = {arm: found.get(arm, {}) for arm in arms}
    unit = _unit(experiment)
    all_units = enrolled.groups if unit is Analysed.GROUP else enrolled.users
    stratified = unit is Analysed.USER and (
        by_stretch or experiment.algorithm is Algorithm.STRATIFIED
    )
    of_users = tuple(_cells_of_users(numbers, place_of, enrolled, stratified=stratified))
    control = (control or experiment.control) if unit is Analysed.PAIR else None
    cells: Mapping[Analysed, Callable[[], Iterable[Cell]]] = {
        Analysed.USER: lambda: of_users,
        Analysed.GROUP: lambda: _cells_of_groups(
            numbers, place_of, enrolled, by_stretch=by_stretch
        ),
        Analysed.PAIR: lambda: _cells_of_pairs(numbers, control),
    }
    return QuerySums(
        query.id,
        unit,
        is_comparison(query, kind),
        tuple(cells[unit]()),
        () if unit is Analysed.USER else of_users,
        {arm: all_units.get(arm, 0) for arm in arms},
        None if control is None else control.id,
        tuple(_described(query, experiment)),
    )


def _unit(experiment: Experiment) -> Analysed:
    units = {Unit.GROUP: Analysed.GROUP, Unit.WITHIN_SUBJECTS: Analysed.PAIR}
    return units.get(experiment.unit, Analysed.USER)


def _described(query: MetricQuery, experiment: Experiment) -> Iterator[Described]:
    if query.operation in SPREADS:
        yield Described.OPERATION
    ordered = experiment.condition_order is ConditionOrder.ORDERED_ROUND_ROBIN
    if experiment.unit is Unit.WITHIN_SUBJECTS and ordered:
        yield Described.ORDERED
    if experiment.algorithm is Algorithm.ADAPTIVE:
        yield Described.ADAPTIVE


def _cells_of_users(
    numbers: Mapping[str, Mapping[str, Decimal]],
    place_of: Places,
    enrolled: EnrolledUnits,
    *,
    stratified: bool,
) -> Iterator[Cell]:
    for arm, own in numbers.items():
        if not stratified:
            sums = ValueSums.of_decimals(own.values())
            yield Cell(arm, None, sums, enrolled.users.get(arm, 0))
            continue
        strata: defaultdict[str | None, list[Decimal]] = defaultdict(list)
        known = {name: n for (name, of_arm), n in enrolled.strata.items() if of_arm == arm}
        strata.update({name: [] for name in known})
        for user_id, number in own.items():
            strata[place_of.get((user_id, arm), Place()).stratum].append(number)
        for stratum in sorted(strata, key=lambda name: (name is not None, name or "")):
            sums = ValueSums.of_decimals(strata[stratum])
            yield Cell(arm, stratum, sums, known.get(stratum or ""))


def _cells_of_groups(
    numbers: Mapping[str, Mapping[str, Decimal]],
    place_of: Places,
    enrolled: EnrolledUnits,
    *,
    by_stretch: bool,
) -> Iterator[Cell]:
    """The value of a group is the mean of its users with a value.

    Groups have no stratum but stretches of constant weights.
    """
    for arm, own in numbers.items():
        groups: defaultdict[Place, list[Decimal]] = defaultdict(list)
        for user_id, number in own.items():
            place = place_of.get((user_id, arm), Place())
            groups[place if by_stretch else replace(place, stratum=None)].append(number)
        alone = sum(len(each) for place, each in groups.items() if place.group_id is None)
        strata: dict[str | None, list[Fraction]] = {} if by_stretch and groups else {None: []}
        for place, each in groups.items():
            means = strata.setdefault(place.stratum, [])
            if place.group_id is not None:
                means.append(Fraction(total(each)) / len(each))
        for place_among, (stratum, means) in enumerate(sorted(strata.items(), key=str)):
            yield Cell(
                arm,
                stratum,
                ValueSums.of_fractions(means),
                None if by_stretch else enrolled.groups.get(arm, 0),
                left_out=0 if place_among else alone,
            )


def _cells_of_pairs(
    numbers: Mapping[str, Mapping[str, Decimal]], control: Condition | None
) -> Iterator[Cell]:
    """The value of a user is that under the condition, less that under the control."""
    for arm, own in numbers.items():
        if control is not None and arm != control.id:
            against = numbers[control.id]
            both = own.keys() & against.keys()
            differences = [EXACT.subtract(own[user], against[user]) for user in both]
            alone = len(own.keys() ^ against.keys())
            yield Cell(arm, None, ValueSums.of_decimals(differences), left_out=alone)
