"""The dashboard in a real browser: what people with any means can read and do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

import pytest
import requests
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from benchmarks import worlds
from tests.browser.hands import SECONDS, press
from tests.servers import Server

WIDE, NARROW = (1280, 900), (360, 740)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Server]) -> Server:
    """The service with its demonstration data."""
    return start_server(DEMO_DATA="1", AUTH="false")


@pytest.fixture(scope="module")
def axe(request: pytest.FixtureRequest) -> str:
    """The script that finds what keeps people from using a page."""
    path = request.config.getoption("--axe")
    if path is None:
        pytest.fail("make test-browser fetches axe-core, and says where it is by --axe")
    return Path(path).read_text(encoding="utf-8")


DESIGN = {
    "name": "Hints",
    "type": "Factorial",
    "factors.0.name": "Color",
    "factors.0.levels": "red\nblue=#00f",
    "conditions.0.combination": "Color=red",
    "conditions.1.combination": "Color=blue",
    "points.0.site": "lesson",
    "points.0.target": "hint",
    "queries.0.metric": "time",
    "smallest_effect": "2",
    "expected_spread": "9",
    "users_per_day": "40",
    "lists.0.members": "ann\nbob",
}
DESIGN_STEPS = (
    "factors", "conditions", "points", "payloads", "metrics", "audience", "schedule", "review",
)  # fmt: skip
FEATURE = {
    "type": "experiment",
    "name": "teal button",
    "variants.0.value": "old",
    "variants.0.weight": "50",
    "variants.1.value": "new",
    "variants.1.weight": "50",
    "smallest_effect": "0.05",
    "expected_mean": "0.2",
}
FEATURE_STEPS = ("variants", "audience", "outcome", "review")


@pytest.fixture(scope="module")
def pages(server: Server, browser: Chrome) -> list[str]:
    """The addresses of all pages of the demonstration: each experiment's, and all steps to new."""
    url = server.url
    named = requests.get(f"{url}/api/results", timeout=30).json()
    own = [f"/{each['kind']}/{each['id']}" for each in named]
    drafted = [f"/new/design?{urlencode({**DESIGN, 'step': step})}" for step in DESIGN_STEPS]
    drafted += [f"/new/feature?{urlencode({**FEATURE, 'step': step})}" for step in FEATURE_STEPS]
    users = requests.get(f"{url}/api/users", params={"limit": 1}, timeout=30).json()
    found = urlencode({"id": users[0]["id"]})
    more = [*own, *drafted, f"/users?{found}", f"/users/erase?{found}"]
    return walked(browser, url, [f"{url}/dashboard{place}" for place in more])


def walked(browser: Chrome, url: str, more: Sequence[str] = ()) -> list[str]:
    """The addresses of all kinds of pages that links lead to, from the overview and others on."""
    seen = [f"{url}/dashboard", *more]
    for address in seen:
        browser.get(address)
        for link in browser.find_elements(By.CSS_SELECTOR, "a[href]"):
            found = str(link.get_property("href")).partition("#")[0]
            if _is_page(found, url) and _kind(found) not in map(_kind, seen):
                seen.append(found)
    return seen


def _is_page(address: str, url: str) -> bool:
    """Whether it is a page of the dashboard, and no file."""
    path = address.partition("?")[0]
    return path.startswith(f"{url}/dashboard") and not path.endswith((".csv", "/export"))


def _kind(address: str) -> str:
    """What tells one page from another: the address without ids and what is asked for."""
    path = address.partition("?")[0]
    return "/".join(part for part in path.split("/") if not any(c.isdigit() for c in part))


@pytest.fixture(autouse=True)
def as_before(browser: Chrome) -> Iterator[None]:
    yield
    emulate(browser)


