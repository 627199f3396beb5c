from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from chalicelib.domain.catalogue.imports import part_ids
from chalicelib.domain.errors import Invalid
from chalicelib.domain.experiments.experiments import (
    ConditionPayload,
    Experiment,
    Factor,
    Level,
    LevelElement,
    Payload,
    PostRule,
    State,
    StateChange,
    Unit,
)
from chalicelib.domain.experiments.lifecycle import (
    DRAWING,
    check_state,
    copied,
    entered,
    lacks,
    last_start,
    shipped,
)
from tests.unit.upgrade_samples import NOW, STARTED, conditions, design

TOMORROW = "2026-01-16T12:00:00.000Z"

STARTS = [
    ([], None),
    ([State.INACTIVE, State.PREVIEW], None),
    ([State.INACTIVE, State.ENROLLING], 1),
    ([State.INACTIVE, State.ENROLLING, State.ENROLLMENT_COMPLETE, State.ENROLLING], 1),
    ([State.INACTIVE, State.ENROLLING, State.INACTIVE, State.ENROLLING], 3),
    ([State.INACTIVE, State.ENROLLMENT_COMPLETE], 1),
    ([State.INACTIVE, State.ENROLLMENT_COMPLETE, State.ENROLLING], 1),
    ([State.INACTIVE, State.ENROLLING, State.CANCELLED, State.ENROLLMENT_COMPLETE], 1),
]
"""States one after the other, and which change of them was the last start."""


def of_weights(*weights: float, state: State = State.ENROLLING) -> Experiment:
    arms = conditions(**{f"c{order}": weight for order, weight in enumerate(weights)})
    return replace(design(arms=arms, state=state), start_on=TOMORROW)


# When it started


@pytest.mark.parametrize(("states", "start"), STARTS)
def test_a_return_from_enrollment_complete_is_no_start(
    states: list[State], start: int | None
) -> None:
    changes = [
        StateChange(f"{day}", before, after, STARTED + timedelta(days=day))
        for day, (before, after) in enumerate(pairwise(states), 1)
    ]
    expected = None if start is None else STARTED + timedelta(days=start)
    assert last_start(changes) == last_start(reversed(changes)) == expected


@pytest.mark.parametrize(("states", "start"), STARTS)
def test_what_entered_its_states_started_when_its_log_says(
    states: list[State], start: int | None
) -> None:
    made = design(started_at=None)
    for day, (before, after) in enumerate(pairwise(states), 1):
        made = replace(made, state=after)
        made = entered(made, before, f"{day}", STARTED + timedelta(days=day))
    assert [(c.before, c.after) for c in made.state_changes] == list(pairwise(states))
    assert made.started_at == last_start(made.state_changes)
    assert (made.started_at is None) is (start is None)


def test_a_log_is_continued() -> None:
    first = entered(design(state=State.PREVIEW), State.INACTIVE, "one", STARTED)
    after = entered(replace(first, state=State.ENROLLING), State.PREVIEW, "two", NOW)
    assert after.state_changes == (
        StateChange("one", State.INACTIVE, State.PREVIEW, STARTED),
        StateChange("two", State.PREVIEW, State.ENROLLING, NOW),
    )
    assert after.started_at == NOW


# What its state needs


@pytest.mark.parametrize("state", State)
def test_only_what_is_scheduled_needs_a_date(state: State) -> None:
    made = replace(design(state=state), start_on=None)
    assert any(each.startswith("startOn: ") for each in lacks(made)) is (state is State.SCHEDULED)
    assert lacks(replace(made, start_on=TOMORROW)) == ()


@pytest.mark.parametrize(
    "weights",
    [
        (), (0, 0), (100,), (50, 50), (33, 33, 33), (33.33, 33.33, 33.33), (99,), (101,),
        (49.5, 49.5), (50.5, 50.5), (0.1,) * 10 + (99,), (2.5,) * 40,
    ],
)  # fmt: skip
def test_weights_sum_to_100_within_1_or_to_0(weights: tuple[float, ...]) -> None:
    assert [lacks(of_weights(*weights, state=state)) for state in DRAWING] == [(), ()]


