"""Files that are pasted into a page, and files that are kept from one."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from chalicelib.api.dashboard.designs.bodies import checked, parsed
from chalicelib.api.dashboard.designs.fields import Lines
from chalicelib.api.dashboard.serving.forms import Form
from chalicelib.api.dashboard.serving.page import Download
from chalicelib.api.http.rendering import json_text
from chalicelib.api.pages.answer_sizes import LONGEST_ANSWER, is_too_long
from chalicelib.api.protocol.requests import JSON_TYPE
from chalicelib.api.upgrade.wire.files import FileBody, Read, judged
from chalicelib.domain.errors import Invalid

T = TypeVar("T")

CONTENT = "fileContent"


class ImportForm(Form):
    """Files as text; `accept` is given once the warnings were read."""

    json_text: Lines = ""
    accept: str = ""


def pasted(form: ImportForm, kind: str, read: Read[T]) -> list[T]:
    """What some files hold: one, a list, or what the routes of the API that import files take.

    Raises:
        Invalid: if one of them cannot be taken, or they come with warnings that were not accepted.
    """
    files = [judged(file, read) for file in _files(parsed(form.json_text, "file"), kind)]
    wrong = [f"{file.name}: {file.text}" for file in files if file.found is None]
    if wrong:
        raise Invalid(" ".join(wrong))
    warnings = [f"{file.name}: {file.text}" for file in files if file.text]
    if warnings and not form.accept:
        raise Invalid(f"{' '.join(warnings)} Tick “import all the same” to go on.")
    return [file.found for file in files if file.found is not None]


def pasted_one(form: ImportForm, kind: str, read: Read[T]) -> T:
    """What one file holds.

    Raises:
        Invalid: as `pasted`, and if there are several.
    """
    found = pasted(form, kind, read)
    if len(found) > 1:
        raise Invalid(f"These are {len(found)} files: paste one {kind} at a time.")
    return found[0]


def kept(name: str, kind: str, value: Any) -> Download:
    """A value as a file of JSON, which an import takes here and in the original.

    Raises:
        Invalid: if it is longer than an answer can be.
    """
    text = json.dumps(json.loads(json_text(value)), ensure_ascii=False, indent=2)
    if is_too_long(text):
        raise Invalid(
            f"The lists make this file longer than {LONGEST_ANSWER} bytes: export the {kind} and"
            " its lists by the API, which sends them in parts."
        )
    return Download(name, "json", JSON_TYPE, text)


def _files(value: Any, kind: str) -> list[FileBody]:
    values = value if isinstance(value, list) else [value]
    if not values:
        raise Invalid("file: the list is empty")
    return [
        checked(FileBody, each)
        if isinstance(each, dict) and CONTENT in each
        else checked(FileBody, {"fileName": f"{kind} {place}", CONTENT: each})
        for place, each in enumerate(values, 1)
    ]
