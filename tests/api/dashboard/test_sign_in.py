"""Signing in and out, and what forms must prove, where people need keys."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urljoin, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.api import dashboard
from chalicelib.api.dashboard.serving.places import HOME, own_place, place_of
from chalicelib.api.dashboard.serving.sessions import COOKIE, cookie_of, session_text
from chalicelib.api.http.reading import Reading
from chalicelib.domain.access.api_keys import Role
from chalicelib.domain.access.sessions import LIFETIME
from tests.api.dashboard.pages import FORM, HOST, Seen, load
from tests.http import Answer, Gateway

OPEN = {"/", "/dashboard/assets/{name}", "/dashboard/sign-in", "/dashboard/sign-out"}
"""What needs no session."""


@dataclass(frozen=True)
class Keys:
    """Keys in force, and the application that knows them."""

    app: ModuleType
    admin: str
    admin_id: str
    client: str


@pytest.fixture
def keys(app: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keys]:
    access = app.services.access
    monkeypatch.setattr(access, "enabled", True)
    admin, admin_text = access.create(Role.ADMIN)
    client, client_text = access.create(Role.CLIENT)
    yield Keys(app, admin_text, admin.id, client_text)
    for key in (admin, client):
        if key in access.in_force():
            access.revoke(key.id)


def send(gateway: Gateway, path: str, fields: dict[str, str], **headers: str) -> Answer:
    sent = {**FORM, **{name.replace("_", "-"): value for name, value in headers.items()}}
    kept = {name: value for name, value in sent.items() if value}
    return gateway.send("POST", path, headers=kept, raw=urlencode(fields).encode())


def sign_in(gateway: Gateway, key: str, to: str = HOME, **headers: str) -> Answer:
    return send(gateway, "/dashboard/sign-in", {"key": key, "to": to}, **headers)


def session_of(answer: Answer) -> str:
    """The cookie that a browser sends after an answer."""
    return answer.headers["set-cookie"].partition(";")[0]


def token_of(gateway: Gateway, cookie: str) -> str:
    return load(gateway, HOME, cookie=cookie).fields["token"]


def target(path: str, answer: Answer) -> str:
    """Where an answer leads, as a browser finds it."""
    return urljoin(f"https://{HOST}{path}", answer.headers["location"])


def pages() -> list[tuple[str, str]]:
    return [
        (route.method, re.sub(r"\{\w+\}", "1", route.path))
        for route in dashboard.pages()
        if route.path not in OPEN
    ]


class TestStrangers:
    def test_every_page_and_form_leads_to_the_sign_in(self, gateway: Gateway, keys: Keys) -> None:  # noqa: ARG002
        assert pages()
        for method, path in pages():
            for cookie in ("", f"{COOKIE}=nonsense", f"{COOKIE}=a.1.b.c"):
                headers = {**FORM, **({"cookie": cookie} if cookie else {})}
                answer = gateway.send(method, path, headers=headers)
                assert answer.status == 303, (method, path)
                assert answer.text == ""
                place = urlsplit(target(path, answer))
                assert (place.netloc, place.path) == (HOST, "/dashboard/sign-in")

    def test_a_page_is_found_again_after_the_sign_in(self, gateway: Gateway, keys: Keys) -> None:
        wanted = "/dashboard?search=a%26b%20%E2%80%AE&kind=&sort=name"
        answer = gateway.get(wanted)
        page = Seen(gateway.get(target(wanted, answer).removeprefix(f"https://{HOST}")))
        assert page.status == 200
        back = sign_in(gateway, keys.admin, page.fields["to"])
        place = urlsplit(target("/dashboard/sign-in", back))
        assert place.path == "/dashboard"
        sent = parse_qs(place.query, keep_blank_values=True)
        assert sent == {"search": ["a&b \u202e"], "kind": [""], "sort": ["name"]}

    def test_a_form_that_is_sent_too_late_leads_back_to_its_page(
        self,
        gateway: Gateway,
        keys: Keys,  # noqa: ARG002
    ) -> None:
        method, path = next(each for each in pages() if each[0] == "POST")
        assert method == "POST"
        came = "/dashboard/users?id=a"
        for referer, to in ((f"https://{HOST}/dev{came}", came), ("", HOME), ("https://[", HOME)):
            answer = send(gateway, path, {}, referer=referer)
            assert parse_qs(urlsplit(target(path, answer)).query) == {"to": [to]}


HOSTILE = [
    "https://evil.example/",
    "//evil.example/dashboard",
    "/\\evil.example",
    "/dashboard/../../evil",
    "/dashboard/%2E%2e/evil",
    "/dashboard.evil.example",
    "/dashboard@evil.example",
    "javascript:alert(1)",
    "/dashboard/\r\nSet-Cookie: a=b",
    "/dashboard\n",
    "/dashboard/<script>",
    "/dashboard/\u202e",
    "",
    f"/dashboard/{'x' * 3000}",
]


class TestPlaces:
    @pytest.mark.parametrize("to", HOSTILE)
    def test_no_sign_in_leads_elsewhere(self, gateway: Gateway, keys: Keys, to: str) -> None:
        page = load(gateway, f"/dashboard/sign-in?to={quote(to, safe='')}")
        assert page.fields["to"] == HOME
        answer = sign_in(gateway, keys.admin, to)
        assert answer.status == 303
        assert target("/dashboard/sign-in", answer) == f"https://{HOST}{HOME}"

    @pytest.mark.parametrize(
        "to", [HOME, "/dashboard?search=x", "/dashboard/users?id=%2F..%2F", "/dashboard/flag/a.b"]
    )
    def test_pages_are_places(self, to: str) -> None:
        assert own_place(to) == to
        assert place_of(f"https://{HOST}/prod{to}") == to

    @given(st.text() | st.text(alphabet="/.%2eE\\?@:x").map("/dashboard".__add__))
    @example("/dashboard/..")
    def test_whatever_comes_out_is_below_the_dashboard(self, text: str) -> None:
        for place in (own_place(text), place_of(text)):
            found = urlsplit(urljoin("https://host.example/dev/dashboard/sign-in", f"..{place}"))
            assert found.netloc == "host.example"
            assert found.path.startswith("/dev/dashboard")
            assert place.isascii()
            assert place.isprintable()


class TestSigningIn:
    def test_a_key_of_an_administrator_opens_the_pages(self, gateway: Gateway, keys: Keys) -> None:
        answer = sign_in(gateway, keys.admin)
        page = load(gateway, HOME, cookie=f"other={{x y}}; {session_of(answer)}; more=1")
        assert page.status == 200
        assert "Sign out" in page.text
        assert keys.admin not in answer.headers["set-cookie"] + answer.headers["location"]

    @pytest.mark.parametrize(
        ("key", "status", "says"),
        [
            ("swy_wrong", 401, "No such key is in force"),
            ("swy_<script>alert(1)</script>", 401, "No such key is in force"),
            ("", 422, "key: Field required"),
        ],
    )
    def test_a_wrong_key_is_refused_and_not_repeated(
        self,
        gateway: Gateway,
        keys: Keys,  # noqa: ARG002
        key: str,
        status: int,
        says: str,
    ) -> None:
        answer = sign_in(gateway, key, "/dashboard/users?id=a")
        page = Seen(answer)
        assert page.status == status
        assert says in page.text
        assert "set-cookie" not in answer.headers
        assert page.fields["to"] == "/dashboard/users?id=a"
        assert page.fields["key"] == ""
        assert not key or key not in answer.text

    def test_a_key_of_clients_is_refused(self, gateway: Gateway, keys: Keys) -> None:
        answer = sign_in(gateway, keys.client)
        assert answer.status == 403
        assert "administrator" in answer.text
        assert keys.client not in answer.text
        assert "set-cookie" not in answer.headers

    def test_who_is_signed_in_may_do_it_again(self, gateway: Gateway, keys: Keys) -> None:
        first = session_of(sign_in(gateway, keys.admin))
        again = sign_in(gateway, keys.admin, cookie=first)
        assert again.status == 303
        assert session_of(again) != first

    def test_no_other_host_signs_anybody_in(self, gateway: Gateway, keys: Keys) -> None:
        answer = sign_in(gateway, keys.admin, origin="https://evil.example")
        assert answer.status == 403
        assert "set-cookie" not in answer.headers


class TestCookie:
    def test_only_pages_get_it_for_twelve_hours(self, gateway: Gateway, keys: Keys) -> None:
        answer = sign_in(gateway, keys.admin)
        pair, *attributes = answer.headers["set-cookie"].split("; ")
        assert re.fullmatch(rf"{COOKIE}=[A-Za-z0-9_.-]+", pair)
        assert attributes == [
            "Path=/dashboard",
            f"Max-Age={int(LIFETIME.total_seconds())}",
            "HttpOnly",
            "SameSite=Strict",
        ]
        assert answer.headers["cache-control"] == "no-store"

    def test_over_tls_it_stays_there(self, gateway: Gateway, keys: Keys) -> None:
        answer = sign_in(gateway, keys.admin, x_forwarded_proto="https")
        assert answer.headers["set-cookie"].endswith("; Secure")

    @pytest.mark.parametrize("path", ["/dashboard/sign-in", "/dev/dashboard/sign-in"])
    def test_it_goes_to_the_pages_of_its_stage_only(self, path: str) -> None:
        request: Any = SimpleNamespace(
            context={"path": path}, path="/dashboard/sign-in", headers={}
        )
        cookie = cookie_of("text", Reading(request, 0, any_type=False))
        assert f"; Path={path.removesuffix('/sign-in')}; " in cookie

    @pytest.mark.parametrize(
        ("sent", "found"),
        [
            ("", ""),
            ("a=b", ""),
            (f"x{COOKIE}=no; {COOKIE}=yes", "yes"),
            (f'a={{"b": [1, 2]}}; {COOKIE}=yes', "yes"),
            (f"{COOKIE}=first;{COOKIE}=second", "first"),
            (COOKIE, ""),
            (f"=;;{COOKIE}==", "="),
        ],
    )
    def test_it_is_found_among_others(self, sent: str, found: str) -> None:
        request: Any = SimpleNamespace(headers={"cookie": sent})
        assert session_text(Reading(request, 0, any_type=False)) == found


class TestForms:
    """Of all forms the one that everybody has: to sign out."""

    PATH = "/dashboard/sign-out"

    @pytest.fixture
    def cookie(self, gateway: Gateway, keys: Keys) -> str:
        return session_of(sign_in(gateway, keys.admin))

    def test_with_its_token_it_is_taken(self, gateway: Gateway, cookie: str) -> None:
        answer = send(gateway, self.PATH, {"token": token_of(gateway, cookie)}, cookie=cookie)
        assert target(self.PATH, answer) == f"https://{HOST}/dashboard/sign-in"
        ended = answer.headers["set-cookie"]
        assert ended.startswith(f"{COOKIE}=; Path=/dashboard; Max-Age=0; HttpOnly")

    def test_who_is_not_signed_in_may_sign_out(self, gateway: Gateway, cookie: str) -> None:  # noqa: ARG002
        assert send(gateway, self.PATH, {}).status == 303

    def test_without_a_token_or_with_another_session_s_it_is_refused(
        self, gateway: Gateway, keys: Keys, cookie: str
    ) -> None:
        other = token_of(gateway, session_of(sign_in(gateway, keys.admin)))
        for token in ("", other, "é", cookie):
            answer = send(gateway, self.PATH, {"token": token}, cookie=cookie)
            assert answer.status == 403, token
            assert "set-cookie" not in answer.headers
            assert "another session" in Seen(answer).text

    @pytest.mark.parametrize(
        "origin",
        ["", "null", "https://evil.example", f"https://{HOST}.evil.example", "https://[", "https:"],
    )
    def test_from_elsewhere_it_is_refused(self, gateway: Gateway, cookie: str, origin: str) -> None:
        fields = {"token": token_of(gateway, cookie)}
        for host in (HOST, ""):
            answer = send(gateway, self.PATH, fields, cookie=cookie, origin=origin, host=host)
            assert answer.status == 403
            assert "set-cookie" not in answer.headers

    def test_whatever_changes_something_asks_for_both(
        self, gateway: Gateway, keys: Keys, cookie: str
    ) -> None:
        before = keys.app.services.catalogue.fresh().revision.version
        fields = {"token": token_of(gateway, cookie)}
        for method, path in pages():
            if method == "POST":
                answer = send(gateway, path, {}, cookie=cookie)
                assert answer.status == 403, path
                answer = send(gateway, path, fields, cookie=cookie, origin="https://evil.example")
                assert answer.status == 403, path
        assert keys.app.services.catalogue.fresh().revision.version == before


def test_a_revoked_key_ends_the_session_at_once(gateway: Gateway, keys: Keys) -> None:
    cookie = session_of(sign_in(gateway, keys.admin))
    assert load(gateway, HOME, cookie=cookie).status == 200
    keys.app.services.access.revoke(keys.admin_id)
    assert load(gateway, HOME, cookie=cookie).status == 303


def test_a_session_ends_after_twelve_hours(
    gateway: Gateway, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    cookie = session_of(sign_in(gateway, keys.admin))
    now = keys.app.services.sessions._clock()
    monkeypatch.setattr(keys.app.services.sessions, "_clock", lambda: now + LIFETIME)
    assert load(gateway, HOME, cookie=cookie).status == 303


def test_no_key_and_no_session_is_in_a_line_of_the_log(
    gateway: Gateway, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even where everything is told."""
    loggers = [logging.getLogger(name) for name in ("switchyard", "")]
    levels = [each.level for each in loggers]
    propagates = loggers[0].propagate
    loggers[0].propagate = False
    for each in loggers:
        each.setLevel(logging.DEBUG)
    loggers[0].addHandler(caplog.handler)
    try:
        session = session_of(sign_in(gateway, keys.admin))
        sign_in(gateway, keys.client)
        sign_in(gateway, "swy_wrong")
        send(gateway, "/dashboard/sign-in", {"key": keys.admin, "unknown": keys.admin})
        send(gateway, "/dashboard/sign-out", {"token": keys.admin}, cookie=session)
        load(gateway, HOME, cookie=session)
    finally:
        loggers[0].removeHandler(caplog.handler)
        for each, level in zip(loggers, levels, strict=True):
            each.setLevel(level)
        loggers[0].propagate = propagates
    told = " ".join(repr(record.__dict__) for record in caplog.records)
    assert "POST /dashboard/sign-in" in told
    for secret in (keys.admin, keys.client, "swy_wrong", session.partition("=")[2]):
        assert secret not in told
