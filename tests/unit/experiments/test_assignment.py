from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from chalicelib.domain.audiences.filters import FilterMode
from chalicelib.domain.audiences.segments import SegmentType
from chalicelib.domain.experiments import seedrandom
from chalicelib.domain.experiments.assignment import (
    History,
    assign,
    choose,
    corrected,
    draw,
    group_reached,
    group_record,
    is_listed_in,
    queue,
    user_reached,
)
from chalicelib.domain.experiments.compiled_experiments import CompiledExperiment
from chalicelib.domain.experiments.experiments import (
    Algorithm,
    ConditionOrder,
    ConsistencyRule,
    Experiment,
    PostRule,
    State,
    Unit,
)
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import GroupKey, GroupRecord, Participant, Profile
from tests.unit.upgrade_samples import (
    BEFORE,
    BY_EXPERIMENT,
    BY_GROUP,
    BY_INDIVIDUAL,
    CLASS,
    COMPLETE,
    ENROLLING,
    GROUP,
    IGN,
    INDIVIDUAL,
    NOW,
    POINT_KEY,
    PREVIEW,
    ROOM,
    STARTED,
    THERE,
    VECTOR_DRAW,
    VECTOR_ID,
    VECTOR_UNIT,
    WITHIN,
    compiled,
    condition,
    conditions,
    context_of,
    design,
    enrolled,
    enrollment,
    excluded,
    factorial,
    given,
    group,
    point,
    points,
    pupil,
    reached,
    segment,
    user,
)


def previewing(participant: Participant, **conditions: str) -> Participant:
    return replace(participant, preview=conditions)


def codes(
    *experiments: Experiment,
    to: Participant,
    groups: Mapping[GroupKey, GroupRecord] | None = None,
) -> dict[str, str]:
    """The first condition of each experiment that a user gets."""
    assignments = assign(context_of(*experiments), to, groups or {})
    return {a.compiled.experiment.id: a.conditions[0].code for a in assignments}


# Condition by state, rule and history (section 13.1)

TABLE = [
    (ENROLLING, BY_INDIVIDUAL, GROUP, "xI I xG G N"),
    (ENROLLING, BY_INDIVIDUAL, INDIVIDUAL, "xI I N"),
    (ENROLLING, BY_GROUP, GROUP, "xG G xI I N"),
    (ENROLLING, BY_GROUP, INDIVIDUAL, "xI I N"),
    (ENROLLING, BY_EXPERIMENT, GROUP, "G N"),
    (ENROLLING, BY_EXPERIMENT, INDIVIDUAL, "I N"),
    (ENROLLING, BY_EXPERIMENT, WITHIN, "N"),
    (PREVIEW, BY_INDIVIDUAL, GROUP, "xI I xG G N"),
    (PREVIEW, BY_INDIVIDUAL, INDIVIDUAL, "xI I N"),
    (PREVIEW, BY_GROUP, GROUP, "xG G xI I N"),
    (PREVIEW, BY_GROUP, INDIVIDUAL, "xI I N"),
    (PREVIEW, BY_EXPERIMENT, GROUP, "G N"),
    (PREVIEW, BY_EXPERIMENT, INDIVIDUAL, "I N"),
    (PREVIEW, BY_EXPERIMENT, WITHIN, "N"),
    (COMPLETE, BY_INDIVIDUAL, GROUP, "xI I xG G"),
    (COMPLETE, BY_INDIVIDUAL, INDIVIDUAL, "xI I"),
    (COMPLETE, BY_GROUP, GROUP, "xG G xI I"),
    (COMPLETE, BY_GROUP, INDIVIDUAL, "xI I"),
    (COMPLETE, BY_EXPERIMENT, GROUP, "G"),
    (COMPLETE, BY_EXPERIMENT, INDIVIDUAL, "I"),
    (COMPLETE, BY_EXPERIMENT, WITHIN, ""),
]
"""What is looked at, in this order; an x stands for an exclusion, which leaves nothing."""

HISTORIES = [
    frozenset(history)
    for size in range(5)
    for history in itertools.combinations(("I", "G", "xI", "xG"), size)
]


