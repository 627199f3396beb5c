from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

import pytest

from chalicelib.domain.catalogue.faults import Failure, Fault
from chalicelib.domain.errors import Invalid, Unavailable
from chalicelib.domain.experiments.experiments import CompleteCondition, Experiment, State
from chalicelib.domain.experiments.lifecycle import due_state
from chalicelib.jobs.upkeep import upkeep
from chalicelib.services import Services
from chalicelib.services.running.isolation import UNANSWERED
from tests.fakes.memory import START, FixedClock, Memory
from tests.fakes.stores import once
from tests.unit.samples import process
from tests.unit.upgrade_service_samples import at_once, design

PARALLEL = 6
YESTERDAY = "2026-01-14T12:00:00.000Z"
NOW = "2026-01-15T12:00:00.000Z"
TOMORROW = "2026-01-16T12:00:00.000Z"
NEXT_WEEK = "2026-01-22T12:00:00.000Z"


# When something is due


def due(
    state: State, start_on: str | None, end_on: str | None, now: datetime = START
) -> State | None:
    return due_state(replace(design(state=state), start_on=start_on, end_on=end_on), now)


@pytest.mark.parametrize(
    ("start_on", "end_on", "expected"),
    [
        (None, None, None),
        (TOMORROW, None, None),
        (TOMORROW, NEXT_WEEK, None),
        (NOW, None, State.ENROLLING),
        (YESTERDAY, TOMORROW, State.ENROLLING),
        (YESTERDAY, NOW, State.ENROLLMENT_COMPLETE),
        (None, YESTERDAY, State.ENROLLMENT_COMPLETE),
        (None, TOMORROW, None),
    ],
)
def test_what_is_scheduled_starts_unless_its_end_has_passed_too(
    start_on: str | None, end_on: str | None, expected: State | None
) -> None:
    assert due(State.SCHEDULED, start_on, end_on) is expected


@pytest.mark.parametrize(
    ("end_on", "expected"),
    [(None, None), (TOMORROW, None), (NOW, State.ENROLLMENT_COMPLETE)],
)
def test_what_enrolls_ends_by_its_date(end_on: str | None, expected: State | None) -> None:
    assert due(State.ENROLLING, YESTERDAY, end_on) is expected


@pytest.mark.parametrize("state", sorted({*State} - {State.SCHEDULED, State.ENROLLING}))
def test_other_states_have_no_dates(state: State) -> None:
    assert due(state, YESTERDAY, YESTERDAY) is None


@pytest.mark.parametrize("text", ["2026-01-15", "2026-01-15T12:00:00", "2026-01-15T14:00:00+02:00"])
def test_a_date_without_a_zone_is_in_utc(text: str) -> None:
    assert due(State.SCHEDULED, text, None) is State.ENROLLING
    assert due(State.SCHEDULED, text, None, START - timedelta(hours=13)) is None


# Who moves them


def test_what_is_scheduled_says_when_it_starts(services: Services, memory: Memory) -> None:
    services.experiments.create(design(state=State.INACTIVE))
    before = memory.revision
    with pytest.raises(Invalid, match="scheduleDate"):
        services.experiments.move("e", State.SCHEDULED)
    assert memory.revision == before
    assert services.experiments.move("e", State.SCHEDULED, TOMORROW)[1].start_on == TOMORROW
    assert services.experiments.move("e", State.SCHEDULED)[1].start_on == TOMORROW


def test_a_date_counts_for_what_is_scheduled_only(services: Services) -> None:
    services.experiments.create(design())
    assert services.experiments.move("e", State.PREVIEW, TOMORROW)[1].start_on is None


def test_an_experiment_starts_and_ends_by_its_dates(services: Services, clock: FixedClock) -> None:
    made = replace(design(state=State.SCHEDULED), start_on=TOMORROW, end_on=NEXT_WEEK)
    services.experiments.create(made)
    states = []
    for _ in range(3):
        for _ in range(2):
            services.experiments.follow_schedules()
        states.append(services.experiments.get("e").state)
        clock.advance(timedelta(days=4))
    assert states == [State.SCHEDULED, State.ENROLLING, State.ENROLLMENT_COMPLETE]
    after = services.experiments.get("e")
    assert [c.after for c in after.state_changes] == states
    assert after.version == 3
    assert after.started_at == START + timedelta(days=4)


