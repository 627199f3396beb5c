"""What is counted of the calls to DynamoDB, and when no more are made."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ReadTimeoutError
from botocore.hooks import HierarchicalEmitter

from chalicelib.domain.errors import Unavailable
from chalicelib.services.running import request_budget
from chalicelib.services.running.retries import DEADLINE
from chalicelib.storage.dynamodb.connection import CONNECT_TIMEOUT, READ_TIMEOUT, RETRIES
from chalicelib.storage.dynamodb.metering import meter, sent_once, units

ATTEMPT = 1.25
TIMEOUT = ReadTimeoutError(endpoint_url="http://nowhere")


@pytest.mark.parametrize(
    ("operation", "consumed", "expected"),
    [
        ("GetItem", {"CapacityUnits": 0.5}, (0.5, 0)),
        ("Query", {"CapacityUnits": 3.0, "TableName": "t"}, (3.0, 0)),
        ("Scan", None, (0, 0)),
        ("GetItem", {}, (0, 0)),
        ("BatchGetItem", [{"CapacityUnits": 1.0}, {"CapacityUnits": 2.5}], (3.5, 0)),
        ("PutItem", {"CapacityUnits": 2.0}, (0, 2.0)),
        ("UpdateItem", {"CapacityUnits": 1.0}, (0, 1.0)),
        ("DeleteItem", {"CapacityUnits": 1.0}, (0, 1.0)),
        ("BatchWriteItem", [{"CapacityUnits": 1.0}, {"CapacityUnits": 2.0}], (0, 3.0)),
        ("TransactWriteItems", [{"CapacityUnits": 4.0}, {"CapacityUnits": 2.0}], (0, 6.0)),
        ("TransactWriteItems", [], (0, 0)),
    ],
)
def test_capacity_is_that_of_all_tables_of_an_answer(
    operation: str, consumed: Any, expected: tuple[float, float]
) -> None:
    answer = {} if consumed is None else {"ConsumedCapacity": consumed}
    assert units(operation, answer) == expected


class Calls:
    """Calls of a client, attempt by attempt, at times of a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.events = HierarchicalEmitter()
        client = SimpleNamespace(meta=SimpleNamespace(events=self.events))
        meter(client, ATTEMPT, lambda: self.now)

    def attempt(self, context: dict[str, Any], seconds: float, answer: Any = None) -> None:
        """One attempt of the call that has a context; without an answer it fails."""
        request = AWSRequest("POST", "http://nowhere")
        request.context = context
        self.events.emit("request-created.dynamodb.GetItem", request=request)
        self.now += seconds
        self.events.emit(
            "response-received.dynamodb.GetItem",
            context=context,
            parsed_response=answer,
            exception=None if answer is not None else TIMEOUT,
        )


@pytest.fixture
def calls() -> Calls:
    return Calls()


def answered(status: int = 200, units: float = 0.5) -> dict[str, Any]:
    return {
        "ResponseMetadata": {"HTTPStatusCode": status},
        "ConsumedCapacity": {"CapacityUnits": units},
    }


def test_each_attempt_counts_and_no_time_is_lost_where_all_goes_well(calls: Calls) -> None:
    with request_budget.opened(DEADLINE) as budget:
        for _ in range(10):
            calls.attempt({}, 1.0, answered())
    assert (budget.calls, budget.read_units, budget.lost) == (10, 5.0, 0)


@pytest.mark.parametrize("failure", [None, answered(500)])
def test_a_repeated_call_counts_again_and_loses_the_time_until_then(
    calls: Calls, failure: Any
) -> None:
    context: dict[str, Any] = {}
    with request_budget.opened(DEADLINE) as budget:
        calls.attempt(context, 1.0, failure)
        calls.now += 0.025
        calls.attempt(context, 0.5, answered())
    assert (budget.calls, budget.read_units) == (2, 0.5)
    assert budget.lost == pytest.approx(1.025)


def test_a_throttled_call_loses_the_pause_after_it(calls: Calls) -> None:
    context: dict[str, Any] = {}
    with request_budget.opened(DEADLINE) as budget:
        calls.attempt(context, 0, answered(400, 0))
        calls.now += 1
        calls.attempt(context, 0, answered())
    assert budget.lost == 1


def test_no_attempt_begins_that_could_end_after_the_deadline(calls: Calls) -> None:
    with request_budget.opened(DEADLINE) as budget:
        calls.attempt({}, 1.25)
        calls.attempt({}, 1.25)
        for _ in range(2):
            with pytest.raises(Unavailable, match="in time") as error:
                calls.attempt({}, 0, answered())
            assert error.value.reason == "deadline"
    assert (budget.calls, budget.lost) == (2, DEADLINE)
    with request_budget.opened(DEADLINE):
        calls.attempt({}, 0, answered())


def test_a_long_request_that_makes_headway_is_not_cut_off(calls: Calls) -> None:
    with request_budget.opened(DEADLINE) as budget:
        for _ in range(100):
            calls.attempt({}, 1.0, answered())
    assert budget.calls == 100


def test_without_a_budget_nothing_is_counted_nor_cut_off(calls: Calls) -> None:
    context: dict[str, Any] = {}
    for _ in range(10):
        calls.attempt(context, 10)
    calls.attempt(context, 0, answered())
    assert context == {}


def test_all_attempts_of_a_call_end_before_a_request_s_deadline() -> None:
    assert (1 + RETRIES) * (CONNECT_TIMEOUT + READ_TIMEOUT) <= DEADLINE


def test_a_call_that_may_not_come_late_is_not_repeated(calls: Calls) -> None:
    context: dict[str, Any] = {}
    with sent_once():
        calls.attempt(context, 1.0)
        with pytest.raises(Unavailable, match="did not answer"):
            calls.attempt(context, 0, answered())
        calls.attempt({}, 0, answered())
    calls.attempt(context, 0, answered())
