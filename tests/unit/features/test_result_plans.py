from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.domain.experiments.experiments import CompleteCondition, State
from chalicelib.domain.features.features import Feature
from chalicelib.domain.features.result_plans import (
    METRICS_PER_FEATURE,
    OPEN_WINDOW,
    WINDOW_DAYS,
    ComparisonOf,
    Measure,
    MetricRole,
    PlannedMetric,
    ResultPlan,
    check_plan,
    default_window,
    named,
)
from chalicelib.domain.features.runs import (
    PAST_END,
    PlanChange,
    Run,
    WeightsSince,
    in_force,
    keeps_ratio,
    replanned,
    reweighted,
)
from chalicelib.domain.statistics.plan import Direction, Mode
from tests.fakes.memory import START
from tests.unit.samples import feature, variant
from tests.unit.upgrade_samples import design

REVENUE = PlannedMetric("revenue", role=MetricRole.PRIMARY)
HALVES = {1: Decimal("0.5"), 2: Decimal("0.5")}
LATER = START + timedelta(days=3)


def plan(*metrics: PlannedMetric, **more: Any) -> ResultPlan:
    return ResultPlan(metrics, **more)


def run(**more: Any) -> Run:
    fixed: dict[str, Any] = {"ends_on": date(2026, 1, 31), "window": 4, **more}
    return Run(START, ResultPlan(**fixed), (WeightsSince(START, HALVES),))


# What a plan may say


@pytest.mark.parametrize(
    "sound",
    [
        plan(),
        plan(REVENUE),
        plan(REVENUE, PlannedMetric("revenue", Measure.CONVERSION)),
        plan(replace(REVENUE, cap=Decimal(10**5)), smallest_effect=Decimal(5)),
        plan(REVENUE, PlannedMetric("a" * 64, role=MetricRole.GUARDRAIL, margin=Decimal(0))),
        plan(smallest_effect=Decimal("0.99"), expected_mean=Decimal("0.01"), units=2, window=1),
        plan(REVENUE, expected_mean=Decimal(-7), expected_spread=Decimal("0.1")),
        plan(units=10**12, window=WINDOW_DAYS),
    ],
)
def test_a_plan_may_leave_everything_open_or_name_its_metrics(sound: ResultPlan) -> None:
    check_plan(sound)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (plan(REVENUE, replace(REVENUE, role=MetricRole.SECONDARY)), "same name and measure"),
        (plan(REVENUE, PlannedMetric("b", role=MetricRole.PRIMARY)), "only one"),
        (plan(PlannedMetric("b")), "one must have the role primary"),
        (plan(replace(REVENUE, name="")), "name: from 1 to 64"),
        (plan(replace(REVENUE, name="a" * 65)), "name: from 1 to 64"),
        (plan(replace(REVENUE, name="conversion")), "stands for events without a name"),
        (plan(replace(REVENUE, name="events")), "stands for events without a name"),
        (plan(replace(REVENUE, cap=Decimal(0))), "cap: more than 0"),
        (plan(replace(REVENUE, cap=Decimal(100001))), "cap: more than 0"),
        (plan(replace(REVENUE, name=None, cap=Decimal(1))), "cap: only for a metric"),
        (
            plan(
                replace(REVENUE, cap=Decimal(2)), replace(REVENUE, measure=Measure.CONVERSION,
                role=MetricRole.SECONDARY)
            ),
            "cap: the same for all measures",
        ),
        (plan(replace(REVENUE, margin=Decimal(1))), "margin: only for a guardrail"),
        (
            plan(REVENUE, PlannedMetric("b", role=MetricRole.GUARDRAIL, margin=Decimal(-1))),
            "margin: at least 0",
        ),
        (plan(smallest_effect=Decimal(0)), "smallest_effect: more than 0"),
        (plan(smallest_effect=Decimal(1)), "below 1"),
        (plan(expected_mean=Decimal(0)), "a rate"),
        (plan(expected_mean=Decimal(1)), "a rate"),
        (plan(expected_spread=Decimal(0)), "expected_spread: more than 0"),
        (plan(units=1), "units: from 2"),
        (plan(units=10**12 + 1), "units: from 2"),
        (plan(window=0), "window: from 1 to 90"),
        (plan(window=91), "window: from 1 to 90"),
    ],
)  # fmt: skip
def test_a_plan_that_makes_no_sense_is_refused(wrong: ResultPlan, reason: str) -> None:
    with pytest.raises(Invalid, match=reason):
        check_plan(wrong)