def emulate(browser: Chrome, size: tuple[int, int] = WIDE, theme: str = "light") -> None:
    """Let the browser have a size and a theme."""
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": theme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def faults(browser: Chrome, axe: str) -> list[str]:
    """What axe finds on the page that is open."""
    # By the driver, which the page's own policy does not bind.
    browser.execute_script(axe)
    found: dict[str, Any] = browser.execute_async_script(
        "const done = arguments[arguments.length - 1];"
        "axe.run(document, {runOnly: arguments[0]}).then(done);",
        RULES,
    )
    return [
        f"{each['id']}: {node['html'][:200]}"
        for each in found["violations"]
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(
    browser: Chrome, pages: list[str], axe: str, theme: str
) -> None:
    found = {}
    for address in pages:
        emulate(browser, theme=theme)
        browser.get(address)
        if wrong := faults(browser, axe):
            found[address] = wrong
    assert not found


def test_no_page_is_wider_than_a_telephone_nor_writes_on_the_console(
    browser: Chrome, pages: list[str]
) -> None:
    assert len(pages) > 3
    for address in pages:
        emulate(browser, NARROW)
        browser.get_log("browser")  # what was written before is thrown away
        browser.get(address)
        width = browser.execute_script("return document.documentElement.scrollWidth")
        assert width <= NARROW[0], address
        assert browser.get_log("browser") == [], address


def test_pages_read_without_scripts(browser: Chrome, pages: list[str]) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        for address in pages:
            browser.get(address)
            assert browser.find_element(By.TAG_NAME, "h1").text, address
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_what_is_wrong_with_a_form_stands_at_its_field(browser: Chrome, server: Server) -> None:
    browser.get(f"{server.url}/dashboard/flags/new")
    for name, value in (("name", "n"), ("key", "night"), ("tags", "kept")):
        browser.find_element(By.NAME, name).send_keys(value)
    browser.execute_script("document.forms[0].elements.name.value = 'n'.repeat(2000)")
    press(browser, "create")
    field = browser.find_element(By.CSS_SELECTOR, "[aria-invalid=true]")
    assert field.get_attribute("name") == "name"
    note = browser.find_element(By.ID, str(field.get_attribute("aria-describedby")).split()[-1])
    assert "1000 characters" in note.text
    assert browser.switch_to.active_element == field
    assert browser.find_element(By.NAME, "tags").get_attribute("value") == "kept"


def test_a_draft_that_outgrows_its_address_is_not_sent(browser: Chrome, server: Server) -> None:
    browser.get(f"{server.url}/dashboard/new/design?step=audience&name=Hints")
    members = browser.find_element(By.NAME, "lists.0.members")
    browser.execute_script("arguments[0].value = 'some-user\\n'.repeat(900)", members)
    browser.find_element(By.CSS_SELECTOR, "nav.steps button:last-of-type").send_keys(Keys.ENTER)
    told = browser.find_element(By.CSS_SELECTOR, "form.draft > [role=alert]")
    WebDriverWait(browser, SECONDS).until(lambda _: told.is_displayed())
    assert "An address can hold 5,000 characters" in told.text
    assert len(str(members.get_property("value"))) == 9000


HOSTILE = "<script>window.ran=1</script><img src=x onerror=window.ran=1>\"'&\u202e" + "w" * 400
"""Markup, a script, a mark that turns the direction of writing, and no place to break a line."""


@pytest.fixture(scope="module")
def hostile(start_server: Callable[..., Server]) -> str:
    """The address of a service with hostile names wherever a client can put one."""
    url = start_server(AUTH="false").url

    def send(path: str, body: Any, **headers: str) -> Any:
        answer = requests.post(f"{url}{path}", json=body, headers=headers, timeout=30)
        assert answer.ok, answer.text
        return answer.json()

    name = HOSTILE[:255]
    made = send("/api/feature", {**worlds.feature(name), "description": HOSTILE})
    variants = [{"feature_id": made["id"], "value": f"{n}{HOSTILE}"} for n in range(2)]
    stored = send(f"/api/feature/{made['id']}/variants", {"variants": variants})
    user = {"id": HOSTILE, "variant_id": stored[0]["id"], "ip_address": "192.0.2.1"}
    send("/api/users", user)
    send("/api/events", {"user_id": HOSTILE, "variant_id": stored[0]["id"]})
    attributes = [{"metric": HOSTILE, "datatype": "continuous"}]
    send("/api/metric/save", {"metricUnit": attributes, "context": ["home"]})
    query = {
        "name": HOSTILE,
        "query": {"operationType": "avg"},
        "metric": {"key": HOSTILE},
        "repeatedMeasure": "MOST RECENT",
    }
    body = worlds.design(HOSTILE, "home", HOSTILE, queries=[query], tags=[HOSTILE])
    design = send("/api/experiments", {**body, "description": HOSTILE})
    send("/api/experiments/state", {"experimentId": design["id"], "state": "enrolling"})
    conditions = [{**each, "conditionCode": f"{n}{HOSTILE}", "description": HOSTILE}
                  for n, each in enumerate(body["conditions"])]  # fmt: skip
    payload = {"type": "string", "value": HOSTILE}
    place = {"parentCondition": conditions[0]["id"], "decisionPoint": body["partitions"][0]["id"]}
    coded = worlds.design(f"2{HOSTILE}", "home", f"2{HOSTILE}", conditions=conditions)
    place["decisionPoint"] = coded["partitions"][0]["id"]
    payloads = [{"id": str(uuid4()), "payload": payload, **place}]
    send("/api/experiments", {**coded, "conditionPayloads": payloads})
    named = {"name": HOSTILE, "context": "home", "description": HOSTILE, "tags": [HOSTILE]}
    members = {"userIds": [HOSTILE], "groups": [{"type": HOSTILE, "groupId": HOSTILE}]}
    send("/api/segments", {**named, "type": "public", **members, "subSegmentIds": []})
    worded = {"context": ["home"], "tags": [HOSTILE], "description": HOSTILE}
    flag = send("/api/flags", {**worlds.flag(HOSTILE), **worded})
    listed = {**named, "type": "private", **members, "subSegmentIds": [], "listType": "Individual"}
    on_flag = {"id": flag["id"], "enabled": True, "listType": "Individual", "segment": listed}
    send("/api/flags/inclusionList", on_flag)
    init = {"group": {HOSTILE: [HOSTILE]}, "workingGroup": {HOSTILE: HOSTILE}}
    send("/api/v6/init", init, **{"User-Id": quote("u" + "<b>&")})
    return url


def too_wide(browser: Chrome) -> list[str]:
    """The tags and classes of what reaches beyond the page."""
    found: list[str] = browser.execute_script(
        "return [...document.querySelectorAll('main *')]"
        ".filter((e) => e.getBoundingClientRect().right > innerWidth + 1)"
        ".map((e) => `${e.tagName}.${e.className} in ${e.parentElement.tagName}`)"
    )
    return found[:8]


def test_hostile_names_run_nothing_and_break_nothing(browser: Chrome, hostile: str) -> None:
    pages = [*walked(browser, hostile), f"{hostile}/dashboard/users?{urlencode({'id': HOSTILE})}"]
    assert len(pages) > 10
    for size in (WIDE, NARROW):
        for address in pages:
            emulate(browser, size)
            browser.get_log("browser")
            browser.get(address)
            assert browser.execute_script("return window.ran") is None, address
            assert browser.get_log("browser") == [], address
            width = browser.execute_script("return document.documentElement.scrollWidth")
            assert width <= size[0], (address, too_wide(browser))
