"""The local server on its embedded store, with many events stored."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from chalice.local import ChaliceRequestHandler, create_local_server

from benchmarks import application, budgets, seeding
from benchmarks.application import Request
from benchmarks.local_server import load
from benchmarks.report import PERFORMANCE, Section, Table, machine, verdict
from benchmarks.worlds import NO_FEATURES, World, build
from infra.stages import config_of

USERS = 50
SECONDS, QUICK_SECONDS = 6.0, 2.0


def measure(*, quick: bool) -> list[Section]:
    """The table of POST /api/events."""
    app = application.start()
    world = build(app, NO_FEATURES)
    seeding.users(world, budgets.EMBEDDED_EVENTS // seeding.EVENTS_PER_USER)
    seeding.events(world, budgets.EMBEDDED_EVENTS)
    variant_id = world.variant_ids[0]
    requests = [
        Request("POST", "/api/events", {"user_id": user_id, "variant_id": variant_id})
        for user_id in (world.testlab_user(1) for _ in range(USERS))
    ]
    table = Table(("connections", "requests/s", "p50, ms", "p95, ms", "target", "", "errors"))
    with _serving(world) as url:
        for connections in (1, 8):
            seen = load(url, requests, connections, QUICK_SECONDS if quick else SECONDS)
            target = budgets.EMBEDDED_P95_MS
            table.add(
                connections,
                f"{seen['rate']:.0f}",
                f"{seen['p50']:.1f}",
                f"{seen['p95']:.1f}",
                f"{target:g}" if connections == 1 else "",
                verdict(seen["p95"], target) if connections == 1 else "",
                f"{seen['errors']:.0f}",
            )
    return [Section(PERFORMANCE, "embedded", f"{table.markdown()}\n\n{machine()}")]


@contextmanager
def _serving(world: World) -> Iterator[str]:
    """The server that `make run` makes, in a thread: its store can be filled in process."""
    setattr(ChaliceRequestHandler, "log_message", _say_nothing)  # noqa: B010 - replaced on purpose
    server = create_local_server(world.application.module.app, config_of("local"), "127.0.0.1", 0)
    thread = threading.Thread(target=server.server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server.server_address[1]}"
    finally:
        server.server.shutdown()
        thread.join()


def _say_nothing(*_: object) -> None:
    """In place of a line for each request."""
