"""Round trips, capacity and dollars of each route."""

from __future__ import annotations

import json
import sys

from benchmarks import application, budgets, cases, prices
from benchmarks.figures import Figures, figures
from benchmarks.report import (
    DASHBOARD,
    OK,
    OPERATIONS,
    PERFORMANCE,
    PROJECT,
    SHORT,
    Section,
    Table,
    figure,
)
from benchmarks.worlds import build

ENOUGH_MS, QUICK_MS = 150.0, 20.0

OF_CHANGES_MS = 3.0
"""Of a processor, for what changes the catalogue: it cannot be made twice from the same answers."""

GROUPS = (
    ("Test Lab", cases.TESTLAB),
    ("Test Lab, administration", cases.TESTLAB_ADMINISTRATION),
    ("The dashboard", cases.PAGES),
    ("UpGrade's clients", cases.UPGRADE),
    ("UpGrade, administration", cases.UPGRADE_ADMINISTRATION),
)


def _deployed() -> tuple[int, str]:
    """Memory and architecture of the function, as they are deployed."""
    config = json.loads((PROJECT / ".chalice" / "config.json").read_text())
    return config["lambda_memory_size"], config["lambda_architecture"]


def measure(*, quick: bool) -> list[Section]:
    """The table of trips and capacity, and that of costs, for readers and for the dashboard."""
    world = build(application.start())
    enough_ms = QUICK_MS if quick else ENOUGH_MS
    counts = (heading for what in ("trips", "RCU", "WCU") for heading in (what, "budget", "floor"))
    trips = Table(("request", *counts, "", "why no design can use less"))
    costs = Table(("request", "DynamoDB", "Lambda", "API Gateway", "in all", "duration, ms"))
    shorts = 0
    for title, own in GROUPS:
        trips.add(f"*{title}*", *[""] * 11)
        costs.add(f"*{title}*", *[""] * 5)
        for each in figures(world, *own, enough_ms=enough_ms):
            print(f"  {each.case.name}", file=sys.stderr)
            budget, floor = each.budget, each.budget.floor
            short = bool(each.faults())
            shorts += short
            trips.add(
                each.case.name,
                each.trips, budget.trips, floor.trips,
                figure(each.read), figure(budget.read), figure(floor.read),
                figure(each.write), figure(budget.write), figure(floor.write),
                SHORT if short else OK,
                floor.why,
            )  # fmt: skip
            costs.add(each.case.name, *_dollars(each))
    count = sum(len(own) for _, own in GROUPS)
    summary = f"{count} requests, {count - shorts} within their budgets, {shorts} short."
    return [
        Section(PERFORMANCE, "round-trips", f"{trips.markdown()}\n\n{summary}"),
        Section(OPERATIONS, "costs", costs.markdown()),
        Section(DASHBOARD, "costs", costs.markdown()),
    ]


def _dollars(each: Figures) -> tuple[str, ...]:
    memory, architecture = _deployed()
    cpu = each.cpu.total if each.cpu else OF_CHANGES_MS
    duration = prices.lambda_milliseconds(cpu, each.trips * budgets.LATENCY_MS, memory)
    database = prices.database(each.read, each.write)
    function = prices.function(duration, memory, architecture)
    total = database + function + prices.GATEWAY_REQUESTS
    shown = (database, function, prices.GATEWAY_REQUESTS, total)
    approximate = "" if each.cpu else "~"
    return *(f"${dollars:.2f}" for dollars in shown), f"{approximate}{duration:.0f}"