@pytest.mark.parametrize(
    ("weights", "total"),
    [
        ((25, 25), "50"),
        ((50,), "50"),
        ((0.5, 0.5), "1"),
        ((98.99,), "98.99"),
        ((33.3, 33.3, 32.3), "98.9"),
        ((101.00000000000001,), "101.00000000000001"),
        ((100, 100), "200"),
        ((1e9, 1e9), "2000000000"),
        ((1e-7,), "0.0000001"),
    ],
)
def test_another_sum_of_weights_is_named(weights: tuple[float, ...], total: str) -> None:
    for state in DRAWING:
        (said,) = lacks(of_weights(*weights, state=state))
        assert f"sum to {total};" in said
        with pytest.raises(Invalid, match="assignmentWeight"):
            check_state(of_weights(*weights, state=state))


@pytest.mark.parametrize("state", sorted({*State} - DRAWING))
def test_weights_may_sum_to_anything_while_nobody_draws(state: State) -> None:
    check_state(of_weights(25, 25, state=state))


def test_weights_are_not_drawn_by_within_subjects() -> None:
    check_state(replace(of_weights(25, 25), unit=Unit.WITHIN_SUBJECTS))
    with pytest.raises(Invalid):
        check_state(replace(of_weights(25, 25), unit=Unit.GROUP))


def test_what_was_lacking_before_may_go_on_to_be_lacking() -> None:
    odd = of_weights(25, 25)
    check_state(replace(odd, name="renamed"), odd)
    check_state(odd, replace(odd, state=State.SCHEDULED))
    for before in (of_weights(50, 50), of_weights(25, 24), replace(odd, state=State.INACTIVE)):
        with pytest.raises(Invalid, match="sum to 50;"):
            check_state(odd, before)


def test_all_that_is_lacking_is_said() -> None:
    made = replace(of_weights(25, 25, state=State.SCHEDULED), start_on=None)
    with pytest.raises(Invalid, match=r"startOn: .* assignmentWeight: "):
        check_state(made)


def test_a_winner_is_shipped_with_the_rule_that_assigns_it() -> None:
    before = design()
    after = shipped(before, before.conditions[0].id, NOW)
    assert after.state is State.ENROLLMENT_COMPLETE
    assert (after.post_rule, after.revert_to) == (PostRule.ASSIGN, before.conditions[0].id)
    assert after.version == before.version + 1


def test_no_winner_is_shipped_that_is_not_there_or_could_not_be_assigned() -> None:
    with pytest.raises(Invalid, match="choose one"):
        shipped(design(), "unknown", NOW)
    within = design(unit=Unit.WITHIN_SUBJECTS)
    with pytest.raises(Invalid, match="within subjects"):
        shipped(within, within.conditions[0].id, NOW)
    archived = design(state=State.ARCHIVED)
    with pytest.raises(Invalid, match="a winner to ship"):
        shipped(archived, archived.conditions[0].id, NOW)


def test_a_copy_refers_to_its_own_parts_only() -> None:
    bare = design(arms=conditions(a=50.0, b=50.0))
    a, b = bare.conditions
    (place,) = bare.points
    factor = Factor("f", "Color", 1, None, (Level("l", "red"),))
    before = replace(
        bare,
        conditions=(replace(a, variant_id=7, levels=(LevelElement("x", "l"),)), b),
        payloads=(
            ConditionPayload("p", a.id, place.id, Payload("string", "1")),
            ConditionPayload("q", b.id, None, Payload("string", "2")),
        ),
        factors=(factor,),
        queries=({"id": "q", "name": "Time"},),
        revert_to=b.id,
        started_at=NOW,
        start_on="2030-01-01T00:00:00.000Z",
    )
    ids = (f"new {number}" for number in itertools.count())
    copy = copied(before, "again", NOW, lambda: next(ids))
    first, second = copy.conditions
    assert (copy.name, copy.state, copy.started_at, copy.start_on) == (
        "again",
        State.INACTIVE,
        None,
        None,
    )
    assert first.variant_id == 0
    assert first.levels[0].level_id == copy.factors[0].levels[0].id
    assert [(each.condition_id, each.point_id) for each in copy.payloads] == [
        (first.id, copy.points[0].id),
        (second.id, None),
    ]
    assert copy.revert_to == second.id
    assert not part_ids([copy]) & part_ids([before])
    assert copied(bare, "again", NOW, lambda: next(ids)).revert_to is None
