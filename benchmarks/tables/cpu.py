"""The handler's own time on the processor, by request and number of features."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from benchmarks import application, budgets
from benchmarks.growth import CASES
from benchmarks.recorder import Recorder
from benchmarks.replay import Cost, cost, rehearse
from benchmarks.report import OK, PERFORMANCE, SHORT, Section, Table, machine
from benchmarks.worlds import Sizes, build

SIZES = (1, 10, 100, 1_000)
ENOUGH_MS, QUICK_MS = 200.0, 50.0
"""For each request and size."""

RENAMED = {
    "v6 assign, 100 experiments": "v6 assign, all experiments",
    "v6 featureflag, 100 flags": "v6 featureflag, all flags",
    "v6 featureflag, 100 flags, all new": "v6 featureflag, all flags new",
}
"""Here these are of as many as there are features."""


def measure(*, quick: bool) -> list[Section]:
    """The table of processor time."""
    app = application.start()
    sizes = SIZES[:2] if quick else SIZES
    found: dict[str, dict[int, Cost]] = {}
    for size in sizes:
        print(f"  {size} features", file=sys.stderr, flush=True)
        world = build(app, Sizes(testlab=size, large=size, flags=size))
        recorder = Recorder()
        for case in CASES:
            rehearsed = rehearse(world, case, recorder)
            name = RENAMED.get(case.name, case.name)
            spent = cost(app, rehearsed, QUICK_MS if quick else ENOUGH_MS)
            found.setdefault(name, {})[size] = spent
    table = Table(
        ("request", *(f"{size:,}" for size in sizes), "boto3 (10)", "in all (10)", "target", "")
    )
    for name, costs in found.items():
        targets = budgets.CPU_MS.get(name, budgets.CPU_DEFAULT_MS)
        table.add(
            name,
            *(f"{costs[size].own:.2f}" for size in sizes),
            f"{costs[10].client:.2f}",
            f"{costs[10].total:.2f}",
            ", ".join(f"{target:g} at {size}" for size, target in targets.items()),
            _verdict(costs, targets),
        )
    return [Section(PERFORMANCE, "cpu", f"{table.markdown()}\n\n{machine()}")]


def _verdict(costs: Mapping[int, Cost], targets: Mapping[int, float]) -> str:
    measured = [costs[size].own <= target for size, target in targets.items() if size in costs]
    return OK if all(measured) else SHORT
