from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chalicelib.domain.errors import Invalid
from chalicelib.domain.features.features import VARIANTS_PER_FEATURE, check_variants, make_variants
from tests.unit.samples import drafts

DIGITS = 36
"""More than the 28 to which Decimal rounds sums."""

WHOLE = 10**DIGITS
TOLERANCE = 10 ** (DIGITS - 9)


def written(numerator: int) -> str:
    """`numerator` / 10^36, with all its digits."""
    return format(Decimal(f"{numerator}E-{DIGITS}"), "f")


@st.composite
def splits(draw: st.DrawFn, whole: int = WHOLE) -> list[int]:
    """1 to 20 parts that sum to `whole`."""
    cuts = draw(st.lists(st.integers(0, whole), max_size=VARIANTS_PER_FEATURE - 1))
    bounds = [0, *sorted(cuts), whole]
    return draw(st.permutations([upper - lower for lower, upper in pairwise(bounds)]))


def accepted(weights: Sequence[int]) -> bool:
    try:
        check_variants(1, drafts(1, *map(written, weights)))
    except Invalid:
        return False
    return True


@given(splits())
def test_any_split_of_the_whole_is_accepted(weights: list[int]) -> None:
    assert accepted(weights)


@given(
    st.data(),
    st.integers(-2 * TOLERANCE, 2 * TOLERANCE)
    | st.sampled_from([-TOLERANCE - 1, -TOLERANCE, TOLERANCE, TOLERANCE + 1]),
)
def test_a_sum_is_refused_from_the_first_digit_beyond_the_tolerance(
    data: st.DataObject, off: int
) -> None:
    weights = data.draw(splits(WHOLE + off))
    assume(max(weights) <= WHOLE)
    assert accepted(weights) == (abs(off) <= TOLERANCE)


@given(splits(), st.integers(1, WHOLE), st.data())
def test_a_weight_out_of_range_is_refused_even_if_the_sum_is_right(
    weights: list[int], excess: int, data: st.DataObject
) -> None:
    assume(len(weights) < VARIANTS_PER_FEATURE)
    i = data.draw(st.integers(0, len(weights) - 1))
    unbalanced = [*weights[:i], weights[i] + excess, *weights[i + 1 :], -excess]
    assert sum(unbalanced) == WHOLE
    assert not accepted(unbalanced)


@given(splits())
def test_variants_keep_every_digit_of_their_weights(weights: list[int]) -> None:
    given_weights = [written(weight) for weight in weights]
    made = make_variants(1, drafts(1, *given_weights), range(len(weights)))
    assert [format(variant.weight, "f") for variant in made] == given_weights


@given(st.integers(1, VARIANTS_PER_FEATURE), st.sets(st.integers(0, VARIANTS_PER_FEATURE - 1)))
def test_a_missing_weight_is_an_equal_share_among_those_given(
    count: int, missing: set[int]
) -> None:
    equal = make_variants(1, drafts(1, *[None] * count), range(count))
    weights = [None if i in missing else str(variant.weight) for i, variant in enumerate(equal)]
    assert make_variants(1, drafts(1, *weights), range(count)) == equal


@given(splits(), st.integers(2, 9), st.data())
def test_a_draft_for_another_feature_spoils_the_list(
    weights: list[int], other: int, data: st.DataObject
) -> None:
    asked = drafts(1, *map(written, weights))
    i = data.draw(st.integers(0, len(asked) - 1))
    asked[i] = replace(asked[i], feature_id=other)
    with pytest.raises(Invalid, match="feature_id"):
        check_variants(1, asked)