def first_that_applies(row: str, history: frozenset[str]) -> str | None:
    for step in row.split():
        if step in history or step == "N":
            return None if step.startswith("x") else step
    return None


def with_history(
    history: frozenset[str], unit: Unit
) -> tuple[Participant, dict[GroupKey, GroupRecord]]:
    participant = pupil()
    if "I" in history:
        participant = enrolled(participant, None if unit is WITHIN else "I")
    if "xI" in history:
        participant = excluded(participant)
    records = group(
        enrolled={1: "G"} if "G" in history else None, excluded=[1] if "xG" in history else []
    )
    return participant, records


@pytest.mark.parametrize("history", HISTORIES, ids=lambda h: " ".join(sorted(h)) or "none")
@pytest.mark.parametrize(("state", "rule", "unit", "row"), TABLE)
def test_state_rule_and_history_decide_on_the_condition(
    state: State, rule: ConsistencyRule, unit: Unit, row: str, history: frozenset[str]
) -> None:
    made = compiled(design(state=state, rule=rule, unit=unit, arms=IGN))
    participant, records = with_history(history, unit)
    chosen = choose(made, participant, History.of(made, participant, records))
    assert (chosen and chosen.code) == first_that_applies(row, history)


@pytest.mark.parametrize("history", HISTORIES, ids=lambda h: " ".join(sorted(h)) or "none")
@pytest.mark.parametrize("rule", ConsistencyRule)
@pytest.mark.parametrize("unit", [INDIVIDUAL, GROUP])
@pytest.mark.parametrize("revert_to", ["I", "G", "N", None, "gone"])
def test_after_enrollment_the_post_rule_assign_gives_its_condition_whatever_the_history(
    rule: ConsistencyRule, unit: Unit, revert_to: str | None, history: frozenset[str]
) -> None:
    made = compiled(
        design(
            state=COMPLETE,
            rule=rule,
            unit=unit,
            arms=IGN,
            post_rule=PostRule.ASSIGN,
            revert_to=revert_to,
        )
    )
    participant, records = with_history(history, unit)
    chosen = choose(made, participant, History.of(made, participant, records))
    assert (chosen and chosen.id) == (None if revert_to == "gone" else revert_to)


def test_within_subjects_experiments_give_nothing_after_enrollment() -> None:
    experiment = design(state=COMPLETE, unit=WITHIN, post_rule=PostRule.ASSIGN, revert_to="a")
    assert codes(experiment, to=enrolled(user(), None)) == {}


def test_an_enrollment_in_a_condition_that_is_gone_counts_as_none() -> None:
    assert codes(design(arms=IGN), to=enrolled(user(), "gone")) == {"exp": "N"}


def test_the_first_enrollment_with_a_condition_decides() -> None:
    twice = enrolled(enrolled(user(), "gone"), "I", point_key=THERE)
    assert codes(design(arms=IGN, at=points(POINT_KEY, THERE)), to=twice) == {"exp": "I"}


# History


def test_history_tells_stored_enrollments_and_exclusions() -> None:
    made = compiled(design(unit=GROUP, arms=IGN))
    participant, records = with_history(frozenset({"I", "xG"}), GROUP)
    i, g, _ = made.conditions
    assert History.of(made, participant, records) == History(i, None, False, True, True, False)
    participant, records = with_history(frozenset({"xI", "G"}), GROUP)
    assert History.of(made, participant, records) == History(None, g, True, False, False, True)


def test_history_is_that_of_one_experiment() -> None:
    participant = excluded(enrolled(pupil(), "I", 2), 2)
    records = group(enrolled={2: "G"}, excluded=[2])
    made = compiled(design(unit=GROUP, arms=IGN), 1)
    nothing = History(None, None, False, False, False, False)
    assert History.of(made, participant, records) == nothing


def test_an_experiment_on_individuals_has_no_group() -> None:
    assert group_record(compiled(), pupil(), group()) is None


def test_the_group_that_counts_is_the_working_group_of_the_experiments_type() -> None:
    made = compiled(design(unit=GROUP))
    records = {**group(), **group(GroupKey("school", ROOM.id))}
    assert group_record(made, pupil(), records) is records[ROOM]
    assert group_record(made, user(), records) is None
    assert group_record(made, pupil(), {}) is None


