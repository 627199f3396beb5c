"""Files that administrators send: each is judged by itself, and answered by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from typing_extensions import TypedDict

from chalicelib.api.pages.answer_pages import ListQuery
from chalicelib.api.protocol.problems import brief, faults
from chalicelib.api.protocol.requests import parse_text
from chalicelib.api.upgrade.wire.texts import AdminBody, Text, Uuid, is_uuid
from chalicelib.api.values.bounds import AtMost
from chalicelib.api.values.ignored_fields import note
from chalicelib.domain.errors import Conflict, Invalid, NotFound

MAX_FILES = 100
MAX_IDS = 1000
"""Ids of one export; a URL has room for a quarter of them."""

FILE_NAME_LENGTH = 1000
"""Characters of the name of a file, which answers repeat."""

PAGING = ("limit", "cursor")

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


class Compatibility(StrEnum):
    """What can be done with a file."""

    COMPATIBLE = "compatible"
    WARNING = "warning"
    INCOMPATIBLE = "incompatible"


def _content(value: Any) -> Any:
    if not isinstance(value, str | dict | list):
        raise ValueError("must be JSON text, or the value itself")
    return value


class FileBody(AdminBody):
    """A file: JSON text, or the value that it stands for."""

    file_name: Annotated[Text, Field(max_length=FILE_NAME_LENGTH)]
    file_content: Annotated[
        Any, BeforeValidator(_content), WithJsonSchema({"type": ["string", "object", "array"]})
    ]

    def value(self) -> Any:
        """What the file holds.

        Raises:
            InvalidJson: if it is not JSON, or neither an object nor a list.
        """
        value = self.file_content
        if isinstance(value, str):
            try:
                value = parse_text(value.removeprefix("\ufeff"))
            except ValueError as error:
                raise InvalidJson(str(error)) from error
        if not isinstance(value, dict | list):
            raise InvalidJson("Empty JSON" if value is None else "neither an object nor a list")
        return value


Files = Annotated[list[FileBody], AtMost(MAX_FILES)]
"""The files of one call."""


class FilesBody(AdminBody):
    """Files as the routes of flags take them."""

    files: Files


def uuid_or_none(value: Any) -> str | None:
    """The id of a file's own, in lower case, if it can be kept."""
    return value.lower() if isinstance(value, str) and is_uuid(value.lower()) else None


class InvalidJson(Invalid):
    """A file is not JSON, or holds a mere number or text."""


class IdsQuery(BaseModel):
    """The parameter `ids` of exports, which may be repeated; also written `ids[]`."""

    ids: Annotated[tuple[Uuid, ...], AtMost(MAX_IDS)] = ()

    @model_validator(mode="before")
    @classmethod
    def _both_spellings(cls, values: dict[str, list[str]]) -> dict[str, list[str]]:
        return {**values, "ids": [*values.get("ids", ()), *values.get("ids[]", ())]}

    def each_once(self) -> list[str]:
        """The ids, each once, in the order given."""
        return list(dict.fromkeys(self.ids))


class PagedIdsQuery(IdsQuery, ListQuery):
    """The same of a list that comes in pages."""

    @model_validator(mode="before")
    @classmethod
    def _single(cls, values: dict[str, list[str]]) -> dict[str, Any]:
        return {**values, **{name: values[name][-1] for name in PAGING if values.get(name)}}


class JudgedFile(TypedDict):
    """What can be done with a file, or was; `error` says why not, or what to mind."""

    fileName: str
    error: str | None
    compatibilityType: Compatibility


class FileVerdict(TypedDict):
    """What can be done with a file, and why."""

    fileName: str
    compatibilityType: Compatibility
    reason: str | None


class TakenFile(TypedDict):
    """Whether a file was taken, and why not or what to mind."""

    fileName: str
    error: Literal["incompatible"] | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Judged(Generic[T]):
    """A file as it was found: what it holds, or (None) why it holds nothing that can be used."""

    name: str
    found: T | None
    text: str | None = None

    @property
    def compatibility(self) -> Compatibility:
        if self.found is None:
            return Compatibility.INCOMPATIBLE
        return Compatibility.WARNING if self.text else Compatibility.COMPATIBLE

    def answer(self) -> JudgedFile:
        """The file with what is to be said of it."""
        return {
            "fileName": self.name,
            "error": self.text,
            "compatibilityType": self.compatibility,
        }

    def verdict(self) -> FileVerdict:
        """The answer of routes that name what can be done with a file; and the reason."""
        return {
            "fileName": self.name,
            "compatibilityType": self.compatibility,
            "reason": self.text,
        }

    def brief_answer(self) -> TakenFile:
        """The answer of routes that only say whether a file was taken; and the reason."""
        taken = self.found is not None
        return {
            "fileName": self.name,
            "error": None if taken else "incompatible",
            "reason": self.text,
        }


Read = Callable[[Any], tuple[T, str | None]]
"""From the value of a file to what it means and what is to be warned of.

Raises `Invalid`, `Conflict` or `NotFound` where the file is at fault.
"""


def judged(
    file: FileBody, read: Read[T], *, malformed: str = "Invalid JSON", json_only: bool = False
) -> Judged[T]:
    """A file as `read` finds it.

    `malformed` is what is said of a file that is not JSON, with `{}` for why. With `json_only` the
    name has to end so.
    """
    if json_only and not file.file_name.lower().endswith(".json"):
        return Judged(file.file_name, None, "the name of the file must end in .json")
    try:
        found, warning = read(file.value())
    except InvalidJson as error:
        return Judged(file.file_name, None, malformed.format(brief(str(error))))
    except (Invalid, Conflict, NotFound) as error:
        return Judged(file.file_name, None, brief(str(error)))
    return Judged(file.file_name, found, warning and brief(warning))


def stored(file: Judged[T], store: Callable[[T], object]) -> Judged[T]:
    """A file after what it holds was stored; incompatible if it could not be."""
    if file.found is None:
        return file
    try:
        store(file.found)
    except (Invalid, Conflict, NotFound) as error:
        return replace(file, found=None, text=brief(str(error)))
    return file


def model_of(model: type[M], value: Any) -> M:
    """The value of a file as a model; a list of one value, as exports have it, stands for that.

    Raises:
        Invalid: if it is not what the model says.
    """
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        raise Invalid("the file must hold one JSON object")
    try:
        found = model.model_validate(value)
    except ValidationError as error:
        raise Invalid(faults(error, "file")) from error
    note(found, value, "fileContent")
    return found
