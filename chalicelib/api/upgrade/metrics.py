"""Administration of metrics: /api/metric."""

from __future__ import annotations

from typing import Any

from chalicelib.api.blueprint import ApiBlueprint
from chalicelib.api.upgrade.dialect import DIALECT
from chalicelib.api.upgrade.metric_models import MetricsBody, metric_tree

blueprint = ApiBlueprint(__name__, DIALECT)


@blueprint.endpoint("/api/metric")
def list_metrics() -> list[dict[str, Any]]:
    """All metrics."""
    return metric_tree(blueprint.services.metrics.all())


@blueprint.endpoint("/api/metric/{key}")
def list_metrics_of_context(key: str) -> list[dict[str, Any]]:
    """The metrics of a context."""
    return metric_tree(blueprint.services.metrics.of_context(key))


@blueprint.endpoint("/api/metric/save", "POST")
def save_metrics(body: MetricsBody) -> list[dict[str, Any]]:
    """Store metrics, or replace those that there are."""
    return metric_tree(blueprint.services.metrics.save(body.drafts()))


@blueprint.endpoint("/api/metric/{key}", "DELETE")
def delete_metric(key: str) -> list[dict[str, Any]]:
    """Delete a metric, or all of a class; what is left of the class."""
    return metric_tree(blueprint.services.metrics.delete(key))
