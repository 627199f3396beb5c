"""Choices that UpGrade derives from a seed: the same text always gives the same choice.

`draws` is the generator, bit for bit that of the JavaScript package seedrandom 3. The other
functions turn its first output into an index: of a condition, of an experiment, or a queue of
conditions. Source of all rules: the behaviour reference of UpGrade, seeded generator.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence

WIDTH = 256
"""Entries of the key and of the state; arithmetic on both is modulo 256, written `& 255`."""

SIGNIFICANT_BITS = 53
"""Bits of a double's significand."""

QUEUE_LENGTH = 100
"""Entries of a random queue; round robin queues round it up to whole rounds."""

SEEDS_KEPT = 2**14
"""Seeds of which a process keeps the draw (some 4 MB): users come back, mark follows assign.

Draws of queues are not kept: one queue would take the decision points of a hundred users.
"""

_IDENTITY = tuple(range(WIDTH))
_ONWARDS = (*_IDENTITY[1:], 0)
_ENOUGH = 1 << (SIGNIFICANT_BITS - 1)


def draws(seed: str) -> Iterator[float]:
    """The endless sequence of numbers in [0, 1) that `seed` stands for.

    Any text will do, also empty text and lone surrogates: the seed is its UTF-16 code units.
    Source: UpGrade, seeded generator.

    >>> numbers = draws("hello.")
    >>> next(numbers), next(numbers)
    (0.9282578795792454, 0.3752569768646784)
    """
    state, j = _prepared(_key(seed))
    i = 0
    while True:
        # Bytes are taken until the number fills a double, highest byte first: seven, or more if
        # it begins with zero bits. Bits that a double has no room for are cut off, not rounded.
        number = bits = 0
        while number < _ENOUGH:
            i = (i + 1) & 255
            a = state[i]
            j = (j + a) & 255
            b = state[i] = state[j]
            state[j] = a
            number = number << 8 | state[(a + b) & 255]
            bits += 8
        surplus = max(0, number.bit_length() - SIGNIFICANT_BITS)
        yield math.ldexp(number >> surplus, surplus - bits)


def first_draw(seed: str) -> float:
    """The first number that `seed` stands for, in [0, 1); every choice here uses no other.

    Source: UpGrade, seeded generator.

    >>> first_draw("user-1")
    0.3697369867611133
    """
    return next(draws(seed))


_kept_draw = functools.lru_cache(SEEDS_KEPT)(first_draw)


def weighted_choice(draw: float, weights: Sequence[float]) -> int:
    """The index of the first weight at which the running sum reaches `100 * draw`.

    Weights are per cent, in the order of their conditions, and added up as doubles. Where they
    sum to less than `100 * draw`, the first condition is taken, whatever its weight. ValueError
    without weights. Source: UpGrade, seeded generator (weighted choice).

    >>> weighted_choice(0.25, [25, 75]), weighted_choice(0.26, [25, 75])
    (0, 1)
    >>> weighted_choice(0.9, [0, 50])
    0
    """
    if not weights:
        raise ValueError("there is no condition to choose")
    goal = draw * 100
    total = 0.0
    for index, weight in enumerate(weights):
        total += weight
        if goal <= total:
            return index
    return 0


def condition_index(experiment_id: str, unit_id: str, weights: Sequence[float]) -> int:
    """The index of the condition that a unit of assignment gets.

    `unit_id` is the user's id, or the working group's where groups are assigned; `weights` as in
    `weighted_choice`. Source: UpGrade, seeded generator (weighted choice).

    >>> condition_index("0b2e1f6c-3f1a-4c2e-9d51-6d3c0a7b1e01", "vec-0", [50, 30, 20])
    0
    """
    return weighted_choice(_kept_draw(f"{experiment_id}_{unit_id}"), weights)


