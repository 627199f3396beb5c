"""The size of the house: folders, modules and views."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import chalicelib
from chalicelib import api
from chalicelib.api.dashboard import pages
from tests.unit.service_calls import definition, use_cases

ROOT = Path(chalicelib.__file__).parents[1]
CODE = [ROOT / "chalicelib", ROOT / "infra"]

MODULES_OF_A_FOLDER = 12
LINES_OF_A_MODULE = 360
LINES_OF_A_VIEW = 10

DATA = frozenset(
    {
        "chalicelib/storage/dynamodb/keys.py",
        "chalicelib/storage/dynamodb/tables.py",
        "infra/openapi/routes/study.py",
    }
)
"""Modules that hold hardly anything but declarations."""


def modules() -> list[Path]:
    return [path for folder in CODE for path in folder.rglob("*.py")]


def test_no_folder_has_more_modules_than_can_be_taken_in() -> None:
    folders = {path.parent for path in modules()}
    assert len(folders) > 30
    for folder in folders:
        names = [path.name for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(names) <= MODULES_OF_A_FOLDER, folder.relative_to(ROOT)


def test_no_module_is_longer_than_can_be_read_at_once() -> None:
    for path in modules():
        name = path.relative_to(ROOT).as_posix()
        lines = len(path.read_text().splitlines())
        assert lines <= LINES_OF_A_MODULE or name in DATA, f"{name} has {lines}"
    assert all((ROOT / name).exists() for name in DATA)


def views() -> list[Callable[..., Any]]:
    return list({route.view: None for route in (*api.all_routes(), *pages())})


@pytest.mark.parametrize("view", views(), ids=lambda view: view.__name__)
def test_a_view_is_short(view: Callable[..., Any]) -> None:
    docstring, *body = definition(view).body
    assert isinstance(docstring, ast.Expr)
    assert body, "its docstring is all it has"
    assert (body[-1].end_lineno or 0) - body[0].lineno + 1 <= LINES_OF_A_VIEW


@pytest.mark.parametrize("view", views(), ids=lambda view: view.__name__)
def test_a_view_calls_one_use_case_with_all_its_helpers(view: Callable[..., Any]) -> None:
    assert len(use_cases(view)) <= 1


def test_the_fakes_of_the_ports_know_nothing_of_the_store() -> None:
    fakes = list((ROOT / "tests" / "fakes").glob("*.py"))
    assert len(fakes) > 8
    for path in fakes:
        imported = [
            node.module or ""
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom)
        ]
        assert not [name for name in imported if name.startswith("chalicelib.storage")], path.name
