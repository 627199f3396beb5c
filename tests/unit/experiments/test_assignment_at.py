"""What a user gets at one point: the experiments there make one pool (section 17)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from chalicelib.domain.audiences.filters import FilterMode
from chalicelib.domain.experiments.assignment import assign_at
from chalicelib.domain.experiments.experiments import Algorithm, ConsistencyRule, Experiment, State
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import GroupKey, GroupRecord, Participant
from tests.unit.upgrade_samples import (
    CLASS,
    COMPLETE,
    ENROLLING,
    GROUP,
    POINT_KEY,
    PREVIEW,
    WITHIN,
    conditions,
    context_of,
    design,
    enrolled,
    excluded,
    given,
    group,
    points,
    pupil,
    user,
)

THERE = DecisionPointKey("quiz", "end")
ELSEWHERE = DecisionPointKey("exam", "intro")


def at(
    point_key: DecisionPointKey,
    *experiments: Experiment,
    to: Participant | None = None,
    groups: Mapping[GroupKey, GroupRecord] | None = None,
) -> dict[tuple[str, DecisionPointKey], tuple[str, ...]]:
    context = context_of(*experiments)
    return given(assign_at(context, point_key, to or user(), groups or {}))


def one(
    name: str, code: str, *point_keys: DecisionPointKey, state: State = ENROLLING
) -> Experiment:
    """An experiment with one condition."""
    return design(
        name, arms=conditions(**{code: 100}), at=points(*(point_keys or (POINT_KEY,))), state=state
    )


def test_only_the_asked_point_is_answered() -> None:
    both = one("exp", "a", POINT_KEY, THERE)
    assert at(POINT_KEY, both) == {("exp", POINT_KEY): ("a",)}
    assert at(THERE, both) == {("exp", THERE): ("a",)}
    assert at(ELSEWHERE, both) == {}
    assert at(POINT_KEY) == {}


def test_experiments_elsewhere_do_not_compete_though_they_share_points() -> None:
    """In assign the three would be one pool, of which a user gets one."""
    first, bridge, last = (
        one("1", "a", POINT_KEY),
        one("2", "b", POINT_KEY, THERE),
        one("3", "c", THERE),
    )
    for number in range(20):
        here = at(POINT_KEY, first, bridge, last, to=user(f"user {number}"))
        assert len(here) == 1
        assert here.keys() <= {("1", POINT_KEY), ("2", POINT_KEY)}


def test_the_experiment_that_a_user_takes_part_in_wins() -> None:
    made = [one(f"{feature_id}", "a") for feature_id in (1, 2, 3)]
    for feature_id in (1, 2, 3):
        assert at(POINT_KEY, *made, to=enrolled(user(), "a", feature_id)) == {
            (f"{feature_id}", POINT_KEY): ("a",)
        }


def test_an_enrollment_elsewhere_does_not_count() -> None:
    made = [one("1", "a", POINT_KEY), one("2", "b", THERE)]
    assert at(POINT_KEY, *made, to=enrolled(user(), "b", 2)) == {("1", POINT_KEY): ("a",)}


def test_exclusions_count() -> None:
    assert at(POINT_KEY, one("1", "a"), to=excluded(user())) == {}


@pytest.mark.parametrize("state", [COMPLETE, PREVIEW, State.INACTIVE])
def test_only_what_enrolls_takes_new_users_and_previews_are_left_out(state: State) -> None:
    previewing = replace(user(), preview={})
    assert at(POINT_KEY, one("1", "a", state=state), to=previewing) == {}
    running = one("2", "b")
    assert at(POINT_KEY, one("1", "a", state=state), running, to=previewing) == {
        ("2", POINT_KEY): ("b",)
    }


def test_the_lists_decide() -> None:
    assert at(POINT_KEY, design(mode=FilterMode.EXCLUDE_ALL)) == {}


def test_whether_the_group_is_valid_does_not_count() -> None:
    made = design(unit=GROUP, rule=ConsistencyRule.GROUP, arms=conditions(a=100))
    strayed = pupil()
    strayed = replace(strayed, profile=replace(strayed.profile, group={CLASS: ("another",)}))
    assert at(POINT_KEY, made, to=strayed) == {("exp", POINT_KEY): ("a",)}
    assert at(POINT_KEY, made, to=user()) == {}, (
        "without a group in force there is nothing to draw by"
    )


def test_what_the_group_has_is_kept() -> None:
    made = design(unit=GROUP, rule=ConsistencyRule.GROUP, arms=conditions(a=100, b=0))
    assert at(POINT_KEY, made, to=pupil(), groups=group(enrolled={1: "b"})) == {
        ("exp", POINT_KEY): ("b",)
    }


def test_a_queue_is_that_of_the_point() -> None:
    made = design(unit=WITHIN, arms=conditions(a=50, b=50), at=points(POINT_KEY, THERE))
    assert at(THERE, made) == {("exp", THERE): ("a", "b")}


def test_what_a_stratum_lacks_counts() -> None:
    made = design(
        rule=ConsistencyRule.EXPERIMENT,
        algorithm=Algorithm.STRATIFIED,
        stratification_factor="school",
    )
    north = replace(user(), strata={"school": "north"})
    for code, other in ("ab", "ba"):
        found = assign_at(context_of(made), POINT_KEY, north, {}, {1: {other: 50, code: 0}})
        assert given(found) == {("exp", POINT_KEY): (code,)}