def test_each_experiment_goes_by_its_own_dates(services: Services, clock: FixedClock) -> None:
    for name, state in (("e", State.SCHEDULED), ("f", State.INACTIVE), ("g", State.SCHEDULED)):
        starts = NEXT_WEEK if name == "g" else TOMORROW
        services.experiments.create(replace(design(name, state=state), start_on=starts))
    clock.advance(timedelta(days=2))
    services.experiments.follow_schedules()
    assert [each.state for each in services.experiments.all()] == [
        State.ENROLLING,
        State.INACTIVE,
        State.SCHEDULED,
    ]


def test_parallel_runs_start_an_experiment_once(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.experiments.create(replace(design(state=State.SCHEDULED), start_on=TOMORROW))
    clock.advance(timedelta(days=2))
    processes = [process(memory, clock) for _ in range(PARALLEL)]
    at_once(*(p.experiments.follow_schedules for p in processes))
    changes = services.experiments.get("e").state_changes
    assert [c.after for c in changes] == [State.SCHEDULED, State.ENROLLING]


@pytest.mark.parametrize("rival", ["move", "delete"])
def test_a_schedule_does_not_undo_what_somebody_else_decided(
    rival: str, services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.experiments.create(replace(design(state=State.SCHEDULED), start_on=TOMORROW))
    clock.advance(timedelta(days=2))
    others: dict[str, Callable[[], object]] = {
        "move": lambda: services.experiments.move("e", State.CANCELLED),
        "delete": lambda: services.experiments.delete("e"),
    }
    slow = process(memory, clock, before=once("catalogue.commit", others[rival]))
    slow.experiments.follow_schedules()
    left = [each.state for each in services.experiments.all()]
    assert left == ([State.CANCELLED] if rival == "move" else [])


def test_upkeep_follows_the_schedules(services: Services, clock: FixedClock) -> None:
    services.experiments.create(replace(design(state=State.SCHEDULED), start_on=TOMORROW))
    clock.advance(timedelta(days=2))
    upkeep(services)
    assert services.experiments.get("e").state is State.ENROLLING


# What one experiment cannot do


@pytest.fixture
def due_ones(services: Services, clock: FixedClock) -> tuple[str, ...]:
    """Experiments that are to start, with one that is to end, the second of which cannot."""
    names = ("a", "b", "c", "d")
    for name in names:
        state = State.ENROLLING if name == "d" else State.SCHEDULED
        made = replace(design(name, state=state), start_on=TOMORROW, end_on=None)
        services.experiments.create(made)
    services.experiments.edit("d", lambda each: replace(each, end_on=TOMORROW))
    clock.advance(timedelta(days=2))
    return names


ERRORS = [Invalid("the experiment is too large"), ValueError("a secret"), Unavailable("slow")]


def failing_at(services: Services, experiment_id: str, error: Exception) -> pytest.MonkeyPatch:
    """Let what is decided for one experiment fail."""
    patch = pytest.MonkeyPatch()
    moved = services.experiments._moved

    def fail(feature_id: int, before: Experiment, after: Experiment) -> Experiment:
        if before.id == experiment_id:
            raise error
        return moved(feature_id, before, after)

    patch.setattr(services.experiments, "_moved", fail)
    return patch


@pytest.mark.parametrize("error", ERRORS, ids=["refused", "fault", "no answer"])
def test_what_one_experiment_cannot_do_stops_no_other(
    services: Services, due_ones: tuple[str, ...], error: Exception
) -> None:
    told: list[Failure] = []
    patch = failing_at(services, "b", error)
    with suppress(Unavailable):
        upkeep(services, told.append)
    states = [services.experiments.get(name).state for name in due_ones]
    assert states == [State.ENROLLING, State.SCHEDULED, State.ENROLLING, State.ENROLLMENT_COMPLETE]
    assert [(each.experiment_id, each.error) for each in told] == [("b", error)]
    patch.undo()
    upkeep(services)
    assert services.experiments.get("b").state is State.ENROLLING


@pytest.mark.usefixtures("due_ones")
def test_a_database_that_does_not_answer_fails_the_run_after_all_else_is_done(
    services: Services,
) -> None:
    patch = failing_at(services, "b", ValueError("x"))
    upkeep(services)
    patch.undo()
    before = services.faults.all()
    assert list(before) == ["b"]
    patch = failing_at(services, "b", Unavailable("slow"))
    with pytest.raises(Unavailable, match="slow"):
        upkeep(services)
    assert services.faults.all() == before, "that is no fault of the experiment"
    patch.undo()


@pytest.mark.usefixtures("due_ones")
@pytest.mark.parametrize("part", ["experiments.follow_schedules", "marking.end_complete"])
def test_what_was_not_tried_stays_noted_as_faulty(services: Services, part: str) -> None:
    patch = failing_at(services, "b", ValueError("x"))
    upkeep(services)
    patch.undo()
    before = services.faults.all()
    assert list(before) == ["b"]

    def fail() -> None:
        raise RuntimeError("the whole part")

    service, method = part.split(".")
    patch.setattr(getattr(services, service), method, fail)
    with pytest.raises(RuntimeError, match="the whole part"):
        upkeep(services)
    assert services.faults.all() == before
    patch.undo()
    upkeep(services)
    assert services.faults.all() == {}


def test_an_outage_is_not_met_with_by_each_experiment(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    """Each attempt costs the time-outs of the database, and the run has a minute."""
    enough = CompleteCondition(user_count=1)
    for number in range(3 * UNANSWERED):
        made = design(f"s{number}", state=State.SCHEDULED)
        services.experiments.create(replace(made, start_on=TOMORROW))
        services.experiments.create(design(f"c{number}", complete=enough))
    noted = {"c0": Fault("too large", START)}
    memory.faults = noted
    clock.advance(timedelta(days=2))
    tried: Counter[str] = Counter()

    def no_answer(call: str) -> None:
        tried[call] += 1
        if call in ("catalogue.commit", "enrollment_counts.in_all"):
            raise Unavailable("no answer")

    with pytest.raises(Unavailable):
        upkeep(process(memory, clock, before=no_answer))
    assert tried["enrollment_counts.in_all"] == UNANSWERED
    assert tried["catalogue.commit"] == UNANSWERED + 1, "and the allocation of the day"
    assert memory.faults == noted


def test_a_database_that_answers_now_and_then_is_asked_for_every_experiment(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    for number in range(3 * UNANSWERED):
        made = design(f"s{number}", state=State.SCHEDULED)
        services.experiments.create(replace(made, start_on=TOMORROW))
    clock.advance(timedelta(days=2))
    commits = count()

    def seldom(call: str) -> None:
        if call == "catalogue.commit" and next(commits) % UNANSWERED:
            raise Unavailable("no answer")

    with pytest.raises(Unavailable):
        upkeep(process(memory, clock, before=seldom))
    started = [each for each in services.experiments.all() if each.state is State.ENROLLING]
    assert len(started) >= UNANSWERED


def test_an_allocation_that_fails_stops_no_experiment(
    services: Services, due_ones: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError("blocks")

    monkeypatch.setattr(services.user_blocks, "catch_up", fail)
    with pytest.raises(RuntimeError, match="blocks"):
        upkeep(services)
    started = [services.experiments.get(name).state for name in due_ones]
    assert State.SCHEDULED not in started


@pytest.mark.usefixtures("due_ones")
def test_a_fault_is_shown_with_its_experiment_until_it_is_over(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    seen = []
    patch = failing_at(services, "b", Invalid("the experiment is too large"))
    for _ in range(2):
        upkeep(services)
        seen.append((services.faults.all(), memory.revision.version))
        clock.advance(timedelta(minutes=1))
    patch.undo()
    assert seen[0] == seen[1], "nothing is written for a fault that is known"
    fault = Fault("the experiment is too large", START + timedelta(days=2))
    assert seen[0][0] == {"b": fault}
    patch = failing_at(services, "b", ValueError("a secret of a client's"))
    upkeep(services)
    patch.undo()
    (other,) = services.faults.all().values()
    assert (other.what.split(":")[0], other.since) == ("ValueError", clock.now)
    assert "secret" not in other.what
    upkeep(services)
    assert services.faults.all() == {}
