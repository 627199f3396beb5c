"""What a client would rather have: the header Accept (RFC 9110, section 12.5.1)."""

from __future__ import annotations

from email.message import Message

HEADER_LENGTH = 1000
"""Characters of the header that are looked at."""


def prefers(accept: str, media_type: str) -> bool:
    """Whether a client names a media type, and no other one that it would rather have.

    >>> prefers("text/html, application/json;q=0.9", "application/json")
    False
    """
    accept = accept[:HEADER_LENGTH].lower()
    if media_type not in accept:
        return False
    qualities = dict(map(_quality, accept.split(",")))
    wanted = qualities.get(media_type, 0)
    return wanted > 0 and wanted == max(qualities.values())


def _quality(media_range: str) -> tuple[str, float]:
    """A media type with how much it is wanted; 1 if that is not said, or not readable."""
    # The parser of headers that Python keeps; it reads parameters, quoted ones included.
    message = Message()
    message["Content-Type"] = media_range
    try:
        quality = float(str(message.get_param("q", "1")))
    except ValueError:
        quality = 1
    return message.get_content_type(), quality if 0 <= quality <= 1 else 1
