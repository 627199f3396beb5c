"""Every route with every kind of caller."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import jwt
import pytest

from chalicelib import api
from chalicelib.api.http.access import ADMIN, CLIENT, OPEN, SDK, SDK_READS_ADMIN_LIST, Keyless
from chalicelib.api.http.routes import Route
from chalicelib.domain.access.api_keys import Role
from chalicelib.services.access.client_auth import ClientCredentials
from tests.http import Answer, Gateway

SIGNED_WITH = "a secret of thirty-two bytes, or more"
CLAIMS = {"APIKey": "key"}
UUID = "11111111-1111-4111-8111-111111111111"


def token(secret: str = SIGNED_WITH, **claims: Any) -> str:
    return jwt.encode({**CLAIMS, **claims}, secret, algorithm="HS256")


@pytest.fixture
def keys(app: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The application with AUTH on, and what callers may present."""
    access = app.services.access
    monkeypatch.setattr(access, "enabled", True)
    monkeypatch.setattr(access, "open_testlab", False)
    credentials = ClientCredentials(SIGNED_WITH, CLAIMS["APIKey"])
    monkeypatch.setattr(app.services.client_auth, "_credentials", lambda: credentials)
    made = {role: access.create(role) for role in Role}
    yield {
        "nobody": "",
        "client": made[Role.CLIENT][1],
        "admin": made[Role.ADMIN][1],
        "expired token": token(exp=1000),
        "forged token": token("another secret of thirty-two bytes or so"),
        "good token": token(exp=int(time.time()) + 600),
        "nonsense": "nonsense",
    }
    for key, _ in made.values():
        access.revoke(key.id)


def call(
    gateway: Gateway, method: str, declared: str, key: str, header: str = "authorization"
) -> Answer:
    value = f"Bearer {key}" if header == "authorization" else key
    path = re.sub(r"\{\w+\}", UUID, declared)
    headers = {header: value} if key else {}
    body: Any = None if method == "GET" else {}
    return gateway.send(method, path, body, headers)


def expected(route: Route, caller: str) -> int | None:
    """The status of who is not let in; None for who is."""
    role = route.access.role
    if role is None or caller == "admin":
        return None
    if caller == "client":
        return None if role is Role.CLIENT else 403
    if caller == "good token" and route.path.startswith(("/api/v5/", "/api/v6/")):
        return None if role is Role.CLIENT else 401
    return 401


@pytest.mark.parametrize(
    "caller",
    ["nobody", "client", "admin", "expired token", "forged token", "good token", "nonsense"],
)
def test_no_route_lets_in_who_may_not(gateway: Gateway, keys: dict[str, str], caller: str) -> None:
    found = api.all_routes()
    assert len(found) > 100
    for route in found:
        if route.path.lower().endswith("cleardb") and caller == "admin":
            continue
        answer = call(gateway, route.method, route.path, keys[caller])
        status = expected(route, caller)
        refused = answer.status if answer.status in (401, 403) else None
        if route.path.startswith("/api/v") or status is not None:
            assert refused == status, (route, answer.status, answer.text)
        assert answer.headers["access-control-allow-origin"] == "*", route
        assert answer.status < 500, (route, answer.text)


def test_a_key_may_come_in_either_header(gateway: Gateway, keys: dict[str, str]) -> None:
    route = "GET", "/api/experiments"
    for header in ("authorization", "x-api-key"):
        assert call(gateway, *route, keys["admin"], header).status == 200
        assert call(gateway, *route, keys["client"], header).status == 403
    both = {"authorization": f"Bearer {token()}", "x-api-key": keys["client"]}
    assert gateway.send("POST", "/api/v6/init", {}, {**both, "user-id": "u"}).status == 200


