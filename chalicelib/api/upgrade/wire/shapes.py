"""Shapes that answers of several subjects share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import WithJsonSchema
from typing_extensions import TypedDict

Id = Annotated[str, WithJsonSchema({"type": "string", "format": "uuid"})]
Moment = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]

Groups = Mapping[str, Sequence[str]]
WorkingGroups = Mapping[str, str]


PayloadType = Annotated[str, WithJsonSchema({"type": "string", "enum": ["string", "json", "csv"]})]


StateName = Annotated[
    str,
    WithJsonSchema(
        {
            "type": "string",
            "enum": [
                *("inactive", "draft", "scheduled", "preview", "archived"),
                *("enrolling", "enrollmentComplete", "cancelled"),
                *("running", "paused", "completed"),
            ],
        }
    ),
]
"""The last three are what administrators see in place of the three before."""


class Stamps(TypedDict):
    createdAt: Moment
    updatedAt: Moment
    versionNumber: int


class Payload(TypedDict):
    """What a client gets with a condition."""

    type: PayloadType
    value: str
