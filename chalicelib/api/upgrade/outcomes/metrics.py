"""Administration of metrics: /api/metric."""

from __future__ import annotations

from collections.abc import Iterable

from chalicelib.api.http.rendering import Rendered, written
from chalicelib.api.http.routes import Routes
from chalicelib.api.pages.answer_pages import ListQuery, Pages, as_they_are
from chalicelib.api.pages.answer_sizes import row_text
from chalicelib.api.upgrade.access.dialect import DIALECT
from chalicelib.api.upgrade.experiments.designs.metric_models import (
    MetricNode,
    MetricsBody,
    metric_tree,
    own_nodes,
)
from chalicelib.domain.experiments.metrics import Metric
from chalicelib.services import Services

routes = Routes(__name__, DIALECT)


PAGES: Pages[Metric] = Pages("/api/metric", lambda metric: (metric.key,), tuple[str])
CONTEXT_PAGES: Pages[Metric] = Pages("/api/metric/{key}", lambda metric: (metric.key,), tuple[str])

ALL = "../metric"
"""Where all metrics are listed, seen from the routes below that."""


@routes.endpoint(PAGES.route)
def list_metrics(services: Services, query: ListQuery) -> Rendered[list[MetricNode]]:
    """All metrics by key; a class may go on in the next page."""
    return _page(PAGES, services.metrics.all(), query)


@routes.endpoint(CONTEXT_PAGES.route)
def list_metrics_of_context(
    services: Services, key: str, query: ListQuery
) -> Rendered[list[MetricNode]]:
    """The metrics of a context by key; a class may go on in the next page."""
    found = services.metrics.of_context(key)
    return _page(CONTEXT_PAGES, found, query, context=key)


def _page(
    pages: Pages[Metric], metrics: Iterable[Metric], query: ListQuery, **narrowed: object
) -> Rendered[list[MetricNode]]:
    rest = pages.rest(metrics, query, **narrowed)
    write = own_nodes()
    taken = pages.take(rest, query, as_they_are, lambda metric, _: write(metric))
    headers = pages.headers(taken, query, **narrowed)
    return written(row_text(metric_tree(taken.rows)), headers)


@routes.endpoint("/api/metric/save", "POST")
def save_metrics(services: Services, body: MetricsBody) -> Rendered[list[MetricNode]]:
    """Store metrics, or replace those that there are."""
    return _first(services.metrics.save(body.drafts()))


@routes.endpoint("/api/metric/{key}", "DELETE")
def delete_metric(services: Services, key: str) -> Rendered[list[MetricNode]]:
    """Delete a metric, or all of a class; what is left of the class."""
    return _first(services.metrics.delete(key))


def _first(metrics: Iterable[Metric]) -> Rendered[list[MetricNode]]:
    """The first metrics that fit an answer, as trees; a Link leads to all metrics."""
    write = own_nodes()
    taken = PAGES.take(metrics, ListQuery(), as_they_are, lambda metric, _: write(metric))
    more = {} if taken.last is None else {"Link": f'<{ALL}>; rel="collection"'}
    return written(row_text(metric_tree(taken.rows)), {**more})
