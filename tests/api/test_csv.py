"""CSV is either read back, and exact, or made for people, and then no cell of it is a formula."""

from __future__ import annotations

import ast
import csv
import io
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import chalicelib
from tests import contract
from tests.api.upgrade_setup import segment
from tests.http import Gateway

READ_BACK = {
    "GET /api/segments/export/csv": "UpGrade's page reads the members of a list from it",
    "GET /api/stratification/download/{factor}": "POST /api/stratification reads it",
}
"""By route, who reads its CSV: its cells are exact, formulas included."""

WRITERS = {
    "api/upgrade/audiences/segment_imports.py": "GET /api/segments/export/csv",
    "api/upgrade/participants/stratification.py": "GET /api/stratification/download/{factor}",
}
"""By module that writes CSV, the route that it is for."""

HOSTILE = ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("x","y")', "'=1", "a,b"]


FOR_PEOPLE = {"api/results/results_csv.py"}
"""Modules whose CSV nothing reads back: no cell of it is a formula (tests/api/test_results.py)."""


def documented() -> Iterator[str]:
    """The routes that say that they answer CSV, by their type or by their name."""
    for path, method, operation in contract.operations(contract.document()):
        answers = operation["responses"].get("200", {}).get("content", {})
        if path.startswith("/api/results/"):
            continue
        if "text/csv" in answers or path.endswith("/csv"):
            yield f"{method.upper()} {path}"


def writers() -> Iterator[str]:
    """The modules that import what writes CSV, and use more of it than the reader."""
    root = Path(chalicelib.__path__[0])
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in ("writer", "DictWriter"):
                yield str(path.relative_to(root))


def test_every_route_that_gives_csv_says_who_reads_it(app: ModuleType) -> None:
    del app  # it publishes the routes
    told = "say who reads a new one; what is made for people alone must not hold formulas"
    assert sorted(documented()) == sorted(READ_BACK), told
    assert sorted(writers()) == sorted({*WRITERS, *FOR_PEOPLE}), told
    assert sorted(WRITERS.values()) == sorted(READ_BACK)


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def test_what_is_read_back_comes_out_as_it_went_in(gateway: Gateway) -> None:
    body: Any = segment(*HOSTILE, type="public")
    made = gateway.post("/api/segments", body).json["id"]
    [file] = gateway.get(f"/api/segments/export/csv?ids={made}").json
    assert sorted(cell for _, cell in rows(file["fileContent"])[1:]) == sorted(HOSTILE)
    text = io.StringIO(newline="")
    csv.writer(text).writerows([("uuid", "factor"), *((each, each) for each in HOSTILE)])
    assert gateway.post("/api/stratification", {"files": [{"file": text.getvalue()}]}).status == 200
    downloaded = gateway.get("/api/stratification/download/factor").text
    assert sorted(rows(downloaded)[1:]) == sorted([each, each] for each in HOSTILE)
    again = gateway.post("/api/stratification", {"files": [{"file": downloaded}]})
    assert again.json == [{"factor": "factor", "users": len(HOSTILE)}]
