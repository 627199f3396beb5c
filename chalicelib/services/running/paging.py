"""Reading lists that may outgrow one response."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from chalicelib.domain.errors import Invalid
from chalicelib.services.running.pools import Pool

PAGE_BYTES = 4 * 2**20
"""JSON that one response may hold; Lambda's limit is 6 MB."""

WINDOW = 8
"""Variants that are asked at the same time."""

CHUNK = 1000
"""Rows that are asked of a variant at a time."""


class Row(Protocol):
    @property
    def id(self) -> str | int: ...
    @property
    def variant_id(self) -> int: ...
    @property
    def time_stamp(self) -> datetime: ...


R = TypeVar("R", bound=Row)
Key = tuple[str, int]
Sizes = Callable[[R], int]
"""How many bytes of JSON a row takes at the most."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ended: at the row `key` (user id, event id) of a variant."""

    variant_id: int
    key: Key


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page: up to `limit` rows (None: as many as fit) after a position.

    Raises:
        Invalid: if the limit is not positive.
    """

    limit: int | None = None
    after: Position | None = None

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise Invalid(f"limit: 1 or more, not {self.limit}")


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """Some rows in the order of their time, and where the next page starts, if there is one."""

    rows: tuple[R, ...]
    next: Position | None = None


def read_page(
    variant_ids: Sequence[int],
    request: PageRequest,
    *,
    fetch: Callable[[int, Key | None, int], Sequence[R]],
    key: Callable[[R], Key],
    sizes: Sizes[R],
) -> Page[R]:
    """The rows of `variant_ids` that fit one response.

    Variants are read by ascending id, several at a time, and their rows in the order of
    `key`, so that a position says what was read before it whatever is written meanwhile. Within
    a page the rows are sorted by time.
    """
    after = request.after
    pending = sorted(v for v in variant_ids if after is None or v >= after.variant_id)
    chunk = min(CHUNK, (request.limit or CHUNK) + 1)
    rows: list[R] = []
    room = PAGE_BYTES

    def start(variant_id: int) -> Key | None:
        return after.key if after is not None and after.variant_id == variant_id else None

    with Pool(max_workers=WINDOW) as pool:
        while pending:
            window, pending = pending[:WINDOW], pending[WINDOW:]
            firsts = pool.map(lambda v: fetch(v, start(v), chunk), window)
            for variant_id, first in zip(window, firsts, strict=True):
                fetched = first
                while fetched:
                    for row in fetched:
                        size = sizes(row)
                        if rows and (len(rows) == request.limit or size > room):
                            last = rows[-1]
                            return Page(_by_time(rows), Position(last.variant_id, key(last)))
                        rows.append(row)
                        room -= size
                    if len(fetched) < chunk:
                        break
                    fetched = fetch(variant_id, key(fetched[-1]), chunk)
    return Page(_by_time(rows))


def _by_time(rows: Sequence[R]) -> tuple[R, ...]:
    return tuple(sorted(rows, key=lambda row: (row.time_stamp, row.id)))
