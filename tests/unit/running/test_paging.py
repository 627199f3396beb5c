from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.domain.features.users import Event
from chalicelib.services.running.paging import (
    PAGE_BYTES,
    WINDOW,
    Key,
    Page,
    PageRequest,
    Position,
    read_page,
)
from tests.fakes.memory import START


def _key(event: Event) -> Key:
    return event.user_id, event.id


class Table:
    """Events of some variants, and how often each was read."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = list(events)
        self.reads: list[int] = []

    def fetch(self, variant_id: int, after: Key | None, limit: int) -> list[Event]:
        self.reads.append(variant_id)
        rows = sorted((e for e in self.events if e.variant_id == variant_id), key=_key)
        return [e for e in rows if after is None or _key(e) > after][:limit]

    def page(self, request: PageRequest, size: int = 1, **options: Any) -> Page[Event]:
        variant_ids = options.pop("variant_ids", {e.variant_id for e in self.events})
        return read_page(
            list(variant_ids), request, fetch=self.fetch, key=_key, sizes=lambda _: size
        )

    def pages(self, limit: int | None, size: int = 1) -> list[Page[Event]]:
        pages = [self.page(PageRequest(limit), size)]
        while (position := pages[-1].next) is not None:
            pages.append(self.page(PageRequest(limit, position), size))
        return pages


def event(event_id: int, variant_id: int, user_id: str = "u", minutes: int = 0) -> Event:
    return Event(event_id, variant_id, user_id, START + timedelta(minutes=minutes))


@pytest.fixture
def table() -> Table:
    """Rows of more variants than are read at once, of none to four rows each."""
    ids = iter(range(1, 1000))
    return Table(
        [
            event(next(ids), variant_id, f"user {row % 2}", minutes=-variant_id * row)
            for variant_id in range(2 * WINDOW + 3)
            for row in range(variant_id % 5)
        ]
    )


def ids(pages: Sequence[Page[Event]]) -> list[int]:
    return [row.id for page in pages for row in page.rows]


@pytest.mark.parametrize("chunk", [1, 2, 3, 1000])
@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 7, 10, 36, 37, 38, 1000, None])
def test_all_pages_together_give_every_row_once(
    limit: int | None, chunk: int, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.services.running.paging.CHUNK", chunk)
    assert len(table.events) == 36
    pages = table.pages(limit)
    assert sorted(ids(pages)) == [row.id for row in table.events]
    assert all(len(page.rows) == limit for page in pages[:-1])
    assert pages[-1].rows


def test_a_list_that_ends_with_a_page_has_no_page_more(table: Table) -> None:
    [page] = table.pages(36)
    assert len(page.rows) == 36


def test_a_page_starts_where_the_last_one_ended(table: Table) -> None:
    first = table.page(PageRequest(4))
    assert first.next == Position(3, ("user 0", 4))
    assert {*ids([first])} == {1, 2, 3, 4}
    assert ids([table.page(PageRequest(1, first.next))]) == [6]


def test_rows_of_a_page_are_in_the_order_of_their_time() -> None:
    rows = [event(1, 1, "a", 5), event(2, 1, "b", 1), event(3, 2, "a", 3), event(4, 2, "b", 1)]
    assert ids([Table(rows).page(PageRequest())]) == [2, 4, 3, 1]


def test_variants_are_read_by_ascending_id_whatever_order_they_are_given_in() -> None:
    rows = [event(1, 1), event(2, 2), event(3, 3)]
    page = Table(rows).page(PageRequest(1), variant_ids=[3, 1, 2])
    assert ids([page]) == [1]
    assert page.next == Position(1, ("u", 1))


def test_no_variants_give_one_empty_page() -> None:
    assert Table([]).page(PageRequest()) == Page(())
    assert Table([]).page(PageRequest(3, Position(1, ("u", 1)))) == Page(())


@pytest.mark.parametrize(
    ("size", "per_page"),
    [(PAGE_BYTES // 4, 4), (PAGE_BYTES // 4 + 1, 3), (PAGE_BYTES, 1), (PAGE_BYTES + 1, 1)],
)
def test_a_page_holds_what_fits_4_mb_and_at_least_one_row(
    size: int, per_page: int, table: Table
) -> None:
    assert PAGE_BYTES == 4 * 1024 * 1024
    pages = table.pages(None, size)
    assert sorted(ids(pages)) == [row.id for row in table.events]
    assert {len(page.rows) for page in pages[:-1]} == {per_page}


def test_a_page_ends_at_its_limit_or_its_size_whichever_comes_first(table: Table) -> None:
    assert len(table.page(PageRequest(2), PAGE_BYTES // 4).rows) == 2
    assert len(table.page(PageRequest(6), PAGE_BYTES // 4).rows) == 4


def test_sizes_of_rows_add_up_one_by_one() -> None:
    rows = [event(i, 1) for i in range(1, 6)]
    half = PAGE_BYTES // 2
    page = read_page(
        [1],
        PageRequest(),
        fetch=Table(rows).fetch,
        key=_key,
        sizes=lambda row: {1: 1, 2: half, 3: half - 1, 4: 1, 5: 0}[row.id],
    )
    assert ids([page]) == [1, 2, 3]


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_a_position_outlives_the_row_it_names(limit: int, table: Table) -> None:
    everything = [row.id for row in table.events]
    first = table.page(PageRequest(limit))
    read = {row.id for row in first.rows}
    table.events = [row for row in table.events if row.id not in read]
    assert first.next is not None
    rest = table.page(PageRequest(None, first.next))
    assert sorted(ids([first, rest])) == everything


def test_a_position_outlives_the_variant_it_names(table: Table) -> None:
    first = table.page(PageRequest(2))
    assert first.next is not None
    assert first.next.variant_id == 2
    table.events = [row for row in table.events if row.variant_id != 2]
    rest = table.page(PageRequest(None, first.next))
    assert sorted(ids([rest])) == [row.id for row in table.events if row.variant_id > 2]


def test_rows_written_before_a_position_are_not_read_again(table: Table) -> None:
    first = table.page(PageRequest(3))
    table.events += [event(500, 0), event(501, 1), event(502, 18, "z")]
    rest = table.page(PageRequest(None, first.next))
    assert 502 in ids([rest])
    assert not {500, 501} & {*ids([rest])}


def test_reading_stops_with_the_page() -> None:
    table = Table([event(i, i) for i in range(100)])
    assert len(table.page(PageRequest(3)).rows) == 3
    assert sorted(table.reads) == list(range(WINDOW))


def test_no_more_rows_are_asked_for_than_the_page_and_one() -> None:
    asked: list[int] = []

    def fetch(_variant_id: int, _after: Key | None, limit: int) -> list[Event]:
        asked.append(limit)
        return []

    read_page([1], PageRequest(10), fetch=fetch, key=_key, sizes=lambda _: 1)
    read_page([1], PageRequest(10**9), fetch=fetch, key=_key, sizes=lambda _: 1)
    read_page([1], PageRequest(), fetch=fetch, key=_key, sizes=lambda _: 1)
    assert asked == [11, 1000, 1000]


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_is_positive(limit: int) -> None:
    with pytest.raises(Invalid, match=f"^limit: 1 or more, not {limit}$"):
        PageRequest(limit)
