"""Snapshots are taken once a day, whatever dies, and whoever else takes them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

import pytest

from chalicelib.domain.catalogue.faults import Round
from chalicelib.domain.errors import Invalid, NotFound, Unavailable
from chalicelib.domain.experiments.experiments import Algorithm, Experiment, State, Unit
from chalicelib.domain.experiments.marks import Mark
from chalicelib.domain.features.features import Feature
from chalicelib.domain.outcomes.query_sums import Analysed, Cell
from chalicelib.domain.outcomes.snapshots import Snapshot
from chalicelib.domain.outcomes.value_sums import ValueSums
from chalicelib.jobs.upkeep import upkeep
from chalicelib.services import Services
from chalicelib.services.outcomes import snapshots
from chalicelib.services.outcomes.snapshots import SnapshotService
from tests.fakes.memory import START, FixedClock, Memory
from tests.fakes.stores import fake_stores
from tests.unit.outcomes.test_metric_analysis_service import asking, log, measure, query
from tests.unit.samples import experiment, process
from tests.unit.upgrade_service_samples import (
    HERE,
    THERE,
    Killed,
    at_once,
    counting,
    design,
    feature_id_of,
    group_design,
    in_class,
    join,
    known,
    mark,
    mortal,
)

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
TOMORROW = START + timedelta(hours=13)


def one_arm(experiment_id: str = "e", **more: object) -> Experiment:
    made = design(experiment_id, weights={"a": 100, "b": 0})
    return replace(asking(made), **more)  # type: ignore[arg-type]


def take_part(services: Services, clock: FixedClock, **values: float) -> None:
    """Let users log a value each, and enroll."""
    measure(services)
    join(services, *values)
    for user_id, value in values.items():
        log(services, clock, user_id, value)
        mark(services, user_id)


@pytest.fixture
def running(services: Services, clock: FixedClock) -> int:
    """An experiment with two users who logged, and one who did not; the id of its feature."""
    services.experiments.create(one_arm())
    take_part(services, clock, u=5, v=7)
    join(services, "w")
    mark(services, "w")
    clock.now = TOMORROW
    return feature_id_of(services)


def days(services: Services, feature_id: int, query_id: str = "q") -> list[tuple[str, bool]]:
    series = services.snapshots.series(feature_id).get(query_id, ())
    return [(each.day.isoformat(), each.final) for each in series]


def test_a_snapshot_has_the_sums_of_those_who_take_part(services: Services, running: int) -> None:
    assert services.snapshots.take_due() == Round()
    ((found,),) = services.snapshots.series(running).values()
    assert (found.day, found.at, found.final) == (START.date(), TOMORROW, False)
    assert found.sums.cells == (
        Cell("id of a", None, ValueSums(2, 12, 74, 468), 3),
        Cell("id of b", None, ValueSums(), 0),
    )
    (answer,) = services.metric_analysis.analyse(["q"])
    assert [(each.result, each.participants) for each in answer.main.results] == [("12", 2)]


def test_there_is_one_a_day_and_nothing_is_read_for_the_second(
    memory: Memory, clock: FixedClock, running: int
) -> None:
    calls: Counter[str] = Counter()
    services = process(memory, clock, before=counting(calls))
    services.snapshots.take_due()
    calls.clear()
    services.snapshots.take_due()
    assert set(calls) <= {"catalogue.revision", "catalogue.load"}
    clock.advance(DAY)
    services.snapshots.take_due()
    assert calls["logs.of_metric"] == 1
    assert days(services, running) == [("2026-01-15", False), ("2026-01-16", False)]
    calls.clear()
    process(memory, clock, before=counting(calls)).snapshots.take_due()
    assert (calls["snapshots.taken"], calls["logs.of_metric"]) == (1, 0)


def test_the_first_at_the_planned_end_is_frozen(
    services: Services, clock: FixedClock, memory: Memory
) -> None:
    services.experiments.create(one_arm(end_on="2026-01-16T12:00:00Z"))
    take_part(services, clock, u=5)
    feature_id = feature_id_of(services)
    for day in range(5):
        clock.now = TOMORROW + day * DAY
        upkeep(services)
        take_part(services, clock, u=day)
    assert services.experiments.get("e").state is State.ENROLLMENT_COMPLETE
    assert days(services, feature_id) == [("2026-01-15", False), ("2026-01-16", True)]
    memory.taken.clear()
    services.snapshots.take_due()
    assert days(services, feature_id)[:2] == [("2026-01-15", False), ("2026-01-16", True)]


def test_whoever_keeps_plans_says_when_they_end(memory: Memory, clock: FixedClock) -> None:
    services = process(memory, clock)
    services.experiments.create(one_arm())
    take_part(services, clock, u=5)
    asked: list[str] = []

    def planned(feature: Feature) -> datetime | None:
        assert feature.design is not None
        asked.append(feature.design.id)
        return START + DAY

    stores = fake_stores(memory)
    own = SnapshotService(
        services.catalogue,
        stores.logs,
        stores.user_enrollments,
        stores.participants,
        stores.enrollment_counts,
        stores.snapshots,
        clock,
        planned,
    )
    for day in range(4):
        clock.now = TOMORROW + day * DAY
        own.take_due(clock.now)
    assert set(asked) == {"e"}
    assert [final for _, final in days(services, feature_id_of(services))] == [
        False,
        True,
        False,
        False,
    ]


def test_what_is_asked_for_today_is_read_and_not_stored(
    services: Services, clock: FixedClock, running: int
) -> None:
    found = services.snapshots.today(running, "q")
    assert (found.day, found.at, found.final) == (TOMORROW.date(), clock(), False)
    assert found.sums.cells[0].sums.n == 2
    assert services.snapshots.series(running) == {}
    for feature_id, query_id in ((running, "no such"), (999, "q")):
        with pytest.raises(NotFound, match=query_id):
            services.snapshots.today(feature_id, query_id)


def test_a_feature_of_test_lab_has_no_queries(services: Services) -> None:
    feature_id, _ = experiment(services, "button")
    with pytest.raises(NotFound):
        services.snapshots.today(feature_id, "q")
    assert services.snapshots.take_due() == Round()


def test_groups_and_strata_and_marks_within_subjects_are_read(
    services: Services, clock: FixedClock
) -> None:
    measure(services)
    services.experiments.create(asking(group_design(weights={"a": 100, "b": 0})))
    join(services, "u", "v", update=in_class("1a"))
    join(services, "w", update=in_class("1b"))
    for user_id, value in (("u", 1), ("v", 2), ("w", 5)):
        mark(services, user_id)
        if user_id != "w":
            log(services, clock, user_id, value)
    sums = services.snapshots.today(feature_id_of(services), "q").sums
    assert sums.unit is Analysed.GROUP
    assert [(each.sums.n, each.enrolled) for each in sums.cells] == [(1, 2), (0, 0)]
    assert [(each.sums.total, each.enrolled) for each in sums.beside] == [(3, 3), (0, 0)]


def test_users_of_a_stratum_are_counted_where_all_are_enrolled_at_one_point(
    services: Services, clock: FixedClock
) -> None:
    measure(services)
    made = design(
        weights={"a": 100, "b": 0},
        point_keys=(HERE, THERE),
        algorithm=Algorithm.STRATIFIED,
        stratification_factor="region",
    )
    services.experiments.create(asking(made))
    feature_id = feature_id_of(services)
    join(services, "u", "v", "w")
    services.stratification.put({"region": {"u": "north", "v": "north"}})
    for user_id in ("u", "v", "w"):
        mark(services, user_id)
        if user_id != "v":
            log(services, clock, user_id, 1)

    def cells() -> list[tuple[str | None, int, int | None]]:
        own = services.snapshots.today(feature_id, "q").sums.cells
        return [(e.stratum, e.sums.n, e.enrolled) for e in own if e.condition_id == "id of a"]

    assert cells() == [(None, 1, None), ("north", 1, 2)]
    mark(services, "u", THERE)
    assert cells() == [(None, 1, None), ("north", 1, None)]


def test_within_subjects_differences_are_taken(services: Services, clock: FixedClock) -> None:
    grouped = "class@__@key@__@time"
    measure(services, grouped)
    within = design(unit=Unit.WITHIN_SUBJECTS)
    services.experiments.create(asking(within, query(key=grouped)))
    join(services, "u", "v")
    for user_id, uniquifier, code, value in (
        ("u", "1", "a", 5),
        ("u", "2", "b", 7),
        ("v", "1", "a", 1),
    ):
        services.marking.mark(known(services, user_id), Mark(HERE, code, uniquifier=uniquifier))
        log(services, clock, user_id, value, uniquifier=uniquifier)
    sums = services.snapshots.today(feature_id_of(services), "q").sums
    assert [(each.sums.total, each.left_out) for each in sums.cells] == [(2, 1)]
    assert sums.enrolled == {"id of a": 2, "id of b": 1}


def test_a_metric_that_was_removed_is_read_as_a_number(
    services: Services, running: int, memory: Memory
) -> None:
    memory.metrics.clear()
    assert services.snapshots.today(running, "q").sums.cells[0].sums.total == 12


# Many experiments, and what fails


def many(services: Services, clock: FixedClock, experiments: int, queries: int = 1) -> list[int]:
    measure(services)
    ids = []
    for number in range(experiments):
        asked = [query(f"q{number}-{n}") for n in range(queries)]
        services.experiments.create(asking(design(f"e{number}"), *asked))
        ids.append(feature_id_of(services, f"e{number}"))
    clock.now = TOMORROW
    return ids


def stored(memory: Memory) -> dict[int, int]:
    return {feature_id: len(own) for feature_id, own in memory.snapshots.items()}


def test_a_run_takes_some_and_the_next_goes_on(
    services: Services, clock: FixedClock, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "QUERIES_PER_RUN", 4)
    ids = many(services, clock, 3, queries=3)
    for expected in ([3, 1], [3, 3, 2], [3, 3, 3]):
        whole = services.snapshots.take_due().whole
        assert sorted(stored(memory).values(), reverse=True) == expected
        clock.advance(MINUTE)
    assert whole
    assert sorted(stored(memory)) == ids


def test_a_run_takes_up_none_when_its_time_is_over(memory: Memory, clock: FixedClock) -> None:
    ids = many(process(memory, clock), clock, 3)

    def slow(call: str) -> None:
        if call == "logs.of_metric":
            clock.advance(snapshots.RUN_TIME)

    services = process(memory, clock, before=slow)
    for number in range(1, 4):
        assert services.snapshots.take_due().whole is (number == 3)
        assert len(stored(memory)) == number
    assert sorted(stored(memory)) == ids


def test_a_run_looks_for_what_is_due_only_so_long(memory: Memory, clock: FixedClock) -> None:
    many(process(memory, clock), clock, 3)

    def slow(call: str) -> None:
        if call == "snapshots.taken":
            clock.advance(snapshots.LOOKING_TIME)

    services = process(memory, clock, before=slow)
    for number in range(1, 4):
        services.snapshots.take_due()
        assert len(stored(memory)) == number


def test_who_is_killed_each_time_stops_nobody_else(
    memory: Memory, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first experiment is so large that each run ends in it."""
    first, *others = many(process(memory, clock), clock, 3)
    services = process(memory, clock)
    put = services.snapshots._snapshots.put

    def killed_at_first(feature_id: int, made: Snapshot) -> bool:
        if feature_id == first:
            raise Killed
        return put(feature_id, made)

    monkeypatch.setattr(services.snapshots._snapshots, "put", killed_at_first, raising=False)
    for _ in range(3):
        clock.advance(MINUTE)
        with pytest.raises(Killed):
            services.snapshots.take_due()
    assert sorted(stored(memory)) == others


