from __future__ import annotations

import functools
import threading
from collections import Counter
from collections.abc import Callable
from contextvars import copy_context

import pytest

from chalicelib.domain.catalogue.catalogue import Catalogue, CatalogueChange, FeatureChange
from chalicelib.domain.errors import Conflict, LostRace, Unavailable
from chalicelib.domain.features.blocks import FREE_BLOCKS
from chalicelib.domain.features.features import Feature
from chalicelib.services.running.catalogue import PAUSE, SPREAD, CatalogueService
from chalicelib.services.running.retries import FEWEST
from tests.fakes.memory import FixedClock, Memory
from tests.fakes.stores import Step, fake_stores, once, watched
from tests.unit.samples import TODAY, feature
from tests.unit.upgrade_service_samples import at_once

TTL = 60.0
STALE_FOR = 300.0


class Stopwatch:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def stopwatch() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def calls() -> Counter[str]:
    """How often each method of the store was called."""
    return Counter()


Process = Callable[..., CatalogueService]


@pytest.fixture
def process(
    memory: Memory, clock: FixedClock, stopwatch: Stopwatch, calls: Counter[str]
) -> Process:
    """Makes processes that share the store and the time, but no cache."""

    def start(ttl: float = TTL, step: Step | None = None, draw: float = 0.0) -> CatalogueService:
        def before(call: str) -> None:
            calls[call] += 1
            if step is not None:
                step(call)

        store = watched(fake_stores(memory), before=before).catalogue
        return CatalogueService(
            store, clock, ttl, stopwatch, stale_for=STALE_FOR, draw=lambda: draw
        )

    return start


def adding(new: Feature) -> Callable[[Catalogue], CatalogueChange]:
    return lambda _: CatalogueChange(features=(FeatureChange(None, new),))


def test_of_two_checks_at_once_the_later_one_counts_whichever_ends_first(
    process: Process, stopwatch: Stopwatch, calls: Counter[str]
) -> None:
    def check_too() -> None:
        stopwatch.seconds += TTL / 2
        service.fresh()

    service = process(step=once("catalogue.revision", check_too))
    service.fresh()
    stopwatch.seconds += TTL * 0.75
    checked = calls["catalogue.revision"]
    service.snapshot()
    assert calls["catalogue.revision"] == checked == 2, "the later check is good for a while yet"


def test_a_new_store_has_no_features_and_twenty_free_blocks(process: Process) -> None:
    assert process().snapshot() == Catalogue(blocks=FREE_BLOCKS)


def test_within_the_ttl_nothing_is_asked_of_the_store(
    process: Process, stopwatch: Stopwatch, calls: Counter[str]
) -> None:
    service = process()
    first = service.snapshot()
    stopwatch.seconds += TTL - 0.001
    assert service.snapshot() is first
    assert calls == {"catalogue.revision": 1, "catalogue.load": 1}


def test_what_is_cached_does_not_stand_for_what_is_stored(
    process: Process, calls: Counter[str]
) -> None:
    service = process()
    first = service.snapshot()
    changed = process().change(adding(feature(1)))
    calls.clear()
    assert service.stored_revision() == changed.revision != first.revision
    assert calls == {"catalogue.revision": 1}


def test_after_the_ttl_the_version_is_read_and_the_rest_only_if_that_moved(
    process: Process, stopwatch: Stopwatch, calls: Counter[str]
) -> None:
    service, other = process(), process()
    first = service.snapshot()
    stopwatch.seconds += TTL
    assert service.snapshot() is first
    assert calls == {"catalogue.revision": 2, "catalogue.load": 1}
    other.change(adding(feature(1)))
    stopwatch.seconds += TTL
    assert service.snapshot().features == (feature(1),)


def test_without_a_ttl_every_answer_asks_for_the_version(
    process: Process, calls: Counter[str]
) -> None:
    service, other = process(0), process(0)
    service.snapshot()
    other.change(adding(feature(1)))
    assert service.snapshot().features == (feature(1),)
    calls.clear()
    service.snapshot()
    assert calls == {"catalogue.revision": 1}


def test_a_cached_catalogue_answers_but_never_refuses(process: Process) -> None:
    service, other = process(), process()
    other.change(adding(feature(1)))
    assert service.find(lambda c: c.feature(1)) == feature(1)
    other.change(adding(feature(2)))
    assert service.snapshot().feature(2) is None, "what is cached may answer"
    assert service.find(lambda c: c.feature(2)) == feature(2)
    assert service.find(lambda c: c.feature(3)) is None


