from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from chalicelib.domain.audiences.filters import ListEntry
from chalicelib.domain.audiences.segments import NOBODY, ResolvedSegments, SegmentType
from chalicelib.domain.experiments.compiled_experiments import SEEN, CompiledCatalogue
from chalicelib.domain.experiments.experiments import (
    ConsistencyRule,
    Experiment,
    Payload,
    PostRule,
    State,
    Unit,
)
from chalicelib.domain.flags.flags import Flag, FlagStatus
from chalicelib.domain.participants.decision_points import DecisionPointKey
from tests.unit.measure_samples import asking, flag, metric
from tests.unit.upgrade_samples import (
    BEFORE,
    CLASS,
    COMPLETE,
    GROUP,
    INDIVIDUAL,
    POINT_KEY,
    ROOM,
    STARTED,
    WITHIN,
    compiled,
    condition,
    design,
    factorial,
    payload,
    point,
    points,
    segment,
)

A, B = condition("a", 50, 1), condition("b", 50, 2)
HERE, THERE = point("quiz", "intro"), point("quiz", "end")
SECOND = timedelta(seconds=1)


# Compiled experiments


def test_conditions_and_weights_come_by_order() -> None:
    arms = (condition("z", 10, 3), condition("x", 70, 1), condition("y", 20, 2))
    made = compiled(design(arms=arms))
    assert [c.code for c in made.conditions] == ["x", "y", "z"]
    assert made.weights == (70, 20, 10)


def test_conditions_are_found_by_id() -> None:
    made = compiled(design(arms=(replace(A, id="id of a"), B)))
    assert made.condition("id of a") is made.conditions[0]
    assert made.condition("a") is None
    assert made.condition(None) is None


def test_point_keys_are_the_sites_and_targets_of_the_points() -> None:
    assert compiled(design(at=(HERE, THERE))).point_keys == {
        POINT_KEY,
        DecisionPointKey("quiz", "end"),
    }


def test_lists_are_resolved() -> None:
    listed = segment("in", subs=("deep",)), segment("deep", ROOM, version=4), segment("out")
    made = compiled(design(include=["in"], exclude=["out", "gone"]), 1, *listed)
    assert made.include == ResolvedSegments({"in": 1, "deep": 4}, frozenset({ROOM}))
    assert made.exclude == ResolvedSegments({"out": 1}, frozenset())


@pytest.mark.parametrize(
    ("unit", "given", "rule"),
    [
        (INDIVIDUAL, ConsistencyRule.GROUP, ConsistencyRule.GROUP),
        (GROUP, ConsistencyRule.INDIVIDUAL, ConsistencyRule.INDIVIDUAL),
        (INDIVIDUAL, ConsistencyRule.EXPERIMENT, ConsistencyRule.EXPERIMENT),
        (WITHIN, None, ConsistencyRule.EXPERIMENT),
    ],
)
def test_within_subjects_experiments_follow_the_experiment_rule(
    unit: Unit, given: ConsistencyRule | None, rule: ConsistencyRule
) -> None:
    assert compiled(replace(design(unit=unit), rule=given)).rule is rule


@pytest.mark.parametrize(("unit", "kind"), [(INDIVIDUAL, None), (GROUP, CLASS), (WITHIN, None)])
def test_only_group_experiments_have_a_group_type(unit: Unit, kind: str | None) -> None:
    assert compiled(replace(design(unit=unit), group=CLASS)).group_type == kind


# Payloads


def test_a_payload_belongs_to_a_condition_at_a_point() -> None:
    made = compiled(
        replace(
            design(arms=(A, B), at=(HERE, THERE)),
            payloads=(payload(A, HERE, "here"), payload(A, THERE, "there"), payload(B, THERE, "")),
        )
    )
    assert made.payload(A, HERE) == Payload("string", "here")
    assert made.payload(A, THERE) == Payload("string", "there")
    assert made.payload(B, HERE) is None
    assert made.payload(B, THERE) is None, "an empty value counts as none"


def test_a_payload_without_a_point_belongs_to_all_points() -> None:
    made = compiled(
        replace(
            design(arms=(A, B), at=(HERE, THERE)),
            payloads=(payload(A, None, "all"), payload(A, THERE, "there"), payload(B, None, "")),
        )
    )
    assert made.payload(A, HERE) == Payload("string", "all")
    assert made.payload(A, THERE) == Payload("string", "there")
    assert made.payload(B, HERE) is None


