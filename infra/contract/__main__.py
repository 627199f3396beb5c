"""Call the API in every way that its document allows, and some that it does not.

schemathesis generates the requests from the document, among them sequences that follow its links.
An answer that the document does not describe, and any 5xx, is a failure. `schemathesis.toml` says
how it goes about it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
SERVER_LOG = Path("build/contract-server.log")

SERVER = {
    "HOST": "127.0.0.1",
    "PORT": "0",
    "SCHEDULE": "0",
    "CLIENT_API_SECRET": "",
}
"""Settings of the server. Without a secret for clients' tokens nobody can make it ask for them."""


@contextmanager
def served() -> Iterator[str]:
    """URL of a local server of its own, on an embedded database with demonstration data."""
    environment = {**os.environ, **SERVER}
    environment.pop("DYNAMODB_ENDPOINT", None)
    SERVER_LOG.parent.mkdir(exist_ok=True)
    SERVER_LOG.unlink(missing_ok=True)
    command = [sys.executable, "-m", "infra.local"]
    with (
        SERVER_LOG.open("a") as log,
        subprocess.Popen(  # noqa: S603 - this program, and nothing of anybody else's
            command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        ) as server,
    ):
        url = _address(server)
        # A full pipe would stop it.
        drain = threading.Thread(target=shutil.copyfileobj, args=(server.stdout, log))
        drain.start()
        try:
            yield url
        finally:
            server.terminate()
            drain.join()


def _address(server: subprocess.Popen[str]) -> str:
    """The URL that a server prints once it is there."""
    output = server.stdout
    assert output is not None  # noqa: S101 - it is a pipe
    for line in output:
        if found := re.search(r"Serving on (http://\S+)", line):
            return found[1]
    sys.exit(f"the local server did not start; {SERVER_LOG} says why")


def main() -> None:
    """Run for the time given, then say what was covered; exit with 1 where something failed."""
    parser = argparse.ArgumentParser(description="Hold the API against its document.")
    parser.add_argument("--seconds", type=int, default=180, help="how long (default: %(default)s)")
    seconds = parser.parse_args().seconds
    # So that the server does not outlive it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    print(f"starting a server, then calling it for {seconds} seconds ...", flush=True)
    with served() as url:
        command = [str(SCHEMATHESIS), "run", f"{url}/api/openapi.json", "--url", url]
        command += ["--max-time", str(seconds)]
        finished = subprocess.run(command, check=False)  # noqa: S603 - as above
    if finished.returncode:
        print("What failed in the server:", *_failures(), sep="\n", flush=True)
        sys.exit(f"answers contradict the document, or are 5xx; the server wrote {SERVER_LOG}")


def _failures() -> list[str]:
    """The routes that failed with an exception, each once, and where that was raised."""
    with SERVER_LOG.open() as log:
        lines = [json.loads(line) for line in log if '"failure":' in line]
    texts = ["\n".join([each["route"], *each["failure"]]) for each in lines]
    return sorted(set(texts))


if __name__ == "__main__":
    main()
