"""What vectors do not reach: tails, edges and large parameters, against closed forms."""

from __future__ import annotations

import math

import pytest

from chalicelib.domain.statistics.distributions import (
    beta_cdf,
    chi2_quantile,
    chi2_sf,
    gamma_cdf,
    gamma_quantile,
    gamma_sf,
    log1p_minus,
    log_beta_cdf,
    normal_cdf,
    normal_quantile,
    normal_sf,
    stirling_rest,
    t_cdf,
    t_log_two_sided_p,
    t_quantile,
    t_sf,
    t_two_sided_p,
    t_upper_quantile,
    tail_root,
)

CLOSE = 1e-12


def test_the_normal_has_both_tails() -> None:
    assert normal_cdf(0.0) == normal_sf(0.0) == 0.5
    assert normal_sf(10.0) == pytest.approx(7.61985302416052e-24, rel=CLOSE)
    assert normal_cdf(-10.0) == normal_sf(10.0)


@pytest.mark.parametrize("t", [0.01, 0.7, 1.0, 5.0, 1e5])
def test_t_is_cauchy_with_one_degree_and_algebraic_with_two(t: float) -> None:
    assert t_sf(t, 1) == pytest.approx(math.atan2(1, t) / math.pi, rel=CLOSE)
    two = 1 / (2 + t * t) / (1 + t / math.sqrt(2 + t * t))
    assert t_sf(t, 2) == pytest.approx(two, rel=CLOSE)
    assert t_quantile(math.atan2(1, t) / math.pi, 1) == pytest.approx(-t, rel=1e-10)
    assert t_upper_quantile(two, 2) == pytest.approx(t, rel=1e-10)


def test_t_is_symmetric() -> None:
    assert t_cdf(-1.3, 7) == t_sf(1.3, 7)
    assert t_sf(-1.3, 7) == pytest.approx(1 - t_sf(1.3, 7), rel=1e-15)
    assert t_two_sided_p(-1.3, 7) == t_two_sided_p(1.3, 7) == pytest.approx(2 * t_sf(1.3, 7))
    assert t_quantile(0.5, 7) == t_upper_quantile(0.7, 7) == 0.0
    assert t_log_two_sided_p(0.0, 7) == 0.0


@pytest.mark.parametrize("z", [0.5, 3.0, 29.0, 31.0, 200.0])
def test_t_is_the_normal_in_the_end(z: float) -> None:
    nearly, same = t_log_two_sided_p(z, 1e14), t_log_two_sided_p(z, 1e16)
    assert nearly == pytest.approx(same, rel=1e-7)
    if z < 30:
        assert same == pytest.approx(math.log(2 * normal_sf(z)), rel=CLOSE)
    assert t_upper_quantile(0.01, 1e16) == -normal_quantile(0.01)


def test_the_expansion_of_the_quantile_meets_newton() -> None:
    just_below = math.nextafter(2_000, 0)
    assert t_upper_quantile(0.005, 2_000) == pytest.approx(
        t_upper_quantile(0.005, just_below), rel=1e-12
    )
    assert t_sf(t_upper_quantile(1e-8, 2_000), 2_000) == pytest.approx(1e-8, rel=1e-10)


def test_where_p_has_no_float_its_logarithm_has() -> None:
    assert t_two_sided_p(60.0, 1e9) == 0.0
    # ln erfc(60/√2) by its asymptotic series.
    assert t_log_two_sided_p(60.0, 1e16) == pytest.approx(-1804.3204135, rel=1e-9)
    assert t_log_two_sided_p(1e200, 3) == t_log_two_sided_p(1e150, 3)
    assert math.isfinite(t_log_two_sided_p(math.inf, 1e16))


