from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from chalicelib.domain.audiences.filters import ListEntry
from chalicelib.domain.audiences.segments import SegmentType
from chalicelib.domain.catalogue.faults import Round
from chalicelib.domain.catalogue.testlab_assignments import (
    assignment_for,
    feature_uuid,
    variant_uuid,
)
from chalicelib.domain.errors import Invalid, NotFound, Unavailable
from chalicelib.domain.experiments.experiments import (
    Algorithm,
    CompleteCondition,
    ConsistencyRule,
    Experiment,
    State,
    Unit,
)
from chalicelib.domain.experiments.marks import (
    Mark,
    MarkStatus,
    Outcome,
    UnknownCondition,
    UnknownExperiment,
)
from chalicelib.domain.features.users import Totals
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import ErasedMeanwhile, ExclusionCode, GroupKey
from chalicelib.services import Services
from chalicelib.services.experiments.marking import COUNT_AGE, MarkService
from chalicelib.services.participants.participants import GroupUpdate
from chalicelib.services.running.compilation import CompilationService
from tests.fakes.experiments import FakeEnrollmentStore
from tests.fakes.memory import START, FixedClock, Memory
from tests.fakes.stores import fake_stores, once, watched
from tests.unit.samples import SHARDS, add_user, draft, drafts, process
from tests.unit.upgrade_service_samples import (
    CONTEXT,
    HERE,
    THERE,
    Killed,
    assign,
    at_once,
    caller,
    class_key,
    counting,
    design,
    dying,
    enrolled_users,
    enrollments,
    feature_id_of,
    group_design,
    group_record,
    in_class,
    join,
    known,
    lists_of,
    mark,
    now_in,
    reweighted,
    segment,
)

ALL_A = {"a": 100.0, "b": 0.0}
PARALLEL = 8


@pytest.fixture
def others(memory: Memory, clock: FixedClock) -> list[Services]:
    """Processes that run at the same time."""
    return [process(memory, clock) for _ in range(PARALLEL)]


def experiment(services: Services, made: Experiment) -> int:
    """Store an experiment; its number."""
    services.experiments.create(made)
    return feature_id_of(services, made.id)


def endings(services: Services, experiment_id: str = "e") -> int:
    """How often an experiment's enrollment has been completed."""
    changes = services.experiments.get(experiment_id).state_changes
    return sum(change.after is State.ENROLLMENT_COMPLETE for change in changes)


def state(services: Services, experiment_id: str = "e") -> State:
    return services.experiments.get(experiment_id).state


# One mark


def test_the_first_mark_enrolls_counts_and_records_the_point(
    services: Services, memory: Memory
) -> None:
    feature_id = experiment(services, design(weights=ALL_A))
    join(services, "u")
    outcome = mark(services, code="b")
    assert enrollments(memory, "u", feature_id) == [(HERE, "id of a")], "not what the client names"
    assert (outcome.condition, outcome.point.experiment_id) == ("b", "e")
    assert known(services, "u").points == {HERE: outcome.point}
    assert fake_stores(memory).enrollment_counts.in_all(feature_id) == (1, 0)


def test_a_mark_where_no_experiment_is_records_the_point_as_it_was_sent(
    services: Services, memory: Memory
) -> None:
    join(services, "u", update=in_class("1a"))
    outcome = mark(services, code="anything", experiment_id="free text")
    assert (outcome.compiled, outcome.condition) == (None, "anything")
    assert outcome.point.experiment_id == "free text"
    assert known(services, "u").points == {HERE: outcome.point}
    assert group_record(memory, "1a").reached == {HERE: START}


