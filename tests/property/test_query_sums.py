"""Sums agree with what queries answer, and those of parts with those of the whole."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.experiments.experiments import Algorithm, Unit
from chalicelib.domain.experiments.metrics import MetricType, Operation, RepeatedMeasure
from chalicelib.domain.outcomes.metric_analysis import analyse
from chalicelib.domain.outcomes.query_sums import EnrolledUnits, Place, QuerySums, query_sums
from chalicelib.domain.outcomes.snapshots import fitted
from chalicelib.domain.outcomes.value_sums import ValueSums
from chalicelib.storage.outcomes.snapshots import from_values, to_values
from tests.property.test_metric_analysis import (
    CONDITIONS,
    MEASURES,
    SIMPLE,
    USERS,
    Row,
    asked,
    logs,
    observed,
)
from tests.unit.snapshot_samples import snapshot
from tests.unit.upgrade_service_samples import design, group_design

CONTINUOUS = MetricType.CONTINUOUS
PLAIN = design(weights=dict.fromkeys(CONDITIONS, 25.0))
ARMS = replace(PLAIN, conditions=tuple(replace(each, id=each.code) for each in PLAIN.conditions))

strata = st.fixed_dictionaries({user: st.sampled_from(["n", "s", "w", None]) for user in USERS})


def places_of(chosen: dict[str, str | None]) -> dict[tuple[str, str], Place]:
    return {
        (user, arm): Place(stratum, stratum) for user, stratum in chosen.items() for arm in SIMPLE
    }


def summed(
    rows: list[Row],
    chosen: dict[str, str | None],
    measure: RepeatedMeasure = RepeatedMeasure.EARLIEST,
    **changes: object,
) -> QuerySums:
    query = asked(Operation.AVERAGE, measure)
    experiment = replace(ARMS, **changes)  # type: ignore[arg-type]
    values = observed(rows)
    return query_sums(query, experiment, CONTINUOUS, values, places_of(chosen), EnrolledUnits())


@pytest.mark.parametrize("measure", MEASURES)
@given(rows=logs(), chosen=strata)
def test_sums_of_users_agree_with_the_answer_and_strata_with_the_whole(
    measure: RepeatedMeasure, rows: list[Row], chosen: dict[str, str | None]
) -> None:
    whole = {cell.condition_id: cell.sums for cell in summed(rows, chosen, measure).cells}
    parts = summed(rows, chosen, measure, algorithm=Algorithm.STRATIFIED)
    for arm, sums in parts.by_condition().items():
        assert sums == whole[arm]
    total = asked(Operation.SUM, measure)
    answered = analyse(total, CONTINUOUS, observed(rows), SIMPLE)
    assert {each.arm_id: (each.participants, Fraction(str(each.result))) for each in answered} == {
        arm: (sums.n, sums.total) for arm, sums in whole.items() if sums.n
    }


@given(rows=logs(), chosen=strata)
def test_no_user_gets_lost_between_groups(rows: list[Row], chosen: dict[str, str | None]) -> None:
    of_groups = group_design().unit
    found = summed(rows, chosen, unit=of_groups)
    for groups, users in zip(found.cells, found.beside, strict=True):
        assert groups.sums.n <= len({chosen[user] for user in USERS} - {None})
        assert groups.left_out + groups.sums.n <= users.sums.n


@given(rows=logs(), chosen=strata)
def test_each_user_is_in_a_pair_or_left_out(rows: list[Row], chosen: dict[str, str | None]) -> None:
    found = summed(rows, chosen, unit=Unit.WITHIN_SUBJECTS)
    users = {cell.condition_id: cell.sums.n for cell in found.beside}
    for cell in found.cells:
        control = users[found.control_id or ""]
        assert 2 * cell.sums.n + cell.left_out == users[cell.condition_id] + control


@given(rows=logs(), chosen=strata, room=st.integers(8_000, 10_500))
def test_merged_strata_add_up_to_the_same_and_come_back_from_the_store(
    rows: list[Row], chosen: dict[str, str | None], room: int
) -> None:
    sums = summed(rows, chosen, algorithm=Algorithm.STRATIFIED)
    shorter = fitted(sums, room)
    if not shorter.too_large:
        whole, merged = sums.by_condition(), shorter.by_condition()
        assert {a: s for a, s in merged.items() if s.n} == {a: s for a, s in whole.items() if s.n}
    else:
        assert list(shorter.by_condition().values()) == list[ValueSums]()
    stored = replace(snapshot(), sums=shorter)
    assert from_values(to_values(stored)) == stored
