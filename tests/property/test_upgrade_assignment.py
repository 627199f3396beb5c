from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.audiences.filters import FilterMode
from chalicelib.domain.audiences.segments import Segment, SegmentType
from chalicelib.domain.experiments import seedrandom
from chalicelib.domain.experiments.assignment import Assignment, assign, draw
from chalicelib.domain.experiments.compiled_experiments import CompiledContext, CompiledExperiment
from chalicelib.domain.experiments.experiments import ConsistencyRule, Experiment, State, Unit
from chalicelib.domain.experiments.marks import Mark, MarkStatus
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import GroupKey, Participant
from tests.unit.upgrade_samples import (
    CLASS,
    World,
    compiled,
    conditions,
    context_of,
    design,
    notes,
    points,
    pupil,
    segment,
    user,
)
from tests.unit.upgrade_samples import given as codes_given

SHARED = [DecisionPointKey("quiz", target) for target in ("intro", "middle", "end")]
"""Decision points for which experiments may compete."""

ids = st.text(min_size=1, max_size=8)
units = st.sampled_from([Unit.INDIVIDUAL, Unit.GROUP])
rules = st.sampled_from(ConsistencyRule)
statuses = st.sampled_from([None, MarkStatus.APPLIED, MarkStatus.NONE_ASSIGNED])
weights = st.lists(st.integers(0, 100), min_size=1, max_size=4)
rooms = st.sampled_from(["room 1", "room 2"])


def arms_of(shares: Sequence[float]) -> dict[str, float]:
    return {f"c{i}": share for i, share in enumerate(shares)}


@st.composite
def experiments(
    draw: st.DrawFn, *, apart: bool = False, site: str = "quiz", max_size: int = 4
) -> list[Experiment]:
    """Experiments that enroll; `apart` gives each its own points, at which nothing competes."""
    made = []
    for n in range(draw(st.integers(1, max_size))):
        if apart:
            point_keys = [
                DecisionPointKey(f"{site} {n}", f"{i}") for i in range(draw(st.integers(1, 2)))
            ]
        else:
            point_keys = draw(st.lists(st.sampled_from(SHARED), min_size=1, unique=True))
        made.append(
            design(
                f"{site}-{n}-{draw(ids)}",
                unit=draw(units),
                rule=draw(rules),
                arms=conditions(**arms_of(draw(weights))),
                at=points(*point_keys),
            )
        )
    return made


def answers(world: World, user_id: str, context: CompiledContext) -> list[Assignment]:
    return assign(context, world.users[user_id], world.groups_of(user_id))


def codes(
    world: World, user_id: str, context: CompiledContext
) -> dict[tuple[str, DecisionPointKey], tuple[str, ...]]:
    """What a user gets, by experiment and place."""
    return codes_given(answers(world, user_id, context))


def mark_of(assignment: Assignment, status: MarkStatus | None = None) -> Mark:
    """The mark that a client sends for what it was assigned."""
    experiment, point_key = assignment.compiled.experiment, assignment.point.point_key
    return Mark(point_key, assignment.conditions[0].code, experiment.id, status)


def mark_all(
    world: World, user_id: str, context: CompiledContext, status: MarkStatus | None = None
) -> None:
    """Let a user mark all that is assigned, as one client would."""
    for assignment in answers(world, user_id, context):
        world.mark(user_id, mark_of(assignment, status), assignment.compiled)


# From assign to mark and after
@given(experiments(), ids, rooms, statuses, st.randoms(use_true_random=False))
def test_a_user_keeps_through_all_marks_what_assign_answered(
    made: list[Experiment],
    user_id: str,
    room: str,
    status: MarkStatus | None,
    random: Random,
) -> None:
    context, world = context_of(*made), World(pupil(user_id, room))
    first = answers(world, user_id, context)
    marks = [*first, *first]
    random.shuffle(marks)
    for assignment in marks:
        outcome = world.mark(user_id, mark_of(assignment, status), assignment.compiled)
        enrollment = outcome.records.enrollment
        if enrollment is not None:
            assert enrollment.condition_id == assignment.conditions[0].id
        assert outcome.condition == assignment.conditions[0].code
        assert codes(world, user_id, context) == codes_given(first)
    assert not world.users[user_id].exclusions
    rows = [e for rows in world.users[user_id].enrollments.values() for e in rows]
    assert len(rows) == len(first), "one row per point, however often it is marked"


