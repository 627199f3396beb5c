from __future__ import annotations

import math
from dataclasses import replace

import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.domain.outcomes.calculator import (
    Comparison,
    Groups,
    Margin,
    Means,
    Pairs,
    Proportions,
    Question,
    Size,
    effect_of,
    size_for,
)
from chalicelib.domain.outcomes.calculator_sentences import of_effect, of_size
from chalicelib.domain.statistics.distributions import normal_quantile
from chalicelib.domain.statistics.plan import Mode
from chalicelib.domain.statistics.sequences import Anytime

FIFTH = Proportions(0.2)
KINDS: list[Comparison] = [
    FIFTH,
    Means(10),
    Pairs(10),
    Groups(FIFTH, 25, 0.1, 0.5),
    Groups(Means(10), 25, 0.1),
    Margin(FIFTH),
    Margin(Means(10), guardrails=3),
]
NAMES = [f"{type(each).__name__} {number}" for number, each in enumerate(KINDS)]


def test_the_published_example() -> None:
    assert size_for(Question(FIFTH), 0.05) == Size(1166, 1166, 2332, 2332)


def test_several_variants_and_a_ratio() -> None:
    size = size_for(Question(FIFTH, ratio=0.5, comparisons=3), 0.05)
    assert size.variant == math.ceil(size.control / 2)
    assert size.total == size.control + 3 * size.variant == size.users


def test_groups_need_more_and_users_are_those_in_them() -> None:
    alone = size_for(Question(Means(10)), 2)
    groups = size_for(Question(Groups(Means(10), 25, 0.1)), 2)
    assert groups.control == pytest.approx(alone.control * 3.4 / 25, abs=1)
    assert groups.users == groups.total * 25
    assert size_for(Question(Groups(Means(10), 25, 0)), 2).users == pytest.approx(alone.users, 0.1)


def test_pairs_are_users_under_both_conditions() -> None:
    size = size_for(Question(Pairs(10)), 2)
    assert size == Size(size.control, size.control, size.control, size.control)


def test_a_margin_is_shown_on_one_side_at_the_end() -> None:
    size = size_for(Question(Margin(Proportions(0.1))), 0.002)
    z = normal_quantile(0.95) + normal_quantile(0.8)
    assert size.control == math.ceil(2 * 0.09 * (z / 0.002) ** 2)
    three = size_for(Question(Margin(Proportions(0.1), guardrails=3)), 0.002)
    assert three == size, "the final look is not shared"


@pytest.mark.parametrize("mode", [Mode.PLANNED, Mode.OPEN])
@pytest.mark.parametrize("comparison", KINDS, ids=NAMES)
def test_the_effect_of_the_units_for_an_effect_is_that_effect(
    comparison: Comparison, mode: Mode
) -> None:
    question = Question(comparison, mode, comparisons=2)
    effect = 0.02 if comparison.is_share else 0.5
    size = size_for(question, effect)
    # N* is what one look needs, or the units that were planned: the width differs by little.
    precision = 1e-2 if mode is Mode.PLANNED else 0.05
    assert effect_of(question, size.control) == pytest.approx(effect, rel=precision)


@pytest.mark.parametrize("comparison", KINDS, ids=NAMES)
def test_open_mode_needs_more_and_is_what_every_look_takes(comparison: Comparison) -> None:
    effect = 0.02 if comparison.is_share else 0.5
    planned = size_for(Question(comparison), effect)
    size = size_for(Question(comparison, Mode.OPEN), effect)
    assert 1.3 < size.control / planned.control < 4
    question = Question(Means(10), Mode.OPEN)
    found = effect_of(question, 1000)
    width = Anytime.planned(0.05, 2000).width(2000)
    assert found == pytest.approx((width + normal_quantile(0.8)) * 10 * math.sqrt(2 / 1000))


def test_an_effect_beyond_all_spread_needs_a_unit() -> None:
    for mode in (Mode.PLANNED, Mode.OPEN):
        size = size_for(Question(Means(1e-9), mode), 1e9)
        assert (size.control, size.variant) == (1, 1)


