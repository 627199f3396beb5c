"""Responses: what a view returns as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Generic, TypeVar

from chalice.app import Response
from typing_extensions import TypedDict

from chalicelib.api.pages.answer_sizes import JsonText, check_length, row_text
from chalicelib.api.protocol.problems import ResponseHeaders
from chalicelib.api.protocol.requests import JSON_TYPE

A = TypeVar("A")
A_co = TypeVar("A_co", covariant=True)


class GatewayRefusal(TypedDict):
    """What API Gateway answers to a request that it does not pass on."""

    message: str


class Crash(TypedDict):
    """What Chalice answers where the server itself is at fault."""

    Code: str
    Message: str


CRASH: Crash = {"Code": "InternalServerError", "Message": "An internal server error occurred."}


@dataclass(frozen=True, slots=True)
class Received:
    """A request as its refusal may repeat it; `body` is None where it was not read."""

    headers: Mapping[str, str]
    method: str
    path: str
    body: Any


@dataclass(frozen=True, slots=True)
class Reply(Generic[A]):
    """An answer with headers of its own."""

    body: A
    headers: ResponseHeaders


class Rendered(Response, Generic[A_co]):
    """An answer that is text already: JSON of the shape `A_co`, or a page."""


def rendered(answer: Any) -> Response:
    """The response that sends the answer of a view.

    Raises:
        Unavailable: if it is longer than an answer may be.
    """
    response = serialised(answer)
    if isinstance(response.body, str):
        check_length(response.body)
    return response


def serialised(answer: Any) -> Response:
    """A response as it is; a `Reply`, a model, a list of them or plain values as JSON."""
    if isinstance(answer, Response):
        return answer
    reply = answer if isinstance(answer, Reply) else Reply(answer, {})
    return written(json_text(reply.body), reply.headers)


def json_text(body: A) -> JsonText[A]:
    """Models, lists of them or plain values as JSON."""
    return row_text(body)


def written(text: JsonText[A], headers: ResponseHeaders | None = None) -> Rendered[A]:
    """The answer that is this JSON."""
    return Rendered(text, headers={"Content-Type": JSON_TYPE, **(headers or {})})


def crash() -> Response:
    """The answer where the server itself is at fault."""
    status = HTTPStatus.INTERNAL_SERVER_ERROR.value
    return Response(CRASH, headers={"Content-Type": JSON_TYPE}, status_code=status)