def test_a_place_is_reached_by_all_working_groups_and_first_by_the_first(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    join(services, "u", "v", update=in_class("1a"))
    mark(services, "u")
    first = clock.now
    clock.advance(2 * (START - START.replace(hour=11)))
    mark(services, "v")
    assert group_record(memory, "1a").reached == {HERE: first}


def test_repeated_marks_write_nothing(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    calls: Counter[str] = Counter()
    feature_id = experiment(services, group_design(weights=ALL_A))
    watching = process(memory, clock, before=counting(calls))
    join(services, "u", update=in_class("1a"))
    first = mark(services, code="a")
    before = known(services, "u")
    for _ in range(3):
        assert mark(watching, code="b").point == first.point
    assert calls["enrollments.store_mark"] == 0
    assert known(services, "u") == before
    assert fake_stores(memory).enrollment_counts.in_all(feature_id)[0] == 1


@pytest.mark.parametrize("status", [MarkStatus.NOT_APPLIED, None])
def test_exclusions_are_written_once(
    status: MarkStatus | None, services: Services, memory: Memory, clock: FixedClock
) -> None:
    calls: Counter[str] = Counter()
    services.segments.put(segment("shut"), ["u"])
    experiment(services, design(exclude=["shut"]))
    watching = process(memory, clock, before=counting(calls))
    join(services, "u")
    for _ in range(3):
        mark(watching, status=status)
    assert calls["enrollments.store_mark"] == 1
    [exclusion] = known(services, "u").exclusions.values()
    assert exclusion.code is (ExclusionCode.LISTED if status is None else ExclusionCode.BY_CLIENT)


def test_a_user_has_one_enrollment_per_place_and_is_counted_once(
    services: Services, memory: Memory
) -> None:
    feature_id = experiment(services, design(point_keys=(HERE, THERE), weights=ALL_A))
    join(services, "u")
    mark(services, point_key=HERE)
    mark(services, point_key=THERE)
    assert sorted(enrollments(memory, "u", feature_id)) == [(HERE, "id of a"), (THERE, "id of a")]
    assert fake_stores(memory).enrollment_counts.in_all(feature_id) == (1, 0)


def test_every_mark_of_a_within_subjects_experiment_counts_for_its_queue(
    services: Services, memory: Memory
) -> None:
    feature_id = experiment(services, design(unit=Unit.WITHIN_SUBJECTS, point_keys=(HERE, THERE)))
    join(services, "u")
    seen = []
    for _ in range(3):
        seen.append(assign(services)[HERE])
        mark(services, code=seen[-1])
    mark(services, point_key=THERE, code="a")
    assert seen == ["a", "b", "a"]
    assert {e.point_key: e.repeats for e in known(services, "u").enrollments[feature_id]} == {
        HERE: 3,
        THERE: 1,
    }
    stored = memory.repeats[feature_id, "u"]
    assert [repeat.condition_id for repeat in stored] == [
        "id of a",
        "id of b",
        "id of a",
        "id of a",
    ]
    assert fake_stores(memory).enrollment_counts.in_all(feature_id) == (1, 0)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (partial(mark, code="c"), UnknownCondition),
        (partial(mark, experiment_id="other"), UnknownExperiment),
    ],
)
def test_a_mark_that_names_what_is_not_there_stores_nothing(
    wrong: partial[Outcome], error: type[Exception], services: Services
) -> None:
    experiment(services, design())
    join(services, "u")
    before = known(services, "u")
    with pytest.raises(error):
        wrong(services)
    assert known(services, "u") == before


