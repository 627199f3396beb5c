"""What UpGrade's error bodies hold."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus


@dataclass(frozen=True, slots=True)
class Shape:
    """What an error body holds besides its message; None leaves a field out."""

    status: HTTPStatus
    name: str | None
    type: str | None
    message: str | None = None
    """A text of the API's own in place of the error's."""
