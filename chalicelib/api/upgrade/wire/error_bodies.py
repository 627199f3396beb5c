"""What UpGrade's error bodies hold."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NotRequired

from typing_extensions import TypedDict

from chalicelib.domain.errors import Conflict


class UpgradeError(TypedDict):
    """Every refusal of UpGrade's routes; `request` is the body as it was received."""

    name: NotRequired[str]
    message: str
    endPoint: str
    errorCode: int
    type: NotRequired[str]
    request: dict[str, Any] | list[Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """What an error body holds besides its message; None leaves a field out."""

    status: HTTPStatus
    name: str | None
    type: str | None
    message: str | None = None
    """A text of the API's own in place of the error's."""


class LongListKept(Conflict):
    """A list that not every answer shows whole would be replaced by what may be a part of it."""
