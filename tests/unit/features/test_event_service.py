from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.domain.errors import LostRace, NotFound, Unavailable
from chalicelib.domain.features.users import Event, Totals
from chalicelib.services import Services
from chalicelib.services.running.paging import PageRequest
from chalicelib.services.running.retries import FEWEST
from tests.fakes.memory import START, FixedClock, Memory
from tests.fakes.stores import once
from tests.unit.samples import SHARDS, add_user, experiment, listed_events, process, record


@pytest.fixture
def variants(services: Services) -> list[int]:
    """Two variants of one experiment; user "u" has the first."""
    _, made = experiment(services, "button")
    add_user(services, "u", made[0])
    return made


# Recording


def test_an_event_is_stored_counted_and_listed(
    services: Services, memory: Memory, variants: list[int]
) -> None:
    made = services.events.record("u", variants[0])
    assert made == Event(made.id, variants[0], "u", START)
    assert listed_events(services) == [made.id]
    assert memory.counted() == {variants[0]: Totals(1, 1, 1)}


def test_further_events_of_a_user_count_the_user_once(
    services: Services, memory: Memory, variants: list[int]
) -> None:
    record(services, "u", variants[0], 3)
    assert memory.counted() == {variants[0]: Totals(3, 1, 1)}
    assert len(listed_events(services)) == 3


def test_an_event_may_be_of_a_variant_that_is_not_the_user_s(
    services: Services, memory: Memory, variants: list[int]
) -> None:
    record(services, "u", variants[1], 2)
    assert memory.counted() == {variants[0]: Totals(total_users=1), variants[1]: Totals(2, 1, 0)}


def test_events_spread_over_the_shards(
    services: Services, memory: Memory, variants: list[int]
) -> None:
    record(services, "u", variants[1], 50)
    used = {shard.shard for shard in memory.totals if shard.variant_id == variants[1]}
    assert used == set(range(SHARDS))


@pytest.mark.usefixtures("variants")
def test_an_unknown_variant_takes_no_events(services: Services, memory: Memory) -> None:
    with pytest.raises(NotFound, match="there is no variant 7"):
        record(services, "u", 7)
    assert memory.events == {}


def test_an_unknown_user_has_no_events(
    services: Services, memory: Memory, variants: list[int]
) -> None:
    with pytest.raises(NotFound, match="there is no such user"):
        record(services, "nobody", variants[0])
    assert memory.events == {}


def test_an_erased_user_has_no_more_events(
    services: Services, memory: Memory, variants: list[int]
) -> None:
    record(services, "u", variants[0], 350)
    services.users.delete("u")
    assert memory.users["u"].erased
    left = len(memory.events)
    with pytest.raises(NotFound, match="there is no such user"):
        record(services, "u", variants[0])
    assert len(memory.events) == left


def test_the_user_of_a_dead_variant_has_no_more_events(
    services: Services, memory: Memory, variants: list[int], clock: FixedClock
) -> None:
    _, [kept, _] = experiment(services, "kept")

    def fail() -> None:
        raise Unavailable("not now")

    process(memory, clock, before=once("users.of_variant", fail)).features.delete(1)
    assert memory.users["u"].variant_id == variants[0], "still to be purged"
    with pytest.raises(NotFound, match="there is no such user"):
        record(services, "u", kept)
    assert memory.events == {}


def test_a_variant_and_user_of_another_process_are_known_though_the_cache_is_old(
    memory: Memory, clock: FixedClock, services: Services
) -> None:
    cached = process(memory, clock, ttl=60)
    cached.catalogue.snapshot()
    _, [a, b] = experiment(services, "button")
    add_user(services, "u", a)
    assert cached.events.record("u", b).variant_id == b
    new, _ = experiment(services, "banner")
    assert cached.events.page_of_feature(new, PageRequest(), lambda *_: 1)[0].rows == ()


def test_two_first_events_at_once_count_the_user_once(
    services: Services, memory: Memory, variants: list[int], clock: FixedClock
) -> None:
    race = once("events.add", lambda: record(services, "u", variants[0]))
    record(process(memory, clock, before=race), "u", variants[0])
    assert memory.counted() == {variants[0]: Totals(2, 1, 1)}
    assert memory.counted() == memory.recount()