def test_what_is_found_in_the_cache_is_not_looked_up_again(
    process: Process, calls: Counter[str]
) -> None:
    service = process()
    service.change(adding(feature(1)))
    service.snapshot()
    calls.clear()
    assert service.find(lambda c: c.feature(1)) == feature(1)
    assert calls == {}


def test_fresh_sees_what_another_process_just_wrote(process: Process) -> None:
    service, other = process(), process()
    service.snapshot()
    other.change(adding(feature(1)))
    assert service.fresh().features == (feature(1),)
    assert service.snapshot().features == (feature(1),), "and what was read is kept"


def test_the_ttl_counts_from_before_the_version_was_read(
    process: Process, stopwatch: Stopwatch
) -> None:
    def slowly() -> None:
        stopwatch.seconds += TTL

    service, other = process(step=once("catalogue.load", slowly)), process()
    service.snapshot()
    other.change(adding(feature(1)))
    assert service.snapshot().features == (feature(1),)


def test_a_catalogue_read_during_a_change_is_read_again(process: Process) -> None:
    other = process(0)
    meanwhile = functools.partial(other.change, adding(feature(1)))
    service = process(0, step=once("catalogue.load", meanwhile))
    assert service.snapshot() == other.snapshot(), "labelled with the version that it has"
    assert service.snapshot() == other.snapshot()
    assert service.snapshot().revision.version == 1


def test_a_change_is_decided_on_the_newest_catalogue(process: Process) -> None:
    service, other = process(), process()
    service.snapshot()
    other.change(adding(feature(1)))
    changed = service.change(adding(feature(2)))
    assert changed.features == (feature(1), feature(2))


def test_who_changed_something_sees_it_and_what_others_did_since(process: Process) -> None:
    service, other = process(), process()
    changed = service.change(adding(feature(1)))
    assert service.snapshot() == changed
    service.change(adding(feature(2)))
    other.change(adding(feature(3)))
    assert [f.id for f in service.snapshot().features] == [1, 2, 3]


def test_a_change_answers_with_what_is_stored(process: Process) -> None:
    changed = process().change(adding(feature(1)))
    assert changed == process().snapshot()
    assert (changed.revision.version, changed.revision.as_of) == (1, TODAY)


def test_who_lost_a_race_decides_again_on_what_the_winner_left(process: Process) -> None:
    other = process()
    win = functools.partial(other.change, adding(feature(1)))
    service = process(step=once("catalogue.commit", win))
    seen: list[int] = []

    def decide(catalogue: Catalogue) -> CatalogueChange:
        seen.append(len(catalogue.features))
        return adding(feature(2))(catalogue)

    changed = service.change(decide)
    assert seen == [0, 1]
    assert changed.features == (feature(1), feature(2))
    assert changed.revision.version == 2


def test_a_loser_may_find_that_nothing_is_left_to_do(process: Process) -> None:
    other = process()
    win = functools.partial(other.change, adding(feature(1)))
    service = process(step=once("catalogue.commit", win))
    changed = service.change(lambda c: None if c.features else adding(feature(1))(c))
    assert changed == other.snapshot()
    assert changed.revision.version == 1


@pytest.mark.usefixtures("no_time")
def test_who_always_loses_gives_up(process: Process, memory: Memory, calls: Counter[str]) -> None:
    def lose(call: str) -> None:
        if call == "catalogue.commit":
            raise LostRace

    with pytest.raises(Unavailable, match=r"^the catalogue: too many writers"):
        process(step=lose).change(adding(feature(1)))
    assert calls["catalogue.commit"] == FEWEST
    assert memory == Memory(lock=memory.lock)


def test_a_decision_for_nothing_writes_nothing(process: Process, calls: Counter[str]) -> None:
    service = process()
    assert service.change(lambda _: None) == Catalogue()
    assert calls["catalogue.commit"] == 0


def test_a_decision_that_refuses_changes_nothing(process: Process, calls: Counter[str]) -> None:
    def refuse(_: Catalogue) -> CatalogueChange:
        raise Conflict("no")

    with pytest.raises(Conflict, match="no"):
        process().change(refuse)
    assert calls["catalogue.commit"] == 0


def test_today_is_the_day_of_the_clock(process: Process) -> None:
    assert process().today() == TODAY


# One view per request


