"""The started server under load, on three stores."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import botocore.session

from benchmarks import application, budgets, cases
from benchmarks.application import Request
from benchmarks.callers import NEW
from benchmarks.local_server import NotStarted, Remote, dynamodb_local, load, served, stub
from benchmarks.recorder import Recorder
from benchmarks.replay import Tape, recording
from benchmarks.report import PERFORMANCE, Section, Table, machine, verdict
from benchmarks.worlds import World, build_by_api

CONNECTIONS = (1, 8, 32)
SECONDS, QUICK_SECONDS = 1.0, 0.5
USERS = 8
TRIPS = 100
EXPERIMENTS, FLAGS = 10, 20

NEW_USER = "POST /api/users"

NAMES = (
    "GET /api/feature/current",
    "GET /api/feature/current, 304",
    NEW_USER,
    "POST /api/events",
    "v6 init, a known user",
    "v6 assign, 10 experiments",
    "v6 mark, repeated",
    "v6 log, 1 entry",
    "v6 featureflag, 100 flags",
)
"""What can be sent again and again; here there are 20 flags."""

EMBEDDED, LOCAL, STUB = "embedded", "DynamoDB Local", "4 ms"


def measure(*, quick: bool) -> list[Section]:
    """The table of load."""
    seconds = QUICK_SECONDS if quick else SECONDS
    seen_columns = ("requests/s", "p50, ms", "p99, ms", "errors")
    table = Table(("request", "store", "connections", *seen_columns, "target p50", ""))
    bare = 0.0
    with tempfile.TemporaryDirectory() as folder:
        answers = Path(folder) / "answers.json"
        sent, trips = _record(answers)
        for store in (EMBEDDED, LOCAL, STUB):
            try:
                with _running(store, answers) as url:
                    if store != STUB:
                        world = build_by_api(Remote(url), EXPERIMENTS, FLAGS)
                        sent = {name: list(_requests(world, name)) for name in NAMES}
                    for name, requests in sent.items():
                        if store == STUB and not bare:
                            bare = _bare_trip(answers)
                        print(f"  {store}: {name}", file=sys.stderr, flush=True)
                        for connections in CONNECTIONS:
                            seen = load(url, requests, connections, seconds)
                            target = trips[name] * budgets.LATENCY_MS + budgets.OVERHEAD_MS
                            judged = store == STUB and connections < 8
                            shown = [f"{seen[key]:.1f}" for key in ("p50", "p99")]
                            table.add(
                                name, store, connections, f"{seen['rate']:.0f}", *shown,
                                f"{seen['errors']:.0f}",
                                f"{target:g}" if judged else "",
                                verdict(seen["p50"], target) if judged else "",
                            )  # fmt: skip
            except NotStarted as error:
                print(f"  {store} is left out: {error}", file=sys.stderr)
    trip = f"Bare boto3 waited {bare:.1f} ms for a trip to the stub (median)."
    return [Section(PERFORMANCE, "load", f"{table.markdown()}\n\n{trip} {machine()}")]


def _bare_trip(answers: Path) -> float:
    """Milliseconds of a call to the stub from boto3 alone: what the machine makes of 4 ms."""
    with stub(answers, budgets.LATENCY_MS) as url:
        client = botocore.session.get_session().create_client(
            "dynamodb",
            region_name="us-east-1",
            endpoint_url=url,
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - nobody checks it
        )
        took = []
        for _ in range(TRIPS):
            started = time.perf_counter()
            client.get_item(TableName="any", Key={"pk": {"S": "any"}})
            took.append(1000 * (time.perf_counter() - started))
    return median(took)


@contextmanager
def _running(store: str, answers: Path) -> Iterator[str]:
    with ExitStack() as stack:
        settings = {}
        if store == LOCAL:
            settings["DYNAMODB_ENDPOINT"] = stack.enter_context(dynamodb_local())
        elif store == STUB:
            endpoint = stack.enter_context(stub(answers, budgets.LATENCY_MS))
            settings["DYNAMODB_ENDPOINT"] = endpoint
        yield stack.enter_context(served(**settings))


def _record(path: Path) -> tuple[dict[str, list[Request]], dict[str, int]]:
    """Answers to all requests, for the stub; the requests, and their round trips."""
    app = application.start()
    world = build_by_api(app, EXPERIMENTS, FLAGS)
    sent = {name: list(_requests(world, name)) for name in NAMES}
    world.application.services.catalogue.fresh()
    tape, recorder, trips = Tape(), Recorder(), {}
    with recording(tape):
        # What a process reads when it starts.
        app.services.catalogue._cached = None
        app.services.events._events._ids._ids = iter(range(0))
        for name, requests in sent.items():
            for request in (requests[0], *requests):
                with recorder.request() as record:
                    app.send(_new(world, request))
                trips[name] = record.trips
    tape.answers().save(path)
    return sent, trips


def _new(world: World, request: Request) -> Request:
    """The request, with a name of its own where the callers put one."""
    if not isinstance(request.body, dict) or request.body.get("id") != NEW.decode():
        return request
    body = {**request.body, "id": world.fresh()}
    return Request(request.method, request.path, body, request.headers)


def _requests(world: World, name: str) -> Iterator[Request]:
    for _ in range(USERS):
        request = cases.BY_NAME[name].prepare(world)
        if name == NEW_USER:
            request = Request("POST", request.path, {**request.body, "id": NEW.decode()})
        yield request
