from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from chalicelib.domain.errors import NotFound, Unavailable
from chalicelib.domain.features.blocks import FREE_BLOCKS, UserBlock
from chalicelib.services import Services
from tests.fakes.memory import FixedClock, Memory
from tests.unit.samples import TODAY, draft, process


def owners(memory: Memory) -> dict[int, int]:
    return {block: owner for block, owner in memory.blocks.items() if owner is not None}


def test_a_block_is_found_by_name(services: Services) -> None:
    assert services.user_blocks.named("100") == UserBlock(20, "100")


@pytest.mark.parametrize("name", ["", "0", "05", "7", "105", "5 "])
def test_a_name_that_no_block_has_is_refused(name: str, services: Services, memory: Memory) -> None:
    with pytest.raises(NotFound, match="there is no user-block"):
        services.user_blocks.named(name)
    with pytest.raises(NotFound, match="there is no user-block"):
        services.user_blocks.assign(name, 1)
    assert memory.revision.version == 0


def test_a_block_may_be_given_to_a_feature_known_or_not(services: Services, memory: Memory) -> None:
    assert services.user_blocks.assign("10", 999) == UserBlock(2, "10", 999)
    assert services.user_blocks.named("10").feature_id == 999
    assert owners(memory) == {2: 999}


def test_a_block_may_be_freed(services: Services, memory: Memory) -> None:
    services.user_blocks.assign("10", 999)
    services.user_blocks.assign("15", 998)
    assert services.user_blocks.assign("10", None) == UserBlock(2, "10")
    assert owners(memory) == {3: 998}


def test_giving_a_block_to_its_owner_changes_nothing(services: Services, memory: Memory) -> None:
    services.user_blocks.assign("10", 999)
    before = memory.revision
    services.user_blocks.assign("10", 999)
    assert memory.revision == before


def test_clients_see_that_a_block_changed_hands(services: Services, memory: Memory) -> None:
    services.user_blocks.catch_up()
    before = memory.revision
    services.user_blocks.assign("10", 999)
    assert memory.revision.last_modified == before.last_modified + 1


def test_reset_frees_all_blocks(services: Services, memory: Memory) -> None:
    services.user_blocks.assign("10", 999)
    services.user_blocks.assign("20", 998)
    assert services.user_blocks.reset() == FREE_BLOCKS
    assert owners(memory) == {}
    assert services.catalogue.snapshot().blocks == FREE_BLOCKS


def test_reset_of_free_blocks_changes_nothing(services: Services, memory: Memory) -> None:
    services.user_blocks.reset()
    assert memory.revision.version == 0


def test_catching_up_gives_current_experiments_their_blocks(
    services: Services, memory: Memory
) -> None:
    first = services.features.create(draft("first", share="0.1"))
    second = services.features.create(draft("second", share="0.05"))
    catalogue = services.user_blocks.catch_up()
    assert owners(memory) == {1: first.id, 2: first.id, 3: second.id}
    assert catalogue == services.catalogue.fresh()


def test_catching_up_twice_writes_once(services: Services, memory: Memory) -> None:
    services.features.create(draft())
    services.user_blocks.catch_up()
    before = memory.revision
    assert services.user_blocks.catch_up().revision == before
    assert memory.revision == before


