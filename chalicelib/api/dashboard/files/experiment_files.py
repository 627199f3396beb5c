"""Designs as files."""

from __future__ import annotations

from chalicelib.api.dashboard.files.pasted_files import ImportForm, kept, pasted
from chalicelib.api.dashboard.serving.page import Download
from chalicelib.api.upgrade.audiences.listings import listings_of
from chalicelib.api.upgrade.experiments.designs.metric_models import metric_records
from chalicelib.api.upgrade.experiments.experiment_files import reader_of
from chalicelib.api.upgrade.experiments.experiment_imports import exported
from chalicelib.domain.catalogue.lists import entries
from chalicelib.services import Services
from chalicelib.services.catalogue.imports import ExperimentDraft


def pasted_experiments(services: Services, form: ImportForm) -> list[ExperimentDraft]:
    """The designs of some files.

    Raises:
        Invalid: if one of them cannot be taken, or they come with warnings that were not accepted.
    """
    return pasted(form, "design", reader_of(services).read)


def experiment_file(services: Services, experiment_id: str) -> Download:
    """A design with its lists.

    Raises:
        NotFound: if there is none.
        Invalid: if its lists are longer than an answer can be.
    """
    design = services.experiments.get(experiment_id)
    listings = listings_of(services, entries(design))
    value = exported(design, metrics=metric_records(services), listings=listings)
    return kept(design.name, "design", value)
