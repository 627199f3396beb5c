"""The life of a factorial design of UpGrade in the dashboard, by clicking and typing only.

Only its participants call the API, as the clients of an application do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import requests
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.browser.hands import (
    choose,
    follow,
    go_on,
    labelled,
    press,
    said,
    state,
    text_of,
    tick,
    unfold,
    write,
)
from tests.servers import Server

CONTEXT = "home"
SITE, TARGET = "lesson", "question"
METRIC = "score"
NAME = "Hints <b>and</b> texts"
COPY = "Hints, once more"
TAKING_PART = 80
WHO_IS_KEPT_OUT = "teacher"

CELLS = (
    "Hint=late; Text=long",
    "Hint=late; Text=short",
    "Hint=early; Text=long",
    "Hint=early; Text=short",
)
"""The conditions as clients are told of them."""

CODE = "early and long"
"""What the administrators call the third."""


class Participants:
    """Users of an application that asks the service what to show them."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()

    def assigned(self, user: str) -> Mapping[str, Any] | None:
        """What the application is to show to a user at the decision point; None: as ever."""
        self._send("init", user, {})
        found = self._send("assign", user, {"context": CONTEXT})
        (at_point,) = [each for each in found if each["target"] == TARGET] or [None]
        return None if at_point is None else at_point["assignedCondition"][0]

    def take_part(self, user: str) -> str:
        """Let a user see what is assigned, and log how that went; the code of the condition."""
        condition = self.assigned(user)
        assert condition is not None
        seen = {"site": SITE, "target": TARGET, "assignedCondition": condition}
        self._send("mark", user, {"data": seen, "status": "condition applied"})
        code = str(condition["conditionCode"])
        score = 50 + 20 * ("early" in code) + sum(map(ord, user)) % 5
        metrics = {"attributes": {METRIC: score}, "groupedMetrics": []}
        entry = {"timestamp": "2026-01-01T10:00:00.000Z", "metrics": metrics}
        self._send("log", user, {"value": [entry]})
        return code

    def _send(self, what: str, user: str, body: Any) -> Any:
        answer = self._session.post(
            f"{self._url}/api/v6/{what}", json=body, headers={"User-Id": user}, timeout=30
        )
        assert answer.ok, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Server]) -> Server:
    return start_server(AUTH="false")


@pytest.fixture
def overview(browser: Chrome, server: Server) -> Chrome:
    """The browser with the first page open."""
    browser.get(f"{server.url}/dashboard")
    return browser


def add_metric(browser: Chrome) -> None:
    follow(browser, "Metrics")
    write(browser, "Name", METRIC)
    tick(browser, CONTEXT)
    press(browser, "create")
    assert METRIC in said(browser)


def draft(browser: Chrome) -> None:
    """Draft a design of two factors of two levels, up to its review."""
    follow(browser, "New")
    follow(browser, "New UpGrade design")
    write(browser, "Name", NAME)
    write(browser, "Tags", "maths, hints")
    choose(browser, "Context", CONTEXT)
    choose(browser, "Unit of assignment", "individual")
    choose(browser, "Type", "factorial")
    # The page does not know yet that there are factors: it leads to them all the same.
    go_on(browser, "Next: Conditions")
    for place, (name, levels) in enumerate((("Hint", "late\nearly"), ("Text", "long\nshort"))):
        browser.find_element(By.NAME, f"factors.{place}.name").send_keys(name)
        browser.find_element(By.NAME, f"factors.{place}.levels").send_keys(levels)
    go_on(browser, "Next: Conditions")
    assert CELLS[3] in said(browser)
    write(browser, "Code of condition 3", CODE)
    for place, weight in enumerate((25, 25, 30, 30), 1):
        write(browser, f"Weight of condition {place} in per cent", str(weight))
    assert "110 of 100" in said(browser), "the sum is told while it is typed"
    for place in (3, 4):
        write(browser, f"Weight of condition {place} in per cent", "25")
    assert "100 of 100" in said(browser)
    go_on(browser, "Next: Decision points")
    write(browser, "Site of point 1", SITE)
    write(browser, "Target of point 1", TARGET)
    go_on(browser, "Next: Payloads")
    write(browser, "Payload 3", "early and long, please")
    go_on(browser, "Next: Metrics")
    write(browser, "Name of query 1", "Score")
    write(browser, "Metric of query 1", METRIC)
    choose(browser, "What query 1 computes", "mean")
    go_on(browser, "Next: Audience")
    choose(browser, "Who is in if no list says otherwise", "everybody")
    choose(browser, "The list", "excludes")
    write(browser, "Name of the list", "Staff")
    write(browser, "Users or groups", WHO_IS_KEPT_OUT)
    go_on(browser, "Next: Start and end")
    choose(browser, "At first", "keep it as a draft")
    go_on(browser, "Next: Review")


