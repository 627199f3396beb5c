"""Answers that are written once."""

from __future__ import annotations

import pytest

from chalicelib.api.http.response_cache import ResponseCache
from chalicelib.domain.catalogue.catalogue import Catalogue


class Writer:
    """Writes another text each time."""

    def __init__(self, length: int = 1) -> None:
        self.written = 0
        self._length = length

    def __call__(self) -> str:
        self.written += 1
        return str(self.written) * self._length


@pytest.fixture
def catalogues() -> list[Catalogue]:
    return [Catalogue(), Catalogue()]


def test_an_answer_is_written_once_for_a_catalogue_and_a_question(
    catalogues: list[Catalogue],
) -> None:
    texts, write = ResponseCache(), Writer()
    first, second = catalogues
    assert [texts.text(first, 1, write) for _ in range(3)] == ["1", "1", "1"]
    assert texts.text(first, 2, write) == "2"
    assert [texts.text(second, 1, write) for _ in range(2)] == ["3", "3"]
    assert texts.text(first, 1, write) == "4"


def test_what_cannot_be_answered_is_asked_again(catalogues: list[Catalogue]) -> None:
    texts = ResponseCache()

    def fail() -> str:
        raise KeyError

    for _ in range(2):
        with pytest.raises(KeyError):
            texts.text(catalogues[0], 1, fail)
    assert texts.text(catalogues[0], 1, Writer()) == "1"


def test_no_more_is_kept_than_may_be(catalogues: list[Catalogue]) -> None:
    texts, write = ResponseCache(characters=30), Writer(length=10)
    for question in range(4):
        texts.text(catalogues[0], question, write)
    assert texts.text(catalogues[0], 3, write) == "4" * 10
    assert texts.text(catalogues[0], 0, write) == "5" * 10


def test_an_answer_longer_than_that_is_given_all_the_same(catalogues: list[Catalogue]) -> None:
    texts, write = ResponseCache(characters=5), Writer(length=10)
    assert texts.text(catalogues[0], 1, write) == "1" * 10


def test_a_late_writer_of_an_old_catalogue_changes_no_answer_of_the_new_one(
    catalogues: list[Catalogue],
) -> None:
    """Another thread asks of the new one while the first still writes."""
    old, new = catalogues
    texts = ResponseCache()

    def overtaken() -> str:
        assert texts.text(new, 1, lambda: "new") == "new"
        return "old"

    assert texts.text(old, 1, overtaken) == "old"
    assert texts.text(new, 1, lambda: "newer") == "new"


def test_a_catalogue_is_not_held() -> None:
    texts = ResponseCache()
    texts.text(Catalogue(), 1, lambda: "a")
    assert texts._kept.of() is None


def test_between_any_two_steps_each_answer_is_of_its_own_catalogue(
    catalogues: list[Catalogue],
) -> None:
    """Another thread asks of the old catalogue while the first turns to the new one."""
    old, new = catalogues

    class Interrupted(ResponseCache):
        watching = False

        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, value)
            if type(self).watching:
                type(self).watching = False
                assert self.text(old, 1, lambda: "old") == "old"
                type(self).watching = True

    texts = Interrupted()
    texts.text(old, 2, lambda: "old")
    Interrupted.watching = True
    assert texts.text(new, 2, lambda: "new") == "new"
    Interrupted.watching = False
    assert texts.text(new, 1, lambda: "new") == "new"