# Points reached before the start (section 13.2)

FLAGGED = (point("s1", "t1", flagged=True), point("s2", "t2", flagged=True), point("s3", "t3"))


@pytest.mark.parametrize(
    ("unit", "rule", "user_out", "group_out"),
    [
        (INDIVIDUAL, BY_INDIVIDUAL, True, False),
        (INDIVIDUAL, BY_GROUP, True, False),
        (INDIVIDUAL, BY_EXPERIMENT, False, False),
        (GROUP, BY_INDIVIDUAL, True, False),
        (GROUP, BY_GROUP, True, True),
        (GROUP, BY_EXPERIMENT, False, False),
        (WITHIN, BY_EXPERIMENT, True, False),
    ],
)
def test_having_reached_a_point_excludes_by_rule_the_user_and_the_group(
    unit: Unit, rule: ConsistencyRule, user_out: bool, group_out: bool
) -> None:
    made = compiled(design(unit=unit, rule=rule, at=FLAGGED))
    participant = reached(pupil(), DecisionPointKey("s1", "t2"))
    records = group(reached={DecisionPointKey("s1", "t2"): BEFORE})
    assert user_reached(made, participant) is user_out
    assert History.of(made, participant, {}).excluded is user_out
    assert History.of(made, pupil("classmate"), records).group_excluded is group_out


def test_a_group_that_reached_nothing_is_not_out() -> None:
    made = compiled(design(unit=GROUP, rule=BY_GROUP, at=FLAGGED))
    assert not group_reached(made, group()[ROOM])
    assert group_reached(made, group(reached={DecisionPointKey("s2", "t1"): BEFORE})[ROOM])
    assert not group_reached(made, group(reached={DecisionPointKey("s2", "t1"): NOW})[ROOM])


@pytest.mark.parametrize(
    ("rule", "gets"), [(BY_INDIVIDUAL, {}), (BY_GROUP, {}), (BY_EXPERIMENT, {"exp": "I"})]
)
def test_a_restart_shuts_out_earlier_participants_too(
    rule: ConsistencyRule, gets: dict[str, str]
) -> None:
    participant = reached(
        enrolled(user(), "I", point_key=DecisionPointKey("s1", "t1")), DecisionPointKey("s1", "t1")
    )
    assert codes(design(rule=rule, arms=IGN, at=FLAGGED), to=participant) == gets


def test_who_reached_a_point_of_a_within_subjects_experiment_is_out() -> None:
    experiment = design(unit=WITHIN, at=FLAGGED)
    assert codes(experiment, to=reached(user(), DecisionPointKey("s1", "t1"))) == {}
    assert codes(experiment, to=reached(user(), DecisionPointKey("s3", "t3"))) == {"exp": "a"}


@pytest.mark.parametrize(
    ("lifted", "out"),
    [
        (None, True),
        (STARTED - timedelta(seconds=1), True),
        (STARTED, False),
        (STARTED + timedelta(days=1), False),
    ],
)
def test_a_change_of_the_working_group_lifts_what_was_reached_before_the_last_start(
    lifted: datetime | None, out: bool
) -> None:
    made = compiled(design(unit=GROUP, at=FLAGGED))
    participant = replace(
        reached(pupil(), DecisionPointKey("s1", "t1")), lifted={} if lifted is None else {1: lifted}
    )
    assert user_reached(made, participant) is out


def test_what_is_lifted_for_one_experiment_is_not_for_another() -> None:
    participant = replace(reached(pupil(), DecisionPointKey("s1", "t1")), lifted={2: NOW})
    assert user_reached(compiled(design(at=FLAGGED), 1), participant)


# The draw (section 10.1)