def test_allocation_moves_the_version_but_not_last_modified(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.features.create(draft())
    before = memory.revision
    clock.advance(timedelta(seconds=30))
    services.user_blocks.catch_up()
    assert memory.revision.version == before.version + 1
    assert memory.revision.last_modified == before.last_modified


def test_a_new_day_moves_last_modified(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.user_blocks.catch_up()
    before = memory.revision
    clock.advance(timedelta(days=1))
    services.user_blocks.catch_up()
    assert memory.revision.version == before.version + 1
    settled = clock.now + services.catalogue.settling
    assert memory.revision.last_modified == int(settled.timestamp()) + 1 > before.last_modified
    assert memory.revision.as_of == TODAY + timedelta(days=1)


def test_a_process_whose_clock_is_behind_does_not_undo_the_new_day(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    begins = TODAY + timedelta(days=1)
    services.features.create(draft(start=begins, end=begins, share="0.05"))
    clock.advance(timedelta(days=1))
    services.user_blocks.catch_up()
    assert owners(memory) == {1: 1}
    before = memory.revision
    late = process(memory, FixedClock(clock.now - timedelta(hours=13)))
    late.user_blocks.catch_up()
    assert memory.revision == before
    assert owners(memory) == {1: 1}


def test_a_paused_experiment_keeps_its_blocks(services: Services, memory: Memory) -> None:
    made = services.features.create(draft(share="0.25"))
    services.user_blocks.catch_up()
    services.features.update(made.id, draft(share="0.25", is_running=False))
    services.user_blocks.catch_up()
    assert owners(memory) == dict.fromkeys(range(1, 6), made.id)


def test_blocks_of_a_deleted_experiment_go_to_the_next_allocation(
    services: Services, memory: Memory
) -> None:
    first = services.features.create(draft("first"))
    second = services.features.create(draft("second", share="0.05"))
    services.user_blocks.catch_up()
    assert second.id not in owners(memory).values()
    services.features.delete(first.id)
    services.user_blocks.catch_up()
    assert owners(memory) == {1: second.id}


def test_within_the_ttl_nothing_due_asks_nothing(memory: Memory, clock: FixedClock) -> None:
    calls: Counter[str] = Counter()
    services = process(memory, clock, ttl=60, before=lambda call: calls.update([call]))
    services.user_blocks.catch_up()
    services.user_blocks.current()
    calls.clear()
    services.user_blocks.current()
    assert calls == {}


def test_an_answer_is_given_even_if_catching_up_fails(memory: Memory, clock: FixedClock) -> None:
    def read_only(call: str) -> None:
        if call == "catalogue.commit":
            raise Unavailable("throttled")

    process(memory, clock).features.create(draft())
    services = process(memory, clock, before=read_only)
    assert [f.name for f in services.user_blocks.current().features] == ["button"]
    with pytest.raises(Unavailable, match="throttled"):
        services.user_blocks.catch_up()
    assert owners(memory) == {}


def test_an_answer_is_caught_up_where_that_works(services: Services, memory: Memory) -> None:
    made = services.features.create(draft(share="0.05"))
    assert services.user_blocks.current().blocks[0].feature_id == made.id
    assert owners(memory) == {1: made.id}


def test_a_stale_catalogue_is_answered_as_it_is_without_trying_to_allocate(
    memory: Memory, clock: FixedClock
) -> None:
    calls: Counter[str] = Counter()
    down = False

    def step(call: str) -> None:
        calls[call] += 1
        if down:
            raise Unavailable("no answer")

    services = process(memory, clock, before=step)
    services.features.create(draft("first", share="0.1"))
    good = services.catalogue.snapshot()
    down = True
    calls.clear()
    with services.catalogue.one_view(stale_ok=True):
        stale = services.user_blocks.current()
        assert services.catalogue.stale
    assert calls == {"catalogue.revision": 1}
    assert stale.features == good.features
    assert stale.revision.last_modified == good.revision.last_modified - 1


def test_an_answer_that_could_not_be_allocated_is_stale_though_the_catalogue_is_recent(
    memory: Memory, clock: FixedClock
) -> None:
    """The catalogue is known, a new day has come, and the store cannot take what is due."""
    down = False

    def step(_: str) -> None:
        if down:
            raise Unavailable("no answer")

    services = process(memory, clock, ttl=60, before=step)
    services.features.create(draft("first", share="0.1"))
    services.user_blocks.current()
    clock.advance(timedelta(days=1))
    down = True
    with services.catalogue.one_view(stale_ok=True):
        services.user_blocks.current()
        assert services.catalogue.stale
