from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.api.protocol.negotiation import prefers

WANTED = "application/problem+json"


@pytest.mark.parametrize(
    "accept",
    [
        WANTED,
        "Application/Problem+JSON",
        f"{WANTED}; charset=utf-8",
        f"{WANTED};q=0.1",
        f"application/json, {WANTED}",
        f"{WANTED}, */*",
        f"text/html;q=0.9, {WANTED}",
        f"*/*;q=0.1,{WANTED};q=0.2",
        f'text/plain;x="a;q=1";q=0.3, {WANTED};q=0.5',
        f"{WANTED};q=much",
        f"{WANTED};q=7",
        f"{WANTED};q=nan",
        f"{WANTED};q*;q*0",
        f"{WANTED};q*=x'y",
        f'text/plain;x="a,b;q=1";q=0.3, {WANTED};q=0.5',
        f"nonsense;;;=, {WANTED}",
    ],
)
def test_a_type_that_is_named_is_preferred_unless_another_one_is_wanted_more(accept: str) -> None:
    assert prefers(accept, WANTED)


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "application/*",
        f"{WANTED};q=0",
        f"{WANTED}; Q=0.000",
        f"application/json, {WANTED};q=0.9",
        f"{WANTED};q=0.5, */*",
        f"text/html, {WANTED};q=0.9",
        f"{WANTED}x",
        f"application/json;profile={WANTED}",
        "," * 2000 + WANTED,
    ],
)
def test_a_type_that_is_not_wanted_or_wanted_less_is_not_preferred(accept: str) -> None:
    assert not prefers(accept, WANTED)


@given(st.text(), st.floats(0, 1), st.floats(0, 1))
def test_of_two_types_the_one_with_the_higher_quality_is_preferred(
    rest: str, wanted: float, other: float
) -> None:
    accept = f"{WANTED};q={wanted:.3f}, text/html;q={other:.3f}"
    assert prefers(accept, WANTED) == (0 < round(wanted, 3) >= round(other, 3))
    prefers(f"{rest},{WANTED}", WANTED)


HEADER_PARTS = st.sampled_from(
    [WANTED, "text/html", *";,=*'\" qQ01.x", "q=", "q*", "q*0", "q*0*=", "utf-8''%"]
)


@given(st.lists(HEADER_PARTS | st.text(max_size=3)).map("".join))
def test_any_text_has_an_answer(accept: str) -> None:
    assert prefers(accept, WANTED) in (True, False)
    assert prefers(f"{WANTED};{accept}", WANTED) in (True, False)
