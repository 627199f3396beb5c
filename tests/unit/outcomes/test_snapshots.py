"""When a snapshot is due, which one is final, and how strata fit into one."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from chalicelib.domain.experiments.experiments import (
    CompleteCondition,
    Experiment,
    State,
    StateChange,
    Unit,
)
from chalicelib.domain.features.features import Feature
from chalicelib.domain.features.result_plans import ResultPlan
from chalicelib.domain.outcomes.query_sums import Analysed, Cell, QuerySums
from chalicelib.domain.outcomes.snapshots import (
    NONE_TAKEN,
    Taken,
    by_query,
    ended_at,
    ends_by_number,
    fitted,
    have_come,
    is_due,
    is_final,
    last_day,
    planned_end_of,
)
from chalicelib.domain.outcomes.value_sums import ValueSums
from chalicelib.storage.outcomes.snapshots import to_values
from tests.unit.snapshot_samples import SUMS, snapshot
from tests.unit.upgrade_service_samples import design

MIDNIGHT = datetime(2026, 1, 20, tzinfo=UTC)
"""Days after the experiment of these tests started."""

YESTERDAY = date(2026, 1, 19)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def ended(moment: datetime, state: State = State.ENROLLMENT_COMPLETE) -> Experiment:
    change = StateChange("c", State.ENROLLING, state, moment)
    return replace(design(), state=state, state_changes=(change,))


def taken(at: datetime, *, final: bool = False) -> Taken:
    return Taken(last_day(at), at, final)


def due(
    experiment: Experiment, so_far: Taken, now: datetime, planned_end: datetime | None = None
) -> bool:
    return is_due(experiment, so_far, now, planned_end)


def test_days_end_at_midnight_in_utc() -> None:
    assert last_day(MIDNIGHT) == YESTERDAY
    assert last_day(MIDNIGHT - timedelta(microseconds=1)) == YESTERDAY - DAY
    assert last_day(MIDNIGHT.astimezone(timezone(timedelta(hours=-9)))) == YESTERDAY


def test_what_enrolls_has_one_each_day_from_its_first_day_on() -> None:
    assert due(design(), NONE_TAKEN, MIDNIGHT)
    assert not due(design(), taken(MIDNIGHT), MIDNIGHT + 23 * HOUR)
    assert due(design(), taken(MIDNIGHT), MIDNIGHT + DAY)
    assert not due(replace(design(), started_at=MIDNIGHT), NONE_TAKEN, MIDNIGHT + HOUR)
    assert due(replace(design(), started_at=MIDNIGHT), NONE_TAKEN, MIDNIGHT + DAY)
    assert due(design(), taken(MIDNIGHT, final=True), MIDNIGHT + DAY, MIDNIGHT)


@pytest.mark.parametrize("state", [State.INACTIVE, State.SCHEDULED, State.PREVIEW])
def test_what_never_started_has_none(state: State) -> None:
    assert not due(design(state=state), NONE_TAKEN, MIDNIGHT)


@pytest.mark.parametrize("state", [State.ENROLLMENT_COMPLETE, State.CANCELLED, State.ARCHIVED])
def test_what_has_ended_gets_one_more_when_the_day_of_its_end_is_over(state: State) -> None:
    noon = MIDNIGHT + 12 * HOUR
    over = ended(noon, state)
    assert ended_at(over) == noon
    assert not due(over, taken(MIDNIGHT), noon + HOUR), "the day is not over"
    assert due(over, taken(MIDNIGHT), MIDNIGHT + DAY)
    assert not due(over, taken(MIDNIGHT + DAY), MIDNIGHT + 9 * DAY)
    assert not due(over, NONE_TAKEN, noon + HOUR)
    assert due(over, NONE_TAKEN, MIDNIGHT + 9 * DAY)


def test_what_ended_and_nobody_noted_when_gets_one() -> None:
    unknown = replace(design(state=State.ENROLLMENT_COMPLETE), started_at=MIDNIGHT - DAY)
    assert ended_at(unknown) == MIDNIGHT - DAY
    assert ended_at(replace(unknown, started_at=None)) == unknown.created_at
    assert due(unknown, NONE_TAKEN, MIDNIGHT)
    assert not due(unknown, taken(MIDNIGHT), MIDNIGHT + DAY)


def test_what_was_stopped_early_has_its_final_look_after_its_planned_end() -> None:
    early, planned = ended(MIDNIGHT - HOUR), MIDNIGHT + 3 * DAY
    before = taken(MIDNIGHT)
    assert not due(early, before, planned - HOUR, planned)
    assert due(early, before, planned, planned), "the day that ends with it is over"
    assert not due(early, before, planned + HOUR, planned + HOUR)
    assert not due(early, replace(before, final=True), planned + 9 * DAY, planned)


def test_the_first_at_or_after_the_planned_end_is_final() -> None:
    assert not is_final(NONE_TAKEN, MIDNIGHT, None)
    assert not is_final(NONE_TAKEN, MIDNIGHT, MIDNIGHT + HOUR)
    assert is_final(taken(MIDNIGHT - DAY), MIDNIGHT, MIDNIGHT)
    assert not is_final(taken(MIDNIGHT - DAY, final=True), MIDNIGHT, MIDNIGHT)


@pytest.mark.parametrize(
    ("end_on", "expected"),
    [
        (None, None),
        ("2026-01-20", MIDNIGHT),
        ("2026-01-20T02:00:00+02:00", MIDNIGHT),
    ],
)
def test_the_planned_end_is_that_of_the_design(
    end_on: str | None, expected: datetime | None
) -> None:
    feature = Feature.of_design(1, replace(design(), end_on=end_on), 1)
    assert planned_end_of(feature) == expected


def test_the_planned_end_is_the_one_at_the_start_until_it_is_moved() -> None:
    first = replace(Feature.of_design(1, replace(design(), end_on="2026-01-20"), 1), run=None)
    begun = replace(first, run=first.first_run(MIDNIGHT - 9 * DAY))
    later = replace(begun, design=replace(design(), end_on="2026-01-23"))
    assert planned_end_of(later) == MIDNIGHT
    assert planned_end_of(later.begun(MIDNIGHT - DAY)) == MIDNIGHT + 3 * DAY
    assert planned_end_of(later.begun(MIDNIGHT)) == MIDNIGHT, "it was past"


def by_number(unit: Unit, state: State, complete: CompleteCondition | None = None) -> Feature:
    own = replace(design(), unit=unit, state=state, complete_condition=complete)
    return Feature.of_design(1, own, 1)


SOME = QuerySums("q", Analysed.GROUP, False, (), enrolled={"a": 50, "b": 49})


@pytest.mark.parametrize(
    ("unit", "users", "groups"),
    [(Unit.INDIVIDUAL, 100, 0), (Unit.GROUP, 0, 20), (Unit.WITHIN_SUBJECTS, 100, 0)],
)
def test_a_design_that_ends_by_itself_is_over_when_it_did(
    unit: Unit, users: int, groups: int
) -> None:
    ended = by_number(unit, State.ENROLLMENT_COMPLETE, CompleteCondition(100, 20))
    assert ends_by_number(ended)
    assert have_come(ended, users, groups, SOME)
    enrolling = by_number(unit, State.ENROLLING, CompleteCondition(100, 20))
    assert not have_come(enrolling, users, groups, SOME), "users of groups are still to come"
    assert not have_come(ended, max(0, users - 1), max(0, groups - 1), SOME), "it was stopped"


@pytest.mark.parametrize(
    ("unit", "users", "came"),
    [
        (Unit.INDIVIDUAL, 99, False),
        (Unit.INDIVIDUAL, 100, True),
        (Unit.WITHIN_SUBJECTS, 100, True),
        (Unit.GROUP, 1000, False),
    ],
)
def test_planned_units_are_counted_on_the_way(unit: Unit, users: int, came: bool) -> None:
    planned = replace(by_number(unit, State.ENROLLING), plan=ResultPlan(units=100))
    assert have_come(planned, users, 0, SOME) is came
    one_more = replace(SOME, enrolled={"a": 50, "b": 50})
    assert have_come(planned, users, 0, one_more) is (came or unit is Unit.GROUP)
    on_a_day = replace(planned, plan=ResultPlan(units=100, ends_on=date(2026, 3, 4)))
    assert (ends_by_number(planned), ends_by_number(on_a_day)) == (True, False)
    assert not have_come(replace(planned, plan=None), users, 0, SOME)
    assert not have_come(replace(planned, design=None), users, 0, SOME)
    assert is_final(NONE_TAKEN, MIDNIGHT, None, all_came=came) is came
    assert not is_final(taken(MIDNIGHT, final=True), MIDNIGHT, None, all_came=came)


def cell(condition_id: str, stratum: str | None, n: int, enrolled: int | None = 100) -> Cell:
    return Cell(condition_id, stratum, ValueSums(n, n, n, n), enrolled, left_out=1)


MANY = replace(
    SUMS,
    cells=tuple(cell(arm, f"stratum {n:03}", n + 1) for arm in ("a", "b") for n in range(100)),
)


def size(snapshot_of: object) -> int:
    values = to_values(replace(snapshot(), sums=snapshot_of))  # type: ignore[arg-type]
    return len(json.dumps(values, ensure_ascii=False).encode())


def test_what_fits_stays_as_it_is() -> None:
    assert fitted(MANY, 100_000) is MANY
    assert size(MANY) < 100_000


@pytest.mark.parametrize("room", [10_000, 20_000, 30_000])
def test_the_smallest_strata_are_merged_into_one_as_few_as_will_do(room: int) -> None:
    shorter = fitted(MANY, room)
    assert size(shorter) <= room
    assert shorter.by_condition() == MANY.by_condition()
    merged = [each for each in shorter.cells if each.merged]
    assert [each.condition_id for each in merged] == ["a", "b"]
    assert {each.merged for each in merged} == {shorter.merged} == {101 - len(shorter.cells) // 2}
    kept = {each.sums.n for each in shorter.cells if not each.merged}
    assert min(kept) == shorter.merged + 1
    assert [(each.enrolled, each.left_out) for each in merged] == [
        (100 * shorter.merged, shorter.merged)
    ] * 2


def test_enrolled_units_of_merged_strata_are_unknown_if_those_of_one_are() -> None:
    cells = (cell("a", None, 1, None), *MANY.cells)
    shorter = fitted(replace(MANY, cells=cells), 10_000)
    assert next(each.enrolled for each in shorter.cells if each.merged) is None


@pytest.mark.parametrize("strata", [1, 2])
def test_numbers_that_are_too_long_are_left_out_and_that_is_said(strata: int) -> None:
    long = ValueSums.of_decimals([Decimal("9" * 1000)])
    cells = tuple(Cell("a", str(n), long) for n in range(strata))
    shorter = fitted(replace(SUMS, cells=cells, beside=cells), 9_000)
    assert (shorter.cells, shorter.beside, shorter.too_large) == ((), (), True)


def test_series_are_by_query_from_the_oldest_day_on() -> None:
    first, second, other = snapshot(days=-2), snapshot(), snapshot("r")
    assert by_query([second, other, first]) == {"q": [first, second], "r": [other]}


def test_the_day_that_a_plan_ends_on_counts_to_its_end() -> None:
    feature = Feature.of_design(1, design(), 1)
    planned = replace(feature, plan=ResultPlan(ends_on=date(2026, 3, 4)))
    assert planned_end_of(planned) == datetime(2026, 3, 5, tzinfo=UTC)
    assert planned_end_of(feature) is None
