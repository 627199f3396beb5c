from __future__ import annotations

import itertools

import pytest

from chalicelib.domain.errors import Unavailable
from chalicelib.services.attempts import ATTEMPTS, FIRST_PAUSE, LONGEST_PAUSE, attempts


@pytest.fixture
def no_pauses() -> None:
    """Here they are what is tested; `sleep` is a list's `append`."""


def _pauses(draw: float) -> list[float]:
    pauses: list[float] = []
    for _ in itertools.islice(attempts("it", sleep=pauses.append, draw=lambda: draw), ATTEMPTS):
        pass
    return pauses


def test_the_first_attempt_waits_for_nothing() -> None:
    pauses: list[float] = []
    assert next(attempts("it", sleep=pauses.append)) == 0
    assert pauses == []


def test_attempts_are_numbered_and_end_with_unavailable() -> None:
    tries = attempts("blocks", sleep=lambda _: None)
    assert list(itertools.islice(tries, ATTEMPTS)) == list(range(ATTEMPTS))
    with pytest.raises(Unavailable, match=r"^blocks: too many writers"):
        next(tries)


def test_there_is_a_pause_before_each_further_attempt() -> None:
    assert len(_pauses(1)) == ATTEMPTS - 1


def test_bounds_of_pauses_double_up_to_the_longest() -> None:
    pauses = _pauses(1)
    assert pauses[0] == 2 * FIRST_PAUSE
    assert max(pauses) == LONGEST_PAUSE
    for shorter, longer in itertools.pairwise(pauses):
        assert longer == min(2 * shorter, LONGEST_PAUSE)


def test_all_pauses_together_stay_under_two_seconds() -> None:
    assert 1 < sum(_pauses(1)) < 2


def test_pauses_are_drawn_evenly_from_nothing_to_their_bound() -> None:
    assert set(_pauses(0)) == {0}
    assert _pauses(0.25) == [bound / 4 for bound in _pauses(1)]


def test_pauses_differ_between_writers() -> None:
    def pauses() -> list[float]:
        slept: list[float] = []
        list(itertools.islice(attempts("it", sleep=slept.append), ATTEMPTS))
        return slept

    assert pauses() != pauses()
