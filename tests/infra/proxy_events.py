"""Requests as a REST API hands them to its function."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

JSON = "application/json"


class RestApi:
    """The routes of a stage, as its template has them."""

    def __init__(self, document: dict[str, Any], stage: str) -> None:
        """`document` is the body of an AWS::ApiGateway::RestApi."""
        self._paths = {path: set(methods) for path, methods in document["paths"].items()}
        self._stage = stage

    def event(
        self, method: str, address: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The event for a request, in API Gateway's format 1.0.

        Raises:
            LookupError: for what never reaches the function.
        """
        split = urlsplit(address)
        resource, variables = self._match(split.path, method)
        sent = {"Host": "api.example.com", **(headers or {})}
        if body is not None:
            sent.setdefault("Content-Type", JSON)
        query = parse_qs(split.query, keep_blank_values=True)
        return {
            "resource": resource,
            "path": split.path,
            "httpMethod": method,
            "headers": sent,
            "multiValueHeaders": {name: [value] for name, value in sent.items()},
            "queryStringParameters": {k: v[-1] for k, v in query.items()} or None,
            "multiValueQueryStringParameters": query or None,
            "pathParameters": variables or None,
            "stageVariables": None,
            "requestContext": {
                "resourcePath": resource,
                "httpMethod": method,
                "path": f"/{self._stage}{split.path}",
                "stage": self._stage,
                "requestId": str(uuid.uuid4()),
                "protocol": "HTTP/1.1",
                "identity": {"sourceIp": "192.0.2.1", "userAgent": "tests"},
            },
            "body": body if isinstance(body, str) or body is None else json.dumps(body),
            "isBase64Encoded": False,
        }

    def _match(self, path: str, method: str) -> tuple[str, dict[str, str]]:
        parts = path.strip("/").split("/")
        # Literal parts come before variables: "{" sorts after every letter.
        for resource in sorted(self._paths):
            pattern = resource.strip("/").split("/")
            if len(pattern) == len(parts) and _fits(zip(pattern, parts, strict=True)):
                if method.lower() not in self._paths[resource]:
                    raise LookupError(f"{method} {path}")
                pairs = zip(pattern, parts, strict=True)
                return resource, {p[1:-1]: value for p, value in pairs if p.startswith("{")}
        raise LookupError(path)


def _fits(pairs: Iterable[tuple[str, str]]) -> bool:
    return all(pattern.startswith("{") or pattern == part for pattern, part in pairs)


def text_of(answer: dict[str, Any]) -> str:
    """The body that the client would get."""
    body: str = answer["body"]
    return base64.b64decode(body).decode() if answer.get("isBase64Encoded") else body
