"""The rows behind the results of an experiment in UpGrade's form: users under conditions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from chalicelib.domain.experiments.experiments import Algorithm, Condition, Experiment, Unit
from chalicelib.domain.experiments.marks import Repeat
from chalicelib.domain.experiments.metrics import MetricQuery, MetricType
from chalicelib.domain.outcomes.metric_analysis import user_values
from chalicelib.domain.outcomes.metric_results import Logged, Met, observations
from chalicelib.domain.outcomes.query_sums import Place, Places
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import Enrollment


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """A query by the name that results call it, and the type of its metric."""

    name: str
    query: MetricQuery
    kind: MetricType


@dataclass(frozen=True, slots=True)
class Encounter:
    """A user takes part under a condition of the design at a decision point, since `at`."""

    condition: Condition
    point_key: DecisionPointKey
    at: datetime


@dataclass(frozen=True, slots=True)
class ParticipantRow:
    """A user under a condition at a decision point, as results count them.

    `day` (UTC) is that of the enrollment there, within subjects that of the first mark under the
    condition. `place` is the group of designs that assign groups, and the stratum of stratified
    ones, with which the user counts. `values` are what the queries take of the user under the
    condition, by their names: the same at all points; None without any.
    """

    user_id: str
    condition: Condition
    point_key: DecisionPointKey
    day: date
    place: Place
    values: Mapping[str, Decimal | None]


Values = Mapping[tuple[str, str], Decimal]
"""What a query takes of users, by the ids of user and condition."""


def encounters(
    design: Experiment, met: Iterable[Enrollment] | Iterable[Repeat]
) -> Sequence[Encounter]:
    """The conditions of a design that a user met at decision points, the first one first.

    `met` are the user's enrollments, within subjects the marks. What is met later comes behind.
    """
    conditions = {condition.id: condition for condition in design.conditions}
    since: dict[tuple[DecisionPointKey, str], datetime] = {}
    for each in met:
        if each.condition_id is not None and each.condition_id in conditions:
            key = each.point_key, each.condition_id
            since[key] = min(each.at, since.get(key, each.at))
    ordered = sorted(since.items(), key=lambda item: (item[1], item[0]))
    return [Encounter(conditions[each], point_key, at) for (point_key, each), at in ordered]


def values_of(
    asked: NamedQuery, design: Experiment, logged: Iterable[Logged], met: Mapping[str, Met]
) -> Values:
    """The values of users under each condition that a query takes, which `query_sums` sums up."""
    arms = {condition.id: (condition.id,) for condition in design.conditions}
    found = user_values(asked.query, asked.kind, observations(logged, met), arms)
    return {(user_id, arm): value for arm, own in found for user_id, value in own.items()}


def rows_of_user(
    design: Experiment,
    user_id: str,
    own: Iterable[Encounter],
    place_of: Places,
    values: Mapping[str, Values],
) -> Iterator[ParticipantRow]:
    """A row for each encounter of a user, in their order; `values` are those of each query."""
    within = design.unit is Unit.WITHIN_SUBJECTS
    in_groups = design.unit is Unit.GROUP
    in_strata = design.algorithm is Algorithm.STRATIFIED and not (within or in_groups)
    for each in own:
        key = user_id, each.condition.id
        place = place_of.get(key, Place())
        yield ParticipantRow(
            user_id,
            each.condition,
            each.point_key,
            each.at.astimezone(UTC).date(),
            Place(
                place.stratum if in_strata else None,
                place.group_id if in_groups else None,
            ),
            {name: found.get(key) for name, found in values.items()},
        )
