"""Tokens of client programs, and in which order a call is checked."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from types import ModuleType
from typing import Any

import jwt
import pytest

from chalicelib import bootstrap
from chalicelib.storage.stores import dynamo_stores
from tests.conftest import CLIENT_KEY, CLIENT_SECRET
from tests.http import Answer, Gateway

JSON = {"content-type": "application/json"}
OTHER_SECRET = "another secret that is just as long as the first one"  # noqa: S105
MISSING, INVALID, UNREADABLE = (
    "Token is not present in request",
    "Invalid token",
    "User ID not found",
)
CALLS = [
    ("POST", "init", {}),
    ("PATCH", "groupmembership", {"group": {}}),
    ("PATCH", "workinggroup", {"workingGroup": {}}),
    ("PATCH", "useraliases", {"aliases": []}),
    ("POST", "assign", {"context": "home"}),
    ("POST", "mark", {"data": {"site": "s", "target": "t"}}),
    ("POST", "featureflag", {"context": "home"}),
    ("POST", "log", {"value": []}),
]


def token(claims: Any = None, secret: str = CLIENT_SECRET, **more: Any) -> str:
    return jwt.encode(claims or {"APIKey": CLIENT_KEY, **more}, secret, "HS256")


def signed(header: bytes, claims: bytes) -> str:
    """A token of any content, with a good signature."""

    def text(raw: bytes) -> bytes:
        return base64.urlsafe_b64encode(raw).rstrip(b"=")

    content = text(header) + b"." + text(claims)
    signature = hmac.new(CLIENT_SECRET.encode(), content, hashlib.sha256).digest()
    return (content + b"." + text(signature)).decode()


def check(gateway: Gateway, *, on: bool = True) -> None:
    """Let every call need a token, after making a user."""
    gateway.send("POST", "/api/v6/init", {}, {"user-id": "ada"})
    assert gateway.post("/api/setting", {"toCheckAuth": on}).status == 200


def call(
    gateway: Gateway,
    authorization: str | None,
    *,
    version: int = 6,
    method: str = "POST",
    name: str = "assign",
    body: Any = None,
    user_id: str | None = "ada",
) -> Answer:
    headers = {} if authorization is None else {"authorization": authorization}
    sent = {"context": "home"} if body is None else body
    if version == 6 and user_id is not None:
        headers["user-id"] = user_id
    if version == 5:
        sent = {"userId": user_id, "id": user_id, **sent}
    return gateway.send(method, f"/api/v{version}/{name}", sent, headers)


@pytest.fixture
def checked(gateway: Gateway) -> Gateway:
    """Where every call needs a token."""
    check(gateway)
    return gateway


@pytest.mark.parametrize(("method", "name", "body"), CALLS, ids=lambda value: str(value)[:16])
@pytest.mark.parametrize("version", [5, 6])
def test_every_call_needs_a_token(
    checked: Gateway, version: int, method: str, name: str, body: Any
) -> None:
    sent: dict[str, Any] = {"version": version, "method": method, "name": name, "body": body}
    for scheme in ("Bearer ", ""):
        assert call(checked, scheme + token(), **sent).status == 200
    refused = call(checked, None, **sent)
    assert refused.status == 401
    assert refused.json["name"] == "Error"
    assert refused.json["message"] == "Token is not present in request header from client"
    assert refused.json["type"] == MISSING
    assert refused.json["errorCode"] == 401
    assert refused.json["endPoint"] == f"/api/v{version}/{name}"


def test_bloblog_and_reward_need_one_too(checked: Gateway) -> None:
    body = {"userId": "ada", "value": []}
    assert checked.post("/api/v5/bloblog", body).status == 401
    good = {"authorization": token()}
    assert checked.send("POST", "/api/v5/bloblog", body, good).status == 200
    reward = {"rewardValue": "SUCCESS", "experimentId": "x"}
    assert call(checked, None, name="reward", body=reward).status == 401
    assert call(checked, token(), name="reward", body=reward).status == 400


@pytest.mark.parametrize(
    ("authorization", "name", "message", "kind"),
    [
        ("", "Error", "Token is not present in request header from client", MISSING),
        ("Bearer ", "JsonWebTokenError", "jwt malformed", UNREADABLE),
        ("Bearer", "JsonWebTokenError", "jwt malformed", UNREADABLE),
        ("Bearer x", "JsonWebTokenError", "jwt malformed", UNREADABLE),
        ("Bearer a.b", "JsonWebTokenError", "jwt malformed", UNREADABLE),
        ("Bearer a.b.c", "JsonWebTokenError", "invalid token", UNREADABLE),
        ("Bearer ..", "JsonWebTokenError", "invalid token", UNREADABLE),
        ("Basic YTpi", "JsonWebTokenError", "jwt malformed", UNREADABLE),
        (token(secret=OTHER_SECRET), "JsonWebTokenError", "invalid signature", INVALID),
        (token()[:-3] + "abc", "JsonWebTokenError", "invalid signature", INVALID),
        (
            jwt.encode({"APIKey": CLIENT_KEY}, CLIENT_SECRET * 2, "HS512"),
            "JsonWebTokenError",
            "invalid algorithm",
            INVALID,
        ),
        (
            jwt.encode({"APIKey": CLIENT_KEY}, "", "none"),
            "JsonWebTokenError",
            "invalid algorithm",
            INVALID,
        ),
        (token(exp=1), "TokenExpiredError", "jwt expired", INVALID),
        (token(nbf=2**33), "NotBeforeError", "jwt not active", INVALID),
        (token({"APIKey": "another"}), "Error", "Provided token is invalid", INVALID),
        (token({"APIKey": CLIENT_KEY.upper()}), "Error", "Provided token is invalid", INVALID),
        (token({"apikey": CLIENT_KEY}), "Error", "Provided token is invalid", INVALID),
        (token({"APIKey": [CLIENT_KEY]}), "Error", "Provided token is invalid", INVALID),
        (token({"APIKey": None}), "Error", "Provided token is invalid", INVALID),
        (token({"iat": 1}), "Error", "Provided token is invalid", INVALID),
        (token(sub="ada"), "Error", "Provided token is invalid", INVALID),
        (token(aud="x"), "Error", "Provided token is invalid", INVALID),
        (token(exp="soon"), "JsonWebTokenError", "invalid token", UNREADABLE),
        (
            signed(b'{"alg": "HS256"}', b'{"APIKey": "\\ud800"}'),
            "Error",
            "Provided token is invalid",
            INVALID,
        ),
        (signed(b'{"alg": "HS256"}', b"[]"), "JsonWebTokenError", "invalid token", UNREADABLE),
        (signed(b'{"alg": "HS256"}', b"\xff"), "JsonWebTokenError", "invalid token", UNREADABLE),
        (signed(b"[]", b"{}"), "JsonWebTokenError", "invalid token", UNREADABLE),
        (
            signed(b'{"alg": "HS256"}', b'{"exp": 1e999}'),
            "JsonWebTokenError",
            "invalid token",
            UNREADABLE,
        ),
        (
            signed(b'{"alg": "HS256"}', b"[" * 50_000),
            "JsonWebTokenError",
            "invalid token",
            UNREADABLE,
        ),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_token_that_is_not_good_is_refused_with_the_reason(
    checked: Gateway, authorization: str, name: str, message: str, kind: str
) -> None:
    for version in (5, 6):
        refused = call(checked, authorization, version=version)
        assert refused.status == 401
        body = refused.json
        assert (body["name"], body["message"], body["type"]) == (name, message, kind)


def test_a_token_may_have_dates(checked: Gateway) -> None:
    now = int(time.time())
    for dates in ({"iat": now}, {"exp": now + 60}, {"iat": now - 60, "exp": now + 60}):
        claims = {"APIKey": CLIENT_KEY, **dates}
        assert call(checked, f"Bearer {token(claims)}").status == 200


def test_without_the_setting_no_token_is_looked_at(gateway: Gateway) -> None:
    check(gateway, on=False)
    for authorization in (None, "Bearer x", token(secret=OTHER_SECRET)):
        assert call(gateway, authorization).status == 200
        assert call(gateway, authorization, version=5).status == 200


def test_the_setting_can_be_switched_off_again(checked: Gateway) -> None:
    assert call(checked, None).status == 401
    checked.post("/api/setting", {"toCheckAuth": False})
    assert call(checked, None).status == 200


def test_a_cached_setting_does_not_refuse(
    app: ModuleType, checked: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call(checked, token()).status == 200
    monkeypatch.setattr(app.services.catalogue, "_ttl", 60.0)
    other = bootstrap.build(app.settings, dynamo_stores())
    other.study_setup.change_settings(check_auth=False)
    assert call(checked, None).status == 200
    assert call(checked, None, version=5).status == 200


def test_administration_needs_no_client_token(checked: Gateway) -> None:
    assert checked.get("/api/experiments").status == 200
    assert checked.get("/api/flags").status == 200
    assert checked.get("/api/setting").json["toCheckAuth"] is True


# The order of checks


def test_v6_checks_json_then_header_then_user_then_token_then_body(checked: Gateway) -> None:
    def send(raw: str, user_id: str, authorization: str) -> tuple[int, str]:
        headers = {**JSON, "user-id": user_id, "authorization": authorization}
        answer = checked.send("POST", "/api/v6/assign", raw=raw.encode(), headers=headers)
        return answer.status, answer.json["name"] if answer.status != 200 else ""

    assert send("{", "", "") == (400, "SyntaxError")
    assert send("{}", "", "") == (400, "Error")
    assert send("{}", "nobody", "") == (404, "Error")
    assert send("{}", "ada", "") == (401, "Error")
    assert send("{}", "ada", token()) == (400, "BadRequestError")
    assert send('{"context": "home"}', "ada", token()) == (200, "")


def test_v6_init_looks_nobody_up_before_the_token(checked: Gateway) -> None:
    assert call(checked, None, name="init", body={}, user_id="new").status == 401
    assert call(checked, token(), user_id="new").status == 404, "it was not initialised"
    assert call(checked, token(), name="init", body={"x": 1}, user_id="new").status == 400
    assert call(checked, token(), name="init", body={}, user_id="new").status == 200


def test_v5_checks_json_then_token_then_body_then_user(checked: Gateway) -> None:
    def send(raw: str, authorization: str) -> tuple[int, str]:
        headers = {**JSON, "authorization": authorization}
        answer = checked.send("POST", "/api/v5/assign", raw=raw.encode(), headers=headers)
        return answer.status, answer.json["name"] if answer.status != 200 else ""

    assert send("{", "") == (400, "SyntaxError")
    assert send("{}", "") == (401, "Error")
    assert send('{"userId": "nobody"}', token()) == (400, "BadRequestError")
    assert send('{"userId": "nobody", "context": "home"}', token()) == (404, "Error")
    assert send('{"userId": "ada", "context": "home"}', token()) == (200, "")


@pytest.mark.parametrize("stored", [True, False, None])
def test_featureflag_checks_like_others_but_for_the_user_of_a_session(
    checked: Gateway, stored: bool | None
) -> None:
    body: dict[str, Any] = {"context": "home"}
    if stored is not None:
        body |= {"groupsForSession": {}, "includeStoredUserGroups": stored}
    looked_up = stored is not False
    unknown = call(checked, None, name="featureflag", body=body, user_id="nobody")
    assert unknown.status == (404 if looked_up else 401)
    answer = call(checked, token(), name="featureflag", body=body, user_id="nobody")
    assert answer.status == (404 if looked_up else 200)
    missing = call(checked, None, name="featureflag", body={**body, "context": ""})
    assert missing.status == 401
    v5 = call(checked, None, version=5, name="featureflag", body=body, user_id="nobody")
    assert v5.status == 401


# Where nobody said what tokens are made with


def test_tokens_cannot_be_asked_for_that_nobody_could_make(
    app: ModuleType, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.services.study_setup, "_can_check_auth", lambda: False)
    refused = gateway.post("/api/setting", {"toCheckAuth": True})
    assert refused.status == 400
    assert "configure CLIENT_API_SECRET and CLIENT_API_KEY" in refused.json["message"]
    assert gateway.get("/api/setting").json["toCheckAuth"] is False
    assert gateway.post("/api/setting", {"toCheckAuth": False}).status == 200


def test_where_the_credentials_are_gone_calls_are_refused_and_may_be_repeated(
    app: ModuleType, checked: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.services.client_auth, "_credentials", lambda: None)
    answer = call(checked, token())
    assert answer.status == 503
    assert "retry-after" in answer.headers
    checked.post("/api/setting", {"toCheckAuth": False})
    assert call(checked, None).status == 200


def test_the_answer_to_a_refused_token_does_not_tell_the_secret(checked: Gateway) -> None:
    for authorization in (None, "Bearer x", token(secret=OTHER_SECRET), token({"APIKey": "x"})):
        text = json.dumps(call(checked, authorization).json)
        assert CLIENT_SECRET not in text
        assert CLIENT_KEY not in text
