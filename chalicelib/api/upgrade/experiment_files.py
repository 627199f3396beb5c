"""Experiments and their lists as files: /api/experiments/import, /export and what goes with it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import AfterValidator

from chalicelib.api.blueprint import ApiBlueprint
from chalicelib.api.calls import Reply
from chalicelib.api.upgrade.dialect import DIALECT, GoneExperiment
from chalicelib.api.upgrade.experiment_imports import (
    ExperimentImport,
    ExperimentReader,
    exported,
)
from chalicelib.api.upgrade.files import Files, IdsQuery, judged, stored
from chalicelib.api.upgrade.list_files import ListFilesBody, exported_lists, import_lists
from chalicelib.api.upgrade.listings import listings_of, metric_records
from chalicelib.api.upgrade.records import new_id, now, two_characters
from chalicelib.api.upgrade.segment_models import UUID_SCHEMA, Uuid, checked_uuid
from chalicelib.domain.errors import NotFound
from chalicelib.domain.experiments import Experiment
from chalicelib.domain.lists import entries

blueprint = ApiBlueprint(__name__, DIALECT)

ExperimentId = Annotated[str, AfterValidator(checked_uuid), UUID_SCHEMA]


class ExperimentListFilesBody(ListFilesBody):
    """POST /api/experiments/lists/import."""

    experiment_id: Uuid


def _reader() -> ExperimentReader:
    services = blueprint.services
    return ExperimentReader(
        services.catalogue.fresh(),
        contexts=services.segments.contexts,
        now=now,
        new_id=new_id,
        two_characters=two_characters,
    )


@blueprint.endpoint("/api/experiments/validation", "POST")
def validate_experiments(body: Files) -> list[dict[str, Any]]:
    """What an import of some files would do."""
    reader = _reader()
    return [judged(file, reader.read).answer() for file in body]


@blueprint.endpoint("/api/experiments/import", "POST")
def import_experiments(body: Files) -> list[dict[str, Any]]:
    """Create experiments from files, each by itself, as they are there: ids, state and history."""

    def store(found: ExperimentImport) -> None:
        blueprint.services.imports.experiment(
            found.design, found.include, found.exclude, found.metrics
        )

    return [stored(judged(file, _reader().read), store).answer() for file in body]


@blueprint.endpoint("/api/experiments/export")
def export_experiments(query_values: IdsQuery) -> list[dict[str, Any]]:
    """Some experiments as files hold them, those that there are; all of them if none is named."""
    experiments = blueprint.services.experiments.all()
    if not query_values.ids:
        return _exported(experiments)
    known = {experiment.id: experiment for experiment in experiments}
    return _exported(known[each] for each in query_values.each_once() if each in known)


@blueprint.endpoint("/api/experiments/export/all")
def export_all_experiments() -> list[dict[str, Any]]:
    """All experiments as files hold them."""
    return _exported(blueprint.services.experiments.all())


def _exported(experiments: Iterable[Experiment]) -> list[dict[str, Any]]:
    services = blueprint.services
    metrics = metric_records(services)
    return [
        exported(each, metrics=metrics, listings=listings_of(services, entries(each)))
        for each in experiments
    ]


@blueprint.endpoint("/api/experiments/lists/import", "POST")
def import_experiment_lists(body: ExperimentListFilesBody) -> list[dict[str, Any]]:
    """Add lists from files to an experiment."""
    services = blueprint.services
    experiment = services.experiments.get(body.experiment_id)
    return import_lists(
        body.files,
        services.catalogue.fresh(),
        experiment.context,
        lambda drafts: services.imports.lists_of_experiment(
            experiment.id, drafts, exclude=body.filter_type.excludes
        ),
    )


@blueprint.endpoint("/api/experiments/export/includeLists/{experiment_id}")
def export_include_lists(experiment_id: ExperimentId) -> Reply:
    """The lists that include users."""
    return exported_lists(blueprint.services, _experiment(experiment_id).include, "Include")


@blueprint.endpoint("/api/experiments/export/excludeLists/{experiment_id}")
def export_exclude_lists(experiment_id: ExperimentId) -> Reply:
    """The lists that exclude users."""
    return exported_lists(blueprint.services, _experiment(experiment_id).exclude, "Exclude")


def _experiment(experiment_id: str) -> Experiment:
    try:
        return blueprint.services.experiments.get(experiment_id)
    except NotFound as error:
        raise GoneExperiment("Experiment not found.") from error
