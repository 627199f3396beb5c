"""What people do in a browser: type, choose, press, and wait for the page that this leads to.

A click returns before the browser has left the page: what follows would read the old one, or
break off the request. So whatever leads to another page goes through :func:`enter`.
"""

from __future__ import annotations

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

SECONDS = 30


def action(browser: Chrome, name: str) -> WebElement:
    """The button of an action."""
    return browser.find_element(By.CSS_SELECTOR, f"[data-testid=action-{name}]")


def press(browser: Chrome, name: str) -> None:
    """Press the button of an action by the keyboard, in whatever fold it is."""
    button = action(browser, name)
    fold = button.find_elements(By.XPATH, "ancestor::details[not(@open)]/summary")
    for summary in fold:
        summary.send_keys(Keys.ENTER)
    enter(browser, button)


def enter(browser: Chrome, element: WebElement) -> None:
    """Press Enter on what leads to another page, and wait for that."""
    browser.execute_script("window.isBefore = true")
    element.send_keys(Keys.ENTER)
    is_there = "return !window.isBefore && document.readyState === 'complete'"
    WebDriverWait(browser, SECONDS).until(lambda each: each.execute_script(is_there))


def text_of(browser: Chrome, testid: str) -> str:
    return browser.find_element(By.CSS_SELECTOR, f"[data-testid={testid}]").text


def labelled(browser: Chrome, label: str) -> WebElement:
    """The field of a label, as people find it: a text beside it, or one that is read out."""
    for field in browser.find_elements(By.CSS_SELECTOR, f'main [aria-label="{label}"]'):
        return field
    found = browser.find_element(By.XPATH, f"//main//label[normalize-space()='{label}']")
    return browser.find_element(By.ID, str(found.get_attribute("for")))


def write(browser: Chrome, label: str, text: str) -> None:
    """Type a text into a field, over what stands there."""
    field = labelled(browser, label)
    field.clear()
    field.send_keys(text)


def choose(browser: Chrome, label: str, words: str) -> None:
    """Choose what begins with some words."""
    field = Select(labelled(browser, label))
    (option,) = [each for each in field.options if each.text.startswith(words)]
    field.select_by_visible_text(option.text)


def tick(browser: Chrome, label: str) -> None:
    """Tick a box, or choose one of several."""
    labelled(browser, label).click()


def unfold(browser: Chrome, summary: str) -> None:
    browser.find_element(By.XPATH, f"//summary[normalize-space()='{summary}']").click()


def follow(browser: Chrome, link: str) -> None:
    """Follow a link."""
    enter(browser, browser.find_element(By.LINK_TEXT, link))


def go_on(browser: Chrome, button: str) -> None:
    """Press the button that says this."""
    enter(browser, browser.find_element(By.XPATH, f"//main//button[normalize-space()='{button}']"))


def said(browser: Chrome) -> str:
    """The text of the page."""
    return browser.find_element(By.TAG_NAME, "main").text


def state(browser: Chrome) -> str:
    return text_of(browser, "state").partition(" ")[0]
