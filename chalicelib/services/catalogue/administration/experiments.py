"""Experiments with all that the answers about them show: metrics, lists, faults."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from chalicelib.domain.audiences.listings import Listing, Listings
from chalicelib.domain.catalogue.faults import Fault
from chalicelib.domain.catalogue.lists import entries
from chalicelib.domain.experiments.experiments import Experiment, State
from chalicelib.domain.experiments.metrics import Metric
from chalicelib.services.audiences.listings import ListingService, ListRow
from chalicelib.services.catalogue.administration.list_uses import (
    Check,
    ExperimentDetail,
    UsesOf,
)
from chalicelib.services.catalogue.faults import FaultService
from chalicelib.services.catalogue.imports import ExperimentDraft, ImportService, ListDraft
from chalicelib.services.catalogue.lists import ListService
from chalicelib.services.experiments.experiments import ExperimentService, HeldExperiment
from chalicelib.services.outcomes.metrics import MetricService
from chalicelib.services.running.details import Detailed


@dataclass(frozen=True, slots=True)
class ExperimentRows:
    """All experiments with their lists, the oldest first; all metrics, and the faults by id."""

    held: Detailed[HeldExperiment, Listings]
    metrics: Sequence[Metric]
    faults: Mapping[str, Fault]


@dataclass(frozen=True, slots=True)
class CreatedExperiments:
    """Experiments that were created, and all metrics, as they were known before."""

    experiments: Sequence[Experiment]
    metrics: Sequence[Metric]


@dataclass(frozen=True, slots=True)
class MovedExperiment:
    """An experiment before and after a change of its state, and all metrics."""

    before: Experiment
    after: Experiment
    metrics: Sequence[Metric]


class ExperimentAdministration:
    """Creates, changes and reads experiments as their administrators see them."""

    def __init__(
        self,
        experiments: ExperimentService,
        imports: ImportService,
        lists: ListService,
        listings: ListingService,
        metrics: MetricService,
        faults: FaultService,
        uses_of: UsesOf,
    ) -> None:
        self._experiments = experiments
        self._imports = imports
        self._lists = lists
        self._listings = listings
        self._metrics = metrics
        self._faults = faults
        self._uses_of = uses_of

    def all(self) -> ExperimentRows:
        """All experiments."""
        metrics = self._metrics.all()
        held = self._experiments.with_feature_ids()
        rows = self._listings.holders(held, lambda row: entries(row[1]))
        return ExperimentRows(rows, metrics, self._faults.all())

    def listed(self) -> tuple[Sequence[Experiment], Mapping[str, Fault]]:
        """All experiments, the oldest first, and the faults by id."""
        return self._experiments.all(), self._faults.all()

    def get(self, experiment_id: str) -> ExperimentDetail:
        """One experiment.

        Raises:
            NotFound: if there is none.
        """
        return self._detail(self._experiments.get(experiment_id))

    def create(
        self, drafts: Callable[[Sequence[Metric]], Sequence[ExperimentDraft]]
    ) -> CreatedExperiments:
        """Create the experiments that `drafts` makes, which is told all metrics; all or none.

        Raises:
            Conflict, Invalid: as `ImportService.experiments` does; and what `drafts` raises.
        """
        metrics = self._metrics.all()
        return CreatedExperiments(self._imports.experiments(drafts(metrics)), metrics)

    def edit(
        self, experiment_id: str, edit: Callable[[Experiment, Sequence[Metric]], Experiment]
    ) -> ExperimentDetail:
        """Edit an experiment; `edit` is told all metrics.

        Raises:
            NotFound: if there is none.
            Invalid: if it lacks what its state needs; and what `edit` raises.
        """

        def decide(before: Experiment) -> Experiment:
            return edit(before, self._metrics.all())

        return self._detail(self._experiments.edit(experiment_id, decide))

    def move(self, experiment_id: str, state: State, start_on: str | None) -> MovedExperiment:
        """Change the state; `start_on` is when an experiment is to start that is now scheduled.

        Raises:
            NotFound, Invalid: as `ExperimentService.move` does.
        """
        before, after = self._experiments.move(experiment_id, state, start_on)
        return MovedExperiment(before, after, self._metrics.all())

    def lists(self, experiment_id: str, *, exclude: bool) -> Detailed[ListRow, Listing]:
        """The lists on one side of an experiment.

        Raises:
            NotFound: if there is no such experiment.
        """
        experiment = self._experiments.get(experiment_id)
        return self._listings.rows(experiment.exclude if exclude else experiment.include)

    def add_list(
        self, experiment_id: str, draft: ListDraft, *, exclude: bool, check: Check
    ) -> tuple[Experiment, Listing]:
        """Let a list include or exclude its members; the experiment and the list as stored.

        Raises:
            NotFound, Invalid, Conflict: as `ListService.add_to_experiment` does; before that, what
                `check` raises.
        """
        check(self._uses_of(draft.segment.id))
        experiment = self._lists.add_to_experiment(experiment_id, draft, exclude=exclude)
        return experiment, self._listings.of(draft.segment.id)

    def replace_list(
        self, experiment_id: str, draft: ListDraft, *, exclude: bool, check: Check
    ) -> tuple[Experiment, Listing]:
        """Replace the members of a list; the experiment, and the list as stored.

        Raises:
            NotFound, Invalid, NameTaken: as `ListService.replace_in_experiment` does; and what
                `check` raises.
        """
        uses = self._uses_of(draft.segment.id)
        experiment = self._lists.replace_in_experiment(
            experiment_id, draft, exclude=exclude, check=lambda: check(uses)
        )
        return experiment, self._listings.of(draft.segment.id)

    def _detail(self, experiment: Experiment) -> ExperimentDetail:
        metrics = self._metrics.all()
        listings = self._listings.of_entries(entries(experiment))
        return ExperimentDetail(experiment, metrics, listings, self._faults.all())
