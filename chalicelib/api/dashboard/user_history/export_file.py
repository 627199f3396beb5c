"""The export of a user as a file."""

from __future__ import annotations

import re

from chalicelib.api.dashboard.serving.page import Download
from chalicelib.api.http.rendering import json_text
from chalicelib.api.protocol.requests import JSON_TYPE
from chalicelib.api.testlab.privacy.export_parts import CURSORS
from chalicelib.api.testlab.privacy.names import Names
from chalicelib.api.testlab.privacy.user_data import UserExport
from chalicelib.services.privacy.user_export import ExportPart

NAME_LENGTH = 40
"""Characters of the user's id that stand in the name of the file."""


class ExportFile(UserExport):
    """What the API hands out. `next` ends the address of the file with the rest."""

    next: str | None


def export_file(part: ExportPart, user_id: str) -> Download:
    """The file that a browser stores."""
    told = UserExport.of_data(part.user, Names(part.catalogue), part.aliases)
    text = json_text(ExportFile(**dict(told), next=_next(part, user_id)))
    name = re.sub(r"[^A-Za-z0-9_-]", "_", user_id)[:NAME_LENGTH]
    return Download(f"user-{name}", "json", JSON_TYPE, text)


def _next(part: ExportPart, user_id: str) -> str | None:
    if (position := part.next) is None:
        return None
    parts = (position.user_id, int(position.section), position.number, position.after)
    return CURSORS.link(parts, {"id": user_id}, user_id=user_id).partition("<")[2].partition(">")[0]
