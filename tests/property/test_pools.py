"""Experiments that share places, directly or through others, make one pool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.experiments.assignment import _pools


@dataclass(frozen=True)
class Placed:
    """As much of an offer as pools are made of."""

    number: int
    places: frozenset[int]


def merged(offers: list[Placed]) -> list[list[Placed]]:
    """The rule, as it reads: each new one joins all pools that it meets, which then come last."""
    pools: list[list[Placed]] = []
    for offer in offers:
        met = [pool for pool in pools if any(offer.places & other.places for other in pool)]
        pools = [pool for pool in pools if pool not in met]
        joined = [offer]
        for pool in met:
            joined = pool + joined
        pools.append(joined)
    return pools


@given(st.lists(st.frozensets(st.integers(0, 8), max_size=3), max_size=9))
def test_pools_and_their_order_follow_from_the_order_of_the_experiments(
    places: list[frozenset[int]],
) -> None:
    offers: list[Any] = [Placed(number, each) for number, each in enumerate(places)]
    pools: list[Any] = list(_pools(offers))
    assert pools == merged(offers)
