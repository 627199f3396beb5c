from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from chalicelib.domain.features.blocks import (
    BLOCK_COUNT,
    FREE_BLOCKS,
    UserBlock,
    allocate,
    blocks_wanted,
    release_surplus,
)
from tests.unit.samples import feature


def owned_by(owners: dict[int, int]) -> tuple[UserBlock, ...]:
    """All blocks; `owners` by block id."""
    return tuple(replace(block, feature_id=owners.get(block.id)) for block in FREE_BLOCKS)


def owners(blocks: tuple[UserBlock, ...]) -> dict[int, int]:
    return {block.id: block.feature_id for block in blocks if block.feature_id is not None}


def test_blocks_are_named_by_the_upper_end_of_their_share() -> None:
    assert [block.name for block in FREE_BLOCKS] == [str(n) for n in range(5, 101, 5)]
    assert [block.id for block in FREE_BLOCKS] == list(range(1, BLOCK_COUNT + 1))
    assert owners(FREE_BLOCKS) == {}


@pytest.mark.parametrize(
    ("share", "blocks"),
    [
        ("0", 0),
        ("1E-30", 1),
        ("0.05", 1),
        ("0.0500000000000000000000000000000000001", 2),
        ("0.15", 3),
        ("0.35", 7),
        ("0.55", 11),
        ("0.7", 14),
        ("0.95", 19),
        ("0.951", 20),
        ("1", 20),
    ],
)
def test_shares_are_rounded_up_to_whole_blocks_exactly(share: str, blocks: int) -> None:
    assert blocks_wanted(Decimal(share)) == blocks


def test_experiments_get_blocks_by_ascending_id_of_both() -> None:
    allocated = allocate([feature(9, share="0.1"), feature(4, share="0.15")], FREE_BLOCKS)
    assert owners(allocated) == {1: 4, 2: 4, 3: 4, 4: 9, 5: 9}


def test_an_experiment_that_comes_late_gets_what_is_left() -> None:
    allocated = allocate([feature(1, share="0.9"), feature(2, share="0.5")], FREE_BLOCKS)
    assert list(owners(allocated).values()).count(1) == 18
    assert {block for block, owner in owners(allocated).items() if owner == 2} == {19, 20}


def test_no_block_is_taken_from_a_current_experiment_for_an_older_one() -> None:
    taken = owned_by(dict.fromkeys(range(1, 21), 2))
    assert allocate([feature(1), feature(2, share="0.05")], taken) == taken


def test_blocks_of_others_are_freed() -> None:
    stored = owned_by({3: 7, 5: 8, 6: 99})
    assert owners(allocate([feature(8, share="0.05")], stored)) == {5: 8}


def test_blocks_that_were_free_go_before_those_just_freed() -> None:
    stored = owned_by({1: 7, 2: 7, 3: 7, 4: 8} | dict.fromkeys(range(7, 21), 8))
    allocated = allocate([feature(8, share="0.75"), feature(9, share="0.15")], stored)
    assert {block for block, owner in owners(allocated).items() if owner == 9} == {1, 5, 6}


def test_blocks_come_back_in_the_order_of_their_ids_whatever_order_they_had() -> None:
    experiments = [feature(1, share="0.3")]
    allocated = allocate(experiments, FREE_BLOCKS[::-1])
    assert allocated == allocate(experiments, FREE_BLOCKS)
    assert [block.id for block in allocated] == list(range(1, 21))


def test_a_lower_share_gives_back_the_highest_blocks() -> None:
    stored = owned_by({2: 1, 5: 1, 11: 1, 17: 1, 3: 2, 20: 2})
    left = release_surplus(feature(1, share="0.1"), stored)
    assert owners(left) == {2: 1, 5: 1, 3: 2, 20: 2}


def test_a_share_that_is_not_lower_gives_nothing_back() -> None:
    stored = owned_by({2: 1, 5: 1, 3: 2})
    assert release_surplus(feature(1, share="0.1"), stored) == stored
    assert release_surplus(feature(1, share="0.5"), stored) == stored


def test_no_share_gives_back_everything() -> None:
    assert release_surplus(feature(1, share="0"), owned_by({2: 1, 20: 1})) == FREE_BLOCKS
