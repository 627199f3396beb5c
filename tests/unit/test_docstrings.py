from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import chalicelib.domain
import chalicelib.services

MODULES = [
    f"{package.__name__}.{module.name}"
    for package in (chalicelib.domain, chalicelib.services)
    for module in pkgutil.iter_modules(package.__path__)
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_hold(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples_to_hold() -> None:
    modules = [importlib.import_module(name) for name in MODULES]
    assert any(test.examples for m in modules for test in doctest.DocTestFinder().find(m))
