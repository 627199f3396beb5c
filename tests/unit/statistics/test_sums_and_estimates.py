from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from chalicelib.domain.statistics.estimates import (
    ArmEstimate,
    Kind,
    Stratum,
    arm,
    linear,
    mean,
    merged,
    pairs,
    post_stratified,
    proportion,
    ratio,
    two_arms,
)
from chalicelib.domain.statistics.sums import DamagedSums, RatioSums, Sums, exact
from tests.unit.statistics.samples import main_effect, there

FIRST, SECOND = ArmEstimate(10, 1.0, 0.5, 9.0), ArmEstimate(20, 3.0, 0.25, 19.0)


@pytest.mark.parametrize(
    ("number", "expected"),
    [(7, 7), (Decimal("3E2"), 300), (Fraction(6, 2), 3), (Decimal("-0.25"), Fraction(-1, 4))],
)
def test_a_number_is_read_exactly(number: int | Decimal | Fraction, expected: object) -> None:
    found = exact(number)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1E131"])
def test_a_number_that_is_none_or_beyond_all_is_damage(number: str) -> None:
    with pytest.raises(DamagedSums):
        exact(Decimal(number))


@pytest.mark.parametrize(
    ("n", "total", "squares", "cubes"),
    [
        (-1, 0, 0, 0),
        (10**18 + 1, 0, 0, 0),
        (0, 1, 1, None),
        (0, 0, 0, 1),
        (2, 0, -1, None),
        (2, 3, 4, None),
        (2, 10**131, 10**261, None),
        (2, -(10**131), 0, None),
        (2, 0, 10**131, None),
    ],
)
def test_sums_that_cannot_be_are_refused(
    n: int, total: int, squares: int, cubes: int | None
) -> None:
    with pytest.raises(DamagedSums):
        Sums(n, total, squares, cubes)


@pytest.mark.parametrize("converters", [-1, 11])
def test_no_more_users_convert_than_there_are(converters: int) -> None:
    with pytest.raises(DamagedSums, match="of 10 users converted"):
        Sums.of_converters(10, converters)


def test_sums_add_up_and_keep_cubes_if_both_have_them() -> None:
    both = Sums.of_values([1, 2]) + Sums.of_values([Decimal("2.5")])
    assert both == Sums.of_values([1, 2, Decimal("2.5")])
    assert (both + Sums(1, 0, 0)).cubes is None
    assert (Sums(1, 0, 0) + both).cubes is None
    assert Sums.together([both, Sums(1, 0, 0)]).cubes is None
    assert Sums.together([]) == Sums(0, 0, 0, 0)


def test_what_sums_do_not_say_is_none() -> None:
    nobody, alone, same = Sums(0, 0, 0, 0), Sums(1, 5, 25, 125), Sums(3, 3, 3, 3)
    assert (nobody.mean, nobody.variance, nobody.skewness) == (None, None, None)
    assert (alone.mean, alone.variance, alone.skewness) == (5.0, None, None)
    assert (same.mean, same.variance, same.skewness) == (1.0, 0.0, None)
    assert Sums(2, 1, 1).skewness is None


def test_skewness_has_the_sign_of_the_longer_tail() -> None:
    assert Sums.of_values([0, 0, 3]).skewness == pytest.approx(2**-0.5, rel=1e-15)
    assert Sums.of_values([0, 0, -3]).skewness == pytest.approx(-(2**-0.5), rel=1e-15)


def test_cubes_beyond_any_values_are_damage() -> None:
    with pytest.raises(DamagedSums, match="cubes"):
        _ = Sums(3, 3, 5, 100).skewness


def test_figures_beyond_computing_are_damage() -> None:
    with pytest.raises(DamagedSums, match="beyond"):
        ratio(RatioSums.of(2, 10**60, 10**121, Decimal("1E-100"), 1, 0))


def test_the_value_of_a_group_is_the_mean_of_its_users() -> None:
    found = Sums.of_groups([(2, 3), (0, 0), (4, Decimal("10.0"))])
    assert found == Sums.of_values([Fraction(3, 2), Fraction(5, 2)])


@pytest.mark.parametrize(
    "sums", [(3, 0, 2, 0, 2, 3), (0, 0, 0, 0, 0, 1), (2, 3, 4, 0, 0, 0), (2, 0, 0, 3, 4, 0)]
)
def test_sums_of_a_ratio_that_cannot_be_are_refused(sums: tuple[int, ...]) -> None:
    with pytest.raises(DamagedSums):
        RatioSums(*sums)


def test_sums_of_a_ratio_add_up() -> None:
    both = RatioSums(1, 2, 4, 3, 9, 6) + RatioSums(1, 1, 1, 1, 1, 1)
    assert both == RatioSums(2, 3, 5, 4, 10, 7)


def test_a_proportion_is_smoothed_where_it_varies_and_nowhere_else() -> None:
    found = there(proportion(Sums.of_converters(8, 0)))
    assert found == ArmEstimate(8, 0.0, 9 / 1_000, 7.0)
    assert proportion(Sums.of_converters(0, 0)) is None
    assert there(proportion(Sums.of_converters(1, 1))).df == 1.0


