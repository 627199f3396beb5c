"""The first page: everything in one table."""

from __future__ import annotations

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
