"""An export in parts, where it is larger than an answer may be (Lambda's end at 6 MB)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from pydantic import TypeAdapter

from chalicelib.api.calls import Reply
from chalicelib.api.problems import ResponseHeaders
from chalicelib.api.testlab.fields import Text
from chalicelib.api.testlab.models import StrictQuery
from chalicelib.api.testlab.names import Names
from chalicelib.api.testlab.paging import json_bytes, read_cursor, written_cursor
from chalicelib.api.testlab.user_data import UserExport
from chalicelib.domain.catalogue import Catalogue
from chalicelib.services.user_export import ExportPart, ExportPosition, Section, UserData

_parts: TypeAdapter[tuple[Text, Section, int, Text]] = TypeAdapter(tuple[Text, Section, int, Text])


class ExportQuery(StrictQuery):
    """The part after the one whose Link gave `cursor`, else the first."""

    cursor: str | None = None

    def position(self) -> ExportPosition | None:
        """Where the part begins.

        Raises:
            Invalid: if the cursor is not one of ours.
        """
        if self.cursor is None:
            return None
        return read_cursor(self.cursor, _parts, ExportPosition)


def told_bytes(data: UserData, catalogue: Catalogue) -> int:
    """Bytes that an answer with these data takes in the JSON that Lambda makes of it."""
    return json_bytes(UserExport.of_data(data, Names(catalogue)).model_dump_json())


def part_reply(part: ExportPart) -> Reply:
    """A part of an export; a relative Link names the next."""
    names = Names(part.catalogue)
    told = UserExport.of_data(part.user, names, part.aliases)
    headers: ResponseHeaders = {"Cache-Control": "no-store"}
    if (position := part.next) is not None:
        values: list[Any] = [
            position.user_id, int(position.section), position.number, position.after
        ]  # fmt: skip
        headers["Link"] = f'<?{urlencode({"cursor": written_cursor(values)})}>; rel="next"'
    return Reply(told, headers)
