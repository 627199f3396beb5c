"""Tables in Markdown, and the places between markers where documents keep them."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).parents[1]
PERFORMANCE = PROJECT / "docs" / "performance.md"
OPERATIONS = PROJECT / "docs" / "operations.md"
DASHBOARD = PROJECT / "chalicelib" / "api" / "dashboard" / "service_facts" / "costs.md"

NUMBER = re.compile(r"[~<]?-?\$?\d|-$|$")
"""What stands in a column of numbers: one, a dash, or nothing."""

OK, SHORT = "ok", "**short**"


class NoMarkers(Exception):
    """A document lacks the place where a table belongs."""


@dataclass
class Table:
    """Rows of text under columns; columns of numbers are set to the right."""

    columns: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)

    def add(self, *cells: object) -> None:
        """One row."""
        self.rows.append([str(cell) for cell in cells])

    def markdown(self) -> str:
        """The table."""
        numeric = [
            any(row[index] for row in self.rows)
            and all(NUMBER.match(row[index]) for row in self.rows)
            for index in range(len(self.columns))
        ]
        rules = ["---:" if right else "---" for right in numeric]
        return "\n".join(_line(cells) for cells in (self.columns, rules, *self.rows))


@dataclass(frozen=True, slots=True)
class Section:
    """What belongs between the markers of this name in a document."""

    document: Path
    name: str
    text: str

    def write(self) -> None:
        """Put it there.

        Raises:
            NoMarkers: if the document has no such place.
        """
        begin, end = f"<!-- bench: {self.name} -->", f"<!-- /bench: {self.name} -->"
        before, found, rest = self.document.read_text().partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise NoMarkers(f"{self.document} has no {begin} ... {end}")
        self.document.write_text(f"{before}{begin}\n{self.text}\n{end}{after}")


def machine() -> str:
    """What the times were measured on. A busy machine makes all of them longer."""
    processors, busy = os.cpu_count(), os.getloadavg()[1]
    system = f"{platform.machine()}, {processors} processors, Python {platform.python_version()}"
    return f"Measured on {system}; load average of the last five minutes {busy:.1f}."


def verdict(result: float, target: float) -> str:
    """Whether a result is within its target."""
    return OK if result <= target else SHORT


def figure(number: float) -> str:
    """A number without digits that say nothing."""
    return f"{number:.1f}".removesuffix(".0")


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
