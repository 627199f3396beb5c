"""Pages of what administrators list, searched and sorted: POST .../paginated (section 19)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, Literal, NotRequired, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from typing_extensions import TypedDict

from chalicelib.api.http.rendering import Rendered, written
from chalicelib.api.pages.answer_sizes import JsonText, fitting, list_text, row_text
from chalicelib.api.upgrade.wire.texts import Text
from chalicelib.domain.errors import Invalid

PAGE_SIZE = 1000

T = TypeVar("T")
R = TypeVar("R")
A = TypeVar("A")

ALL = "all"


class SortDirection(StrEnum):
    ASCENDING = "ASC"
    DESCENDING = "DESC"


class _Camel(BaseModel):
    model_config = ConfigDict(
        extra="ignore", frozen=True, alias_generator=to_camel, defer_build=True
    )


class SearchBody(_Camel):
    """What to look for, and where; `all` looks everywhere."""

    key: Text
    string: Text


class SortBody(_Camel):
    """What to sort by."""

    key: Text
    sort_as: SortDirection


class PageBody(_Camel):
    """Which of them to list."""

    skip: int = Field(ge=0, strict=True)
    take: int = Field(ge=0, le=PAGE_SIZE, strict=True)
    search_params: SearchBody | None = None
    sort_params: SortBody | None = None


class SearchParameters(TypedDict):
    key: str
    string: str


class SortParameters(TypedDict):
    key: str
    sortAs: Literal["ASC", "DESC"]


class PageColumns(TypedDict):
    """What was asked for, and of how many."""

    total: int
    skip: int
    take: int
    searchParams: NotRequired[SearchParameters]
    sortParams: NotRequired[SortParameters]


class PageOf(PageColumns, Generic[A]):
    nodes: list[A]


@dataclass(frozen=True, slots=True)
class Search(Generic[T]):
    """What can be searched and sorted by, and what is left out of a page that does not ask."""

    texts: Mapping[str, Callable[[T], str]]
    orders: Mapping[str, Callable[[T], Any]]
    hidden: Callable[[T], bool] = lambda _: False


@dataclass(frozen=True, slots=True)
class FoundPage(Generic[T]):
    """The rows of a page, of how many there are."""

    rows: Sequence[T]
    total: int
    body: PageBody

    def response(self, rows: Iterable[R], write: Callable[[R], A]) -> Rendered[PageOf[A]]:
        """The page: its nodes are `rows` as `write` shows them, those that fit an answer."""
        texts, _ = fitting(map(write, rows))
        return written(JsonText(self.text(list_text(texts), len(texts))))

    def text(self, nodes: str, count: int) -> str:
        """The answer with so many nodes that are JSON already.

        They may be fewer than there are to show, where those do not fit an answer; `take` says
        then how many they are, for the next page begins behind them.
        """
        asked = self.body.model_dump(mode="json", by_alias=True, exclude_none=True)
        if count < len(self.rows):
            asked["take"] = count
        rest = row_text(asked)[1:]
        return f'{{"total":{self.total},"nodes":{nodes},{rest}'


def page(rows: Sequence[T], body: PageBody, search: Search[T]) -> FoundPage[T]:
    """The rows that are asked for.

    Raises:
        Invalid: if they cannot be searched or sorted in the way that is asked for.
    """
    found = list(rows)
    asked = body.search_params
    if asked is None or asked.key != "status":
        found = [row for row in found if not search.hidden(row)]
    if asked is not None:
        found = [row for row in found if _matches(row, asked, search)]
    if body.sort_params is not None:
        order = search.orders.get(body.sort_params.key)
        if order is None:
            raise Invalid(f"sortParams: key must be one of {', '.join(search.orders)}")
        found.sort(key=order, reverse=body.sort_params.sort_as is SortDirection.DESCENDING)
    return FoundPage(found[body.skip : body.skip + body.take], len(found), body)


def _matches(row: T, asked: SearchBody, search: Search[T]) -> bool:
    wanted = asked.string.casefold()
    if asked.key == ALL:
        return any(wanted in text(row).casefold() for text in search.texts.values())
    text = search.texts.get(asked.key)
    if text is None:
        raise Invalid(f"searchParams: key must be {ALL} or one of {', '.join(search.texts)}")
    return wanted in text(row).casefold()
