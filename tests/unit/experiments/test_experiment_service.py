from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from chalicelib.domain.audiences.filters import ListEntry
from chalicelib.domain.catalogue.lists import LISTS
from chalicelib.domain.catalogue.purge import HANDOVER, SECOND_PASS, DeadVariants
from chalicelib.domain.errors import Conflict, Invalid, NotFound
from chalicelib.domain.experiments.experiments import (
    ConsistencyRule,
    Experiment,
    State,
    StateChange,
)
from chalicelib.domain.experiments.lifecycle import STARTED
from chalicelib.domain.features.features import FeatureType
from chalicelib.services import Services
from tests.fakes.memory import START, FixedClock, Memory
from tests.fakes.stores import once
from tests.unit.samples import SHARDS, draft, drafts, process
from tests.unit.upgrade_service_samples import (
    HERE,
    THERE,
    assign,
    at_once,
    condition,
    design,
    enrollments,
    feature_id_of,
    group_design,
    in_class,
    join,
    known,
    lists_of,
    mark,
    point,
    reweighted,
    segment,
)

PARALLEL = 8
TOMORROW = "2026-01-16T12:00:00.000Z"
EARLIER = START - timedelta(days=1)

Edit = Callable[[Experiment], Experiment]


def renamed(name: str) -> Edit:
    return lambda before: replace(before, name=name)


def without(code: str) -> Edit:
    return lambda before: replace(
        before, conditions=tuple(c for c in before.conditions if c.code != code)
    )


def with_new(code: str) -> Edit:
    return lambda before: replace(
        before, conditions=(*before.conditions, condition(code, 0.0, order=9))
    )


def variant_ids(experiment: Experiment) -> dict[str, int]:
    return {c.code: c.variant_id for c in experiment.conditions}


def dead(memory: Memory) -> list[tuple[int, ...]]:
    entries = memory.queue.values()
    return sorted(entry.variant_ids for entry in entries if isinstance(entry, DeadVariants))


# Creating


def test_conditions_are_numbered_with_the_variants_of_test_lab(
    services: Services, memory: Memory
) -> None:
    feature = services.features.create(draft())
    services.features.replace_variants(feature.id, drafts(feature.id, None, None))
    made = services.experiments.create(design(weights={"a": 50, "b": 25, "c": 25}))
    assert variant_ids(made) == {"a": 3, "b": 4, "c": 5}
    stored = memory.features[feature_id_of(services)]
    assert stored.design == made
    assert (stored.type, stored.totals_shards) == (FeatureType.EXPERIMENT, SHARDS)
    assert [(v.id, v.value, v.is_control) for v in stored.variants] == [
        (3, "a", True),
        (4, "b", False),
        (5, "c", False),
    ]


@pytest.mark.parametrize("state", State)
def test_the_log_begins_with_the_state_that_an_experiment_is_created_in(
    state: State, services: Services, memory: Memory, clock: FixedClock
) -> None:
    draft = replace(design(state=state), start_on=TOMORROW, started_at=None)
    clock.advance(timedelta(hours=1))
    made = services.experiments.create(draft)
    assert process(memory, clock).experiments.get("e") == made
    assert [(c.before, c.after, c.at) for c in made.state_changes] == (
        [] if state is State.INACTIVE else [(State.INACTIVE, state, clock.now)]
    )
    assert made.started_at == (clock.now if state in STARTED else None)


def test_a_log_of_its_own_is_kept_and_without_one_it_began_when_it_started(
    services: Services,
) -> None:
    log = (StateChange("own", State.PREVIEW, State.ENROLLING, EARLIER),)
    own = services.experiments.create(replace(design("own"), state_changes=log))
    assert (own.state_changes, own.started_at) == (log, START)
    without = services.experiments.create(replace(design("without"), started_at=EARLIER))
    assert [c.at for c in without.state_changes] == [without.started_at] == [EARLIER]