def test_an_event_of_a_user_deleted_meanwhile_is_refused(
    services: Services, memory: Memory, variants: list[int], clock: FixedClock
) -> None:
    race = once("events.add", lambda: services.users.delete("u"))
    with pytest.raises(NotFound, match="there is no such user"):
        record(process(memory, clock, before=race), "u", variants[0])
    assert (memory.events, memory.counted()) == ({}, {})


def test_a_conflict_between_counters_is_retried(
    services: Services, memory: Memory, variants: list[int], clock: FixedClock
) -> None:
    def lose() -> None:
        raise LostRace("conflict")

    record(process(memory, clock, before=once("events.add", lose)), "u", variants[0])
    assert memory.counted() == {variants[0]: Totals(1, 1, 1)}
    assert services.events.page(PageRequest(), lambda _: 1).rows[0].user_id == "u"


@pytest.mark.usefixtures("no_time")
def test_who_always_loses_gives_up(memory: Memory, variants: list[int], clock: FixedClock) -> None:
    calls: list[str] = []

    def lose(call: str) -> None:
        calls.append(call)
        if call == "events.add":
            raise LostRace

    with pytest.raises(Unavailable, match=r"^events: too many writers"):
        record(process(memory, clock, before=lose), "u", variants[0])
    assert calls.count("events.add") == FEWEST
    assert memory.events == {}


# Listing


def test_events_are_listed_by_time(
    services: Services, variants: list[int], clock: FixedClock
) -> None:
    add_user(services, "a", variants[1])
    made = []
    for user_id, variant_id in (("u", 1), ("a", 1), ("u", 0), ("a", 0)):
        made += record(services, user_id, variants[variant_id])
        clock.advance(timedelta(milliseconds=1))
    assert listed_events(services) == [event.id for event in made]


def test_events_of_a_feature_come_with_their_variants(
    services: Services, variants: list[int]
) -> None:
    [first] = record(services, "u", variants[0])
    [second] = record(services, "u", variants[1])
    other, [foreign, _] = experiment(services, "banner")
    add_user(services, "v", foreign)
    [third] = record(services, "v", foreign)

    def events(feature_id: int) -> list[tuple[int, int]]:
        page, own = services.events.page_of_feature(feature_id, PageRequest(), lambda *_: 1)
        return [(event.id, own[event.variant_id].id) for event in page.rows]

    assert events(1) == [(first.id, variants[0]), (second.id, variants[1])]
    assert events(other) == [(third.id, foreign)]
    assert events(other + 1) == []


@pytest.mark.parametrize("limit", [1, 2, 5, 12, 13])
def test_pages_of_events_give_every_event_once(
    limit: int, services: Services, variants: list[int]
) -> None:
    names = ["", "#", "u!", "u#", "u%", "é"]
    for name in names:
        add_user(services, name, variants[0])
        for variant_id in variants:
            record(services, name, variant_id)
    seen: list[int] = []
    request: PageRequest | None = PageRequest(limit)
    while request is not None:
        page = services.events.page(request, lambda _: 1)
        seen += [event.id for event in page.rows]
        request = None if page.next is None else PageRequest(limit, page.next)
    assert sorted(seen) == sorted(set(seen))
    assert len(seen) == 12


# Analysis


def test_an_analysis_has_a_line_for_every_variant(services: Services, variants: list[int]) -> None:
    record(services, "u", variants[0], 2)
    lines = services.analysis.of_feature(1)
    assert [(variant.id, totals) for variant, totals in lines] == [
        (variants[0], Totals(2, 1, 1)),
        (variants[1], Totals()),
    ]


def test_an_analysis_counts_its_own_feature_only(services: Services, variants: list[int]) -> None:
    other, [a, _] = experiment(services, "banner")
    record(services, "u", a)
    record(services, "u", variants[0], 4)
    assert [totals for _, totals in services.analysis.of_feature(other)] == [
        Totals(1, 1, 0),
        Totals(),
    ]


def test_an_unknown_feature_has_no_analysis(services: Services) -> None:
    assert services.analysis.of_feature(7) == []


def test_an_analysis_never_reads_rows(
    memory: Memory, services: Services, variants: list[int], clock: FixedClock
) -> None:
    record(services, "u", variants[0], 30)
    calls: list[str] = []
    process(memory, clock, before=calls.append).analysis.of_feature(1)
    assert calls == ["catalogue.revision", "catalogue.load", "totals.of_feature"]
