"""The guard: nothing that clients call grows with the data."""

from __future__ import annotations

import pytest

from benchmarks import cases
from benchmarks.application import Application
from benchmarks.figures import Figures, figures
from benchmarks.growth import DIMENSIONS, exponent, measured
from benchmarks.worlds import NO_FEATURES, build, log_of

LIMIT = 0.05
"""Of an exponent that counts as flat."""

SIZES = {"events": (10, 100), "users": (8, 80), "days": (10, 100), "features": (4, 40)}


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


def test_results_cost_in_proportion_to_those_who_logged(bench: Application) -> None:
    """And in no more trips, as long as they fit one page."""
    case = cases.BY_NAME["POST /api/query/analyse"]
    world = build(bench, NO_FEATURES)
    sizes = (40, 160)
    found: list[Figures] = []
    for before, size in zip((0, *sizes), sizes, strict=False):
        for _ in range(size - before):
            world.client("log", log_of(1), world.upgrade_user())
        found += figures(world, case)
    assert exponent(sizes, [each.trips for each in found]) < LIMIT
    assert 0.5 < exponent(sizes, [each.read for each in found]) < 1 + LIMIT
