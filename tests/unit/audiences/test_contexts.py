from __future__ import annotations

import pytest

from chalicelib.domain.audiences.contexts import (
    UnknownAppContext,
    configured,
    known_context,
    same_context,
)


@pytest.mark.parametrize("name", ["Home", "home", "HOME"])
def test_a_context_goes_by_the_spelling_that_is_configured(name: str) -> None:
    assert configured(name, ["add", "Home"]) == known_context(name, ["add", "Home"]) == "Home"
    assert same_context(name, "hOME")


def test_of_contexts_that_differ_by_letter_case_the_one_that_is_spelled_so_is_meant() -> None:
    assert [configured(name, ["HOME", "home"]) for name in ("home", "HOME", "Home")] == [
        "home",
        "HOME",
        "HOME",
    ]


def test_an_unknown_context_is_named() -> None:
    assert configured("Nope", ["home"]) is None
    message = 'The app context "Nope" is not defined in CONTEXT_METADATA.'
    with pytest.raises(UnknownAppContext) as refusal:
        known_context("Nope", ["home"])
    assert str(refusal.value) == message
