"""A DynamoDB that answers from memory after a fixed time: for start-up and load.

`python -m benchmarks.store_stub` records the answers to requests of the application on the embedded
database, then gives them again on a port of its own, each after `--delay` milliseconds.
"""

from __future__ import annotations

import argparse
import json
import socketserver
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TABLES = {
    "features": ("pk", None),
    "variants": ("feature_id", "sk"),
    "users": ("pk", "sk"),
    "userblocks": ("id", None),
    "events": ("pk", "sk"),
}


class Answers:
    """What is answered: by operation and body, else by operation; kept in a file."""

    def __init__(self, exact: Mapping[str, str], last: Mapping[str, str]) -> None:
        self.exact = dict(exact)
        self.last = dict(last)

    @classmethod
    def load(cls, path: Path) -> Answers:
        """Read what `save` wrote."""
        stored = json.loads(path.read_text())
        return cls(stored["exact"], stored["last"])

    def save(self, path: Path) -> None:
        """Write it."""
        path.write_text(json.dumps({"exact": self.exact, "last": self.last}))

    def to(self, operation: str, body: bytes) -> str | None:
        """The answer's body."""
        return self.exact.get(identity(operation, body), self.last.get(operation))


def identity(operation: str, body: bytes) -> str:
    """What a call is known by: its parameters in an order of their own, without tokens."""
    params = json.loads(body)
    params.pop("ClientRequestToken", None)
    return f"{operation} {json.dumps(params, sort_keys=True)}"


class _Handler(socketserver.StreamRequestHandler):
    """One connection in a thread: an event loop would sleep whole milliseconds only."""

    answers: Answers
    delay: float
    disable_nagle_algorithm = True

    def handle(self) -> None:
        """Answer call after call, each `delay` seconds after it came."""
        while line := self.rfile.readline():
            came = time.perf_counter()
            headers = {}
            while (line := self.rfile.readline()) not in (b"\r\n", b""):
                name, _, value = line.decode("latin-1").partition(":")
                headers[name.strip().lower()] = value.strip()
            body = self.rfile.read(int(headers.get("content-length", 0)))
            operation = headers.get("x-amz-target", "").rpartition(".")[2]
            response = _response(operation, body, self.answers)
            time.sleep(max(0.0, self.delay - (time.perf_counter() - came)))
            self.wfile.write(response)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128


def _response(operation: str, body: bytes, answers: Answers) -> bytes:
    status, text = "200 OK", answers.to(operation, body)
    if operation == "ListTables":
        text = json.dumps({"TableNames": []})
    elif operation in ("CreateTable", "DescribeTable"):
        text = json.dumps(_table(operation, json.loads(body)))
    elif operation in ("UpdateTimeToLive", "DescribeTimeToLive", "UpdateContinuousBackups"):
        text = "{}"
    elif text is None:
        status, text = "400 Bad Request", json.dumps({"__type": "com.amazon#ValidationException"})
    content = text.encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: application/x-amz-json-1.0\r\n"
        f"x-amz-crc32: {zlib.crc32(content)}\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def _table(operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
    name = params["TableName"]
    hash_key, range_key = TABLES[name.rpartition("-")[2]]
    keys = [(hash_key, "HASH"), *([(range_key, "RANGE")] if range_key else [])]
    numeric = {"feature_id", "id"}
    described = {
        "TableName": name,
        "TableStatus": "ACTIVE",
        "KeySchema": [{"AttributeName": key, "KeyType": kind} for key, kind in keys],
        "AttributeDefinitions": [
            {"AttributeName": key, "AttributeType": "N" if key in numeric else "S"}
            for key, _ in keys
        ],
    }
    return {"Table" if operation == "DescribeTable" else "TableDescription": described}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("answers", type=Path)
    parser.add_argument("--delay", type=float, default=4.0, help="milliseconds")
    arguments = parser.parse_args()
    _Handler.answers = Answers.load(arguments.answers)
    _Handler.delay = arguments.delay / 1000
    with _Server(("127.0.0.1", 0), _Handler) as server:
        print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