def competing_index(user_id: str, candidates: int) -> int:
    """Which of so many competing experiments a user takes part in, from 0.

    ValueError without candidates. Source: UpGrade, seeded generator (pools).

    >>> [competing_index(user, 2) for user in ("user-1", "abc")]
    [0, 1]
    """
    if candidates < 1:
        raise ValueError("there is no experiment to choose")
    return math.floor(_kept_draw(user_id) * candidates)


def ordered_queue(conditions: int, marks: int) -> list[int]:
    """The conditions by index, in their order, for a user who has marked so many times.

    Like every queue it begins where the marks have led, and what they passed comes last.
    Source: UpGrade, seeded generator (within-subjects queue, `ordered round robin`).

    >>> ordered_queue(3, marks=4)
    [1, 2, 0]
    """
    return _rotated(list(range(conditions)), marks)


def random_queue(experiment_id: str, user_id: str, conditions: int, marks: int) -> list[int]:
    """A hundred conditions by index, each drawn from all; the only one just once.

    Source: UpGrade, seeded generator (within-subjects queue, `random`).

    >>> random_queue("exp", "user", conditions=3, marks=0)[:8]
    [0, 0, 2, 2, 1, 2, 0, 0]
    """
    if conditions < 2:
        return list(range(conditions))
    seed = experiment_id + user_id
    queue = [math.floor(first_draw(f"{seed}{i}") * conditions) for i in range(QUEUE_LENGTH)]
    return _rotated(queue, marks)


def random_round_robin_queue(
    experiment_id: str, user_id: str, conditions: int, marks: int
) -> list[int]:
    """Rounds of all conditions by index, each shuffled anew; the only one just once.

    There are as many whole rounds as it takes for a hundred entries or more.
    Source: UpGrade, seeded generator (within-subjects queue, `random round robin`).

    >>> queue = random_round_robin_queue("exp", "user", conditions=3, marks=0)
    >>> len(queue), queue[:6]
    (102, [0, 2, 1, 2, 1, 0])
    """
    if conditions < 2:
        return list(range(conditions))
    seed = experiment_id + user_id
    rounds = math.ceil(QUEUE_LENGTH / conditions)
    return _rotated([c for i in range(rounds) for c in _shuffled(f"{seed}{i}", conditions)], marks)


def _shuffled(seed: str, conditions: int) -> list[int]:
    """One round: for each place in it, numbered after `seed`, one of the conditions that remain."""
    remaining = list(range(conditions))
    # The last place takes what is left; its draw would decide nothing.
    drawn = [
        remaining.pop(math.floor(first_draw(f"{seed}{position}") * len(remaining)))
        for position in range(conditions - 1)
    ]
    return drawn + remaining


def _rotated(queue: list[int], marks: int) -> list[int]:
    start = marks % len(queue) if queue else 0
    return queue[start:] + queue[:start]


def _key(seed: str) -> bytes:
    """At most 256 bytes, never none; code units beyond are mixed into the first."""
    # The low byte of each code unit is all that counts.
    units = seed.encode("utf-16-le", "surrogatepass")[::2]
    if len(units) <= WIDTH:
        return units or b"\0"
    key = bytearray(units[:WIDTH])
    smear = 0
    for position in range(WIDTH, len(units)):
        slot = position & 255
        smear ^= key[slot] * 19
        key[slot] = (smear + units[position]) & 255
    return bytes(key)


def _prepared(key: bytes) -> tuple[list[int], int]:
    """ARC4's state and its index j, after the key schedule and 256 outputs thrown away.

    Its index i is 0 again by then. Nearly all time of a draw is spent in these two loops.
    """
    state = list(_IDENTITY)
    j = 0
    repeated = key * -(-WIDTH // len(key))
    for i, k in enumerate(repeated[:WIDTH]):
        a = state[i]
        j = (j + a + k) & 255
        state[i] = state[j]
        state[j] = a
    j = 0
    # Outputs that nobody sees need only their swaps.
    for i in _ONWARDS:
        a = state[i]
        j = (j + a) & 255
        state[i] = state[j]
        state[j] = a
    return state, j
