from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.domain.statistics.distributions import normal_quantile, t_upper_quantile
from chalicelib.domain.statistics.estimates import ArmEstimate, Contrast, Kind
from chalicelib.domain.statistics.intervals import (
    Interval,
    Lift,
    NoLift,
    adjusted_lift,
    fieller,
    lift,
    non_inferiority,
    statistic,
    welch,
    wilson,
)
from chalicelib.domain.statistics.plan import (
    Direction,
    Mode,
    Plan,
    guardrail_interval,
    judge,
    judge_secondary,
    planned_units,
)
from chalicelib.domain.statistics.sequences import Anytime, Once, mixing, p_text, stretch
from tests.unit.statistics.samples import PLANNED, rate, rates, there

CONTRAST = rates((3_000, 300), (3_000, 372))
STILL = Contrast(0.0, 0.0, 10.0, 12)
FEW = Contrast(1.0, 0.25, 18.0, 20, kind=Kind.GROUPS)


def test_what_does_not_vary_has_no_interval_and_no_test() -> None:
    assert welch(STILL) is None
    assert non_inferiority(STILL, 1.0) is None
    assert statistic(replace(STILL, estimate=1e300, variance=1e-300)) is None
    for ended in (False, True):
        found = judge(STILL, PLANNED, ended=ended)
        assert (found.interval, found.log_p, found.p) == (None, 0.0, 1.0)


@pytest.mark.parametrize("margin", [-0.1, math.nan, math.inf])
def test_a_margin_is_not_negative(margin: float) -> None:
    with pytest.raises(Invalid, match="margin"):
        non_inferiority(CONTRAST, margin)


def test_a_rate_of_nobody_has_no_interval() -> None:
    assert wilson(0, 0) is None
    with pytest.raises(Invalid, match="converters"):
        wilson(4, 3)


def test_a_rate_near_1_mirrors_one_near_0() -> None:
    low, high = there(wilson(1, 500)), there(wilson(499, 500))
    assert high.low == pytest.approx(1 - low.high, rel=1e-14)
    assert high.high == pytest.approx(1 - low.low, rel=1e-14)


def test_a_lift_is_relative_to_control_with_the_multiple_that_decides() -> None:
    found = lift(rate(3_000, 300), rate(3_000, 372), 2.0543)
    assert isinstance(found, Lift)
    assert found.estimate == pytest.approx(0.24, rel=1e-12)
    assert found.interval == fieller(rate(3_000, 300), rate(3_000, 372), 2.0543)


@pytest.mark.parametrize(
    ("control", "variant", "reason"),
    [
        (ArmEstimate(9, -1.0, 0.1, 8), ArmEstimate(9, 1.0, 0.1, 8), NoLift.NEGATIVE_CONTROL),
        (ArmEstimate(9, 1.0, 0.0, 8), ArmEstimate(9, 1.0, 0.0, 8), NoLift.NO_VARIANCE),
        (ArmEstimate(9, 1.0, 1.0, 8), ArmEstimate(9, 1.0, 0.1, 8), NoLift.UNCLEAR_CONTROL),
        (ArmEstimate(9, 0.0, 0.1, 8), ArmEstimate(9, 1.0, 0.1, 8), NoLift.UNCLEAR_CONTROL),
        (ArmEstimate(9, 1e-200, 0.0, 8), ArmEstimate(9, 1e149, 0.1, 8), NoLift.UNCLEAR_CONTROL),
    ],
)
def test_without_a_clear_control_there_is_no_lift(
    control: ArmEstimate, variant: ArmEstimate, reason: NoLift
) -> None:
    assert lift(control, variant, 2.0) is reason


def test_the_lift_of_strata_and_pairs_has_no_interval() -> None:
    assert adjusted_lift(CONTRAST, rate(3_000, 300)) == Lift(CONTRAST.estimate / 0.1, None)
    below = ArmEstimate(9, -1.0, 0.1, 8)
    assert adjusted_lift(CONTRAST, below) is NoLift.NEGATIVE_CONTROL
    assert adjusted_lift(CONTRAST, replace(below, mean=0.0)) is NoLift.UNCLEAR_CONTROL


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_star": 0.5},
        {"n_star": math.nan},
        {"n_star": math.inf},
        {"comparisons": 0},
        {"mde": 0.0},
        {"mde": -1.0},
        {"mde": math.inf},
    ],
)
def test_a_plan_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        Plan(**{"mode": Mode.PLANNED, "n_star": 6_000, **wrong})


