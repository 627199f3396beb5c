from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import chalicelib.domain
import chalicelib.services

MODULES = [
    module.name
    for package in (chalicelib.domain, chalicelib.services)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_hold(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples_to_hold() -> None:
    modules = [importlib.import_module(name) for name in MODULES]
    assert any(test.examples for m in modules for test in doctest.DocTestFinder().find(m))