def test_a_creation_that_has_to_wait_starts_when_it_is_stored(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    def rival() -> None:
        services.experiments.create(design("other"))
        clock.advance(timedelta(seconds=1))

    slow = process(memory, clock, before=once("catalogue.commit", rival))
    made = slow.experiments.create(replace(design(), started_at=None))
    assert made.started_at == clock.now
    assert [c.at for c in made.state_changes] == [clock.now]
    assert services.experiments.get("e") == made


@pytest.mark.parametrize("rule", [ConsistencyRule.INDIVIDUAL, ConsistencyRule.GROUP])
def test_who_reached_a_point_before_an_experiment_is_created_as_enrolling_is_excluded(
    rule: ConsistencyRule, services: Services, clock: FixedClock
) -> None:
    join(services, "early", update=in_class("c1"))
    join(services, "late", update=in_class("c2"))
    mark(services, "early")
    clock.advance(timedelta(seconds=1))
    flagged = (point(exclude_if_reached=True),)
    made = group_design(rule=rule) if rule is ConsistencyRule.GROUP else design(rule=rule)
    services.experiments.create(replace(made, points=flagged, started_at=None))
    assert (assign(services, "early"), set(assign(services, "late"))) == ({}, {HERE})


def test_an_experiment_is_what_it_was_made(services: Services) -> None:
    first = services.experiments.create(design("first"))
    second = services.experiments.create(design("second"))
    services.features.create(draft())
    assert services.experiments.get("second") == second
    assert services.experiments.all() == [first, second]


def test_an_unknown_experiment_is_not_found(services: Services, memory: Memory) -> None:
    calls: list[Callable[[], object]] = [
        partial(services.experiments.get, "e"),
        partial(services.experiments.edit, "e", renamed("x")),
        partial(services.experiments.move, "e", State.ENROLLING),
        partial(services.experiments.delete, "e"),
        partial(lists_of(services).add_list, "e", "s", exclude=True),
    ]
    for call in calls:
        with pytest.raises(NotFound, match="Experiment not found!"):
            call()
    services.experiments.complete("e")
    assert memory.revision.version == 0


def test_the_number_of_an_experiment_is_that_of_its_feature(services: Services) -> None:
    services.experiments.create(design())
    assert services.experiments.feature_id("e") == feature_id_of(services)
    with pytest.raises(NotFound):
        services.experiments.feature_id("f")


def test_ids_are_unique(services: Services, memory: Memory) -> None:
    services.experiments.create(design())
    before, sequences = memory.revision, dict(memory.sequences)
    with pytest.raises(Conflict, match="experiment e exists already"):
        services.experiments.create(design(state=State.INACTIVE))
    assert (memory.revision, memory.sequences) == (before, sequences)


def test_of_two_creations_at_once_one_is_refused(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    rival = once("catalogue.commit", lambda: services.experiments.create(design()))
    with pytest.raises(Conflict):
        process(memory, clock, before=rival).experiments.create(design())
    assert len(memory.features) == 1


def test_names_of_experiments_need_not_differ_not_even_from_features(services: Services) -> None:
    name = services.features.create(draft()).name
    for experiment_id in ("a", "b"):
        services.experiments.create(replace(design(experiment_id), name=name))
    assert len(services.experiments.all()) == 2
    assert services.features.create(draft("another")).name == "another"


# Editing


def test_an_edit_replaces_the_experiment_in_all_processes(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.experiments.create(design())
    edited = services.experiments.edit("e", renamed("new name"))
    assert edited.name == "new name"
    assert process(memory, clock).experiments.get("e") == edited
    assert memory.features[feature_id_of(services)].name == "new name"


def test_editing_weights_keeps_the_numbers_of_conditions(
    services: Services, memory: Memory
) -> None:
    made = services.experiments.create(design())
    edited = services.experiments.edit("e", lambda before: reweighted(before, a=10.0, b=90.0))
    assert variant_ids(edited) == variant_ids(made)
    assert [str(v.weight) for v in memory.features[feature_id_of(services)].variants] == [
        "0.1",
        "0.9",
    ]
    assert memory.queue == {}


def test_new_conditions_get_new_numbers_and_removed_ones_die(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    arms = {"a": 50.0, "b": 25.0, "c": 25.0}
    made = services.experiments.create(design(state=State.INACTIVE, weights=arms))
    feature_id = feature_id_of(services)
    clock.advance(timedelta(hours=1))
    edited = services.experiments.edit("e", with_new("d"))
    assert variant_ids(edited) == {**variant_ids(made), "d": 4}
    assert memory.queue == {}
    services.experiments.edit("e", without("b"))
    [entry] = memory.queue.values()
    assert entry == DeadVariants(feature_id, (2,), clock.now, clock.now + HANDOVER)
    again = services.experiments.edit("e", lambda before: with_new("b")(without("c")(before)))
    assert variant_ids(again) == {"a": 1, "d": 4, "b": 5}, "a number never comes back"
    assert dead(memory) == [(2,), (3,)]


def test_edits_at_once_are_all_kept(services: Services, memory: Memory, clock: FixedClock) -> None:
    services.experiments.create(design())
    rival = once("catalogue.commit", lambda: services.experiments.edit("e", with_new("c")))
    edited = process(memory, clock, before=rival).experiments.edit("e", with_new("d"))
    assert list(variant_ids(edited)) == ["a", "b", "c", "d"]
    assert len(set(variant_ids(edited).values())) == 4
    assert 0 not in variant_ids(edited).values()


def test_parallel_edits_are_all_kept(services: Services, memory: Memory, clock: FixedClock) -> None:
    services.experiments.create(design())
    processes = [process(memory, clock) for _ in range(PARALLEL)]
    at_once(*(partial(p.experiments.edit, "e", with_new(f"c{i}")) for i, p in enumerate(processes)))
    ids = list(variant_ids(services.experiments.get("e")).values())
    assert len(ids) == len(set(ids)) == 2 + PARALLEL


def test_an_edit_may_change_the_state(services: Services, clock: FixedClock) -> None:
    services.experiments.create(design(state=State.INACTIVE))
    clock.advance(timedelta(hours=1))
    edited = services.experiments.edit("e", lambda before: replace(before, state=State.ENROLLING))
    assert edited.started_at == clock.now
    [change] = edited.state_changes
    assert (change.before, change.after, change.at) == (
        State.INACTIVE,
        State.ENROLLING,
        clock.now,
    )


def test_an_edit_that_fails_changes_nothing(services: Services, memory: Memory) -> None:
    services.experiments.create(design())
    before = memory.revision

    def refuse(_: Experiment) -> Experiment:
        raise Invalid("no")

    with pytest.raises(Invalid):
        services.experiments.edit("e", refuse)
    assert memory.revision == before


@pytest.mark.parametrize("state", [State.ENROLLING, State.SCHEDULED])
def test_whatever_changes_an_experiment_leaves_it_with_what_its_state_needs(
    state: State, services: Services, memory: Memory
) -> None:
    odd = {"a": 25.0, "b": 25.0}
    services.experiments.create(
        replace(design(state=State.INACTIVE, weights=odd), start_on=TOMORROW)
    )
    before = memory.revision
    calls: list[Callable[[], object]] = [
        lambda: services.experiments.move("e", state),
        lambda: services.experiments.edit("e", lambda each: replace(each, state=state)),
    ]
    for call in calls:
        with pytest.raises(Invalid, match="sum to 50;"):
            call()
    services.experiments.edit("e", lambda each: reweighted(each, a=50.0, b=50.0))
    services.experiments.move("e", state)
    with pytest.raises(Invalid, match="sum to 80;"):
        services.experiments.edit("e", lambda each: reweighted(each, a=50.0, b=30.0))
    assert memory.revision.version == before.version + 2


def test_odd_weights_that_came_with_a_running_experiment_stop_nothing_but_their_change(
    services: Services, clock: FixedClock
) -> None:
    odd = {"a": 25.0, "b": 25.0}
    for name in ("e", "s"):
        services.experiments.create(design(name, weights=odd), runs=True)
    services.experiments.move("s", State.SCHEDULED, TOMORROW)
    lists_of(services).add_list("e", "l", exclude=True)
    services.experiments.edit("e", renamed("x"))
    with pytest.raises(Invalid, match="sum to 60;"):
        services.experiments.edit("e", lambda each: reweighted(each, a=25.0, b=35.0))
    clock.advance(timedelta(days=2))
    services.experiments.follow_schedules()
    assert services.experiments.get("s").state is State.ENROLLING
    services.experiments.complete("e")
    with pytest.raises(Invalid, match="sum to 50;"):
        services.experiments.move("e", State.ENROLLING)


# States


def test_a_move_logs_the_transition_and_counts_as_a_change(
    services: Services, clock: FixedClock
) -> None:
    made = services.experiments.create(design(state=State.INACTIVE))
    clock.advance(timedelta(hours=1))
    before, after = services.experiments.move("e", State.PREVIEW)
    assert before == made
    assert after == services.experiments.get("e")
    assert (after.version, after.updated_at) == (made.version + 1, clock.now)
    assert [(c.before, c.after, c.at) for c in after.state_changes] == [
        (State.INACTIVE, State.PREVIEW, clock.now)
    ]
    assert len({c.id for c in after.state_changes}) == 1


def test_a_move_to_the_state_that_is_logs_nothing(services: Services) -> None:
    services.experiments.create(design())
    before, after = services.experiments.move("e", State.ENROLLING)
    assert after.state_changes == before.state_changes
    assert after.started_at == before.started_at


@pytest.mark.parametrize("state", State)
def test_any_state_may_follow_any_other(state: State, services: Services) -> None:
    services.experiments.create(replace(design(), start_on=TOMORROW))
    for other in State:
        services.experiments.move("e", state)
        assert services.experiments.move("e", other)[1].state is other


@pytest.mark.parametrize("state", sorted({*State} - {State.ENROLLING}))
def test_enrollment_starts_anew_but_from_its_own_end(
    state: State, services: Services, clock: FixedClock
) -> None:
    services.experiments.create(replace(design(), start_on=TOMORROW))
    services.experiments.move("e", state)
    clock.advance(timedelta(hours=1))
    _, after = services.experiments.move("e", State.ENROLLING)
    assert after.started_at == (START if state is State.ENROLLMENT_COMPLETE else clock.now)


def test_whoever_moves_at_the_same_time_logs_what_was_before(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.experiments.create(design())
    rival = once("catalogue.commit", lambda: services.experiments.move("e", State.PREVIEW))
    before, after = process(memory, clock, before=rival).experiments.move("e", State.CANCELLED)
    assert before.state is State.PREVIEW
    assert [(c.before, c.after) for c in after.state_changes] == [
        (State.INACTIVE, State.ENROLLING),
        (State.ENROLLING, State.PREVIEW),
        (State.PREVIEW, State.CANCELLED),
    ]


@pytest.mark.parametrize("state", State)
def test_only_enrollment_can_be_completed(state: State, services: Services) -> None:
    made = services.experiments.create(replace(design(state=state), start_on=TOMORROW))
    services.experiments.complete("e")
    after = services.experiments.get("e")
    expected = State.ENROLLMENT_COMPLETE if state is State.ENROLLING else state
    logged = len(after.state_changes) - len(made.state_changes)
    assert (after.state, logged) == (expected, state is State.ENROLLING)


def test_parallel_completions_are_one_transition(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.experiments.create(design())
    processes = [process(memory, clock) for _ in range(PARALLEL)]
    at_once(*(partial(p.experiments.complete, "e") for p in processes))
    changes = services.experiments.get("e").state_changes
    assert [c.after for c in changes] == [State.ENROLLING, State.ENROLLMENT_COMPLETE]


def test_a_completion_does_not_undo_what_somebody_else_decided(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.experiments.create(design())
    rival = once("catalogue.commit", lambda: services.experiments.move("e", State.CANCELLED))
    process(memory, clock, before=rival).experiments.complete("e")
    assert services.experiments.get("e").state is State.CANCELLED


# Deleting


def test_a_deleted_experiment_is_gone_and_its_variants_die(
    services: Services, memory: Memory
) -> None:
    made = services.experiments.create(design())
    feature_id = feature_id_of(services)
    assert services.experiments.delete("e") == made
    assert (services.experiments.all(), memory.features) == ([], {})
    assert list(memory.queue.values()) == [
        DeadVariants(feature_id, (1, 2), START, START + HANDOVER, whole=True)
    ]


def test_the_queue_is_done_with_a_deleted_experiment_after_its_second_pass(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.experiments.create(design())
    services.experiments.delete("e")
    for _ in range(2):
        clock.advance(SECOND_PASS)
        services.purge.run_due()
    assert memory.queue == {}


def test_what_participants_did_in_a_deleted_experiment_does_not_count_for_its_successor(
    services: Services, memory: Memory
) -> None:
    services.experiments.create(design(weights={"a": 100.0, "b": 0.0}))
    join(services, "u")
    mark(services)
    services.experiments.delete("e")
    assert assign(services) == {}
    services.experiments.create(design(weights={"a": 0.0, "b": 100.0}))
    assert assign(services) == {HERE: "b"}
    assert enrollments(memory, "u", feature_id_of(services)) == []
    assert set(known(services, "u").points) == {HERE}, "points outlive experiments"


def test_of_two_deletions_at_once_one_finds_nothing(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.experiments.create(design())
    rival = once("catalogue.commit", lambda: services.experiments.delete("e"))
    with pytest.raises(NotFound):
        process(memory, clock, before=rival).experiments.delete("e")
    assert len(memory.queue) == 1


# Lists


@pytest.mark.parametrize("exclude", [True, False])
def test_lists_are_added_at_the_end(exclude: bool, services: Services) -> None:
    services.experiments.create(design())
    for segment_id in ("s", "t"):
        after = lists_of(services).add_list("e", segment_id, exclude=exclude)
    added = (ListEntry("s"), ListEntry("t"))
    assert (after.exclude, after.include) == ((added, ()) if exclude else ((), added))


def test_a_removed_list_leaves_all_experiments_that_have_it_on_that_side(
    services: Services, memory: Memory
) -> None:
    services.features.create(draft())
    for experiment_id, include, exclude in (
        ("a", ["s", "t"], []),
        ("b", [], ["s"]),
        ("c", ["t"], []),
        ("d", ["s"], []),
    ):
        services.experiments.create(design(experiment_id, include=include, exclude=exclude))
    lists_of(services).remove_list("s", exclude=False)
    assert [
        ([e.segment_id for e in each.include], [e.segment_id for e in each.exclude])
        for each in services.experiments.all()
    ] == [(["t"], []), ([], ["s"]), (["t"], []), ([], [])]
    before = memory.revision
    lists_of(services).remove_list("s", exclude=False)
    assert memory.revision == before


def test_a_list_takes_effect_at_once(services: Services) -> None:
    services.experiments.create(design())
    join(services, "u", "v")
    services.segments.put(segment("shut"), ["u"])
    lists_of(services).add_list("e", "shut", exclude=True)
    assert (assign(services, "u"), set(assign(services, "v"))) == ({}, {HERE})
    lists_of(services).remove_list("shut", exclude=True)
    assert set(assign(services, "u")) == {HERE}


# Compilation


def test_what_is_offered_is_compiled_once_per_version(services: Services) -> None:
    services.experiments.create(design())
    participants = services.participants
    join(services, "u")
    compilation = participants._compilation
    assert compilation.current()[1] is compilation.current()[1]
    old = compilation.current()[1]
    services.experiments.move("e", State.CANCELLED)
    assert compilation.current()[1] is not old


def test_an_edit_of_places_moves_the_experiment(services: Services) -> None:
    services.experiments.create(design(rule=ConsistencyRule.EXPERIMENT))
    join(services, "u")
    services.experiments.edit(
        "e", lambda before: replace(before, points=design(point_keys=[THERE]).points)
    )
    assert set(assign(services)) == {THERE}


# Test Lab


def test_test_lab_cannot_change_an_experiment_of_upgrade(
    services: Services, memory: Memory
) -> None:
    services.experiments.create(design())
    feature_id = feature_id_of(services)
    before = memory.features[feature_id]
    calls: list[Callable[[], object]] = [
        partial(services.features.update, feature_id, draft()),
        partial(services.features.delete, feature_id),
        partial(services.features.replace_variants, feature_id, drafts(feature_id, None)),
    ]
    for call in calls:
        with pytest.raises(
            Invalid, match=f"experiment {feature_id} is administered through UpGrade"
        ):
            call()
    assert memory.features == {feature_id: before}
    assert memory.queue == {}


def test_test_lab_has_no_users_in_an_experiment_of_upgrade(services: Services) -> None:
    made = services.experiments.create(design())
    with pytest.raises(NotFound):
        services.users.create("u", made.conditions[0].variant_id, "127.0.0.1")
    assert list(services.catalogue.fresh().variants()) == []
    services.user_blocks.catch_up()
    assert {block.feature_id for block in services.catalogue.fresh().blocks} == {None}


# Lists


def test_a_list_counts_once_however_often_it_is_added(services: Services) -> None:
    services.experiments.create(design("e"))
    for _ in range(2):
        lists_of(services).add_list("e", "s", exclude=True)
    assert services.experiments.get("e").exclude == (ListEntry("s"),)


def test_an_experiment_has_so_many_lists_that_one_transaction_removes_them(
    services: Services,
) -> None:
    services.experiments.create(design("e"))
    for number in range(LISTS):
        lists_of(services).add_list("e", f"s{number}", exclude=number % 2 == 0)
    with pytest.raises(Invalid):
        lists_of(services).add_list("e", "one more", exclude=False)
    assert len(lists_of(services).add_list("e", "s0", exclude=True).exclude) == LISTS / 2


def test_a_list_is_known_on_the_side_it_was_added_to(services: Services) -> None:
    services.experiments.create(design("other"))
    services.experiments.create(design("e"))
    lists_of(services).add_list("e", "s", exclude=False)
    lists_of(services).check_list("s", exclude=False)
    with pytest.raises(NotFound):
        lists_of(services).check_list("s", exclude=True)
    with pytest.raises(NotFound):
        lists_of(services).check_list("t", exclude=False)


def test_room_for_a_list_is_there_or_not_before_it_is_stored(services: Services) -> None:
    services.experiments.create(design("e"))
    for number in range(LISTS):
        lists_of(services).add_list("e", f"s{number}", exclude=False)
    lists_of(services).check_room("e", "s0", exclude=False)
    for segment_id, exclude in (("one more", False), ("s0", True)):
        with pytest.raises(Invalid):
            lists_of(services).check_room("e", segment_id, exclude=exclude)
    with pytest.raises(NotFound):
        lists_of(services).check_room("nowhere", "s0", exclude=False)
