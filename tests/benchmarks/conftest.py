"""The application as the benchmarks call it."""

from __future__ import annotations

from types import ModuleType

import pytest

from benchmarks.application import Application


@pytest.fixture
def bench(app: ModuleType) -> Application:
    """The application, on an empty database."""
    return Application(app)
