"""Reading requests: paths, bodies, and the errors of both."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, NoReturn
from urllib.parse import parse_qs, unquote

from chalicelib.domain.errors import Invalid

JSON_TYPE = "application/json"

FIELDS = 2_000
"""Values that a form may have."""


class Malformed(Invalid):
    """The request cannot be read at all: no JSON, no UTF-8."""


class InvalidBody(Invalid):
    """The body is not what the route takes."""


class InvalidParameter(Invalid):
    """A part of the path, or of the query, is not what the route takes."""


class TooLarge(Invalid):
    """The body is longer than the route takes."""


class UnknownEncoding(Invalid):
    """The body is compressed in a way that is not known here."""


def decode(value: str) -> str:
    """A part of a path, unescaped.

    Raises:
        Malformed: if it is not UTF-8.
    """
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError as error:
        raise Malformed("the path is not UTF-8") from error


def is_json(content_type: str) -> bool:
    """Whether a Content-Type is that of JSON."""
    return content_type.split(";")[0].strip().lower() == JSON_TYPE


def parse_json(raw: bytes, content_type: str, limit: int) -> Any:
    """The JSON object or list in a body; `{}` where there is none.

    Numbers with a fraction or an exponent come as `Decimal`, so that no digit is lost. As in the
    original servers, a body of another content type counts as none, and a JSON text that is
    neither an object nor a list is malformed.

    Raises:
        TooLarge: if the body has more than `limit` bytes.
        Malformed: if it is not JSON (NaN and Infinity are not), nested too deeply, or has a number
            that not even a decimal can hold.
    """
    if len(raw) > limit:
        raise TooLarge(f"the body may have {limit} bytes, not {len(raw)}")
    if not raw.strip() or not is_json(content_type):
        return {}
    try:
        value = parse_text(raw.decode("utf-8-sig"))
    except ValueError as error:
        raise Malformed(f"the body is not JSON: {error}") from error
    if not isinstance(value, dict | list):
        raise Malformed("the body is neither a JSON object nor a list")
    return value


def parse_form(raw: bytes, limit: int) -> dict[str, list[str]]:
    """The fields of a form (application/x-www-form-urlencoded), with all values of each.

    Raises:
        TooLarge: if the body has more than `limit` bytes.
        Malformed: if it is not UTF-8, or has more than `FIELDS` values.
    """
    if len(raw) > limit:
        raise TooLarge(f"the form may have {limit} bytes, not {len(raw)}")
    try:
        return parse_qs(
            raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=FIELDS
        )
    except ValueError as error:
        raise Malformed(f"the form cannot be read: {error}") from error


def parse_text(text: str) -> Any:
    """The value of a JSON text; numbers with a fraction or an exponent as `Decimal`.

    Raises:
        ValueError: if it is not JSON, nested too deeply, or has a number that cannot be held.
    """
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse)
    except (ArithmeticError, RecursionError) as error:
        raise ValueError(str(error)) from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")
