from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.audiences.filters import FilterMode
from chalicelib.domain.audiences.segments import NOBODY, ResolvedSegments
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.experiments.assignment import Groups, History, choose, queue
from chalicelib.domain.experiments.compiled_experiments import CompiledExperiment
from chalicelib.domain.experiments.experiments import (
    Algorithm,
    CompleteCondition,
    ConsistencyRule,
    Experiment,
    State,
    Unit,
)
from chalicelib.domain.experiments.group_change import GroupChange, GroupLeft, after_group_change
from chalicelib.domain.experiments.marking import decide
from chalicelib.domain.experiments.marks import (
    NOTHING,
    Mark,
    MarkStatus,
    Outcome,
    Records,
    Repeat,
    UnknownCondition,
    UnknownExperiment,
    pick_compiled,
)
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import (
    Enrollment,
    EnrollmentCode,
    Exclusion,
    ExclusionCode,
    GroupEnrollment,
    GroupKey,
    MonitoredPoint,
    Participant,
    Profile,
)
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
    VECTOR_ID,
    VECTOR_UNIT,
    WITHIN,
    World,
    compiled,
    conditions,
    design,
    enrolled,
    excluded,
    factorial,
    group,
    payload,
    point,
    points,
    pupil,
    reached,
    segment,
    user,
)

BOUND = [BY_INDIVIDUAL, BY_GROUP]
"""The rules under which exclusions bind."""

OTHER_ROOM, SCHOOL = GroupKey(CLASS, "room 2"), GroupKey("school", "north")

LATE = ExclusionCode.REACHED_AFTER
LOGIC = ExclusionCode.GROUP_LOGIC
ALGORITHM, WITH_GROUP = EnrollmentCode.ALGORITHM, EnrollmentCode.GROUP


def decided(
    made: CompiledExperiment | None,
    participant: Participant,
    groups: Groups | None = None,
    *,
    point_key: DecisionPointKey = POINT_KEY,
    code: str | None = None,
    status: MarkStatus | None = None,
    uniquifier: str | None = None,
    experiment_id: str | None = None,
    shut_out: ResolvedSegments = NOBODY,
) -> Outcome:
    mark = Mark(point_key, code, experiment_id, status, uniquifier)
    return decide(mark, made, shut_out, participant, groups or {}, NOW, "new point")


def stored(
    made: CompiledExperiment,
    participant: Participant,
    groups: Groups | None = None,
    *,
    point_key: DecisionPointKey = POINT_KEY,
    code: str | None = None,
    status: MarkStatus | None = None,
) -> Records:
    return decided(made, participant, groups, point_key=point_key, code=code, status=status).records


def own(code: str, group_id: str | None = None, how: EnrollmentCode = ALGORITHM) -> Enrollment:
    return Enrollment(1, POINT_KEY, code, group_id, how, NOW)


def of_room(code: str) -> tuple[GroupKey, GroupEnrollment]:
    return ROOM, GroupEnrollment(1, POINT_KEY, code, NOW)


def out(code: ExclusionCode) -> Exclusion:
    return Exclusion(1, code, NOW)


# Which experiment a mark is for (section 12.2)


def at_point(*states: State) -> list[CompiledExperiment]:
    return [compiled(design(f"e{n}", state=state), n) for n, state in enumerate(states, 1)]


def test_a_place_without_experiments_counts_for_none_whatever_the_mark_names() -> None:
    assert pick_compiled([], Mark(POINT_KEY), "u") is None
    assert pick_compiled([], Mark(POINT_KEY, experiment_id="anything"), "u") is None


@pytest.mark.parametrize("state", State)
def test_a_mark_counts_for_the_experiment_that_it_names_in_any_state(state: State) -> None:
    compiled_experiments = at_point(ENROLLING, state, ENROLLING)
    assert (
        pick_compiled(compiled_experiments, Mark(POINT_KEY, experiment_id="e2"), "u")
        is compiled_experiments[1]
    )


def test_an_experiment_that_is_not_at_the_place_is_refused() -> None:
    with pytest.raises(UnknownExperiment) as refused:
        pick_compiled(at_point(ENROLLING), Mark(POINT_KEY, experiment_id="e2"), "user-1")
    assert isinstance(refused.value, NotFound)
    assert str(refused.value) == (
        "Experiment ID not provided for shared Decision Point in markExperimentPoint: user-1"
    )


@pytest.mark.parametrize(("user_id", "index"), [("user-1", 0), ("abc", 1)])
def test_without_an_id_the_draw_of_the_users_seed_decides(user_id: str, index: int) -> None:
    compiled_experiments = at_point(ENROLLING, ENROLLING)
    assert (
        pick_compiled(compiled_experiments, Mark(POINT_KEY), user_id) is compiled_experiments[index]
    )
    ended = at_point(State.ARCHIVED, COMPLETE)
    assert pick_compiled(ended, Mark(POINT_KEY), user_id) is ended[index]


