"""What results say of an experiment, from what was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.domain.features.result_plans import (
    CONVERSION,
    ComparisonOf,
    MetricRole,
    ResultPlan,
)
from chalicelib.domain.features.runs import (
    PlanChange,
    WeightsSince,
)
from chalicelib.domain.outcomes.results.checks import stretch_of
from chalicelib.domain.outcomes.results.evaluation import latch, results_of
from chalicelib.domain.outcomes.results.measured import Factor, MeasuredMetric, engine_plan
from chalicelib.domain.outcomes.results.results import Check, CheckState, Results
from chalicelib.domain.statistics.decision import Code
from chalicelib.domain.statistics.estimates import Kind
from chalicelib.domain.statistics.plan import Direction, GuardrailState, Mode
from chalicelib.domain.statistics.sums import Sums
from tests.unit.outcomes.result_samples import (
    HALVES,
    START,
    arms,
    measured,
    metric,
    run_of,
    shares,
    values,
)

WON = shares((1500, 300), (1500, 420))
EVEN = shares((1500, 300), (1500, 306))
THIRDS = (Decimal("0.4"), Decimal("0.3"), Decimal("0.3"))


def check(results: Results, name: str) -> Check:
    (found,) = [each for each in results.checks if each.name == name]
    return found


# The verdict


def test_a_clear_winner_ships_and_stays_shipped() -> None:
    results = results_of(measured(metric(WON)))
    assert results.verdict.code is Code.SHIP
    assert results.verdict.variant == "B"
    kept = latch(results)
    assert kept is not None
    assert (kept.code, kept.at, kept.variant) == ("ship", results.data_at, "B")
    later = results_of(measured(metric(EVEN), after=22), kept)
    assert later.verdict.code is Code.KEEP_RUNNING
    assert later.latched == latch(later) == kept


def test_what_is_undecided_is_not_kept() -> None:
    results = results_of(measured(metric(EVEN)))
    assert results.verdict.code is Code.KEEP_RUNNING
    assert latch(results) is None
    assert results.days_left == 11, "to the end of the plan, and the window after it"


def test_the_end_of_the_plan_and_its_window_bring_the_final_look() -> None:
    last_day = results_of(measured(metric(EVEN), after=30))
    assert not last_day.is_over
    assert last_day.days_left == 1
    over = results_of(measured(metric(EVEN), after=31))
    assert over.is_over
    assert over.alpha == 0.04
    assert over.verdict.code is Code.INCONCLUSIVE
    assert over.days_left is None


def test_an_open_experiment_says_when_it_can_be_expected_to_decide() -> None:
    plan = ResultPlan(smallest_effect=Decimal("0.03"), window=3)
    found = measured(metric(EVEN), plan=plan)
    yesterday = found.now.date() - timedelta(days=1)
    found = replace(found, enrolled=replace(found.enrolled, days={yesterday: {"a": 700, "b": 700}}))
    results = results_of(found)
    assert results.mode is Mode.OPEN
    assert results.days_left is not None
    assert results.days_left > 0
    assert results_of(replace(found, enrolled=measured().enrolled)).days_left is None


def test_a_number_of_units_that_was_moved_ends_where_it_was_moved_to() -> None:
    first = ResultPlan(units=3_000, window=3)
    found = measured(metric(EVEN), plan=first, has_final_look=False)
    assert (found.mode, found.is_over, found.units_planned) == (Mode.PLANNED, False, 3_000)
    moved = replace(found.run, moved=True) if found.run else None
    later = replace(found, run=moved, plan=replace(first, units=3_001))
    assert (later.mode, later.is_over, later.units_planned) == (Mode.MOVED, False, 3_001)
    assert results_of(later).n_star == results_of(found).n_star


def test_planned_units_say_how_many_days_are_left() -> None:
    found = measured(metric(EVEN), plan=ResultPlan(units=6000, window=3), has_final_look=False)
    yesterday = found.now.date() - timedelta(days=1)
    found = replace(found, enrolled=replace(found.enrolled, days={yesterday: {"a": 350, "b": 350}}))
    results = results_of(found)
    assert results.mode is Mode.PLANNED
    assert results.days_left == math.ceil((6000 - 700) / 100)
    over = results_of(replace(found, has_final_look=True))
    assert (over.is_over, over.days_left) == (True, None), "erasures do not undo the final look"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"no_comparison": "it is no experiment"}, "it is no experiment"),
        ({"own_arms": arms(*HALVES, control=9)}, "no variant is the control"),
        ({"own_arms": arms(Decimal(1), Decimal(0))}, "fewer than two variants"),
    ],
)
def test_where_nothing_can_be_compared_the_reason_is_said(
    change: dict[str, object], words: str
) -> None:
    results = results_of(measured(metric(EVEN), **change))  # type: ignore[arg-type]
    assert results.verdict.code is Code.NO_COMPARISON
    assert words in results.verdict.text


def test_no_metric_no_comparison() -> None:
    assert "no metric" in results_of(measured()).verdict.text


def test_what_may_not_change_after_the_start_forbids_a_verdict() -> None:
    changed = PlanChange(START + timedelta(days=3), "the primary metric")
    results = results_of(measured(metric(WON), changes=[changed]))
    assert results.verdict.code is Code.NO_COMPARISON
    assert "the primary metric changed after the start" in results.verdict.text
    assert check(results, "plan").state is CheckState.BROKEN


def test_a_moved_end_leaves_the_looks_that_hold_for_ever() -> None:
    moved = PlanChange(START + timedelta(days=3), "the planned end", forbids=False)
    results = results_of(measured(metric(WON), changes=[moved], moved=True))
    assert results.mode is Mode.MOVED
    assert results.alpha == 0.05
    assert results.verdict.code is Code.SHIP
    assert check(results, "plan").state is CheckState.WARNING


def test_an_a_a_experiment_is_sound_or_not() -> None:
    plan = replace(measured().plan, is_aa=True)
    assert results_of(measured(metric(EVEN), plan=plan)).verdict.code is Code.SOUND
    alarmed = results_of(measured(metric(WON), plan=plan))
    assert alarmed.verdict.code is Code.UNSOUND
    assert check(alarmed, "A/A").state is CheckState.FINE


# Several variants, guardrails, secondary metrics


def test_each_variant_is_compared_with_the_control_and_shares_alpha() -> None:
    sums = shares((2000, 400), (1500, 420), (1500, 200))
    results = results_of(measured(metric(sums), own_arms=arms(*THIRDS)))
    assert results.comparisons_planned == 2
    assert [each.variant_name for each in results.comparisons] == ["B", "C"]
    assert results.verdict.code is Code.SHIP
    assert results.verdict.turn_off == ("C",)


def test_a_harmed_guardrail_stands_against_the_winner() -> None:
    errors = metric(
        shares((1500, 30), (1500, 90)),
        role=MetricRole.GUARDRAIL,
        direction=Direction.DECREASE,
        margin=Decimal("0.01"),
        name="errors",
    )
    results = results_of(measured(metric(WON), errors))
    assert results.verdict.code is Code.KEEP_CONTROL
    (shown,) = [each for each in results.comparisons if each.metric == "errors"]
    assert shown.guardrail is GuardrailState.HARMED
    assert shown.interval is not None
    assert shown.p is None, "a guardrail has a state, no p"


def test_a_guardrail_without_enough_data_is_unclear() -> None:
    few = metric(
        shares((50, 1), (50, 2)), role=MetricRole.GUARDRAIL, margin=Decimal("0.01"), name="errors"
    )
    results = results_of(measured(metric(WON), few))
    assert results.verdict.code is Code.KEEP_RUNNING
    assert "errors is not shown" in results.verdict.text


@pytest.mark.parametrize("margin", [Decimal("0.01"), None])
def test_a_guardrail_that_cannot_be_read_stands_in_the_way_where_it_has_a_margin(
    margin: Decimal | None,
) -> None:
    damaged = metric(
        shares((1500, 1), (1500, 2)), role=MetricRole.GUARDRAIL, margin=margin, name="errors"
    ).without_sums("as before")
    code = results_of(measured(metric(WON), damaged)).verdict.code
    assert code is (Code.SHIP if margin is None else Code.KEEP_RUNNING)


def test_a_moved_end_is_the_one_that_is_shown_and_waited_for() -> None:
    found = measured(metric(EVEN), moved=True, after=31)
    later = replace(found.plan, ends_on=(START + timedelta(days=40)).date())
    results = results_of(replace(found, plan=later))
    assert results.ends_on == later.ends_on
    assert not results.is_over


def test_without_its_last_snapshot_the_end_has_not_come() -> None:
    results = results_of(measured(metric(EVEN), after=40, has_final_look=False))
    assert not results.is_over
    assert results.alpha == 0.01


def test_secondary_metrics_are_described_and_never_decide() -> None:
    spent = metric(
        values([1, 2, 3] * 500, [4, 5, 6] * 500),
        kind=Kind.MEAN,
        role=MetricRole.SECONDARY,
        name="revenue per user",
    )
    results = results_of(measured(metric(EVEN), spent))
    assert results.verdict.code is Code.KEEP_RUNNING
    (shown,) = [each for each in results.comparisons if each.metric == "revenue per user"]
    assert shown.interval is not None
    assert shown.interval.low > 0
    assert shown.lift == pytest.approx(1.5)


def test_strata_are_compared_within_themselves() -> None:
    found = metric(shares((1000, 100), (200, 20)))
    found = replace(found, strata=(*found.strata, shares((200, 100), (1000, 500))))
    results = results_of(measured(found))
    (shown,) = results.comparisons
    assert shown.estimate == pytest.approx(0, abs=1e-12), "together they would differ by a lot"
    assert shown.lift == pytest.approx(0, abs=1e-12)
    assert shown.lift_interval is None


# Groups, pairs, factors


def test_groups_are_the_units_and_users_are_shown_beside() -> None:
    sums = values([1, 2, 3, 4] * 5, [2, 3, 4, 5] * 5)
    found = replace(
        metric(sums, kind=Kind.GROUPS, name="stars"),
        user_weighted=values([2], [3]),
        left_out={"a": 1},
    )
    results = results_of(measured(found, unit="groups", has_window=False))
    control, _ = results.variants
    assert control.metrics[0].n == 20
    assert control.metrics[0].user_weighted == 2
    assert control.metrics[0].left_out == 1
    assert "no window" in results.notes[0]


def test_users_under_both_conditions_are_compared_with_themselves() -> None:
    differences = {"b": Sums.of_values([1, 2, 1, 2, 3] * 10)}
    found = replace(metric(differences, kind=Kind.PAIRS, name="stars"), days={})
    results = results_of(
        measured(found, unit="users under both conditions", split_applies=False, has_window=False)
    )
    (shown,) = results.comparisons
    assert shown.units == 50
    assert shown.estimate == pytest.approx(1.8)
    assert check(results, "split").state is CheckState.UNKNOWN


LEVELS = [(0, 0), (0, 1), (1, 0), (1, 1)]
FACTORS = (Factor("colour", ("red", "blue")), Factor("size", ("small", "large")))
QUARTERS = (Decimal("0.25"),) * 4
CELLS = shares((800, 160), (800, 165), (800, 250), (800, 255))


def test_a_factorial_design_compares_the_levels_of_its_factors() -> None:
    found = measured(metric(CELLS), own_arms=arms(*QUARTERS, levels=LEVELS), factors=FACTORS)
    results = results_of(found)
    assert [each.variant for each in results.comparisons] == ["colour: blue", "size: large"]
    colour, size = results.comparisons
    assert colour.estimate == pytest.approx(0.1125)
    assert size.estimate == pytest.approx(0.00625)
    assert (colour.against, size.against) == ("colour: red", "size: small")
    assert results.verdict.variant == "colour: blue"


def test_or_its_conditions_if_the_plan_says_so() -> None:
    plan = replace(measured().plan, compares=ComparisonOf.CONDITIONS)
    found = measured(
        metric(CELLS), own_arms=arms(*QUARTERS, levels=LEVELS), factors=FACTORS, plan=plan
    )
    assert [each.variant for each in results_of(found).comparisons] == ["b", "c", "d"]


def test_an_empty_cell_leaves_no_effect() -> None:
    sums = {key: each for key, each in CELLS.items() if key != "d"}
    found = measured(metric(sums), own_arms=arms(*QUARTERS, levels=LEVELS), factors=FACTORS)
    assert all(each.estimate is None for each in results_of(found).comparisons)


# Checks


def test_a_broken_split_stops_everything() -> None:
    results = results_of(measured(metric(WON), enrolled={"a": 1500, "b": 1200}))
    assert results.verdict.code is Code.SPLIT_BROKEN
    broken = check(results, "split")
    assert broken.state is CheckState.BROKEN
    assert broken.p is not None
    assert results.variants[0].due == pytest.approx(1350)


def test_without_anybody_the_split_is_unknown_and_nothing_is_divided_by_zero() -> None:
    results = results_of(measured(metric(shares((0, 0), (0, 0)))))
    assert check(results, "split").state is CheckState.UNKNOWN
    assert results.verdict.code is Code.NEEDS_DATA
    assert results.variants[0].metrics[0].mean is None


def test_users_of_a_variant_of_weight_0_are_told() -> None:
    own = arms(Decimal("0.5"), Decimal("0.5"), Decimal(0))
    results = results_of(measured(metric(shares((1500, 300), (1500, 306), (7, 1))), own_arms=own))
    assert check(results, "weights").text.startswith("7 users")


def test_weights_that_changed_are_checked_stretch_by_stretch() -> None:
    first, second = {1: Decimal("0.9"), 2: Decimal("0.1")}, {1: Decimal("0.5"), 2: Decimal("0.5")}
    changed = START + timedelta(days=5, hours=3)
    run = run_of(measured().plan, HALVES)
    run = replace(run, weights=(WeightsSince(START, first), WeightsSince(changed, second)))
    days = {
        date(2026, 3, 2): {"a": 900, "b": 100},
        date(2026, 3, 6): {"a": 300, "b": 10, "of a condition that is gone": 5},
        date(2026, 3, 7): {"of a condition that is gone": 5},
        date(2026, 3, 8): {"a": 500, "b": 500},
    }
    found = measured(metric(EVEN), run=run)
    results = results_of(replace(found, enrolled=replace(found.enrolled, days=days)))
    assert check(results, "split").state is CheckState.FINE
    assert [each.due for each in results.variants] == pytest.approx([1400, 600])
    assert results.verdict.code is Code.KEEP_RUNNING
    assert "only the planned end decides" in results.verdict.text


def test_switching_a_variant_off_leaves_early_looks() -> None:
    own = arms(Decimal("0.5"), Decimal("0.5"), Decimal(0))
    thirds = {1: Decimal("0.4"), 2: Decimal("0.4"), 3: Decimal("0.2")}
    off = {1: Decimal("0.5"), 2: Decimal("0.5"), 3: Decimal(0)}
    run = run_of(measured().plan, HALVES)
    run = replace(run, weights=(WeightsSince(START, thirds), WeightsSince(START, off)))
    results = results_of(measured(metric(WON), run=run, own_arms=own))
    assert (
        results.verdict.code is not Code.KEEP_RUNNING or "planned end" not in results.verdict.text
    )


def test_the_day_of_a_change_belongs_to_no_stretch() -> None:
    since = [None, START + timedelta(days=5)]
    days = [date(2026, 2, 1), date(2026, 3, 6), date(2026, 3, 7)]
    assert [stretch_of(day, since) for day in days] == [0, None, 1]


def test_who_reports_differently_is_told_and_does_not_ship() -> None:
    spent = replace(
        metric(values([1, 2, 3] * 500, [3, 4, 5] * 500), kind=Kind.MEAN, name="score"),
        reports={"a": (1500, 2000), "b": (1500, 3500)},
    )
    results = results_of(measured(spent, enrolled={"a": 2000, "b": 2000}))
    assert results.verdict.code is Code.KEEP_RUNNING
    assert check(results, "who reports").state is CheckState.WARNING
    alike = replace(spent, reports={"a": (1500, 2000), "b": (1500, 2000)})
    fine = results_of(measured(alike, enrolled={"a": 2000, "b": 2000}))
    assert check(fine, "who reports").state is CheckState.FINE
    assert fine.verdict.code is Code.SHIP


@pytest.mark.parametrize(
    ("events", "word"), [(0, "own variant"), (1, "1 event was"), (2, "2 events")]
)
def test_foreign_events_are_told(events: int, word: str) -> None:
    results = results_of(measured(metric(EVEN), foreign_events=events))
    assert word in check(results, "foreign events").text


def test_a_plan_of_less_than_a_week_does_not_ship_by_waiting() -> None:
    plan = ResultPlan((CONVERSION,), ends_on=(START + timedelta(days=4)).date(), window=1)
    for after in (6, 8, 30):
        found = measured(metric(WON), plan=plan, after=after)
        results = results_of(replace(found, complete_until=found.now.date() - timedelta(days=2)))
        assert (results.is_over, results.full_days) == (True, 5)
        assert results.verdict.code is Code.INCONCLUSIVE


def test_a_week_has_to_be_over_before_anything_ships() -> None:
    # The window of the users of the last three days is not over.
    results = results_of(measured(metric(WON), after=9))
    assert results.verdict.code is Code.KEEP_RUNNING
    assert "6 of 7 days" in results.verdict.text
    assert results_of(measured(metric(WON), after=11)).verdict.code is Code.SHIP
    without = replace(measured(metric(WON), after=7), complete_until=None)
    assert results_of(without).verdict.code is Code.SHIP
    assert check(results, "full week").state is CheckState.WARNING


def test_what_is_not_complete_or_not_exact_is_told() -> None:
    results = results_of(measured(metric(EVEN), is_backfilled=False, is_exact=False))
    assert check(results, "complete").state is CheckState.WARNING
    assert "approximate" in check(results, "exact").text


def test_before_the_start_there_is_nothing_to_check() -> None:
    results = results_of(measured(metric(shares((0, 0), (0, 0))), started=False))
    assert check(results, "full week").state is CheckState.UNKNOWN
    assert results.full_days == 0
    assert results.started_at is None
    assert check(results, "split").state is CheckState.UNKNOWN


# Doubtful data


def test_sums_that_cannot_be_damage_their_metric_alone() -> None:
    impossible = replace(metric(EVEN), name="spent", kind=Kind.PROPORTION)
    impossible = replace(impossible, planned=replace(impossible.planned, role=MetricRole.SECONDARY))
    three = {"a": Sums(10, 20, 100), "b": Sums(10, 20, 100)}
    results = results_of(measured(metric(EVEN), replace(impossible, strata=(three,), days={})))
    damaged = results.metrics[1]
    assert damaged.damaged is not None
    assert check(results, "data").text == "Data damaged: the sums of spent cannot be."
    assert results.verdict.code is Code.KEEP_RUNNING


def test_a_damaged_primary_metric_decides_nothing() -> None:
    three = {"a": Sums(10, 20, 100), "b": Sums(10, 20, 100)}
    results = results_of(measured(replace(metric(EVEN), strata=(three,), days={})))
    assert results.verdict.code is Code.NO_COMPARISON
    assert results.variants[0].metrics[0].mean is None
    again = measured(metric(EVEN).without_sums("as before"))
    assert "damaged" in results_of(again).verdict.text


def test_what_is_only_described_decides_nothing() -> None:
    found = replace(metric(EVEN), described="a median has no interval here")
    results = results_of(measured(found))
    assert "a median has no interval here" in results.verdict.text
    assert check(results, "enough data").state is CheckState.UNKNOWN


@pytest.mark.parametrize(
    "sums",
    [
        shares((1, 0), (1, 1)),
        shares((500, 0), (500, 500)),
        values([0] * 200, [0] * 200),
        values([-(10**9)] * 150, [10**9] * 150),
        values([10**15, -(10**15)] * 100, [1, -1] * 100),
    ],
)
def test_no_number_is_infinite_or_none_at_all(sums: dict[str, Sums]) -> None:
    kind = Kind.PROPORTION if all(s.total == s.squares for s in sums.values()) else Kind.MEAN
    results = results_of(measured(metric(sums, kind=kind, name="score")))
    numbers = [
        number
        for each in results.comparisons
        for number in (each.estimate, each.p, each.lift, each.mean, each.control_mean)
        if number is not None
    ]
    assert all(math.isfinite(number) for number in numbers)


# Series


def days_of(*counts: tuple[tuple[int, int], tuple[int, int]]) -> dict[date, dict[str, Sums]]:
    return {START.date() + timedelta(days=i): shares(*each) for i, each in enumerate(counts)}


def test_each_day_and_week_has_what_was_known_at_its_end() -> None:
    of_days = days_of(*[((100, 20), (100, 25))] * 9)
    found = measured(metric(shares((900, 180), (900, 225)), days=of_days))
    new = {day: {"a": 100, "b": 100} for day in of_days}
    found = replace(
        found,
        enrolled=replace(found.enrolled, days=new),
        complete_until=START.date() + timedelta(days=7),
    )
    results = results_of(found)
    assert len(results.days) == 9
    assert [day.so_far["a"] for day in results.days] == [100 * n for n in range(1, 10)]
    assert [day.is_open for day in results.days] == [False] * 8 + [True]
    (last,) = results.days[-1].points
    (shown,) = results.comparisons
    assert last.estimate == pytest.approx(shown.estimate)
    assert last.interval is not None
    assert [week.new["a"] for week in results.weeks] == [700, 200]
    assert results.weeks[0].points == results.days[6].points


def test_days_on_which_nobody_came_repeat_what_was_known() -> None:
    first, last = START.date(), START.date() + timedelta(days=3)
    own = {first: shares((100, 20), (100, 25)), last: shares((100, 20), (100, 25))}
    results = results_of(measured(metric(EVEN, days=own)))
    assert len(results.days) == 4
    assert results.days[1].points == results.days[0].points
    assert results.days[1].new == {"a": 0, "b": 0}


def test_a_series_of_scaled_sums_is_in_the_unit_of_the_metric() -> None:
    plain = metric(values([0, 2] * 60, [1, 3] * 60), kind=Kind.MEAN, name="spent")
    own = {day: (scaled(*strata),) for day, strata in plain.days.items()}
    points = [
        results_of(measured(each)).days[0].points[0]
        for each in (plain, replace(plain, days=own, scale=10))
    ]
    assert points[1].estimate == pytest.approx(points[0].estimate)
    assert points[1].interval is not None
    assert points[0].interval is not None
    assert points[1].interval.low == pytest.approx(points[0].interval.low)


def scaled(sums: Mapping[str, Sums]) -> dict[str, Sums]:
    """The sums of ten times the values."""
    return {
        key: Sums(own.n, 10 * own.total, 100 * own.squares, 1000 * (own.cubes or 0))
        for key, own in sums.items()
    }


def test_readings_of_all_that_was_there_are_a_series_too() -> None:
    own = {START.date() + timedelta(days=i): shares((100 * i, 20 * i), (90, 18)) for i in (1, 2)}
    found = replace(metric(shares((200, 40), (90, 18)), days=own), cumulative=True)
    results = results_of(measured(found))
    assert results.days[-1].points[0].estimate == pytest.approx(0)
    empty = {START.date(): (shares((0, 0), (0, 0)),), **found.days}
    assert results_of(measured(replace(found, days=empty))).days[0].points[0].estimate is None
    same = replace(metric(values([1] * 9, [1] * 9), kind=Kind.MEAN, name="s"), cumulative=True)
    assert results_of(measured(same)).days[0].points[0].interval is None


def test_a_reading_that_cannot_be_leaves_a_gap_in_the_series_and_nothing_else() -> None:
    sums = values([1, 2, 3, 4] * 50, [2, 3, 4, 5] * 50)
    cubes = {key: replace(each, cubes=10**12) for key, each in sums.items()}
    first, last = START.date(), START.date() + timedelta(days=1)
    read = replace(metric(sums, kind=Kind.MEAN, days={first: cubes, last: sums}), cumulative=True)
    results = results_of(measured(read))
    assert [day.points[0].estimate for day in results.days] == [None, pytest.approx(1)]
    assert results.metrics[0].damaged is None


def test_pairs_and_levels_have_no_series_of_enrollment_days() -> None:
    found = measured(metric(CELLS), own_arms=arms(*QUARTERS, levels=LEVELS), factors=FACTORS)
    assert all(day.points == () for day in results_of(found).days)


def test_an_experiment_of_many_years_shows_the_last_days() -> None:
    old = {date(2010, 1, 1): shares((1, 0), (1, 1)), date(2026, 3, 1): EVEN}
    assert len(results_of(measured(metric(EVEN, days=old))).days) == 1_100


def test_without_any_day_there_is_no_series() -> None:
    found = measured(metric(shares((0, 0), (0, 0)), days={}))
    results = results_of(replace(found, enrolled=replace(found.enrolled, days={})))
    assert (results.days, results.weeks) == ((), ())


def test_a_capped_metric_says_whom_it_capped() -> None:
    capped = metric(values([1, 2, 3] * 500, [1, 2, 4] * 500), kind=Kind.MEAN, name="spent")
    capped = replace(
        capped, planned=replace(capped.planned, cap=Decimal(4)), capped={"a": 15, "b": 30}
    )
    results = results_of(measured(capped))
    assert [each.metrics[0].capped for each in results.variants] == [0.01, 0.02]


def test_the_series_is_that_of_one_metric() -> None:
    spent = metric(values([1, 2], [3, 4]), kind=Kind.MEAN, role=MetricRole.SECONDARY, name="spent")
    found = measured(metric(EVEN), spent)
    shown = {point.metric for day in results_of(found).days for point in day.points}
    assert shown == {"conversion"}
    asked = {p.metric for day in results_of(found, None, "spent").days for p in day.points}
    assert asked == {"spent"}
    with pytest.raises(Invalid, match="'unheard of' is none of conversion, spent"):
        results_of(found, None, "unheard of")


# Units of the plan


@pytest.mark.parametrize(
    ("plan", "kind", "units"),
    [
        (ResultPlan(units=400), Kind.PROPORTION, 400),
        (ResultPlan(), Kind.PROPORTION, 5000),
        (ResultPlan(), Kind.GROUPS, 100),
        (
            ResultPlan(smallest_effect=Decimal("0.05"), expected_mean=Decimal("0.2")),
            Kind.PROPORTION,
            2 * 1090.994283074524,
        ),
        (
            ResultPlan(smallest_effect=Decimal("0.5"), expected_mean=Decimal("0.9")),
            Kind.PROPORTION,
            5000,
        ),
        (ResultPlan(smallest_effect=Decimal(1)), Kind.MEAN, 5000),
        (
            ResultPlan(smallest_effect=Decimal("1e-6"), expected_spread=Decimal(10) ** 5),
            Kind.MEAN,
            10**15,
        ),
        (ResultPlan(smallest_effect=Decimal(10) ** 6, expected_spread=Decimal(1)), Kind.MEAN, 1),
        (
            ResultPlan(smallest_effect=Decimal("0.1"), expected_mean=Decimal("1.2")),
            Kind.PROPORTION,
            5000,
        ),
        (ResultPlan(smallest_effect=Decimal(1), expected_spread=Decimal(2)), Kind.MEAN, 125.58),
    ],
)
def test_planned_units_come_from_the_plan_alone(plan: ResultPlan, kind: Kind, units: float) -> None:
    found = MeasuredMetric(metric(EVEN, kind=kind).planned, "m", kind)
    assert engine_plan(measured(found, plan=plan), 1).n_star == pytest.approx(units, rel=1e-4)


def test_without_a_metric_there_is_still_a_plan() -> None:
    assert engine_plan(measured(plan=ResultPlan(smallest_effect=Decimal(1))), 0).comparisons == 1
