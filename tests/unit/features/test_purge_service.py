from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from chalicelib.domain.catalogue.purge import (
    HANDOVER,
    SECOND_PASS,
    DeadVariants,
    ErasedUser,
    UnreadableEntry,
)
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.features.users import Event, Totals, TotalsShard, User
from chalicelib.services import Services
from chalicelib.services.features.purge import BATCH, ROWS_IN_REQUEST, RUN_TIME, WORKERS
from chalicelib.services.features.purge_budget import Budget, OutOfBudget, Unreadable
from tests.fakes.memory import START, FixedClock, Memory, queue_key
from tests.fakes.stores import Step, fake_stores, once
from tests.unit.samples import (
    add_user,
    experiment,
    listed_events,
    listed_users,
    process,
    record,
)
from tests.unit.upgrade_service_samples import segment


class Killed(BaseException):
    """The process ends between two calls."""


def failing(call: str, error: BaseException) -> Step:
    """A step that lets the first such call fail."""

    def fail() -> None:
        raise error

    return once(call, fail)


def maybe_once(call: str | None, then: Callable[[], None]) -> Step | None:
    return None if call is None else once(call, then)


class Interruption:
    """A step that raises once, at the n-th call."""

    def __init__(self, at: int, error: type[BaseException]) -> None:
        self._left = at
        self._error = error
        self.happened = False

    def __call__(self, _: str) -> None:
        self._left -= 1
        if self._left == 0:
            self.happened = True
            raise self._error("interrupted, whether a write took effect is unknown")


@dataclass
class World:
    """One experiment to delete and one that stays, whose users post events on each other's.

    "doomed" and "lost" have variants of `gone`; "stays" has one of `kept`.
    """

    memory: Memory
    clock: FixedClock
    services: Services
    gone: int
    dead: tuple[int, ...]
    alive: tuple[int, ...]

    def process(self, before: Step | None = None, after: Step | None = None) -> Services:
        return process(self.memory, self.clock, before=before, after=after)

    def assert_totals_exact(self) -> None:
        """Whatever is half done, the totals of live variants are those of the stored rows."""
        live = {v.id for feature in self.memory.features.values() for v in feature.variants}
        counted, recount = self.memory.counted(), self.memory.recount()
        assert {v: counted.get(v) for v in live} == {v: recount.get(v) for v in live}

    def work_off_the_queue(self) -> None:
        for _ in range(5):
            self.clock.advance(SECOND_PASS)
            self.services.purge.run_due()
        assert self.memory.queue == {}

    def assert_only_the_kept_is_left(self) -> None:
        assert list(self.memory.users) == ["stays"]
        left = {(event.user_id, event.variant_id) for event in self.memory.events.values()}
        assert left == {("stays", self.alive[0])}
        assert self.memory.users["stays"].variants_with_events & {*self.alive} == {self.alive[0]}
        assert self.memory.counted() == self.memory.recount()
        assert {shard.variant_id for shard in self.memory.totals} <= {*self.alive}


@pytest.fixture
def make_world() -> Callable[[], World]:
    def make() -> World:
        memory, clock = Memory(), FixedClock()
        services = process(memory, clock)
        gone, [a, b] = experiment(services, "gone")
        _, [c, d] = experiment(services, "kept")
        for user_id, variant_id in (("doomed", a), ("lost", b), ("stays", c)):
            add_user(services, user_id, variant_id)
        record(services, "doomed", a, 2)
        record(services, "doomed", c, BATCH + 5)
        record(services, "doomed", d)
        record(services, "lost", a)
        record(services, "stays", b)
        record(services, "stays", c, 3)
        return World(memory, clock, services, gone, (a, b), (c, d))

    return make


@pytest.fixture
def world(make_world: Callable[[], World]) -> World:
    return make_world()


# Dead variants


def test_what_dead_variants_leave_behind_is_removed_also_on_live_ones(world: World) -> None:
    world.services.features.delete(world.gone)
    world.assert_only_the_kept_is_left()


def test_users_forget_dead_variants(world: World) -> None:
    assert world.memory.users["stays"].variants_with_events == {world.dead[1], world.alive[0]}
    world.services.features.delete(world.gone)
    assert world.memory.users["stays"].variants_with_events == {world.alive[0]}