@pytest.mark.parametrize("user_id", ["user-1", "abc"])
def test_without_an_id_what_enrolls_goes_before_others(user_id: str) -> None:
    compiled_experiments = at_point(State.ARCHIVED, COMPLETE, ENROLLING, PREVIEW)
    assert pick_compiled(compiled_experiments, Mark(POINT_KEY), user_id) is compiled_experiments[2]


# The monitored point and the answer (section 12.7)


def test_a_place_without_experiments_is_recorded_as_it_was_sent() -> None:
    outcome = decided(None, user(), code="anything", experiment_id="any id")
    new = MonitoredPoint("new point", POINT_KEY, "any id", "anything", NOW)
    assert outcome == Outcome(None, new, "anything", NOTHING)


def test_nothing_sent_is_recorded_as_nothing() -> None:
    outcome = decided(None, user())
    assert outcome == Outcome(None, MonitoredPoint("new point", POINT_KEY, None, None, NOW), None)


@pytest.mark.parametrize("state", State)
def test_a_point_is_recorded_with_its_experiment_in_any_state(state: State) -> None:
    outcome = decided(compiled(design(state=state)), user(), code="b")
    assert outcome.point == MonitoredPoint("new point", POINT_KEY, "exp", "b", NOW)
    assert outcome.condition == "b"


def test_a_point_of_a_within_subjects_experiment_is_recorded_without_condition() -> None:
    outcome = decided(compiled(design(unit=WITHIN)), user(), code="b")
    assert outcome.point.condition is None
    assert outcome.condition == "b"


@pytest.mark.parametrize(
    ("before", "sent", "answer"), [("a", "b", "a"), ("a", None, "a"), (None, "b", "b")]
)
def test_later_marks_leave_the_point_and_answer_its_condition_if_it_has_one(
    before: str | None, sent: str | None, answer: str | None
) -> None:
    old = MonitoredPoint("old", POINT_KEY, "other", before, BEFORE)
    outcome = decided(compiled(), replace(user(), points={POINT_KEY: old}), code=sent)
    assert outcome.point is old
    assert outcome.condition == answer


def test_a_point_elsewhere_does_not_stand_for_this_one() -> None:
    assert decided(compiled(), reached(user(), THERE)).point.id == "new point"


# Codes (section 12.5)


@pytest.mark.parametrize("state", State)
def test_a_code_that_the_experiment_does_not_know_is_refused_in_any_state(state: State) -> None:
    with pytest.raises(UnknownCondition, match=r"^Condition not found: c$") as refused:
        decided(compiled(design(state=state)), user(), code="c")
    assert isinstance(refused.value, Invalid)


@pytest.mark.parametrize("code", ["A", "a ", ""])
def test_codes_are_compared_exactly(code: str) -> None:
    with pytest.raises(UnknownCondition):
        decided(compiled(), user(), code=code)


@pytest.mark.parametrize(
    ("sent", "recorded"),
    [
        ("c2", "c2"),
        ("shape=high; color=high", "c2"),
        ("text", "text"),
        (None, None),
    ],
)
def test_stored_and_answered_codes_and_payloads_are_accepted_and_recorded_as_stored(
    sent: str | None, recorded: str | None
) -> None:
    experiment = factorial("color", "shape")
    arm = experiment.conditions[0]
    made = compiled(replace(experiment, payloads=(payload(arm, None, "text"),)))
    outcome = decided(made, user(), code=sent)
    assert outcome.point.condition == recorded
    assert outcome.condition == recorded


@pytest.mark.parametrize("code", [None, "I", "G", "N"])
@pytest.mark.parametrize("status", [None, MarkStatus.APPLIED, MarkStatus.NONE_ASSIGNED])
@pytest.mark.parametrize(("unit", "group_id"), [(INDIVIDUAL, None), (GROUP, ROOM.id)])
def test_neither_the_code_nor_a_status_but_not_applied_changes_the_enrollment(
    code: str | None, status: MarkStatus | None, unit: Unit, group_id: str | None
) -> None:
    records = stored(compiled(design(unit=unit, arms=IGN)), pupil(), code=code, status=status)
    assert records.enrollment == own("N", group_id)


# Who is shut out (section 12.3)


def test_who_is_globally_excluded_marks_a_point_and_nothing_else() -> None:
    shut_out = ResolvedSegments({"shut": 1}, frozenset())
    outcome = decided(compiled(), user(shut=1), code="unknown", shut_out=shut_out)
    assert outcome.compiled is None
    assert outcome.records == NOTHING
    assert outcome.point == MonitoredPoint("new point", POINT_KEY, "exp", "unknown", NOW)


def test_a_global_exclusion_does_not_concern_others() -> None:
    made = compiled()
    outcome = decided(made, user(), shut_out=ResolvedSegments({"shut": 1}, frozenset()))
    assert outcome.compiled is made
    assert outcome.records.enrollment is not None


# What is stored: states and preview users


@pytest.mark.parametrize("unit", Unit)
@pytest.mark.parametrize("state", sorted(set(State) - {ENROLLING, COMPLETE}))
@pytest.mark.parametrize("status", [None, *MarkStatus])
def test_in_other_states_a_mark_stores_the_point_only(
    state: State, unit: Unit, status: MarkStatus | None
) -> None:
    made = compiled(design(state=state, unit=unit, exclude=["out"]), 1, segment("out", ROOM))
    assert stored(made, pupil("p", ROOM.id, out=1), status=status) == NOTHING
    assert stored(made, user(), status=status) == NOTHING