def test_a_decrease_needs_what_its_own_rate_needs() -> None:
    assert size_for(Question(FIFTH), -0.05).control < size_for(Question(FIFTH), 0.05).control


@pytest.mark.parametrize(
    ("comparison", "effect", "reason"),
    [
        (FIFTH, 0, "difference: not 0"),
        (FIFTH, 0.81, "0.2 with 0.81 is no rate"),
        (FIFTH, -0.21, "0.2 with -0.21 is no rate"),
        (Means(10), 0, "difference: not 0"),
        (Means(10), 1e-12, "the effect is too small"),
        (Margin(FIFTH), 0, "margin: more than 0"),
        (Groups(FIFTH, 0.5, 0.1), 0.1, "group size: at least 1"),
        (Groups(FIFTH, 5, 1.1), 0.1, "ICC: from 0 to 1"),
        (Groups(FIFTH, 5, 0.1, -1), 0.1, "cv: 0 or more"),
        (Pairs(-1), 0.1, "standard deviation: more than 0"),
    ],
)
def test_what_has_no_number_is_refused_in_both_modes(
    comparison: Comparison, effect: float, reason: str
) -> None:
    for mode in (Mode.PLANNED, Mode.OPEN):
        with pytest.raises(Invalid, match=reason):
            size_for(Question(comparison, mode), effect)


def test_units_of_open_mode_have_a_bound_too() -> None:
    question = Question(Means(10), Mode.OPEN)
    near = 10 * math.sqrt(2 / 6e14) * question.demand.errors
    assert size_for(replace(question, mode=Mode.PLANNED), near).control > 1e14
    with pytest.raises(Invalid, match="the effect is too small"):
        size_for(question, near)


@pytest.mark.parametrize("comparison", KINDS, ids=NAMES)
def test_no_units_find_nothing(comparison: Comparison) -> None:
    for mode in (Mode.PLANNED, Mode.OPEN):
        with pytest.raises(Invalid, match="units: more than 0"):
            effect_of(Question(comparison, mode), 0)
    with pytest.raises(Invalid, match="standard deviation: more than 0"):
        effect_of(Question(Pairs(0)), 10)


def test_so_few_that_no_increase_is_found_are_refused() -> None:
    with pytest.raises(Invalid, match="not even find an increase of the rate to 1"):
        effect_of(Question(FIFTH), 1)


def test_what_cannot_be_asked_is_refused() -> None:
    for rate in (0, 1, -0.1, 1.1):
        with pytest.raises(Invalid, match="rate: more than 0 and less than 1"):
            Proportions(rate)
    for wrong in ({"power": 0.04}, {"power": 1.0}, {"ratio": 0.0}, {"comparisons": 0}):
        with pytest.raises(Invalid):
            Question(Margin(FIFTH), **wrong)


def sentences(comparison: Comparison, mode: Mode, per_day: float | None = None) -> dict[str, str]:
    question = Question(comparison, mode, comparisons=2)
    effect = 0.02 if comparison.is_share else 0.5
    return of_size(question, effect, size_for(question, effect), per_day)


@pytest.mark.parametrize("mode", [Mode.PLANNED, Mode.OPEN])
@pytest.mark.parametrize("comparison", KINDS, ids=NAMES)
def test_each_number_has_its_sentence(comparison: Comparison, mode: Mode) -> None:
    told = sentences(comparison, mode)
    assert set(told) == {"control", "variant", "total", "users", "alpha"}
    assert "with a chance of 80 %" in told["control"]
    assert ("percentage points" in told["control"]) == comparison.is_share
    assert comparison.unit in told["control"]
    assert ("every look" in told["alpha"]) == (mode is Mode.OPEN)
    assert set(sentences(comparison, mode, 10)) == {*told, "days"}
    question = Question(comparison, mode)
    told = of_effect(question, 5000, effect_of(question, 5000))
    assert set(told) == {"effect", "alpha"}
    assert told["effect"].startswith("Control with 5,000")


def test_days_that_nobody_could_wait_for_are_none() -> None:
    question = Question(Means(10))
    size = size_for(question, 1)
    assert size.days(1e-12) is None
    assert "days" not in of_size(question, 1, size, 1e-12)
    assert size.days(size.users) == 1