def test_one_that_fails_is_noted_and_rests_and_stops_no_other(
    services: Services, clock: FixedClock, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = many(services, clock, 3)
    sums, tries = SnapshotService._sums, count()

    def fail(*args: object) -> object:
        if args[2].id == ids[1]:  # type: ignore[attr-defined]
            next(tries)
            raise Invalid("its sums are strange")
        return sums(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(SnapshotService, "_sums", fail)
    for _ in range(3):
        upkeep(services)
        assert services.faults.all()["e1"].what == "its sums are strange"
        clock.advance(MINUTE)
    assert next(tries) == 1, "it rests"
    assert sorted(stored(memory)) == [ids[0], ids[2]]
    clock.advance(snapshots.PAUSE)
    monkeypatch.undo()
    upkeep(services)
    assert (services.faults.all(), sorted(stored(memory))) == ({}, ids)


def test_a_store_that_does_not_answer_is_asked_again_at_once(
    services: Services, clock: FixedClock, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = many(services, clock, 2)

    def fail(*_: object) -> object:
        raise Unavailable("no answer")

    monkeypatch.setattr(SnapshotService, "_sums", fail)
    assert len(services.snapshots.take_due().failures) == 2
    monkeypatch.undo()
    assert services.snapshots.take_due() == Round()
    assert sorted(stored(memory)) == ids


def test_faults_of_other_parts_are_noted_before_snapshots_are_taken(
    services: Services, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.experiments.create(
        one_arm(state=State.SCHEDULED, start_on="2026-01-16", started_at=None)
    )
    clock.now = TOMORROW

    def fail(*_: object, **__: object) -> None:
        raise Invalid("cannot move")

    def killed() -> Round:
        raise Killed

    monkeypatch.setattr(services.experiments, "_follow", fail)
    monkeypatch.setattr(services.snapshots, "take_due", killed)
    with pytest.raises(Killed):
        upkeep(services)
    assert services.faults.all()["e"].what == "cannot move"


# Two at once, and killed anywhere


def test_two_runs_at_once_end_in_one(memory: Memory, clock: FixedClock, running: int) -> None:
    processes = [process(memory, clock) for _ in range(4)]
    at_once(*(each.snapshots.take_due for each in processes))
    for each in processes:
        assert each.snapshots.take_due() == Round()
        assert days(each, running) == [("2026-01-15", False)]


@pytest.mark.parametrize("step", ["before", "after"])
def test_a_run_that_dies_anywhere_is_finished_by_the_next(
    memory: Memory, clock: FixedClock, step: str
) -> None:
    first = process(memory, clock)
    first.experiments.create(one_arm(end_on="2026-01-16T12:00:00Z"))
    first.experiments.create(asking(design("f", point_keys=(THERE,)), query("r"), query("s")))
    take_part(first, clock, u=5, v=7)
    clock.now = START + 2 * DAY
    whole: dict[int, list[Snapshot]] | None = None
    for at in count():
        memory.snapshots.clear()
        memory.taken.clear()
        died = False
        try:
            mortal(memory, clock, at, step).snapshots.take_due()
        except Killed:
            died = True
        process(memory, clock).snapshots.take_due()
        found = {
            feature_id: sorted(own, key=lambda each: each.sums.query_id)
            for feature_id, own in sorted(memory.snapshots.items())
        }
        whole = whole or found
        assert found == whole
        if not died:
            break
    assert at > 6
    assert [len(own) for own in (whole or {}).values()] == [1, 2]
    assert [each.final for own in (whole or {}).values() for each in own] == [True, False, False]


def test_the_sums_of_past_days_stay_when_a_user_is_erased(services: Services, running: int) -> None:
    services.snapshots.take_due()
    before = services.snapshots.series(running)
    services.erasure.erase("u")
    assert services.snapshots.series(running) == before
    assert services.snapshots.today(running, "q").sums.cells[0].sums.total == 7
