"""Administration of metrics: what clients may log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from chalicelib.domain.audiences.contexts import known_context, same_context
from chalicelib.domain.catalogue.catalogue import Catalogue, CatalogueChange, MetricChange
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.experiments.metrics import JOINER, Metric, MetricType
from chalicelib.services.running.catalogue import CatalogueService
from chalicelib.services.running.ports import Clock


@dataclass(frozen=True, slots=True)
class MetricDraft:
    """A metric as a caller asks for it; no allowed values leave those that there are."""

    key: str
    type: MetricType
    allowed_values: tuple[str, ...] | None
    contexts: tuple[str, ...]


class MetricService:
    """Stores and deletes metrics."""

    def __init__(self, catalogue: CatalogueService, clock: Clock, contexts: Sequence[str]) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._contexts = contexts

    def all(self) -> list[Metric]:
        """All metrics by key."""
        metrics = self._catalogue.fresh().metrics
        return [metrics[key] for key in sorted(metrics)]

    def of_context(self, context: str) -> list[Metric]:
        """The metrics of a context.

        Raises:
            NotFound: if there is none.
        """
        found = [
            metric
            for metric in self.all()
            if any(same_context(each, context) for each in metric.contexts)
        ]
        if not found:
            raise NotFound(f"Metrics context not found: {context}")
        return found

    def save(self, drafts: Sequence[MetricDraft]) -> list[Metric]:
        """Store metrics, or replace those that there are; each as it is now.

        Raises:
            UnknownAppContext: if one is to be in a context that there is not.
            Invalid: if metrics are switched off in the settings of clients, or too many.
        """
        saved: dict[str, Metric] = {}

        def decide(catalogue: Catalogue) -> CatalogueChange | None:
            if drafts and not catalogue.settings.filter_metric:
                raise Invalid("Metrics filter not enabled")
            saved.clear()
            for draft in drafts:
                before = saved.get(draft.key) or catalogue.metrics.get(draft.key)
                saved[draft.key] = self._drafted(draft, before)
            changes = (MetricChange(catalogue.metrics.get(m.key), m) for m in saved.values())
            return CatalogueChange(metrics=tuple(changes)) if saved else None

        self._catalogue.change(decide)
        return list(saved.values())

    def _drafted(self, draft: MetricDraft, before: Metric | None) -> Metric:
        now = self._clock()
        contexts = tuple(
            dict.fromkeys(known_context(each, self._contexts) for each in draft.contexts)
        )
        if before is None:
            return Metric(draft.key, draft.type, draft.allowed_values, contexts, now, now, 1)
        return replace(
            before,
            type=draft.type,
            contexts=contexts,
            updated_at=now,
            version=before.version + 1,
            allowed_values=before.allowed_values
            if draft.allowed_values is None
            else draft.allowed_values,
        )

    def delete(self, key: str) -> list[Metric]:
        """Delete a metric, or all of a class or of a key in it; what is left of the class.

        Raises:
            NotFound: if there is none.
        """
        left: list[Metric] = []

        def decide(catalogue: Catalogue) -> CatalogueChange:
            gone = [m for m in catalogue.metrics.values() if _is_part(m.key, key)]
            if not gone:
                raise NotFound(f"Metric key not found: {key}")
            root = key.split(JOINER)[0]
            left[:] = [
                metric
                for metric in catalogue.metrics.values()
                if _is_part(metric.key, root) and metric not in gone
            ]
            return CatalogueChange(metrics=tuple(MetricChange(metric, None) for metric in gone))

        self._catalogue.change(decide)
        return left


def _is_part(key: str, whole: str) -> bool:
    return key == whole or key.startswith(whole + JOINER)
