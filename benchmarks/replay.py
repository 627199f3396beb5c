"""The database's answers from memory: what the handler itself costs, without sockets.

The answers to a request are recorded at the wire (botocore's event `before-send`) while the
embedded database gives them, and are then given again, byte by byte. Everything above the socket
runs as ever: signing, parsing, checksums.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from moto.core.models import botocore_stubber

from benchmarks.application import Application, Request
from benchmarks.cases import Case
from benchmarks.recorder import Call, Record, Recorder
from benchmarks.store_stub import Answers, identity
from benchmarks.worlds import World
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import shared

TARGET = "X-Amz-Target"
LEASE = b'{"Attributes": {"value": {"N": "1000000000"}}}'
STUBBER = "process_request"
"""The method by which moto answers; the embedded database has put one of its own there."""

LEASED = frozenset(keys.sequence(name) for name in ("event", "log"))
"""Sequences of which a process takes many ids at a time."""


class Tape:
    """Answers by what was asked: the same bytes, or else the same operation.

    Writes differ from one time to the next in their ids and times, and their answers say nothing
    of these.
    """

    def __init__(self) -> None:
        self._exact: dict[tuple[str, bytes], AWSResponse] = {}
        self._last: dict[str, AWSResponse] = {}

    def record(self, request: AWSPreparedRequest, response: AWSResponse) -> None:
        """Remember an answer."""
        operation = _operation(request)
        kept = AWSResponse(response.url, response.status_code, response.headers, None)
        kept._content = response.content
        self._exact[operation, _bytes(request.body)] = kept
        self._last[operation] = kept

    def answers(self) -> Answers:
        """What is on it, for a store stub."""
        return Answers(
            {
                identity(_short(operation), body): response.content.decode()
                for (operation, body), response in self._exact.items()
            },
            {_short(op): response.content.decode() for op, response in self._last.items()},
        )

    def __call__(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        """Botocore's hook."""
        operation = _operation(request)
        found = self._exact.get((operation, _bytes(request.body)))
        if found is None:
            found = self._last.get(operation)
        return found if found is not None else _leased(request)


def _leased(request: AWSPreparedRequest) -> AWSResponse:
    """The next thousand ids: what is repeated often enough runs out of them."""
    response = AWSResponse(request.url, 200, {}, None)
    response._content = LEASE
    return response


def _operation(request: AWSPreparedRequest) -> str:
    target = request.headers[TARGET]
    return target.decode() if isinstance(target, bytes) else str(target)


def _short(operation: str) -> str:
    return operation.rpartition(".")[2]


def _bytes(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else bytes(body)


@contextmanager
def recording(tape: Tape) -> Iterator[None]:
    """Let the embedded database's answers go on the tape as they are given."""
    answer = botocore_stubber.process_request
    lock = threading.Lock()

    def process(request: Any) -> Any:
        given = answer(request)
        if given is not None:
            status, headers, body = given
            response = AWSResponse(request.url, status, headers, None)
            content = body.encode() if isinstance(body, str) else body
            response._content = content
            with lock:
                tape.record(request, response)
        return given

    setattr(botocore_stubber, STUBBER, process)
    try:
        yield
    finally:
        setattr(botocore_stubber, STUBBER, answer)


@contextmanager
def playing(tape: Tape) -> Iterator[None]:
    """Answer the shared client from the tape, and from nothing else."""
    events = shared().client.meta.events
    enabled = botocore_stubber.enabled
    botocore_stubber.enabled = False
    events.register_first("before-send.dynamodb", tape)
    try:
        yield
    finally:
        events.unregister("before-send.dynamodb", tape)
        botocore_stubber.enabled = enabled


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A request that was made once, with what it asked of the database and what it was told."""

    request: Request
    record: Record
    tape: Tape = field(repr=False)
    status: int = 200


class Unexpected(Exception):
    """A request was not answered as its case says."""


def rehearse(world: World, case: Case, recorder: Recorder) -> Rehearsed:
    """Make a request in a warm process: what it costs is that of an unchanged catalogue.

    One in a thousand requests that give out ids leases the next thousand; it is made again.

    Raises:
        Unexpected: if it is not answered as it should be.
    """
    rehearsed = _rehearsed(world, case, recorder)
    if any(map(_is_lease, rehearsed.record.calls)):
        return _rehearsed(world, case, recorder)
    return rehearsed


def _is_lease(call: Call) -> bool:
    return call.operation == "UpdateItem" and call.params["Key"]["pk"]["S"] in LEASED


def _rehearsed(world: World, case: Case, recorder: Recorder) -> Rehearsed:
    request = case.prepare(world)
    # A catalogue that the preparation changed is read before.
    world.application.services.catalogue.fresh()
    tape = Tape()
    with recording(tape), recorder.request() as record:
        answer = world.application.send(request)
    if answer.status != case.status:
        detail = answer.headers.get("x-error-detail", "")
        raise Unexpected(f"{case.name}: {answer.status} {answer.text} {detail}")
    return Rehearsed(request, record, tape, case.status)


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of a processor for one request, each a median.

    `total` in all, `client` for the same calls in the bare client, `own` the difference of the two
    made one right after the other: what is neither botocore's nor the socket's.
    """

    total: float
    client: float
    own: float


MOST, LEAST = 200, 5
"""Pairs of a request and its bare calls."""


def cost(application: Application, rehearsed: Rehearsed, enough_ms: float) -> Cost:
    """What a request costs, measured for about `enough_ms` milliseconds.

    Pairs, so that whatever else the machine does is in both halves of a difference.

    Raises:
        Unexpected: if an answer is another one than when it was rehearsed.
    """
    event = application.event(rehearsed.request)
    calls = [(call.operation, dict(call.params)) for call in rehearsed.record.calls]
    client = shared().client

    def request() -> None:
        answer = application.call(event)
        if answer["statusCode"] != rehearsed.status:
            raise Unexpected(f"{rehearsed.request}: {answer}")

    def bare() -> None:
        for operation, params in calls:
            client._make_api_call(operation, params)

    with playing(rehearsed.tape):
        for _ in range(2):
            once = _milliseconds(request) + _milliseconds(bare)
        count = int(min(MOST, max(LEAST, enough_ms / once)))
        pairs = [(_milliseconds(request), _milliseconds(bare)) for _ in range(count)]
    totals, clients = zip(*pairs, strict=True)
    return Cost(
        median(totals),
        median(clients),
        max(0.0, median(total - bare for total, bare in pairs)),
    )


def _milliseconds(work: Callable[[], None]) -> float:
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1000