def test_the_second_pass_closes_the_entry_if_it_finds_nothing(world: World) -> None:
    world.services.features.delete(world.gone)
    world.clock.advance(SECOND_PASS - timedelta(milliseconds=1))
    assert world.services.purge.run_due() == 0
    assert len(world.memory.queue) == 1
    world.clock.advance(timedelta(milliseconds=1))
    assert world.services.purge.run_due() == 0
    assert world.memory.queue == {}


def test_what_arrives_while_the_first_pass_runs_is_removed_by_the_second(world: World) -> None:
    a, b = world.dead
    stores = fake_stores(world.memory)
    world.services.features.delete(world.gone)
    late = User("late", a, "127.0.0.1", world.clock.now)
    stores.users.create(late, TotalsShard(world.gone, a, 0))
    stores.events.add(Event(901, b, "late", START), late, TotalsShard(world.gone, b, 1))
    stays = stores.users.get("stays")
    assert stays is not None
    stores.events.add(Event(902, a, "stays", START), stays, TotalsShard(world.gone, a, 2))
    assert "late" not in listed_users(world.services)
    assert not {901, 902} & {*listed_events(world.services)}

    world.clock.advance(SECOND_PASS)
    assert world.services.purge.run_due() > 0
    world.assert_only_the_kept_is_left()
    assert len(world.memory.queue) == 1, "a pass that found something is not the last"
    world.clock.advance(SECOND_PASS)
    assert world.services.purge.run_due() == 0
    assert world.memory.queue == {}


def test_a_first_pass_that_comes_late_and_finds_nothing_is_enough(world: World) -> None:
    world.services.features.delete(world.gone)
    [entry] = world.memory.queue.values()
    world.clock.advance(timedelta(days=3))
    world.services.purge.run_due()
    assert entry not in world.memory.queue.values()


@pytest.mark.parametrize("call", ["users.of_variant", "events.of_variant", "totals.drop"])
def test_where_the_first_pass_fails_the_scheduled_function_takes_over(
    call: str, world: World
) -> None:
    world.process(failing(call, Unavailable("throttled"))).features.delete(world.gone)
    [entry] = world.memory.queue.values()
    assert entry == DeadVariants(world.gone, world.dead, START, START + HANDOVER, whole=True)
    assert world.services.purge.run_due() == 0, "the request still has it for itself"
    world.clock.advance(HANDOVER)
    assert world.services.purge.run_due() > 0
    world.assert_only_the_kept_is_left()
    [entry] = world.memory.queue.values()
    assert entry.due == START + HANDOVER + SECOND_PASS


