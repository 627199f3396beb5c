"""Metrics as people look at them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.domain.experiments.experiments import Experiment
from chalicelib.services import Services
from chalicelib.services.outcomes import metric_overview
from chalicelib.services.outcomes.metric_overview import MetricOverview, MetricsWanted
from tests.unit.outcomes.test_metric_service import draft
from tests.unit.upgrade_service_samples import design


def asking(name: str, *keys: str) -> Experiment:
    queries = [
        {
            "id": f"{name} {key}",
            "name": f"mean of {key}",
            "query": {"operationType": "avg"},
            "metric": {"key": key},
            "repeatedMeasure": "MEAN",
        }
        for key in keys
    ]
    return replace(design(name), queries=(*queries, {"id": "of another version"}))


def of(services: Services, **wanted: object) -> MetricOverview:
    return services.pages.metric_overview.of(replace(MetricsWanted(), **wanted))  # type: ignore[arg-type]


def tree(found: MetricOverview, context: str) -> list[tuple[int, str]]:
    return [(row.depth, row.name) for row in found.trees.get(context, ())]


@pytest.fixture(autouse=True)
def stored(services: Services) -> None:
    drafts = [draft("w@__@a@__@x"), draft("w@__@a@__@y", contexts=("home", "add")), draft("w")]
    services.metrics.save([*drafts, draft("z", contexts=("add",))])
    services.experiments.create(asking("e", "w@__@a@__@x", "gone"))


def test_metrics_are_trees_by_context(services: Services) -> None:
    found = of(services)
    assert tree(found, "home") == [(0, "w"), (1, "a"), (2, "x"), (2, "y")]
    assert tree(found, "add") == [(0, "w"), (1, "a"), (2, "y"), (0, "z")]
    assert (found.found, found.total, found.pages, found.takes_metrics) == (4, 4, 1, True)
    whole = {row.key: row.metric is not None for row in found.trees["home"]}
    assert whole == {"w": True, "w@__@a": False, "w@__@a@__@x": True, "w@__@a@__@y": True}


def test_what_asks_for_a_metric_stands_beside_it(services: Services) -> None:
    found = of(services)
    used = {row.key: [use.query for use in row.used_by] for row in found.trees["home"]}
    assert used["w@__@a@__@x"] == ["mean of w@__@a@__@x"]
    assert used["w@__@a@__@y"] == []
    assert [(use.experiment_id, use.query) for use in found.missing] == [("e", "mean of gone")]


def test_what_is_listed_is_asked_for(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    found = of(services, search="@X", context="home")
    assert (found.found, tree(found, "home")) == (1, [(0, "w"), (1, "a"), (2, "x")])
    assert list(of(services, context="add").trees) == ["add"]
    monkeypatch.setattr(metric_overview, "METRICS_OF_A_PAGE", 3)
    last = of(services, page=9)
    assert (last.pages, list(last.trees), tree(last, "add")) == (2, ["add"], [(0, "z")])


def test_a_removal_says_what_goes_with_it(services: Services) -> None:
    removal = of(services, remove="w@__@a").removal
    assert removal is not None
    assert (removal.name, removal.metrics) == ("a", 2)
    assert [use.experiment_id for use in removal.used_by] == ["e"]
    assert of(services, remove="unknown").removal is None
    assert of(services).removal is None


def test_the_setting_of_clients_is_told(services: Services) -> None:
    services.study_setup.change_settings(check_auth=False, filter_metric=False)
    assert not of(services).takes_metrics
