"""Callers of a server: reads a task from its input, writes what was seen to its output.

Each connection is a thread with a connection that stays open, on which it sends one request after
the other. The requests are taken in turn; `%NEW%` in a body becomes text that was not there before.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
import uuid
from typing import Any
from urllib.parse import urlsplit

from benchmarks.application import JSON

NEW = b"%NEW%"


def main() -> None:
    """The command."""
    task = json.load(sys.stdin)
    prepared = [_prepared(*request) for request in task["requests"]]
    address = urlsplit(task["url"]).netloc
    took: list[float] = []
    errors: list[int] = []
    started = time.perf_counter()
    until = started + task["seconds"]
    threads = [
        threading.Thread(target=_call, args=(address, prepared, number, until, took, errors))
        for number in range(task["connections"])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - started
    took.sort()
    seen = {
        "rate": len(took) / elapsed,
        "p50": 1000 * _quantile(took, 0.50),
        "p95": 1000 * _quantile(took, 0.95),
        "p99": 1000 * _quantile(took, 0.99),
        "errors": len(errors),
    }
    print(json.dumps(seen))


def _prepared(
    method: str, path: str, body: Any, headers: dict[str, str]
) -> tuple[str, str, bytes | None, dict[str, str]]:
    if body is None:
        return method, path, None, headers
    return method, path, json.dumps(body).encode(), {**headers, "content-type": JSON}


def _call(
    address: str,
    prepared: list[tuple[str, str, bytes | None, dict[str, str]]],
    number: int,
    until: float,
    took: list[float],
    errors: list[int],
) -> None:
    connection = http.client.HTTPConnection(address, timeout=30)
    while (started := time.perf_counter()) < until:
        method, path, body, headers = prepared[number % len(prepared)]
        number += 1
        try:
            if body is not None and NEW in body:
                body = body.replace(NEW, uuid.uuid4().hex.encode())
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            errors.append(0)
            connection.close()
            continue
        took.append(time.perf_counter() - started)
        if response.status >= 400:
            errors.append(response.status)


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


if __name__ == "__main__":
    main()