def test_within_a_request_all_snapshots_are_the_same_though_the_store_moved(
    process: Process, calls: Counter[str]
) -> None:
    service, other = process(0), process(0)
    with service.one_view():
        first = service.snapshot()
        other.change(adding(feature(1)))
        calls.clear()
        assert service.snapshot() is first
    assert calls == {}
    assert service.snapshot().features == (feature(1),)


def test_a_fresh_catalogue_is_seen_by_the_rest_of_the_request(
    process: Process, calls: Counter[str]
) -> None:
    service, other = process(0), process(0)
    with service.one_view():
        service.snapshot()
        other.change(adding(feature(1)))
        fresh = service.fresh()
        calls.clear()
        assert service.snapshot() is fresh
        assert fresh.features == (feature(1),)
    assert calls == {}


def test_a_request_sees_what_it_changed(process: Process) -> None:
    service = process()
    with service.one_view():
        service.snapshot()
        service.change(adding(feature(1)))
        assert service.snapshot().features == (feature(1),)


def test_a_request_that_fails_leaves_nothing_to_the_next(process: Process) -> None:
    service, other = process(0), process(0)

    def refused() -> None:
        with service.one_view():
            service.snapshot()
            raise Conflict("refused")

    with pytest.raises(Conflict):
        refused()
    other.change(adding(feature(1)))
    with service.one_view():
        assert service.snapshot().features == (feature(1),)


def test_requests_at_once_have_their_own_views(process: Process) -> None:
    service, other = process(0), process(0)
    with service.one_view():
        first = service.snapshot()
        other.change(adding(feature(1)))
        [seen] = at_once(lambda: service.snapshot().features)
        assert seen == (feature(1),)
        assert service.snapshot() is first


def test_threads_of_a_request_that_carry_its_context_share_its_view(process: Process) -> None:
    service, other = process(0), process(0)
    with service.one_view():
        first = service.snapshot()
        other.change(adding(feature(1)))
        [seen] = at_once(functools.partial(copy_context().run, service.snapshot))
        assert seen is first


def test_a_request_that_only_reads_asks_once_for_what_is_stored(
    process: Process, calls: Counter[str]
) -> None:
    service, other = process(), process()
    with service.one_view(reads_once=True):
        first = service.fresh()
        other.change(adding(feature(1)))
        calls.clear()
        assert service.fresh() is first
        assert calls == {}
        changed = service.change(adding(feature(2)))
        assert [each.id for each in changed.features] == [1, 2], "a change reads what is stored"


# While the store is unavailable


class Store:
    """A step that fails where it is told to."""

    def __init__(self) -> None:
        self.failing: str | None = None
        self.failure: Exception = Unavailable("throttled")
        self.then: Callable[[], None] = lambda: None

    def __call__(self, call: str) -> None:
        if call == self.failing:
            self.then()
            raise self.failure


@pytest.mark.parametrize("ttl", [0, TTL])
@pytest.mark.parametrize("failing", ["catalogue.revision", "catalogue.load"])
def test_who_may_gets_the_last_good_catalogue_and_knows_it(
    process: Process, stopwatch: Stopwatch, ttl: float, failing: str
) -> None:
    store = Store()
    service, other = process(ttl, store), process()
    good = service.snapshot()
    other.change(adding(feature(1)))
    stopwatch.seconds += TTL
    store.failing = failing
    with service.one_view(stale_ok=True):
        assert not service.stale
        assert service.snapshot() is good
        assert service.stale
        assert service.snapshot() is good
    assert not service.stale, "it is the request's that is over"
    stopwatch.seconds += TTL
    for view in (service.one_view(), service.one_view(stale_ok=False)):
        with view, pytest.raises(Unavailable):
            service.snapshot()
    with pytest.raises(Unavailable):
        service.snapshot()


def test_there_is_no_last_good_catalogue_in_a_new_process(process: Process) -> None:
    store = Store()
    store.failing = "catalogue.load"
    service = process(0, store)
    with service.one_view(stale_ok=True), pytest.raises(Unavailable):
        service.snapshot()


@pytest.mark.parametrize("failure", [LostRace("conflict"), ValueError("a fault of the program")])
def test_only_an_unavailable_store_is_stood_in_for(process: Process, failure: Exception) -> None:
    store = Store()
    service = process(0, store)
    service.snapshot()
    store.failing, store.failure = "catalogue.revision", failure
    with service.one_view(stale_ok=True), pytest.raises(type(failure)):
        service.snapshot()


