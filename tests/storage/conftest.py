"""Each test of this folder runs against the fakes and against DynamoDB."""

from __future__ import annotations

from typing import cast

import pytest

from chalicelib.services.stores import Stores
from tests.fakes.stores import fake_stores


@pytest.fixture(params=["fake", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "fake":
        return fake_stores()
    return cast(Stores, request.getfixturevalue("dynamo_stores"))
