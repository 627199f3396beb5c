"""What failures of the database mean to the layers above."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from pynamodb.exceptions import (
    CancellationReason,
    GetError,
    TransactWriteError,
    VerboseClientError,
)

from chalicelib.domain.errors import LostRace, Unavailable
from chalicelib.storage.dynamodb.connection import store_errors

ERRORS = (GetError, TransactWriteError)
SILENT = (ReadTimeoutError, ConnectTimeoutError, EndpointConnectionError)


def refused(code: str) -> VerboseClientError:
    return VerboseClientError({"Error": {"Code": code, "Message": "user u"}}, "GetItem", {})


def met(error: Exception) -> Exception:
    """What becomes of an error of PynamoDB's."""
    with pytest.raises(Exception) as found, store_errors():  # noqa: PT011 - any
        raise error
    return found.value


@pytest.mark.parametrize("kind", ERRORS)
@pytest.mark.parametrize("cause", SILENT)
def test_a_database_that_does_not_answer_is_unavailable(kind: Any, cause: Any) -> None:
    error = met(kind("Failed", cause(endpoint_url="http://nowhere", error="x")))
    assert isinstance(error, Unavailable)
    assert error.reason == cause.__name__


@pytest.mark.parametrize("kind", ERRORS)
def test_a_database_that_refuses_is_unavailable_for_the_reason_that_it_names(kind: Any) -> None:
    error = met(kind("Failed", refused("ThrottlingException")))
    assert isinstance(error, Unavailable)
    assert error.reason == "ThrottlingException"


@pytest.mark.parametrize("kind", ERRORS)
def test_a_request_that_no_database_would_take_is_a_fault_of_the_program(kind: Any) -> None:
    error = kind("Failed", refused("ValidationException"))
    assert met(error) is error


@pytest.mark.parametrize(
    "code", ["ConditionalCheckFailedException", "TransactionConflictException"]
)
def test_a_condition_that_does_not_hold_is_a_lost_race(code: str) -> None:
    assert isinstance(met(GetError("Failed", refused(code))), LostRace)


@pytest.mark.parametrize("code", ["ValidationError", "ItemCollectionSizeLimitExceeded"])
def test_a_transaction_with_an_item_that_no_database_would_take_is_one_too(code: str) -> None:
    response = {"Error": {"Code": "TransactionCanceledException", "Message": "user u"}}
    reasons = [None, CancellationReason(code, "too large")]
    cause = VerboseClientError(response, "TransactWriteItems", {}, cancellation_reasons=reasons)
    error = TransactWriteError("Failed", cause)
    assert met(error) is error