def test_a_stale_catalogue_decides_and_refuses_nothing(process: Process) -> None:
    store = Store()
    service = process(0, store)
    service.snapshot()
    store.failing = "catalogue.revision"
    with service.one_view(stale_ok=True):
        assert service.find(lambda c: c.blocks) == FREE_BLOCKS
        with pytest.raises(Unavailable):
            service.find(lambda c: c.feature(1))
        with pytest.raises(Unavailable):
            service.fresh()
        with pytest.raises(Unavailable):
            service.change(adding(feature(1)))


def test_a_request_that_gets_a_fresh_catalogue_after_all_is_not_stale(process: Process) -> None:
    store = Store()
    service = process(0, store)
    service.snapshot()
    store.failing = "catalogue.revision"
    with service.one_view(stale_ok=True):
        service.snapshot()
        store.failing = None
        fresh = service.fresh()
        assert service.snapshot() is fresh
        assert not service.stale


def test_within_the_ttl_a_catalogue_is_not_stale(process: Process, stopwatch: Stopwatch) -> None:
    store = Store()
    service = process(TTL, store)
    service.snapshot()
    store.failing = "catalogue.revision"
    with pytest.raises(Unavailable):
        service.fresh()
    stopwatch.seconds += TTL - 0.001
    with service.one_view(stale_ok=True):
        service.snapshot()
        assert not service.stale


def test_a_store_that_failed_is_left_alone_for_as_long_as_an_answer_would_hold(
    process: Process, stopwatch: Stopwatch, calls: Counter[str]
) -> None:
    def wait_in_vain() -> None:
        stopwatch.seconds += 2

    store = Store()
    store.then = wait_in_vain
    service = process(TTL, store)
    service.snapshot()
    stopwatch.seconds += TTL
    store.failing = "catalogue.revision"
    calls.clear()
    for _ in range(10):
        with service.one_view(stale_ok=True):
            service.snapshot()
            assert service.stale
    assert calls == {"catalogue.revision": 1}
    store.failing = None
    stopwatch.seconds += TTL - 0.001
    with service.one_view(stale_ok=True):
        service.snapshot()
        assert service.stale
    stopwatch.seconds += 0.001
    with service.one_view(stale_ok=True):
        service.snapshot()
        assert not service.stale


def test_who_may_see_nothing_old_asks_a_store_that_has_just_failed(
    process: Process, stopwatch: Stopwatch
) -> None:
    store = Store()
    service = process(TTL, store)
    service.snapshot()
    stopwatch.seconds += TTL
    store.failing = "catalogue.revision"
    with service.one_view(stale_ok=True):
        service.snapshot()
    store.failing = None
    with service.one_view():
        service.snapshot()
    with service.one_view(stale_ok=True):
        service.snapshot()
        assert not service.stale, "and what it got is good for all"


def test_what_was_cached_stands_in_for_so_long_and_no_longer(
    process: Process, stopwatch: Stopwatch
) -> None:
    store = Store()
    service = process(TTL, store)
    service.snapshot()
    store.failing = "catalogue.revision"
    stopwatch.seconds += TTL + STALE_FOR - 0.001
    with service.one_view(stale_ok=True):
        service.snapshot()
        assert service.stale
    stopwatch.seconds += 0.001
    with service.one_view(stale_ok=True), pytest.raises(Unavailable):
        service.snapshot()


def test_what_a_process_committed_stands_in_too(process: Process) -> None:
    store = Store()
    service = process(0, store)
    changed = service.change(adding(feature(1)))
    store.failing = "catalogue.revision"
    with service.one_view(stale_ok=True):
        assert service.snapshot() is changed
        assert service.stale


def test_a_process_that_was_stale_trusts_its_own_dates_alone_for_a_while(
    process: Process, stopwatch: Stopwatch
) -> None:
    store = Store()
    service = process(0, store)
    service.snapshot()

    def exact_only() -> bool:
        with service.one_view(stale_ok=True):
            return service.validity(service.snapshot().revision).exact_only

    assert not exact_only()
    store.failing = "catalogue.revision"
    assert exact_only()
    store.failing = None
    stopwatch.seconds += PAUSE
    for _ in range(2):
        assert exact_only()
        stopwatch.seconds += STALE_FOR - 0.001
    assert not exact_only()


# Many requests of a process, many processes


