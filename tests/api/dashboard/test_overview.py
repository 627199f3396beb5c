"""The first page: everything in one table."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from chalicelib.api import dashboard
from chalicelib.api.dashboard import pages
from chalicelib.api.dashboard.paths import PATHS
from tests.api.dashboard.pages import load
from tests.api.test_features import create
from tests.http import Gateway

HOSTILE = "<script>alert(1)</script>\"'&\u202e"


def test_an_empty_service_says_what_to_do_first(gateway: Gateway) -> None:
    page = load(gateway, "/dashboard")
    assert page.status == 200
    assert "There is nothing yet" in page.text
    assert "./dashboard/new" in page.links


def test_names_are_shown_as_they_are_and_never_run(gateway: Gateway) -> None:
    create(gateway, name=HOSTILE)
    page = load(gateway, "/dashboard")
    assert HOSTILE in page.text
    assert "<script>alert" not in page.answer.text


def test_the_paths_that_are_known_before_pages_are_loaded_are_theirs() -> None:
    declared = {(route.path, route.method) for route in pages()}
    known = {(path, method) for path, methods in PATHS.items() for method in methods}
    assert known == declared


def test_a_process_that_serves_the_apis_alone_loads_no_page() -> None:
    script = (
        "import app, sys;"
        "late = 'jinja2', 'chalicelib.services.pages', 'chalicelib.api.dashboard.overview';"
        "sys.exit(any(name in sys.modules for name in late))"
    )
    left_out = ("DYNAMODB_ENDPOINT", "CLIENT_API_SECRET", "CLIENT_API_KEY", "DEMO_MODE")
    own = {name: value for name, value in os.environ.items() if name not in left_out}
    environment = {**own, "STAGE": "dev", "TABLE_PREFIX": "switchyard-dev"}
    run = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr[-500:]


def test_who_got_fewer_blocks_than_asked_for_is_named_and_many_are_folded(
    gateway: Gateway,
) -> None:
    create(gateway, name="first", user_percentage=1)
    for number in range(5):
        create(gateway, name=f"late {number}", user_percentage=0.1)
    page = load(gateway, "/dashboard")
    for number in range(5):
        assert f"late {number} asked for 2 blocks and got 0" in page.text
    notes, _, folded = page.answer.text.partition("<details>")
    assert notes.count("note warning") == 3
    assert "2 more got fewer blocks than they asked for: no more are free" in folded


def test_nothing_on_a_page_moves() -> None:
    """So there is nothing to hold still for who asks for less motion."""
    style = (Path(dashboard.__file__).parent / "static" / "style.css").read_text()
    assert not re.search(r"transition|animation|@keyframes|scroll-behavior", style)