@pytest.mark.parametrize(
    ("weights", "chosen"),
    [
        ({"a": 48, "b": 52}, "b"),
        ({"a": 49, "b": 51}, "a"),
        ({"a": VECTOR_DRAW - 1e-9, "b": 50}, "b"),
        ({"a": VECTOR_DRAW + 1e-9, "b": 50}, "a"),
        ({"a": 10, "b": 20, "c": 70}, "c"),
        ({"a": 10, "b": 39, "c": 51}, "b"),
        ({"a": 0, "b": 100}, "b"),
        ({"a": 10, "b": 20}, "a"),
        ({"a": 100}, "a"),
    ],
)
@pytest.mark.parametrize("unit", [INDIVIDUAL, GROUP])
def test_the_first_condition_up_to_which_weights_reach_the_draw_is_taken_else_the_first(
    weights: dict[str, float], chosen: str, unit: Unit
) -> None:
    made = compiled(design(VECTOR_ID, unit=unit, arms=conditions(**weights)))
    units = {INDIVIDUAL: user(VECTOR_UNIT), GROUP: pupil("anybody", VECTOR_UNIT)}
    found = draw(made, units[unit])
    assert found is not None
    assert found.code == chosen


def test_weights_are_added_up_by_order() -> None:
    arms = (condition("b", 52, 2), condition("a", 48, 1))
    found = draw(compiled(design(VECTOR_ID, arms=arms)), user(VECTOR_UNIT))
    assert found is arms[0]
    arms = (condition("b", 52, 1), condition("a", 48, 2))
    found = draw(compiled(design(VECTOR_ID, arms=arms)), user(VECTOR_UNIT))
    assert found is arms[0]


def test_a_user_without_a_working_group_draws_nothing_in_a_group_experiment() -> None:
    assert draw(compiled(design(unit=GROUP)), user()) is None


def test_nothing_is_drawn_from_no_conditions_or_while_adaptive() -> None:
    assert draw(compiled(design(arms=())), user()) is None
    assert draw(compiled(design(algorithm=Algorithm.ADAPTIVE)), user()) is None
    assert codes(design(algorithm=Algorithm.ADAPTIVE), to=user()) == {}


# Stratified sampling (section 10.2)


@pytest.mark.parametrize(
    ("weights", "counts", "expected"),
    [
        ([50, 50], [0, 0], [50, 50]),
        ([70, 30], [0, 0], [62.5, 37.5]),
        ([10, 90], [0, 0], [50 / 3, 250 / 3]),
        ([50, 50], [1, 0], [0, 100]),
        ([50, 50], [3, 1], [25, 75]),
        ([60, 40], [1, 3], [95, 5]),
        ([70, 30], [1, 1], [90, 10]),
        ([50, 30, 20], [1, 1, 2], [7500 / 110, 3500 / 110, 0]),
        ([90, 10], [0, 5], [100, 0]),
        ([100], [7], [100]),
        ([25, 25, 25, 25], [1, 1, 1, 1], [25, 25, 25, 25]),
        ([0, 0], [1, 1], [0, 0]),
    ],
)
def test_weights_move_away_from_what_a_stratum_has_and_sum_to_100(
    weights: list[float], counts: list[int], expected: list[float]
) -> None:
    assert corrected(weights, counts) == pytest.approx(expected)


def stratified(rule: ConsistencyRule = BY_EXPERIMENT, **weights: float) -> Experiment:
    return design(
        VECTOR_ID,
        rule=rule,
        arms=conditions(**(weights or {"a": 50, "b": 50})),
        algorithm=Algorithm.STRATIFIED,
        stratification_factor="grade",
    )


IN_A_STRATUM = replace(user(VECTOR_UNIT), strata={"grade": "6"})


def answered(
    experiment: Experiment, counts: dict[int, dict[str, int]], to: Participant = IN_A_STRATUM
) -> str:
    [found] = assign(context_of(experiment), to, {}, counts)
    return found.conditions[0].code


@pytest.mark.parametrize(("counts", "code"), [({"a": 9}, "b"), ({"b": 9}, "a"), ({"c": 9}, "a")])
def test_assign_gives_a_stratum_what_it_lacks(counts: dict[str, int], code: str) -> None:
    assert answered(stratified(), {1: counts}) == code