@pytest.mark.parametrize(("draw", "early"), [(0.0, 0.0), (0.5, SPREAD / 2), (1.0, SPREAD)])
def test_a_refresh_comes_a_random_part_of_the_ttl_early(
    process: Process, stopwatch: Stopwatch, calls: Counter[str], draw: float, early: float
) -> None:
    service = process(draw=draw)
    service.snapshot()
    calls.clear()
    stopwatch.seconds += TTL * (1 - early) - 0.001
    service.snapshot()
    assert calls == {}
    stopwatch.seconds += 0.001
    service.snapshot()
    assert calls == {"catalogue.revision": 1}


def test_an_early_refresh_that_fails_makes_nothing_stale_and_is_not_repeated_at_once(
    process: Process, stopwatch: Stopwatch, calls: Counter[str]
) -> None:
    store = Store()
    service = process(TTL, store, draw=1.0)
    service.snapshot()
    store.failing = "catalogue.revision"
    stopwatch.seconds += TTL * (1 - SPREAD)
    calls.clear()
    for _ in range(3):
        with service.one_view():
            service.snapshot()
            assert not service.stale
    assert calls == {"catalogue.revision": 1}


@pytest.mark.parametrize("overdue", [False, True])
def test_while_one_request_refreshes_others_go_on_with_what_they_have(
    process: Process, stopwatch: Stopwatch, overdue: bool
) -> None:
    others: list[tuple[Catalogue, bool]] = []

    def ask() -> tuple[Catalogue, bool]:
        with service.one_view(stale_ok=True):
            return service.snapshot(), service.stale

    def meanwhile() -> None:
        others.extend(at_once(ask))

    service = process(TTL, lambda call: steps[0](call), draw=1.0)
    steps: list[Step] = [lambda _: None]
    good = service.snapshot()
    process().change(adding(feature(1)))
    steps[0] = once("catalogue.load", meanwhile)
    stopwatch.seconds += TTL if overdue else TTL * (1 - SPREAD)
    with service.one_view(stale_ok=True):
        assert service.snapshot().features == (feature(1),)
    assert others == [(good, overdue)]


def test_who_needs_the_newest_waits_for_a_load_that_has_begun_and_begins_none(
    process: Process, calls: Counter[str]
) -> None:
    waiting: list[threading.Thread] = []
    seen: list[Catalogue] = []

    def others_come() -> None:
        for _ in range(3):
            thread = threading.Thread(target=lambda: seen.append(service.fresh()))
            thread.start()
            waiting.append(thread)

    service = process(0, once("catalogue.load", others_come))
    seen.append(service.fresh())
    for thread in waiting:
        thread.join()
    assert len(seen) == 4
    assert all(each is seen[0] for each in seen)
    assert calls == {"catalogue.revision": 4, "catalogue.load": 1}


def test_a_load_that_failed_is_not_repeated_at_once_by_anybody(
    process: Process, stopwatch: Stopwatch, calls: Counter[str]
) -> None:
    store = Store()
    service = process(0, store)
    service.snapshot()
    process().change(adding(feature(1)))
    store.failing = "catalogue.load"
    calls.clear()
    for _ in range(5):
        with pytest.raises(Unavailable):
            service.fresh()
    assert calls == {"catalogue.revision": 5, "catalogue.load": 1}
    store.failing = None
    stopwatch.seconds += PAUSE
    assert service.fresh().features == (feature(1),)


def test_strangers_make_a_process_read_once_per_ttl(
    process: Process, stopwatch: Stopwatch, calls: Counter[str]
) -> None:
    service, other = process(), process()
    service.snapshot()
    other.change(adding(feature(1)))
    calls.clear()
    for _ in range(10):
        with service.one_view():
            assert service.confirmed().features == (feature(1),)
    assert calls == {"catalogue.revision": 1, "catalogue.load": 1}
    other.change(adding(feature(2)))
    stopwatch.seconds += TTL
    assert service.confirmed().features == (feature(1), feature(2))


def test_without_a_ttl_strangers_cost_no_read_of_their_own(
    process: Process, calls: Counter[str]
) -> None:
    service = process(0)
    for _ in range(3):
        with service.one_view():
            service.snapshot()
            service.confirmed()
    assert calls == {"catalogue.revision": 3, "catalogue.load": 1}


def test_while_the_store_is_down_strangers_do_not_ask_it_again_and_again(
    process: Process, calls: Counter[str]
) -> None:
    store = Store()
    service = process(0, store)
    service.snapshot()
    store.failing = "catalogue.revision"
    calls.clear()
    for _ in range(5):
        with service.one_view(stale_ok=True):
            service.snapshot()
            with pytest.raises(Unavailable):
                service.confirmed()
    assert calls == {"catalogue.revision": 1}