# Names of metrics and their numbers


def test_names_are_numbered_in_the_order_in_which_they_were_first_planned() -> None:
    first = named(plan(REVENUE, PlannedMetric(None), PlannedMetric("clicks")), None)
    assert first.metric_ids == {"revenue": 1, "clicks": 2}
    assert first.primary == REVENUE
    again = named(plan(PlannedMetric("time", role=MetricRole.PRIMARY)), first)
    assert again.metric_ids == {"revenue": 1, "clicks": 2, "time": 3}
    assert named(plan(), again).metric_ids == again.metric_ids


def test_a_cap_outlives_the_metric_and_cannot_be_changed() -> None:
    capped = replace(REVENUE, cap=Decimal("9.5"))
    first = named(plan(capped), None)
    left = named(plan(), first)
    assert (first.metric_caps, left.metric_caps) == ({"revenue": Decimal("9.5")},) * 2
    assert named(plan(capped), left).metric_caps == first.metric_caps
    with pytest.raises(Invalid, match=r"fixed as 9\.5"):
        named(plan(REVENUE), left)
    with pytest.raises(Invalid, match="fixed as none"):
        named(plan(capped), named(plan(REVENUE), None))


def test_a_feature_has_so_many_names_in_its_life() -> None:
    before: ResultPlan | None = None
    for number in range(METRICS_PER_FEATURE):
        before = named(plan(PlannedMetric(f"m{number}")), before)
    with pytest.raises(Invalid, match="at most 20 names of metrics in its life, these are 21"):
        named(plan(REVENUE), before)


# What is fixed at the start


@pytest.mark.parametrize(
    ("days", "window"), [(1, 1), (7, 1), (8, 2), (14, 3), (27, 6), (28, 7), (365, 7), (None, 7)]
)
def test_the_window_is_a_quarter_of_the_plan_from_1_to_7_days(
    days: int | None, window: int
) -> None:
    start = date(2026, 1, 1)
    end = None if days is None else start + timedelta(days=days - 1)
    assert default_window(start, end) == window


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"metrics": (REVENUE,)}, "the primary metric"),
        (
            {"metrics": (PlannedMetric(None, Measure.CONVERSION, Direction.DECREASE,
                MetricRole.PRIMARY),)},
            "its direction",
        ),
        ({"smallest_effect": Decimal("0.1")}, "the smallest effect that matters"),
        ({"window": 5}, "the window"),
        ({"is_aa": True}, "whether this is an A/A test"),
        ({"compares": ComparisonOf.CONDITIONS}, "what is compared"),
        ({"missing_as_zero": True}, "what is compared"),
    ],
)  # fmt: skip
def test_what_must_not_change_after_the_start_forbids_a_verdict_once_it_did(
    change: dict[str, Any], what: str
) -> None:
    begun = run()
    changed = replanned(begun, replace(begun.plan, **change), LATER)
    assert changed.changes == (PlanChange(LATER, what),)
    assert changed.plan == begun.plan, "what was fixed stays"
    assert not changed.moved
    assert replanned(changed, replace(begun.plan, **change), LATER + timedelta(1)) == changed
    assert replanned(changed, begun.plan, LATER) == changed, "there is no way back"


def test_what_a_plan_leaves_open_is_no_change() -> None:
    begun = run()
    assert replanned(begun, replace(begun.plan, window=None, ends_on=None), LATER) == begun
    assert replanned(begun, replace(begun.plan, units=50), LATER) == begun