def test_a_factorial_design_lives_from_the_first_page_to_its_deletion(
    overview: Chrome, server: Server
) -> None:
    browser = overview
    participants = Participants(server.url)
    add_metric(browser)
    draft(browser)
    review = said(browser)
    assert "Everything fits together." in review
    for told in (NAME, f"{SITE} / {TARGET}", "1 list", "factorial", CODE, *CELLS):
        assert told in review
    browser.back()
    assert labelled(browser, "At first"), "the step before is as it was left"
    browser.forward()
    press(browser, "create")

    assert state(browser) == "draft"
    assert "Staff" in said(browser)
    assert participants.assigned("ada") is None, "nobody gets anything of a draft"
    unfold(browser, "Change the plan")
    choose(browser, "Role of Score", "primary")
    write(browser, "Smallest effect that matters", "5")
    press(browser, "save-plan")
    assert "The plan of results was saved." in said(browser)
    follow(browser, "Results")
    assert "not started" in said(browser)
    follow(browser, "Design and actions")
    press(browser, "start")
    assert state(browser) == "running"

    codes = {participants.take_part(f"user-{number}") for number in range(TAKING_PART)}
    assert codes == set(CELLS), "clients are told the levels, whatever a condition is called"
    assert participants.assigned(WHO_IS_KEPT_OUT) is None
    payload = next(
        found["payload"]
        for number in range(TAKING_PART)
        if (found := participants.assigned(f"user-{number}")) is not None
        and found["conditionCode"] == CELLS[2]
    )
    assert payload == {"type": "string", "value": "early and long, please"}
    browser.refresh()
    assert text_of(browser, "enrollment").startswith(f"{TAKING_PART} users take part")

    follow(browser, "Results")
    follow(browser, "Read what was logged until now")
    forest = text_of(browser, "forest")
    assert "The band is what is smaller than the smallest effect that matters, 5" in forest
    assert "Hint: early" in forest
    assert "Text: short" in forest
    assert "Hint and Text together: Score" in forest
    assert len(browser.find_elements(By.CSS_SELECTOR, "[data-testid=forest] .level polyline")) == 2
    assert text_of(browser, "verdict").startswith("needs data"), "eighty users are too few"
    assert "Variants got" in text_of(browser, "split-check")

    follow(browser, "Design and actions")
    press(browser, "pause")
    assert state(browser) == "ended"
    assert participants.assigned("somebody new") is None
    press(browser, "resume")
    assert state(browser) == "running"
    choose(browser, "Winner", CELLS[3])
    press(browser, "ship")
    assert "get the winner" in said(browser)
    for number in range(4):
        found = participants.assigned(f"user-{number}")
        assert found is not None
        assert found["conditionCode"] == CELLS[3]

    write(browser, "Name of the copy", COPY)
    press(browser, "clone")
    assert browser.find_element(By.TAG_NAME, "h1").text == COPY
    assert state(browser) == "draft"
    assert "Staff" in said(browser), "a copy has lists of its own"
    assert text_of(browser, "enrollment").startswith("0 users")
    delete(browser, COPY)
    follow(browser, NAME)
    follow(browser, "Design and actions")
    write(browser, "Its name, to confirm", COPY)
    press(browser, "delete")
    assert browser.find_element(By.CSS_SELECTOR, "[role=alert]").text, "by another name"
    press(browser, "end")
    assert participants.assigned("user-0") is None
    delete(browser, NAME)
    assert not browser.find_elements(By.LINK_TEXT, NAME)


def delete(browser: Chrome, name: str) -> None:
    """Delete the design whose page is open."""
    write(browser, "Its name, to confirm", name)
    press(browser, "delete")
    assert "The design was deleted" in said(browser)
