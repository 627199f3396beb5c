"""Answers that browsers keep as files."""

from __future__ import annotations

import re
from urllib.parse import quote

from chalicelib.api.protocol.problems import ResponseHeaders

ATTACHMENT_LENGTH = 100
UNSAFE = re.compile(r"[^ !#-\[\]-~]")
"""What a quoted text in a header may not hold as it is."""


def attachment(name: str, extension: str) -> ResponseHeaders:
    """The header that names the file (RFC 6266); with its true name where that is not ASCII.

    >>> attachment("my flag", "json")
    {'Content-Disposition': 'attachment; filename="my flag.json"'}
    """
    name = name[:ATTACHMENT_LENGTH]
    plain = UNSAFE.sub("_", name)
    header = f'attachment; filename="{plain}.{extension}"'
    if plain != name:
        header += f"; filename*=UTF-8''{quote(name, safe='')}.{extension}"
    return {"Content-Disposition": header}