@pytest.mark.parametrize("unit", Unit)
@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("explicit", [{}, {"exp": "b"}])
def test_marks_of_preview_users_store_the_point_only(
    state: State, unit: Unit, explicit: dict[str, str]
) -> None:
    made = compiled(design(state=state, unit=unit))
    assert stored(made, replace(pupil(), preview=explicit)) == NOTHING


# What is stored: lists

MODES = list(FilterMode)
STORING = [ENROLLING, COMPLETE]


@pytest.mark.parametrize("state", STORING)
@pytest.mark.parametrize("unit", Unit)
@pytest.mark.parametrize("rule", ConsistencyRule)
def test_a_condition_that_was_not_applied_excludes_the_user_and_nothing_else(
    state: State, unit: Unit, rule: ConsistencyRule
) -> None:
    made = compiled(design(state=state, unit=unit, rule=rule))
    records = stored(made, pupil(), group(), status=MarkStatus.NOT_APPLIED)
    assert records == Records(exclusion=out(ExclusionCode.BY_CLIENT))


def test_the_client_excludes_also_who_is_enrolled_or_on_a_list() -> None:
    made = compiled(design(exclude=["out"]), 1, segment("out"))
    for participant in (enrolled(user(), "a"), user(out=1)):
        records = stored(made, participant, status=MarkStatus.NOT_APPLIED)
        assert records == Records(exclusion=out(ExclusionCode.BY_CLIENT))


@pytest.mark.parametrize("state", STORING)
@pytest.mark.parametrize("unit", Unit)
@pytest.mark.parametrize("mode", MODES)
def test_who_is_on_the_exclusion_list_is_excluded(
    state: State, unit: Unit, mode: FilterMode
) -> None:
    made = compiled(design(state=state, unit=unit, mode=mode, exclude=["out"]), 1, segment("out"))
    records = stored(made, pupil("p", ROOM.id, out=1))
    assert records == Records(exclusion=out(ExclusionCode.LISTED))


def test_whom_nothing_lets_in_is_excluded_as_if_listed() -> None:
    made = compiled(design(mode=FilterMode.EXCLUDE_ALL, exclude=["out"]), 1, segment("out", ROOM))
    for participant in (user(), pupil()):
        assert stored(made, participant) == Records(exclusion=out(ExclusionCode.LISTED))


@pytest.mark.parametrize("status", [None, MarkStatus.NOT_APPLIED])
@pytest.mark.parametrize("state", STORING)
@pytest.mark.parametrize("mode", MODES)
def test_the_first_exclusion_stays(
    mode: FilterMode, state: State, status: MarkStatus | None
) -> None:
    made = compiled(design(state=state, mode=mode, exclude=["out"]), 1, segment("out"))
    participant = excluded(user(out=1), code=ExclusionCode.REACHED_AFTER)
    assert stored(made, participant, status=status) == NOTHING


@pytest.mark.parametrize("state", STORING)
@pytest.mark.parametrize("rule", ConsistencyRule)
def test_a_listed_group_of_the_experiments_type_is_excluded_and_loses_its_enrollments(
    state: State, rule: ConsistencyRule
) -> None:
    made = compiled(
        design(state=state, unit=GROUP, rule=rule, exclude=["out"]), 1, segment("out", ROOM)
    )
    listed = out(ExclusionCode.LISTED)
    of_group = ((ROOM, out(ExclusionCode.GROUP_LISTED)),)
    assert stored(made, pupil()) == Records(exclusion=listed, group_exclusions=of_group)
    assert stored(made, pupil(), group()) == Records(exclusion=listed, group_exclusions=of_group)
    for elsewhere in (1, 2):
        records = stored(made, pupil(), group(enrolled={elsewhere: "a"}))
        assert records == Records(exclusion=listed, group_exclusions=of_group, dropped=(ROOM,))


def test_the_first_exclusion_of_a_listed_group_stays() -> None:
    made = compiled(design(unit=GROUP, exclude=["out"]), 1, segment("out", ROOM))
    records = stored(made, excluded(pupil()), group(excluded=[1], enrolled={2: "a"}))
    assert records == Records(dropped=(ROOM,))


def test_a_listed_group_without_a_working_group_excludes_the_user_only() -> None:
    made = compiled(design(unit=GROUP, exclude=["out"]), 1, segment("out", ROOM))
    member = Participant(Profile("p", {CLASS: (ROOM.id,)}, {"school": SCHOOL.id}))
    assert stored(made, member) == Records(exclusion=out(ExclusionCode.LISTED))


