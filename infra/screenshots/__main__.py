"""Takes pictures of the dashboard with the demonstration data: make screenshots."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions, ChromeService

FOLDER = Path(__file__).parents[2] / "docs" / "images"
PAGES = {"overview": "/dashboard", "results": "/dashboard/feature/3"}
WIDTH, HEIGHT = 1280, 1000


def main() -> None:
    """Write the pictures anew."""
    FOLDER.mkdir(exist_ok=True)
    with served() as url, browser() as chrome:
        for name, path in PAGES.items():
            chrome.get(f"{url}{path}")
            chrome.save_screenshot(str(FOLDER / f"{name}.png"))
            print(f"{FOLDER / name}.png")


@contextmanager
def served() -> Iterator[str]:
    """The address of a local server with the demonstration data."""
    print("starting the service with its demonstration data ...", flush=True)
    with subprocess.Popen(
        [sys.executable, "-m", "infra.local"],
        env={**os.environ, "PORT": "0", "SCHEDULE": "0", "DEMO_DATA": "1"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            found = (re.search(r"Serving on (\S+)", line) for line in process.stdout)
            address = next((match[1] for match in found if match), None)
            if address is None:
                sys.exit("the service did not start")
            yield address
        finally:
            process.terminate()


@contextmanager
def browser() -> Iterator[Chrome]:
    """Chromium of a fixed size."""
    driver = shutil.which("chromedriver")
    options = ChromeOptions()
    options.binary_location = shutil.which("chromium") or sys.exit(
        "The browser is Chromium: apt-get install chromium chromium-driver"
    )
    for argument in ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(argument)
    with Chrome(options, ChromeService(driver)) as started:
        size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        started.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        yield started


if __name__ == "__main__":
    main()
