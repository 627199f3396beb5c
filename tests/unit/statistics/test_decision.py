"""Every row of the decision table, with its sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.domain.statistics.decision import Candidate, Code, decide
from chalicelib.domain.statistics.intervals import Interval
from chalicelib.domain.statistics.plan import Direction, Guardrail, GuardrailState, Mode, Plan
from chalicelib.domain.statistics.sentences import Measure, decimals_for
from chalicelib.domain.statistics.sufficiency import Lack, Needed
from tests.unit.statistics.samples import (
    PLANNED,
    judged,
    of_rates,
    situation,
    split_of,
)

BETTER = judged(0.005, 0.035)
WORSE = judged(-0.035, -0.005, "C")
UNDECIDED = judged(-0.010, 0.020, "D")
TOO_FEW = Candidate("E", None, lacks=(Lack(Needed.USERS, 99, 100),))
SPEED = Guardrail("Load time", Interval(-0.3, -0.1))
WITH_MARGIN = Guardrail("Load time", Interval(-0.3, 0.1), margin=0.2)


def test_row_1_a_broken_split_stops_all() -> None:
    verdict = decide(situation(BETTER, split=split_of(5_000, 5_400)))
    assert (verdict.code, verdict.row) == (Code.SPLIT_BROKEN, 1)
    assert verdict.text == (
        "Stop. Variants got 5,000 and 5,400 users where 5,200 and 5,200 were due (p 0.00854). "
        "Whatever is shown below may be an artefact; find the cause, then start anew."
    )
    assert verdict.is_terminal
    of_groups = Measure("Grade", units="groups")
    verdict = decide(situation(BETTER, split=split_of(500, 5_400), measure=of_groups))
    assert verdict.text.startswith("Stop. Variants got 500 and 5,400 groups where")
    assert "(p < 0.0001)" in verdict.text


@pytest.mark.parametrize(
    ("reason", "candidates", "text"),
    [
        ("the plan was changed", (BETTER,), "the plan was changed"),
        (None, (), "there are fewer than two variants"),
    ],
)
def test_row_2_there_may_be_nothing_to_compare(
    reason: str | None, candidates: tuple[Candidate, ...], text: str
) -> None:
    verdict = decide(situation(*candidates, no_comparison=reason))
    assert (verdict.code, verdict.row) == (Code.NO_COMPARISON, 2)
    assert verdict.text == f"There is nothing to compare: {text}."
    assert not verdict.is_terminal


def test_row_3_says_what_each_variant_lacks() -> None:
    verdict = decide(situation(TOO_FEW))
    assert (verdict.code, verdict.row) == (Code.NEEDS_DATA, 3)
    assert verdict.text == "Too early: E has 99 of 100 users."
    assert not verdict.is_terminal


def test_row_3_at_the_end_is_an_end_without_data() -> None:
    verdict = decide(situation(TOO_FEW, Candidate("F", None), ended=True))
    assert (verdict.code, verdict.row) == (Code.ENDED_WITHOUT_DATA, 3)
    assert verdict.text == (
        "Ended without enough data: E has 99 of 100 users. F has no interval yet."
    )
    assert verdict.is_terminal


def test_row_4_keeps_control_if_every_variant_is_worse() -> None:
    verdict = decide(situation(of_rates((5_000, 500), (5_000, 0), ended=False)))
    assert (verdict.code, verdict.row) == (Code.KEEP_CONTROL, 4)
    assert verdict.text == (
        "Keep A. B makes Conversion worse by 10.0 percentage points (8.5 to 11.5)."
    )
    assert verdict.is_terminal
    assert verdict.turn_off == ()


def test_row_4_counts_a_harmed_guardrail_as_worse() -> None:
    verdict = decide(situation(WORSE, replace(BETTER, guardrails=(SPEED,))))
    assert verdict.code is Code.KEEP_CONTROL
    assert verdict.text == (
        "Keep A. C makes Conversion worse by 2.0 percentage points (0.5 to 3.5). B harms Load time."
    )


def test_row_4_names_both_that_a_variant_is_worse_and_what_it_harms() -> None:
    verdict = decide(situation(replace(WORSE, guardrails=(SPEED,)), full_days=0))
    assert verdict.code is Code.KEEP_CONTROL
    assert verdict.text.endswith("(0.5 to 3.5) and harms Load time.")


def test_row_5_ships_what_is_better() -> None:
    verdict = decide(situation(of_rates((3_000, 300), (3_000, 372), ended=True), ended=True))
    assert (verdict.code, verdict.row, verdict.variant) == (Code.SHIP, 5, "B")
    assert verdict.text == (
        "Ship B. Conversion rises from 10.0 % to 12.4 %, by 2.4 percentage points (0.7 to 4.1). "
        "This holds however often you looked."
    )
    assert verdict.is_terminal
    assert verdict.advice == ()


def test_row_5_says_that_a_metric_falls_where_less_is_better() -> None:
    waiting = Measure("Waiting time", unit="s")
    plan = replace(PLANNED, direction=Direction.DECREASE)
    candidate = replace(judged(-4.1, -0.7), control_mean=31.26, mean=28.86)
    verdict = decide(situation(candidate, plan=plan, measure=waiting))
    assert verdict.code is Code.SHIP
    assert verdict.text.startswith(
        "Ship B. Waiting time falls from 31.3 s to 28.9 s, by 2.4 s (0.7 to 4.1)."
    )
    worse = decide(situation(judged(0.7, 4.1), plan=plan, measure=waiting))
    assert worse.text == "Keep A. B makes Waiting time worse by 2.4 s (0.7 to 4.1)."


def test_row_5_ships_the_greatest_lower_bound_and_names_the_others() -> None:
    second = judged(0.001, 0.2, "F")
    verdict = decide(situation(second, BETTER, WORSE, TOO_FEW, has_window=False))
    assert (verdict.code, verdict.variant, verdict.turn_off) == (Code.SHIP, "B", ("C",))
    assert verdict.advice == (
        "Turn C off. C makes Conversion worse by 2.0 percentage points (0.5 to 3.5).",
        "Its lead over F is not tested.",
        "An effect on when people act counts as an effect.",
        "E has 99 of 100 users.",
    )


def test_row_5_states_no_means_where_a_contrast_has_none() -> None:
    verdict = decide(situation(replace(BETTER, control_mean=None)))
    assert verdict.text.startswith("Ship B. Conversion rises by 2.0 percentage points (0.5 to")


def test_row_5_never_ships_a_variant_that_harms_a_guardrail() -> None:
    harming = replace(judged(0.03, 0.05, "F"), guardrails=(SPEED,))
    verdict = decide(situation(harming, BETTER))
    assert (verdict.variant, verdict.turn_off) == ("B", ("F",))
    assert verdict.advice == ("Turn F off. F harms Load time.",)


@pytest.mark.parametrize(
    ("change", "days", "objection"),
    [
        ({"reports_differ": True}, 7, "who reports differs by variant"),
        ({}, 6, "6 of 7 days are over, and weekdays differ"),
        (
            {"guardrails": (WITH_MARGIN,)},
            7,
            "Load time is not shown to stay within its margin",
        ),
        (
            {"guardrails": (WITH_MARGIN,), "reports_differ": True},
            6,
            "Load time is not shown to stay within its margin, who reports differs by variant "
            "and 6 of 7 days are over, and weekdays differ",
        ),
    ],
)
@pytest.mark.parametrize(("ended", "code"), [(False, Code.KEEP_RUNNING), (True, Code.INCONCLUSIVE)])
def test_row_6_says_what_stands_against_a_better_variant(
    change: dict[str, object], days: int, objection: str, ended: bool, code: Code
) -> None:
    candidate = replace(BETTER, **change)  # type: ignore[arg-type]
    verdict = decide(situation(candidate, full_days=days, ended=ended))
    assert (verdict.code, verdict.row) == (code, 6)
    assert verdict.text == f"B improves Conversion, but {objection}."
    assert verdict.is_terminal is ended


def test_row_6_holds_where_one_variant_harms_and_another_is_undecided() -> None:
    harming = replace(BETTER, guardrails=(SPEED,))
    verdict = decide(situation(harming, UNDECIDED))
    assert (verdict.code, verdict.row, verdict.turn_off) == (Code.KEEP_RUNNING, 6, ("B",))
    assert verdict.text == "B improves Conversion, but harms Load time."


def test_what_is_not_asked_for_a_full_week_ships_at_once() -> None:
    plan = replace(PLANNED, full_week=False)
    assert decide(situation(BETTER, plan=plan, full_days=1)).code is Code.SHIP
    assert decide(situation(BETTER, full_days=7)).code is Code.SHIP


def test_row_7_finds_no_difference_that_matters() -> None:
    plan = replace(PLANNED, mde=0.025)
    verdict = decide(situation(UNDECIDED, judged(-0.02, 0.01), plan=plan, ended=True))
    assert (verdict.code, verdict.row) == (Code.NO_DIFFERENCE, 7)
    assert verdict.text == (
        "No difference that matters: it lies between -2.0 and 2.0 percentage points, "
        "less than 2.5 percentage points."
    )
    assert verdict.is_terminal


def test_row_7_is_about_the_variants_that_are_left() -> None:
    plan = replace(PLANNED, mde=0.025)
    verdict = decide(situation(UNDECIDED, WORSE, plan=plan, ended=True))
    assert (verdict.code, verdict.turn_off) == (Code.NO_DIFFERENCE, ("C",))
    assert verdict.advice[0].startswith("Turn C off.")


@pytest.mark.parametrize("other", [TOO_FEW, judged(-0.025, 0.0), judged(0.0, 0.025)])
def test_row_7_needs_every_interval_inside(other: Candidate) -> None:
    plan = replace(PLANNED, mde=0.025)
    verdict = decide(situation(UNDECIDED, other, plan=plan, ended=True))
    assert verdict.code is Code.INCONCLUSIVE


def test_row_8_says_what_could_be_found_and_how_many_a_new_run_needs() -> None:
    plan = replace(PLANNED, mde=0.01)
    verdict = decide(situation(UNDECIDED, plan=plan, ended=True))
    assert (verdict.code, verdict.row) == (Code.INCONCLUSIVE, 8)
    # The standard error is 0.0075: (2 + 0.8416)·0.75 points; (2.0537 + 0.8416)²·0.75²·6,000 users.
    assert verdict.text == (
        "Not shown to be better or worse. With the users who came it could find "
        "2.1 percentage points; by default keep A. "
        "Do not extend: plan a new run of 28,294 users."
    )
    assert verdict.is_terminal


def test_row_8_without_a_smallest_effect_asks_for_one() -> None:
    verdict = decide(situation(UNDECIDED, ended=True))
    assert verdict.text.endswith("plan a new run from the smallest effect that matters.")


def test_row_8_knows_no_effect_if_nothing_is_left_to_judge() -> None:
    verdict = decide(situation(WORSE, TOO_FEW, ended=True))
    assert verdict.code is Code.INCONCLUSIVE
    assert verdict.text == (
        "Not shown to be better or worse. By default keep A. "
        "Do not extend: plan a new run from the smallest effect that matters."
    )
    plan = replace(PLANNED, mde=0.01)
    assert decide(situation(WORSE, TOO_FEW, plan=plan, ended=True)).text == verdict.text


@pytest.mark.parametrize(
    ("mode", "days", "text"),
    [
        (Mode.PLANNED, 14, "The plan ends in about 14 days."),
        (Mode.MOVED, 1, "The plan ends in about 1 day."),
        (Mode.OPEN, 9, "A decision is about 9 days away."),
        (Mode.OPEN, None, "When it will be decided is not known."),
    ],
)
def test_row_9_keeps_running(mode: Mode, days: int | None, text: str) -> None:
    verdict = decide(situation(UNDECIDED, plan=Plan(mode, 6_000), days_left=days))
    assert (verdict.code, verdict.row) == (Code.KEEP_RUNNING, 9)
    assert verdict.text == f"Undecided: -1.0 to 2.0 percentage points. {text}"
    assert not verdict.is_terminal


def test_row_9_names_each_of_several_variants() -> None:
    verdict = decide(situation(UNDECIDED, judged(-0.02, 0.01, "F"), WORSE))
    assert verdict.text == (
        "Undecided: D -1.0 to 2.0 percentage points; F -2.0 to 1.0 percentage points. "
        "The plan ends in about 14 days."
    )
    assert verdict.turn_off == ("C",)


def test_row_9_may_have_nothing_left_that_is_judged() -> None:
    verdict = decide(situation(WORSE, TOO_FEW))
    assert verdict.text == "Undecided. The plan ends in about 14 days."
    assert verdict.advice[1] == "E has 99 of 100 users."


@pytest.mark.parametrize("days", [3, None])
def test_after_other_changes_of_weights_only_the_end_decides(days: int | None) -> None:
    verdict = decide(situation(BETTER, early_looks=False, days_left=days))
    assert (verdict.code, verdict.row) == (Code.KEEP_RUNNING, 9)
    assert "only the planned end decides." in verdict.text
    assert verdict.text.endswith("in about 3 days.") is (days is not None)
    assert decide(situation(BETTER, early_looks=False, ended=True)).code is Code.SHIP


@pytest.mark.parametrize("ended", [False, True])
def test_an_aa_experiment_without_an_alarm_is_sound(ended: bool) -> None:
    plan = replace(PLANNED, is_aa=True)
    verdict = decide(situation(UNDECIDED, plan=plan, ended=ended))
    assert verdict.code is Code.SOUND
    start = "Sound" if ended else "Sound so far"
    assert verdict.text == f"{start}: variants that are the same do not differ."
    assert verdict.is_terminal is ended


def test_an_aa_experiment_with_an_alarm_is_not_sound() -> None:
    plan = replace(PLANNED, is_aa=True)
    verdict = decide(situation(BETTER, plan=plan))
    assert (verdict.code, verdict.is_terminal) == (Code.UNSOUND, True)
    assert verdict.text.startswith("Stop. B differs from A, though all are the same: find")
    both = decide(situation(BETTER, WORSE, UNDECIDED, plan=plan))
    assert both.text.startswith("Stop. B and C differ from A,")


@pytest.mark.parametrize(
    ("interval", "margin", "state", "blocks"),
    [
        (Interval(-2, -1), None, GuardrailState.HARMED, True),
        (Interval(-2, -1), 5.0, GuardrailState.HARMED, True),
        (Interval(-2, 0), None, GuardrailState.UNCLEAR, False),
        (Interval(-2, 1), 2.0, GuardrailState.UNCLEAR, True),
        (Interval(-2, 1), 2.1, GuardrailState.SAFE, False),
        (Interval(0, 1), 0.0, GuardrailState.UNCLEAR, True),
        (None, None, GuardrailState.UNCLEAR, False),
        (None, 1.0, GuardrailState.UNCLEAR, True),
    ],
)
def test_a_guardrail_is_harmed_safe_or_unclear(
    interval: Interval | None, margin: float | None, state: GuardrailState, blocks: bool
) -> None:
    guardrail = Guardrail("Load time", interval, margin)
    assert (guardrail.state, guardrail.blocks) == (state, blocks)


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (-1.0, 3e20, "-1 to 3e+20 EUR"),
        (-0.0000123, 0.00004, "-0.000012 to 0.000040 EUR"),
        (-0.001, 900, "0 to 900 EUR"),
        (-1e-320, 1e-320, "0.000000000000 to 0.000000000000 EUR"),
    ],
)
def test_numbers_have_the_digits_that_their_interval_supports(
    low: float, high: float, text: str
) -> None:
    verdict = decide(situation(judged(low, high), measure=Measure("Revenue", unit="EUR")))
    assert verdict.text.startswith(f"Undecided: {text}. ")
    assert decimals_for(0.0) == decimals_for(float("inf")) == 0