def test_each_api_refuses_in_its_own_words(gateway: Gateway, keys: dict[str, str]) -> None:
    answer = gateway.get("/api/feature")
    assert (answer.status, list(answer.json)) == (401, ["error"])
    assert answer.headers["www-authenticate"] == "Bearer"
    answer = gateway.get("/api/experiments?x=1")
    assert answer.json == {
        "name": "AuthorizationRequiredError",
        "message": "Authorization is required for request on GET /api/experiments?x=1",
        "endPoint": "/api/experiments?x=1",
        "errorCode": 401,
        "type": "User ID not found",
        "request": {},
    }
    assert call(gateway, "GET", "/api/experiments", keys["client"]).json["errorCode"] == 403


def test_strangers_learn_nothing_about_users(gateway: Gateway, keys: dict[str, str]) -> None:  # noqa: ARG001
    answers = [
        gateway.send("POST", "/api/v6/assign", body, headers)
        for body in ({"context": "home"}, {}, None)
        for headers in ({"user-id": "known"}, {"user-id": "unknown"}, {})
    ]
    assert {answer.status for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1


def test_a_head_needs_what_its_get_needs(gateway: Gateway, keys: dict[str, str]) -> None:
    for caller, status in (("nobody", 401), ("client", 403), ("admin", 200)):
        headers = {"x-api-key": keys[caller]} if keys[caller] else {}
        answer = gateway.send("HEAD", "/api/experiments", headers=headers)
        assert (answer.status, answer.text) == (status, "")


@pytest.mark.usefixtures("keys")
def test_the_sdks_of_test_lab_may_be_let_in_without_a_key(
    app: ModuleType, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.services.access, "open_testlab", True)
    for route in api.all_routes():
        answer = call(gateway, route.method, route.path, "")
        if route.access is not OPEN:
            is_refused = route.access.keyless is Keyless.REFUSAL
            assert (answer.status == 401) is is_refused, (route.path, answer.status)
    assert gateway.get("/api/users").json == []
    assert gateway.get("/api/users", X_API_Key="nonsense").status == 401


def test_what_asks_for_less_than_an_administrator_s_key() -> None:
    of = {
        access: {
            f"{route.method} {route.path}" for route in api.all_routes() if route.access is access
        }
        for access in (OPEN, CLIENT, SDK, SDK_READS_ADMIN_LIST)
    }
    assert of == {
        OPEN: {
            "GET /api", "GET /api/openapi.json", "GET /health", "GET /health/ready",
            "GET /swagger", "GET /swagger/{asset}",
        },
        CLIENT: {
            "GET /api/feature", "GET /api/feature/{feature_id}",
            "GET /api/feature/{feature_id}/variants", "GET /api/userblocks",
            "GET /api/userblocks/{name}",
        },
        SDK: {"GET /api/feature/current", "POST /api/events", "POST /api/users"},
        SDK_READS_ADMIN_LIST: {"GET /api/users"},
    }  # fmt: skip
    rest = [route for route in api.all_routes() if route.access not in (*of, ADMIN)]
    assert {route.access.role for route in rest} == {Role.CLIENT}
    assert all(route.path.startswith(("/api/v5/", "/api/v6/")) for route in rest)


def test_a_token_counts_as_a_key_and_is_checked_besides_where_that_is_on(
    app: ModuleType, gateway: Gateway, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.services.study_setup, "_can_check_auth", lambda: True)
    app.services.study_setup.change_settings(check_auth=True)
    good, bad = keys["good token"], keys["forged token"]
    user = {"user-id": "u"}

    def init(**headers: str) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return gateway.send("POST", "/api/v6/init", {}, {**sent, **user})

    assert init(authorization=good).status == 200
    assert init(authorization=f"Bearer {good}").status == 200
    assert init(x_api_key=keys["client"], authorization=good).status == 200
    refused = init(x_api_key=keys["client"], authorization=bad)
    assert (refused.status, refused.json["message"]) == (401, "invalid signature")
    missing = init(x_api_key=keys["client"])
    assert missing.json["message"] == "Token is not present in request header from client"
    assert init(authorization=bad).json["name"] == "AuthorizationRequiredError"
