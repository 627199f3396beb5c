"""Lists that one answer may not hold: everything while it fits, else pages."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.api.http.rendering import Rendered, written
from chalicelib.api.pages.answer_sizes import ANSWER_BYTES, JsonText, list_text, row_text
from chalicelib.api.pages.cursors import Cursors, Filter
from chalicelib.api.protocol.problems import ResponseHeaders
from chalicelib.domain.catalogue.answer_room import answer_bytes

T = TypeVar("T")
A = TypeVar("A")
V = TypeVar("V")

Position = tuple[str | int, ...]
"""What a list is sorted by: of each row another one, in ascending order."""


LINKS = 20
"""Links to the rest of what an answer shows in part; the headers of an answer have limits too."""

Limit = Annotated[int, Field(ge=1)] | None
"""Rows of a page at the most, if that is asked for."""


class PartQuery(BaseModel):
    """The part after the one whose Link gave `cursor`, else the first."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)

    cursor: str | None = None


class ListQuery(PartQuery):
    """Up to `limit` rows, after those of the page whose Link gave `cursor`."""

    limit: Limit = None


@dataclass(frozen=True, slots=True)
class Row(Generic[A]):
    """A row of the shape `A` as JSON, at most as long as an answer may be, with its own Links."""

    text: JsonText[A]
    links: tuple[str, ...] = ()

    @classmethod
    def of(cls, value: A) -> Row[A]:
        """A model or plain value, whose JSON fits an answer."""
        return cls(row_text(value))


@dataclass(frozen=True, slots=True)
class Taken(Generic[T, A]):
    """The rows of a page, as they are and as JSON; `last` is set where more follow."""

    rows: list[T]
    texts: list[Row[A]]
    last: Position | None = None


def as_they_are(rows: Iterable[T]) -> Iterator[tuple[T, T]]:
    """Rows of which nothing is read besides."""
    return ((row, row) for row in rows)


class Pages(Generic[T]):
    """The pages of one route's list, whose rows are sorted by `position`."""

    def __init__(self, route: str, position: Callable[[T], Position], positions: Any) -> None:
        """`positions` is the type of a place."""
        self.route = route
        self._position = position
        self._cursors: Cursors[Position] = Cursors(route, positions, lambda *position: position)

    def check(self, query: ListQuery, **narrowed: object) -> None:
        """Refuse a cursor that is not of this list, before anything is read for it.

        Raises:
            Invalid: if it was not given out by this list.
        """
        self.rest((), query, **narrowed)

    def rest(self, rows: Iterable[T], query: ListQuery, **narrowed: object) -> Iterable[T]:
        """The rows after the cursor.

        Raises:
            Invalid: if the cursor was not given out by this list.
        """
        if query.cursor is None:
            return rows
        after = self._cursors.read(query.cursor, **narrowed)
        return (row for row in rows if self._position(row) > after)

    def take(
        self,
        rest: Iterable[T],
        query: ListQuery,
        read: Callable[[Iterable[T]], Iterable[tuple[T, V]]],
        write: Callable[[T, V], Row[A]],
    ) -> Taken[T, A]:
        """The first rows that fit an answer, each with what is read for it.

        `read` is asked for no more rows than are wanted, and `write` makes what is shown of one.
        """
        rows: list[T] = []
        texts: list[Row[A]] = []
        room = ANSWER_BYTES
        waiting = iter(rest)
        for row, known in read(islice(waiting, query.limit and min(query.limit, sys.maxsize))):
            text = write(row, known)
            room -= answer_bytes(text.text) + 1
            if rows and room < 0:
                return Taken(rows, texts, self._position(rows[-1]))
            rows.append(row)
            texts.append(text)
        more = any(True for _ in waiting)
        return Taken(rows, texts, self._position(rows[-1]) if more else None)

    def first(self, taken: Taken[T, A], count: int) -> Taken[T, A]:
        """A page of only the first rows of a page; there are more."""
        return Taken(taken.rows[:count], taken.texts[:count], self._position(taken.rows[count - 1]))

    def headers(
        self,
        taken: Taken[T, A],
        query: ListQuery,
        kept: Filter | None = None,
        /,
        **narrowed: object,
    ) -> ResponseHeaders:
        """The first Links of the rows, and last the one to the next page, if there is one."""
        links = [link for row in taken.texts for link in row.links][:LINKS]
        if taken.last is not None:
            limit = {} if query.limit is None else {"limit": query.limit}
            links.append(self._cursors.link(taken.last, {**limit, **(kept or {})}, **narrowed))
        return {"Link": ", ".join(links)} if links else {}

    def answer(
        self,
        rows: Iterable[T],
        query: ListQuery,
        write: Callable[[T], Row[A]],
        kept: Filter | None = None,
        **narrowed: object,
    ) -> Rendered[list[A]]:
        """A page of a plain list; `kept` are parameters that requests for the next one need."""
        rest = self.rest(rows, query, **narrowed)
        taken = self.take(rest, query, as_they_are, lambda row, _: write(row))
        return self.response(taken, query, kept, **narrowed)

    def response(
        self,
        taken: Taken[T, A],
        query: ListQuery,
        kept: Filter | None = None,
        /,
        **narrowed: object,
    ) -> Rendered[list[A]]:
        """A page of a plain list."""
        texts = (row.text for row in taken.texts)
        return written(list_text(texts), self.headers(taken, query, kept, **narrowed))
