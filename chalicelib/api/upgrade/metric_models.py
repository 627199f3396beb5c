"""Metrics as administrators send and see them: as trees (UpGrade, section 6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from pydantic import Field

from chalicelib.api.upgrade.records import Json, stamps
from chalicelib.api.upgrade.segment_models import AdminBody, FilledText
from chalicelib.domain.metrics import JOINER, Metric, MetricType, grouped_key
from chalicelib.services.metrics import MetricDraft


class AttributeBody(AdminBody):
    """A metric by its own name, or an attribute of a class."""

    metric: FilledText
    datatype: MetricType
    allowed_values: tuple[str | int | float, ...] | None = None


class ClassBody(AdminBody):
    """Attributes that may be logged for each of some keys."""

    group_class: FilledText
    allowed_keys: tuple[FilledText, ...]
    attributes: tuple[AttributeBody, ...]


class MetricsBody(AdminBody):
    """POST /api/metric/save."""

    metric_unit: tuple[ClassBody | AttributeBody, ...]
    context: Annotated[tuple[FilledText, ...], Field(min_length=1)]

    def drafts(self) -> list[MetricDraft]:
        """The metrics that are to be stored."""
        return [self._draft(key, each) for unit in self.metric_unit for key, each in _keys(unit)]

    def _draft(self, key: str, attribute: AttributeBody) -> MetricDraft:
        allowed = attribute.allowed_values
        return MetricDraft(
            key,
            attribute.datatype,
            None if allowed is None else tuple(map(str, allowed)),
            self.context,
        )


def _keys(unit: ClassBody | AttributeBody) -> Iterator[tuple[str, AttributeBody]]:
    if isinstance(unit, AttributeBody):
        yield unit.metric, unit
        return
    for key in unit.allowed_keys:
        for attribute in unit.attributes:
            yield grouped_key(unit.group_class, key, attribute.metric), attribute


def metric_answer(metric: Metric) -> Json:
    """A metric as a record."""
    return {
        **stamps(metric.created_at, metric.updated_at, metric.version),
        "key": metric.key,
        "type": metric.type.value,
        "allowedData": _allowed(metric),
        "context": list(metric.contexts),
    }


def metric_tree(metrics: Iterable[Metric]) -> list[Json]:
    """Metrics as trees: class, key, attribute; each node shows the first metric below it."""
    roots: dict[str, Any] = {}
    for metric in metrics:
        level = roots
        for name in metric.key.split(JOINER):
            node = level.setdefault(name, (metric, {}))
            level = node[1]
    return _nodes(roots)


def _nodes(level: dict[str, Any]) -> list[Json]:
    return [
        {
            "key": name,
            "children": _nodes(children),
            "metadata": {"type": metric.type.value},
            "allowedData": _allowed(metric),
            "context": list(metric.contexts),
        }
        for name, (metric, children) in level.items()
    ]


def _allowed(metric: Metric) -> list[str] | None:
    return None if metric.allowed_values is None else list(metric.allowed_values)
