"""The life of an experiment in the dashboard, by clicking and typing only."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.browser.hands import enter, go_on, labelled, press, text_of
from tests.servers import Server

KEY = "the key of whoever runs this service"


@pytest.fixture
def guarded(start_server: Callable[..., Server]) -> Server:
    """A service in which people sign in."""
    return start_server(AUTH="true", ADMIN_KEY=KEY)


def test_nobody_sees_a_page_without_a_key_and_signing_out_ends_it(
    browser: Chrome, guarded: Server
) -> None:
    browser.get(f"{guarded.url}/dashboard/system")
    field = labelled(browser, "API key")
    field.send_keys("not the key")
    enter(browser, field)
    assert "not the key" not in browser.page_source
    labelled(browser, "API key").send_keys(KEY)
    go_on(browser, "Sign in")
    assert browser.current_url == f"{guarded.url}/dashboard/system"
    assert KEY not in browser.page_source
    press(browser, "sign-out")
    browser.get(f"{guarded.url}/dashboard")
    assert "/dashboard/sign-in" in browser.current_url


def test_an_experiment_of_test_lab_is_made_started_and_ended(
    browser: Chrome, start_server: Callable[..., Server]
) -> None:
    server = start_server(AUTH="false")
    browser.get(f"{server.url}/dashboard")
    enter(browser, browser.find_element(By.LINK_TEXT, "New"))
    browser.get(f"{server.url}/dashboard/new/feature?type=experiment")
    browser.find_element(By.NAME, "name").send_keys("Blue <b>button</b>")
    for place, value in enumerate(("left", "right")):
        field = browser.find_element(By.NAME, f"variants.{place}.value")
        field.clear()
        field.send_keys(value)
    for _ in range(3):
        press(browser, "next")
    assert "Blue <b>button</b>" in browser.find_element(By.TAG_NAME, "main").text
    press(browser, "create")
    assert text_of(browser, "state") in ("running", "scheduled")
    press(browser, "pause")
    assert text_of(browser, "state") == "paused"
    press(browser, "resume")
    assert text_of(browser, "state") == "running"
    enter(browser, browser.find_element(By.LINK_TEXT, "Results"))
    assert "needs data" in text_of(browser, "verdict")
    browser.back()
    press(browser, "end")
    assert text_of(browser, "state") in ("paused", "ended")


def test_a_key_that_is_made_is_shown_once(
    browser: Chrome, start_server: Callable[..., Server]
) -> None:
    server = start_server(AUTH="false")
    browser.get(f"{server.url}/dashboard/system")
    browser.find_element(By.CSS_SELECTOR, "input[name=role][value=client]").click()
    press(browser, "create")
    shown = browser.find_element(By.CLASS_NAME, "key").text
    assert shown.startswith("swy_")
    browser.get(f"{server.url}/dashboard/system")
    assert shown not in browser.page_source