@pytest.mark.parametrize("counts", [{"a": 0, "b": 0}, {}])
def test_weights_are_moved_also_while_a_stratum_has_no_enrollments(counts: dict[str, int]) -> None:
    assert corrected([48, 52], [0, 0])[0] > VECTOR_DRAW > 48
    assert answered(stratified(a=48, b=52), {1: counts}) == "a"


def test_nothing_is_corrected_where_nothing_is_counted() -> None:
    assert answered(stratified(a=48, b=52), {}) == "b"


@pytest.mark.parametrize("counts", [{"a": 9}, {"b": 9}])
@pytest.mark.parametrize(
    ("experiment", "to"),
    [
        (stratified(BY_INDIVIDUAL), IN_A_STRATUM),
        (stratified(BY_GROUP), IN_A_STRATUM),
        (replace(stratified(), algorithm=Algorithm.RANDOM), IN_A_STRATUM),
        (replace(stratified(), stratification_factor=None), IN_A_STRATUM),
        (stratified(), replace(IN_A_STRATUM, strata={"school": "6"})),
        (stratified(), user(VECTOR_UNIT)),
    ],
)
def test_only_the_experiment_rule_and_a_value_of_the_factor_correct_weights(
    experiment: Experiment, to: Participant, counts: dict[str, int]
) -> None:
    assert answered(experiment, {1: counts}, to) == "a"


def test_whoever_is_enrolled_keeps_the_condition_in_spite_of_the_stratum() -> None:
    assert answered(stratified(), {1: {"a": 9}}, enrolled(IN_A_STRATUM, "a")) == "a"


# Queues (section 10.3)

THREE = conditions(x=0, y=0, z=0)


def within(order: ConditionOrder, arms: int = 3) -> CompiledExperiment:
    experiment = design("exp", unit=WITHIN, arms=THREE[:arms], at=points(POINT_KEY, THERE))
    return compiled(replace(experiment, condition_order=order))


def marked(times: int) -> Participant:
    return replace(user(), enrollments={1: (enrollment(None, repeats=times),)})


@pytest.mark.parametrize(
    ("times", "expected"), [(0, "xyz"), (1, "yzx"), (2, "zxy"), (3, "xyz"), (100, "yzx")]
)
def test_an_ordered_queue_begins_where_the_marks_have_led(times: int, expected: str) -> None:
    found = queue(within(ConditionOrder.ORDERED_ROUND_ROBIN), marked(times))
    assert "".join(c.code for c in found) == expected


@pytest.mark.parametrize(
    ("order", "length", "beginning"),
    [(ConditionOrder.RANDOM, 100, "xxzzyzxx"), (ConditionOrder.RANDOM_ROUND_ROBIN, 102, "xzyzyx")],
)
def test_random_queues_are_those_of_the_seed_turned_by_the_marks(
    order: ConditionOrder, length: int, beginning: str
) -> None:
    made = within(order)
    found = "".join(c.code for c in queue(made, marked(0)))
    assert len(found) == length
    assert found.startswith(beginning)
    for times in (1, 7, length - 1, length, length + 3):
        turned = "".join(c.code for c in queue(made, marked(times)))
        start = times % length
        assert turned == found[start:] + found[:start]


@pytest.mark.parametrize("order", ConditionOrder)
def test_a_single_condition_is_a_queue_of_one(order: ConditionOrder) -> None:
    assert [c.code for c in queue(within(order, 1), marked(5))] == ["x"]


def test_a_mark_at_any_point_moves_the_queue_of_the_whole_experiment() -> None:
    made = within(ConditionOrder.ORDERED_ROUND_ROBIN)
    rows = (enrollment(None, repeats=1), enrollment(None, point_key=THERE, repeats=1))
    participant = replace(user(), enrollments={1: rows, 2: (enrollment(None, 2, repeats=1),)})
    assert queue(made, participant)[0].code == "z", "marks of other experiments do not count"
    assert given(assign(context_of(made.experiment), participant, {})) == {
        ("exp", POINT_KEY): ("z", "x", "y"),
        ("exp", THERE): ("z", "x", "y"),
    }


# Assign: who sees what (sections 9.1 to 9.5)