# Codes


def test_the_answered_code_of_a_simple_experiment_is_the_stored_one() -> None:
    made = compiled()
    assert [made.answered_code(c) for c in made.conditions] == ["a", "b"]
    assert made.combined(made.conditions[0]) == []


@pytest.mark.parametrize(
    ("factors", "codes"),
    [
        (("color", "shape"), ["shape=low; color=low", "shape=high; color=high"]),
        (("c", "b", "a"), ["a=low; b=low; c=low", "a=high; b=high; c=high"]),
        (("color",), ["color=low", "color=high"]),
        ((), ["c1", "c2"]),
    ],
)
def test_the_answered_code_of_a_factorial_experiment_is_made_of_its_levels_by_factor(
    factors: tuple[str, ...], codes: list[str]
) -> None:
    made = compiled(factorial(*factors))
    assert [made.answered_code(c) for c in made.conditions] == codes


def test_a_condition_combines_levels_in_the_order_of_their_factors() -> None:
    made = compiled(factorial("color", "shape"))
    combined = made.combined(made.conditions[1])
    assert [(f.name, level.name) for f, level in combined] == [("shape", "high"), ("color", "high")]


def test_levels_that_no_factor_has_are_skipped() -> None:
    experiment = factorial("color", "shape")
    made = compiled(replace(experiment, factors=experiment.factors[:1]))
    assert made.answered_code(made.conditions[0]) == "shape=low"
    none_left = compiled(replace(experiment, factors=()))
    assert none_left.answered_code(made.conditions[0]) == "c1"


def test_within_subjects_experiments_answer_stored_codes_also_of_factorial_designs() -> None:
    made = compiled(factorial("color", "shape", unit=WITHIN))
    assert [made.answered_code(c) for c in made.conditions] == ["c1", "c2"]
    assert not made.knows("shape=low; color=low")


@pytest.mark.parametrize(
    ("code", "known", "condition_id"),
    [
        ("c1", True, "c1"),
        ("shape=high; color=high", True, "c2"),
        ("text of c1", True, None),
        ("C1", False, None),
        ("c1 ", False, None),
        ("color=high; shape=high", False, None),
        ("", False, None),
    ],
)
def test_clients_may_name_stored_and_answered_codes_and_payloads_exactly(
    code: str, known: bool, condition_id: str | None
) -> None:
    experiment = factorial("color", "shape")
    made = compiled(
        replace(experiment, payloads=(payload(experiment.conditions[0], None, "text of c1"),))
    )
    assert made.knows(code) is known
    found = made.coded(code)
    assert (found and found.id) == condition_id


def test_no_code_is_no_condition() -> None:
    assert compiled().coded(None) is None


# Points reached too early

FLAGGED = (point("s1", "t1", flagged=True), point("s2", "t2", flagged=True), point("s3", "t3"))


@pytest.mark.parametrize(
    ("site", "target", "counts"),
    [
        ("s1", "t1", True),
        ("s2", "t2", True),
        ("s1", "t2", True),
        ("s2", "t1", True),
        ("s3", "t3", False),
        ("s1", "t3", False),
        ("s3", "t1", False),
        ("t1", "s1", False),
        ("s1", "", False),
    ],
)
def test_any_flagged_site_with_any_flagged_target_counts_as_reached(
    site: str, target: str, counts: bool
) -> None:
    made = compiled(design(at=FLAGGED))
    found = made.reached_before_start({DecisionPointKey(site, target): BEFORE})
    assert found == (BEFORE if counts else None)


@pytest.mark.parametrize(
    ("unit", "rule", "counts"),
    [
        (INDIVIDUAL, ConsistencyRule.INDIVIDUAL, True),
        (INDIVIDUAL, ConsistencyRule.GROUP, True),
        (INDIVIDUAL, ConsistencyRule.EXPERIMENT, False),
        (GROUP, ConsistencyRule.INDIVIDUAL, True),
        (GROUP, ConsistencyRule.GROUP, True),
        (GROUP, ConsistencyRule.EXPERIMENT, False),
        (WITHIN, ConsistencyRule.EXPERIMENT, True),
    ],
)
def test_having_reached_a_point_counts_under_all_rules_but_experiment(
    unit: Unit, rule: ConsistencyRule, counts: bool
) -> None:
    made = compiled(design(unit=unit, rule=rule, at=FLAGGED))
    assert (made.reached_before_start({DecisionPointKey("s1", "t1"): BEFORE}) is not None) is counts


