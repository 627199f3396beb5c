"""What a million calls cost, as the benchmark measured it: the table of docs/operations.md."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).with_name("costs.md")


@dataclass(frozen=True, slots=True)
class CostGroup:
    """Requests of one kind with their costs, in the order of `columns`."""

    name: str
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Costs:
    """The costs of requests; the first column names the request."""

    columns: Sequence[str]
    groups: Sequence[CostGroup]


@functools.cache
def costs() -> Costs:
    """The table, read once per process."""
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    columns, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    groups: list[tuple[str, list[Sequence[str]]]] = []
    for row in rows:
        if row[0].startswith("*"):
            groups.append((row[0].strip("*"), []))
        else:
            groups[-1][1].append(row)
    return Costs(columns, [CostGroup(name, found) for name, found in groups])