def test_assign_answers_one_condition_at_every_point_of_an_experiment() -> None:
    experiment = design(arms=conditions(a=100), at=points(POINT_KEY, THERE))
    assert given(assign(context_of(experiment), user(), {})) == {
        ("exp", POINT_KEY): ("a",),
        ("exp", THERE): ("a",),
    }


def test_factorial_experiments_are_assigned_like_others() -> None:
    experiment = replace(factorial("color", "shape"), id=VECTOR_ID)
    assert codes(experiment, to=user(VECTOR_UNIT)) == {VECTOR_ID: "c1"}


def test_who_is_globally_excluded_gets_nothing() -> None:
    shut = segment("shut", kind=SegmentType.GLOBAL_EXCLUDE)
    context = context_of(design(), segments=[shut])
    assert assign(context, user(shut=1), {}) == []
    assert len(assign(context, user(), {})) == 1


def test_previews_are_seen_by_preview_users_besides_the_others() -> None:
    preview = design("p", state=PREVIEW, at=points(THERE))
    assert set(codes(design(), preview, to=user())) == {"exp"}
    assert set(codes(design(), preview, to=previewing(user()))) == {"exp", "p"}


@pytest.mark.parametrize("state", [PREVIEW, ENROLLING])
@pytest.mark.parametrize("unit", Unit)
def test_the_explicit_condition_of_a_preview_user_goes_before_the_draw(
    state: State, unit: Unit
) -> None:
    made = compiled(design(state=state, unit=unit, arms=conditions(a=100, b=0)))
    participant = previewing(pupil(), exp="b")
    chosen = choose(made, participant, History.of(made, participant, {}))
    assert chosen is made.conditions[1]


@pytest.mark.parametrize("explicit", [{}, {"other": "b"}, {"exp": "gone"}])
def test_without_an_explicit_condition_for_the_experiment_a_preview_user_draws(
    explicit: dict[str, str],
) -> None:
    experiment = design(state=PREVIEW, arms=conditions(a=100, b=0))
    assert codes(experiment, to=previewing(user(), **explicit)) == {"exp": "a"}


def test_an_explicit_condition_is_assigned() -> None:
    experiment = design(state=PREVIEW, arms=conditions(a=100, b=0))
    assert codes(experiment, to=previewing(user(), exp="b")) == {"exp": "b"}


@pytest.mark.parametrize(
    ("groups", "working", "takes_part"),
    [
        ({CLASS: ("room 1", "room 2")}, {CLASS: "room 1"}, True),
        (None, None, False),
        ({CLASS: ("room 1",)}, None, False),
        (None, {CLASS: "room 1"}, False),
        ({CLASS: ("room 2",)}, {CLASS: "room 1"}, False),
        ({"school": ("room 1",)}, {"school": "room 1"}, False),
    ],
)
def test_a_group_experiment_is_for_users_with_a_valid_group_and_those_enrolled(
    groups: dict[str, tuple[str, ...]] | None,
    working: dict[str, str] | None,
    takes_part: bool,
) -> None:
    participant = Participant(Profile("p", groups, working))
    experiment = design(unit=GROUP, arms=IGN)
    assert codes(experiment, to=participant) == ({"exp": "N"} if takes_part else {})
    assert codes(experiment, to=enrolled(participant, "I")) == {"exp": "I"}


@pytest.mark.parametrize("mode", FilterMode)
@pytest.mark.parametrize(
    ("unit", "rule", "row", "stays"),
    [
        (GROUP, BY_INDIVIDUAL, True, True),
        (GROUP, BY_INDIVIDUAL, False, False),
        (GROUP, BY_GROUP, True, False),
        (GROUP, BY_EXPERIMENT, True, False),
        (INDIVIDUAL, BY_INDIVIDUAL, True, False),
    ],
)
def test_whoever_is_enrolled_in_a_group_experiment_under_the_individual_rule_stays_in(
    mode: FilterMode, unit: Unit, rule: ConsistencyRule, row: bool, stays: bool
) -> None:
    listed = segment("out", ROOM)
    experiment = design(unit=unit, rule=rule, mode=mode, arms=IGN, exclude=["out"])
    participant = enrolled(pupil(), "I", feature_id=1 if row else 2)
    assert is_listed_in(compiled(experiment, 1, listed), participant) is stays
    found = assign(context_of(experiment, segments=[listed]), participant, {})
    assert [a.conditions[0].code for a in found] == (["I"] if stays else [])


