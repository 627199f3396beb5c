"""Each scenario is replayed on both databases, by another caller on each."""

from __future__ import annotations

import pytest

from tests.conformance.callers import ADMINISTRATOR, ANYBODY, Caller


@pytest.fixture(scope="module")
def caller(dynamodb_endpoint: str | None) -> Caller:
    """Anybody on the embedded database, one with a key on DynamoDB Local."""
    return ANYBODY if dynamodb_endpoint is None else ADMINISTRATOR
