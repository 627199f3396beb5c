"""How what a request uses grows with the data."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks import budgets, cases, seeding
from benchmarks.application import Application
from benchmarks.figures import Figures, figures
from benchmarks.worlds import NO_FEATURES, Sizes, World, build, measure_much

CASES = (
    *cases.TESTLAB,
    *(case for case in cases.TESTLAB_ADMINISTRATION if "/api/results" in case.name),
    *(case for case in cases.UPGRADE if case.name.startswith("v6 ") and case.replayed),
)
"""What clients call, v5 does the same as v6, and results."""


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """The slope of the values over the sizes, both in logarithms, by least squares.

    0 is flat, 1 proportional. Values of 0 count as 0 only if all are; else as the least unit, 0.5.
    """
    if len(set(values)) == 1:
        return 0.0
    xs = [math.log(size) for size in sizes]
    ys = [math.log(max(value, 0.5)) for value in values]
    x_mean, y_mean = sum(xs) / len(xs), sum(ys) / len(ys)
    above = sum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys, strict=True))
    return above / sum((x - x_mean) ** 2 for x in xs)


def _with_events(application: Application, size: int) -> World:
    world = build(application, NO_FEATURES)
    seeding.events(world, size)
    return world


def _with_users(application: Application, size: int) -> World:
    world = build(application, NO_FEATURES)
    seeding.users(world, size)
    return world


def _with_days(application: Application, size: int) -> World:
    world = build(application, NO_FEATURES)
    measure_much(world)
    seeding.days(world, size)
    return world


def _with_features(application: Application, size: int) -> World:
    return build(application, Sizes(testlab=size, large=size, flags=size, medium=1))


DIMENSIONS: Mapping[str, Callable[[Application, int], World]] = {
    "events": _with_events,
    "users": _with_users,
    "days": _with_days,
    "features": _with_features,
}
"""What grows, and how a world of a size is made.

Features are of each kind: experiments of Test Lab, experiments of UpGrade in one context, flags.
Days are those on which users came to an experiment of Test Lab, of ten variants and ten metrics.
"""


@dataclass(frozen=True, slots=True)
class Growth:
    """The figures of one request at growing sizes."""

    name: str
    dimension: str
    sizes: tuple[int, ...]
    figures: tuple[Figures, ...]

    @property
    def trips(self) -> float:
        """Exponent of the round trips."""
        return exponent(self.sizes, [each.trips for each in self.figures])

    @property
    def capacity(self) -> float:
        """Exponent of the capacity, in dollars' proportion: a write unit counts as five reads."""
        return exponent(self.sizes, [each.read + 5 * each.write for each in self.figures])

    @property
    def cpu(self) -> float | None:
        """Exponent of the handler's own time, where it was measured."""
        costs = [each.cpu.own for each in self.figures if each.cpu is not None]
        if len(costs) < len(self.sizes):
            return None
        return exponent(self.sizes, [max(cost, 0.01) * 100 for cost in costs])

    @property
    def allowed(self) -> tuple[float, float]:
        """Exponents that trips and capacity may have."""
        return budgets.GROWING.get((self.dimension, self.name), (budgets.EXPONENT,) * 2)

    def faults(self) -> list[str]:
        """What grows faster than it may."""
        pairs = zip(("trips", "capacity"), (self.trips, self.capacity), self.allowed, strict=True)
        return [
            f"{self.name}: {what} grow as {self.dimension} to the {got:.2f}, allowed {limit}"
            for what, got, limit in pairs
            if got > limit
        ]


def measured(
    application: Application, dimension: str, sizes: Sequence[int], enough_ms: float = 0
) -> Iterator[Growth]:
    """The growth of each request along a dimension."""
    at_sizes = []
    for size in sizes:
        world = DIMENSIONS[dimension](application, size)
        at_sizes.append(list(figures(world, *CASES, enough_ms=enough_ms)))
        seeding.empty()
    for each in zip(*at_sizes, strict=True):
        yield Growth(each[0].case.name, dimension, tuple(sizes), each)
