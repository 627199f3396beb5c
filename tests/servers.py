"""Local servers, each a fork of one process that has imported what they need.

Started by itself each of them would spend some seconds on imports.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

PROJECT = Path(__file__).parents[1]
URL = re.compile(r"http://\S+")


class Server:
    """A running server, whose output is read to the end."""

    def __init__(self, pid: int, output: int) -> None:
        self._pid = pid
        self._lines = os.fdopen(output)
        found = (match[0] for line in self._lines if (match := URL.search(line)))
        url = next(found, None)
        if url is None:
            raise RuntimeError("the local server did not start")
        self.url = url
        self._drain = threading.Thread(target=self._lines.read)
        self._drain.start()

    def stop(self) -> None:
        """End it; it is over when nothing holds its output open any more."""
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGTERM)
        self._drain.join()
        self._lines.close()


class Servers:
    """Starts servers, and stops them."""

    def __init__(self, orders: subprocess.Popen[str]) -> None:
        self._orders = orders
        self._running: list[Server] = []

    def start(self, environment: Mapping[str, str]) -> Server:
        """A new one, with these environment variables and no others."""
        assert self._orders.stdin is not None
        assert self._orders.stdout is not None
        name = f"{self._orders.pid}-{len(self._running)}"
        pipe = f"{tempfile.gettempdir()}/switchyard-test-{name}"
        os.mkfifo(pipe, 0o600)
        order = {"environment": dict(environment), "output": pipe}
        print(json.dumps(order), file=self._orders.stdin, flush=True)
        output = os.open(pipe, os.O_RDONLY)
        os.unlink(pipe)
        self._running.append(Server(int(self._orders.stdout.readline()), output))
        return self._running[-1]

    def stop(self) -> None:
        """End all of them."""
        for server in self._running:
            server.stop()


@contextmanager
def forked_servers() -> Iterator[Servers]:
    """A process to fork servers off, as long as it is needed."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.servers"],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as orders:
        servers = Servers(orders)
        yield servers
        servers.stop()
        orders.terminate()


def main() -> None:
    """Fork a server for each order that comes in, and answer its process id."""
    from chalicelib import api, bootstrap
    from chalicelib.storage.dynamodb import embedded
    from infra.local import __main__ as local

    assert bootstrap
    assert embedded
    api.build_models()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            os.environ.clear()
            os.environ.update(order["environment"])
            os.dup2(os.open(order["output"], os.O_WRONLY), sys.stdout.fileno())
            sys.stdin.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            local.main()
            return
        print(child, flush=True)


if __name__ == "__main__":
    main()
