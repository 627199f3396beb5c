"""The header Idempotency-Key: what is sent twice takes effect once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from types import ModuleType
from typing import Any

import jwt
import pytest
from chalice.app import Chalice

from chalicelib.api.http.access import OPEN
from chalicelib.api.http.idempotent_calls import IdempotentCall
from chalicelib.api.http.routes import Routes
from chalicelib.api.http.wrapper import Wrapper
from chalicelib.api.protocol.problem_dialect import ProblemDialect
from chalicelib.domain.access.api_keys import Role
from chalicelib.domain.access.idempotency import KEPT
from chalicelib.domain.errors import Unavailable
from chalicelib.storage.dynamodb.connection import shared
from chalicelib.storage.dynamodb.tables import TABLES
from tests.api.test_round_trips import CallCounter, counter
from tests.api.upgrade_setup import design, entry, measure, start
from tests.conftest import CLIENT_KEY, CLIENT_SECRET
from tests.http import Answer, Gateway
from tests.recount import all_items

__all__ = ["counter"]

AT_ONCE = 8
MARKED = {"data": {"site": "site", "target": "target"}, "status": "condition applied"}


@dataclass(frozen=True)
class Call:
    """A request that has an effect, another that would have one, and one that is refused."""

    path: str
    body: Any
    other: Any
    refused: Any
    user: str = ""
    """The header User-Id."""

    def headers(self, key: str | None, **more: str) -> dict[str, str]:
        user = {"user-id": self.user} if self.user else {}
        return {**user, **({} if key is None else {"idempotency-key": key}), **more}


def logged(day: int, **of_user: str) -> dict[str, Any]:
    return {"value": [entry(day, {"time": day}, {"try": {"time": day}})], **of_user}


def marked(target: str = "target", experiment_id: str | None = None, **of_user: str) -> Any:
    data: dict[str, Any] = {"site": "site", "target": target}
    if experiment_id is not None:
        data["assignedCondition"] = {"conditionCode": "control", "experimentId": experiment_id}
    return {"data": data, "status": "condition applied", **of_user}


UNKNOWN = "11111111-1111-4111-8111-111111111111"
TOO_LONG = {"value": [entry(1, {"time": "x" * 1001})]}
ADA = {"userId": "ada"}
FEATURE = {
    "type_id": 1, "name": "f", "start_date": "2026-01-01", "end_date": "2099-01-01"
}  # fmt: skip


def event(variant_id: int, user_id: str = "ada") -> dict[str, Any]:
    return {"variant_id": variant_id, "user_id": user_id}


def user(user_id: str, variant_id: int = 1) -> dict[str, Any]:
    return {"id": user_id, "variant_id": variant_id, "ip_address": "1.2.3.4"}


CALLS: dict[str, Callable[[int], Call]] = {
    "users": lambda v: Call("/api/users", user("eve", v), user("eve", v + 1), user("eve", 10**6)),
    "events": lambda v: Call("/api/events", event(v), event(v + 1), event(10**6)),
    "features": lambda _: Call(
        "/api/feature", FEATURE, {**FEATURE, "name": "g"}, {**FEATURE, "name": "tested"}
    ),
    "mark v6": lambda _: Call(
        "/api/v6/mark", marked(), marked("other"), marked("target", UNKNOWN), "ada"
    ),
    "mark v5": lambda _: Call(
        "/api/v5/mark", marked(**ADA), marked("other", **ADA), marked("target", UNKNOWN, **ADA)
    ),
    "log v6": lambda _: Call("/api/v6/log", logged(1), logged(2), None, "ada"),
    "log v5": lambda _: Call("/api/v5/log", logged(1, **ADA), logged(2, **ADA), None),
    "bloblog": lambda _: Call("/api/v5/bloblog", logged(1, **ADA), logged(2, **ADA), None),
}


@pytest.fixture
def variant(gateway: Gateway) -> int:
    """The first of two variants of a feature of Test Lab; `ada` is known to both APIs."""
    tested = {**FEATURE, "type_id": 3, "name": "tested"}
    feature_id = gateway.post("/api/feature", tested).json["id"]
    two = [{"feature_id": feature_id, "value": value} for value in "ab"]
    made = gateway.post(f"/api/feature/{feature_id}/variants", {"variants": two}).json

    def send(method: str, path: str, body: Any) -> Any:
        return gateway.send(method, path, body).json

    start(send, design(("site", "target"), ("site", "other")))
    measure(send, "time")
    gateway.post("/api/users", user("ada", made[0]["id"]))
    gateway.send("POST", "/api/v6/init", {}, {"user-id": "ada"})
    variant_id: int = made[0]["id"]
    return variant_id


@pytest.fixture(params=CALLS)
def call(request: pytest.FixtureRequest, variant: int) -> Call:
    return CALLS[request.param](variant)


def send(
    gateway: Gateway, call: Call, key: str | None = "k", body: Any = None, **more: str
) -> Answer:
    sent = call.body if body is None else body
    return gateway.send("POST", call.path, sent, call.headers(key, **more))


def stored() -> list[str]:
    """All items but kept answers and the sequences of ids."""
    client = shared().client
    items = (
        item
        for table in TABLES
        for page in client.get_paginator("scan").paginate(TableName=table.Meta.table_name)
        for item in page["Items"]
    )
    return sorted(
        json.dumps(item, sort_keys=True, default=str)
        for item in items
        if "fingerprint" not in item and not item.get("pk", {}).get("S", "").startswith("sequence#")
    )


def same(first: Answer, second: Answer) -> bool:
    return (first.status, first.text) == (second.status, second.text)


def test_what_is_sent_again_gets_the_first_answer_and_has_no_effect(
    gateway: Gateway, call: Call
) -> None:
    empty = stored()
    first = send(gateway, call)
    after = stored()
    assert first.status == 200
    assert after != empty
    assert "idempotent-replayed" not in first.headers
    for _ in range(2):
        again = send(gateway, call)
        assert same(first, again)
        assert again.headers["idempotent-replayed"] == "true"
        assert again.headers["content-type"] == first.headers["content-type"]
    assert stored() == after


def test_the_same_key_with_another_body_is_refused(gateway: Gateway, call: Call) -> None:
    send(gateway, call)
    after = stored()
    refused = send(gateway, call, body=call.other)
    assert refused.status == 422
    assert "another body" in refused.headers["x-error-detail"]
    assert stored() == after
    assert send(gateway, call).status == 200


def test_another_key_is_another_request(gateway: Gateway, call: Call) -> None:
    send(gateway, call)
    after = stored()
    answer = send(gateway, call, "other", body=call.other)
    assert "idempotent-replayed" not in answer.headers
    if call.path == "/api/users":  # there is one row per user
        assert answer.status == 403
    else:
        assert (answer.status, stored() == after) == (200, False)


def test_of_requests_at_once_one_takes_effect_and_all_get_its_answer(
    gateway: Gateway, app: ModuleType, call: Call
) -> None:
    """They come to as many processes, or else they would take turns."""

    def requested(_: int) -> Answer:
        return send(Gateway(app.app), call)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(requested, range(AT_ONCE)))
    assert {(answer.status, answer.text) for answer in answers} == {(200, answers[0].text)}
    after = stored()
    assert send(gateway, call).text == answers[0].text
    assert stored() == after
    if "feature" in call.path:
        assert len([f for f in gateway.get("/api/feature").json if f["name"] == "f"]) == 1
    if "events" in call.path:
        assert len(gateway.get("/api/events").json) == 1


def test_without_the_header_each_request_is_one_of_its_own(gateway: Gateway, call: Call) -> None:
    first, again = send(gateway, call, None), send(gateway, call, None)
    assert first.status == 200
    assert again.status == (403 if call.path in ("/api/users", "/api/feature") else 200)
    assert "idempotent-replayed" not in again.headers
    if call.path == "/api/events":
        assert len(gateway.get("/api/events").json) == 2


@pytest.mark.parametrize("name", ["users", "events", "mark v6", "mark v5"])
def test_a_refusal_because_something_is_not_there_is_not_kept(
    gateway: Gateway, variant: int, name: str
) -> None:
    call = CALLS[name](variant)
    before = all_items()
    first = send(gateway, call, body=call.refused)
    assert 400 <= first.status < 500
    again = send(gateway, call, body=call.refused)
    assert same(first, again)
    assert "idempotent-replayed" not in again.headers
    assert all_items() == before
    assert send(gateway, call).status == 200


def test_any_other_refusal_is_kept(gateway: Gateway, variant: int) -> None:
    feature = {**FEATURE, "name": "tested"}
    taken = [
        ("users", user("ada", variant), user("ada", variant + 1)),
        ("features", feature, {**feature, "description": "other"}),
    ]
    for name, body, other in taken:
        call = CALLS[name](variant)
        first = send(gateway, call, body=body)
        assert first.status == 403
        again = send(gateway, call, body=body)
        assert same(first, again)
        assert again.headers["idempotent-replayed"] == "true"
        assert again.headers["x-error-detail"] == first.headers["x-error-detail"]
        assert send(gateway, call, body=other).status == 422


@pytest.mark.parametrize("name", ["users", "features"])
def test_who_is_refused_because_the_same_request_took_effect_gets_its_answer(
    gateway: Gateway,
    app: ModuleType,
    variant: int,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    call = CALLS[name](variant)
    first = send(gateway, call)
    service = app.services.idempotency
    looks = iter([lambda _: None])
    look = service.first_answer
    monkeypatch.setattr(service, "first_answer", lambda key: next(looks, look)(key))
    again = send(gateway, call)
    assert same(first, again)
    assert again.headers["idempotent-replayed"] == "true"


def test_under_an_id_that_no_user_can_have_nothing_is_kept(gateway: Gateway, variant: int) -> None:
    before = all_items()
    for path, body in (
        ("/api/users", user("x" * 600, variant)),
        ("/api/events", event(variant, "x" * 600)),
        ("/api/v5/log", logged(1, userId="x" * 600)),
        ("/api/v5/mark", marked(userId="x" * 600)),
    ):
        answer = gateway.send("POST", path, body, {"idempotency-key": "k"})
        assert 400 <= answer.status < 500
    assert all_items() == before


def test_a_refusal_of_what_cannot_be_read_is_not_kept(gateway: Gateway, call: Call) -> None:
    malformed = gateway.send(
        "POST",
        call.path,
        headers={**call.headers("k"), "content-type": "application/json"},
        raw=b"{",
    )
    assert malformed.status in (400, 404)
    assert send(gateway, call).status == 200


@pytest.mark.parametrize("key", ["", "é", "x" * 256])
def test_a_key_that_is_none_is_refused(gateway: Gateway, call: Call, key: str) -> None:
    before = stored()
    refused = send(gateway, call, key)
    assert 400 <= refused.status < 500
    assert "Idempotency-Key" in refused.headers["x-error-detail"]
    assert stored() == before


def test_what_failed_is_not_kept(
    gateway: Gateway, app: ModuleType, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 is not what the next one gets."""
    services = app.services
    effects = [(services.users, "create"), (services.events, "record"), (services.logs, "log")]
    effects += [(services.features, "create"), (services.marking, "mark")]

    def fail(*_: Any) -> None:
        raise Unavailable("the database does not answer")

    with monkeypatch.context() as broken:
        for service, method in effects:
            broken.setattr(service, method, fail)
        assert send(gateway, call).status == 503
    first = send(gateway, call)
    assert first.status == 200
    assert "idempotent-replayed" not in first.headers


