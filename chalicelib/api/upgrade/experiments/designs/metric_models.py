"""Metrics as administrators send and see them: as trees (UpGrade, section 6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from typing_extensions import TypedDict

from chalicelib.api.pages.answer_pages import Row
from chalicelib.api.pages.answer_sizes import JsonText, row_text
from chalicelib.api.upgrade.wire.records import stamps
from chalicelib.api.upgrade.wire.shapes import Stamps
from chalicelib.api.upgrade.wire.texts import AdminBody, FilledText, Text
from chalicelib.api.values.bounds import AtMost
from chalicelib.api.values.numbers import as_javascript, javascript_text
from chalicelib.domain.experiments.metrics import JOINER, Metric, MetricType, grouped_key
from chalicelib.services.outcomes.metrics import MetricDraft

METRICS_AT_ONCE = 5000
"""Metrics of one request; a class has one for each of its keys and attributes."""


ALLOWED_VALUES = 10_000
"""Of one metric; more of them do not fit into an item."""

CONTEXTS = 100


def _allowed_value(value: Any) -> Any:
    """Text, or a number as JavaScript writes it."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return value
    return javascript_text(as_javascript(value))


AllowedValue = Annotated[Text, BeforeValidator(_allowed_value)]


class AttributeBody(AdminBody):
    """A metric by its own name, or an attribute of a class."""

    metric: FilledText
    datatype: MetricType = MetricType.CONTINUOUS
    allowed_values: Annotated[tuple[AllowedValue, ...], AtMost(ALLOWED_VALUES)] | None = None


class ClassBody(AdminBody):
    """Attributes that may be logged for each of some keys."""

    group_class: FilledText
    allowed_keys: Annotated[tuple[FilledText, ...], AtMost(METRICS_AT_ONCE)]
    attributes: Annotated[tuple[AttributeBody, ...], AtMost(METRICS_AT_ONCE)]


Units = Annotated[tuple[ClassBody | AttributeBody, ...], AtMost(METRICS_AT_ONCE)]


def _count(unit: ClassBody | AttributeBody) -> int:
    return 1 if isinstance(unit, AttributeBody) else len(unit.allowed_keys) * len(unit.attributes)


def bounded(units: Units) -> Units:
    """Refuse more metrics than one request may have.

    Raises:
        ValueError: if so.
    """
    if sum(map(_count, units)) > METRICS_AT_ONCE:
        raise ValueError(f"must be at most {METRICS_AT_ONCE} metrics")
    return units


class MetricsBody(AdminBody):
    """POST /api/metric/save."""

    metric_unit: Annotated[Units, AfterValidator(bounded)]
    context: Annotated[tuple[FilledText, ...], Field(min_length=1), AtMost(CONTEXTS)]

    def drafts(self) -> list[MetricDraft]:
        """The metrics that are to be stored."""
        return [self._draft(key, each) for unit in self.metric_unit for key, each in _keys(unit)]

    def _draft(self, key: str, attribute: AttributeBody) -> MetricDraft:
        return MetricDraft(key, attribute.datatype, attribute.allowed_values, self.context)


def _keys(unit: ClassBody | AttributeBody) -> Iterator[tuple[str, AttributeBody]]:
    if isinstance(unit, AttributeBody):
        yield unit.metric, unit
        return
    for key in unit.allowed_keys:
        for attribute in unit.attributes:
            yield grouped_key(unit.group_class, key, attribute.metric), attribute


class MetricRecord(Stamps):
    key: str
    type: MetricType
    allowedData: list[str] | None
    context: list[str]


class MetricMetadata(TypedDict):
    type: MetricType


class MetricNode(TypedDict):
    """A metric, or a class of metrics with those below it."""

    key: str
    children: list[MetricNode]
    metadata: MetricMetadata
    allowedData: list[str] | None
    context: list[str]


def metric_answer(metric: Metric) -> MetricRecord:
    """A metric as a record."""
    return {
        **stamps(metric.created_at, metric.updated_at, metric.version),
        "key": metric.key,
        "type": metric.type,
        "allowedData": _allowed(metric),
        "context": list(metric.contexts),
    }


def metric_tree(metrics: Iterable[Metric]) -> list[MetricNode]:
    """Metrics as trees: class, key, attribute; each node shows the first metric below it."""
    roots: dict[str, Any] = {}
    for metric in metrics:
        level = roots
        for name in metric.key.split(JOINER):
            node = level.setdefault(name, (metric, {}))
            level = node[1]
    return _nodes(roots)


def own_nodes() -> Callable[[Metric], Row[MetricNode]]:
    """A function that writes the nodes which a metric adds to the tree of those before it."""
    seen: set[tuple[str, ...]] = set()

    def write(metric: Metric) -> Row[MetricNode]:
        names = metric.key.split(JOINER)
        paths = [tuple(names[:depth]) for depth in range(1, len(names) + 1)]
        added = [path for path in paths if path not in seen]
        seen.update(added)
        return Row(JsonText("".join(row_text(_node(path[-1], metric, [])) for path in added)))

    return write


def _nodes(level: dict[str, Any]) -> list[MetricNode]:
    return [_node(name, metric, _nodes(children)) for name, (metric, children) in level.items()]


def _node(name: str, metric: Metric, children: list[MetricNode]) -> MetricNode:
    return {
        "key": name,
        "children": children,
        "metadata": {"type": metric.type},
        "allowedData": _allowed(metric),
        "context": list(metric.contexts),
    }


def _allowed(metric: Metric) -> list[str] | None:
    return None if metric.allowed_values is None else list(metric.allowed_values)


def metric_records(metrics: Iterable[Metric]) -> dict[str, MetricRecord]:
    """The records of metrics, by key."""
    return {metric.key: metric_answer(metric) for metric in metrics}
