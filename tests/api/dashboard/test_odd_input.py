"""What no form of a page sends, and somebody may: a refusal, and nothing changed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.dashboard.pages import load, submit
from tests.api.test_features import create
from tests.http import Gateway


@pytest.mark.parametrize(
    "path",
    [
        "/dashboard/new/design?" + "a." * 3000 + "a=1",
        "/dashboard/new/feature?type=experiment&variants." + "a." * 3000 + "a=1",
        "/dashboard/new/design?step=conditions&conditions.0.weight=1e9999999",
        "/dashboard/new/design?step=conditions&conditions.0.weight=sNaN",
        "/dashboard/new/design?step=review&conditions.0.code=a&conditions.0.weight=NaN",
        "/dashboard/new/design?step=conditions&conditions.0.weight=1e900000",
        "/dashboard/calculator?kind=proportions&rate=1e9999999%25&difference=0.1",
        "/dashboard?done=feature-deleted&users=" + "9" * 4400,
    ],
)
def test_odd_addresses_are_answered(gateway: Gateway, path: str) -> None:
    page = load(gateway, path)
    assert page.status < 500
    assert len(page.answer.text) < 100_000


@pytest.mark.parametrize(
    "fields",
    [
        {"do": "plan", "plan": "x"},
        {"do": "plan", "plan.metrics": "x"},
        {"do": "plan", "plan.metrics.0": "x"},
        {"do": "plan", "plan." + "a." * 3000 + "a": "x"},
        {"do": "nothing of the kind"},
    ],
)
def test_odd_forms_are_refused(gateway: Gateway, fields: dict[str, str]) -> None:
    feature = create(gateway)
    page = submit(gateway, f"/dashboard/feature/{feature['id']}/design", fields)
    assert 400 <= page.status < 500


def test_what_somebody_changed_meanwhile_is_not_overwritten(gateway: Gateway) -> None:
    feature: Any = create(gateway, name="button")
    path = f"/dashboard/feature/{feature['id']}/design"
    shown = load(gateway, path).fields
    gateway.put(f"/api/feature/{feature['id']}", {**feature, "is_running": False})
    edit = {
        "do": "edit",
        "name": "other",
        "start_date": feature["start_date"][:10],
        "end_date": feature["end_date"][:10],
        "is_running": "true",
        "seen": shown["seen"],
    }
    page = submit(gateway, path, edit)
    assert page.status == 409
    assert "Somebody changed this since" in page.text
    assert gateway.get(f"/api/feature/{feature['id']}").json["is_running"] is False
    assert submit(gateway, path, {**edit, "seen": page.fields["seen"]}).status == 200
