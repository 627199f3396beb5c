"""Metrics as trees by context, with the designs that ask for them, for people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.experiments.metrics import JOINER, Metric, MetricQuery
from chalicelib.services.running.catalogue import CatalogueService

METRICS_OF_A_PAGE = 200


@dataclass(frozen=True, slots=True)
class MetricsWanted:
    """Which metrics are asked for, and the key of one that is to be deleted, if any is."""

    search: str = ""
    context: str = ""
    page: int = 1
    remove: str = ""


@dataclass(frozen=True, slots=True)
class MetricUse:
    """A query of a design that asks for a metric."""

    experiment_id: str
    experiment: str
    query: str
    asked: MetricQuery


@dataclass(frozen=True, slots=True)
class MetricRow:
    """A line of a tree: a metric, or a class (or a key in it) with those below it.

    `key` is that of the metric, or what those of all below begin with.
    """

    depth: int
    name: str
    key: str
    metric: Metric | None
    used_by: Sequence[MetricUse]


@dataclass(frozen=True, slots=True)
class MetricRemoval:
    """What goes with a metric, or with all of a class, and the queries that ask for it."""

    key: str
    name: str
    metrics: int
    used_by: Sequence[MetricUse]


@dataclass(frozen=True, slots=True)
class MetricOverview:
    """Metrics by context; how many were asked for, and there are in all.

    `missing` are queries for metrics that there are not. `takes_metrics` says whether any can be
    added (a setting of UpGrade's clients).
    """

    trees: Mapping[str, Sequence[MetricRow]]
    found: int
    total: int
    pages: int
    contexts: Sequence[str]
    missing: Sequence[MetricUse]
    removal: MetricRemoval | None
    takes_metrics: bool


class MetricOverviewService:
    """Lists metrics with what asks for them."""

    def __init__(self, catalogue: CatalogueService, contexts: Sequence[str]) -> None:
        self._catalogue = catalogue
        self._contexts = contexts

    def of(self, wanted: MetricsWanted) -> MetricOverview:
        """A page of the metrics that are asked for."""
        catalogue = self._catalogue.fresh()
        uses = _uses(catalogue)
        found = [
            catalogue.metrics[key]
            for key in sorted(catalogue.metrics)
            if wanted.search.casefold() in key.casefold()
            if not wanted.context or wanted.context in catalogue.metrics[key].contexts
        ]
        pages = max(1, -(-len(found) // METRICS_OF_A_PAGE))
        first = (min(wanted.page, pages) - 1) * METRICS_OF_A_PAGE
        shown = found[first : first + METRICS_OF_A_PAGE]
        contexts = sorted({each for metric in shown for each in metric.contexts})
        return MetricOverview(
            {
                context: tuple(_rows([m for m in shown if context in m.contexts], uses))
                for context in contexts
                if wanted.context in ("", context)
            },
            len(found),
            len(catalogue.metrics),
            pages,
            self._contexts,
            [use for key in sorted(uses.keys() - catalogue.metrics.keys()) for use in uses[key]],
            _removal(catalogue, uses, wanted.remove),
            catalogue.settings.filter_metric,
        )


def _uses(catalogue: Catalogue) -> Mapping[str, Sequence[MetricUse]]:
    """The queries of all designs, by the keys of the metrics that they ask for."""
    uses: defaultdict[str, list[MetricUse]] = defaultdict(list)
    for _, experiment in catalogue.experiments():
        for query in experiment.queries:
            asked = MetricQuery.of(query)
            if asked is not None:
                name = str(query.get("name") or "")
                uses[asked.metric_key].append(
                    MetricUse(experiment.id, experiment.name, name, asked)
                )
    return uses


def _rows(
    metrics: Sequence[Metric], uses: Mapping[str, Sequence[MetricUse]]
) -> Iterator[MetricRow]:
    """Metrics, sorted by key, as a tree: what several have in common stands before them."""
    seen: set[str] = set()
    for metric in metrics:
        names = metric.key.split(JOINER)
        for depth, name in enumerate(names):
            key = JOINER.join(names[: depth + 1])
            is_whole = depth + 1 == len(names)
            if is_whole or key not in seen:
                seen.add(key)
                own = metric if is_whole else None
                yield MetricRow(depth, name, key, own, uses.get(key, ()) if own else ())


def _removal(
    catalogue: Catalogue, uses: Mapping[str, Sequence[MetricUse]], key: str
) -> MetricRemoval | None:
    gone = [each for each in catalogue.metrics if each == key or each.startswith(key + JOINER)]
    if not key or not gone:
        return None
    return MetricRemoval(
        key, key.split(JOINER)[-1], len(gone), [use for each in gone for use in uses.get(each, ())]
    )
