"""Which units a query has, which one value each of them has, and what it adds to which sums."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest

from chalicelib.domain.experiments.enrollment_counts import EnrollmentCount
from chalicelib.domain.experiments.experiments import (
    Algorithm,
    ConditionOrder,
    Experiment,
    Unit,
)
from chalicelib.domain.experiments.metrics import (
    MetricQuery,
    MetricType,
    Operation,
    RepeatedMeasure,
)
from chalicelib.domain.outcomes.logs import Value
from chalicelib.domain.outcomes.metric_analysis import Observation
from chalicelib.domain.outcomes.query_sums import (
    Analysed,
    Cell,
    Described,
    EnrolledUnits,
    Place,
    QuerySums,
    enrolled_units,
    places,
    query_sums,
)
from chalicelib.domain.outcomes.value_sums import ValueSums
from chalicelib.domain.participants.participants import Enrollment, EnrollmentCode
from tests.fakes.memory import START
from tests.unit.upgrade_service_samples import HERE, THERE, condition, design, group_design

A, B = "id of a", "id of b"
CONTINUOUS, CATEGORICAL = MetricType.CONTINUOUS, MetricType.CATEGORICAL


def asked(operation: Operation = Operation.AVERAGE, **compare: str) -> MetricQuery:
    return MetricQuery("q", "m", operation, RepeatedMeasure.MOST_RECENT, **compare)


def seen(user: str, condition_id: str, value: Value, row: int = 1) -> Observation:
    return Observation(user, condition_id, value, START, row)


def sums(
    values: list[Observation],
    experiment: Experiment | None = None,
    query: MetricQuery | None = None,
    *,
    kind: MetricType = CONTINUOUS,
    place_of: Mapping[tuple[str, str], Place] | None = None,
    enrolled: EnrolledUnits | None = None,
) -> QuerySums:
    return query_sums(
        query or asked(),
        experiment or design(),
        kind,
        values,
        place_of or {},
        enrolled or EnrolledUnits(),
    )


VALUES = [seen("u", A, 1), seen("u", A, 2, row=2), seen("v", A, "0.5"), seen("w", B, "no number")]


@pytest.mark.parametrize("operation", [Operation.AVERAGE, Operation.SUM, Operation.COUNT])
def test_each_user_has_the_value_that_the_repeated_measure_takes(operation: Operation) -> None:
    enrolled = EnrolledUnits({A: 5, B: 4}, {A: 99})
    found = sums(VALUES, query=asked(operation), enrolled=enrolled)
    two = ValueSums(2, Fraction(5, 2), Fraction(17, 4), Fraction(65, 8))
    assert found.cells == (Cell(A, None, two, 5), Cell(B, None, ValueSums(), 4))
    assert [cell.without_value for cell in found.cells] == [3, 4]
    assert (found.unit, found.proportion, found.described) == (Analysed.USER, False, ())
    assert (found.enrolled, found.beside, found.control_id) == ({A: 5, B: 4}, (), None)
    assert (found.merged, found.too_large) == (0, False)


@pytest.mark.parametrize(
    ("query", "kind", "converted"),
    [
        (asked(Operation.PERCENTAGE, compare_fn="=", compare_value="HIGH"), CONTINUOUS, 2),
        (asked(Operation.COUNT, compare_fn="=", compare_value="HIGH"), CATEGORICAL, 2),
        (asked(Operation.COUNT, compare_fn="<>", compare_value="HIGH"), CATEGORICAL, 1),
        (asked(Operation.COUNT), CATEGORICAL, 3),
    ],
)
def test_a_share_of_a_value_has_ones_and_zeros(
    query: MetricQuery, kind: MetricType, converted: int
) -> None:
    words = {"ada": "HIGH", "bob": "LOW", "cyd": "HIGH"}
    found = sums([seen(user, A, word) for user, word in words.items()], query=query, kind=kind)
    assert found.proportion
    assert found.cells[0].sums == ValueSums(3, converted, converted, converted)
    assert found.described == ()


@pytest.mark.parametrize(
    "operation",
    [Operation.MIN, Operation.MAX, Operation.MEDIAN, Operation.MODE, Operation.DEVIATION],
)
def test_what_is_no_mean_is_described_only(operation: Operation) -> None:
    assert sums(VALUES, query=asked(operation)).described == (Described.OPERATION,)


def test_adaptive_assignment_is_described_only() -> None:
    found = sums(VALUES, design(algorithm=Algorithm.ADAPTIVE))
    assert found.described == (Described.ADAPTIVE,)
    assert found.cells[0].sums.n == 2


def test_strata_are_told_apart_and_what_nobody_counted_is_unknown() -> None:
    place_of = {("u", A): Place("north"), ("v", A): Place("south"), ("x", B): Place("north")}
    enrolled = EnrolledUnits({A: 9, B: 9}, strata={("north", A): 4, ("west", A): 2})
    values = [*VALUES, seen("x", B, 3), seen("y", A, 1)]
    stratified = design(algorithm=Algorithm.STRATIFIED, stratification_factor="region")
    found = sums(values, stratified, place_of=place_of, enrolled=enrolled)
    assert [(c.condition_id, c.stratum, c.sums.n, c.enrolled) for c in found.cells] == [
        (A, None, 1, None),
        (A, "north", 1, 4),
        (A, "south", 1, None),
        (A, "west", 0, 2),
        (B, "north", 1, None),
    ]
    assert [cell.without_value for cell in found.cells] == [None, 3, None, 2, None]
    assert found.by_condition()[A] == sums(values).by_condition()[A]
    assert len(sums(values, place_of=place_of).cells) == 2, "only where assignment goes by them"


def test_the_value_of_a_group_is_the_mean_of_its_users_with_a_value() -> None:
    members = {"u": "1a", "v": "1a", "w": "1a", "x": "1b", "y": None}
    logged: tuple[Value, ...] = (1, 2, "?", 5, 7)
    values = [seen(user, A, value) for user, value in zip(members, logged, strict=True)]
    values.append(seen("z", B, 4))
    place_of = {(user, A): Place(group_id=group) for user, group in members.items()}
    enrolled = EnrolledUnits({A: 8, B: 1}, {A: 3})
    found = sums(values, group_design(), place_of=place_of, enrolled=enrolled)
    of_groups = ValueSums(2, Fraction(13, 2), Fraction(109, 4), Fraction(1027, 8))
    assert found.cells == (
        Cell(A, None, of_groups, 3, left_out=1),
        Cell(B, None, ValueSums(), 0, left_out=1),
    )
    assert [(cell.sums.n, cell.sums.total, cell.enrolled) for cell in found.beside] == [
        (4, 15, 8),
        (1, 4, 1),
    ]
    assert (found.unit, found.enrolled) == (Analysed.GROUP, {A: 3, B: 0})


def test_within_subjects_the_value_is_the_difference_from_the_control() -> None:
    within = design(unit=Unit.WITHIN_SUBJECTS, weights={"a": 1, "b": 1, "c": 1})
    values = [
        seen("u", A, 10),
        seen("u", B, "12.5"),
        seen("v", A, 3),
        seen("w", B, 5),
        seen("x", A, 8),
        seen("x", B, 7),
    ]
    enrolled = EnrolledUnits({A: 4, B: 3})
    found = sums(values, within, enrolled=enrolled)
    pairs = ValueSums(2, Fraction(3, 2), Fraction(29, 4), Fraction(117, 8))
    assert found.cells == (
        Cell(B, None, pairs, left_out=2),
        Cell("id of c", None, ValueSums(), left_out=3),
    )
    assert [(cell.condition_id, cell.sums.n) for cell in found.beside] == [
        (A, 3),
        (B, 3),
        ("id of c", 0),
    ]
    assert (found.unit, found.control_id) == (Analysed.PAIR, A)
    assert found.described == (Described.ORDERED,)
    random = replace(within, condition_order=ConditionOrder.RANDOM)
    assert sums(values, random, enrolled=enrolled).described == ()


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ([("a", None, 2), ("b", None, 1)], "b"),
        ([("a", None, 1), ("b", "Baseline", 2)], "b"),
        ([("a", None, 1), ("CONTROL", None, 2)], "CONTROL"),
        ([("control", None, 2), ("b", "baseline", 1)], "b"),
        ([], None),
    ],
)
def test_the_control_is_named_so_or_comes_first(
    named: list[tuple[str, str | None, int]], expected: str | None
) -> None:
    conditions = [replace(condition(code, order=n), name=name) for code, name, n in named]
    found = replace(design(), conditions=tuple(conditions)).control
    assert (found and found.code) == expected


def test_an_experiment_without_conditions_has_no_cells() -> None:
    within = replace(design(unit=Unit.WITHIN_SUBJECTS), conditions=())
    assert sums(VALUES, within).cells == ()


def test_a_user_belongs_where_the_first_enrollment_under_a_condition_was() -> None:
    def enrolled(condition_id: str | None, hours: int, group: str, stratum: str) -> Enrollment:
        at = START + timedelta(hours=hours)
        made = Enrollment(7, HERE, condition_id, group, EnrollmentCode.GROUP, at)
        return replace(made, stratum=stratum)

    own = [enrolled(A, 2, "1b", "s"), enrolled(A, 1, "1a", ""), enrolled(B, 3, "1c", "s")]
    found = places({"u": own, "v": [enrolled(None, 0, "1a", "s")]})
    assert found == {("u", A): Place(None, "1a"), ("u", B): Place("s", "1c")}


def test_users_of_a_stratum_are_known_where_each_is_enrolled_at_one_point() -> None:
    counts = [
        EnrollmentCount(7, A, HERE, condition_users=2, point_users=2, groups=1),
        EnrollmentCount(7, B, HERE, condition_users=2, point_users=2),
        EnrollmentCount(7, B, THERE, condition_users=1, point_users=3, groups=2),
        EnrollmentCount(7, None, THERE, condition_users=8, point_users=8),
    ]
    found = enrolled_units(counts, {("north", A): 1, ("north", B): 4})
    assert (dict(found.users), dict(found.groups)) == ({A: 2, B: 3}, {A: 1, B: 2})
    assert found.strata == {("north", A): 1}
