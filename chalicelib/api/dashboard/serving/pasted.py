"""Many ids or words in one field, as people paste them."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator

from chalicelib.api.upgrade.audiences.segment_models import Members, Tags

APART = re.compile(r"[,\r\n]")


def apart(text: Any) -> Any:
    r"""The parts of a text between commas and ends of lines, each once, without blanks around.

    >>> apart("a, b\r\n\r\nb")
    ('a', 'b')
    """
    if not isinstance(text, str):
        return text
    return tuple(dict.fromkeys(part for each in APART.split(text) if (part := each.strip())))


PastedUsers = Annotated[Members, BeforeValidator(apart)]
PastedTags = Annotated[Tags, BeforeValidator(apart)]
