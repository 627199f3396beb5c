"""The dashboard's pages: the processor's time for their HTML, their first load, what they weigh."""

from __future__ import annotations

import gzip
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from statistics import median
from typing import Any

from selenium.webdriver import Chrome

from benchmarks import application, budgets
from benchmarks.application import Application, Request
from benchmarks.cases import Case
from benchmarks.local_server import served
from benchmarks.recorder import Recorder
from benchmarks.replay import cost, rehearse
from benchmarks.report import PERFORMANCE, Section, Table, machine, verdict
from benchmarks.worlds import Sizes, World, build, measure_much
from chalicelib.api.dashboard.serving import routes as page_routes
from chalicelib.api.dashboard.serving import static_files
from infra.screenshots.__main__ import browser

SIZES = Sizes(testlab=500, large=486, flags=100)
"""With those of the other contexts, 1,000 experiments."""

QUICK_SIZES = Sizes(testlab=10, large=10, flags=10)
ENOUGH_MS, QUICK_MS = 500.0, 50.0
RECENT_DAYS = 14
USERS = 4
"""Of each variant of the experiment whose results are shown."""

MAKES_HTML = "rendered"
"""The function that a page's text comes from, in the module that calls it."""

LOADS, QUICK_LOADS = 9, 3
LOADED = {
    "results, Test Lab": "/dashboard/feature/3",
    "results, a factorial design": "/dashboard/experiment/",
    "overview": "/dashboard",
}
SEEN = """
const page = performance.getEntriesByType("navigation")[0];
const paint = performance.getEntriesByName("first-contentful-paint")[0];
return paint && page.loadEventEnd ? JSON.stringify({
    answer: page.responseStart - page.requestStart,
    paint: paint.startTime - page.responseStart,
    load: page.loadEventEnd - page.responseStart,
}) : null;
"""
"""The browser's own account of a page, in ms: the server's answer, and what comes after it."""


def measure(*, quick: bool) -> list[Section]:
    """What pages cost the function, and how soon they are there in a browser."""
    return [
        Section(PERFORMANCE, "pages-cpu", f"{_cpu(quick=quick)}\n\n{_weight()} {machine()}"),
        Section(PERFORMANCE, "pages-load", f"{_loads(quick=quick)}\n\n{machine()}"),
    ]


def _cpu(*, quick: bool) -> str:
    app = application.start()
    world = build(app, QUICK_SIZES if quick else SIZES)
    measure_much(world)
    for variant in range(len(world.variant_ids)):
        for events in range(USERS):
            world.testlab_user(events, variant)
    _summarise(world)
    experiment = f"/dashboard/experiment/{world.experiment['id']}"
    feature = f"/dashboard/feature/{world.feature_id}"
    paths = {
        "overview, newest first": "/dashboard",
        "overview, the ninth page by name": "/dashboard?sort=name&page=9",
        "overview, searched": "/dashboard?search=feature-7",
        "results, Test Lab": feature,
        "design, Test Lab": f"{feature}/design",
        "results, UpGrade": experiment,
        "design, UpGrade": f"{experiment}/design",
        "flag": f"/dashboard/flag/{world.flag['id']}",
        "new experiment": "/dashboard/new/feature?type=experiment",
        "new design": "/dashboard/new/design",
        "metrics": "/dashboard/metrics",
        "system": "/dashboard/system",
    }
    columns = ("in all", "boto3", "reading and deciding", "HTML", "target", "", "KB of HTML")
    table = Table(("page", *columns))
    for name, path in paths.items():
        rehearsed = rehearse(world, _case(name, path), Recorder())
        with _html() as took:
            spent = cost(app, rehearsed, QUICK_MS if quick else ENOUGH_MS)
        html = median(took)
        size = len(app.send(rehearsed.request).text.encode())
        table.add(
            name,
            f"{spent.total:.1f}", f"{spent.client:.1f}", f"{max(0.0, spent.own - html):.1f}",
            f"{html:.1f}", f"{budgets.HTML_MS:g}", verdict(html, budgets.HTML_MS),
            f"{size / 1000:.0f}",
        )  # fmt: skip
    return table.markdown()


def _case(name: str, path: str) -> Case:
    return Case(name, lambda _: Request("GET", path))


def _summarise(world: World) -> None:
    """Give each experiment a line in the list of results, as its page and the schedule do."""
    app: Application = world.application
    world.ask("GET", f"/api/results/feature/{world.feature_id}")
    store = app.services.pages.overview._summaries
    (line,) = store.all()
    for each in app.services.catalogue.fresh().features:
        started_at = None if each.run is None else each.run.started_at
        recent = tuple((each.id + day) % 10 for day in range(RECENT_DAYS))
        at = line.at + timedelta(milliseconds=1)
        store.put(replace(line, feature_id=each.id, started_at=started_at, recent=recent, at=at))


@contextmanager
def _html() -> Iterator[list[float]]:
    """Milliseconds of the processor that each page takes from what it shows to its text."""
    took: list[float] = []
    made = getattr(page_routes, MAKES_HTML)

    def timed(*arguments: Any, **more: Any) -> Any:
        started = time.process_time()
        try:
            return made(*arguments, **more)
        finally:
            took.append((time.process_time() - started) * 1000)

    setattr(page_routes, MAKES_HTML, timed)
    try:
        yield took
    finally:
        setattr(page_routes, MAKES_HTML, made)


def _weight() -> str:
    texts = [path.read_bytes() for path in static_files.files().values()]
    packed = sum(len(gzip.compress(text)) for text in texts) / 1000
    told = verdict(packed, budgets.ASSETS_KB)
    return (
        f"Styles, scripts and the icon are {len(texts)} files of {sum(map(len, texts)) / 1000:.1f}"
        f" KB, {packed:.1f} KB gzipped (target {budgets.ASSETS_KB:g}: {told})."
    )


def _loads(*, quick: bool) -> str:
    count = QUICK_LOADS if quick else LOADS
    columns = ("answer", "first paint", "at most", "load", "at most", "target", "")
    table = Table(("page", "cache", *columns))
    with served(DEMO_DATA="1") as url, browser() as chrome:
        chrome.execute_cdp_cmd("Network.enable", {})
        chrome.get(f"{url}/dashboard?search=hints")
        designs = chrome.execute_script(
            "return [...document.links].map((link) => link.pathname)"
            ".filter((path) => path.startsWith('/dashboard/experiment/'))"
        )
        for name, path in LOADED.items():
            print(f"  {name}", file=sys.stderr, flush=True)
            address = url + (designs[0] if path.endswith("/") else path)
            for cache in ("empty", "filled"):
                seen = [_load(chrome, address, empty=cache == "empty") for _ in range(count)]
                answer, paint, load = (
                    [each[what] for each in seen] for what in ("answer", "paint", "load")
                )
                slower = max(median(paint), median(load))
                table.add(
                    name, cache, f"{median(answer):.0f}",
                    f"{median(paint):.0f}", f"{max(paint):.0f}",
                    f"{median(load):.0f}", f"{max(load):.0f}",
                    f"{budgets.FIRST_LOAD_MS:g}", verdict(slower, budgets.FIRST_LOAD_MS),
                )  # fmt: skip
    return table.markdown()


def _load(chrome: Chrome, address: str, *, empty: bool) -> dict[str, float]:
    """What the browser saw of a page that it opened anew."""
    if empty:
        chrome.execute_cdp_cmd("Network.clearBrowserCache", {})
    chrome.get("about:blank")
    chrome.get(address)
    while (seen := chrome.execute_script(SEEN)) is None:
        time.sleep(0.02)
    found: dict[str, float] = json.loads(seen)
    return found