def test_a_day_later_it_is_a_new_request(
    gateway: Gateway, app: ModuleType, variant: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = CALLS["events"](variant)
    send(gateway, call)
    service = app.services.idempotency
    now = service._clock
    monkeypatch.setattr(service, "_clock", lambda: now() + KEPT - timedelta(minutes=1))
    assert send(gateway, call).headers["idempotent-replayed"] == "true"
    monkeypatch.setattr(service, "_clock", lambda: now() + KEPT)
    assert "idempotent-replayed" not in send(gateway, call).headers
    assert len(gateway.get("/api/events").json) == 2


def test_another_user_and_another_route_have_answers_of_their_own(
    gateway: Gateway, variant: int
) -> None:
    gateway.post("/api/users", user("bob", variant))
    send(gateway, CALLS["events"](variant))
    send(gateway, CALLS["events"](variant), body=event(variant, "bob"))
    assert len(gateway.get("/api/events").json) == 2
    for path in ("/api/v5/log", "/api/v5/bloblog"):
        answer = gateway.send("POST", path, logged(1, **ADA), {"idempotency-key": "k"})
        assert "idempotent-replayed" not in answer.headers


@pytest.fixture
def keys(app: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    access = app.services.access
    monkeypatch.setattr(access, "enabled", True)
    made = [access.create(Role.CLIENT) for _ in range(2)]
    yield [text for _, text in made]
    for key, _ in made:
        access.revoke(key.id)


def test_another_caller_has_answers_of_its_own(
    gateway: Gateway, variant: int, keys: list[str]
) -> None:
    call = CALLS["events"](variant)
    headers = [{"x-api-key": key} for key in keys]
    answers = [send(gateway, call, **header) for header in (*headers, *headers)]
    replayed = ["idempotent-replayed" in answer.headers for answer in answers]
    assert replayed == [False, False, True, True]


def test_those_who_call_with_a_token_have_answers_apart_from_those_with_a_key(
    gateway: Gateway, variant: int, keys: list[str]
) -> None:
    call = CALLS["mark v6"](variant)
    token = jwt.encode({"APIKey": CLIENT_KEY}, CLIENT_SECRET, "HS256")
    headers = [{"authorization": f"Bearer {token}"}, {"x-api-key": keys[0]}]
    answers = [send(gateway, call, **header) for header in (*headers, *headers)]
    assert [answer.status for answer in answers] == [200] * 4
    replayed = ["idempotent-replayed" in answer.headers for answer in answers]
    assert replayed == [False, False, True, True]


def test_those_with_a_token_are_told_from_those_without_anything(
    gateway: Gateway, app: ModuleType, variant: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While keys are not asked for nobody is told apart; once they are, everybody is."""
    call = CALLS["mark v6"](variant)
    token = {"authorization": "Bearer " + jwt.encode({"APIKey": CLIENT_KEY}, CLIENT_SECRET)}
    send(gateway, call)
    monkeypatch.setattr(app.services.access, "enabled", True)
    assert "idempotent-replayed" not in send(gateway, call, **token).headers


def test_an_answer_is_not_for_those_who_may_not_call(
    gateway: Gateway, variant: int, keys: list[str]
) -> None:
    call = CALLS["mark v6"](variant)
    assert send(gateway, call, **{"x-api-key": keys[0]}).status == 200
    assert send(gateway, call).status == 401


@pytest.mark.usefixtures("variant")
def test_an_alias_keeps_answers_of_its_own(gateway: Gateway) -> None:
    gateway.send("PATCH", "/api/v6/useraliases", {"aliases": ["a"]}, {"user-id": "ada"})
    for user_id in ("ada", "a"):
        headers = {"user-id": user_id, "idempotency-key": "k"}
        answer = gateway.send("POST", "/api/v6/log", logged(1), headers)
        assert answer.status == 200
        assert "idempotent-replayed" not in answer.headers


def test_a_log_of_too_much_for_one_transaction_is_refused_whole(
    gateway: Gateway, variant: int
) -> None:
    call = CALLS["log v6"](variant)
    grouped = {f"try {n}": {"time": n} for n in range(60)}
    before = stored()
    refused = send(gateway, call, body={"value": [entry(1, {}, grouped)]})
    assert refused.status == 400
    assert "too much" in refused.headers["x-error-detail"]
    assert stored() == before


def test_the_header_costs_one_trip_more(
    gateway: Gateway, counter: CallCounter, variant: int
) -> None:
    call = CALLS["events"](variant)
    send(gateway, call, None)
    counter.calls.clear()
    send(gateway, call, None)
    without = len(counter.calls)
    counter.calls.clear()
    send(gateway, call, "k1")
    assert len(counter.calls) == without + 1


def test_kept_answers_do_not_make_assign_dearer(
    gateway: Gateway, counter: CallCounter, variant: int
) -> None:
    call = CALLS["mark v6"](variant)
    for number in range(20):
        send(gateway, call, f"k{number}")
    counter.calls.clear()
    answer = gateway.send("POST", "/api/v6/assign", {"context": "home"}, {"user-id": "ada"})
    assert answer.status == 200
    assert counter.calls == ["Query", "GetItem"]


def test_what_the_path_names_is_part_of_the_request(app: ModuleType) -> None:
    letters = Routes(__name__, ProblemDialect(), OPEN)

    @letters.endpoint("/boxes/{box}/letters/{letter}", "POST", idempotent=True)
    def put(box: str, letter: str, once: IdempotentCall) -> Any:
        return once(None, lambda _: [box, letter], lambda put: put)

    boxes = Chalice("boxes", configure_logs=False)
    boxes.register_blueprint(Wrapper(app.services, app.observer).blueprint(letters))
    gateway = Gateway(boxes, documented=False)

    def sent(path: str) -> Any:
        return gateway.send("POST", path, {}, {"idempotency-key": "k"}).json

    assert sent("/boxes/a/letters/b") == ["a", "b"]
    assert sent("/boxes/a/letters/c") == ["a", "c"]
    assert sent("/boxes/a%2Fletters%2Fb/letters/b") == ["a/letters/b", "b"]
    again = gateway.send("POST", "/boxes/%61/letters/b", {}, {"idempotency-key": "k"})
    assert (again.json, again.headers["idempotent-replayed"]) == (["a", "b"], "true")