@given(experiments(), ids, rooms, st.data())
def test_new_weights_change_nothing_for_those_who_were_marked(
    made: list[Experiment], user_id: str, room: str, data: st.DataObject
) -> None:
    world = World(pupil(user_id, room))
    context = context_of(*made)
    before = codes(world, user_id, context)
    mark_all(world, user_id, context)
    reweighted = [
        replace(
            experiment,
            conditions=tuple(
                replace(c, weight=data.draw(st.integers(0, 100))) for c in experiment.conditions
            ),
        )
        for experiment in made
    ]
    assert codes(world, user_id, context_of(*reweighted)) == before


@given(experiments(apart=True), st.lists(st.tuples(ids, rooms), min_size=2, max_size=8), st.data())
def test_other_users_change_nothing_before_and_after_the_own_marks(
    made: list[Experiment], people: list[tuple[str, str]], data: st.DataObject
) -> None:
    someone, *others = [pupil(f"{i} {user_id}", room) for i, (user_id, room) in enumerate(people)]
    context, world = context_of(*made), World(someone)
    alone = codes(world, someone.id, context)
    mark_at = data.draw(st.integers(0, len(others)))
    for i, other in enumerate(others):
        if i == mark_at:
            mark_all(world, someone.id, context)
        world.users[other.id] = other
        mark_all(world, other.id, context, data.draw(st.sampled_from([None, *MarkStatus])))
        assert codes(world, someone.id, context) == alone


@given(experiments(), experiments(apart=True, site="other"), ids, rooms, st.booleans())
def test_experiments_elsewhere_change_nothing(
    made: list[Experiment], elsewhere: list[Experiment], user_id: str, room: str, first: bool
) -> None:
    world = World(pupil(user_id, room))
    before = codes(world, user_id, context_of(*made))
    both = context_of(*made, *elsewhere)
    wanted = {experiment.id for experiment in made}

    def of_the_first() -> dict[tuple[str, DecisionPointKey], tuple[str, ...]]:
        found = codes(world, user_id, both)
        return {key: value for key, value in found.items() if key[0] in wanted}

    if first:
        mark_all(world, user_id, context_of(*made))
    assert of_the_first() == before
    mark_all(world, user_id, both)
    assert of_the_first() == before


@st.composite
def segments_of_others(draw: st.DrawFn) -> list[Segment]:
    """Segments of any kind that name neither the user nor the user's groups."""
    groups = st.builds(GroupKey, st.sampled_from([CLASS, "school"]), st.sampled_from("abc"))
    return [
        segment(
            f"s{i}",
            *draw(st.lists(groups, max_size=3)),
            version=2,
            subs=tuple(draw(st.lists(st.sampled_from(["s0", "s1", "s2", "gone"]), max_size=2))),
            kind=draw(st.sampled_from(SegmentType)),
        )
        for i in range(draw(st.integers(1, 3)))
    ]


@given(
    experiments(),
    segments_of_others(),
    ids,
    rooms,
    st.dictionaries(st.sampled_from(["s0", "s1", "s2", "elsewhere"]), st.just(1)),
    st.booleans(),
)
def test_segments_that_do_not_name_the_user_change_nothing(
    made: list[Experiment],
    segments: list[Segment],
    user_id: str,
    room: str,
    old_notes: dict[str, int],
    included: bool,
) -> None:
    """The user may have been on earlier versions of the lists."""
    mode = FilterMode.EXCLUDE_ALL if included else FilterMode.INCLUDE_ALL
    members = notes(**{**old_notes, "own": 1})
    world = World(replace(pupil(user_id, room), members=members))
    own = segment("own")
    plain = [replace(design_, filter_mode=mode) for design_ in with_lists(made, ["own"], [])]
    before = codes(world, user_id, context_of(*plain, segments=[own]))
    names = [s.id for s in segments]
    listed = [
        replace(design_, filter_mode=mode) for design_ in with_lists(made, ["own", *names], names)
    ]
    context = context_of(*listed, segments=[own, *segments])
    assert codes(world, user_id, context) == before
    mark_all(world, user_id, context)
    assert codes(world, user_id, context) == before