def test_a_mark_is_not_refused_by_an_old_catalogue(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    join(services, "u")
    old = process(memory, clock, ttl=60)
    old.catalogue.snapshot()
    feature_id = experiment(services, design(weights=ALL_A))
    mark(old, experiment_id="e")
    assert enrollments(memory, "u", feature_id) == [(HERE, "id of a")]
    other = experiment(services, design("f", point_keys=[HERE, THERE], weights={"c": 100.0}))
    mark(old, experiment_id="f", code="c")
    assert enrollments(memory, "u", other) == [(HERE, "id of c")]
    services.experiments.edit("f", lambda before: _renamed(before, "d"))
    mark(old, experiment_id="f", code="d", point_key=THERE)
    assert (THERE, "id of c") in enrollments(memory, "u", other)
    with pytest.raises(UnknownCondition):
        mark(old, experiment_id="f", code="c")


def _renamed(before: Experiment, code: str) -> Experiment:
    return replace(before, conditions=tuple(replace(c, code=code) for c in before.conditions))


def test_whoever_is_shut_out_of_the_context_only_leaves_the_point(
    services: Services, memory: Memory
) -> None:
    feature_id = experiment(services, design())
    services.segments.put(segment(kind=SegmentType.GLOBAL_EXCLUDE), ["u"])
    join(services, "u")
    mark(services, code="no condition of it")
    assert set(known(services, "u").points) == {HERE}
    assert (enrollments(memory, "u", feature_id), known(services, "u").exclusions) == ([], {})


def test_a_mark_through_an_alias_enrolls_the_owner(services: Services, memory: Memory) -> None:
    feature_id = experiment(services, design(weights=ALL_A))
    join(services, "u")
    services.participants.set_aliases(caller(services, "u"), ["alias"])
    mark(services, "alias")
    mark(services, "u")
    assert enrollments(memory, "u", feature_id) == [(HERE, "id of a")]
    assert memory.participants["alias"].enrollments == {}
    assert fake_stores(memory).enrollment_counts.in_all(feature_id) == (1, 0)


# Groups and lists


def test_a_group_whose_list_excludes_it_loses_its_enrollments(
    services: Services, memory: Memory
) -> None:
    feature_id = experiment(services, group_design())
    join(services, "u", "v", update=in_class("1a"))
    mark(services, "u")
    assert set(group_record(memory, "1a").enrollments) == {feature_id}
    services.segments.put(segment("shut", groups=[class_key("1a")]), [])
    lists_of(services).add_list("e", "shut", exclude=True)
    mark(services, "v")
    record = group_record(memory, "1a")
    assert record.enrollments == {}
    assert record.exclusions[feature_id].code is ExclusionCode.GROUP_LISTED
    assert known(services, "v").exclusions[feature_id].code is ExclusionCode.LISTED


def test_a_group_of_another_type_excludes_all_groups_of_the_user_once(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    calls: Counter[str] = Counter()
    school = GroupKey("school", "s")
    services.segments.put(segment("shut", groups=[school]), [])
    feature_id = experiment(services, group_design(exclude=["shut"]))
    both = GroupUpdate(
        {"class": ("1a",), "school": ("s",)},
        {"class": "1a", "school": "s"},
        group_sent=True,
        working_group_sent=True,
    )
    join(services, "u", update=both)
    watching = process(memory, clock, before=counting(calls))
    mark(watching)
    mark(watching)
    assert calls["enrollments.store_mark"] == 1
    assert {
        key: record.exclusions[feature_id].code for key, record in memory.groups.items()
    } == dict.fromkeys([class_key("1a"), school], ExclusionCode.GROUP_LOGIC)


def test_what_marks_add_is_spread_over_the_shards_whatever_it_is(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else all who are excluded once enrollment is complete would meet at one item."""
    late = experiment(services, design(state=State.ENROLLMENT_COMPLETE))
    within = design("w", unit=Unit.WITHIN_SUBJECTS, point_keys=[THERE])
    experiment(services, within)
    shards: dict[DecisionPointKey, set[int]] = {HERE: set(), THERE: set()}
    store_mark = FakeEnrollmentStore.store_mark

    def noting(store: FakeEnrollmentStore, *arguments: Any) -> None:
        outcome, counting = arguments[2:4]
        if outcome.records.enrollment is None:
            shards[outcome.point.point_key].add(counting.shard)
        store_mark(store, *arguments)

    monkeypatch.setattr(FakeEnrollmentStore, "store_mark", noting)
    for user_id in "abcdefgh":
        join(services, user_id)
        mark(services, user_id)
        for code in "ab":
            mark(services, user_id, point_key=THERE, code=code)
        assert late in known(services, user_id).exclusions
    assert shards == {HERE: set(range(SHARDS)), THERE: set(range(SHARDS))}


def test_without_a_group_a_mark_of_a_group_experiment_excludes(services: Services) -> None:
    feature_id = experiment(services, group_design())
    join(services, "u")
    mark(services)
    assert known(services, "u").exclusions[feature_id].code is ExclusionCode.NO_GROUP


# Strata


def test_enrollments_are_counted_by_stratum_and_condition(
    services: Services, memory: Memory
) -> None:
    feature_id = experiment(
        services,
        design(
            weights=ALL_A,
            algorithm=Algorithm.STRATIFIED,
            stratification_factor="school",
            rule=ConsistencyRule.EXPERIMENT,
        ),
    )
    services.stratification.put({"school": {"u": "north", "v": "north", "w": "south"}})
    join(services, "x")
    for user_id in "uvwxu":
        mark(services, user_id)
    [a, b] = services.experiments.get("e").conditions
    stratum = fake_stores(memory).enrollment_counts.in_stratum
    assert stratum(feature_id, "north") == {a.variant_id: 2}
    assert stratum(feature_id, "south") == {a.variant_id: 1}
    assert b.variant_id not in stratum(feature_id, "north")


# Lost races


@pytest.mark.parametrize("rule", ConsistencyRule)
def test_two_first_marks_of_a_user_at_once_are_one_enrollment(
    rule: ConsistencyRule, services: Services, memory: Memory, clock: FixedClock
) -> None:
    feature_id = experiment(services, design(rule=rule if rule != "group" else None))
    join(services, "u")
    slow = process(
        memory, clock, before=once("enrollments.store_mark", lambda: mark(services, code="a"))
    )
    outcome = mark(slow, code="b")
    assert len(enrollments(memory, "u", feature_id)) == 1
    assert fake_stores(memory).enrollment_counts.in_all(feature_id) == (1, 0)
    assert outcome.point == known(services, "u").points[HERE]
    assert outcome.condition == "a", "the first mark is the one that is kept"


def test_parallel_first_marks_of_a_user_are_one_enrollment(
    services: Services, memory: Memory, others: list[Services]
) -> None:
    feature_id = experiment(services, design())
    join(services, "u")
    outcomes = at_once(*(partial(mark, other) for other in others))
    assert len(enrollments(memory, "u", feature_id)) == 1
    assert fake_stores(memory).enrollment_counts.in_all(feature_id) == (1, 0)
    assert {outcome.point for outcome in outcomes} == {known(services, "u").points[HERE]}


@pytest.mark.parametrize("rule", ConsistencyRule)
def test_two_first_marks_of_classmates_at_once_give_the_class_one_condition(
    rule: ConsistencyRule, services: Services, memory: Memory, clock: FixedClock
) -> None:
    """The slower process still goes by weights that are no longer in force."""
    feature_id = experiment(services, group_design(rule=rule, weights={"a": 0.0, "b": 100.0}))
    join(services, "u", "v", update=in_class("1a"))
    slow = process(
        memory, clock, ttl=60, before=once("enrollments.store_mark", lambda: mark(services, "u"))
    )
    slow.catalogue.snapshot()
    services.experiments.edit("e", lambda before: reweighted(before, a=100.0, b=0.0))
    mark(slow, "v")
    assert group_record(memory, "1a").enrollments[feature_id].condition_id == "id of a"
    assert enrollments(memory, "u", feature_id) == enrollments(memory, "v", feature_id)
    assert fake_stores(memory).enrollment_counts.in_all(feature_id)[0] == 2
    assert group_record(memory, "1a").counts == {feature_id: 2}


def test_parallel_first_marks_of_classmates_are_one_enrollment_each_and_of_the_class(
    services: Services, memory: Memory, others: list[Services]
) -> None:
    complete = CompleteCondition(user_count=PARALLEL, group_count=2)
    feature_id = experiment(services, group_design(complete=complete))
    users = [f"u{i}" for i in range(PARALLEL)]
    join(services, *users, update=in_class("1a"))
    at_once(*(partial(mark, other, user) for other, user in zip(others, users, strict=True)))
    condition = group_record(memory, "1a").enrollments[feature_id].condition_id
    assert [enrollments(memory, user, feature_id) for user in users] == [
        [(HERE, condition)]
    ] * PARALLEL
    assert fake_stores(memory).enrollment_counts.in_all(feature_id) == (PARALLEL, 1)
    assert group_record(memory, "1a").counts == {feature_id: PARALLEL}


def test_a_mark_of_a_user_who_is_erased_meanwhile_ends_at_once(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    experiment(services, design())
    join(services, "u")
    calls: Counter[str] = Counter()
    erased = once("enrollments.store_mark", lambda: services.erasure.erase("u"))

    def before(call: str) -> None:
        calls.update([call])
        erased(call)

    with pytest.raises(ErasedMeanwhile):
        mark(process(memory, clock, before=before))
    assert calls["enrollments.store_mark"] == 1
    assert memory.participants == {}


# Killed processes


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("complete", [None, 1])
@pytest.mark.parametrize("unit", [Unit.INDIVIDUAL, Unit.GROUP])
def test_a_mark_killed_at_any_call_and_repeated_is_one_enrollment(
    moment: str, complete: int | None, unit: Unit, clock: FixedClock
) -> None:
    condition = None if complete is None else CompleteCondition(user_count=complete)
    for call in itertools.count():
        memory = Memory()
        services = process(memory, clock)
        made = design(unit=unit, rule=ConsistencyRule.INDIVIDUAL, complete=condition)
        feature_id = experiment(services, made)
        join(services, "u", update=in_class("1a"))
        step = dying(call)
        doomed = process(
            memory,
            clock,
            before=step if moment == "before" else None,
            after=step if moment == "after" else None,
        )
        try:
            mark(doomed)
        except Killed:
            killed = True
        else:
            killed = False
        mark(services)
        assert len(enrollments(memory, "u", feature_id)) == 1
        assert fake_stores(memory).enrollment_counts.in_all(feature_id)[0] == 1
        assert len(known(services, "u").points) == 1
        if unit is Unit.GROUP:
            assert group_record(memory, "1a").counts == {feature_id: 1}
        services.marking.end_complete()
        assert endings(services) == (complete is not None)
        if not killed:
            break
    assert call > 3


# Ending by count


def test_enrollment_ends_with_the_mark_that_completes_it(services: Services) -> None:
    experiment(services, design(complete=CompleteCondition(user_count=2)))
    join(services, "u", "v", "w")
    mark(services, "u")
    assert state(services) is State.ENROLLING
    mark(services, "v")
    mark(services, "w")
    assert (state(services), endings(services)) == (State.ENROLLMENT_COMPLETE, 1)
    assert known(services, "w").exclusions, "who comes later stays out"


@pytest.mark.parametrize("complete", [None, CompleteCondition(), CompleteCondition(group_count=1)])
def test_without_a_user_count_enrollment_does_not_end(
    complete: CompleteCondition | None, services: Services
) -> None:
    experiment(services, group_design(complete=complete))
    join(services, "u", "v", update=in_class("1a"))
    mark(services, "u")
    mark(services, "v")
    services.marking.end_complete()
    assert (state(services), endings(services)) == (State.ENROLLING, 0)


def test_only_users_count_not_their_places(services: Services) -> None:
    made = design(point_keys=(HERE, THERE), complete=CompleteCondition(user_count=2))
    experiment(services, made)
    join(services, "u")
    mark(services, point_key=HERE)
    mark(services, point_key=THERE)
    services.marking.end_complete()
    assert state(services) is State.ENROLLING


def test_parallel_marks_end_enrollment_once(
    services: Services, memory: Memory, others: list[Services]
) -> None:
    feature_id = experiment(services, design(complete=CompleteCondition(user_count=3)))
    users = [f"u{i}" for i in range(PARALLEL)]
    join(services, *users)
    at_once(*(partial(mark, other, user) for other, user in zip(others, users, strict=True)))
    at_once(*(other.marking.end_complete for other in others))
    assert (state(services), endings(services)) == (State.ENROLLMENT_COMPLETE, 1)
    enrolled = fake_stores(memory).enrollment_counts.in_all(feature_id)[0]
    assert 3 <= enrolled == enrolled_users(memory, feature_id)


def test_of_two_marks_that_complete_it_at_once_one_ends_enrollment(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    experiment(services, design(complete=CompleteCondition(user_count=1)))
    join(services, "u", "v")
    slow = process(memory, clock, before=once("catalogue.commit", lambda: mark(services, "v")))
    mark(slow, "u")
    assert endings(services) == 1


def test_a_mark_with_an_old_catalogue_does_not_end_enrollment_again(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    experiment(services, design(complete=CompleteCondition(user_count=1)))
    join(services, "u", "v")
    old = process(memory, clock, ttl=60)
    old.catalogue.snapshot()
    mark(services, "u")
    mark(old, "v")
    assert endings(services) == 1


class Timer:
    """Monotonic seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def counting_process(
    memory: Memory, clock: FixedClock, timer: Timer, calls: Counter[str] | None = None
) -> MarkService:
    """The marks of a process that keeps counts for as long as `timer` says."""
    step = counting(calls) if calls is not None else None
    services = process(memory, clock, before=step)
    compilation = CompilationService(services.catalogue, [CONTEXT])
    stores = fake_stores(memory)
    if calls is not None:
        stores = watched(stores, before=step)
    return MarkService(
        compilation,
        services.experiments,
        stores.participants,
        stores.enrollments,
        stores.enrollment_counts,
        clock,
        timer,
    )


def test_counts_that_another_process_keeps_delay_the_end_at_most_until_upkeep(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    """Each process reckons with its last reading plus its own marks."""
    timer = Timer()
    one, two = (counting_process(memory, clock, timer) for _ in range(2))
    experiment(services, design(complete=CompleteCondition(user_count=4)))
    join(services, "a", "b", "c", "d")
    for process_, user_id in ((one, "a"), (two, "b"), (one, "c"), (two, "d")):
        process_.mark(known(services, user_id), Mark(HERE))
    assert state(services) is State.ENROLLING, "one knows of two users, two of three"
    services.marking.end_complete()
    services.marking.end_complete()
    assert (state(services), endings(services)) == (State.ENROLLMENT_COMPLETE, 1)


def test_an_old_count_is_read_again(services: Services, memory: Memory, clock: FixedClock) -> None:
    timer = Timer()
    one, two = (counting_process(memory, clock, timer) for _ in range(2))
    experiment(services, design(complete=CompleteCondition(user_count=5)))
    join(services, "a", "b", "c", "d", "e")
    for process_, user_id in ((one, "a"), (two, "b"), (one, "c"), (two, "d")):
        process_.mark(known(services, user_id), Mark(HERE))
    timer.now += COUNT_AGE + 0.1
    one.mark(known(services, "e"), Mark(HERE))
    assert endings(services) == 1


def test_counts_are_not_read_with_every_mark(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    calls: Counter[str] = Counter()
    marks = counting_process(memory, clock, Timer(), calls)
    experiment(services, design(complete=CompleteCondition(user_count=100)))
    users = [f"u{i}" for i in range(20)]
    join(services, *users)
    for user_id in users:
        marks.mark(known(services, user_id), Mark(HERE))
    assert calls["enrollment_counts.in_all"] == 1


def test_a_kept_count_that_is_too_high_ends_nothing(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    """Users left meanwhile; before anything ends the count is read."""
    timer = Timer()
    marks = counting_process(memory, clock, timer)
    complete = CompleteCondition(user_count=2)
    feature_id = experiment(services, group_design(complete=complete))
    join(services, "u", "v", update=in_class("1a", "1b"))
    marks.mark(known(services, "u"), Mark(HERE))
    services.participants.init("u", now_in("1a"), follow=True)
    marks.mark(known(services, "v"), Mark(HERE))
    assert fake_stores(memory).enrollment_counts.in_all(feature_id)[0] == 1
    assert state(services) is State.ENROLLING


def test_enrollment_ends_once_groups_enough_have_users_enough(services: Services) -> None:
    complete = CompleteCondition(user_count=2, group_count=2)
    experiment(services, group_design(complete=complete))
    for class_id in ("1a", "1b", "1c"):
        join(services, *(class_id + str(i) for i in range(3)), update=in_class(class_id))
    for user_id in ("1a0", "1a1", "1a2", "1b0", "1c0"):
        mark(services, user_id)
        assert state(services) is State.ENROLLING
    mark(services, "1b1")
    assert (state(services), endings(services)) == (State.ENROLLMENT_COMPLETE, 1)


def test_group_counts_do_not_matter_where_users_are_assigned(services: Services) -> None:
    experiment(services, design(complete=CompleteCondition(user_count=1, group_count=5)))
    join(services, "u")
    mark(services)
    assert endings(services) == 1


def test_parallel_marks_of_groups_end_enrollment_once(
    services: Services, memory: Memory, others: list[Services]
) -> None:
    complete = CompleteCondition(user_count=2, group_count=2)
    feature_id = experiment(services, group_design(complete=complete))
    users = [(f"u{i}", f"class {i % 4}") for i in range(PARALLEL)]
    for user_id, class_id in users:
        join(services, user_id, update=in_class(class_id))
    at_once(*(partial(mark, other, user) for other, (user, _) in zip(others, users, strict=True)))
    services.marking.end_complete()
    assert (state(services), endings(services)) == (State.ENROLLMENT_COMPLETE, 1)
    full = [record for record in memory.groups.values() if record.counts.get(feature_id, 0) >= 2]
    assert fake_stores(memory).enrollment_counts.in_all(feature_id)[1] == len(full) >= 2


def test_an_administrator_sees_how_many_groups_have_users_enough(services: Services) -> None:
    complete = CompleteCondition(user_count=2, group_count=9)
    experiment(services, group_design(complete=complete))
    seen = []
    for user_id, class_id in (("u", "1a"), ("v", "1a"), ("w", "1b"), ("x", "1b")):
        join(services, user_id, update=in_class(class_id))
        mark(services, user_id)
        seen.append(services.marking.complete_groups("e"))
    assert seen == [0, 1, 1, 2]
    with pytest.raises(NotFound):
        services.marking.complete_groups("f")


@pytest.mark.parametrize(
    "made",
    [
        group_design(),
        group_design(complete=CompleteCondition(user_count=2)),
        group_design(complete=CompleteCondition(group_count=2)),
        design(complete=CompleteCondition(user_count=1, group_count=1)),
    ],
)
def test_groups_count_only_where_they_end_an_experiment(
    made: Experiment, services: Services
) -> None:
    experiment(services, made)
    assert services.marking.complete_groups("e") is None


def test_a_group_that_a_user_left_is_not_full_any_more(services: Services, memory: Memory) -> None:
    """One user who goes through two classes does not make two groups."""
    complete = CompleteCondition(user_count=1, group_count=2)
    feature_id = experiment(services, group_design(complete=complete))
    join(services, "u", update=in_class("1a", "1b"))
    mark(services)
    services.participants.init("u", now_in("1a"), follow=True)
    assert fake_stores(memory).enrollment_counts.in_all(feature_id) == (0, 0)
    mark(services)
    assert fake_stores(memory).enrollment_counts.in_all(feature_id) == (1, 1)
    assert state(services) is State.ENROLLING


def test_upkeep_ends_what_a_killed_mark_left_complete(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    complete = CompleteCondition(user_count=1, group_count=1)
    experiment(services, group_design(complete=complete))
    join(services, "u", update=in_class("1a"))
    with pytest.raises(Killed):
        mark(process(memory, clock, after=once("enrollments.store_mark", _die)))
    mark(services)
    assert endings(services) == 0, "a mark that stores nothing does not count again"
    services.marking.end_complete()
    assert endings(services) == 1


def _die() -> None:
    raise Killed


@pytest.mark.parametrize("at", [State.INACTIVE, State.CANCELLED, State.ENROLLMENT_COMPLETE])
def test_upkeep_ends_only_what_enrolls(at: State, services: Services) -> None:
    experiment(services, design(complete=CompleteCondition(user_count=1)))
    services.experiments.edit("e", lambda before: _with_users(before, None))
    join(services, "u")
    mark(services)
    services.experiments.edit("e", lambda before: _with_users(before, 1))
    services.experiments.move("e", at)
    before = services.catalogue.fresh()
    services.marking.end_complete()
    assert services.catalogue.fresh() == before


def _with_users(before: Experiment, count: int | None) -> Experiment:
    return replace(before, complete_condition=CompleteCondition(user_count=count))


def test_upkeep_leaves_what_is_not_complete(services: Services) -> None:
    experiment(services, design(complete=CompleteCondition(user_count=2)))
    services.marking.end_complete()
    assert endings(services) == 0


def test_the_experiment_rule_enrolls_after_the_end_without_ending_again(
    services: Services, memory: Memory
) -> None:
    complete = CompleteCondition(user_count=1)
    made = design(rule=ConsistencyRule.EXPERIMENT, complete=complete, point_keys=(HERE, THERE))
    feature_id = experiment(services, made)
    join(services, "u")
    mark(services, point_key=HERE)
    mark(services, point_key=THERE)
    assert len(enrollments(memory, "u", feature_id)) == 2
    assert endings(services) == 1


# Preview


@pytest.mark.parametrize("at", [State.PREVIEW, State.ENROLLING])
def test_marks_of_preview_users_only_record_the_point(
    at: State, services: Services, memory: Memory
) -> None:
    feature_id = experiment(services, design(state=at))
    join(services, "u")
    services.preview_users.put("u", [])
    mark(services, code="a")
    assert (enrollments(memory, "u", feature_id), set(known(services, "u").points)) == ([], {HERE})
    assert fake_stores(memory).enrollment_counts.in_all(feature_id) == (0, 0)


# Experiments of Test Lab


def of_testlab(services: Services, name: str = "button") -> tuple[int, dict[str, int]]:
    """An experiment for everybody; its id, and its variants by value."""
    made = services.features.create(draft(name))
    variants = services.features.replace_variants(made.id, drafts(made.id, "0.5", "0.5"))
    services.user_blocks.catch_up()
    return made.id, {variant.value: variant.id for variant in variants}


def own_variant(services: Services, user_id: str) -> int:
    compiled = assignment_for(services.catalogue.fresh(), START.date(), known(services, user_id))
    assert compiled is not None
    assert compiled.variant is not None
    return compiled.variant.id


def test_a_mark_at_an_experiment_of_test_lab_enrolls_with_the_variant_of_the_user_and_counts(
    services: Services, memory: Memory
) -> None:
    feature_id, variants = of_testlab(services)
    join(services, "u")
    point_key = DecisionPointKey("button", "")
    outcome = mark(services, point_key=point_key, code="value 0")
    mark(services, point_key=point_key, code="value 1")
    variant_id = own_variant(services, "u")
    assert variant_id in variants.values()
    assert enrollments(memory, "u", feature_id) == [(point_key, variant_uuid(variant_id))]
    assert outcome.point.experiment_id == feature_uuid(feature_id)
    assert memory.counted() == {variant_id: Totals(total_users=1)}


def test_a_user_of_the_variant_in_test_lab_is_not_counted_again(
    services: Services, memory: Memory
) -> None:
    of_testlab(services)
    join(services, "u")
    add_user(services, "u", own_variant(services, "u"))
    mark(services, point_key=DecisionPointKey("button", ""))
    assert memory.counted() == memory.recount()


def test_a_mark_enrolls_anew_where_the_variants_of_test_lab_s_experiment_were_replaced(
    services: Services, memory: Memory
) -> None:
    feature_id, _ = of_testlab(services)
    point_key = DecisionPointKey("button", "")
    join(services, "u")
    mark(services, point_key=point_key)
    services.features.replace_variants(feature_id, drafts(feature_id, "0.5", "0.5"))
    for _ in range(2):
        mark(services, point_key=point_key)
    variant_id = own_variant(services, "u")
    assert enrollments(memory, "u", feature_id) == [(point_key, variant_uuid(variant_id))]
    assert memory.counted()[variant_id] == Totals(total_users=1)


def test_a_mark_of_a_user_out_of_reach_of_test_lab_s_experiment_only_leaves_the_point(
    services: Services, memory: Memory
) -> None:
    made = services.features.create(draft("button", share="0"))
    services.features.replace_variants(made.id, drafts(made.id, None))
    join(services, "u")
    mark(services, point_key=DecisionPointKey("button", ""), code="value 0")
    assert enrollments(memory, "u", made.id) == []
    assert memory.counted() == {}


def test_a_mark_must_name_a_variant_of_test_lab_s_experiment(services: Services) -> None:
    of_testlab(services)
    join(services, "u")
    with pytest.raises(UnknownCondition, match="no such value"):
        mark(services, point_key=DecisionPointKey("button", ""), code="no such value")


def test_an_experiment_of_upgrade_at_the_same_place_goes_first(
    services: Services, memory: Memory
) -> None:
    testlab_id, _ = of_testlab(services)
    point_key = DecisionPointKey("button", "")
    feature_id = experiment(services, design(point_keys=[point_key]))
    join(services, "u")
    mark(services, point_key=point_key)
    assert set(memory.participants["u"].enrollments) == {feature_id} != {testlab_id}


def test_a_mark_that_names_the_experiment_of_test_lab_is_for_it_beside_one_of_upgrade(
    services: Services, memory: Memory
) -> None:
    feature_id, _ = of_testlab(services)
    point_key = DecisionPointKey("button", "")
    experiment(services, design(point_keys=[point_key]))
    join(services, "u")
    outcome = mark(services, point_key=point_key, experiment_id=feature_uuid(feature_id))
    assert outcome.point.experiment_id == feature_uuid(feature_id)
    assert set(memory.participants["u"].enrollments) == {feature_id}


@pytest.mark.parametrize("recorded_by", ["row", "mark"])
def test_an_old_catalogue_offers_no_other_experiment_than_the_one_recorded_since(
    recorded_by: str, services: Services, memory: Memory, clock: FixedClock
) -> None:
    older, _ = of_testlab(services, "older")
    join(services, "u")
    old = process(memory, clock, ttl=60)
    assert old.assignment.assign(known(old, "u"), CONTEXT).testlab is not None
    services.features.delete(older)
    newer, variants = of_testlab(services, "newer")
    if recorded_by == "row":
        add_user(services, "u", variants["value 1"])
    else:
        mark(services, point_key=DecisionPointKey("newer", ""))
    own = old.assignment.assign(known(old, "u"), CONTEXT).testlab
    assert own is not None
    assert own.feature.id == newer
    mark(old, point_key=DecisionPointKey("older", ""))
    assert set(memory.participants["u"].enrollments) <= {newer}


def test_what_a_record_names_that_is_gone_is_looked_for_once_in_a_fresh_catalogue(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    feature_id, _ = of_testlab(services)
    join(services, "u")
    mark(services, point_key=DecisionPointKey("button", ""))
    services.features.delete(feature_id)
    old = process(memory, clock, ttl=60)
    assert old.assignment.assign(known(old, "u"), CONTEXT).testlab is None


def test_a_list_of_an_experiment_may_name_segments_that_are_gone(services: Services) -> None:
    feature_id = experiment(services, design(exclude=["nowhere"]))
    services.experiments.edit("e", lambda before: _including(before, "nowhere"))
    join(services, "u")
    mark(services)
    assert feature_id in known(services, "u").enrollments


def _including(before: Experiment, segment_id: str) -> Experiment:
    return replace(before, include=(ListEntry(segment_id),))


def test_a_mark_is_answered_though_its_experiment_cannot_end(
    services: Services, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    feature_id = experiment(services, design(complete=CompleteCondition(1)))
    join(services, "u")

    def fail(*_: object) -> None:
        raise Invalid("the experiment is too large")

    monkeypatch.setattr(services.experiments, "_moved", fail)
    assert mark(services).records.enrollment is not None
    assert enrolled_users(memory, feature_id) == 1
    (failure,) = services.marking.end_complete().failures
    assert (failure.feature_id, failure.experiment_id) == (feature_id, "e")
    monkeypatch.undo()
    assert services.marking.end_complete() == Round()
    assert state(services) is State.ENROLLMENT_COMPLETE


def test_a_mark_that_is_stored_is_answered_though_nobody_can_count_now(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    def fail(call: str) -> None:
        if call == "enrollment_counts.in_all":
            raise Unavailable("throttled")

    services.experiments.create(design(complete=CompleteCondition(user_count=1)))
    join(services, "u")
    outcome = mark(process(memory, clock, before=fail))
    assert outcome.records.enrollment is not None
    assert enrolled_users(memory, feature_id_of(services)) == 1


def test_a_mark_in_a_context_that_there_is_not_is_refused(services: Services) -> None:
    join(services, "u")
    elsewhere = Mark(HERE, context="elsewhere")
    with pytest.raises(Invalid, match="elsewhere"):
        services.marking.mark(known(services, "u"), elsewhere)
