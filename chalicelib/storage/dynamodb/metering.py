"""Counts what is asked of DynamoDB, and stops asking when a request's time is up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from chalicelib.domain.errors import Unavailable
from chalicelib.services.running import request_budget

WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"})
BEGUN = "switchyard_begun"
"""Where botocore's notes of a call keep the time from which time would be lost."""

SENT = "switchyard_sent"
"""Where they keep that a call was sent before."""

SERVER_FAULT = 500

_once: ContextVar[bool] = ContextVar("once", default=False)


@contextmanager
def sent_once() -> Iterator[None]:
    """Within it botocore repeats no call: one that fails cannot take effect later than that.

    `Unavailable` is raised in place of the repetition.
    """
    token = _once.set(True)
    try:
        yield
    finally:
        _once.reset(token)


def meter(
    client: Any, longest_attempt: float, monotonic: Callable[[], float] = time.monotonic
) -> None:
    """Let the calls of a client count in the budget that is open where they are made.

    No attempt begins, botocore's own repetitions included, that could end after the budget's
    deadline, should it fail after `longest_attempt` seconds; `Unavailable` is raised instead.
    """

    def begin(request: Any, **_: Any) -> None:
        if _once.get():
            if SENT in request.context:
                raise Unavailable("the database did not answer", reason="sent once")
            request.context[SENT] = True
        budget = request_budget.current()
        if budget is None:
            return
        now = monotonic()
        if BEGUN in request.context:  # it was tried before
            budget.lose(request.context[BEGUN], now)
        if not budget.allows(longest_attempt):
            raise Unavailable("the database did not answer in time", reason="deadline")
        request.context[BEGUN] = now
        budget.sent()

    def end(
        context: dict[str, Any],
        parsed_response: Mapping[str, Any] | None,
        event_name: str,
        **_: Any,
    ) -> None:
        budget = request_budget.current()
        if budget is None:
            return
        if parsed_response is None or _status(parsed_response) >= SERVER_FAULT:
            now = monotonic()
            budget.lose(context[BEGUN], now)
            context[BEGUN] = now
            return
        budget.consumed(*units(event_name.rpartition(".")[2], parsed_response))

    # Before the request is signed, which may itself have to wait for credentials.
    client.meta.events.register_first("request-created.dynamodb", begin)
    client.meta.events.register("response-received.dynamodb", end)


def units(operation: str, answer: Mapping[str, Any]) -> tuple[float, float]:
    """The read and write capacity units that an answer of DynamoDB names; 0 where it does not.

    Answers to transactions and batches name them table by table.
    """
    consumed = answer.get("ConsumedCapacity") or []
    tables = consumed if isinstance(consumed, list) else [consumed]
    total: float = sum(table.get("CapacityUnits", 0) for table in tables)
    return (0.0, total) if operation in WRITES else (total, 0.0)


def _status(answer: Mapping[str, Any]) -> int:
    status: int = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status