AT_SCHOOL = Participant(
    Profile(
        "p",
        {CLASS: (ROOM.id,), "school": (SCHOOL.id,)},
        {"school": SCHOOL.id, CLASS: ROOM.id},
    )
)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("unit", Unit)
@pytest.mark.parametrize("status", [None, MarkStatus.NOT_APPLIED])
def test_a_listed_group_of_another_type_excludes_all_working_groups_in_any_state(
    state: State, unit: Unit, status: MarkStatus | None
) -> None:
    made = compiled(design(state=state, unit=unit, exclude=["out"]), 1, segment("out", SCHOOL))
    records = stored(made, AT_SCHOOL, status=status)
    assert records.group_exclusions == ((ROOM, out(LOGIC)), (SCHOOL, out(LOGIC)))
    code = ExclusionCode.BY_CLIENT if status else ExclusionCode.LISTED
    assert records.exclusion == (out(code) if state in STORING else None)
    assert records == Records(
        exclusion=records.exclusion, group_exclusions=records.group_exclusions
    )


def test_groups_that_are_excluded_already_stay_as_they_are() -> None:
    made = compiled(design(exclude=["out"]), 1, segment("out", SCHOOL))
    records = stored(made, AT_SCHOOL, {**group(excluded=[1]), **group(SCHOOL, excluded=[2])})
    assert records.group_exclusions == ((SCHOOL, out(LOGIC)),)


def test_a_preview_user_with_a_listed_group_excludes_the_groups_only() -> None:
    made = compiled(design(exclude=["out"]), 1, segment("out", SCHOOL))
    records = stored(made, replace(AT_SCHOOL, preview={}))
    assert records == Records(group_exclusions=((ROOM, out(LOGIC)), (SCHOOL, out(LOGIC))))


def test_a_listed_group_without_any_working_group_excludes_the_user_only() -> None:
    made = compiled(design(exclude=["out"]), 1, segment("out", SCHOOL))
    member = Participant(Profile("p", {"school": (SCHOOL.id,)}))
    assert stored(made, member) == Records(exclusion=out(ExclusionCode.LISTED))


@pytest.mark.parametrize("mode", MODES)
def test_who_is_enrolled_in_a_group_experiment_under_the_individual_rule_is_not_listed_out(
    mode: FilterMode,
) -> None:
    made = compiled(design(unit=GROUP, mode=mode, exclude=["out"]), 1, segment("out", ROOM))
    records = stored(made, enrolled(pupil("p", ROOM.id, out=1), "a"), group(enrolled={1: "a"}))
    assert records == NOTHING


def test_who_was_enrolled_with_a_condition_that_is_gone_is_enrolled_anew() -> None:
    participant = enrolled(user(), "gone")
    assert stored(compiled(design()), participant).enrollment is not None
    assert stored(compiled(design()), enrolled(user(), "a")).enrollment is None


# What is stored: after enrollment


@pytest.mark.parametrize(
    ("unit", "participant", "groups", "user_out", "room_out"),
    [
        (INDIVIDUAL, user(), {}, True, False),
        (INDIVIDUAL, pupil(), {}, True, False),
        (INDIVIDUAL, enrolled(user(), "a"), {}, False, False),
        (INDIVIDUAL, enrolled(user(), "a", point_key=THERE), {}, True, False),
        (INDIVIDUAL, enrolled(user(), "a", feature_id=2), {}, True, False),
        (INDIVIDUAL, excluded(user()), {}, False, False),
        (INDIVIDUAL, pupil(), group(enrolled={1: "a"}), True, False),
        (GROUP, pupil(), {}, True, True),
        (GROUP, pupil(), group(enrolled={2: "a"}, excluded=[2]), True, True),
        (GROUP, pupil(), group(enrolled={1: "a"}), False, False),
        (GROUP, pupil(), group(excluded=[1]), True, False),
        (GROUP, enrolled(pupil(), "a"), {}, False, True),
        (GROUP, enrolled(pupil(), "a"), group(enrolled={1: "a"}), False, False),
        (GROUP, excluded(pupil()), {}, False, True),
        (GROUP, excluded(pupil()), group(excluded=[1]), False, False),
        (GROUP, user(), {}, True, False),
    ],
)
@pytest.mark.parametrize("rule", BOUND)
def test_who_comes_after_enrollment_without_history_is_excluded_with_the_group(
    rule: ConsistencyRule,
    unit: Unit,
    participant: Participant,
    groups: Groups,
    user_out: bool,
    room_out: bool,
) -> None:
    made = compiled(design(state=COMPLETE, unit=unit, rule=rule, at=points(POINT_KEY, THERE)))
    assert stored(made, participant, groups) == Records(
        exclusion=out(LATE) if user_out else None,
        group_exclusions=((ROOM, out(LATE)),) if room_out else (),
    )


def test_an_invalid_group_is_not_excluded_after_enrollment() -> None:
    made = compiled(design(state=COMPLETE, unit=GROUP))
    elsewhere = Participant(Profile("p", {CLASS: (OTHER_ROOM.id,)}, {CLASS: ROOM.id}))
    assert stored(made, elsewhere) == Records(exclusion=out(LATE))


@pytest.mark.parametrize("unit", [INDIVIDUAL, GROUP])
def test_under_the_experiment_rule_nobody_is_excluded_after_enrollment(unit: Unit) -> None:
    made = compiled(design(state=COMPLETE, unit=unit, rule=BY_EXPERIMENT))
    assert stored(made, pupil()) == NOTHING


