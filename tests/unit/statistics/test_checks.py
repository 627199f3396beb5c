"""The checks that come before a verdict: the split, enough data, who reports."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.domain.statistics.estimates import ArmSums, Contrast, Kind, arm, two_arms
from chalicelib.domain.statistics.sentences import lacking
from chalicelib.domain.statistics.split_check import SplitCheck, Stretch, check_split, evidence
from chalicelib.domain.statistics.sufficiency import (
    Lack,
    Needed,
    lacks,
    lacks_of_pairs,
    reports_differ,
    skew_guard,
)
from chalicelib.domain.statistics.sums import RatioSums, Sums


def test_stretches_of_constant_weights_multiply_their_evidence() -> None:
    even, uneven = Stretch([600, 500], [1, 1]), Stretch([900, 150], [9, 1])
    both = check_split([even, uneven])
    assert both.log_p == min(0.0, -(evidence(even).log_e + evidence(uneven).log_e))
    assert both.observed == (1_500, 650)
    assert both.expected == pytest.approx((550 + 945, 550 + 105), rel=1e-12)
    assert check_split([even]).log_p > both.log_p


def test_stretches_are_added_in_chi_square_with_their_degrees_of_freedom() -> None:
    # 100²/550·... = 9.0909 and (900-945)²/945 + (150-105)²/105 = 21.4286 on 2 degrees.
    both = check_split([Stretch([600, 500], [1, 1]), Stretch([900, 150], [9, 1])])
    assert both.chi2_p == pytest.approx(math.exp(-(100 / 11 + 150 / 7) / 2), rel=1e-12)


@pytest.mark.parametrize(
    "stretches",
    [
        [],
        [Stretch([], [])],
        [Stretch([0, 0], [1, 1])],
        [Stretch([50], [1])],
        [Stretch([50, 3], [1, 0])],
        [Stretch([5, 3], [0, 0])],
        [Stretch([50, 3], [1.0, 1e-300])],
    ],
)
def test_without_users_or_variants_the_split_is_sound(stretches: list[Stretch]) -> None:
    found = check_split(stretches)
    assert (found.log_p, found.p, found.chi2_p, found.is_broken) == (0.0, 1.0, 1.0, False)


def test_users_of_a_variant_without_weight_are_strays() -> None:
    found = check_split([Stretch([300, 310, 5], [1, 1, 0]), Stretch([10, 10, 10], [0, 1, 1])])
    assert found.strays == 15
    assert found.expected == (305.0, 315.0, 10.0)


def test_weights_may_be_decimals_and_only_their_ratio_counts() -> None:
    tenths = check_split([Stretch([90, 15], [Decimal("0.9"), Decimal("0.1")])])
    assert tenths.log_p == pytest.approx(
        check_split([Stretch([90, 15], [9e200, 1e200])]).log_p, rel=1e-12
    )


def test_a_split_is_broken_below_one_percent() -> None:
    edge = SplitCheck(math.log(0.01), 1.0, (), (), 0)
    assert not edge.is_broken
    assert replace(edge, log_p=math.log(0.00999)).is_broken


@pytest.mark.parametrize(
    ("observed", "weights"),
    [
        ([1], [1, 1]),
        ([-1, 2], [1, 1]),
        ([1, 2], [1, -1]),
        ([1, 2], [1, math.nan]),
        ([1], [math.inf]),
    ],
)
def test_a_split_that_cannot_be_is_refused(observed: list[int], weights: list[float]) -> None:
    with pytest.raises(Invalid, match="split"):
        Stretch(observed, weights)


def test_stretches_are_of_the_same_variants() -> None:
    with pytest.raises(Invalid, match="each variant"):
        check_split([Stretch([1, 1], [1, 1]), Stretch([1, 1, 1], [1, 1, 1])])


@pytest.mark.parametrize("observed", [[10**17, 0], [0, 10**17], [10**17, 10**17 + 10**10]])
def test_a_gross_fault_of_many_users_has_a_finite_p(observed: list[int]) -> None:
    found = check_split([Stretch(observed, [0.5, 0.5])])
    assert found.is_broken
    assert math.isfinite(found.log_p)


def rates(control: tuple[int, int], variant: tuple[int, int]) -> tuple[Lack, ...]:
    a, b = Sums.of_converters(*control), Sums.of_converters(*variant)
    contrast = two_arms(arm(Kind.PROPORTION, a), arm(Kind.PROPORTION, b), Kind.PROPORTION)
    return lacks(Kind.PROPORTION, contrast, a, b)


def of(kind: Kind, control: ArmSums, variant: ArmSums) -> tuple[Lack, ...]:
    contrast = two_arms(arm(kind, control), arm(kind, variant), kind)
    return lacks(kind, contrast, control, variant)


def said(*found: Lack) -> str:
    return lacking("B", "A", found)


def test_a_hundred_users_are_needed_in_each_arm() -> None:
    assert rates((100, 50), (100, 50)) == ()
    assert rates((99, 50), (1, 1)) == (
        Lack(Needed.USERS, 1, 100),
        Lack(Needed.USERS, 99, 100, True),
    )
    assert said(*rates((99, 50), (1, 1))) == "B has 1 of 100 users and A has 99 of 100 users."


def test_five_conversions_are_to_be_expected_by_the_pooled_rate() -> None:
    assert rates((150, 4), (150, 6)) == ()
    assert rates((5_000, 500), (5_000, 0)) == ()
    found = rates((150, 3), (150, 6))
    assert found == (
        Lack(Needed.CONVERSIONS, 4.5, 5),
        Lack(Needed.CONVERSIONS, 4.5, 5, True),
    )
    assert said(found[0]) == "B has 4 of 5 conversions."
    assert said(*rates((1_000, 999), (100, 100))) == (
        "B has 0 of 5 users without a conversion and A has 0 of 5 users without a conversion."
    )


def test_uneven_arms_need_values_that_are_not_skewed() -> None:
    (found,) = rates((9_000, 90), (1_000, 25))
    assert found.unit is Needed.EVENNESS
    assert said(found) == (
        "the values are too skewed for how uneven A and B are (0.24, at most 0.2 is sound): "
        "even the split or cap the metric."
    )
    assert rates((90_000, 9_000), (10_000, 1_200)) == ()


def test_without_cubes_no_arm_may_be_twice_the_other() -> None:
    assert of(Kind.MEAN, Sums(200, 10, 30), Sums(100, 5, 25)) == ()
    found = of(Kind.MEAN, Sums(100, 5, 25), Sums(201, 10, 30))
    assert found == (Lack(Needed.SIZE_RATIO, 2.01, 2),)
    assert said(*found) == (
        "A and B are too uneven (2.0 to 1, at most 2 to 1 is sound where the skew of values is "
        "not known)."
    )
    many, few = RatioSums(201, 9, 30, 30, 60, 9), RatioSums(100, 9, 30, 30, 60, 9)
    assert of(Kind.RATIO, many, few)[0].unit is Needed.SIZE_RATIO
    assert of(Kind.RATIO, few, few) == ()


def test_a_proportion_is_excepted_from_what_needs_cubes() -> None:
    control, variant = Sums(1_000, 100, 100), Sums(100, 10, 10)
    assert of(Kind.PROPORTION, control, variant) == ()


def test_ten_groups_are_needed_in_each_arm() -> None:
    nine, ten = Sums.of_values(range(9)), Sums.of_values(range(10))
    assert of(Kind.GROUPS, ten, ten) == ()
    assert of(Kind.GROUPS, ten, nine) == (Lack(Needed.GROUPS, 9, 10),)
    assert said(*of(Kind.GROUPS, ten, nine)) == "B has 9 of 10 groups."


def test_values_must_differ() -> None:
    same = Sums.of_values([7] * 100)
    found = of(Kind.MEAN, same, same)
    assert found == (Lack(Needed.VARIANCE, 1, 2),)
    assert said(*found) == "all values of A and B are equal."
    assert lacks(Kind.MEAN, None, same, same) == found


def test_twenty_pairs_are_needed_that_are_not_too_skewed() -> None:
    assert lacks_of_pairs(Sums.of_values(range(19))) == (Lack(Needed.PAIRS, 19, 20),)
    assert said(Lack(Needed.PAIRS, 19, 20)) == "B has 19 of 20 users under both conditions."
    assert lacks_of_pairs(Sums.of_values(range(20))) == ()
    assert lacks_of_pairs(Sums(20, 10, 30)) == ()
    assert lacks_of_pairs(Sums.of_values([3] * 20)) == (Lack(Needed.VARIANCE, 1, 2),)
    (found,) = lacks_of_pairs(Sums.of_values([0] * 19 + [1]))
    # γ = 18/√19 of a single one among 20 values, over √20.
    assert found.unit is Needed.EVENNESS
    assert found.has == pytest.approx(18 / math.sqrt(19 * 20), rel=1e-12)


def test_without_a_skew_there_is_no_guard() -> None:
    contrast = Contrast(0.0, 1.0, 9.0, 10)
    assert skew_guard(Sums(10, 0, 10), contrast) is None


def test_who_reports_is_compared_between_arms() -> None:
    assert not reports_differ((900, 1_000), (905, 1_000), 2_000)
    assert reports_differ((900, 1_000), (700, 1_000), 2_000)
    assert reports_differ((700, 1_000), (900, 1_000), 2_000)
    assert not reports_differ((0, 0), (5, 10), 2_000)


@pytest.mark.parametrize("arms", [((11, 10), (1, 2)), ((1, 2), (-1, 2))])
def test_no_more_units_report_than_there_are(
    arms: tuple[tuple[int, int], tuple[int, int]],
) -> None:
    with pytest.raises(Invalid, match="units with a value"):
        reports_differ(*arms, 2_000)
