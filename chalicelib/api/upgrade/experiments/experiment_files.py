"""Experiments and their lists as files: /api/experiments/import, /export and what goes with it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated

from pydantic import AfterValidator

from chalicelib.api.http.rendering import Rendered
from chalicelib.api.http.routes import Routes
from chalicelib.api.pages.answer_pages import ListQuery, Pages, Row
from chalicelib.api.pages.cursors import Filter
from chalicelib.api.upgrade.access.dialect import DIALECT, GoneExperiment
from chalicelib.api.upgrade.audiences.list_files import (
    ExportedList,
    ListFilesBody,
    exported_lists,
    import_lists,
    list_pages,
)
from chalicelib.api.upgrade.audiences.shown_members import bounded
from chalicelib.api.upgrade.experiments.designs import shapes
from chalicelib.api.upgrade.experiments.designs.metric_models import metric_records
from chalicelib.api.upgrade.experiments.experiment_imports import ExperimentReader, exported
from chalicelib.api.upgrade.wire.files import (
    FileBody,
    Files,
    JudgedFile,
    PagedIdsQuery,
    TakenFile,
    judged,
    stored,
)
from chalicelib.api.upgrade.wire.records import new_id, now, two_characters
from chalicelib.api.upgrade.wire.texts import UUID_SCHEMA, Uuid, checked_uuid
from chalicelib.domain.audiences.listings import Listing, Listings
from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.errors import NotFound
from chalicelib.services import Services
from chalicelib.services.audiences.listings import ListRow
from chalicelib.services.catalogue.administration.experiments import ExperimentRows
from chalicelib.services.experiments.experiments import HeldExperiment
from chalicelib.services.running.details import Detailed

routes = Routes(__name__, DIALECT)

ExperimentId = Annotated[str, AfterValidator(checked_uuid), UUID_SCHEMA]


EXPORT, EXPORT_ALL = "/api/experiments/export", "/api/experiments/export/all"

PAGES: Pages[HeldExperiment] = Pages(EXPORT, lambda row: (row[0],), tuple[int])
ALL_PAGES: Pages[HeldExperiment] = Pages(EXPORT_ALL, lambda row: (row[0],), tuple[int])
INCLUDED = list_pages("/api/experiments/export/includeLists/{experiment_id}")
EXCLUDED = list_pages("/api/experiments/export/excludeLists/{experiment_id}")


class ExperimentListFilesBody(ListFilesBody):
    """POST /api/experiments/lists/import."""

    experiment_id: Uuid


def reader_of(catalogue: Catalogue, contexts: Collection[str]) -> ExperimentReader:
    """A reader of files with experiments, to be created beside those of the catalogue."""
    return ExperimentReader(
        catalogue, contexts=contexts, now=now, new_id=new_id, two_characters=two_characters
    )


@routes.endpoint("/api/experiments/validation", "POST")
def validate_experiments(services: Services, body: Files) -> list[JudgedFile]:
    """What an import of some files would do."""
    reader = reader_of(services.catalogue.fresh(), services.segments.contexts)
    return [judged(file, reader.read).answer() for file in body]


@routes.endpoint("/api/experiments/import", "POST")
def import_experiments(services: Services, body: Files) -> list[JudgedFile]:
    """Create experiments from files, each by itself, as they are there: ids, state and history."""
    into, contexts = services.file_imports.of_experiments(), services.segments.contexts

    def taken(file: FileBody) -> JudgedFile:
        reader = reader_of(into.catalogue(), contexts)
        return stored(judged(file, reader.read), into.store).answer()

    return [taken(file) for file in body]


@routes.endpoint(EXPORT)
def export_experiments(
    services: Services, query_values: PagedIdsQuery
) -> Rendered[list[shapes.ExportedExperiment]]:
    """Some experiments as files hold them, those that there are; all of them if none is named."""
    found = services.experiment_administration.all()
    if not query_values.ids:
        return _exported(found, found.held.rows, PAGES, query_values, {})
    ids = query_values.each_once()
    known = {experiment.id: experiment for _, experiment in found.held.rows}
    named = [(number, known[each]) for number, each in enumerate(ids) if each in known]
    return _exported(found, named, PAGES, query_values, {"ids": ids})


@routes.endpoint(EXPORT_ALL)
def export_all_experiments(
    services: Services, query: ListQuery
) -> Rendered[list[shapes.ExportedExperiment]]:
    """All experiments as files hold them."""
    found = services.experiment_administration.all()
    return _exported(found, found.held.rows, ALL_PAGES, query, {})


def _exported(
    found: ExperimentRows,
    experiments: Sequence[HeldExperiment],
    pages: Pages[HeldExperiment],
    query: ListQuery,
    kept: Filter,
) -> Rendered[list[shapes.ExportedExperiment]]:
    metrics = metric_records(found.metrics)

    def write(row: HeldExperiment, listings: Listings) -> Row[shapes.ExportedExperiment]:
        _, experiment = row
        return bounded(
            lambda shown: exported(experiment, metrics=metrics, listings=shown),
            listings,
            pages.route,
        )

    rest = pages.rest(experiments, query, **kept)
    taken = pages.take(rest, query, found.held.read, write)
    return pages.response(taken, query, kept, **kept)


@routes.endpoint("/api/experiments/lists/import", "POST")
def import_experiment_lists(services: Services, body: ExperimentListFilesBody) -> list[TakenFile]:
    """Add lists from files to an experiment."""
    into = services.imports.into_experiment(body.experiment_id, exclude=body.filter_type.excludes)
    return import_lists(body.files, into)


@routes.endpoint(INCLUDED.route)
def export_include_lists(
    services: Services, experiment_id: ExperimentId, query: ListQuery
) -> Rendered[list[ExportedList]]:
    """The lists that include users."""
    lists = _lists(services, experiment_id, exclude=False)
    return exported_lists(lists, INCLUDED, query, "Include", experiment_id)


@routes.endpoint(EXCLUDED.route)
def export_exclude_lists(
    services: Services, experiment_id: ExperimentId, query: ListQuery
) -> Rendered[list[ExportedList]]:
    """The lists that exclude users."""
    lists = _lists(services, experiment_id, exclude=True)
    return exported_lists(lists, EXCLUDED, query, "Exclude", experiment_id)


def _lists(services: Services, experiment_id: str, *, exclude: bool) -> Detailed[ListRow, Listing]:
    try:
        return services.experiment_administration.lists(experiment_id, exclude=exclude)
    except NotFound as error:
        raise GoneExperiment("Experiment not found.") from error
