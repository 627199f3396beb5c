"""The requests that are measured, by the names that the tables give them.

Each is made anew from a world: what it needs is prepared first, and is not measured.
"""

from __future__ import annotations

from benchmarks.cases.case import Case
from benchmarks.cases.pages import PAGES
from benchmarks.cases.testlab import TESTLAB, TESTLAB_ADMINISTRATION
from benchmarks.cases.upgrade import UPGRADE, UPGRADE_ADMINISTRATION

__all__ = [
    "BY_NAME",
    "CASES",
    "PAGES",
    "TESTLAB",
    "TESTLAB_ADMINISTRATION",
    "UPGRADE",
    "UPGRADE_ADMINISTRATION",
    "Case",
]

CASES: tuple[Case, ...] = (
    *TESTLAB,
    *TESTLAB_ADMINISTRATION,
    *UPGRADE,
    *UPGRADE_ADMINISTRATION,
    *PAGES,
)
BY_NAME = {case.name: case for case in CASES}