def test_an_end_that_moves_is_noted_once_and_forbids_nothing() -> None:
    begun = run()
    moved = replanned(begun, replace(begun.plan, ends_on=date(2026, 2, 7)), LATER)
    assert moved.changes == (PlanChange(LATER, "the planned end", forbids=False),)
    assert (begun.mode, moved.mode) == (Mode.PLANNED, Mode.MOVED)
    again = replanned(moved, replace(begun.plan, ends_on=date(2026, 3, 7)), LATER)
    assert again == moved


def test_an_end_that_is_past_cannot_be_moved() -> None:
    later = ResultPlan(ends_on=date(2026, 2, 28), window=4)
    found = replanned(run(), later, LATER, over=True)
    assert (found.mode, found.moved) == (Mode.PLANNED, False)
    assert found.changes == (PlanChange(LATER, PAST_END, forbids=False),)
    assert in_force(later, found).ends_on == date(2026, 1, 31)
    moved = replanned(run(), later, LATER)
    assert (moved.mode, in_force(later, moved).ends_on) == (Mode.MOVED, date(2026, 2, 28))


def test_an_end_is_past_when_the_window_of_its_last_users_is_over() -> None:
    ends_on = START.date() + timedelta(days=9)
    begun = feature(7, end=ends_on, variants=(variant(1, 7), variant(2, 7))).begun(START)
    assert begun.run is not None
    days = ends_on - START.date() + timedelta(days=begun.window)
    for at, is_over in ((START + days, False), (START + days + timedelta(days=1), True)):
        again = replace(begun, end_date=ends_on + timedelta(days=30)).begun(at)
        assert again.run is not None
        assert again.run.moved is not is_over


def test_an_end_that_is_planned_after_an_open_start_has_not_moved() -> None:
    begun = run(ends_on=None)
    later = replanned(begun, replace(begun.plan, ends_on=date(2026, 2, 7)), LATER)
    assert (begun.mode, later.mode) == (Mode.OPEN, Mode.OPEN)
    assert [change.what for change in later.changes] == ["the planned end"]
    counted = replanned(begun, replace(begun.plan, units=50), LATER)
    assert (counted.mode, counted.changes) == (Mode.OPEN, later.changes)


def test_units_without_a_last_day_are_an_end_that_may_move() -> None:
    begun = run(ends_on=None, units=50)
    assert begun.mode is Mode.PLANNED
    for after in (
        replace(begun.plan, units=60),
        replace(begun.plan, ends_on=date(2026, 2, 7)),
        replace(begun.plan, units=None, ends_on=date(2026, 2, 7)),
    ):
        moved = replanned(begun, after, LATER)
        assert moved.mode is Mode.MOVED
        assert moved.changes == (PlanChange(LATER, "the planned end", forbids=False),)


def test_other_weights_make_another_stretch() -> None:
    begun = run()
    assert reweighted(begun, dict(HALVES), LATER) is begun
    other = {1: Decimal("0.9"), 2: Decimal("0.1")}
    changed = reweighted(begun, other, LATER)
    assert changed.weights == (WeightsSince(START, HALVES), WeightsSince(LATER, other))


@pytest.mark.parametrize(
    ("after", "keeps"),
    [
        ({1: "0.2", 2: "0.3", 3: "0.5"}, True),
        ({1: "0.4", 2: "0.6", 3: "0"}, True),
        ({1: "1", 2: "0", 3: "0"}, True),
        ({1: "0.5", 2: "0.5", 3: "0"}, False),
        ({1: "0", 2: "0", 3: "0"}, False),
        ({1: "0.5", 4: "0.5"}, False),
    ],
)
def test_switching_variants_off_keeps_the_ratio_of_the_others(
    after: dict[int, str], keeps: bool
) -> None:
    before = {1: Decimal("0.2"), 2: Decimal("0.3"), 3: Decimal("0.5")}
    assert keeps_ratio(before, {key: Decimal(weight) for key, weight in after.items()}) is keeps


# Features