def test_the_entry_that_waits_longest_is_worked_on_first(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for feature_id in (world.gone + 1, world.gone):
        no_purge = world.process(failing("users.of_variant", Unavailable("no")))
        no_purge.features.delete(feature_id)
        world.clock.advance(timedelta(seconds=1))
    world.clock.advance(HANDOVER)
    monkeypatch.setattr("chalicelib.services.features.purge.ROWS_PER_RUN", 1)
    world.services.purge.run_due()
    assert [user.id for user in world.memory.users.values() if user.erased] == ["stays"]


@pytest.mark.parametrize("then", [None, "kept", "gone"])
def test_a_list_that_lags_takes_nobody_who_moved_on(world: World, then: str | None) -> None:
    """The index still names a user whose id is free, or somebody else's, by now."""

    def move_on() -> None:
        world.services.users.delete("doomed")
        world.clock.advance(timedelta(seconds=1))
        if then is not None:
            add_user(world.services, "doomed", world.alive[0])
            record(world.services, "doomed", world.alive[1])

    world.process(after=once("users.of_variant", move_on)).features.delete(world.gone)
    assert ("doomed" in world.memory.users) is (then is not None)
    world.assert_totals_exact()
    world.work_off_the_queue()
    assert len([e for e in world.memory.events.values() if e.user_id == "doomed"]) == bool(then)
    assert world.memory.counted() == world.memory.recount()


# Budgets


def test_a_request_removes_some_hundred_rows_and_leaves_the_rest(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    gone, [a] = experiment(services, "gone", 1)
    for i in range(ROWS_IN_REQUEST + 50):
        add_user(services, f"user {i}", a)
    services.features.delete(gone)
    assert len(memory.users) == 50
    assert listed_users(services) == []
    assert [entry.due for entry in memory.queue.values()] == [START + HANDOVER]
    clock.advance(HANDOVER)
    assert services.purge.run_due() >= 50
    assert (memory.users, memory.totals) == ({}, {})
    assert [entry.due for entry in memory.queue.values()] == [START + HANDOVER + SECOND_PASS]


def test_one_run_removes_no_more_than_a_batch_beyond_its_budget(
    services: Services, memory: Memory, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.services.features.purge.ROWS_PER_RUN", 100)
    gone, [a] = experiment(services, "gone", 1)
    _, [kept] = experiment(services, "kept", 1)
    add_user(services, "u", kept)
    record(services, "u", a, 5 * ROWS_IN_REQUEST // 3)
    services.features.delete(gone)
    clock.advance(HANDOVER)
    before, runs = len(memory.events), 0
    assert 0 < before <= 5 * ROWS_IN_REQUEST // 3 - ROWS_IN_REQUEST
    while (removed := services.purge.run_due()) >= 100:
        assert removed < 100 + BATCH
        before -= removed
        runs += 1
        assert len(memory.events) == before
    assert runs == 1
    assert memory.events == {}
    assert memory.counted() == memory.recount()


def test_a_budget_is_used_up_with_its_last_row(clock: FixedClock) -> None:
    budget = Budget(10, clock, START + timedelta(days=1))
    budget.spend(9)
    budget.spend(0)
    with pytest.raises(OutOfBudget):
        budget.spend(1)
    assert budget.found == 10


def test_a_budget_is_used_up_when_its_time_is(clock: FixedClock) -> None:
    budget = Budget(10, clock, START + timedelta(seconds=5))
    clock.advance(timedelta(seconds=4))
    budget.spend(1)
    clock.advance(timedelta(seconds=1))
    with pytest.raises(OutOfBudget):
        budget.spend(1)
    assert budget.found == 2


def test_a_budget_may_have_no_bound(clock: FixedClock) -> None:
    budget = Budget(None, clock, START)
    budget.spend(10**9)
    assert budget.found == 10**9


def test_an_entry_that_fails_does_not_hold_up_the_others(memory: Memory, clock: FixedClock) -> None:
    services = process(memory, clock)
    for name in ("one", "two"):
        feature_id, variants = experiment(services, name, 1)
        add_user(services, name, variants[0])
        with contextlib.suppress(Killed):
            killed = failing("catalogue.commit", Killed())
            process(memory, clock, after=killed).features.delete(feature_id)
    clock.advance(HANDOVER)
    fails_once = failing("users.of_variant", Unavailable("throttled"))
    with pytest.raises(Unavailable):
        process(memory, clock, before=fails_once).purge.run_due()
    assert list(memory.users) == ["one"]
    services.purge.run_due()
    assert memory.users == {}


Entries = dict[str, Callable[[Services], object]]

HUGE: Entries = {
    "a feature": lambda services: services.features.delete(1),
    "a list": lambda services: services.segment_deletion.delete("s"),
    "a user": lambda services: services.users.delete("many"),
}
SMALL: Entries = {
    "a feature": lambda services: services.features.delete(2),
    "a list": lambda services: services.segment_deletion.delete("t"),
    "a user": lambda services: services.users.delete("few"),
}


IS_THERE: dict[str, Callable[[Memory], bool]] = {
    "a feature": lambda memory: "v" in memory.users,
    "a list": lambda memory: any(segment_id == "t" for segment_id, _ in memory.lists),
    "a user": lambda memory: "few" in memory.users,
}
"""Whether anything is left of the small ones."""


def huge_and_small(services: Services) -> None:
    """Of each kind one with many rows and one with few."""
    for name in ("huge", "small", "kept"):
        experiment(services, name, 1)
    _, [kept] = experiment(services, "also kept", 1)
    for number in range(2 * ROWS_IN_REQUEST):
        add_user(services, f"u{number:03}", 1)
    add_user(services, "v", 2)
    for user_id, events in (("many", 2 * ROWS_IN_REQUEST), ("few", 1)):
        add_user(services, user_id, 3)
        record(services, user_id, kept, events)
    services.segments.put(segment("s"), [f"u{number:03}" for number in range(2 * ROWS_IN_REQUEST)])
    services.segments.put(segment("t"), ["v"])


@pytest.mark.parametrize("small", SMALL)
@pytest.mark.parametrize("huge", HUGE)
def test_a_small_entry_is_done_beside_a_huge_one(
    services: Services,
    memory: Memory,
    clock: FixedClock,
    monkeypatch: pytest.MonkeyPatch,
    huge: str,
    small: str,
) -> None:
    monkeypatch.setattr("chalicelib.services.features.purge.ROWS_PER_RUN", 30)
    monkeypatch.setattr("chalicelib.services.features.purge.ROWS_AT_ONCE", 10)
    huge_and_small(services)
    HUGE[huge](services)
    clock.advance(timedelta(seconds=1))
    unpurged = process(memory, clock, before=failing("users.of_variant", Unavailable("no")))
    erased_later = process(memory, clock, before=failing("events.erase", Unavailable("no")))
    with contextlib.suppress(Unavailable):
        SMALL[small](erased_later if small == "a user" else unpurged)
    assert len(memory.queue) == 2
    assert IS_THERE[small](memory)
    clock.advance(SECOND_PASS)
    for _ in range(2):
        assert services.purge.run_due() >= 30
        clock.advance(timedelta(minutes=1))
    assert not IS_THERE[small](memory)


BROKEN = RuntimeError("a row that nobody foresaw")


@pytest.mark.parametrize(
    "error", [BROKEN, Unavailable("throttled")], ids=lambda e: type(e).__name__
)
@pytest.mark.parametrize("kind", HUGE)
def test_an_entry_that_fails_in_any_way_is_told_and_left_and_stops_no_other(
    services: Services, memory: Memory, clock: FixedClock, kind: str, error: Exception
) -> None:
    huge_and_small(services)
    HUGE[kind](services)
    [faulty] = memory.queue.values()
    clock.advance(SECOND_PASS)
    memory.enqueue(ErasedUser("nobody", clock.now))
    calls = {"a feature": "users.of_variant", "a list": "catalogue.revision", "a user": "users.get"}
    told: list[tuple[object, Exception]] = []
    broken = process(memory, clock, before=failing(calls[kind], error))
    with pytest.raises(type(error)) as raised:
        broken.purge.run_due(lambda entry, failed: told.append((entry, failed)))
    assert raised.value is error
    assert told == [(faulty, error)]
    assert set(memory.queue) == {queue_key(faulty)}
    assert services.purge.run_due() > 0


def test_an_entry_of_a_newer_version_is_told_and_left_and_stops_no_other(
    services: Services, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = UnreadableEntry("newer", START)
    known = ErasedUser("nobody", START)
    memory.enqueue(known)
    monkeypatch.setattr("tests.fakes.features.FakePurgeQueue.due", lambda *_: [newer, known])
    told: list[object] = []
    with pytest.raises(Unreadable):
        services.purge.run_due(lambda entry, _: told.append(entry))
    assert told == [newer]
    assert memory.queue == {}
    with pytest.raises(Unreadable):
        services.purge.run_due()


def test_an_outage_takes_no_more_than_the_time_of_one_run(
    memory: Memory, clock: FixedClock
) -> None:
    for number in range(5):
        memory.enqueue(ErasedUser(f"u{number}", START))

    def time_out(_: str) -> None:
        clock.advance(RUN_TIME / 2)
        raise Unavailable("no answer")

    calls: Counter[str] = Counter()

    def step(call: str) -> None:
        calls[call] += 1
        if call == "queue.claim":
            time_out(call)

    with pytest.raises(Unavailable):
        process(memory, clock, before=step).purge.run_due()
    assert calls["queue.claim"] == 2


# Erased users


@pytest.mark.parametrize("count", [0, 1, BATCH - 1, BATCH, BATCH + 1, 2 * BATCH, 2 * BATCH + 1])
def test_a_user_with_any_number_of_events_is_erased_in_batches(
    count: int, services: Services, memory: Memory, clock: FixedClock
) -> None:
    _, [a, b] = experiment(services, "button")
    add_user(services, "u", a)
    add_user(services, "v", a)
    record(services, "u", b, count)
    record(services, "v", b)
    calls: list[str] = []
    process(memory, clock, before=calls.append).users.delete("u")
    assert calls.count("events.erase") == -(-count // BATCH)
    assert {event.user_id for event in memory.events.values()} == {"v"}
    assert memory.counted() == {a: Totals(0, 0, 1), b: Totals(1, 1, 0)}
    assert memory.queue == {}


def test_a_user_with_too_many_events_for_a_request_is_out_of_sight_at_once(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    _, [a] = experiment(services, "button", 1)
    add_user(services, "u", a)
    record(services, "u", a, ROWS_IN_REQUEST + 100)
    services.users.delete("u")
    assert listed_users(services) == []
    assert 0 < len(memory.events) <= 100
    assert memory.counted() == memory.recount()
    assert list(memory.queue.values()) == [ErasedUser("u", START + HANDOVER)]
    assert services.purge.run_due() == 0, "the request still has it for itself"
    left = len(memory.events) + 1
    clock.advance(HANDOVER)
    assert services.purge.run_due() == left
    assert (memory.users, memory.events, memory.counted(), memory.queue) == ({}, {}, {}, {})


@pytest.mark.parametrize("alive", [True, False])
def test_an_entry_for_a_user_who_is_not_erased_is_closed(alive: bool, world: World) -> None:
    user_id = "stays" if alive else "nobody"
    entry = ErasedUser(user_id, world.clock.now)
    world.memory.enqueue(entry)
    before = dict(world.memory.users)
    assert world.services.purge.run_due() == 0
    assert world.memory.queue == {}
    assert world.memory.users == before


def test_the_events_of_a_user_on_dead_variants_go_too(world: World) -> None:
    world.process(failing("users.of_variant", Unavailable("no"))).features.delete(world.gone)
    world.services.users.delete("stays")
    assert "stays" not in {event.user_id for event in world.memory.events.values()}
    assert "stays" not in world.memory.users
    world.assert_totals_exact()


def come_back(world: World) -> None:
    """Delete "doomed" in another process, and make a new user of that id and variant."""
    other = world.process()
    other.users.delete("doomed")
    world.clock.advance(timedelta(milliseconds=1))
    add_user(other, "doomed", world.dead[0])
    record(other, "doomed", world.alive[0])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("users.begin_erasure", None),
        (None, "users.begin_erasure"),
        ("events.of_user", None),
        ("events.erase", None),
        (None, "events.erase"),
        ("users.finish_erasure", None),
    ],
)
def test_a_user_who_comes_back_meanwhile_is_not_touched(
    before: str | None, after: str | None, world: World
) -> None:
    slow = world.process(
        maybe_once(before, lambda: come_back(world)),
        maybe_once(after, lambda: come_back(world)),
    )
    slow.users.delete("doomed")
    user = world.memory.users["doomed"]
    assert not user.erased
    assert user.variants_with_events == {world.alive[0]}
    assert [e.variant_id for e in world.memory.events.values() if e.user_id == "doomed"] == [
        world.alive[0]
    ]
    assert world.memory.queue == {}
    assert world.memory.counted() == world.memory.recount()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("users.begin_erasure", None),
        (None, "users.begin_erasure"),
        ("events.of_user", None),
        ("events.erase", None),
        (None, "events.erase"),
        ("users.finish_erasure", None),
        (None, "users.finish_erasure"),
    ],
)
def test_a_user_deleted_twice_at_once_is_taken_off_the_totals_once(
    before: str | None, after: str | None, world: World
) -> None:
    def delete() -> None:
        world.process().users.delete("doomed")

    world.process(maybe_once(before, delete), maybe_once(after, delete)).users.delete("doomed")
    assert "doomed" not in world.memory.users
    assert "doomed" not in {event.user_id for event in world.memory.events.values()}
    assert world.memory.queue == {}
    assert world.memory.counted() == world.memory.recount()


@pytest.mark.parametrize("call", ["users.get", "events.of_user", "events.erase"])
def test_who_finds_an_erasure_half_done_by_another_finishes_it(call: str, world: World) -> None:
    def half() -> None:
        with pytest.raises(Killed):
            world.process(after=failing("events.erase", Killed())).users.delete("doomed")

    world.process(once(call, half)).users.delete("doomed")
    assert "doomed" not in world.memory.users
    assert world.memory.queue == {}
    assert world.memory.counted() == world.memory.recount()


def test_who_finds_an_erasure_just_begun_by_another_finishes_it(world: World) -> None:
    def begin() -> None:
        with pytest.raises(Killed):
            world.process(after=failing("users.begin_erasure", Killed())).users.delete("doomed")

    world.process(once("users.begin_erasure", begin)).users.delete("doomed")
    assert "doomed" not in world.memory.users
    assert world.memory.counted() == world.memory.recount()


def test_an_event_posted_just_before_the_erasure_goes_with_it(world: World) -> None:
    race = once("users.begin_erasure", lambda: record(world.services, "stays", world.alive[1]))
    world.process(race).users.delete("stays")
    assert "stays" not in {event.user_id for event in world.memory.events.values()}
    assert world.memory.counted() == world.memory.recount()


# Killed half-way

ERRORS = [Killed, Unavailable]


def _steps(interruption: Interruption, when: str) -> tuple[Step | None, Step | None]:
    return (interruption, None) if when == "before" else (None, interruption)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_a_deletion_killed_at_any_call_is_resumed(
    error: type[BaseException], when: str, make_world: Callable[[], World]
) -> None:
    at = 0
    while True:
        at += 1
        world = make_world()
        interruption = Interruption(at, error)
        with contextlib.suppress(Killed, Unavailable):
            world.process(*_steps(interruption, when)).features.delete(world.gone)
        world.assert_totals_exact()
        if world.gone in world.memory.features:
            assert len(world.memory.users) == 3, "all or nothing"
            world.services.features.delete(world.gone)
        assert listed_users(world.services) == ["stays"]
        world.work_off_the_queue()
        world.assert_only_the_kept_is_left()
        if not interruption.happened:
            break
    assert at > 30


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_a_scheduled_purge_killed_at_any_call_is_resumed(
    error: type[BaseException], when: str, make_world: Callable[[], World]
) -> None:
    at = 0
    while True:
        at += 1
        world = make_world()
        world.process(failing("users.of_variant", Unavailable("no"))).features.delete(world.gone)
        world.clock.advance(HANDOVER)
        interruption = Interruption(at, error)
        try:
            world.process(*_steps(interruption, when)).purge.run_due()
        except (Killed, Unavailable):
            assert world.memory.queue, "the entry stays"
        world.assert_totals_exact()
        world.work_off_the_queue()
        world.assert_only_the_kept_is_left()
        if not interruption.happened:
            break
    assert at > 30


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_the_deletion_of_a_user_killed_at_any_call_is_resumed(
    error: type[BaseException], when: str, make_world: Callable[[], World]
) -> None:
    at = 0
    while True:
        at += 1
        world = make_world()
        interruption = Interruption(at, error)
        with contextlib.suppress(Killed, Unavailable):
            world.process(*_steps(interruption, when)).users.delete("doomed")
        world.assert_totals_exact()
        if "doomed" in listed_users(world.services):
            world.services.users.delete("doomed")
        world.work_off_the_queue()
        assert sorted(world.memory.users) == ["lost", "stays"]
        assert "doomed" not in {event.user_id for event in world.memory.events.values()}
        assert world.memory.counted() == world.memory.recount()
        if not interruption.happened:
            break
    assert at > 10


def test_what_is_made_under_the_same_name_meanwhile_is_not_touched(world: World) -> None:
    def make() -> None:
        _, [new] = experiment(world.services, "gone", 1)
        add_user(world.services, "new", new)
        record(world.services, "new", new)

    world.process(once("users.of_variant", make)).features.delete(world.gone)
    world.work_off_the_queue()
    assert world.services.catalogue.fresh().named("gone") is not None
    assert sorted(listed_users(world.services)) == ["new", "stays"]
    assert world.memory.counted() == world.memory.recount()


def test_an_old_erasure_takes_nothing_of_a_user_deleted_for_the_second_time(
    memory: Memory, clock: FixedClock
) -> None:
    services = process(memory, clock)
    _, (variant,) = experiment(services, "x", 1)
    add_user(services, "u", variant)
    record(services, "u", variant)

    def finish() -> None:
        process(memory, clock).users.delete("u")

    def come_back_and_go() -> None:
        clock.advance(timedelta(seconds=1))
        add_user(services, "u", variant)
        record(services, "u", variant)
        killed = failing("users.begin_erasure", Killed())
        with contextlib.suppress(Killed):
            process(memory, clock, after=killed).users.delete("u")

    first, second = once("events.of_user", finish), once("events.erase", come_back_and_go)

    def step(call: str) -> None:
        first(call)
        second(call)

    process(memory, clock, before=step).users.delete("u")
    clock.advance(HANDOVER)
    services.purge.run_due()
    assert memory.counted() == memory.recount()
    assert memory.users == {}
    assert memory.events == {}


def test_an_entry_made_anew_meanwhile_stays_until_its_own_work_is_done(
    memory: Memory, clock: FixedClock
) -> None:
    services = process(memory, clock)
    _, (variant,) = experiment(services, "x", 1)
    add_user(services, "u", variant)
    record(services, "u", variant, ROWS_IN_REQUEST + BATCH)
    services.users.delete("u")
    clock.advance(HANDOVER)

    def delete_again() -> None:
        clock.advance(timedelta(seconds=1))
        record(services, "u", variant, ROWS_IN_REQUEST + BATCH)
        services.users.delete("u")

    back = once("users.get", lambda: add_user(services, "u", variant))
    again = once("queue.close", delete_again)

    def step(call: str) -> None:
        back(call)
        again(call)

    process(memory, clock, before=step).purge.run_due()
    for _ in range(3):
        clock.advance(SECOND_PASS)
        services.purge.run_due()
    assert memory.users == {}
    assert memory.events == {}


# Workers


def test_a_run_shares_the_rows_out_to_its_workers_and_keeps_to_its_time(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    gone, [a, _] = experiment(services, "gone")
    _, [c, _] = experiment(services, "kept")
    users = [f"u{number:03}" for number in range(ROWS_IN_REQUEST + 250)]
    for number, user_id in enumerate(users):
        add_user(services, user_id, a if number % 5 else c)
        if number % 7 == 0:
            record(services, user_id, a)
    services.features.delete(gone)
    left = len(memory.users)
    threads: set[int] = set()
    gate = threading.Barrier(2)

    def step(call: str) -> None:
        if call == "users.remove_idle" and threading.get_ident() not in threads:
            threads.add(threading.get_ident())
            if len(threads) <= 2:
                gate.wait(10)

    clock.advance(SECOND_PASS)
    assert process(memory, clock, before=step).purge.run_due() > 0
    assert 1 < len(threads) <= WORKERS
    assert len(memory.users) == len(users[::5]) < left
    assert memory.counted() == memory.recount()
    assert not any(user.variants_with_events for user in memory.users.values())


def test_a_run_whose_time_is_up_stops_all_its_workers(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    gone, [a, _] = experiment(services, "gone")
    for number in range(ROWS_IN_REQUEST + 250):
        add_user(services, f"u{number:03}", a)
    services.features.delete(gone)
    left = len(memory.users)
    clock.advance(SECOND_PASS)
    late = once("users.remove_idle", lambda: clock.advance(RUN_TIME))
    calls: list[str] = []

    def step(call: str) -> None:
        calls.append(call)
        late(call)

    assert process(memory, clock, before=step).purge.run_due() <= WORKERS
    assert calls.count("users.of_variant") == 1, "no further page is listed"
    assert len(memory.users) >= left - WORKERS
    assert len(memory.queue) == 1
    services.purge.run_due()
    clock.advance(SECOND_PASS)
    services.purge.run_due()
    assert (memory.users, memory.queue) == ({}, {})


@pytest.mark.parametrize("rival", ["event", "deleted"])
def test_an_idle_user_who_is_so_no_more_is_removed_with_care(
    services: Services, memory: Memory, clock: FixedClock, rival: str
) -> None:
    """As when a request that still saw the variant alive comes in between."""
    gone, [a, _] = experiment(services, "gone")
    add_user(services, "u", a)
    rivals: dict[str, Callable[[], object]] = {
        "event": lambda: fake_stores(memory).events.add(
            Event(1, a, "u", clock.now), memory.users["u"], TotalsShard(gone, a, 0)
        ),
        "deleted": lambda: memory.users.pop("u"),
    }
    slow = process(memory, clock, before=once("users.remove_idle", rivals[rival]))
    slow.features.delete(gone)
    assert (memory.users, memory.events) == ({}, {})
