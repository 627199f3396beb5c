from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.catalogue.catalogue import Catalogue, CatalogueChange, FeatureChange
from chalicelib.domain.catalogue.overbooking import Shortage, shortage
from chalicelib.domain.features.blocks import (
    BLOCK_COUNT,
    FREE_BLOCKS,
    UserBlock,
    allocate,
    blocks_wanted,
    release_surplus,
)
from chalicelib.domain.features.features import Feature
from tests.fakes.memory import FixedClock, Memory
from tests.fakes.stores import fake_stores
from tests.unit.samples import TODAY, feature, process

PROCESSES = 10

Blocks = tuple[UserBlock, ...]

shares = st.decimals(0, 1, places=3).map(str)
experiments = st.lists(
    st.builds(feature, st.integers(1, 12), share=shares), max_size=8, unique_by=lambda f: f.id
)
# Owners 13 and 14 are never among the experiments: blocks that are to be freed.
owned_blocks = st.lists(
    st.none() | st.integers(1, 14), min_size=BLOCK_COUNT, max_size=BLOCK_COUNT
).map(
    lambda owners: tuple(
        replace(block, feature_id=owner) for block, owner in zip(FREE_BLOCKS, owners, strict=True)
    )
)


def owned(blocks: Blocks) -> Counter[int | None]:
    return Counter(block.feature_id for block in blocks)


def given_out(before: Blocks, after: Blocks) -> list[UserBlock]:
    """The blocks that have an owner now whom they had not before."""
    return [
        new
        for old, new in zip(before, after, strict=True)
        if new.feature_id not in (None, old.feature_id)
    ]


@given(experiments, owned_blocks)
def test_all_blocks_stay_and_each_has_one_owner_at_most(
    current: Sequence[Feature], blocks: Blocks
) -> None:
    after = allocate(current, blocks)
    assert tuple(replace(block, feature_id=None) for block in after) == FREE_BLOCKS
    assert {block.feature_id for block in after} <= {None, *(f.id for f in current)}


@given(experiments, owned_blocks)
def test_no_current_experiment_loses_a_block(current: Sequence[Feature], blocks: Blocks) -> None:
    ids = {experiment.id for experiment in current}
    for before, after in zip(blocks, allocate(current, blocks), strict=True):
        if before.feature_id in ids:
            assert after == before


@given(experiments, owned_blocks)
def test_only_blocks_of_others_are_freed_and_all_of_those(
    current: Sequence[Feature], blocks: Blocks
) -> None:
    ids = {experiment.id for experiment in current}
    for before, after in zip(blocks, allocate(current, blocks), strict=True):
        changed_hands = before.feature_id is not None and after.feature_id != before.feature_id
        assert changed_hands == (before.feature_id is not None and before.feature_id not in ids)


@given(experiments, owned_blocks)
def test_allocating_again_changes_nothing(current: Sequence[Feature], blocks: Blocks) -> None:
    after = allocate(current, blocks)
    assert allocate(current, after) == after


@given(experiments, owned_blocks, st.randoms(use_true_random=False))
def test_the_order_of_experiments_and_blocks_does_not_matter(
    current: list[Feature], blocks: Blocks, random: Random
) -> None:
    after = allocate(current, blocks)
    shuffled = list(blocks)
    random.shuffle(shuffled)
    random.shuffle(current)
    assert allocate(current, shuffled) == after


@given(experiments, owned_blocks)
def test_nobody_is_short_while_a_block_is_free(current: Sequence[Feature], blocks: Blocks) -> None:
    after = owned(allocate(current, blocks))
    short = [f.id for f in current if after[f.id] < blocks_wanted(f.user_percentage)]
    assert not (short and after[None])


@given(experiments, owned_blocks)
def test_nobody_is_given_more_than_is_missing(current: Sequence[Feature], blocks: Blocks) -> None:
    before, after = owned(blocks), owned(allocate(current, blocks))
    for experiment in current:
        wanted = blocks_wanted(experiment.user_percentage)
        assert after[experiment.id] <= max(before[experiment.id], wanted)


