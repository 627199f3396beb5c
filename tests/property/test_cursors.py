"""Hostile cursors: refused in clear words, never a crash, never somebody else's list."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.api.pages.cursors import CURSOR_LENGTH, TAG_BYTES, Cursors
from chalicelib.domain.errors import Invalid
from tests.cursors import forged

Position = tuple[str, int]

CURSORS: Cursors[Position] = Cursors("/list", tuple[str, int], lambda text, number: (text, number))
OTHER: Cursors[Position] = Cursors("/other", tuple[str, int], lambda text, number: (text, number))

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=600)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)

NESTED = "[" * 100_000
TAG = CURSORS.write(("", 0))[: TAG_BYTES * 4 // 3]


def base64_of(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode(errors="surrogatepass")).decode().rstrip("=")


def refused(cursors: Cursors[Position], cursor: str, **narrowed: object) -> bool:
    with pytest.raises(Invalid, match=r"^cursor: not one that this server gave out"):
        cursors.read(cursor, **narrowed)
    return True


@given(texts, st.integers(-(2**70), 2**70), st.dictionaries(st.sampled_from("ab"), texts))
def test_a_cursor_is_read_as_it_was_given_out(
    text: str, number: int, narrowed: dict[str, Any]
) -> None:
    cursor = CURSORS.write((text, number), **narrowed)
    assert CURSORS.read(cursor, **narrowed) == (text, number)
    assert cursor.isascii()
    assert cursor.replace("-", "").replace("_", "").isalnum()


@given(texts, st.integers(0, 9), st.sampled_from([{}, {"a": 1}, {"a": "1"}, {"b": 1}]))
def test_a_cursor_of_another_route_or_filter_is_refused(
    text: str, number: int, narrowed: dict[str, Any]
) -> None:
    cursor = CURSORS.write((text, number), **narrowed)
    assert refused(OTHER, cursor, **narrowed)
    assert refused(CURSORS, cursor, c=1, **narrowed)


@given(st.text(max_size=60))
@example("")
@example("=")
@example("é")
@example(base64_of(NESTED)[:CURSOR_LENGTH])
@example("A" * (CURSOR_LENGTH + 1))
@example(TAG + base64_of(NESTED)[: CURSOR_LENGTH - len(TAG)])
@example(TAG + base64_of("[" * 3000 + "]" * 3000))
@example(TAG + base64_of('["\\ud800",1]'))
@example(TAG + base64_of('["a", 1]'))
@example(TAG + base64_of('["\\u0061",1]'))
@example(TAG + base64_of('["a",1.0]'))
@example(TAG + base64_of('["a",true]'))
@example(TAG + base64_of('["a",NaN]'))
@example(CURSORS.write(("a", 1)) + "=")
@example(CURSORS.write(("a", 1)) + "\n")
def test_what_was_not_given_out_is_refused(cursor: str) -> None:
    assert refused(CURSORS, cursor)


@given(json_values)
def test_what_is_no_position_is_refused(value: Any) -> None:
    match value:
        case [str(), int() as number] if not isinstance(number, bool):
            pass
        case _:
            assert refused(CURSORS, forged(CURSORS, value))


@given(texts, st.integers(0, 99), st.data())
def test_a_cursor_that_was_changed_is_another_or_refused(
    text: str, number: int, data: st.DataObject
) -> None:
    cursor = CURSORS.write((text, number))
    position = data.draw(st.integers(0, len(cursor) - 1))
    changed = cursor[:position] + data.draw(st.characters()) + cursor[position + 1 :]
    try:
        read = CURSORS.read(changed)
    except Invalid:
        return
    assert CURSORS.write(read) == changed


def test_what_a_position_refuses_is_refused_in_the_same_words() -> None:
    def refuse(_text: str, _number: int) -> Position:
        raise Invalid("nothing has this key")

    strict: Cursors[Position] = Cursors("/list", tuple[str, int], refuse)
    assert refused(strict, CURSORS.write(("a", 1)))
