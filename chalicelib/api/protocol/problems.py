"""What a refusal looks like where the caller asks for problem details (RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from http import HTTPStatus

from pydantic import ValidationError
from typing_extensions import TypedDict

from chalicelib.api.protocol.requests import Malformed, TooLarge, UnknownEncoding
from chalicelib.domain.errors import (
    Conflict,
    Forbidden,
    Invalid,
    KeyReused,
    LostRace,
    NotFound,
    PreconditionFailed,
    SwitchyardError,
    Unauthorized,
    Unavailable,
)

ResponseHeaders = dict[str, str | list[str]]
"""Headers as Chalice takes them."""

PROBLEM_TYPE = "application/problem+json"
DETAIL_LENGTH = 500
REASON_LENGTH = 4000
"""Characters of a reason in a body: what it repeats of the request may be long."""

FAULTS_NAMED = 5
FAULT_LENGTH = 400
PART_LENGTH = 60
OWN_PREFIX = "Value error, "
"""What pydantic puts before the message of a validator of ours."""
RETRY_AFTER_SECONDS = 1

STATUS: dict[type[SwitchyardError], HTTPStatus] = {
    Malformed: HTTPStatus.BAD_REQUEST,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnknownEncoding: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotFound: HTTPStatus.NOT_FOUND,
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    Conflict: HTTPStatus.CONFLICT,
    KeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    PreconditionFailed: HTTPStatus.PRECONDITION_FAILED,
    LostRace: HTTPStatus.SERVICE_UNAVAILABLE,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""The status that says what happened; a class stands for those derived from it."""


class Problem(TypedDict):
    """Problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str


class PlainError(TypedDict):
    """A refusal that has no documented text."""

    error: str


def reason_of(error: SwitchyardError) -> str:
    """Why a request is refused, for a body."""
    return brief(str(error))


def brief(text: str) -> str:
    """A text for people, cut off where it is longer than anybody reads."""
    return text if len(text) <= REASON_LENGTH else f"{text[:REASON_LENGTH]} ..."


def status_of(error: SwitchyardError) -> HTTPStatus:
    """The status for an error."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def faults(error: ValidationError, whole: str) -> str:
    """What pydantic found, as one line for people: each field with its fault.

    `whole` names what was validated, for faults that belong to none of its fields.
    """
    found = error.errors(include_url=False, include_input=False, include_context=False)
    named = [
        f"{_where(fault['loc']) or whole}: {fault['msg'].removeprefix(OWN_PREFIX)}"[:FAULT_LENGTH]
        for fault in found[:FAULTS_NAMED]
    ]
    more = [f"and {len(found) - FAULTS_NAMED} more"] if len(found) > FAULTS_NAMED else []
    return "; ".join(named + more)


def _where(parts: Sequence[str | int]) -> str:
    """Where a fault is; keys of maps are the client's, and may be long."""
    return ".".join(str(part)[:PART_LENGTH] for part in parts)


def detail_header(error: SwitchyardError) -> ResponseHeaders:
    """The header X-Error-Detail: one line of ASCII, for a body that may not say it.

    With it goes the ETag that a precondition should have named.
    """
    line = "".join(c if c.isprintable() else " " for c in str(error)[:DETAIL_LENGTH])
    detail = line.encode("ascii", "backslashreplace").decode()[:DETAIL_LENGTH]
    headers: ResponseHeaders = {"X-Error-Detail": detail}
    if isinstance(error, PreconditionFailed) and error.current is not None:
        headers["ETag"] = quoted(error.current)
    return headers


def quoted(tag: str) -> str:
    """An entity tag as headers have it; it is a strong one."""
    return f'"{tag}"'


def hint_header(status: HTTPStatus) -> ResponseHeaders:
    """What the caller can do: try again later, or show who it is."""
    if status is HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": "Bearer"}
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        return {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return {}


def problem_body(error: SwitchyardError, status: HTTPStatus | None = None) -> str:
    """Problem details as JSON text, with the error's status if no other is given.

    The type is the status' own ("about:blank").
    """
    status = status or status_of(error)
    problem: Problem = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": reason_of(error),
    }
    return json.dumps(problem)
