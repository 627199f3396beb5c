"""The application under test, and the database it runs on."""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from types import ModuleType
from typing import Any

import pytest
from hypothesis import settings
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.server import ThreadedMotoServer

from chalicelib.services.stores import Stores
from tests.database_proxy import Call, proxied
from tests.http import Gateway
from tests.servers import Server, forked_servers

settings.register_profile("brief", max_examples=5, deadline=None)
settings.register_profile("quick", max_examples=25, deadline=None)
settings.register_profile("thorough", max_examples=100, deadline=None)
settings.load_profile("quick")
START_SECONDS = 60
CLIENT_SECRET = "what UpGrade's clients sign their tokens with"  # noqa: S105 - of the tests alone
CLIENT_KEY = "the key of UpGrade's clients"

PATIENCE_MS = "10000"
"""For the database of the tests, which shares its processors with them."""

OF_THIS_PROCESS = ("STAGE", "TABLE_PREFIX", "CLIENT_API_SECRET", "CLIENT_API_KEY")
"""Settings of the application in this process that servers do not share."""


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what is there for good: modules, models, documents."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--dynamodb-local",
        metavar="FOLDER",
        help="run on the DynamoDB Local in this folder instead of the embedded database",
    )
    parser.addoption(
        "--upgrade-client",
        metavar="FILE",
        help="a build of UpGrade's JavaScript client for the pages of tests/browser",
    )
    parser.addoption(
        "--axe",
        metavar="FILE",
        help="axe.min.js, by which tests/browser judges the pages of the dashboard",
    )
    parser.addoption(
        "--vectors",
        metavar="FILE",
        help="other vectors for tests/unit/statistics, in the form of its vectors.json",
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def dynamodb_endpoint(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """URL of a DynamoDB Local that was started for this run; None for the embedded database."""
    folder = request.config.getoption("--dynamodb-local")
    if folder is None:
        yield None
        return
    port = free_port()
    command = ["java", "-Djava.library.path=./DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar"]
    with subprocess.Popen(
        [*command, "-inMemory", "-sharedDb", "-port", str(port)],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        wait_for_port(port, process)
        yield f"http://127.0.0.1:{port}"
        process.terminate()


def wait_for_port(port: int, process: subprocess.Popen[Any]) -> None:
    """Wait until the server in `process` listens."""
    ready = threading.Event()
    for _ in range(START_SECONDS * 10):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        ready.wait(0.1)
    pytest.fail(f"{process.args!r} did not start")


@pytest.fixture(scope="session")
def application(dynamodb_endpoint: str | None) -> ModuleType:
    """The module `app` as stage local runs it, on the database of this run."""
    os.environ.update(
        STAGE="local",
        DEMO_MODE="true",
        TABLE_PREFIX="switchyard-test",
        CLIENT_API_SECRET=CLIENT_SECRET,
        CLIENT_API_KEY=CLIENT_KEY,
        DYNAMODB_TIMEOUT_MS=PATIENCE_MS,
    )
    if dynamodb_endpoint is not None:
        os.environ["DYNAMODB_ENDPOINT"] = dynamodb_endpoint
    import app

    return app


@pytest.fixture
def app(application: ModuleType) -> ModuleType:
    """The module `app`, on an empty database that never failed it."""
    forget_failures(application)
    rewind()
    if application.settings.embedded:
        empty(application)
    else:
        application.services.demo.clear()
    return application


def empty(application: ModuleType) -> None:
    """Do what `demo.clear` does, with the tables of moto at hand: in a fifth of its time."""
    from chalicelib.storage.catalogue.clear import KEPT, DynamoEraser

    backend = dynamodb_backends[DEFAULT_ACCOUNT_ID][application.settings.aws_region]
    for name, table in backend.tables.items():
        if name.startswith(application.settings.table_prefix):
            for key in [key for key in table.items if not str(key.value).startswith(KEPT)]:
                del table.items[key]
    now, settling = datetime.now(UTC), application.services.catalogue.settling
    DynamoEraser().move_on(lambda base: base.following(now, settling=settling))


def rewind() -> None:
    """Take the catalogue back from the day to which a test with a clock of its own brought it."""
    from pynamodb.exceptions import UpdateError

    from chalicelib.storage.dynamodb import keys
    from chalicelib.storage.dynamodb.tables import ConfigRow

    with suppress(UpdateError):  # There is none yet.
        ConfigRow(keys.CONFIG).update(
            actions=[
                ConfigRow.as_of.set(date.min.isoformat()),
                ConfigRow.last_modified.set(0),
                ConfigRow.shared.remove(),
            ],
            condition=ConfigRow.version.exists(),
        )


def forget_failures(application: ModuleType) -> None:
    """Let the application ask its database at once, though that failed a moment ago."""
    catalogue, long_ago = application.services.catalogue, float("-inf")
    catalogue._failed_at = catalogue._load_failed_at = catalogue._doubtful_until = long_ago


@pytest.fixture
def quiet(app: ModuleType) -> None:
    """Nothing was changed a moment ago: what is changed now begins a burst of its own."""
    from chalicelib.storage.dynamodb import keys
    from chalicelib.storage.dynamodb.tables import ConfigRow

    ConfigRow(keys.CONFIG).update(
        actions=[ConfigRow.last_modified.set(0), ConfigRow.shared.remove()]
    )
    app.services.catalogue._cached = None


@pytest.fixture
def gateway(app: ModuleType) -> Gateway:
    """What clients of the API see, in this process."""
    return Gateway(app.app)


@pytest.fixture
def dynamo_stores(app: ModuleType) -> Stores:  # noqa: ARG001 - it connects and empties
    from chalicelib.storage.stores import dynamo_stores

    return dynamo_stores()


@pytest.fixture(scope="session")
def shared_database(dynamodb_endpoint: str | None) -> Iterator[str]:
    """URL of a database that several processes can use."""
    if dynamodb_endpoint is not None:
        yield dynamodb_endpoint
        return
    server = ThreadedMotoServer("127.0.0.1", free_port(), verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    alone = threading.Lock()

    def one_at_a_time(call: Call) -> None:
        # moto undoes a cancelled transaction by putting whole tables back, with what others wrote.
        with alone:
            answer = call.forward()
        call.answer(*answer)

    with proxied(f"http://{host}:{port}", one_at_a_time) as url:
        yield url
    server.stop()


@pytest.fixture(scope="session")
def start_server(dynamodb_endpoint: str | None) -> Iterator[Callable[..., Server]]:
    """Starts local servers, with settings as keyword arguments, and stops them at the end."""
    with forked_servers() as servers:

        def start(**settings: str) -> Server:
            own = {name: value for name, value in os.environ.items() if name not in OF_THIS_PROCESS}
            return servers.start(
                {
                    **own,
                    "DYNAMODB_TIMEOUT_MS": PATIENCE_MS,
                    "PORT": "0",
                    "SCHEDULE": "0",
                    "DEMO_DATA": "0",
                    **({"DYNAMODB_ENDPOINT": dynamodb_endpoint} if dynamodb_endpoint else {}),
                    **settings,
                }
            )

        yield start
