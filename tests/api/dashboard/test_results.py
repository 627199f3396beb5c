"""Results of experiments as pages and files."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urljoin

import pytest

from tests.api.dashboard.pages import Seen, load
from tests.api.test_features import create
from tests.api.test_results import NAMES, made
from tests.api.upgrade_setup import design, start, two_factors
from tests.http import Gateway

HOSTILE = "<script>alert(1)</script>\"'&\u202e" + "x" * 200


def of_feature(gateway: Gateway, feature_id: int, more: str = "") -> Seen:
    return load(gateway, f"/dashboard/feature/{feature_id}{more}")


def followed(gateway: Gateway, page: str, link: str) -> Seen:
    """What a link of a page leads to."""
    return load(gateway, urljoin(page, link))


def new_experiment(gateway: Gateway, **fields: Any) -> int:
    feature_id: int = create(gateway, **fields)["id"]
    return feature_id


def test_the_page_says_who_won_how_sure_and_whether_the_test_was_sound(gateway: Gateway) -> None:
    feature_id, _ = made(gateway)
    page = of_feature(gateway, feature_id)
    assert page.status == 200
    assert page.testids["state"] == ["running"]
    (verdict,) = page.testids["verdict"]
    assert verdict.startswith("needs data")
    assert "Too early: " in verdict
    assert "What to do: Wait for more users." in page.text
    assert page.testids["split-check"][0].startswith("Split by weights: as planned.")
    assert "1 event was sent for another variant" in page.text
    assert "More numbers of" in page.testids["forest"][0]
    assert "of 100 users" in page.testids["forest"][0]
    assert "window open" in page.testids["series"][0]
    assert "3 users so far; no number is planned." in page.testids["enrollment"][0]
    for name in NAMES:
        assert name in page.testids["variants"][0]


def test_all_links_of_the_page_lead_somewhere(gateway: Gateway) -> None:
    feature_id, _ = made(gateway)
    path = f"/dashboard/feature/{feature_id}"
    links = {each for each in of_feature(gateway, feature_id).links if f"{path[1:]}/" in each}
    assert {link.split("?")[0] for link in links} == {
        f"../..{path}/{each}" for each in ("design", "participants", "results.csv", "days.csv")
    }
    for link in links:
        if not link.endswith("design"):
            assert followed(gateway, path, link).status == 200


def test_an_experiment_without_variants_leads_to_where_they_are_added(gateway: Gateway) -> None:
    feature_id = new_experiment(gateway)
    page = of_feature(gateway, feature_id)
    assert "There are no variants yet, so nobody can take part." in page.text
    assert "Add variants" in page.text
    assert "nobody takes part" in page.testids["series"][0]


def test_one_variant_has_nothing_to_be_compared_with(gateway: Gateway) -> None:
    feature_id = new_experiment(gateway)
    variants = [{"feature_id": feature_id, "value": "only"}]
    assert gateway.post(f"/api/feature/{feature_id}/variants", {"variants": variants}).status == 200
    page = of_feature(gateway, feature_id)
    assert "fewer than two variants" in page.testids["verdict"][0]
    assert "There is nothing to compare yet" in page.testids["forest"][0]
    assert "only" in page.testids["variants"][0]


@pytest.mark.parametrize("type_id", [1, 2])
def test_a_toggle_and_a_rollout_lead_to_their_design(gateway: Gateway, type_id: int) -> None:
    feature_id = new_experiment(gateway, type_id=type_id)
    answer = gateway.get(f"/dashboard/feature/{feature_id}")
    assert answer.status == 303
    assert answer.headers["location"] == f"../../dashboard/feature/{feature_id}/design"


@pytest.mark.parametrize(
    "path",
    ["feature/99", "experiment/7f000000-0000-4000-8000-000000000000", "feature/99/participants"],
)
def test_what_is_not_there_is_said_not_to_be(gateway: Gateway, path: str) -> None:
    page = load(gateway, f"/dashboard/{path}")
    assert page.status == 404
    assert "Back to the overview" in page.text


def test_a_metric_that_is_not_measured_is_refused_with_those_that_are(gateway: Gateway) -> None:
    feature_id, _ = made(gateway)
    page = of_feature(gateway, feature_id, "?metric=height")
    assert page.status == 422
    assert "conversion, revenue per user" in page.text


def test_the_series_is_that_of_the_chosen_metric(gateway: Gateway) -> None:
    feature_id, _ = made(gateway)
    page = of_feature(gateway, feature_id, "?metric=revenue+per+user")
    assert '<option value="revenue per user" selected>' in page.answer.text
    assert any("days.csv?metric=revenue" in link for link in page.links)


def test_hostile_names_are_shown_and_never_run(gateway: Gateway) -> None:
    feature_id = new_experiment(gateway, name=HOSTILE)
    variants = [{"feature_id": feature_id, "value": f"{HOSTILE}{n}"} for n in range(2)]
    assert gateway.post(f"/api/feature/{feature_id}/variants", {"variants": variants}).status == 200
    page = of_feature(gateway, feature_id)
    assert page.text.count(HOSTILE) >= 3
    assert "<script>alert" not in page.answer.text
    assert "style=" not in page.answer.text


def test_twenty_variants_have_a_row_each(gateway: Gateway) -> None:
    feature_id = new_experiment(gateway)
    variants = [{"feature_id": feature_id, "value": f"v{n}", "weight": 0.05} for n in range(20)]
    assert gateway.post(f"/api/feature/{feature_id}/variants", {"variants": variants}).status == 200
    page = of_feature(gateway, feature_id)
    assert page.testids["forest"][0].count("against v0") == 2 * 19
    assert page.testids["variants"][0].count("5 %") >= 20


def test_files_are_kept_under_a_name_of_their_own(gateway: Gateway) -> None:
    feature_id, ids = made(gateway)
    for name in ("results", "days", "participants"):
        answer = gateway.get(f"/dashboard/feature/{feature_id}/{name}.csv")
        assert answer.headers["content-type"].startswith("text/csv")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-disposition"] == (
            f'attachment; filename="{name}-{feature_id}.csv"'
        )
        own = gateway.get(
            f"/api/results/feature/{feature_id}"
            f"{'/participants' if name == 'participants' else ''}"
            f"{'?series=true' if name == 'days' else ''}",
            Accept="text/csv",
        )
        assert answer.text == own.text
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert {row["variant_id"] for row in rows} == {str(each) for each in ids}


def test_rows_behind_results_come_in_pages(gateway: Gateway) -> None:
    feature_id, _ = made(gateway)
    first = of_feature(gateway, feature_id, "/participants?limit=2")
    assert "ada" in first.text
    assert " eve " not in first.text
    path = f"/dashboard/feature/{feature_id}/participants"
    following = next(link for link in first.links if "cursor=" in link)
    second = followed(gateway, path, following)
    assert " eve " in second.text
    assert "ada" not in second.text
    file = next(link for link in second.links if "participants.csv?cursor=" in link)
    assert "eve" in followed(gateway, path, file).answer.text


def test_nobody_makes_no_rows(gateway: Gateway) -> None:
    feature_id = new_experiment(gateway)
    page = of_feature(gateway, feature_id, "/participants")
    assert "Nobody takes part yet." in page.text


def test_a_design_shows_its_conditions_and_its_rows(gateway: Gateway) -> None:
    def send(method: str, path: str, body: Any) -> Any:
        return gateway.send(method, path, body).json

    made_design = start(send, design(("lesson", "hint")))
    path = f"/dashboard/experiment/{made_design['id']}"
    page = load(gateway, path)
    assert page.status == 200
    assert "no query asks what participants logged" in page.testids["verdict"][0]
    assert "control" in page.testids["variants"][0]
    assert any(link.endswith("?now=true") for link in page.links)
    assert load(gateway, f"{path}?now=true").status == 200
    assert "Nobody takes part yet." in load(gateway, f"{path}/participants").text
    for name in ("results", "days", "participants"):
        assert gateway.get(f"{path}/{name}.csv").status == 200


def test_a_factorial_design_without_data_is_shown(gateway: Gateway) -> None:
    def send(method: str, path: str, body: Any) -> Any:
        return gateway.send(method, path, body).json

    made_design = start(send, two_factors(("lesson", "hint")))
    page = load(gateway, f"/dashboard/experiment/{made_design['id']}")
    assert page.status == 200
    assert "RC" in page.testids["variants"][0]


def test_an_experiment_that_is_past_says_so(gateway: Gateway) -> None:
    past = (datetime.now(UTC).date() - timedelta(days=40)).isoformat()
    feature_id = new_experiment(gateway, start_date="2020-01-01", end_date=past)
    assert of_feature(gateway, feature_id).testids["state"] == ["ended"]
