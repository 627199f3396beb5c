"""The dashboard in a real browser: what people with any means can read and do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

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


@pytest.fixture(scope="module")
def pages(server: Server, browser: Chrome) -> list[str]:
    """The addresses of all pages that links lead to, from the overview on."""
    seen: dict[str, None] = {f"{server.url}/dashboard": None}
    for address in (waiting := list(seen)):
        browser.get(address)
        for link in browser.find_elements(By.CSS_SELECTOR, "a[href]"):
            found = str(link.get_property("href")).partition("#")[0]
            if found.startswith(f"{server.url}/dashboard") and _kind(found) not in map(_kind, seen):
                seen[found] = None
                waiting.append(found)
    return list(seen)


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
