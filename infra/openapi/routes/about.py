"""What the document says of a route besides what its code says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

UNSAID = object()


@dataclass(frozen=True, slots=True)
class About:
    """The part of the document about one route that its code does not say.

    `example` is an answer, `body` a body. `refused` are statuses beyond those that follow from what
    the route takes. `headers` are those of its answer, `path` gives examples of
    the path's parts. Refusals in `as_text` have a plain text. Answers come `also_as` text of some
    types, for who prefers that, with examples.
    """

    example: Any = UNSAID
    body: Any = UNSAID
    refused: tuple[int, ...] = ()
    headers: tuple[str, ...] = ()
    path: Mapping[str, Any] = field(default_factory=dict)
    media_type: str = "application/json"
    note: str = ""
    as_text: tuple[int, ...] = ()
    also_as: Mapping[str, str] = field(default_factory=dict)
