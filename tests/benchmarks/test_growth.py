"""The guard: nothing that clients call grows with the data."""

from __future__ import annotations

import pytest

from benchmarks.application import Application
from benchmarks.growth import DIMENSIONS, exponent, measured

SIZES = {"events": (20, 200), "users": (10, 100), "features": (5, 50)}


@pytest.mark.parametrize(
    ("values", "slope"),
    [((3, 3, 3), 0), ((0, 0, 0), 0), ((1, 10, 100), 1), ((1, 100, 10_000), 2), ((100, 10, 1), -1)],
)
def test_the_exponent_is_the_slope_of_the_logarithms(
    values: tuple[float, ...], slope: float
) -> None:
    assert exponent((1, 10, 100), values) == pytest.approx(slope)


def test_nothing_counts_as_half_a_unit() -> None:
    assert exponent((1, 2), (0, 1)) == pytest.approx(1)


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_trips_and_capacity_do_not_grow(bench: Application, dimension: str) -> None:
    faults = [
        fault for each in measured(bench, dimension, SIZES[dimension]) for fault in each.faults()
    ]
    assert not faults
