"""What a client would rather have: the header Accept (RFC 9110, section 12.5.1)."""

from __future__ import annotations

import re

HEADER_LENGTH = 1000
"""Characters of the header that are looked at."""

QUOTED = re.compile(r'"[^"]*"')
QUALITY = re.compile(r";\s*q\s*=([^;]*)")


def prefers(accept: str, media_type: str) -> bool:
    """Whether a client names a media type, and no other one that it would rather have.

    >>> prefers("text/html, application/json;q=0.9", "application/json")
    False
    """
    accept = QUOTED.sub('""', accept[:HEADER_LENGTH].lower())
    if media_type not in accept:
        return False
    qualities = dict(map(_quality, accept.split(",")))
    wanted = qualities.get(media_type, 0)
    return wanted > 0 and wanted == max(qualities.values())


def _quality(media_range: str) -> tuple[str, float]:
    """A media type with how much it is wanted; 1 if that is not said, or not readable."""
    found = QUALITY.search(media_range)
    try:
        quality = float(found[1]) if found else 1
    except ValueError:
        quality = 1
    return media_range.partition(";")[0].strip(), quality if 0 <= quality <= 1 else 1
