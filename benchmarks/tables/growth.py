"""How trips, capacity and processor time of each request grow with the data."""

from __future__ import annotations

import sys

from benchmarks import application, budgets, seeding
from benchmarks.growth import Growth, measured
from benchmarks.report import OK, PERFORMANCE, SHORT, Section, Table, verdict

SIZES = {
    "events": (100, 10_000, 1_000_000),
    "users": (100, 100_000),
    "days": (36, 365),
    "features": (1, 30, 1_000),
}
QUICK = {"events": (20, 200), "users": (10, 100), "days": (3, 30), "features": (1, 10)}
ENOUGH_MS, QUICK_MS = 25.0, 10.0


def measure(*, quick: bool) -> list[Section]:
    """The table of exponents."""
    app = application.start()
    seeding.read_partitions_alone()
    found: dict[str, list[Growth]] = {}
    for dimension, sizes in (QUICK if quick else SIZES).items():
        print(f"  {dimension}: {', '.join(f'{size:,}' for size in sizes)}", file=sys.stderr)
        for each in measured(app, dimension, sizes, QUICK_MS if quick else ENOUGH_MS):
            found.setdefault(each.name, []).append(each)
    headings = [f"{what}: {name}" for what in ("trips", "units", "CPU") for name in SIZES]
    table = Table(("request", *headings, "target", "", "CPU at most, ms"))
    for name, growths in found.items():
        counts = [each.trips for each in growths] + [each.capacity for each in growths]
        table.add(
            name,
            *(f"{value:.2f}" for value in counts),
            *(f"{each.cpu or 0:.2f}" for each in growths),
            f"{budgets.EXPONENT:g}",
            verdict(max(counts), budgets.EXPONENT) if not _inherent(name) else OK,
            f"{max(f.cpu.own for each in growths for f in each.figures if f.cpu):.1f}",
        )
    shorts = sum(SHORT in row for row in table.rows)
    listed = "; ".join(
        f"{dimension} {' → '.join(f'{size:,}' for size in sizes)}"
        for dimension, sizes in (QUICK if quick else SIZES).items()
    )
    text = (
        f"{table.markdown()}\n\nSizes: {listed}. {len(table.rows) - shorts} flat, {shorts} short."
    )
    return [Section(PERFORMANCE, "growth", text)]


def _inherent(name: str) -> bool:
    """Whether what grows is what the request is about."""
    return name in budgets.GROWING_BY_NATURE