def test_lists_decide_on_who_gets_a_condition() -> None:
    lists = [segment("in"), segment("out"), segment("rooms", ROOM)]
    choosy = design(mode=FilterMode.EXCLUDE_ALL, include=["in", "rooms"], exclude=["out"])
    context = context_of(choosy, segments=lists)
    participants = {
        "named": user("u", **{"in": 1}),
        "of an earlier list": user("u", **{"in": 2}),
        "of a group": pupil(),
        "excluded": pupil("p", ROOM.id, out=1),
        "nobody": user("u"),
    }
    assert [who for who, p in participants.items() if assign(context, p, {})] == [
        "named",
        "of a group",
    ]


# Pools (section 9.6)

COMPETING = ["user-1", "abc"]
"""Their draws are 0.37 and 0.73: first and second of two, second and third of three."""

EACH_ONE = [("user-1", "x"), ("abc", "y")]


@pytest.mark.parametrize(("user_id", "taken"), EACH_ONE)
def test_of_experiments_that_share_a_point_a_user_gets_one_by_the_seed(
    user_id: str, taken: str
) -> None:
    first, second = design("x", at=points(POINT_KEY, THERE)), design("y", at=points(POINT_KEY))
    assert list(codes(first, second, to=user(user_id))) == [taken]


@pytest.mark.parametrize(("user_id", "taken"), [("user-1", "y"), ("abc", "z")])
def test_experiments_are_connected_through_others_too(user_id: str, taken: str) -> None:
    ends = design("x", at=points(POINT_KEY)), design("y", at=points(THERE))
    link = design("z", at=points(POINT_KEY, THERE))
    assert list(codes(*ends, link, to=user(user_id))) == [taken]


def test_experiments_that_share_no_point_are_all_assigned() -> None:
    apart = [
        design("x", at=points(DecisionPointKey("quiz", "intro"))),
        design("y", at=points(DecisionPointKey("quiz", "end"))),
        design("z", at=points(DecisionPointKey("other", "intro"))),
    ]
    assert set(codes(*apart, to=user())) == {"x", "y", "z"}


@pytest.mark.parametrize("user_id", COMPETING)
@pytest.mark.parametrize("state", [ENROLLING, COMPLETE])
@pytest.mark.parametrize("feature_id", [1, 2])
def test_the_only_experiment_in_which_a_user_is_enrolled_wins_in_any_state(
    user_id: str, state: State, feature_id: int
) -> None:
    pool = [design("x", arms=IGN), design("y", arms=IGN)]
    pool[feature_id - 1] = replace(pool[feature_id - 1], state=state)
    participant = enrolled(user(user_id), "I", feature_id)
    assert codes(*pool, to=participant) == {"xy"[feature_id - 1]: "I"}


@pytest.mark.parametrize("user_id", COMPETING)
@pytest.mark.parametrize("feature_id", [1, 2])
def test_the_enrollment_of_the_working_group_wins_too(user_id: str, feature_id: int) -> None:
    pool = [design("x", unit=GROUP, arms=IGN), design("y", unit=GROUP, arms=IGN)]
    found = codes(*pool, to=pupil(user_id), groups=group(enrolled={feature_id: "G"}))
    assert found == {"xy"[feature_id - 1]: "G"}


@pytest.mark.parametrize(
    ("states", "taken"),
    [
        ((ENROLLING, ENROLLING), "x"),
        ((COMPLETE, ENROLLING), "y"),
        ((ENROLLING, COMPLETE), "x"),
        ((COMPLETE, COMPLETE), None),
    ],
)
@pytest.mark.parametrize("user_id", COMPETING)
def test_of_several_with_an_enrollment_the_first_that_is_enrolling_wins_if_any(
    states: tuple[State, State], taken: str | None, user_id: str
) -> None:
    pool = [design("x", unit=GROUP, arms=IGN), design("y", arms=IGN)]
    pool = [replace(e, state=state) for e, state in zip(pool, states, strict=True)]
    participant = enrolled(pupil(user_id), "I", 2)
    found = codes(*pool, design("z"), to=participant, groups=group(enrolled={1: "G"}))
    expected = {None: {}, "x": {"x": "G"}, "y": {"y": "I"}}
    assert found == expected[taken]