def running(**more: Any) -> Feature:
    return replace(feature(1, variants=(variant(1, 1), variant(2, 1))), **more)


def test_an_experiment_begins_when_it_runs_within_its_dates() -> None:
    begun = running().begun(START)
    assert begun.run is not None
    assert begun.run.started_at == START
    assert begun.run.plan == ResultPlan(ends_on=date(2026, 12, 31), window=7)
    assert begun.run.weights == (WeightsSince(START, {1: Decimal(1), 2: Decimal(1)}),)
    assert begun.begun(LATER) is begun


@pytest.mark.parametrize(
    "not_yet",
    [
        running(is_running=False),
        running(variants=()),
        running(start_date=START.date() + timedelta(1)),
        running(end_date=START.date() - timedelta(1)),
        replace(running(), type=feature(1).type.__class__(2)),
    ],
)
def test_what_does_not_run_has_not_begun(not_yet: Feature) -> None:
    assert not_yet.begun(START) is not_yet


def test_what_changes_after_the_start_is_noted_in_the_run() -> None:
    begun = running().begun(START)
    later = replace(begun, end_date=date(2026, 6, 30), plan=ResultPlan(window=3)).begun(LATER)
    assert later.run is not None
    assert [each.what for each in later.run.changes] == ["the window", "the planned end"]
    assert (later.run.moved, later.window) == (True, 7), "the window of the start stays in force"
    assert later.begun(LATER) is later


def test_a_window_is_that_of_the_plan_else_of_the_start_else_of_the_dates() -> None:
    short = running(end_date=date(2026, 1, 14))
    assert short.window == 3
    assert replace(short, plan=ResultPlan(window=9)).window == 9
    assert replace(short, plan=ResultPlan(ends_on=date(2026, 1, 4))).window == 1
    begun = short.begun(START - timedelta(days=2))
    longer = replace(begun, end_date=date(2026, 12, 31))
    assert (longer.window, longer.effective_plan().window) == (3, 3)
    fixed = replace(begun.run or run(), plan=ResultPlan())
    assert replace(begun, run=fixed).window == OPEN_WINDOW


def test_an_experiment_of_upgrade_begins_with_its_state_and_ends_as_it_says() -> None:
    made = design()
    idle = Feature.of_design(1, replace(made, started_at=None), 1)
    assert idle.begun(START) is idle
    started = replace(made, state=State.ENROLLING, started_at=START, end_on=None)
    begun = Feature.of_design(1, started, 1).begun(START)
    assert begun.run is not None
    assert (begun.mode, begun.window) == (Mode.OPEN, OPEN_WINDOW)
    ending = replace(started, end_on="2026-02-03T10:00:00.000Z")
    assert Feature.of_design(1, ending, 1).planned_end == date(2026, 2, 3)
    planned = Feature.of_design(1, ending, 1, ResultPlan(ends_on=date(2026, 3, 1)))
    assert planned.planned_end == date(2026, 3, 1)
    assert planned.metric_ids == {}
    weights = Feature.of_design(1, started, 1, begun.plan, begun.run).begun(LATER)
    assert weights.run == begun.run


def test_the_number_at_which_enrollment_ends_is_fixed_at_the_start() -> None:
    def holding(complete: CompleteCondition, run: Run | None = None) -> Feature:
        made = replace(design(), state=State.ENROLLING, started_at=START, end_on=None)
        made = replace(made, complete_condition=complete)
        return Feature.of_design(1, made, 1, None, run).begun(START)

    begun = holding(CompleteCondition(user_count=200))
    assert len(begun.variants) == 2
    assert begun.run is not None
    assert (begun.mode, begun.run.plan.units) == (Mode.PLANNED, 200)
    later = holding(CompleteCondition(user_count=900), begun.run)
    assert later.run is not None
    assert (later.mode, later.run.plan.units) == (Mode.MOVED, 200)
    assert later.effective_plan().units == 900
    of_groups = holding(CompleteCondition(group_count=3))
    assert of_groups.mode is Mode.OPEN, "a number of groups ends no experiment on users"
