"""An export in parts, where it is larger than an answer may be (Lambda's end at 6 MB)."""

from __future__ import annotations

from chalicelib.api.http.rendering import Reply
from chalicelib.api.pages.answer_pages import PartQuery
from chalicelib.api.pages.cursors import Cursors
from chalicelib.api.protocol.problems import ResponseHeaders
from chalicelib.api.testlab.fields import Text
from chalicelib.api.testlab.paging import json_bytes
from chalicelib.api.testlab.privacy.names import Names
from chalicelib.api.testlab.privacy.user_data import UserExport
from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.services.privacy.user_export import ExportPart, ExportPosition, Section, UserData

CURSORS = Cursors("/api/users/{user_id}/export", tuple[Text, Section, int, Text], ExportPosition)


class ExportQuery(PartQuery):
    """The part after the one whose Link gave `cursor`, else the first."""

    def position(self, user_id: str) -> ExportPosition | None:
        """Where the part of a user's export begins.

        Raises:
            Invalid: if the cursor is not one of ours.
        """
        if self.cursor is None:
            return None
        return CURSORS.read(self.cursor, user_id=user_id)


def told_bytes(data: UserData, catalogue: Catalogue) -> int:
    """Bytes that an answer with these data takes in the JSON that Lambda makes of it."""
    return json_bytes(UserExport.of_data(data, Names(catalogue)).model_dump_json())


def part_reply(part: ExportPart, user_id: str) -> Reply[UserExport]:
    """A part of a user's export; a Link names the next."""
    names = Names(part.catalogue)
    told = UserExport.of_data(part.user, names, part.aliases)
    headers: ResponseHeaders = {"Cache-Control": "no-store"}
    if (position := part.next) is not None:
        parts = (position.user_id, int(position.section), position.number, position.after)
        headers["Link"] = CURSORS.link(parts, user_id=user_id)
    return Reply(told, headers)
