"""Two server processes on one database, each with a catalogue cached for a minute."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.api.upgrade_setup import design, flag, segment

TTL_MS = "60000"


@pytest.fixture(scope="module")
def urls(start_server: Any, shared_database: str) -> tuple[str, str]:
    settings = {
        "DYNAMODB_ENDPOINT": shared_database,
        "TABLE_PREFIX": "switchyard-two",
        "CATALOGUE_TTL_MS": TTL_MS,
    }
    return start_server(**settings).url, start_server(**settings).url


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


def test_what_one_process_made_the_other_never_refuses(
    urls: tuple[str, str], session: requests.Session
) -> None:
    def call(url: str, method: str, path: str, body: Any = None) -> Any:
        answer = session.request(method, url + path, json=body, timeout=10)
        assert answer.status_code == 200, (url, method, path, answer.text, answer.headers)
        return answer.json()

    one, two = urls
    call(one, "DELETE", "/api/v5/clearDB")
    for maker, other in ((one, two), (two, one), (one, two)):
        for url in urls:  # both have a catalogue that knows nothing of what follows
            call(url, "GET", "/api/feature")
        body = {"type_id": 3, "start_date": "2020-01-01", "end_date": "2099-12-31"}
        feature_id = call(maker, "POST", "/api/feature", {**body, "name": maker + other})["id"]
        assert call(other, "GET", f"/api/feature/{feature_id}")["id"] == feature_id
        variants = {
            "variants": [{"feature_id": feature_id, "value": v, "weight": 0.5} for v in "ab"]
        }
        made = call(other, "POST", f"/api/feature/{feature_id}/variants", variants)
        user = {"id": f"u{feature_id}", "variant_id": made[0]["id"], "ip_address": "::1"}
        call(maker, "POST", "/api/users", user)
        event = {"user_id": user["id"], "variant_id": made[1]["id"]}
        call(other, "POST", "/api/events", event)
        event = {"user_id": user["id"], "variant_id": made[0]["id"]}
        call(maker, "POST", "/api/events", event)
        for url in (maker, other):
            totals = call(url, "GET", f"/api/analysis/feature/{feature_id}")
            assert [t["event_total"] for t in totals] == [1, 1]
            assert len(call(url, "GET", f"/api/events/feature/{feature_id}")) == 2
            assert len(call(url, "GET", f"/api/feature/{feature_id}/variants")) == 2
        update = {**body, "name": f"renamed {feature_id}", "is_running": True}
        call(other, "PUT", f"/api/feature/{feature_id}", {**update, "user_percentage": 0.1})
    names = {feature["name"] for feature in call(one, "GET", "/api/feature")}
    assert len(names) == 3


MADE: tuple[tuple[str, Any, str, str, Any], ...] = (
    (
        "/api/feature",
        {"type_id": 1, "name": "n", "start_date": "2020-01-01", "end_date": "2099-12-31"},
        "/api/feature/{}",
        "PUT /api/feature/{}",
        {"is_running": True, "user_percentage": 1},
    ),
    ("/api/experiments", design(("site", "")), "/api/experiments/single/{}",
     "PUT /api/experiments/{}", {}),
    ("/api/flags", flag(), "/api/flags/{}", "PUT /api/flags/{}", {}),
    ("/api/segments", segment("ada", name="all", type="public"), "/api/segments/{}",
     "POST /api/segments", {}),
)  # fmt: skip
ROUNDS = 5


@pytest.mark.parametrize(("create", "body", "read", "write", "more"), MADE)
def test_of_two_who_write_at_once_with_the_tag_of_one_state_one_wins(
    urls: tuple[str, str], create: str, body: Any, read: str, write: str, more: Any
) -> None:
    def call(method: str, url: str, sent: Any = None, **headers: str) -> requests.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.request(method, url, json=sent, headers=named, timeout=20)

    assert call("DELETE", f"{urls[0]}/api/v5/clearDB").status_code == 200
    made = call("POST", urls[0] + create, body)
    whole = {**body, **more, "id": made.json()["id"]}
    tag = made.headers["etag"]
    method, path = write.format(whole["id"]).split(" ")

    def change(said: tuple[str, str]) -> requests.Response:
        url, description = said
        return call(method, url + path, {**whole, "description": description}, If_Match=tag)

    for number in range(ROUNDS):
        said = [(url, f"{number}: {url}") for url in urls]
        with ThreadPoolExecutor(len(urls)) as pool:
            answers = list(pool.map(change, said))
        assert sorted(each.status_code for each in answers) == [200, 412], [
            each.text for each in answers
        ]
        [won] = [i for i, each in enumerate(answers) if each.status_code == 200]
        for url in urls:
            shown = call("GET", url + read.format(whole["id"]))
            assert shown.json()["description"] == said[won][1]
            assert shown.headers["etag"] == answers[won].headers["etag"] != tag
        tag = answers[won].headers["etag"]
