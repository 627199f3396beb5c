"""From a file to the experiment that it describes, and back."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from chalicelib.api.upgrade.audiences.list_files import missing_warning
from chalicelib.api.upgrade.experiments.designs import answer_parts as parts
from chalicelib.api.upgrade.experiments.designs import experiment_answers as answers
from chalicelib.api.upgrade.experiments.designs import shapes
from chalicelib.api.upgrade.experiments.designs.answer_parts import BACKEND_VERSION, Metrics
from chalicelib.api.upgrade.experiments.designs.design_checks import check_parts
from chalicelib.api.upgrade.experiments.designs.experiment_parts import TwoCharacters
from chalicelib.api.upgrade.experiments.designs.experiment_requests import (
    KnownMarks,
    experiment_of,
    kept_parts,
)
from chalicelib.api.upgrade.experiments.experiment_file_models import (
    ExperimentFile,
    ExperimentListFile,
)
from chalicelib.api.upgrade.wire.files import model_of
from chalicelib.api.upgrade.wire.texts import NewId, kept_or_new
from chalicelib.domain.audiences.contexts import configured, known_context
from chalicelib.domain.audiences.listings import Listings
from chalicelib.domain.catalogue.answer_room import check_shown
from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.catalogue.imports import is_older, part_ids
from chalicelib.domain.catalogue.lists import check_room
from chalicelib.domain.errors import Conflict
from chalicelib.domain.experiments.experiments import DesignType, Experiment
from chalicelib.domain.experiments.lifecycle import STARTED, check_begins, lacks, last_start
from chalicelib.services.catalogue.imports import ExperimentDraft, ListDraft
from chalicelib.services.outcomes.metrics import MetricDraft


class ExperimentReader:
    """Reads files as experiments that can be created beside those that there are.

    An id that one file of a call gives counts as taken for the next.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        contexts: Collection[str],
        now: Callable[[], datetime],
        new_id: NewId,
        two_characters: TwoCharacters,
    ) -> None:
        self._catalogue = catalogue
        self._contexts = contexts
        self._now = now
        self._new_id = new_id
        self._two_characters = two_characters
        experiments = [experiment for _, experiment in catalogue.experiments()]
        self._experiment_ids = {experiment.id for experiment in experiments}
        self._part_ids = set(part_ids(experiments))

    def read(self, value: Any) -> tuple[ExperimentDraft, str | None]:
        """The experiment of a file, and what is to be warned of.

        One that runs already is taken as it is: its weights are in use.

        Raises:
            Invalid: if it is no experiment, its parts do not go together, it lacks what its state
                needs, or no answer could show it.
            Conflict: if there is an experiment with its id.
        """
        file = model_of(ExperimentFile, value)
        if file.id in self._experiment_ids:
            raise Conflict(
                f"Duplicate experiment: {file.id} exists already; delete it first, or give the"
                " file another id"
            )
        found = self._import(file)
        check_begins(found.design, runs=True)
        check_room(found.design, len(found.include) + len(found.exclude))
        check_shown(found.design)
        self._experiment_ids.add(found.design.id)
        self._part_ids |= part_ids([found.design])
        return found, " ".join(self._warnings(file, found)) or None

    def _import(self, file: ExperimentFile) -> ExperimentDraft:
        context = known_context(file.context[0], self._contexts)
        check_parts(file)
        known = self._catalogue.metrics
        lacking = tuple(
            self._at_home(each, context) for each in file.metrics() if each.key not in known
        )
        parts = kept_parts(
            file,
            self._keep,
            KnownMarks(file.condition_marks(), file.point_marks()),
            two_characters=self._two_characters,
            known_metrics={*known, *(each.key for each in lacking)},
            variant_ids={},
        )
        experiment_id = file.id or self._new_id()
        design = experiment_of(file, experiment_id, context, parts, self._now())
        history = tuple(replace(each, id=self._keep(each.id)) for each in file.history())
        created_at = (
            datetime.fromisoformat(file.created_at) if file.created_at else design.created_at
        )
        # Of one that ran elsewhere and does not say since when, participants came from the first.
        ran = design.state in STARTED and (file.created_at is not None or history != ())

        def lists(files: tuple[ExperimentListFile, ...] | None) -> tuple[ListDraft, ...]:
            name = f"{experiment_id} Segment"
            return tuple(each.segment.draft(context, default_name=name) for each in files or ())

        return ExperimentDraft(
            replace(
                design,
                created_at=created_at,
                state_changes=history,
                started_at=last_start(history) or (created_at if ran else None),
            ),
            lists(file.experiment_segment_inclusion),
            lists(file.experiment_segment_exclusion),
            lacking,
        )

    def _at_home(self, metric: MetricDraft, context: str) -> MetricDraft:
        """A metric in those of its contexts that are configured here, or in the experiment's."""
        named = (configured(each, self._contexts) for each in metric.contexts)
        own = tuple(each for each in named if each is not None)
        return replace(metric, contexts=own or (context,))

    def _keep(self, given: str | None) -> str:
        """The id of a part: its own if it can be one and no other experiment's part has it."""
        kept = kept_or_new(given, self._new_id)
        return self._new_id() if kept in self._part_ids else kept

    def _warnings(self, file: ExperimentFile, found: ExperimentDraft) -> list[str]:
        warnings = []
        if file.backend_version not in (None, BACKEND_VERSION):
            age = "older" if is_older(file.backend_version, BACKEND_VERSION) else "newer"
            warnings.append(
                f"Warning: this experiment file is incompatible({age}) with the current version of"
                " UpGrade. Some features may not import or function as intended."
            )
        keys = dict.fromkeys(query.metric.key for query in file.queries or ())
        known = {*self._catalogue.metrics, *(each.key for each in found.metrics)}
        if unknown := [key for key in keys if key not in known]:
            warnings.append(
                f"Warning: metrics not found: {', '.join(unknown)}. The queries about them are left"
                " out; save the metrics first to keep them."
            )
        drafts = (*found.include, *found.exclude)
        if missing := missing_warning(self._catalogue, drafts, found.design.context):
            warnings.append(missing)
        return [*warnings, *(f"Warning: {each}" for each in lacks(found.design))]


def exported(
    experiment: Experiment, *, metrics: Metrics, listings: Listings
) -> shapes.ExportedExperiment:
    """An experiment as a file holds it: as it is shown, but states go by their own names."""
    return {
        **parts.head(experiment, experiment.state.value),
        "conditions": _conditions(experiment),
        "partitions": _points(experiment),
        "queries": parts.query_rows(experiment, metrics),
        "stateTimeLogs": answers.state_log(experiment, display=False),
        **parts.list_rows(experiment, listings),
        "factors": answers.bare_factors(experiment),
        "stratificationFactor": parts.stratification(experiment),
        "conditionPayloads": parts.payload_rows(experiment),
    }


def _conditions(experiment: Experiment) -> list[shapes.ExportedCondition]:
    """The conditions, with payloads of their own unless the design is factorial."""
    if experiment.type is DesignType.SIMPLE:
        return [{**each} for each in answers.conditions(experiment)]
    return [{**answers.bare_condition(experiment, each)} for each in experiment.conditions]


def _points(experiment: Experiment) -> list[shapes.ExportedPoint]:
    """The decision points, with no payloads of their own if the design is factorial."""
    points = answers.points(experiment)
    if experiment.type is DesignType.SIMPLE:
        return [{**each} for each in points]
    return [{**each, "conditionPayloads": []} for each in points]
