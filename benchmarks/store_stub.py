"""A DynamoDB that answers from memory after a fixed time: for start-up and load.

`python -m benchmarks.store_stub` records the answers to requests of the application on the embedded
database, then gives them again on a port of its own, each after `--delay` milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HEADER_END = b"\r\n\r\n"
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


async def _serve(
    answers: Answers, delay: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    try:
        while True:
            head = await reader.readuntil(HEADER_END)
            headers = {
                name.strip().lower(): value.strip()
                for name, _, value in (
                    line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:]
                )
            }
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            operation = headers.get("x-amz-target", "").rpartition(".")[2]
            await asyncio.sleep(delay)
            writer.write(_response(operation, body, answers))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


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


async def _main(answers: Answers, delay: float) -> None:
    server = await asyncio.start_server(
        lambda reader, writer: _serve(answers, delay, reader, writer), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]
    print(f"http://127.0.0.1:{port}", flush=True)
    async with server:
        await server.serve_forever()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("answers", type=Path)
    parser.add_argument("--delay", type=float, default=4.0, help="milliseconds")
    arguments = parser.parse_args()
    asyncio.run(_main(Answers.load(arguments.answers), arguments.delay / 1000))


if __name__ == "__main__":
    main()
