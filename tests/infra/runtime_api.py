"""Lambda on this machine: the Runtime API, and a function that runs from its unpacked package.

The interpreter runs without its site-packages: the function sees the standard library, what is in
the package, and awslambdaric, as in Lambda.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

START_SECONDS = 60
ANSWER_SECONDS = 60
RUNTIME = "/2018-06-01/runtime"

OF_THE_RUNTIME = ("awslambdaric", "simplejson", "snapshot-restore-py")
"""Distributions that Lambda itself adds to the function's."""


class FunctionFailed(Exception):
    """The function did not start, or raised; the message is what it reported."""


class _Exchange:
    """What the function has been asked, and what it answered."""

    def __init__(self) -> None:
        self.asked: queue.SimpleQueue[tuple[str, str] | None] = queue.SimpleQueue()
        self.answered: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self.ready = threading.Event()


class _Handler(BaseHTTPRequestHandler):
    """Lambda's Runtime API, version 2018-06-01."""

    protocol_version = "HTTP/1.1"
    exchange: _Exchange

    def do_GET(self) -> None:
        self.exchange.ready.set()
        asked = self.exchange.asked.get()
        if asked is None:
            self.close_connection = True
            return
        number, event = asked
        self._send(
            200,
            event.encode(),
            {
                "Lambda-Runtime-Aws-Request-Id": number,
                "Lambda-Runtime-Deadline-Ms": str(int((time.time() + ANSWER_SECONDS) * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:1:function:f",
                "Lambda-Runtime-Trace-Id": "Root=1-0-0;Sampled=0",
            },
        )

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = self._chunks()
        kind = self.path.rsplit("/", 1)[-1]
        self._send(202, b'{"status":"OK"}', {})
        self.exchange.answered.put((kind, json.loads(body)))

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Type": "application/json"}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Requests are not logged."""


class Function:
    """One container of a function; use it as a context.

    `started_in` are the seconds until it asked for its first event.
    """

    def __init__(
        self, code: Path, runtime: Path, handler: str, environment: dict[str, str]
    ) -> None:
        self._exchange = _Exchange()
        bound = type("Handler", (_Handler,), {"exchange": self._exchange})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), bound)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._code, self._runtime = code, runtime
        self._handler, self._environment = handler, environment
        self.started_in = 0.0

    def __enter__(self) -> Function:
        self._thread.start()
        port = self._server.server_address[1]
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{self._code}{os.pathsep}{self._runtime}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
            "AWS_LAMBDA_FUNCTION_NAME": "switchyard",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11",
            "LAMBDA_TASK_ROOT": str(self._code),
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            **self._environment,
        }
        started = time.perf_counter()
        self._log = (self._code.parent / f"{uuid.uuid4()}.log").open("w+")
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-m", "awslambdaric", self._handler],
            cwd=self._code,
            env=environment,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        while not self._exchange.ready.wait(0.005):
            if self._process.poll() is not None or not self._exchange.answered.empty():
                self._stop()
                raise FunctionFailed(self.log())
            if time.perf_counter() - started > START_SECONDS:
                self._stop()
                raise FunctionFailed(f"did not start in {START_SECONDS} s: {self.log()}")
        self.started_in = time.perf_counter() - started
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _stop(self) -> None:
        self._process.kill()
        self._process.wait()
        self._exchange.asked.put(None)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._log.close()

    def invoke(self, event: dict[str, Any]) -> Any:
        """What the function answers to an event.

        Raises:
            FunctionFailed: if it raises, or does not answer in time.
        """
        self._exchange.asked.put((str(uuid.uuid4()), json.dumps(event)))
        try:
            kind, answer = self._exchange.answered.get(timeout=ANSWER_SECONDS)
        except queue.Empty:
            raise FunctionFailed(f"no answer: {self.log()}") from None
        if kind == "error":
            raise FunctionFailed(json.dumps(answer))
        return answer

    def log(self) -> str:
        """What it has printed."""
        return Path(self._log.name).read_text()

    def peak_memory(self) -> int:
        """The most memory that it has had at once, in bytes."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        peak = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert peak is not None
        return int(peak[1]) * 1024


def copy_runtime(target: Path) -> None:
    """Put what Lambda's runtime adds to a function into a folder of its own."""
    for name in OF_THE_RUNTIME:
        for file in importlib.metadata.files(name) or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                (target / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file.locate(), target / file)
