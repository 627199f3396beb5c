"""UpGrade's client in pages of other origins than the API's, in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import requests

from tests.api.upgrade_setup import design, flag, query, start
from tests.browser.conftest import Page

Send = Callable[[str, str, Any], Any]

ADMIN, CLIENT = "the administrator's key", "the key of clients"

SESSION = """
    const [url, options] = arguments;
    const client = new UpgradeClient("ada", url, "home", options ?? {});
    const user = await client.init({ classId: ["c1"] }, { classId: "c1" });
    const working = await client.setWorkingGroup({ classId: "c1" });
    const member = await client.setGroupMembership({ classId: ["c1", "c2"] });
    const aliases = await client.setAltUserIds(["lovelace"]);
    const assignment = await client.getDecisionPointAssignment("lesson", "start");
    const condition = assignment.getCondition();
    const status = "condition applied";
    const marked = await client.markDecisionPoint("lesson", "start", condition, status);
    const logged = await client.log([{
        timestamp: new Date().toISOString(),
        metrics: { attributes: { stars: 4 }, groupedMetrics: [] },
    }]);
    const flag = await client.hasFeatureFlag("larger-type");
    return {
        user: user.id, working: working.workingGroup, member: member.group,
        aliases: aliases.aliases, condition, experiment: marked.experimentId,
        marked: marked.condition, logs: logged.length,
        flag, no_flag: await client.hasFeatureFlag("x"),
    };
"""
"""All that a client does in one visit."""


def sender(url: str, **headers: str) -> Send:
    """An administrator outside of any browser; the database is emptied."""

    def send(method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, url + path, json=body, headers=headers, timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()

    send("DELETE", "/api/v5/clearDB", None)
    return send


def prepared(send: Send) -> dict[str, Any]:
    """A running experiment that asks for a metric, and a flag for everybody."""
    metric = {"metricUnit": [{"metric": "stars", "datatype": "continuous"}], "context": ["home"]}
    send("POST", "/api/metric/save", metric)
    mean = {**query("stars"), "query": {"operationType": "avg"}}
    send("POST", "/api/flags", flag("larger-type"))
    return start(send, design(("lesson", "start"), queries=[mean]))


def check_session(send: Send, experiment: Mapping[str, Any], told: Mapping[str, Any]) -> None:
    """What the page was told is what is stored."""
    (assigned,) = send("POST", "/api/v5/assign", {"userId": "ada", "context": "home"})
    condition = assigned["assignedCondition"][0]["conditionCode"]
    assert told == {
        "user": "ada",
        "working": {"classId": "c1"},
        "member": {"classId": ["c1", "c2"]},
        "aliases": ["lovelace"],
        "condition": condition,
        "experiment": experiment["id"],
        "marked": condition,
        "logs": 1,
        "flag": True,
        "no_flag": False,
    }
    (count,) = send("POST", "/api/stats/enrollment", {"experimentIds": [experiment["id"]]})
    assert count["users"] == 1
    (asked,) = experiment["queries"]
    (analysed,) = send("POST", "/api/query/analyse", {"queryIds": [asked["id"]]})
    names = {each["id"]: each["conditionCode"] for each in experiment["conditions"]}
    means = {names[row["conditionId"]]: float(row["result"]) for row in analysed["mainEffect"]}
    assert means == {name: 4 if name == condition else 0 for name in names.values()}


@pytest.fixture(scope="module")
def open_url(start_server: Any) -> str:
    url: str = start_server(TABLE_PREFIX="switchyard-pages").url
    return url


def test_a_client_of_any_origin_does_all_that_clients_do(page: Page, open_url: str) -> None:
    send = sender(open_url)
    experiment = prepared(send)
    check_session(send, experiment, page.run(SESSION, open_url))


def test_a_page_polls_features_by_their_etag_and_reads_why_it_is_refused(
    page: Page, open_url: str
) -> None:
    sender(open_url)
    told = page.run(
        """
        const [url] = arguments;
        const first = await fetch(`${url}/api/feature/current`);
        const known = {
            "If-None-Match": first.headers.get("ETag"),
            "If-Modified-Since": first.headers.get("Last-Modified"),
        };
        const again = await fetch(`${url}/api/feature/current`, { headers: known });
        const event = await fetch(`${url}/api/events`, {
            method: "POST",
            headers: { "Content-Type": "application/json", "Idempotency-Key": "1" },
            body: JSON.stringify({ user_id: "nobody", variant_id: 1 }),
        });
        const unknown = await fetch(`${url}/nowhere`);
        return {
            first: first.status, again: again.status, event: event.status,
            why: event.headers.get("X-Error-Detail"), unknown: unknown.status,
            said: await unknown.json(),
        };
        """,
        open_url,
    )
    assert told.pop("why")
    assert told == {
        "first": 200,
        "again": 304,
        "event": 403,
        "unknown": 404,
        "said": {"error": "unknown endpoint"},
    }


ASK = """
    const [url, headers, credentials] = arguments;
    const asked = `${url}/api/experiments/names`;
    const answer = await fetch(asked, { headers: headers ?? {}, credentials });
    return answer.status;
