"""What a request uses, beside its budget."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks import budgets
from benchmarks.cases import Case
from benchmarks.recorder import Recorder
from benchmarks.replay import Cost, Rehearsed, cost, rehearse
from benchmarks.worlds import World


@dataclass(frozen=True, slots=True)
class Figures:
    """What a request was seen to use."""

    case: Case
    trips: int
    read: float
    write: float
    cpu: Cost | None = None

    @property
    def budget(self) -> budgets.Budget:
        return budgets.of(self.case.name)

    def faults(self) -> list[str]:
        """What is beyond the budget."""
        budget = self.budget
        pairs = (
            ("trips", self.trips, budget.trips),
            ("read units", self.read, budget.read),
            ("write units", self.write, budget.write),
        )
        return [
            f"{self.case.name}: {got:g} {what}, budget {limit:g}"
            for what, got, limit in pairs
            if got > limit
        ]


def figures(world: World, *cases: Case, enough_ms: float = 0) -> Iterator[Figures]:
    """What each request uses; with `enough_ms`, the processor's time as well."""
    recorder = Recorder()
    for case in cases:
        rehearsed = rehearse(world, case, recorder)
        units = rehearsed.record.units
        spent = _cpu(world, case, rehearsed, enough_ms)
        yield Figures(case, rehearsed.record.trips, units.read, units.write, spent)


def _cpu(world: World, case: Case, rehearsed: Rehearsed, enough_ms: float) -> Cost | None:
    if not enough_ms or not case.replayed:
        return None
    return cost(world.application, rehearsed, enough_ms)
