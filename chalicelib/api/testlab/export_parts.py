"""An export in parts, where it is larger than an answer may be (Lambda's end at 6 MB)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json

from chalicelib.api.calls import Reply
from chalicelib.api.problems import ResponseHeaders
from chalicelib.api.testlab.fields import Integer
from chalicelib.api.testlab.models import StrictQuery
from chalicelib.api.testlab.user_data import UserExport
from chalicelib.domain.errors import Invalid

PART_BYTES = 4_000_000

LISTS = (
    "events", "enrollments", "marks_within_subjects", "exclusions", "points", "lifted", "lists",
    "logs", "answers", "others",
)  # fmt: skip
"""What is divided among the parts."""


class ExportQuery(StrictQuery):
    """Which part is asked for, the first being 1."""

    part: Integer = 1


def part_reply(whole: UserExport, query: ExportQuery) -> Reply:
    """The part of an export that is asked for; a relative Link names the next.

    Raises:
        Invalid: if there is no such part.
    """
    parts = list(divided(whole, PART_BYTES))
    if not 1 <= query.part <= len(parts):
        raise Invalid(f"part: 1 to {len(parts)}, not {query.part}")
    headers: ResponseHeaders = {"Cache-Control": "no-store"}
    if query.part < len(parts):
        headers["Link"] = f'<?part={query.part + 1}>; rel="next"'
    return Reply(parts[query.part - 1], headers)


def divided(whole: UserExport, limit: int) -> Iterator[UserExport]:
    """An export in parts of some `limit` bytes; those of the aliases come after the user's own.

    The first has all that is no list. Of the others each has some more of the lists.
    """
    if _size(whole) <= limit:
        yield whole
        return
    yield from _own_parts(whole, limit)
    rest = _without_lists(whole, bare=True)
    for alias in whole.aliases:
        for part in divided(alias, limit):
            yield rest.model_copy(update={"aliases": [part]})


def _own_parts(whole: UserExport, limit: int) -> Iterator[UserExport]:
    part = _without_lists(whole)
    filled: dict[str, list[Any]] = {}
    size = _size(part)
    for name in LISTS:
        for record in getattr(whole, name):
            needed = _size(record)
            if filled and size + needed > limit:
                yield part.model_copy(update=filled)
                part, filled = _without_lists(whole, bare=True), {}
                size = _size(part)
            filled.setdefault(name, []).append(record)
            size += needed
    yield part.model_copy(update=filled)


def _without_lists(whole: UserExport, *, bare: bool = False) -> UserExport:
    """The export without lists and aliases, and if `bare` without all else but the id."""
    empty: dict[str, Any] = {name: [] for name in (*LISTS, "aliases")}
    if bare:
        empty.update(testlab=None, profile=None, preview=None, flags=[], strata={}, old_lists=[])
    return whole.model_copy(update=empty)


def _size(model: BaseModel) -> int:
    return len(to_json(model))
