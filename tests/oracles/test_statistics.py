"""The statistics against scipy, statsmodels and gbstats, asked anew for each example."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from gbstats.frequentist.tests import (
    FrequentistConfig,
    SequentialConfig,
    SequentialTwoSidedTTest,
    TwoSidedTTest,
)
from gbstats.models.statistics import RatioStatistic, SampleMeanStatistic
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import special, stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.power import normal_sample_size_one_tail
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from chalicelib.domain.statistics import distributions as ours
from chalicelib.domain.statistics.estimates import (
    Contrast,
    Kind,
    Stratum,
    mean,
    pairs,
    post_stratified,
    proportion,
    ratio,
    two_arms,
)
from chalicelib.domain.statistics.intervals import non_inferiority, welch, wilson
from chalicelib.domain.statistics.plan import judge_by
from chalicelib.domain.statistics.power import Demand, units_for_means, units_for_proportions
from chalicelib.domain.statistics.sequences import Anytime
from chalicelib.domain.statistics.split_check import Stretch, chi_square_p
from chalicelib.domain.statistics.sums import RatioSums, Sums
from tests.unit.statistics.samples import main_effect

CLOSE = 1e-9

shares = st.floats(1e-9, 1 - 1e-9)
degrees = st.floats(0.5, 1e9)
values = st.lists(st.integers(-10_000, 10_000), min_size=3, max_size=40).filter(
    lambda numbers: len(set(numbers)) > 1
)
levels = st.sampled_from([0.05, 0.01, 0.02, 0.04 / 3])


def close(found: float, expected: float, relative: float = CLOSE) -> bool:
    return math.isclose(found, float(expected), rel_tol=relative, abs_tol=1e-12)


def of(numbers: list[int]) -> Sums:
    return Sums.of_values([Fraction(number, 100) for number in numbers])


def floats(numbers: list[int]) -> list[float]:
    return [number / 100 for number in numbers]


def difference(a: list[int], b: list[int]) -> Contrast:
    contrast = two_arms(mean(of(a)), mean(of(b)))
    assert contrast is not None
    assume(contrast.variance > 1e-6)
    return contrast


def sums_of_gbstats(numbers: list[int]) -> SampleMeanStatistic:
    exactly = floats(numbers)
    return SampleMeanStatistic(len(exactly), math.fsum(exactly), math.fsum(x * x for x in exactly))


@given(st.floats(1e-3, 38), degrees)
def test_tails_of_t(t: float, df: float) -> None:
    expected = stats.t.sf(t, df)
    assume(expected > 1e-290)
    assert math.isclose(ours.t_sf(t, df), expected, rel_tol=CLOSE)


@given(shares, st.floats(1, 1e8))
def test_quantiles_of_t(p: float, df: float) -> None:
    assert close(ours.t_quantile(p, df), stats.t.ppf(p, df), 1e-8)


@given(shares, st.floats(0.05, 1e5))
def test_gamma_and_chi_square(p: float, a: float) -> None:
    x = special.gammaincinv(a, p)
    assume(x > 1e-300)
    assert math.isclose(ours.gamma_cdf(x, a), special.gammainc(a, x), rel_tol=CLOSE)
    assert math.isclose(ours.gamma_sf(x, a), special.gammaincc(a, x), rel_tol=CLOSE)
    assert math.isclose(ours.gamma_quantile(p, a), x, rel_tol=1e-8)
    assert math.isclose(ours.chi2_sf(2 * x, 2 * a), stats.chi2.sf(2 * x, 2 * a), rel_tol=CLOSE)


@given(shares, st.floats(0.05, 1e5), st.floats(0.05, 1e5))
def test_beta(p: float, a: float, b: float) -> None:
    x = special.betaincinv(a, b, p)
    assume(1e-300 < x < 1 - 1e-12)
    assert math.isclose(ours.beta_cdf(x, a, b), special.betainc(a, b, x), rel_tol=CLOSE)


@given(st.floats(-37, 37))
def test_tails_of_the_normal(z: float) -> None:
    assert math.isclose(ours.normal_sf(z), stats.norm.sf(z), rel_tol=CLOSE)
    assert math.isclose(ours.normal_cdf(z), stats.norm.cdf(z), rel_tol=CLOSE)


@given(values)
def test_variance_and_skewness(numbers: list[int]) -> None:
    sums = of(numbers)
    assume(sums.variance)
    assert close(sums.variance or 0, np.var(floats(numbers), ddof=1))
    assert close(sums.skewness or 0, stats.skew(floats(numbers)), 1e-7)


@given(values, values, levels)
def test_welch(a: list[int], b: list[int], alpha: float) -> None:
    contrast = difference(a, b)
    found = welch(contrast, alpha)
    assert found is not None
    expected = stats.ttest_ind(floats(b), floats(a), equal_var=False)
    interval = expected.confidence_interval(1 - alpha)
    assert close(found.t, expected.statistic)
    assert close(found.p, expected.pvalue)
    assert close(contrast.df, expected.df)
    assert close(found.interval.low, interval.low)
    assert close(found.interval.high, interval.high)


@given(values, values, st.floats(0, 100))
def test_non_inferiority(a: list[int], b: list[int], margin: float) -> None:
    found = non_inferiority(difference(a, b), margin)
    assert found is not None
    moved = [x + margin for x in floats(b)]
    expected = stats.ttest_ind(moved, floats(a), equal_var=False, alternative="greater")
    assert close(found.p, expected.pvalue, 1e-8)


@given(st.data())
def test_pairs(data: st.DataObject) -> None:
    a = data.draw(values)
    b = data.draw(st.lists(st.integers(-10_000, 10_000), min_size=len(a), max_size=len(a)))
    contrast = pairs(of([y - x for x, y in zip(a, b, strict=True)]))
    assert contrast is not None
    assume(contrast.variance > 1e-6)
    found, expected = welch(contrast), stats.ttest_rel(floats(b), floats(a))
    assert found is not None
    assert close(found.t, expected.statistic)
    assert close(found.p, expected.pvalue)


@given(st.integers(1, 10**8), st.data(), levels)
def test_wilson(n: int, data: st.DataObject, alpha: float) -> None:
    x = data.draw(st.integers(0, n))
    found = wilson(x, n, alpha)
    assert found is not None
    low, high = proportion_confint(x, n, alpha, method="wilson")
    assert close(found.low, low, 1e-7)
    assert close(found.high, high)


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.data())
def test_agresti_and_caffo(n_a: int, n_b: int, data: st.DataObject) -> None:
    x_a, x_b = data.draw(st.integers(0, n_a)), data.draw(st.integers(0, n_b))
    contrast = two_arms(
        proportion(Sums.of_converters(n_a, x_a)), proportion(Sums.of_converters(n_b, x_b))
    )
    assert contrast is not None
    low, high = confint_proportions_2indep(x_b, n_b, x_a, n_a, method="agresti-caffo")
    assert close(2 * -ours.normal_quantile(0.025) * contrast.error, high - low)


@given(values, values, levels, st.floats(10, 1e6))
def test_sequential_intervals(a: list[int], b: list[int], alpha: float, n_star: float) -> None:
    contrast = difference(a, b)
    found = judge_by(contrast, Anytime.planned(alpha, n_star))
    config = SequentialConfig(
        difference_type="absolute", alpha=alpha, sequential_tuning_parameter=n_star
    )
    result = SequentialTwoSidedTTest(
        sums_of_gbstats(a), sums_of_gbstats(b), config
    ).compute_result()
    assume(result.error_message is None)
    assert found.interval is not None
    assert found.interval.low == pytest.approx(result.ci[0], rel=1e-7, abs=1e-7)
    assert found.interval.high == pytest.approx(result.ci[1], rel=1e-7, abs=1e-7)
    assert found.p == pytest.approx(result.p_value, rel=1e-6, abs=1e-9)


@given(st.data(), levels)
def test_ratios(data: st.DataObject, alpha: float) -> None:
    counts = st.integers(1, 50)
    users = st.lists(st.tuples(st.integers(-1_000, 5_000), counts), min_size=3, max_size=30)
    arms, theirs = [], []
    for pairs_of_values in (data.draw(users), data.draw(users)):
        y = [each for each, _ in pairs_of_values]
        x = [each for _, each in pairs_of_values]
        xy = sum(first * second for first, second in pairs_of_values)
        squares = sum(each * each for each in y), sum(each * each for each in x)
        arms.append(ratio(RatioSums(len(y), sum(y), squares[0], sum(x), squares[1], xy)))
        theirs.append(
            RatioStatistic(
                len(y),
                SampleMeanStatistic(len(y), sum(y), squares[0]),
                SampleMeanStatistic(len(x), sum(x), squares[1]),
                xy,
            )
        )
    contrast = two_arms(arms[0], arms[1])
    assert contrast is not None
    assume(contrast.variance > 1e-3)
    config = FrequentistConfig(difference_type="absolute", alpha=alpha)
    result = TwoSidedTTest(theirs[0], theirs[1], config).compute_result()
    assume(result.error_message is None)
    found = welch(contrast, alpha)
    assert found is not None
    assert found.interval.low == pytest.approx(result.ci[0], rel=1e-6, abs=1e-6)
    assert found.interval.high == pytest.approx(result.ci[1], rel=1e-6, abs=1e-6)


@given(st.lists(values, min_size=6, max_size=6))
def test_main_effects_are_those_of_least_squares_with_hc2(cells: list[list[int]]) -> None:
    names = list(product(range(3), range(2)))
    estimates = {name: mean(of(cell)) for name, cell in zip(names, cells, strict=True)}
    found = main_effect(estimates, 0, 2, 0)
    assert found is not None
    assume(found.variance > 1e-6)
    fitted = saturated(cells)
    weights = np.array([-0.5, -0.5, 0, 0, 0.5, 0.5])
    test = fitted.t_test(weights)
    assert close(found.estimate, test.effect[0], 1e-8)
    assert close(found.error, test.sd.item(), 1e-8)


@given(st.lists(values, min_size=4, max_size=4))
def test_strata_are_those_of_least_squares_with_hc2(cells: list[list[int]]) -> None:
    strata = [Stratum((of(cells[0]), of(cells[1]))), Stratum((of(cells[2]), of(cells[3])))]
    found = post_stratified(Kind.MEAN, strata)
    assert found is not None
    assume(found.variance > 1e-6)
    first, second = (len(cells[i]) + len(cells[i + 1]) for i in (0, 2))
    w, v = first / (first + second), second / (first + second)
    test = saturated(cells).t_test(np.array([-w, w, -v, v]))
    assert close(found.estimate, test.effect[0], 1e-8)
    assert close(found.error, test.sd.item(), 1e-8)


def saturated(cells: list[list[int]]) -> OLS:
    """Least squares with a mean for each cell."""
    outcome = np.array([x for cell in cells for x in floats(cell)])
    design = np.zeros((len(outcome), len(cells)))
    row = 0
    for i, cell in enumerate(cells):
        design[row : row + len(cell), i] = 1
        row += len(cell)
    return OLS(outcome, design).fit(cov_type="HC2")


@given(
    st.floats(0.01, 0.99),
    st.floats(0.01, 0.99),
    levels,
    st.sampled_from([0.8, 0.9]),
    st.floats(0.1, 10),
)
def test_sizes(p: float, q: float, alpha: float, power: float, per_control: float) -> None:
    assume(abs(p - q) > 1e-4)
    demand = Demand(alpha, power, per_control)
    sds = math.sqrt(p * (1 - p) + q * (1 - q) / per_control)
    expected = normal_sample_size_one_tail(abs(p - q), power, alpha / 2, std_null=sds)
    assert close(units_for_proportions(p, q, demand), expected, 1e-8)
    both = math.sqrt(1 + 1 / per_control)
    expected = normal_sample_size_one_tail(abs(p - q), power, alpha / 2, std_null=both)
    assert close(units_for_means(1.0, p - q, demand), expected, 1e-8)


@given(
    st.lists(st.tuples(st.integers(1, 20), st.integers(0, 200)), min_size=2, max_size=8),
    st.integers(1, 10**6),
)
def test_chi_square_of_a_split(variants: list[tuple[int, int]], times: int) -> None:
    weights = [weight for weight, _ in variants]
    observed = [weight * times + more for weight, more in variants]
    expected = [sum(observed) * weight / sum(weights) for weight in weights]
    p = stats.chisquare(observed, expected).pvalue
    assume(p > 1e-290)
    found = chi_square_p([Stretch(observed, weights)])
    assert math.isclose(found, p, rel_tol=1e-7)
