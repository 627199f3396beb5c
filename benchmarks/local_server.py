"""The server that `make run` starts, as a process of its own, and callers in others."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import requests

from benchmarks.application import ENVIRONMENT, Answer, Asked, Request
from benchmarks.report import PROJECT

START_SECONDS = 60
DYNAMODB_LOCAL = PROJECT / ".cache" / "dynamodb-local" / "package" / "emulator"


class NotStarted(Exception):
    """A server did not start."""


@contextmanager
def served(**settings: str) -> Iterator[str]:
    """The URL of a running server with these settings.

    Raises:
        NotStarted: if it does not start.
    """
    environment = {
        **os.environ,
        **ENVIRONMENT,
        "PORT": "0",
        "SCHEDULE": "0",
        "DEMO_DATA": "0",
        **settings,
    }
    command = [sys.executable, "-m", "infra.local"]
    with subprocess.Popen(
        command,
        cwd=PROJECT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        stdout = process.stdout
        assert stdout is not None  # noqa: S101 - it is a pipe
        try:
            for line in stdout:
                if found := re.search(r"http://\S+?(?=/|\s|$)", line):
                    drain = threading.Thread(target=stdout.read, daemon=True)
                    drain.start()
                    yield found[0]
                    return
            raise NotStarted("the local server did not start")
        finally:
            process.terminate()


@contextmanager
def dynamodb_local() -> Iterator[str]:
    """The URL of a DynamoDB Local of its own.

    Raises:
        NotStarted: if it is not there (`make test-dynamodb-local` fetches it), or does not start.
    """
    if not DYNAMODB_LOCAL.exists():
        raise NotStarted("DynamoDB Local is not there")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["java", "-Djava.library.path=./DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar"]
    with subprocess.Popen(
        [*command, "-inMemory", "-sharedDb", "-port", str(port)],
        cwd=DYNAMODB_LOCAL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            _wait(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


@contextmanager
def stub(answers: Path, delay_ms: float) -> Iterator[str]:
    """The URL of a store that gives recorded answers after a fixed time."""
    command = [sys.executable, "-m", "benchmarks.store_stub", str(answers)]
    with subprocess.Popen(
        [*command, "--delay", str(delay_ms)], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise NotStarted(f"{process.args!r} did not start")


class Remote(Asked):
    """A client of a running server, with the methods of `Application` that set up data."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()

    def send(self, request: Request) -> Answer:
        """The answer to a request, whatever its status."""
        answer = self._session.request(
            request.method,
            self.url + request.path,
            json=request.body,
            headers=dict(request.headers or {}),
            timeout=30,
        )
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status_code, headers, answer.text)


def load(url: str, sent: list[Request], connections: int, seconds: float) -> Mapping[str, float]:
    """What callers in another process saw: requests a second, p50, p99 in ms, errors."""
    task = {
        "url": url,
        "connections": connections,
        "seconds": seconds,
        "requests": [[r.method, r.path, r.body, dict(r.headers or {})] for r in sent],
    }
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.callers"],
        input=json.dumps(task),
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    seen: dict[str, float] = json.loads(done.stdout)
    return seen
