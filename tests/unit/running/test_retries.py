from __future__ import annotations

import itertools
from contextlib import suppress

import pytest

from chalicelib.domain.errors import Unavailable
from chalicelib.services.running.retries import (
    DEADLINE,
    FEWEST,
    FIRST_PAUSE,
    LONGEST_PAUSE,
    retries,
)


@pytest.fixture
def no_pauses() -> None:
    """Here they are what is tested."""


class Time:
    """Time that passes with pauses, and with attempts that take as long as they are said to."""

    def __init__(self, taking: float = 0.02) -> None:
        self.now = 100.0
        self.pauses: list[float] = []
        self.made = 0
        self._taking = taking

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def monotonic(self) -> float:
        return self.now

    def run_out(self, draw: float) -> None:
        """Attempt until it is given up."""
        made = retries("it", sleep=self.sleep, draw=lambda: draw, monotonic=self.monotonic)
        with suppress(Unavailable):
            for attempt in made:
                assert attempt == self.made
                self.made += 1
                self.now += self._taking


def test_the_first_attempt_waits_for_nothing() -> None:
    pauses: list[float] = []
    assert next(retries("it", sleep=pauses.append)) == 0
    assert pauses == []


@pytest.mark.usefixtures("no_time")
def test_it_ends_with_unavailable() -> None:
    tries = retries("blocks", sleep=lambda _: None)
    assert list(itertools.islice(tries, FEWEST)) == list(range(FEWEST))
    with pytest.raises(Unavailable, match=r"^blocks: too many writers"):
        next(tries)


@pytest.mark.parametrize("draw", [0, 0.25, 1])
def test_attempts_begin_until_the_deadline_and_not_after_it(draw: float) -> None:
    time = Time()
    time.run_out(draw)
    passed = time.now - 100
    assert DEADLINE <= passed < DEADLINE + 0.02 + LONGEST_PAUSE
    assert len(time.pauses) == time.made - 1
    assert time.made > 12


@pytest.mark.parametrize("taking", [1.3, 60])
def test_some_attempts_are_made_however_long_each_takes(taking: float) -> None:
    time = Time(taking)
    time.run_out(1)
    assert time.made == FEWEST


def test_bounds_of_pauses_double_up_to_the_longest_while_much_time_is_left() -> None:
    time = Time(taking=0)
    tries = retries("it", sleep=time.pauses.append, draw=lambda: 1, monotonic=time.monotonic)
    next(itertools.islice(tries, 20, None))
    assert time.pauses[0] == 2 * FIRST_PAUSE
    assert max(time.pauses) == LONGEST_PAUSE
    for shorter, longer in itertools.pairwise(time.pauses):
        assert longer == min(2 * shorter, LONGEST_PAUSE)


def test_who_has_waited_for_long_waits_less_than_newcomers() -> None:
    time = Time()
    time.run_out(1)
    longest = time.pauses.index(max(time.pauses))
    rising, falling = time.pauses[: longest + 1], time.pauses[longest:]
    assert rising == sorted(rising)
    assert falling == sorted(falling, reverse=True)
    assert falling[-1] < FIRST_PAUSE < falling[0] < LONGEST_PAUSE


def test_pauses_are_drawn_evenly_from_nothing_to_their_bound() -> None:
    def pauses(draw: float) -> list[float]:
        slept: list[float] = []
        tries = retries("it", sleep=slept.append, draw=lambda: draw, monotonic=lambda: 0.0)
        next(itertools.islice(tries, 20, None))
        return slept

    assert set(pauses(0)) == {0}
    assert pauses(0.25) == [bound / 4 for bound in pauses(1)]


def test_pauses_differ_between_writers() -> None:
    def pauses() -> list[float]:
        slept: list[float] = []
        list(itertools.islice(retries("it", sleep=slept.append), 10))
        return slept

    assert pauses() != pauses()


def test_very_many_attempts_are_no_trouble() -> None:
    tries = retries("it", sleep=lambda _: None, monotonic=lambda: 0.0)
    assert next(itertools.islice(tries, 5000, None)) == 5000
