"""A database that lets a function do what its policy allows, and nothing else."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.infra.conftest import REGION

TABLE = f"arn:aws:dynamodb:{REGION}:123456789012:table/"


class Policy:
    """The statements of an IAM policy that only allows."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._allowed = [
            (action, resource)
            for statement in document["Statement"]
            for action in _listed(statement["Action"])
            for resource in _listed(statement["Resource"])
        ]
        self.refused: list[tuple[str, str]] = []
        """Actions and resources that were asked for in vain."""

    def allows(self, action: str, resource: str) -> bool:
        """Whether some statement allows the action on the resource; if not, it is noted."""
        for actions, resources in self._allowed:
            if fnmatchcase(action, actions) and fnmatchcase(resource, resources):
                return True
        self.refused.append((action, resource))
        return False


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def actions(operation: str, body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The actions, and the resources they need, of one call to DynamoDB.

    A transaction needs what its parts need on their own (Service Authorization Reference).
    """
    if operation in ("BatchGetItem", "BatchWriteItem"):
        for table in body["RequestItems"]:
            yield f"dynamodb:{operation}", TABLE + table
    elif operation == "TransactWriteItems":
        names = {
            "Put": "PutItem",
            "Update": "UpdateItem",
            "Delete": "DeleteItem",
            "ConditionCheck": "ConditionCheckItem",
        }
        for item in body["TransactItems"]:
            for part, arguments in item.items():
                yield f"dynamodb:{names[part]}", TABLE + arguments["TableName"]
    else:
        index = f"/index/{body['IndexName']}" if "IndexName" in body else ""
        yield f"dynamodb:{operation}", TABLE + body["TableName"] + index


@contextmanager
def policed(database: str, policy: Policy) -> Iterator[str]:
    """URL of `database` behind `policy`."""
    backend = urlsplit(database).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            operation = self.headers["X-Amz-Target"].split(".")[-1]
            needed = actions(operation, json.loads(body))
            refused = [each for each in needed if not policy.allows(*each)]
            if refused:
                kind = "com.amazon.coral.service#AccessDeniedException"
                self._send(400, json.dumps({"__type": kind, "Message": str(refused)}).encode())
            else:
                self._send(*self._forward(body))

        def _forward(self, body: bytes) -> tuple[int, bytes]:
            connection = HTTPConnection(backend)
            try:
                connection.request("POST", "/", body, dict(self.headers))
                response = connection.getresponse()
                return response.status, response.read()
            finally:
                connection.close()

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Requests are not logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