"""
"""The status of a request of an administrator's page, if the browser lets it read one."""

BLOCKED = "blocked by CORS policy"


def test_a_page_of_any_origin_may_send_any_header_but_no_credentials(
    page: Page, open_url: str
) -> None:
    assert page.run(ASK, open_url, {"X-Of-Nobody": "1", "Authorization": "x"}, "omit") == 200
    with pytest.raises(AssertionError, match=BLOCKED):
        page.run(ASK, open_url, {}, "include")


@pytest.fixture(scope="module")
def keyed_url(start_server: Any) -> str:
    url: str = start_server(
        TABLE_PREFIX="switchyard-keyed",
        AUTH="on",
        TESTLAB_OPEN_CLIENT="off",
        ADMIN_KEY=ADMIN,
        CLIENT_KEY=CLIENT,
    ).url
    return url


def test_a_client_shows_its_key_as_a_token(page: Page, keyed_url: str) -> None:
    send = sender(keyed_url, **{"X-API-Key": ADMIN})
    experiment = prepared(send)
    with pytest.raises(AssertionError, match="401"):
        page.run(SESSION, keyed_url)
    check_session(send, experiment, page.run(SESSION, keyed_url, {"token": CLIENT}))


def test_a_page_shows_its_key_in_a_header_and_sees_when_it_is_not_good(
    page: Page, keyed_url: str
) -> None:
    sent: list[dict[str, str]] = [
        {"X-API-Key": ADMIN},
        {"Authorization": f"Bearer {ADMIN}"},
        {"X-API-Key": CLIENT},
        {},
    ]
    statuses = [page.run(ASK, keyed_url, headers, "omit") for headers in sent]
    assert statuses == [200, 200, 403, 401]


@pytest.fixture(scope="module")
def narrow_url(start_server: Any, page: Page) -> str:
    """A server for the pages of one origin, with keys."""
    url: str = start_server(
        TABLE_PREFIX="switchyard-narrow",
        CORS_ORIGIN=page.origin,
        CORS_HEADERS="X-Mine",
        AUTH="on",
        ADMIN_KEY=ADMIN,
        CLIENT_KEY=CLIENT,
    ).url
    return url


def test_a_client_of_the_one_origin_does_all_that_clients_do(page: Page, narrow_url: str) -> None:
    send = sender(narrow_url, **{"X-API-Key": ADMIN})
    experiment = prepared(send)
    check_session(send, experiment, page.run(SESSION, narrow_url, {"token": CLIENT}))


def test_a_page_of_the_one_origin_may_send_credentials_and_named_headers_only(
    page: Page, narrow_url: str
) -> None:
    headers = {"X-API-Key": ADMIN, "CurrentRetry": "3", "X-Mine": "1", "If-Match": '"1"'}
    assert page.run(ASK, narrow_url, headers, "include") == 200
    assert page.run(ASK, narrow_url, {}, "include") == 401, "refusals are read too"
    with pytest.raises(AssertionError, match=BLOCKED):
        page.run(ASK, narrow_url, {**headers, "X-Of-Nobody": "1"}, "include")


def test_a_page_of_another_origin_is_kept_out_by_the_browser(
    page_elsewhere: Page, narrow_url: str
) -> None:
    for headers in ({}, {"X-API-Key": ADMIN}):
        with pytest.raises(AssertionError, match=BLOCKED):
            page_elsewhere.run(ASK, narrow_url, headers, "omit")
