"""Designs as files: pasted, and downloaded."""

from __future__ import annotations

import json
from typing import Any

from chalicelib.api.dashboard.designs.bodies import checked, parsed
from chalicelib.api.dashboard.designs.fields import Lines
from chalicelib.api.dashboard.serving.forms import Form
from chalicelib.api.dashboard.serving.page import Download
from chalicelib.api.http.rendering import json_text
from chalicelib.api.pages.answer_sizes import LONGEST_ANSWER, is_too_long
from chalicelib.api.protocol.requests import JSON_TYPE
from chalicelib.api.upgrade.experiments.designs.metric_models import metric_records
from chalicelib.api.upgrade.experiments.experiment_files import reader_of
from chalicelib.api.upgrade.experiments.experiment_imports import exported
from chalicelib.api.upgrade.wire.files import FileBody, judged
from chalicelib.domain.errors import Invalid
from chalicelib.services import Services
from chalicelib.services.catalogue.imports import ExperimentDraft

CONTENT = "fileContent"


class ImportForm(Form):
    """Files as text; `accept` is given once the warnings were read."""

    json_text: Lines = ""
    accept: str = ""


def imported(services: Services, form: ImportForm) -> list[ExperimentDraft]:
    """The designs of some files: one, a list, or what POST /api/experiments/import takes.

    Raises:
        Invalid: if one of them cannot be taken, or they come with warnings that were not accepted.
    """
    reader = reader_of(services.catalogue.fresh(), services.segments.contexts)
    files = [judged(file, reader.read) for file in _files(parsed(form.json_text, "file"))]
    wrong = [f"{file.name}: {file.text}" for file in files if file.found is None]
    if wrong:
        raise Invalid(" ".join(wrong))
    warnings = [f"{file.name}: {file.text}" for file in files if file.text]
    if warnings and not form.accept:
        raise Invalid(f"{' '.join(warnings)} Tick “import all the same” to go on.")
    return [file.found for file in files if file.found is not None]


def _files(value: Any) -> list[FileBody]:
    values = value if isinstance(value, list) else [value]
    if not values:
        raise Invalid("file: the list is empty")
    return [
        checked(FileBody, each)
        if isinstance(each, dict) and CONTENT in each
        else checked(FileBody, {"fileName": f"design {place}", CONTENT: each})
        for place, each in enumerate(values, 1)
    ]


def file_of(services: Services, experiment_id: str) -> Download:
    """A design with its lists as a file, which an import takes here and in the original.

    Raises:
        NotFound: if there is none.
        Invalid: if its lists are longer than an answer can be.
    """
    found = services.experiment_administration.get(experiment_id)
    design, metrics = found.experiment, metric_records(found.metrics)
    value = exported(design, metrics=metrics, listings=found.listings)
    text = json.dumps(json.loads(json_text(value)), ensure_ascii=False, indent=2)
    if is_too_long(text):
        raise Invalid(
            f"The lists make this file longer than {LONGEST_ANSWER} bytes: export the design and"
            " its lists by the API, which sends them in parts."
        )
    return Download(design.name, "json", JSON_TYPE, text)