@pytest.mark.parametrize("rule", ConsistencyRule)
@pytest.mark.parametrize("unit", [INDIVIDUAL, GROUP])
@pytest.mark.parametrize("post_rule", PostRule)
def test_what_has_enrolled_is_never_handed_to_users_without_an_enrollment(
    rule: ConsistencyRule, unit: Unit, post_rule: PostRule
) -> None:
    completed = design(
        "x", state=COMPLETE, rule=rule, unit=unit, post_rule=post_rule, revert_to="a"
    )
    assert codes(completed, to=pupil()) == {}
    assert [list(codes(completed, design("y"), to=pupil(u))) for u in COMPETING] == [["y"]] * 2


@pytest.mark.parametrize("rule", ConsistencyRule)
def test_a_classmate_who_was_never_marked_keeps_getting_what_the_group_has(
    rule: ConsistencyRule,
) -> None:
    completed = design(state=COMPLETE, unit=GROUP, rule=rule, arms=IGN)
    assert codes(completed, to=pupil("new"), groups=group(enrolled={1: "G"})) == {"exp": "G"}


@pytest.mark.parametrize("rule", ConsistencyRule)
@pytest.mark.parametrize("user_id", COMPETING)
def test_experiments_that_exclude_the_user_do_not_compete_under_any_rule(
    rule: ConsistencyRule, user_id: str
) -> None:
    pool = design("x", rule=rule), design("y", rule=rule)
    assert list(codes(*pool, to=excluded(user(user_id), 1))) == ["y"]
    assert list(codes(*pool, to=excluded(user(user_id), 2))) == ["x"]
    assert codes(*pool, to=excluded(excluded(user(user_id), 1), 2)) == {}


@pytest.mark.parametrize("rule", ConsistencyRule)
@pytest.mark.parametrize("user_id", COMPETING)
def test_experiments_that_exclude_the_group_do_not_compete_under_any_rule(
    rule: ConsistencyRule, user_id: str
) -> None:
    pool = design("x", unit=GROUP, rule=rule), design("y", unit=GROUP, rule=rule)
    assert list(codes(*pool, to=pupil(user_id), groups=group(excluded=[1]))) == ["y"]
    assert codes(*pool, to=pupil(user_id), groups=group(excluded=[1, 2])) == {}


def test_an_exclusion_does_not_count_under_the_experiment_rule_once_enrolled() -> None:
    experiment = design(rule=BY_EXPERIMENT, arms=IGN)
    assert codes(experiment, to=excluded(user())) == {}
    assert codes(experiment, to=excluded(enrolled(user(), "I"))) == {"exp": "I"}


@pytest.mark.parametrize(("user_id", "taken"), EACH_ONE)
def test_previews_compete_for_preview_users_only(user_id: str, taken: str) -> None:
    pool = design("x"), design("y", state=PREVIEW)
    assert list(codes(*pool, to=user(user_id))) == ["x"]
    assert list(codes(*pool, to=previewing(user(user_id)))) == [taken]


@pytest.mark.parametrize("user_id", COMPETING)
def test_what_the_lists_or_the_lack_of_a_group_keep_from_a_user_does_not_compete(
    user_id: str,
) -> None:
    choosy = design("x", mode=FilterMode.EXCLUDE_ALL)
    grouped = design("y", unit=GROUP)
    assert list(codes(choosy, grouped, design("z"), to=user(user_id))) == ["z"]


def test_the_draw_among_experiments_is_the_first_of_the_users_own_seed() -> None:
    pool = [design(str(i)) for i in range(1, 6)]
    for i in range(50):
        index = seedrandom.competing_index(f"user {i}", 5)
        assert list(codes(*pool, to=user(f"user {i}"))) == [str(index + 1)]