def test_planned_units_are_those_of_the_plan_or_a_default() -> None:
    assert planned_units(Kind.MEAN, 700) == 700
    assert planned_units(Kind.RATIO) == 5_000
    assert planned_units(Kind.GROUPS) == planned_units(Kind.PAIRS) == 100


@pytest.mark.parametrize(
    ("plan", "ended", "boundary"),
    [
        (PLANNED, False, Anytime(0.01, mixing(0.01, 6_000))),
        (PLANNED, True, Once(0.04)),
        (replace(PLANNED, comparisons=3), True, Once(0.04, 3)),
        (replace(PLANNED, mode=Mode.OPEN), True, Anytime(0.05, mixing(0.05, 6_000))),
        (replace(PLANNED, mode=Mode.MOVED), True, Anytime(0.05, mixing(0.01, 6_000))),
        (replace(PLANNED, is_aa=True), True, Anytime(0.01, mixing(0.01, 6_000))),
        (replace(PLANNED, mode=Mode.OPEN, is_aa=True), False, Anytime(0.01, mixing(0.01, 6_000))),
    ],
)
def test_the_plan_says_which_boundary_decides(
    plan: Plan, ended: bool, boundary: Anytime | Once
) -> None:
    assert plan.boundary(ended) == boundary


def test_comparisons_share_the_level_and_multiply_p() -> None:
    alone, shared = judge(CONTRAST, PLANNED), judge(CONTRAST, replace(PLANNED, comparisons=3))
    assert shared.log_p == pytest.approx(alone.log_p + math.log(3), rel=1e-12)
    assert shared.multiple > alone.multiple
    at_the_end = judge(CONTRAST, replace(PLANNED, comparisons=3), ended=True)
    assert at_the_end.multiple == t_upper_quantile(0.04 / 6, CONTRAST.df)
    one = judge(CONTRAST, PLANNED, ended=True)
    assert at_the_end.p == pytest.approx(3 * one.p, rel=1e-12)


def test_few_units_widen_the_interval_and_its_p_alike() -> None:
    factor = stretch(0.01, 18.0)
    assert factor == t_upper_quantile(0.005, 18) / -normal_quantile(0.005)
    many = replace(FEW, kind=Kind.MEAN)
    assert judge(FEW, PLANNED).multiple == pytest.approx(
        factor * judge(many, PLANNED).multiple, rel=1e-12
    )
    stretched = replace(many, variance=many.variance * factor**2)
    assert judge(FEW, PLANNED).log_p == pytest.approx(judge(stretched, PLANNED).log_p, rel=1e-12)


def test_secondary_metrics_share_five_percent() -> None:
    found = judge_secondary(CONTRAST, PLANNED, 4)
    expected = Anytime(0.05, mixing(0.05, 6_000), 4)
    assert (found.multiple, found.alpha) == (expected.multiple(CONTRAST), 0.05)


def test_guardrails_share_two_percent_and_have_five_at_the_end() -> None:
    early = there(guardrail_interval(CONTRAST, PLANNED, 3))
    multiple = Anytime(0.02, mixing(0.02, 6_000), 3).multiple(CONTRAST)
    assert early == Interval.around(CONTRAST, multiple)
    final = guardrail_interval(CONTRAST, PLANNED, 3, ended=True)
    assert final == Interval.around(CONTRAST, t_upper_quantile(0.05, CONTRAST.df))
    moved = replace(PLANNED, mode=Mode.MOVED)
    assert guardrail_interval(CONTRAST, moved, 3, ended=True) == early


def test_a_direction_turns_an_interval() -> None:
    assert Interval(-1, 3).oriented(Direction.INCREASE.sign) == Interval(-1, 3)
    assert Interval(-1, 3).oriented(Direction.DECREASE.sign) == Interval(-3, 1)


@pytest.mark.parametrize(
    ("p", "text"),
    [(1.0, "1"), (0.5, "0.5"), (0.012345, "0.0123"), (0.00012, "0.00012"), (9e-5, "< 0.0001")],
)
def test_small_p_values_are_written_as_such(p: float, text: str) -> None:
    assert p_text(math.log(p)) == text