@pytest.mark.parametrize(
    ("started", "reached", "found"),
    [
        (STARTED, {"t1": STARTED - SECOND}, STARTED - SECOND),
        (STARTED, {"t1": STARTED}, None),
        (STARTED, {"t1": STARTED + SECOND}, None),
        (STARTED, {"t1": STARTED - SECOND, "t2": STARTED - 2 * SECOND}, STARTED - 2 * SECOND),
        (STARTED, {"t1": STARTED + SECOND, "t2": STARTED - SECOND}, STARTED - SECOND),
        (STARTED, {}, None),
        (None, {"t1": BEFORE}, None),
    ],
)
def test_a_point_counts_if_it_was_first_reached_before_the_last_start(
    started: datetime | None, reached: Mapping[str, datetime], found: datetime | None
) -> None:
    made = compiled(design(at=FLAGGED, started_at=started))
    at_points = {DecisionPointKey("s1", target): at for target, at in reached.items()}
    assert made.reached_before_start(at_points) == found


def test_nothing_counts_as_reached_where_no_point_is_flagged() -> None:
    assert compiled().reached_before_start({POINT_KEY: BEFORE}) is None


# Compiled contexts

STATES = [(state, state in SEEN) for state in State]


@pytest.mark.parametrize(("state", "seen"), STATES)
def test_assign_sees_what_enrolls_has_enrolled_or_is_previewed(state: State, seen: bool) -> None:
    assert seen is (state in {State.ENROLLING, State.ENROLLMENT_COMPLETE, State.PREVIEW})
    compiled_catalogue = CompiledCatalogue([(1, design(state=state))], {}, ["home"])
    compiled_context = compiled_catalogue.in_context("home")
    assert compiled_context is not None
    assert [each.feature_id for each in compiled_context.compiled_experiments] == (
        [1] if seen else []
    )
    assert [each.feature_id for each in compiled_catalogue.at(POINT_KEY)] == [1], (
        "mark finds it in any state"
    )


@pytest.mark.parametrize(
    ("state", "post_rule", "revert_to", "seen"),
    [
        (COMPLETE, PostRule.ASSIGN, None, False),
        (COMPLETE, PostRule.ASSIGN, "", False),
        (COMPLETE, PostRule.ASSIGN, "a", True),
        (COMPLETE, PostRule.CONTINUE, None, True),
        (State.ENROLLING, PostRule.ASSIGN, None, True),
    ],
)
def test_what_is_complete_and_has_nothing_left_to_assign_is_over(
    state: State, post_rule: PostRule, revert_to: str | None, seen: bool
) -> None:
    over = design(state=state, post_rule=post_rule, revert_to=revert_to)
    compiled_context = CompiledCatalogue([(1, over)], {}, ["home"]).in_context("home")
    assert compiled_context is not None
    assert bool(compiled_context.compiled_experiments) is seen


def test_clients_name_contexts_exactly_and_experiments_in_lower_case() -> None:
    compiled_catalogue = CompiledCatalogue(
        [(1, design(context="home")), (2, design(context="away"))], {}, ["Home"]
    )
    compiled_context = compiled_catalogue.in_context("Home")
    assert compiled_context is not None
    assert [each.feature_id for each in compiled_context.compiled_experiments] == [1]
    assert compiled_catalogue.in_context("home") is None
    assert compiled_catalogue.in_context("away") is None


def test_point_keys_are_shared_by_experiments_of_all_contexts() -> None:
    first = design("x", context="home", at=points(POINT_KEY, DecisionPointKey("s", "t")))
    second = design("y", context="away")
    compiled_catalogue = CompiledCatalogue([(1, first), (2, second)], {}, ["home"])
    assert [each.feature_id for each in compiled_catalogue.at(POINT_KEY)] == [1, 2]
    assert [each.feature_id for each in compiled_catalogue.at(DecisionPointKey("s", "t"))] == [1]
    assert compiled_catalogue.at(DecisionPointKey("s", "T")) == ()
    assert [each.feature_id for each in compiled_catalogue.at(POINT_KEY, "HOME")] == [1], (
        "letter case does not count"
    )
    assert [each.feature_id for each in compiled_catalogue.at(POINT_KEY, "away")] == [2]
    assert compiled_catalogue.at(DecisionPointKey("s", "t"), "away") == ()


