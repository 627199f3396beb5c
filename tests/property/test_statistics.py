"""Laws of the statistics that hold for any sums, however hostile."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass, replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from chalicelib.domain.statistics.decision import Candidate, Code, Situation, decide
from chalicelib.domain.statistics.distributions import (
    beta_cdf,
    chi2_quantile,
    chi2_sf,
    normal_cdf,
    normal_quantile,
    t_cdf,
    t_quantile,
)
from chalicelib.domain.statistics.estimates import (
    ArmEstimate,
    Contrast,
    Kind,
    Stratum,
    arm,
    pairs,
    post_stratified,
    proportion,
    two_arms,
)
from chalicelib.domain.statistics.horizon import cumulated, days_to_decision, series
from chalicelib.domain.statistics.intervals import (
    Interval,
    Lift,
    fieller,
    lift,
    non_inferiority,
    welch,
    wilson,
)
from chalicelib.domain.statistics.plan import (
    Direction,
    Guardrail,
    Mode,
    Plan,
    guardrail_interval,
    judge,
)
from chalicelib.domain.statistics.sentences import Measure
from chalicelib.domain.statistics.split_check import Stretch, check_split
from chalicelib.domain.statistics.sufficiency import lacks
from chalicelib.domain.statistics.sums import DamagedSums, RatioSums, Sums

values = st.lists(st.decimals(-(10**5), 10**5, places=4), max_size=30)
measured = st.lists(st.decimals(-(10**5), 10**5, places=4), min_size=2, max_size=30)
levels = st.floats(1e-6, 0.999)
plans = st.builds(
    Plan,
    st.sampled_from(Mode),
    st.floats(1, 1e12),
    st.integers(1, 19),
    st.sampled_from(Direction),
    st.none() | st.floats(1e-6, 1e6),
    st.booleans(),
    st.booleans(),
)


@st.composite
def counted(draw: st.DrawFn, least: int = 0) -> Sums:
    n = draw(st.integers(least, 10**9) | st.integers(least, 300))
    return Sums.of_converters(n, draw(st.integers(0, n)))


def are_finite(found: object) -> bool:
    """Whether no float in it, at any depth, is NaN or infinite."""
    if isinstance(found, float):
        return math.isfinite(found)
    if is_dataclass(found):
        return all(are_finite(getattr(found, field.name)) for field in fields(found))
    if isinstance(found, tuple | list):
        return all(are_finite(each) for each in found)
    return True


@given(values, st.integers(0, 30))
def test_sums_add_up_however_values_are_split(numbers: list[Decimal], at: int) -> None:
    whole = Sums.of_values(numbers)
    parts = [Sums.of_values(numbers[:at]), Sums.of_values(numbers[at:])]
    assert parts[0] + parts[1] == Sums.together(parts) == whole


@given(measured)
def test_figures_of_sums_are_those_of_the_values(numbers: list[Decimal]) -> None:
    sums = Sums.of_values(numbers)
    exactly = [Fraction(number) for number in numbers]
    mean = sum(exactly) / len(exactly)
    second = sum((x - mean) ** 2 for x in exactly)
    third = sum((x - mean) ** 3 for x in exactly)
    assert sums.mean == float(mean)
    assert sums.variance == float(second / (len(exactly) - 1))
    if second:
        n = len(exactly)
        expected = float(third / n) / float(second / n) ** 1.5
        assert sums.skewness == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(measured, st.integers(-(10**12), 10**12))
def test_variance_does_not_move_with_the_values(numbers: list[Decimal], by: int) -> None:
    moved = Sums.of_values([Fraction(number) + by for number in numbers])
    assert moved.variance == Sums.of_values(numbers).variance
    assert moved.skewness == Sums.of_values(numbers).skewness


@given(
    st.floats(0.01, 1e6),
    st.floats(0, 0.95),
    st.floats(-3, 5),
    st.floats(0, 2),
    st.floats(0.5, 6),
)
def test_fieller_contains_0_exactly_when_the_absolute_interval_does(
    mean: float, doubt: float, change: float, spread: float, multiple: float
) -> None:
    control = ArmEstimate(50, mean, (doubt * mean / multiple) ** 2, 49)
    variant = ArmEstimate(50, mean * change, (spread * mean / multiple) ** 2, 49)
    relative, contrast = fieller(control, variant, multiple), two_arms(control, variant)
    assert relative is not None
    assert contrast is not None
    absolute = Interval.around(contrast, multiple)
    if absolute is None:
        assert doubt * spread < 1e-100
        return
    edge = min(abs(absolute.low), abs(absolute.high))
    if edge > 1e-9 * max(contrast.error, mean):
        assert (relative.low <= 0 <= relative.high) is (absolute.low <= 0 <= absolute.high)


@given(counted(2), counted(2), plans, st.booleans(), st.integers(0, 30))
def test_verdict_and_interval_agree(
    control: Sums, variant: Sums, plan: Plan, ended: bool, days: int
) -> None:
    of_control, of_variant = (arm(Kind.PROPORTION, each) for each in (control, variant))
    contrast = two_arms(of_control, of_variant, Kind.PROPORTION)
    assert contrast is not None
    judgement = judge(contrast, plan, ended=ended)
    assert judgement.interval is not None
    is_apart = not judgement.interval.low <= 0 <= judgement.interval.high
    if abs(judgement.log_p - math.log(judgement.alpha)) > 1e-9:
        assert (judgement.log_p < math.log(judgement.alpha)) is is_apart
    lacking = lacks(Kind.PROPORTION, contrast, control, variant)
    candidate = Candidate("B", judgement, 0.1, 0.2, lacking)
    split = check_split([])
    units = contrast.units
    verdict = decide(
        Situation(plan, Measure("Rate", True), "A", split, (candidate,), units, days, ended, days)
    )
    oriented = judgement.interval.oriented(plan.direction.sign)
    if lacking:
        assert verdict.code in (Code.NEEDS_DATA, Code.ENDED_WITHOUT_DATA)
    elif plan.is_aa:
        assert (verdict.code is Code.SOUND) is not is_apart
    else:
        a_week = days >= 7 or not plan.full_week
        assert (verdict.code is Code.SHIP) is (oriented.low > 0 and a_week)
        assert (verdict.code is Code.KEEP_CONTROL) is (oriented.high < 0)
    if verdict.code in (Code.SHIP, Code.KEEP_CONTROL):
        assert verdict.is_terminal
    assert "nan" not in verdict.text.lower()
    assert "inf" not in verdict.text


@given(measured, measured, plans, st.booleans())
def test_exchanging_the_arms_mirrors_everything(
    a: list[Decimal], b: list[Decimal], plan: Plan, ended: bool
) -> None:
    first, second = (arm(Kind.MEAN, Sums.of_values(each)) for each in (a, b))
    there, back = two_arms(first, second), two_arms(second, first)
    assert there is not None
    assert back is not None
    assert back == replace(
        there, estimate=back.estimate, variance=back.variance, df=back.df, imbalance=back.imbalance
    )
    assert back.estimate == -there.estimate
    assert back.variance == pytest.approx(there.variance, rel=1e-14)
    one, other = judge(there, plan, ended=ended), judge(back, plan, ended=ended)
    assert other.log_p == pytest.approx(one.log_p, rel=1e-9, abs=1e-12)
    if one.interval is not None and other.interval is not None:
        close = pytest.approx(one.interval.low, rel=1e-9, abs=1e-9 * one.error)
        assert -other.interval.high == close


@example([26, 33], 1016801, 1)
@given(
    st.lists(st.integers(1, 50), min_size=2, max_size=8), st.integers(0, 10**7), st.integers(1, 5)
)
def test_an_exact_split_never_alarms(weights: list[int], times: int, stretches: int) -> None:
    observed = [times * weight for weight in weights]
    found = check_split([Stretch(observed, weights)] * stretches)
    assert found.log_p == 0.0
    assert found.chi2_p == pytest.approx(1, rel=1e-12)


@given(
    st.lists(st.tuples(st.integers(0, 10**12), st.floats(0, 1e300) | st.integers(0, 3)), max_size=8)
)
def test_the_split_check_answers_whatever_it_is_given(variants: list[tuple[int, float]]) -> None:
    stretch = Stretch([n for n, _ in variants], [weight for _, weight in variants])
    found = check_split([stretch, stretch])
    assert are_finite(found)
    assert found.log_p <= 0
    assert 0 <= found.chi2_p <= 1
    shuffled = Stretch(stretch.observed[::-1], stretch.weights[::-1])
    mirrored = check_split([shuffled, shuffled])
    assert mirrored.log_p == pytest.approx(found.log_p, rel=1e-9, abs=1e-9)


@given(levels, st.floats(0.8, 1e9))
def test_the_quantile_of_t_inverts_it(p: float, df: float) -> None:
    assert t_cdf(t_quantile(p, df), df) == pytest.approx(p, rel=1e-9)


@given(levels, st.floats(0.1, 1e6))
def test_the_quantile_of_chi_square_inverts_it(p: float, df: float) -> None:
    assert chi2_sf(chi2_quantile(p, df), df) == pytest.approx(1 - p, rel=1e-8)


@given(levels)
def test_the_quantile_of_the_normal_inverts_it(p: float) -> None:
    assert normal_cdf(normal_quantile(p)) == pytest.approx(p, rel=1e-12)


@given(st.floats(0, 1), st.floats(0.05, 1e6), st.floats(0.05, 1e6))
def test_beta_turns_with_its_parameters(x: float, a: float, b: float) -> None:
    assume(1 - (1 - x) == x)
    assert beta_cdf(x, a, b) + beta_cdf(1 - x, b, a) == pytest.approx(1, rel=1e-10)


@given(counted(1), levels)
def test_wilson_holds_the_rate_and_stays_within_0_and_1(sums: Sums, alpha: float) -> None:
    found = wilson(int(sums.total), sums.n, alpha)
    assert found is not None
    rate = float(sums.total) / sums.n
    assert 0 <= found.low <= rate * (1 + 1e-12)
    assert rate <= found.high * (1 + 1e-12)
    assert found.high <= 1


huge = st.integers(-(10**130), 10**130) | st.fractions() | st.decimals(-1, 1, allow_nan=False)
hostile = st.integers(-2, 10**18) | st.integers(0, 3)


@st.composite
def hostile_sums(draw: st.DrawFn) -> Sums | RatioSums:
    """Sums that can be, of numbers as they come; damaged ones are not drawn again here."""
    n = draw(hostile)
    try:
        if draw(st.booleans()):
            return Sums.of(n, *(draw(huge) for _ in range(3)))
        return RatioSums.of(n, *(draw(huge) for _ in range(5)))
    except DamagedSums:
        kind = draw(st.sampled_from(["one", "same", "apart"]))
        value = draw(huge)
        if kind == "one":
            return RatioSums.of(2, 1, 1, value, 0, 0) if value == 0 else Sums.of_values([0])
        return Sums.of_values([0, draw(st.integers(-(10**40), 10**40))] * (1 + (kind == "same")))


@given(hostile_sums(), hostile_sums(), plans, st.booleans(), st.sampled_from(Kind))
def test_nothing_is_nan_or_infinite(
    a: Sums | RatioSums, b: Sums | RatioSums, plan: Plan, ended: bool, kind: Kind
) -> None:
    try:
        first, second = arm(kind, a), arm(kind, b)
        found: list[object] = [first, second]
        contrast = two_arms(first, second, kind)
        found.append(lacks(kind, contrast, a, b))
    except DamagedSums:
        return
    if first is not None and second is not None and contrast is not None:
        judgement = judge(contrast, plan, ended=ended)
        found += [contrast, welch(contrast), non_inferiority(contrast, 0.1)]
        found += [judgement, lift(first, second, judgement.multiple)]
        found += [guardrail_interval(contrast, plan, 3, ended=ended)]
        found += [days_to_decision(contrast, plan, 1.5)]
    assert are_finite(found), found


@given(st.lists(st.tuples(counted(), counted()), max_size=6))
def test_strata_of_any_size_give_a_figure_or_none(strata: list[tuple[Sums, Sums]]) -> None:
    found = post_stratified(Kind.PROPORTION, [Stratum((a, b)) for a, b in strata])
    assert are_finite(found)
    assert found is None or -1 <= found.estimate <= 1


@given(measured, st.booleans())
def test_pairs_are_differences_from_0(numbers: list[Decimal], ended: bool) -> None:
    contrast = pairs(Sums.of_values(numbers))
    assert contrast is not None
    assert are_finite(judge(contrast, Plan(Mode.PLANNED, 100), ended=ended))


@given(st.lists(st.tuples(measured, measured), min_size=1, max_size=8), plans)
def test_the_last_day_of_a_series_is_an_early_look(
    days: list[tuple[list[Decimal], list[Decimal]]], plan: Plan
) -> None:
    control = [Sums.of_values(a) for a, _ in days]
    variant = [Sums.of_values(b) for _, b in days]
    found = series(cumulated(Kind.MEAN, control), cumulated(Kind.MEAN, variant), plan, Kind.MEAN)
    contrast = two_arms(
        arm(Kind.MEAN, Sums.together(control)), arm(Kind.MEAN, Sums.together(variant))
    )
    assert contrast is not None
    interval, last = judge(contrast, plan).interval, found[-1]
    assert (interval is None) is (last is None)
    if interval is not None and last is not None:
        within = 1e-9 * (interval.high - interval.low)
        assert last.low == pytest.approx(interval.low, abs=within)
        assert last.high == pytest.approx(interval.high, abs=within)


@given(st.floats(-10, 10), st.floats(0.01, 10), st.none() | st.floats(0, 5))
def test_a_guardrail_is_never_both_harmed_and_safe(
    low: float, width: float, margin: float | None
) -> None:
    guardrail = Guardrail("Load time", Interval(low, low + width), margin)
    if low + width < 0:
        assert guardrail.state == "harmed"
    elif margin is not None and low > -margin:
        assert guardrail.state == "safe"
        assert not guardrail.blocks
    else:
        assert guardrail.state == "unclear"


@given(counted(1), counted(1), st.floats(1, 8))
def test_a_lift_says_what_the_difference_says(a: Sums, b: Sums, multiple: float) -> None:
    control, variant = proportion(a), proportion(b)
    assert isinstance(control, ArmEstimate)
    assert isinstance(variant, ArmEstimate)
    found = lift(control, variant, multiple)
    if isinstance(found, Lift):
        assert found.interval is not None
        slack = 1e-9 * (found.interval.high - found.interval.low)
        assert found.interval.low - slack <= found.estimate <= found.interval.high + slack


@given(st.floats(-1e9, 1e9), st.floats(1e-9, 1e9), st.floats(1, 1e9), st.integers(2, 10**9))
def test_more_units_never_widen_an_interval_by_more_than_they_tell(
    estimate: float, variance: float, df: float, units: int
) -> None:
    plan = Plan(Mode.OPEN, 5_000)
    few = Contrast(estimate, variance, df, units)
    more = Contrast(estimate, variance / 2, df, 2 * units)
    one, other = judge(few, plan), judge(more, plan)
    assert other.multiple * other.error < one.multiple * one.error
