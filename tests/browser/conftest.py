"""A real browser, and pages for it that come from another origin than the API."""

from __future__ import annotations

import functools
import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService

PAGES = Path(__file__).with_name("pages")
CLIENT = "upgrade_client.js"
SCRIPT_SECONDS = 30

ARGUMENTS = (
    "--headless",
    "--no-sandbox",  # it does not start as root otherwise, and opens pages of these tests alone
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Nothing of a browser's own business: it is to ask for what the pages ask for, and no more."""


class Page:
    """A page that is open in the browser."""

    def __init__(self, browser: Chrome, origin: str) -> None:
        self.origin = origin
        self._browser = browser

    def run(self, script: str, *arguments: Any) -> Any:
        """What the body of an asynchronous JavaScript function returns.

        It fails with what the browser wrote on its console if that throws.
        """
        self._browser.get(self.origin)
        self._browser.get_log("browser")  # what was written before is thrown away
        value, error = self._browser.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            f"(async (...arguments) => {{ {script} }})(...arguments)"
            ".then((value) => done([value ?? null, null]), (e) => done([null, String(e)]));",
            *arguments,
        )
        if error is not None:
            console = [line["message"] for line in self._browser.get_log("browser")]
            raise AssertionError("\n".join([error, *console]))
        return value


class PageFiles(SimpleHTTPRequestHandler):
    """The files of the pages, and the client that the run is about."""

    def __init__(self, client: Path, *arguments: Any, **more: Any) -> None:
        self._client = client
        super().__init__(*arguments, directory=str(PAGES), **more)

    def translate_path(self, path: str) -> str:
        if path.strip("/") == CLIENT:
            return str(self._client)
        return super().translate_path(path)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing: the output is that of the tests."""


@pytest.fixture(scope="session")
def serve_pages(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Serves the pages under one more origin, which it returns."""
    client = Path(request.config.getoption("--upgrade-client") or PAGES / CLIENT)
    servers: list[tuple[ThreadingHTTPServer, threading.Thread]] = []

    def serve() -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(PageFiles, client))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """Chromium with an empty profile, driven by Debian's driver; nothing is downloaded."""
    found = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    if missing := [name for name, path in found.items() if path is None]:
        pytest.fail(f"no {', no '.join(missing)}: apt-get install chromium chromium-driver")
    options = ChromeOptions()
    options.binary_location = str(found["chromium"])
    for argument in (*ARGUMENTS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with Chrome(options, ChromeService(found["chromedriver"])) as started:
        started.set_script_timeout(SCRIPT_SECONDS)
        yield started


@pytest.fixture(scope="session")
def page(browser: Chrome, serve_pages: Any) -> Page:
    """A page of an origin of its own."""
    return Page(browser, serve_pages())


@pytest.fixture(scope="session")
def page_elsewhere(browser: Chrome, serve_pages: Any) -> Page:
    """A page of a third origin."""
    return Page(browser, serve_pages())