def test_two_points_of_one_experiment_at_one_place_are_one_candidate() -> None:
    compiled_catalogue = CompiledCatalogue(
        [(1, design(at=points(POINT_KEY, POINT_KEY)))], {}, ["home"]
    )
    assert len(compiled_catalogue.at(POINT_KEY)) == 1


def test_experiments_on_groups_are_known_in_all_contexts_and_states() -> None:
    experiments = [
        (1, design(unit=INDIVIDUAL)),
        (2, design(unit=GROUP, state=State.ARCHIVED)),
        (3, design(unit=GROUP, context="away")),
        (4, design(unit=WITHIN)),
    ]
    compiled_catalogue = CompiledCatalogue(experiments, {}, ["home"])
    assert [each.feature_id for each in compiled_catalogue.grouped] == [2, 3]


def test_group_types_are_those_of_the_experiments_that_assign_may_see() -> None:
    experiments = [
        (1, design(unit=GROUP)),
        (2, replace(design(unit=GROUP), group="school")),
        (3, replace(design(unit=GROUP, state=State.DRAFT), group="teacher")),
        (4, design()),
    ]
    compiled_context = CompiledCatalogue(experiments, {}, ["home"]).in_context("home")
    assert compiled_context is not None
    assert compiled_context.group_types() == {CLASS, "school"}


def test_a_context_shuts_out_whom_its_own_global_segment_resolves_to() -> None:
    shut = SegmentType.GLOBAL_EXCLUDE
    segments = {
        "here": segment("here", kind=shut, context="Home", subs=("deep",)),
        "deep": segment("deep", ROOM, version=4, context="Home"),
        "there": segment("there", kind=shut, context="away"),
        "public": segment("public", kind=SegmentType.PUBLIC, context="Home"),
    }
    compiled_catalogue = CompiledCatalogue([], segments, ["Home", "away", "none"])
    expected = ResolvedSegments({"here": 1, "deep": 4}, frozenset({ROOM}))
    compiled_context = compiled_catalogue.in_context("Home")
    assert compiled_context is not None
    assert compiled_context.shut_out == expected
    assert compiled_catalogue.shut_out("home") == expected, "experiments have it in lower case"
    assert compiled_catalogue.shut_out("away") == ResolvedSegments({"there": 1}, frozenset())
    assert compiled_catalogue.shut_out("none") == NOBODY
    assert compiled_catalogue.shut_out("unknown") == NOBODY


# Flags and metrics


def compiled_catalogue(
    *experiments: Experiment, flags: Iterable[Flag] = (), metrics: Iterable[str] = ()
) -> CompiledCatalogue:
    segments = {"s": segment("s", ROOM)}
    known = {key: metric(key) for key in metrics}
    return CompiledCatalogue(enumerate(experiments, 1), segments, ["home", "Add"], flags, known)


@pytest.mark.parametrize("status", list(FlagStatus))
def test_a_context_has_its_flags_that_are_enabled(status: FlagStatus) -> None:
    made = compiled_catalogue(flags=[flag("a", status=status), flag("b", context="add")])
    own, other = made.in_context("home"), made.in_context("Add")
    assert own is not None
    assert other is not None
    expected = ["a"] if status is FlagStatus.ENABLED else []
    assert [each.flag.id for each in own.flags] == expected
    assert [each.flag.id for each in other.flags] == ["b"]
    assert made.in_context("add") is None


def test_the_lists_of_flags_are_resolved() -> None:
    made = compiled_catalogue(flags=[flag(include=[ListEntry("s")])]).in_context("home")
    assert made is not None
    assert made.flags[0].include == ResolvedSegments({"s": 1}, frozenset({ROOM}))


def test_measured_is_what_a_query_asks_for_that_is_not_archived() -> None:
    open_one = asking(design("a", state=State.INACTIVE), "time", "unknown")
    complete = asking(design("b", state=COMPLETE), "grade", "time")
    archived = asking(design("c", state=State.ARCHIVED), "mood")
    made = compiled_catalogue(
        open_one, complete, archived, metrics=["time", "grade", "mood", "tries"]
    )
    assert made.measured == {"grade": metric("grade"), "time": metric("time")}