@given(experiments, owned_blocks)
def test_older_experiments_are_served_first(current: Sequence[Feature], blocks: Blocks) -> None:
    after = allocate(current, blocks)
    served = {block.feature_id or 0 for block in given_out(blocks, after)}
    for experiment in current:
        if any(experiment.id < other for other in served):
            assert owned(after)[experiment.id] >= blocks_wanted(experiment.user_percentage)


@given(experiments, owned_blocks)
def test_blocks_are_given_out_free_ones_first_then_freed_ones_each_by_ascending_id(
    current: Sequence[Feature], blocks: Blocks
) -> None:
    ids = {experiment.id for experiment in current}
    free = [block.id for block in blocks if block.feature_id is None]
    freed = [block.id for block in blocks if block.feature_id not in {None, *ids}]
    given_to = sorted(
        given_out(blocks, allocate(current, blocks)),
        key=lambda block: (block.feature_id, block.id in freed, block.id),
    )
    assert [block.id for block in given_to] == (free + freed)[: len(given_to)]


@given(st.builds(feature, st.integers(1, 14), share=shares), owned_blocks)
def test_a_surplus_is_given_back_highest_block_first(changed: Feature, blocks: Blocks) -> None:
    def ids(some: Blocks) -> list[int]:
        return [block.id for block in some if block.feature_id == changed.id]

    left = release_surplus(changed, blocks)
    assert ids(left) == ids(blocks)[: blocks_wanted(changed.user_percentage)]
    for before, after in zip(blocks, left, strict=True):
        if before.feature_id != changed.id:
            assert after == before
        elif after != before:
            assert after.feature_id is None


def stored(features: Sequence[Feature], blocks: Blocks) -> Memory:
    memory, clock = Memory(), FixedClock()
    store = fake_stores(memory).catalogue
    change = CatalogueChange(tuple(FeatureChange(None, f) for f in features), blocks)
    base = store.revision()
    store.commit(base, base.following(clock()), change)
    # The day is not worked out yet, so that there is something to write in any case.
    memory.revision = replace(memory.revision, as_of=None)
    return memory


def catch_up_together(memory: Memory, *, one_process: bool) -> list[Catalogue]:
    """Ten first calls at once: each has decided before any of them writes."""
    start = threading.Barrier(PROCESSES)
    started = threading.local()

    def meet(call: str) -> None:
        if call == "catalogue.commit" and not hasattr(started, "done"):
            started.done = True
            start.wait(timeout=30)

    clock = FixedClock()
    shared = process(memory, clock, before=meet)
    callers = [
        shared if one_process else process(memory, clock, before=meet) for _ in range(PROCESSES)
    ]
    with ThreadPoolExecutor(PROCESSES) as pool:
        return list(pool.map(lambda services: services.user_blocks.catch_up(), callers))


@given(experiments, owned_blocks, st.booleans())
def test_ten_first_calls_at_once_end_in_the_allocation_of_one(
    features: Sequence[Feature], blocks: Blocks, one_process: bool
) -> None:
    alone, together = stored(features, blocks), stored(features, blocks)
    expected = process(alone, FixedClock()).user_blocks.catch_up().blocks
    answers = catch_up_together(together, one_process=one_process)
    assert together.blocks == alone.blocks
    assert together.revision == alone.revision, "one of them wrote, once"
    assert {answer.blocks for answer in answers} == {expected}


@given(experiments.filter(bool), owned_blocks)
def test_the_next_allocation_gives_what_was_said_of_it(
    current: list[Feature], blocks: Blocks
) -> None:
    current.sort(key=lambda experiment: experiment.id)
    counted = owned(allocate(current, blocks))
    for experiment in current:
        others = tuple(each for each in current if each is not experiment)
        found = shortage(Catalogue(features=others, blocks=blocks), experiment, TODAY)
        wanted = blocks_wanted(experiment.user_percentage)
        given = min(counted[experiment.id], wanted)
        assert found == (Shortage(given, wanted) if given < wanted else None)
