"""Holds requests and answers against the document that describes them.

Answers are held to it strictly: a field that it does not name is a fault of the document.
"""

from __future__ import annotations

import copy
import functools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from chalicelib.api.documentation import DOCUMENT

ADDRESS = "urn:openapi"
COMPONENT = "#/components/schemas/"
UNKNOWN_ROUTE = (404, 405)


class NotAsDocumented(AssertionError):
    """A request or an answer that the document does not allow."""


@functools.cache
def document() -> Any:
    """The document that is kept with the code."""
    return json.loads(DOCUMENT.read_text(encoding="utf-8"))


@functools.cache
def strict_document() -> Any:
    """The same, where the schemas of answers allow no other fields than they name."""
    whole = copy.deepcopy(document())
    responses = [
        *whole["components"]["responses"].values(),
        *(operation["responses"] for _, _, operation in operations(whole)),
    ]
    schemas = whole["components"]["schemas"]
    reached: set[str] = set()
    waiting = _references(responses)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += _references(schemas[name])
    for part in (responses, *(schemas[name] for name in reached)):
        _close(part)
    return whole


def operations(whole: Any) -> Iterator[tuple[str, str, Any]]:
    """Path, method and operation, literal paths before those with variables."""
    for path in sorted(whole["paths"], key=lambda path: (path.count("{"), path)):
        for method, operation in whole["paths"][path].items():
            yield path, method, operation


def check(
    method: str,
    url: str,
    status: int,
    headers: Mapping[str, str],
    text: str,
    sent: str | bytes | None = None,
) -> None:
    """Hold an answer, and the request if it was granted, against the document.

    Raises:
        NotAsDocumented: if they are not as it says.
    """
    if method in ("HEAD", "OPTIONS"):
        return
    path, operation = _operation(method, urlsplit(url).path, status)
    if operation is None:
        if status not in UNKNOWN_ROUTE:
            raise NotAsDocumented(f"{method} {url} is in no document, and answers {status}")
        return
    called = f"{method} {path}"
    place = ["paths", path, method.lower(), "responses", str(status)]
    response = operation["responses"].get(str(status))
    if response is None:
        raise NotAsDocumented(f"{called} answers {status}, which is not documented: {text[:500]}")
    if "$ref" in response:
        place = response["$ref"].removeprefix("#/").split("/")
        response = document()["components"]["responses"][place[-1]]
    if text:
        kind = _media_type(response, headers, called, status)
        value = json.loads(text) if kind.endswith("json") else text
        validate(strict_document, [*place, "content", kind, "schema"], value, called)
    if status == 200 and sent and "requestBody" in operation:
        body = ["paths", path, method.lower(), "requestBody", "content", "application/json"]
        validate(document, [*body, "schema"], json.loads(sent), f"the body of {called}")


def check_response(response: requests.Response, **_: Any) -> None:
    """Hold what `requests` sent and got against the document.

    Raises:
        NotAsDocumented: if they are not as it says.
    """
    request = response.request
    headers = {name.lower(): value for name, value in response.headers.items()}
    kind = request.headers.get("Content-Type", "application/json")
    check(
        request.method or "",
        request.url or "",
        response.status_code,
        headers,
        response.text,
        request.body if str(kind).startswith("application/json") else None,
    )


def _media_type(response: Any, headers: Mapping[str, str], called: str, status: int) -> str:
    sent = headers.get("content-type", "").split(";")[0]
    for kind in response.get("content", {}):
        if kind in (sent, f"{sent.split('/')[0]}/*"):
            return str(kind)
    raise NotAsDocumented(f"{called} answers {status} as {sent}, which is not documented")


@functools.cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    paths = dict.fromkeys(path for path, _, _ in operations(document()))
    return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path), re.IGNORECASE), path) for path in paths]


def _operation(method: str, url: str, status: int) -> tuple[str, Any]:
    """The operation that is documented for a path; some are known in other letters too."""
    for pattern, path in _patterns():
        if (found := pattern.fullmatch(url.rstrip("/"))) and not (
            status in UNKNOWN_ROUTE and not re.fullmatch(pattern.pattern, found[0])
        ):
            return path, document()["paths"][path].get(method.lower())
    return "", None


@functools.cache
def _validator(whole: Any, pointer: str) -> Draft202012Validator:
    resource: Resource[Any] = Resource.from_contents(whole(), default_specification=DRAFT202012)
    registry: Registry[Any] = Registry().with_resource(ADDRESS, resource)
    return Draft202012Validator(
        {"$ref": f"{ADDRESS}#{pointer}"},
        registry=registry,
        format_checker=FormatChecker(["uuid", "date-time"]),
    )


def validate(whole: Any, place: list[str], value: Any, what: str) -> None:
    """Hold a value against the schema at `place` of the document that `whole` returns.

    Raises:
        NotAsDocumented: if it is not as that says.
    """
    pointer = "".join(f"/{quote(each.replace('~', '~0').replace('/', '~1'))}" for each in place)
    fault = best_match(_validator(whole, pointer).iter_errors(value))
    if fault is not None:
        raise NotAsDocumented(f"{what}: {fault.json_path}: {fault.message[:500]}")


def _references(part: Any) -> list[str]:
    return re.findall(rf'"{re.escape(COMPONENT)}([^"]+)"', json.dumps(part))


def _close(part: Any) -> None:
    if isinstance(part, dict):
        if part.get("type") == "object" and "properties" in part:
            part.setdefault("additionalProperties", False)
        for name, each in part.items():
            if name not in ("example", "examples"):
                _close(each)
    elif isinstance(part, list):
        for each in part:
            _close(each)
