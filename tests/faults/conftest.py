"""These tests need the real database: its transactions, and its memory of request tokens."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Without DynamoDB Local there is nothing here."""
    if collection_path.suffix == ".py" and config.getoption("--dynamodb-local") is None:
        return True
    return None