def test_under_the_experiment_rule_classmates_still_enroll_after_enrollment() -> None:
    made = compiled(design(state=COMPLETE, unit=GROUP, rule=BY_EXPERIMENT, arms=IGN))
    records = stored(made, pupil(), group(enrolled={1: "G"}))
    assert records == Records(enrollment=own("G", ROOM.id, WITH_GROUP))


# What is stored: unit individual

ENROLLS = Records(enrollment=own("N"))


@pytest.mark.parametrize(
    ("participant", "expected"),
    [
        (user(), dict.fromkeys(ConsistencyRule, ENROLLS)),
        (pupil(), dict.fromkeys(ConsistencyRule, ENROLLS)),
        (enrolled(user(), "I"), {}),
        (
            enrolled(user(), "I", point_key=THERE),
            {rule: Records(enrollment=own("I")) for rule in ConsistencyRule},
        ),
        (enrolled(user(), "I", feature_id=2), dict.fromkeys(ConsistencyRule, ENROLLS)),
        (excluded(user()), {}),
        (excluded(enrolled(user(), "I", point_key=THERE)), {}),
        (excluded(user(), feature_id=2), dict.fromkeys(ConsistencyRule, ENROLLS)),
    ],
)
@pytest.mark.parametrize("rule", ConsistencyRule)
def test_an_individual_enrolls_once_per_point_always_by_the_same_choice(
    rule: ConsistencyRule, participant: Participant, expected: Mapping[ConsistencyRule, Records]
) -> None:
    made = compiled(design(rule=rule, arms=IGN, at=points(POINT_KEY, THERE)))
    assert stored(made, participant) == expected.get(rule, NOTHING)


def test_where_there_is_no_condition_nobody_enrolls() -> None:
    for unit in (INDIVIDUAL, GROUP):
        made = compiled(design(unit=unit, algorithm=Algorithm.ADAPTIVE))
        assert stored(made, pupil()) == NOTHING


def test_a_mark_enrolls_without_the_correction_for_strata() -> None:
    experiment = design(
        VECTOR_ID,
        rule=BY_EXPERIMENT,
        arms=conditions(a=48, b=52),
        algorithm=Algorithm.STRATIFIED,
        stratification_factor="grade",
    )
    participant = replace(user(VECTOR_UNIT), strata={"grade": "6"})
    assert stored(compiled(experiment), participant, code="a") == Records(
        enrollment=replace(own("b"), stratum="6")
    )


@pytest.mark.parametrize(
    ("rule", "expected"),
    [(BY_INDIVIDUAL, NOTHING), (BY_GROUP, NOTHING), (BY_EXPERIMENT, ENROLLS)],
)
def test_who_reached_a_flagged_point_before_the_start_does_not_enroll(
    rule: ConsistencyRule, expected: Records
) -> None:
    made = compiled(design(rule=rule, arms=IGN, at=(point(flagged=True),)))
    assert stored(made, reached(user())) == expected
    assert stored(made, reached(user(), at=STARTED)) == ENROLLS


# What is stored: unit group

NEW_GROUP = Records(enrollment=own("N", ROOM.id), group_enrollment=of_room("N"))
JOINS = Records(enrollment=own("G", ROOM.id, WITH_GROUP))
OUT_BY_LOGIC = Records(exclusion=out(LOGIC))
GROUP_ONLY = Records(group_enrollment=of_room("N"))


@pytest.mark.parametrize(
    ("participant", "groups", "individual", "by_group", "experiment"),
    [
        # Nobody has a history.
        (pupil(), {}, NEW_GROUP, NEW_GROUP, NEW_GROUP),
        (pupil(), group(enrolled={2: "G"}, excluded=[2]), NEW_GROUP, NEW_GROUP, NEW_GROUP),
        # The group is enrolled.
        (pupil(), group(enrolled={1: "G"}), JOINS, JOINS, JOINS),
        (enrolled(pupil(), "I"), group(enrolled={1: "G"}), NOTHING, NOTHING, NOTHING),
        (
            enrolled(pupil(), "I", point_key=THERE),
            group(enrolled={1: "G"}),
            Records(enrollment=own("I", ROOM.id, WITH_GROUP)),
            JOINS,
            JOINS,
        ),
        # The user is enrolled, the group is not, as after a change of the working group.
        (
            enrolled(pupil(), "I"),
            {},
            Records(group_enrollment=of_room("I")),
            Records(group_enrollment=of_room("I")),
            GROUP_ONLY,
        ),
        # The user is excluded.
        (excluded(pupil()), {}, NOTHING, NOTHING, GROUP_ONLY),
        (excluded(pupil()), group(enrolled={1: "G"}), NOTHING, NOTHING, NOTHING),
        # The group is excluded.
        (excluded(pupil()), group(excluded=[1]), NOTHING, NOTHING, NOTHING),
    ],
)
def test_a_mark_enrolls_the_group_and_its_member_by_rule_and_history(
    participant: Participant,
    groups: Groups,
    individual: Records,
    by_group: Records,
    experiment: Records,
) -> None:
    for rule, expected in (
        (BY_INDIVIDUAL, individual),
        (BY_GROUP, by_group),
        (BY_EXPERIMENT, experiment),
    ):
        made = compiled(design(unit=GROUP, rule=rule, arms=IGN, at=points(POINT_KEY, THERE)))
        assert stored(made, participant, groups) == expected


