"""The application in this process, called as Lambda calls it."""

from __future__ import annotations

import json
import os
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit

JSON = "application/json"

ENVIRONMENT = {
    "STAGE": "local",
    "DEMO_MODE": "true",
    "TABLE_PREFIX": "switchyard-bench",
    "CATALOGUE_TTL_MS": "0",
    "LOG_LEVEL": "ERROR",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
}


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sends; the body is JSON."""

    method: str
    path: str
    body: Any = None
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes back; `headers` by lower-case name."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class RequestFailed(Exception):
    """A request that is part of a measurement was refused."""


class Asked(ABC):
    """Something that answers requests: the application in this process, or a server."""

    @abstractmethod
    def send(self, request: Request) -> Answer:
        """The answer to a request, whatever its status."""

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The parsed answer to a request that must succeed.

        Raises:
            RequestFailed: if it does not.
        """
        answer = self.send(Request(method, path, body, headers))
        if answer.status != 200:
            raise RequestFailed(f"{method} {path}: {answer.status} {answer.text}")
        return answer.json


class Application(Asked):
    """The module `app`, and the events that a REST API hands to it."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.services = module.services
        self._routes: list[tuple[str, list[str], frozenset[str]]] = [
            (path, path.strip("/").split("/"), frozenset(methods))
            for path, methods in sorted(module.app.routes.items())
        ]

    def event(self, request: Request) -> dict[str, Any]:
        """The event for a request, in API Gateway's format 1.0.

        Raises:
            LookupError: for a request that no route takes.
        """
        split = urlsplit(request.path)
        resource, variables = self._match(split.path, request.method)
        headers = {"host": "api.example.com", **(request.headers or {})}
        if request.body is not None:
            headers["content-type"] = JSON
        query = parse_qs(split.query, keep_blank_values=True)
        return {
            "resource": resource,
            "path": split.path,
            "httpMethod": request.method,
            "headers": headers,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "queryStringParameters": {k: v[-1] for k, v in query.items()} or None,
            "multiValueQueryStringParameters": query or None,
            "pathParameters": variables or None,
            "stageVariables": None,
            "requestContext": {
                "resourcePath": resource,
                "httpMethod": request.method,
                "path": f"/prod{split.path}",
                "stage": "prod",
                "requestId": str(uuid.uuid4()),
                "protocol": "HTTP/1.1",
                "identity": {"sourceIp": "192.0.2.1", "userAgent": "benchmarks"},
            },
            "body": None if request.body is None else json.dumps(request.body),
            "isBase64Encoded": False,
        }

    def call(self, event: dict[str, Any]) -> dict[str, Any]:
        """What the function answers to an event."""
        answer: dict[str, Any] = self.module.app(event, None)
        return answer

    def send(self, request: Request) -> Answer:
        """The answer to a request, whatever its status."""
        answer = self.call(self.event(request))
        multiple = {name: values[0] for name, values in answer["multiValueHeaders"].items()}
        headers = {k.lower(): v for k, v in {**answer["headers"], **multiple}.items()}
        return Answer(answer["statusCode"], headers, answer["body"])

    def _match(self, path: str, method: str) -> tuple[str, dict[str, str]]:
        parts = path.strip("/").split("/")
        for resource, pattern, methods in self._routes:
            if len(pattern) == len(parts) and _fits(zip(pattern, parts, strict=True)):
                if method not in methods:
                    raise LookupError(f"{method} {path}")
                pairs = zip(pattern, parts, strict=True)
                return resource, {p[1:-1]: value for p, value in pairs if p.startswith("{")}
        raise LookupError(path)


def _fits(pairs: Iterable[tuple[str, str]]) -> bool:
    return all(pattern.startswith("{") or pattern == part for pattern, part in pairs)


def start(**settings: str) -> Application:
    """Import the application on an embedded database of its own; once per process."""
    os.environ.update({**ENVIRONMENT, **settings})
    import app

    return Application(app)
