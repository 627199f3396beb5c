"""How long answers may be: Lambda ends a response at 6 MB of the JSON that it makes of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

from pydantic_core import to_json

from chalicelib.domain.catalogue.answer_room import answer_bytes
from chalicelib.domain.errors import Invalid
from chalicelib.services.running.paging import PAGE_BYTES

A = TypeVar("A")
A_co = TypeVar("A_co", covariant=True)

ANSWER_BYTES = PAGE_BYTES
"""What is shaped to fit an answer may have."""

LONGEST_ANSWER = 5_000_000
"""Nothing longer is sent; what some JSON around the shaped part adds stays below."""

MOST_PER_CHARACTER = 9
"""`answer_bytes` of one character, at the most."""


class AnswerTooLong(Invalid):
    """What is asked for would be longer than a response can be."""


def is_too_long(text: str) -> bool:
    """Whether a text is longer than any answer may be."""
    return len(text) * MOST_PER_CHARACTER > LONGEST_ANSWER and answer_bytes(text) > LONGEST_ANSWER


def check_length(text: str) -> None:
    """Refuse an answer that Lambda would cut off with an error of its own.

    Answers are shaped so that none is; this says so clearly if one is after all.

    Raises:
        AnswerTooLong: if so.
    """
    if is_too_long(text):
        raise AnswerTooLong(
            f"the request was carried out, but its answer would have more than {LONGEST_ANSWER}"
            " bytes: ask for less at once"
        )


class JsonText(str, Generic[A_co]):
    """JSON of the shape `A_co`. Who makes one of parts says of which shape the whole is."""

    __slots__ = ()


def row_text(row: A) -> JsonText[A]:
    """A model or plain value as JSON."""
    return JsonText(to_json(row, by_alias=True).decode())


def list_text(rows: Iterable[JsonText[A]]) -> JsonText[list[A]]:
    """A list of what some JSON texts stand for."""
    return JsonText(f"[{','.join(rows)}]")


def fitting(rows: Iterable[A]) -> tuple[list[JsonText[A]], bool]:
    """The first rows, as JSON, that fit an answer, and whether those are all.

    No more rows are made than one that does not fit.
    """
    texts: list[JsonText[A]] = []
    room = ANSWER_BYTES
    for row in rows:
        text = row_text(row)
        room -= answer_bytes(text) + 1
        if room < 0:
            return texts, False
        texts.append(text)
    return texts, True