@pytest.mark.parametrize("rule", BOUND)
@pytest.mark.parametrize("participant", [pupil(), enrolled(pupil(), "I")])
def test_a_member_of_an_excluded_group_is_excluded_by_group_logic(
    rule: ConsistencyRule, participant: Participant
) -> None:
    made = compiled(design(unit=GROUP, rule=rule, arms=IGN))
    assert stored(made, participant, group(excluded=[1])) == OUT_BY_LOGIC


def test_under_the_experiment_rule_an_excluded_group_excludes_no_member() -> None:
    made = compiled(design(unit=GROUP, rule=BY_EXPERIMENT, arms=IGN))
    records = stored(made, pupil(), group(excluded=[1]))
    assert records.exclusion is None
    assert records.group_enrollment is None


def test_a_group_that_reached_a_flagged_point_before_the_start_excludes_its_members() -> None:
    records = {
        rule: stored(
            compiled(design(unit=GROUP, rule=rule, arms=IGN, at=(point(flagged=True),))),
            pupil("classmate"),
            group(reached={POINT_KEY: BEFORE}),
        )
        for rule in ConsistencyRule
    }
    assert records == {
        BY_INDIVIDUAL: NEW_GROUP,
        BY_GROUP: OUT_BY_LOGIC,
        BY_EXPERIMENT: NEW_GROUP,
    }


INCOMPLETE, WRONG = ExclusionCode.NO_GROUP, ExclusionCode.WRONG_GROUP


@pytest.mark.parametrize(
    ("groups", "working", "code"),
    [
        (None, None, INCOMPLETE),
        ({}, {}, INCOMPLETE),
        ({CLASS: (ROOM.id,)}, None, INCOMPLETE),
        ({CLASS: (ROOM.id,)}, {}, INCOMPLETE),
        (None, {CLASS: ROOM.id}, INCOMPLETE),
        ({}, {CLASS: ROOM.id}, INCOMPLETE),
        ({CLASS: (OTHER_ROOM.id,)}, {CLASS: ROOM.id}, WRONG),
        ({"school": (SCHOOL.id,)}, {"school": SCHOOL.id}, WRONG),
        ({"school": (SCHOOL.id,)}, {CLASS: ROOM.id}, WRONG),
        ({CLASS: (ROOM.id,)}, {"school": SCHOOL.id}, WRONG),
    ],
)
@pytest.mark.parametrize("rule", ConsistencyRule)
def test_who_has_no_valid_group_is_excluded_from_a_group_experiment(
    rule: ConsistencyRule,
    groups: dict[str, tuple[str, ...]] | None,
    working: dict[str, str] | None,
    code: ExclusionCode,
) -> None:
    made = compiled(design(unit=GROUP, rule=rule))
    participant = Participant(Profile("p", groups, working))
    expected = NOTHING if rule is BY_EXPERIMENT else Records(exclusion=out(code))
    assert stored(made, participant, group()) == expected
    assert stored(made, excluded(participant), group()) == NOTHING


@pytest.mark.parametrize(
    ("rule", "condition"), [(BY_INDIVIDUAL, None), (BY_GROUP, "G"), (BY_EXPERIMENT, "G")]
)
def test_a_valid_group_that_comes_later_helps_under_the_group_rule_only(
    rule: ConsistencyRule, condition: str | None
) -> None:
    made = compiled(design(unit=GROUP, rule=rule, arms=IGN))
    world = World(user("u"), pupil("first"))
    world.groups |= group(enrolled={1: "G"})
    world.mark("u", Mark(POINT_KEY), made)
    world.users["u"] = replace(world.users["u"], profile=pupil("u").profile)
    late = world.users["u"]
    found = choose(made, late, History.of(made, late, world.groups))
    assert (found and found.code) == condition


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("I", Records(enrollment=own("I", ROOM.id), group_enrollment=of_room("I"))),
        ("G", Records(enrollment=own("G", ROOM.id), group_enrollment=of_room("G"))),
        (None, NOTHING),
    ],
)
def test_in_a_stratified_group_experiment_the_code_of_the_mark_counts(
    code: str | None, expected: Records
) -> None:
    made = compiled(design(unit=GROUP, arms=IGN, algorithm=Algorithm.STRATIFIED))
    assert stored(made, pupil(), code=code) == expected


def test_a_stratified_group_experiment_takes_an_answered_code_too() -> None:
    experiment = replace(factorial("color", "shape", unit=GROUP), algorithm=Algorithm.STRATIFIED)
    records = stored(compiled(experiment), pupil(), code="shape=high; color=high")
    assert records.enrollment == own("c2", ROOM.id)


# What is stored: within-subjects


