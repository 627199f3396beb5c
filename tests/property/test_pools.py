"""Experiments that share decision points, directly or through others, make one pool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.experiments.assignment import _pools


@dataclass(frozen=True)
class Compiled:
    """As much of a compiled experiment as decides on its pool."""

    feature_id: int
    point_keys: frozenset[int]


def merged(compiled_experiments: list[Compiled]) -> list[list[Compiled]]:
    """The rule, as it reads: each new one joins all pools that it meets, which then come last."""
    pools: list[list[Compiled]] = []
    for compiled in compiled_experiments:
        met = [
            pool for pool in pools if any(compiled.point_keys & other.point_keys for other in pool)
        ]
        pools = [pool for pool in pools if pool not in met]
        joined = [compiled]
        for pool in met:
            joined = pool + joined
        pools.append(joined)
    return pools


@given(st.lists(st.frozensets(st.integers(0, 8), max_size=3), max_size=9))
def test_pools_and_their_order_follow_from_the_order_of_the_experiments(
    point_keys: list[frozenset[int]],
) -> None:
    compiled_experiments: list[Any] = [
        Compiled(number, each) for number, each in enumerate(point_keys)
    ]
    pools: list[Any] = list(_pools(compiled_experiments))
    assert pools == merged(compiled_experiments)
