"""Pages of other origins: what browsers are told, on preflights and on every kind of answer."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import pytest
import requests

from chalicelib.api.documentation import DOCUMENT
from chalicelib.api.protocol.cors import Cors
from chalicelib.domain.errors import Unavailable
from chalicelib.settings import Settings
from tests.http import Gateway

ORIGIN = "https://app.example:8443"
OF_ANY_ORIGIN = {
    "access-control-allow-origin": "*",
    "access-control-allow-headers": "*,Authorization",
    "access-control-expose-headers": "ETag,Last-Modified,X-Error-Detail,X-Ignored-Fields,X-Blocks,"
    "X-Stale,Idempotent-Replayed,Link,Retry-After",
    "access-control-max-age": "86400",
}
OF_ONE_ORIGIN = {
    **OF_ANY_ORIGIN,
    "access-control-allow-origin": ORIGIN,
    "access-control-allow-credentials": "true",
    "access-control-allow-headers": "Content-Type,Authorization,X-API-Key,User-Id,Session-Id,"
    "CurrentRetry,Client-source,Client-Context,Client-Version,URL,If-Modified-Since,If-None-Match,"
    "If-Match,Idempotency-Key,X-Mine,X-Ours",
}


def of_cors(headers: Mapping[str, str]) -> dict[str, str]:
    lower = {name.lower(): value for name, value in headers.items()}
    return {name: lower[name] for name in sorted(lower) if name.startswith("access-control-")}


def filled(path: str) -> str:
    """A path of the route table with a value in place of each variable."""
    return re.sub(r"\{\w+\}", "x", path)


def test_every_preflight_allows_all_headers_and_the_methods_of_the_path(
    gateway: Gateway, app: ModuleType
) -> None:
    for path, methods in app.app.routes.items():
        answer = gateway.send("OPTIONS", filled(path))
        told = of_cors(answer.headers)
        assert answer.status == 200, path
        assert set(told.pop("access-control-allow-methods").split(",")) == {*methods, "OPTIONS"}
        assert told == OF_ANY_ORIGIN


def test_every_kind_of_answer_may_be_read_by_pages_of_any_origin(
    app: ModuleType, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    etag = gateway.get("/api/feature").headers["etag"]
    answers = [
        gateway.get("/api/feature"),
        gateway.get("/swagger"),
        gateway.send("HEAD", "/api/feature"),
        gateway.get("/api/feature", If_None_Match=etag),
        gateway.get("/api/feature/abc"),
        gateway.send("POST", "/api/feature", raw=b"{"),
        gateway.send("POST", "/api/feature", raw=b"x" * 200_000),
        gateway.send("POST", "/api/v6/init", {}),
        gateway.get("/nowhere"),
        gateway.send("DELETE", "/api/feature"),
    ]
    for failure in (RuntimeError("a fault"), Unavailable("throttled")):

        def fail(failure: Exception = failure) -> None:
            raise failure

        monkeypatch.setattr(app.services.catalogue._store, "revision", fail)
        answers.append(gateway.get("/health/ready"))
    assert {answer.status for answer in answers} == {200, 304, 400, 403, 404, 413, 500, 503}
    for answer in answers:
        assert of_cors(answer.headers) == OF_ANY_ORIGIN, answer


def test_pages_of_one_origin_may_send_credentials_and_headers_that_are_named(
    start_server: Any,
) -> None:
    url = start_server(
        TABLE_PREFIX="switchyard-cors", CORS_ORIGIN=ORIGIN, CORS_HEADERS="X-Mine, X-Ours"
    ).url
    preflight = requests.options(f"{url}/api/v6/init", timeout=20)
    told = of_cors(preflight.headers)
    assert set(told.pop("access-control-allow-methods").split(",")) == {"POST", "OPTIONS"}
    assert told == OF_ONE_ORIGIN
    feature = requests.get(f"{url}/api/feature", timeout=20)
    known = {"If-None-Match": feature.headers["ETag"]}
    answers = [
        feature,
        requests.get(f"{url}/api/feature", headers=known, timeout=20),
        requests.get(f"{url}/nowhere", timeout=20),
        requests.post(f"{url}/api/v6/init", json={}, timeout=20),
        requests.request("FOO", f"{url}/api/feature", timeout=20),
    ]
    assert [answer.status_code for answer in answers] == [200, 304, 404, 400, 404]
    for answer in answers:
        assert of_cors(answer.headers) == OF_ONE_ORIGIN, answer.url


def test_every_header_that_a_route_reads_is_named_for_pages_of_one_origin() -> None:
    document = json.loads(DOCUMENT.read_text())
    read = {scheme["name"] for scheme in schemes(document)} | {"Authorization"}
    for item in document["paths"].values():
        for operation in item.values():
            parameters = operation.get("parameters", ())
            read |= {each["name"] for each in parameters if each["in"] == "header"}
    assert read >= {"User-Id", "Idempotency-Key", "If-None-Match", "X-API-Key"}
    assert read <= set(Cors(ORIGIN).allow_headers.split(","))


def schemes(document: dict[str, Any]) -> list[dict[str, Any]]:
    found = document["components"]["securitySchemes"].values()
    return [scheme for scheme in found if scheme.get("in") == "header"]


@pytest.mark.parametrize(
    "origin",
    ["https://app.example/", "https://App.example", "app.example", "https://a, https://b", ""],
)
def test_an_origin_that_no_browser_sends_is_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch, origin: str
) -> None:
    monkeypatch.setenv("CORS_ORIGIN", origin)
    with pytest.raises(ValueError, match="such as https"):
        Settings()


@pytest.mark.parametrize(
    "origin", ["*", "https://a.example", "http://localhost:4200", "http://[::1]:1", "app://x"]
)
def test_an_origin_as_browsers_send_it_is_taken(
    monkeypatch: pytest.MonkeyPatch, origin: str
) -> None:
    monkeypatch.setenv("CORS_ORIGIN", origin)
    assert Settings().cors_origin == origin


def test_a_header_that_is_none_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_HEADERS", "X-Mine, it's mine")
    with pytest.raises(ValueError, match="cors_headers"):
        Settings()