@pytest.mark.parametrize(("code", "condition_id"), [("b", "b"), (None, None), ("text", None)])
@pytest.mark.parametrize("uniquifier", [None, "try 1"])
def test_each_mark_of_a_within_subjects_experiment_is_a_repeat_by_the_code_of_the_mark(
    code: str | None, condition_id: str | None, uniquifier: str | None
) -> None:
    experiment = design(unit=WITHIN, at=points(POINT_KEY, THERE))
    made = compiled(
        replace(experiment, payloads=(payload(experiment.conditions[0], None, "text"),))
    )
    repeat = Repeat(1, POINT_KEY, condition_id, uniquifier, NOW)
    met = frozenset({condition_id or ""})
    enrollment = Enrollment(1, POINT_KEY, None, None, ALGORITHM, NOW, met=met)
    for participant, first in (
        (user(), True),
        (enrolled(user(), None, point_key=THERE), True),
        (enrolled(user(), None), False),
    ):
        outcome = decided(made, participant, code=code, uniquifier=uniquifier)
        expected = Records(enrollment=enrollment if first else None, repeat=repeat)
        assert outcome.records == expected


def test_marks_lead_through_the_conditions_of_a_within_subjects_experiment() -> None:
    made = compiled(design(unit=WITHIN, arms=conditions(x=0, y=0, z=0)))
    world, met = World(user("u")), []
    for _ in range(5):
        code = queue(made, world.users["u"])[0].code
        met.append(code)
        world.mark("u", Mark(POINT_KEY, code), made)
    assert "".join(met) == "xyzxy"


# How the user takes part, or why not

BY_CLIENT, EARLY = ExclusionCode.BY_CLIENT, ExclusionCode.REACHED_BEFORE
FLAGGED_POINT = (point(flagged=True),)


def listed_out(participant: Participant) -> Participant:
    earlier = Exclusion(1, BY_CLIENT, BEFORE)
    return replace(participant, exclusions={1: earlier})


@pytest.mark.parametrize(
    ("made", "participant", "groups", "code"),
    [
        (design(arms=IGN), user(), {}, ALGORITHM),
        (design(arms=IGN), excluded(enrolled(user(), "N")), {}, ALGORITHM),
        (design(arms=IGN), excluded(user()), {}, BY_CLIENT),
        (design(arms=IGN, at=FLAGGED_POINT), reached(user()), {}, EARLY),
        (design(arms=IGN, at=FLAGGED_POINT), excluded(reached(user())), {}, EARLY),
        (design(arms=IGN, at=FLAGGED_POINT), listed_out(reached(user())), {}, BY_CLIENT),
        (design(state=State.INACTIVE), user(), {}, None),
        (design(state=State.INACTIVE), pupil(), {}, None),
        (design(state=COMPLETE), user(), {}, LATE),
        (
            design(unit=GROUP, rule=BY_GROUP, arms=IGN),
            pupil(),
            group(enrolled={1: "G"}),
            WITH_GROUP,
        ),
        (design(unit=GROUP, rule=BY_GROUP), pupil(), group(excluded=[1]), LOGIC),
        (
            design(state=PREVIEW, unit=GROUP, rule=BY_GROUP),
            pupil(),
            group(excluded=[1]),
            ExclusionCode.LISTED,
        ),
        (
            design(state=PREVIEW, unit=GROUP, rule=BY_GROUP, at=FLAGGED_POINT),
            pupil(),
            group(reached={POINT_KEY: BEFORE}),
            EARLY,
        ),
        (design(state=PREVIEW, unit=GROUP, rule=BY_GROUP), pupil(), group(), None),
    ],
)
def test_the_code_is_that_of_the_enrollment_else_of_the_users_exclusion_else_of_the_groups(
    made: Experiment,
    participant: Participant,
    groups: Groups,
    code: EnrollmentCode | ExclusionCode | None,
) -> None:
    assert decided(compiled(made), participant, groups).code == code


def test_of_enrollments_at_several_points_the_one_that_is_marked_tells_the_code() -> None:
    made = compiled(design(unit=GROUP, rule=BY_GROUP, arms=IGN, at=points(POINT_KEY, THERE)))
    first = replace(own("G", ROOM.id), point_key=THERE)
    participant = replace(pupil(), enrollments={1: (first, own("G", ROOM.id, WITH_GROUP))})
    assert decided(made, participant, group(enrolled={1: "G"})).code is WITH_GROUP
    assert decided(made, participant, group(enrolled={1: "G"}), point_key=THERE).code is ALGORITHM


# A new working group (section 13.4)

STATES_WITH_LOSSES = {ENROLLING, COMPLETE}


def changed(
    participant: Participant, after: Mapping[str, str], made: Iterable[CompiledExperiment]
) -> GroupChange:
    return after_group_change(participant, after, list(made))


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize(
    ("rule", "loses_enrollments", "loses_exclusion"),
    [(BY_GROUP, True, True), (BY_INDIVIDUAL, False, True), (BY_EXPERIMENT, True, False)],
)
def test_a_new_working_group_takes_away_by_rule_and_state(
    state: State, rule: ConsistencyRule, loses_enrollments: bool, loses_exclusion: bool
) -> None:
    participant = excluded(of_room_twice())
    made = compiled(design(state=state, unit=GROUP, rule=rule))
    counts = state in STATES_WITH_LOSSES
    assert changed(participant, {CLASS: "room 2"}, [made]) == GroupChange(
        participant.enrollments[1] if loses_enrollments and counts else (),
        (1,) if loses_exclusion and counts else (),
        (GroupLeft(1, ROOM, None),) if loses_enrollments and counts else (),
    )


