"""Designs as files."""

from __future__ import annotations

from collections.abc import Collection

from chalicelib.api.dashboard.files.pasted_files import ImportForm, kept, pasted
from chalicelib.api.dashboard.serving.page import Download
from chalicelib.api.upgrade.experiments.designs.metric_models import metric_records
from chalicelib.api.upgrade.experiments.experiment_files import reader_of
from chalicelib.api.upgrade.experiments.experiment_imports import exported
from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.services.catalogue.administration.list_uses import ExperimentDetail
from chalicelib.services.catalogue.imports import ExperimentDraft


def pasted_experiments(
    form: ImportForm, contexts: Collection[str], catalogue: Catalogue
) -> list[ExperimentDraft]:
    """The designs of some files.

    Raises:
        Invalid: if one of them cannot be taken, or they come with warnings that were not accepted.
    """
    return pasted(form, "design", reader_of(catalogue, contexts).read)


def experiment_file(found: ExperimentDetail) -> Download:
    """A design with its lists.

    Raises:
        Invalid: if its lists are longer than an answer can be.
    """
    design, metrics = found.experiment, metric_records(found.metrics)
    value = exported(design, metrics=metrics, listings=found.listings)
    return kept(design.name, "design", value)