def test_a_mean_needs_two_units() -> None:
    assert mean(Sums(1, 5, 25)) is None
    assert mean(Sums(0, 0, 0)) is None
    assert mean(Sums.of_values([1, 3])) == ArmEstimate(2, 2.0, 1.0, 1.0)


def test_a_ratio_needs_two_users_and_something_to_divide_by() -> None:
    assert ratio(RatioSums(1, 2, 4, 3, 9, 6)) is None
    assert ratio(RatioSums(2, 2, 4, 0, 8, 0)) is None
    assert there(ratio(RatioSums(2, 4, 8, 2, 2, 4))) == ArmEstimate(2, 2.0, 0.0, 1.0)


def test_an_arm_is_estimated_as_its_kind_is() -> None:
    ones = Sums.of_converters(10, 4)
    assert arm(Kind.PROPORTION, ones) == proportion(ones)
    assert arm(Kind.GROUPS, ones) == mean(ones)
    of_ratio = RatioSums(2, 2, 4, 3, 9, 6)
    assert arm(Kind.RATIO, of_ratio) == ratio(of_ratio)


def test_a_contrast_needs_every_arm_that_it_weighs() -> None:
    assert two_arms(FIRST, None) is None
    assert linear([], []) is None
    assert linear([FIRST, None, SECOND], [-1, 0, 1]) == two_arms(FIRST, SECOND)
    assert there(two_arms(FIRST, SECOND)).units == 30


def test_a_contrast_of_what_does_not_vary_has_degrees_of_freedom() -> None:
    still = replace(FIRST, variance=0.0)
    found = there(two_arms(still, still))
    assert (found.variance, found.df, found.error) == (0.0, 18.0, 0.0)


def test_equal_arms_are_in_balance_and_pairs_are_as_one_arm() -> None:
    assert there(two_arms(FIRST, FIRST)).imbalance == 0.0
    found = there(pairs(Sums.of_values([1, 2, 3, 4])))
    assert found.imbalance == pytest.approx(0.5, rel=1e-12)
    assert found.kind is Kind.PAIRS
    assert pairs(Sums.of_values([1])) is None


CELLS = {
    (0, 0): FIRST,
    (0, 1): SECOND,
    (1, 0): ArmEstimate(30, 6.0, 0.1, 29.0),
    (1, 1): ArmEstimate(40, 9.0, 0.3, 39.0),
}


def test_a_main_effect_weighs_the_cells_of_other_factors_alike() -> None:
    found = there(main_effect(CELLS, factor=0, level=1, baseline=0))
    assert found.estimate == pytest.approx((6 + 9 - 1 - 3) / 2, rel=1e-12)
    assert found.variance == pytest.approx((0.5 + 0.25 + 0.1 + 0.3) / 4, rel=1e-12)
    assert found.units == 100
    other = there(main_effect(CELLS, factor=1, level=1, baseline=0))
    assert other.estimate == pytest.approx((3 - 1 + 9 - 6) / 2, rel=1e-12)


def test_an_empty_cell_leaves_no_main_effect() -> None:
    assert main_effect({**CELLS, (1, 1): None}, 0, 1, 0) is None
    assert main_effect({c: e for c, e in CELLS.items() if c != (1, 1)}, 0, 1, 0) is None
    assert main_effect(CELLS, 0, 1, 1) is None
    assert main_effect(CELLS, 0, 2, 3) is None


def values(*numbers: int) -> Sums:
    return Sums.of_values(numbers)


THICK = Stratum((values(1, 2), values(2, 4)))
THIN = Stratum((values(1), values(3, 5, 9)))
OTHER_THIN = Stratum((values(2, 7), values(4)))


def test_thin_strata_become_one() -> None:
    assert merged([THICK, THIN, OTHER_THIN]) == [THICK, replace(THIN + OTHER_THIN, size=7)]
    assert merged([THICK]) == [THICK]


def test_what_stays_thin_unmakes_the_strata() -> None:
    (only,) = merged([THICK, THIN])
    assert only == THICK + THIN or only == THIN + THICK
    found = post_stratified(Kind.MEAN, [THICK, THIN])
    pooled = two_arms(mean(values(1, 2, 1)), mean(values(2, 4, 3, 5, 9)))
    assert there(found).estimate == pytest.approx(there(pooled).estimate, rel=1e-12)


def test_strata_weigh_as_many_units_as_they_are_said_to_have() -> None:
    heavy = replace(THICK, size=300)
    found = post_stratified(Kind.MEAN, [heavy, Stratum((values(0, 0), values(1, 1)), size=100)])
    assert there(found).estimate == pytest.approx(0.75 * 1.5 + 0.25 * 1.0, rel=1e-12)


def test_strata_without_units_say_nothing() -> None:
    assert post_stratified(Kind.MEAN, []) is None
    assert post_stratified(Kind.MEAN, [Stratum((values(), values()))]) is None
    assert post_stratified(Kind.MEAN, [Stratum((values(1), values(1)))]) is None


def test_strata_of_ratios_add_up_too() -> None:
    one = RatioSums(1, 2, 4, 3, 9, 6)
    found = Stratum((one, one)) + Stratum((one, one))
    assert found.arms == (one + one, one + one)
    with pytest.raises(TypeError):
        _ = Stratum((one, one)) + THICK
