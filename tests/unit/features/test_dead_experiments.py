"""Nothing of a deleted experiment stays with those who took part, and nothing else goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from chalicelib.domain.catalogue.purge import HANDOVER, SECOND_PASS, DeadVariants
from chalicelib.domain.experiments.experiments import Experiment, State, Unit
from chalicelib.domain.experiments.marks import MarkStatus
from chalicelib.domain.outcomes.metric_results import Effect, QueryResult
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.services import Services
from tests.fakes.memory import FixedClock, Memory
from tests.fakes.stores import fake_stores, once
from tests.unit.features.test_purge_service import Interruption, Killed
from tests.unit.samples import experiment, process
from tests.unit.upgrade_service_samples import (
    HERE,
    THERE,
    design,
    feature_id_of,
    group_design,
    in_class,
    join,
    known,
    mark,
)

ELSEWHERE = DecisionPointKey("lesson", "test")
NAMES = ("u", "v", "w")


@dataclass
class World:
    """Pupils who took part in experiments of each unit, and in one that stays."""

    memory: Memory
    clock: FixedClock
    services: Services
    feature_ids: dict[str, int]

    def delete(self, *ids: str) -> None:
        for experiment_id in ids:
            self.services.experiments.delete(experiment_id)

    def work_off_the_queue(self) -> None:
        for _ in range(4):
            self.clock.advance(SECOND_PASS)
            self.services.purge.run_due()
        assert self.memory.queue == {}

    def kept(self, *ids: str) -> object:
        """All that is stored of some experiments, and the points that were reached."""
        feature_ids, memory = {self.feature_ids[each] for each in ids}, self.memory
        users = {
            user_id: (
                own.points,
                {n: each for n, each in own.enrollments.items() if n in feature_ids},
                {n: each for n, each in own.exclusions.items() if n in feature_ids},
                {n: each for n, each in own.lifted.items() if n in feature_ids},
            )
            for user_id, own in memory.participants.items()
        }
        groups = {
            key: (
                {n: each for n, each in group.enrollments.items() if n in feature_ids},
                {n: each for n, each in group.exclusions.items() if n in feature_ids},
                {n: each for n, each in group.counts.items() if n in feature_ids},
                {each for each in group.enrolled_at if each[0] in feature_ids},
                group.reached,
            )
            for key, group in memory.groups.items()
        }
        counters = (
            [each for each in memory.enrollment_counts if each.feature_id in feature_ids],
            [each for each in memory.excluded if each.feature_id in feature_ids],
            {n: each for n, each in memory.complete_groups.items() if n in feature_ids},
        )
        repeats = {key: each for key, each in memory.repeats.items() if key[0] in feature_ids}
        results = {n: each for n, each in memory.results.items() if n in feature_ids}
        return users, groups, counters, repeats, results

    def of(self, feature_id: int) -> Counter[str]:
        """How much there is of an experiment."""
        memory, found = self.memory, Counter[str]()
        for own in memory.participants.values():
            found["enrollments"] += len(own.enrollments.get(feature_id, ()))
            found["exclusions"] += feature_id in own.exclusions
            found["lifted"] += feature_id in own.lifted
        for group in memory.groups.values():
            found["group enrollments"] += feature_id in group.enrollments
            found["group exclusions"] += feature_id in group.exclusions
            found["group counts"] += feature_id in group.counts
            found["points"] += sum(n == feature_id for n, _ in group.enrolled_at)
        found["repeats"] = sum(
            len(each) for key, each in memory.repeats.items() if key[0] == feature_id
        )
        found["results"] = int(feature_id in memory.results)
        found["enrollment_counts"] = sum(
            each.feature_id == feature_id for each in memory.enrollment_counts
        )
        found["excluded"] = sum(each.feature_id == feature_id for each in memory.excluded)
        return +found


@pytest.fixture
def make_world() -> Callable[[], World]:
    def make() -> World:
        memory, clock = Memory(), FixedClock()
        services = process(memory, clock)
        made: dict[str, Experiment] = {
            "alone": replace(design("alone"), points=design(point_keys=[HERE, THERE]).points),
            "class": group_design("class"),
            "within": replace(
                design("within", unit=Unit.WITHIN_SUBJECTS),
                points=design(point_keys=[ELSEWHERE]).points,
            ),
            "stays": replace(design("stays"), points=design(point_keys=[ELSEWHERE]).points),
        }
        for each in made.values():
            services.experiments.create(each)
        feature_ids = {each: feature_id_of(services, each) for each in made}
        join(services, *NAMES, update=in_class("1a"))
        for name in NAMES:
            for point_key, experiment_id in (
                (HERE, "alone"), (THERE, "alone"), (HERE, "class"), (ELSEWHERE, "within"),
                (ELSEWHERE, "within"), (ELSEWHERE, "stays"),
            ):  # fmt: skip
                mark(services, name, point_key, experiment_id=experiment_id)
        join(services, "x", "y")
        for name, experiment_id in (("x", "alone"), ("x", "class"), ("y", "stays")):
            point_key = ELSEWHERE if experiment_id == "stays" else HERE
            mark(
                services,
                name,
                point_key,
                experiment_id=experiment_id,
                status=MarkStatus.NOT_APPLIED,
            )
        stores = fake_stores(memory)
        for feature_id in feature_ids.values():
            stores.results.keep(feature_id, [QueryResult("q", Effect((), ()))])
        return World(memory, clock, services, feature_ids)

    return make


@pytest.fixture
def world(make_world: Callable[[], World]) -> World:
    return make_world()


DEAD = ("alone", "class", "within")


def test_of_a_deleted_experiment_nothing_is_left_and_all_else_is(world: World) -> None:
    before = world.kept("stays")
    found = sum((world.of(world.feature_ids[each]) for each in DEAD), Counter[str]())
    assert found.keys() >= {
        "enrollments", "exclusions", "group enrollments", "group counts", "points", "repeats",
        "results", "enrollment_counts", "excluded",
    }  # fmt: skip
    world.delete(*DEAD)
    world.clock.advance(HANDOVER)
    world.services.purge.run_due()
    assert [world.of(world.feature_ids[each]) for each in DEAD] == [Counter()] * 3
    assert world.kept("stays") == before
    world.work_off_the_queue()
    assert world.kept("stays") == before


def test_archiving_removes_nothing(world: World) -> None:
    before = world.of(world.feature_ids["alone"])
    world.services.experiments.move("alone", State.ARCHIVED)
    world.clock.advance(timedelta(days=1))
    world.services.purge.run_due()
    assert world.of(world.feature_ids["alone"]) >= before
    assert world.memory.queue == {}


def test_conditions_that_are_replaced_take_no_records_with_them(world: World) -> None:
    before = world.of(world.feature_ids["alone"])

    def fewer(old: Experiment) -> Experiment:
        return replace(old, conditions=(replace(old.conditions[0], weight=100.0),))

    world.services.experiments.edit("alone", fewer)
    assert world.memory.queue
    world.work_off_the_queue()
    assert world.of(world.feature_ids["alone"]) == before


def test_an_experiment_without_conditions_has_an_entry_too(world: World) -> None:
    bare = replace(design("bare", state=State.INACTIVE), conditions=(), points=())
    world.services.experiments.create(bare)
    feature_id = feature_id_of(world.services, "bare")
    now = world.clock.now
    world.delete("bare")
    [entry] = world.memory.queue.values()
    assert entry == DeadVariants(feature_id, (), now, now + HANDOVER, whole=True)
    world.work_off_the_queue()


def test_an_experiment_made_again_with_the_id_keeps_what_is_its_own(world: World) -> None:
    world.delete("alone")
    again = replace(design("alone"), points=design(point_keys=[HERE, THERE]).points)
    world.services.experiments.create(again)
    feature_id = feature_id_of(world.services, "alone")
    mark(world.services, "u", HERE, experiment_id="alone")
    before = world.of(feature_id)
    assert before["enrollments"] == 1
    world.work_off_the_queue()
    assert world.of(feature_id) == before
    assert world.of(world.feature_ids["alone"]) == Counter()


def test_what_a_request_adds_that_still_saw_the_experiment_goes_with_the_second_pass(
    world: World,
) -> None:
    join(world.services, "late")
    feature_id = world.feature_ids["alone"]

    def delete_and_purge() -> None:
        world.delete("alone")
        world.clock.advance(HANDOVER)
        world.services.purge.run_due()
        assert world.of(feature_id) == Counter()

    slow = process(
        world.memory, world.clock, before=once("enrollments.store_mark", delete_and_purge)
    )
    mark(slow, "late", HERE, experiment_id="alone")
    assert world.of(feature_id)["enrollments"] == 1
    world.work_off_the_queue()
    assert world.of(feature_id) == Counter()


def test_a_feature_of_test_lab_takes_its_enrollments_along(world: World) -> None:
    feature_id, _ = experiment(world.services, "button")
    own = known(world.services, "u")
    moved = {
        feature_id: tuple(
            replace(e, feature_id=feature_id) for e in own.enrollments[world.feature_ids["alone"]]
        )
    }
    row = world.memory.participants["u"]
    world.memory.participants["u"] = replace(row, enrollments={**row.enrollments, **moved})
    world.services.features.delete(feature_id)
    assert world.of(feature_id) == Counter()


@pytest.mark.parametrize("step", ["before", "after"])
@pytest.mark.parametrize("deleted", DEAD)
def test_a_purge_that_dies_at_any_call_is_finished_by_the_next(
    deleted: str, step: str, make_world: Callable[[], World]
) -> None:
    at, happened = 0, True
    while happened:
        at += 1
        world = make_world()
        before = world.kept(*({*world.feature_ids} - {deleted}))
        world.delete(deleted)
        world.clock.advance(HANDOVER)
        death = Interruption(at, Killed)
        before_it, after_it = (death, None) if step == "before" else (None, death)
        mortal = process(world.memory, world.clock, before=before_it, after=after_it)
        with suppress(Killed):
            mortal.purge.run_due()
        happened = death.happened
        world.work_off_the_queue()
        assert world.of(world.feature_ids[deleted]) == Counter()
        assert world.kept(*({*world.feature_ids} - {deleted})) == before
    assert at > 6


def test_one_run_removes_no_more_than_its_rows_and_the_next_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.services.features.purge.DROPPED_AT_ONCE", 2)
    monkeypatch.setattr("chalicelib.services.features.purge.ROWS_PER_RUN", 3)
    monkeypatch.setattr("chalicelib.services.features.purge.WORKERS", 1)
    feature_id = world.feature_ids["alone"]
    world.delete("alone")
    world.clock.advance(HANDOVER)
    left = world.of(feature_id).total()
    assert left > 6
    assert world.services.purge.run_due() == 4
    assert 0 < world.of(feature_id).total() < left
    for _ in range(20):
        world.services.purge.run_due()
    assert world.of(feature_id) == Counter()


def test_workers_that_find_the_time_used_up_leave_the_rest(world: World) -> None:
    feature_id = world.feature_ids["alone"]
    world.delete("alone")
    world.clock.advance(HANDOVER)

    def dawdle() -> None:
        world.clock.advance(timedelta(minutes=1))

    late = process(world.memory, world.clock, after=once("dead_records.of_experiment", dawdle))
    before = world.of(feature_id)
    assert late.purge.run_due() == 0
    assert world.of(feature_id) == before
    world.work_off_the_queue()
    assert world.of(feature_id) == Counter()


@pytest.mark.parametrize("purged", [False, True])
def test_an_erasure_makes_no_counter_of_a_deleted_experiment_anew(
    purged: bool, world: World
) -> None:
    world.delete(*DEAD)
    if purged:
        world.clock.advance(HANDOVER)
        world.services.purge.run_due()
    before = [world.of(world.feature_ids[each])["enrollment_counts"] for each in DEAD]
    for name in (*NAMES, "x"):
        world.services.erasure.erase(name)
    assert [world.of(world.feature_ids[each])["enrollment_counts"] for each in DEAD] == before
    assert "u" not in world.memory.participants
