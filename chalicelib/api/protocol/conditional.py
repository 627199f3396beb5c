"""Conditional requests on the catalogue (RFC 9110, sections 8.8 and 13)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from email.utils import formatdate, parsedate_to_datetime

from chalicelib.api.protocol.problems import ResponseHeaders
from chalicelib.domain.catalogue.catalogue import Revision, Validity


def validators(revision: Revision, validity: Validity) -> ResponseHeaders:
    """The headers ETag and Last-Modified of every answer from the catalogue.

    The tag is weak: it names the catalogue, not the bytes of one answer.
    """
    return {"ETag": _tag(revision), "Last-Modified": formatdate(validity.date, usegmt=True)}


def has_answer(headers: Mapping[str, str], tag: str) -> bool:
    """Whether a client with these request headers has the answer with a tag already.

    A request with `Cache-Control: no-cache` always gets the whole answer.
    """
    if "no-cache" in headers.get("cache-control", "").lower():
        return False
    tags = headers.get("if-none-match")
    return tags is not None and names_tag(tags, tag)


def not_modified(headers: Mapping[str, str], tag: str, validity: Validity) -> bool:
    """Whether a client with these request headers has an answer already, by its tag or its date.

    If-None-Match, where it is sent, decides alone. A request with
    `Cache-Control: no-cache` always gets the whole answer, and a date that cannot be read is
    ignored.
    """
    if "if-none-match" in headers or "no-cache" in headers.get("cache-control", "").lower():
        return has_answer(headers, tag)
    since = headers.get("if-modified-since")
    if since is None:
        return False
    try:
        date = parsedate_to_datetime(since)
        # HTTP's dates are GMT, whether they say so or not.
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        return validity.covers(date.timestamp())
    except (ValueError, OverflowError):
        return False


def names_tag(if_none_match: str, tag: str) -> bool:
    """Whether a header If-None-Match names `tag`; that one may be weak does not count."""
    listed = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return "*" in listed or tag.removeprefix("W/") in listed


def _tag(revision: Revision) -> str:
    return f'W/"{revision.version}-{revision.last_modified}"'
