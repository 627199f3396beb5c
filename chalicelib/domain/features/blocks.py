"""User blocks: twenty shares of 5 % of all users that keep experiments apart.

Rules: each experiment that is current owns `ceil(20 * user_percentage)` blocks while enough are
free; a block has one owner; no current experiment loses a block but by lowering its share.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from chalicelib.domain.features.features import Feature

BLOCK_COUNT = 20


@dataclass(frozen=True, slots=True)
class UserBlock:
    """One block; `name` is the upper end of its share in per cent ("5" to "100").

    `feature_id` is the owner, None for a free block.
    """

    id: int
    name: str
    feature_id: int | None = None


FREE_BLOCKS = tuple(UserBlock(i, str(100 // BLOCK_COUNT * i)) for i in range(1, BLOCK_COUNT + 1))
"""All blocks in the order of their ids, none of them owned."""


def blocks_wanted(user_percentage: Decimal) -> int:
    """The number of blocks that a share of users needs, in exact arithmetic.

    >>> blocks_wanted(Decimal("0.55")), blocks_wanted(Decimal("0.551")), blocks_wanted(Decimal(0))
    (11, 12, 0)
    """
    return math.ceil(BLOCK_COUNT * Fraction(user_percentage))


def allocate(experiments: Iterable[Feature], blocks: Sequence[UserBlock]) -> tuple[UserBlock, ...]:
    """The blocks as they should be, given the experiments that are current.

    Blocks of anybody else are freed. Then each experiment, by ascending id, is given free blocks
    until it owns what its share needs or none is free: those that were free before come first,
    within each group by ascending id. The result is a fixed point: allocating again changes
    nothing.
    """
    by_id = sorted(experiments, key=lambda feature: feature.id)
    current = {feature.id for feature in by_id}
    ordered = sorted(blocks, key=lambda block: block.id)
    owners = {block.id: block.feature_id for block in ordered}
    free_before = [block.id for block in ordered if block.feature_id is None]
    just_freed = [
        block.id
        for block in ordered
        if block.feature_id is not None and block.feature_id not in current
    ]
    free = free_before + just_freed
    owners.update(dict.fromkeys(just_freed))
    for feature in by_id:
        owned = sum(owner == feature.id for owner in owners.values())
        missing = max(0, blocks_wanted(feature.user_percentage) - owned)
        given, free = free[:missing], free[missing:]
        owners.update(dict.fromkeys(given, feature.id))
    return tuple(replace(block, feature_id=owners[block.id]) for block in ordered)


def release_surplus(feature: Feature, blocks: Sequence[UserBlock]) -> tuple[UserBlock, ...]:
    """The blocks after `feature` gave back those beyond its share, highest id first."""
    owned = sorted(block.id for block in blocks if block.feature_id == feature.id)
    surplus = set(owned[blocks_wanted(feature.user_percentage) :])
    return tuple(
        replace(block, feature_id=None) if block.id in surplus else block for block in blocks
    )
