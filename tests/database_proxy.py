"""A server between the application and its database, which sees every call."""

from __future__ import annotations

import json
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


class Call:
    """One call to DynamoDB, to be forwarded and answered."""

    def __init__(self, handler: Any, database: HTTPConnection) -> None:
        self._handler = handler
        self._database = database
        self.body: bytes = handler.rfile.read(int(handler.headers["Content-Length"]))
        self.operation: str = handler.headers["X-Amz-Target"].split(".")[-1]

    @property
    def arguments(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed

    def forward(self) -> tuple[int, bytes]:
        """Let the database do it; its answer."""
        self._database.request("POST", "/", self.body, dict(self._handler.headers))
        response = self._database.getresponse()
        return response.status, response.read()

    def answer(self, status: int, body: bytes, *, cut: bool = False) -> None:
        """Answer the application, or with `cut` the first half of it and no more."""
        handler = self._handler
        handler.send_response(status)
        handler.send_header("Content-Type", "application/x-amz-json-1.0")
        handler.send_header("Content-Length", str(len(body)))
        handler.send_header("x-amz-crc32", str(zlib.crc32(body)))
        handler.end_headers()
        handler.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self.hang_up()

    def refuse(self, status: int, kind: str, **more: Any) -> None:
        """Answer with an error of DynamoDB."""
        namespace = "com.amazonaws.dynamodb.v20120810#"
        error = {"__type": namespace + kind, "message": "as the test wants it", **more}
        self.answer(status, json.dumps(error).encode())

    def hang_up(self) -> None:
        """End the connection."""
        self._handler.close_connection = True
        self._handler.connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxied(database: str, handle: Callable[[Call], None]) -> Iterator[str]:
    """URL of `database` with `handle` before it."""
    backend = urlsplit(database).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            self._database = HTTPConnection(backend)

        def finish(self) -> None:
            self._database.close()
            super().finish()

        def do_POST(self) -> None:
            try:
                handle(Call(self, self._database))
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the application has given up waiting

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
