from __future__ import annotations

import threading
from functools import partial

import pytest

from chalicelib.services.running.key_locks import KeyLocks
from tests.unit.upgrade_service_samples import at_once

PARALLEL = 8
TIMES = 200


def test_threads_that_change_the_same_thing_do_so_one_by_one() -> None:
    key_locks, inside, seen = KeyLocks(), [0], set()

    def change() -> None:
        for _ in range(TIMES):
            with key_locks.of("thing"):
                inside[0] += 1
                seen.add(inside[0])
                inside[0] -= 1

    at_once(*[change] * PARALLEL)
    assert seen == {1}


def test_who_changes_something_else_does_not_wait() -> None:
    key_locks = KeyLocks()
    both_inside = threading.Barrier(2, timeout=20)

    def change(thing: str) -> None:
        with key_locks.of(thing):
            both_inside.wait()

    at_once(partial(change, "one"), partial(change, "other"))


def test_who_fails_gives_the_turn_to_the_next() -> None:
    key_locks = KeyLocks()

    def fail() -> None:
        with key_locks.of("thing"):
            raise ValueError

    for _ in range(2):
        with pytest.raises(ValueError):  # noqa: PT011 - it is the one just raised
            fail()
    with key_locks.of("thing"):
        pass


def test_nothing_is_kept_of_things_that_nobody_changes() -> None:
    key_locks = KeyLocks()

    def change(number: int) -> None:
        for other in range(TIMES):
            with key_locks.of(f"thing {(number + other) % 5}"):
                pass

    at_once(*(partial(change, number) for number in range(PARALLEL)))
    assert key_locks.busy() == 0