def of_room_twice() -> Participant:
    """Enrolled at two points as a member of the room."""
    return enrolled(enrolled(pupil(), "a", group_id=ROOM.id), "a", 1, THERE, ROOM.id)


@pytest.mark.parametrize(
    ("complete", "needed"),
    [
        (None, None),
        (CompleteCondition(), None),
        (CompleteCondition(group_count=2), None),
        (CompleteCondition(user_count=3), 3),
        (CompleteCondition(user_count=3, group_count=2), 3),
    ],
)
def test_the_group_that_is_left_has_one_enrolled_user_less(
    complete: CompleteCondition | None, needed: int | None
) -> None:
    experiment = replace(design(unit=GROUP, rule=BY_GROUP), complete_condition=complete)
    change = changed(of_room_twice(), {CLASS: "room 2"}, [compiled(experiment)])
    assert change.left == (GroupLeft(1, ROOM, needed),)


def test_the_group_that_is_left_is_the_one_in_which_the_user_was_counted_first() -> None:
    first, second = of_room_twice().enrollments[1]
    later = replace(first, at=second.at + timedelta(days=1), group_id="room 2")
    member = replace(pupil(), enrollments={1: (later, second)})
    change = changed(member, {CLASS: "room 3"}, [compiled(design(unit=GROUP, rule=BY_GROUP))])
    assert change.left == (GroupLeft(1, ROOM, None),)
    assert change.enrollments == (second, later)


@pytest.mark.parametrize(
    ("before", "after", "loses"),
    [
        ({CLASS: "1"}, {CLASS: "2"}, True),
        ({CLASS: "1"}, {}, True),
        ({CLASS: "1"}, {"school": "1"}, True),
        ({CLASS: "1"}, {CLASS: "1"}, False),
        ({CLASS: "1"}, {CLASS: "1", "school": "1"}, False),
        ({CLASS: "1", "school": "1"}, {CLASS: "1", "school": "2"}, False),
        ({"school": "1"}, {CLASS: "1"}, False),
        ({}, {CLASS: "1"}, False),
        (None, {CLASS: "1"}, False),
    ],
)
def test_only_a_type_whose_group_changed_or_vanished_loses(
    before: dict[str, str] | None, after: dict[str, str], loses: bool
) -> None:
    member = Participant(Profile("p", None, before))
    participant = excluded(enrolled(member, "a", group_id="1"))
    change = changed(participant, after, [compiled(design(unit=GROUP, rule=BY_GROUP))])
    assert change.enrollments == (participant.enrollments[1] if loses else ())
    assert change.lifted == ((1,) if loses else ())
    assert change.left == ((GroupLeft(1, GroupKey(CLASS, "1"), None),) if loses else ())


@pytest.mark.parametrize("unit", [INDIVIDUAL, WITHIN])
def test_only_group_experiments_are_left_with_a_group(unit: Unit) -> None:
    participant = excluded(enrolled(pupil(), "a"))
    assert changed(participant, {CLASS: "2"}, [compiled(design(unit=unit, rule=BY_GROUP))]) == (
        GroupChange()
    )


def test_what_is_not_there_is_not_taken() -> None:
    made = [compiled(design(unit=GROUP, rule=rule)) for rule in ConsistencyRule]
    assert changed(pupil(), {CLASS: "2"}, made) == GroupChange()


def test_losses_are_told_by_experiment() -> None:
    participant = excluded(enrolled(enrolled(pupil(), "a", 1, group_id=ROOM.id), "b", 3), 2)
    made = [compiled(design(str(n), unit=GROUP, rule=BY_GROUP), n) for n in (1, 2)]
    assert changed(participant, {CLASS: "2"}, made) == GroupChange(
        participant.enrollments[1], (2,), (GroupLeft(1, ROOM, None),)
    )


@pytest.mark.parametrize(
    ("rule", "lifted"), [(BY_INDIVIDUAL, (1,)), (BY_GROUP, (1,)), (BY_EXPERIMENT, ())]
)
def test_having_reached_a_point_too_early_is_lifted_like_an_exclusion(
    rule: ConsistencyRule, lifted: tuple[int, ...]
) -> None:
    made = compiled(design(unit=GROUP, rule=rule, at=(point(flagged=True),)))
    assert changed(reached(pupil()), {CLASS: "2"}, [made]) == GroupChange((), lifted)
    assert changed(reached(pupil(), at=NOW), {CLASS: "2"}, [made]) == GroupChange()


def test_no_change_is_asked_for_where_there_are_no_experiments() -> None:
    assert changed(pupil(), {CLASS: "2"}, []) == GroupChange()