@pytest.mark.parametrize("x", [1e-9, 0.3, 1.0, 4.0, 700.0])
def test_gamma_of_1_is_exponential(x: float) -> None:
    assert gamma_sf(x, 1) == pytest.approx(math.exp(-x), rel=CLOSE)
    assert gamma_cdf(x, 1) == pytest.approx(-math.expm1(-x), rel=CLOSE)
    assert chi2_sf(2 * x, 2) == pytest.approx(math.exp(-x), rel=CLOSE)


def test_gamma_of_a_half_is_the_error_function() -> None:
    for x in (0.1, 2.0, 30.0):
        assert gamma_sf(x, 0.5) == pytest.approx(math.erfc(math.sqrt(x)), rel=CLOSE)


def test_gamma_has_edges() -> None:
    assert (gamma_cdf(0.0, 3), gamma_sf(0.0, 3)) == (0.0, 1.0)
    assert gamma_cdf(1e4, 3) == 1.0
    assert gamma_sf(1e-320, 3) == 1.0


@pytest.mark.parametrize("p", [1e-9, 0.01, 0.5, 0.99, 1 - 1e-9])
@pytest.mark.parametrize("a", [0.05, 0.5, 1.0, 40.0, 1e5])
def test_the_quantile_of_gamma_inverts_it(p: float, a: float) -> None:
    x = gamma_quantile(p, a)
    if p > 0.5:
        assert gamma_sf(x, a) == pytest.approx(1 - p, rel=1e-9)
    else:
        assert gamma_cdf(x, a) == pytest.approx(p, rel=1e-9)
    assert chi2_quantile(p, 2 * a) == 2 * x


@pytest.mark.parametrize("x", [0.0, 1e-300, 0.2, 0.9, 1.0])
def test_beta_with_a_1_is_a_power(x: float) -> None:
    assert beta_cdf(x, 3, 1) == pytest.approx(x**3, rel=CLOSE)
    assert beta_cdf(x, 1, 3) == pytest.approx(-math.expm1(3 * math.log1p(-min(x, 1 - 1e-16))))


def test_beta_is_symmetric_and_has_edges() -> None:
    assert beta_cdf(0.5, 700, 700) == pytest.approx(0.5, rel=CLOSE)
    assert log_beta_cdf(0.0, 1.0, 2, 3) == -math.inf
    assert log_beta_cdf(1.0, 0.0, 2, 3) == 0.0


def test_the_rest_of_stirling_is_that_of_ln_gamma() -> None:
    for z in (0.01, 1.0, 29.999, 30.0, 45.0):
        exact = math.lgamma(z) - (z - 0.5) * math.log(z) + z - 0.5 * math.log(2 * math.pi)
        assert stirling_rest(z) == pytest.approx(exact, rel=1e-10)
    assert stirling_rest(1e9) == pytest.approx(1 / 12e9, rel=1e-15)


@pytest.mark.parametrize("u", [-0.999, -0.41, -0.4, 0.59, 0.61, 1e6])
def test_ln_1_plus_u_minus_u(u: float) -> None:
    assert log1p_minus(u) == pytest.approx(math.log1p(u) - u, rel=1e-13)


def test_ln_1_plus_u_minus_u_keeps_its_digits_near_0() -> None:
    assert log1p_minus(0.0) == 0.0
    assert log1p_minus(1e-9) == pytest.approx(-5e-19 * (1 - 2e-9 / 3), rel=1e-15)


def test_a_root_is_found_where_newton_alone_would_run_away() -> None:
    def tail(u: float) -> tuple[float, float]:
        return -math.atan(20 * u), -20 / (1 + 400 * u * u)

    assert tail_root(tail, 0.0, 0.3) == pytest.approx(0.0, abs=1e-12)
    assert tail_root(tail, 0.1, 50.0) == pytest.approx(math.tan(-0.1) / 20, rel=1e-9)


def test_both_ways_to_the_logarithm_of_the_normal_s_tail_meet() -> None:
    below = t_log_two_sided_p(math.nextafter(30, 0), 1e16)
    assert t_log_two_sided_p(30.0, 1e16) == pytest.approx(below, rel=2e-13)
