"""What UpGrade's error bodies hold."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from chalicelib.domain.errors import Conflict


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