def with_lists(
    made: Sequence[Experiment], include: Sequence[str], exclude: Sequence[str]
) -> list[Experiment]:
    lists = design(include=include, exclude=exclude)
    return [replace(e, include=lists.include, exclude=lists.exclude) for e in made]


# Classmates
@given(
    st.lists(ids, min_size=2, max_size=6),
    rules,
    weights,
    ids,
    ids,
    st.lists(st.integers(0, 5), max_size=8),
)
def test_classmates_agree_in_group_experiments_before_and_after_marks(
    names: list[str],
    rule: ConsistencyRule,
    shares: list[int],
    experiment_id: str,
    room: str,
    marking: list[int],
) -> None:
    made = design(experiment_id, unit=Unit.GROUP, rule=rule, arms=conditions(**arms_of(shares)))
    context = context_of(made)
    world = World(*(pupil(f"{i} {name}", room) for i, name in enumerate(names)))

    def all_answers() -> list[dict[tuple[str, DecisionPointKey], tuple[str, ...]]]:
        return [codes(world, user_id, context) for user_id in world.users]

    first = all_answers()
    assert all(answer == first[0] for answer in first)
    assert first[0]
    for i in marking:
        mark_all(world, list(world.users)[i % len(names)], context)
        assert all_answers() == first


@given(experiments(apart=True), st.lists(ids, min_size=1, max_size=4), ids)
def test_a_newcomer_gets_what_the_class_has_also_after_enrollment(
    made: list[Experiment], names: list[str], room: str
) -> None:
    grouped = [replace(experiment, unit=Unit.GROUP, group=CLASS) for experiment in made]
    context = context_of(*grouped)
    world = World(*(pupil(f"{i} {name}", room) for i, name in enumerate(names)))
    for user_id in list(world.users):
        mark_all(world, user_id, context)
    world.users["new"] = pupil("new", room)
    expected = codes(world, next(iter(world.users)), context)
    assert codes(world, "new", context) == expected
    completed = context_of(*(replace(e, state=State.ENROLLMENT_COMPLETE) for e in grouped))
    assert codes(world, "new", completed) == expected


# Weights

PEOPLE = 20_000
TAIL = 1e-6

cached_draw = functools.cache(seedrandom.first_draw)


def chi_squared_tail(x: float, freedom: int) -> float:
    """P(χ² > x): from one or two degrees of freedom up, two at a time.

    Source: Abramowitz and Stegun, 26.4.4 and 26.4.5.
    """
    tail = math.erfc(math.sqrt(x / 2)) if freedom % 2 else math.exp(-x / 2)
    for below in range(2 - freedom % 2, freedom, 2):
        tail += (x / 2) ** (below / 2) * math.exp(-x / 2) / math.gamma(below / 2 + 1)
    return tail


@pytest.mark.parametrize(
    ("x", "freedom", "tail"),
    [(3.841459, 1, 0.05), (5.991465, 2, 0.05), (7.814728, 3, 0.05), (13.276704, 4, 0.01)],
)
def test_the_tail_is_that_of_the_tables(x: float, freedom: int, tail: float) -> None:
    assert chi_squared_tail(x, freedom) == pytest.approx(tail, rel=1e-5)


@pytest.mark.parametrize("shares", [(50, 50), (70, 20, 10), (33.4, 33.3, 33.3), (5, 15, 25, 55)])
def test_weights_are_met(shares: tuple[float, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    # The draws are the same for all weights.
    monkeypatch.setattr(seedrandom, "_kept_draw", cached_draw)
    made = compiled(
        design("0b2e1f6c-3f1a-4c2e-9d51-6d3c0a7b1e01", arms=conditions(**arms_of(shares)))
    )
    found = Counter(chosen(made, each) for each in people())
    expected = {code: PEOPLE * share / 100 for code, share in arms_of(shares).items()}
    assert set(found) == set(expected)
    distance = sum((found[code] - n) ** 2 / n for code, n in expected.items())
    assert chi_squared_tail(distance, len(shares) - 1) > TAIL


@functools.cache
def people() -> list[Participant]:
    """Users of whom each experiment draws; made once."""
    return [user(f"student-{n}") for n in range(PEOPLE)]


def chosen(made: CompiledExperiment, participant: Participant) -> str:
    found = draw(made, participant)
    assert found is not None
    return found.code
