from __future__ import annotations

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.experiments.seedrandom import (
    QUEUE_LENGTH,
    competing_index,
    condition_index,
    draws,
    first_draw,
    ordered_queue,
    random_queue,
    random_round_robin_queue,
    weighted_choice,
)

QueueOf = Callable[[str, str, int, int], list[int]]

VECTORS: list[tuple[str, list[float]]] = [
    (seed, numbers)
    for seed, *numbers in json.loads(
        Path(__file__).with_name("seedrandom-vectors.json").read_text(encoding="utf-8")
    )
]
"""Seeds and their first numbers, as the JavaScript package seedrandom 3.0.5 gives them."""

EXPERIMENT = "0b2e1f6c-3f1a-4c2e-9d51-6d3c0a7b1e0"
"""The ids of the recorded experiments, less their last digit."""

ANY_TEXT = st.text(st.characters(exclude_categories=()))
"""Lone surrogates included."""

DRAWS = st.floats(min_value=0, max_value=1, exclude_max=True)
WEIGHTS = st.lists(st.sampled_from([0.0, 0.0, 0.1, 12.5, 33.3, 50.0]), max_size=6)


def letters(queue: list[int]) -> str:
    return "".join("ABC"[index] for index in queue)


@pytest.mark.parametrize(("seed", "numbers"), VECTORS, ids=range(len(VECTORS)))
def test_draws_are_those_of_the_original(seed: str, numbers: list[float]) -> None:
    assert list(islice(draws(seed), len(numbers))) == numbers
    assert first_draw(seed) == numbers[0]


def test_the_vectors_reach_every_way_to_fill_a_double() -> None:
    drawn = [number for _, numbers in VECTORS for number in numbers]
    assert any(number >= 1 / 2 for number in drawn)  # three bits to spare
    assert any(1 / 16 <= number < 1 / 8 for number in drawn)  # none to spare
    assert any(2**-12 <= number < 1 / 16 for number in drawn)  # eight bytes
    assert any(2**-20 <= number < 2**-12 for number in drawn)  # nine bytes
    assert any(number < 2**-20 for number in drawn)  # ten bytes
    assert {255, 256, 257} <= {len(seed) for seed, _ in VECTORS}


@given(ANY_TEXT)
def test_draws_lie_in_the_unit_interval_and_recur(seed: str) -> None:
    numbers = list(islice(draws(seed), 5))
    assert all(0 <= number < 1 for number in numbers)
    assert list(islice(draws(seed), 5)) == numbers


def test_surrogates_count_alike_joined_and_apart() -> None:
    assert first_draw("\ud83d" + "\ude00") == first_draw("😀")


def test_a_key_repeats_so_a_repeated_seed_is_the_same_seed() -> None:
    assert first_draw("ab" * 4) == first_draw("ab")


@pytest.mark.parametrize(
    ("draw", "weights", "index"),
    [
        (0.0, [50, 50], 0),
        (0.5, [50, 50], 0),
        (0.5000000000000001, [50, 50], 1),
        (0.0, [0, 100], 0),
        (5e-324, [0, 100], 1),
        (0.5, [20, 30, 0, 50], 1),
        (0.51, [20, 30, 0, 50], 3),
        (0.3, [10, 20, 70], 1),
        (0.9, [30, 30], 0),
        (0.9, [0, 30], 0),
        (0.4, [0, 0], 0),
        (0.9, [60, 60, 60], 1),
        # As doubles 16.1 + 16.1 + 16.1 is 48.300000000000004.
        (0.483, [16.1, 16.1, 16.1, 51.7], 2),
        (0.7, [100], 0),
    ],
)
def test_the_first_weight_whose_sum_reaches_the_draw_is_taken(
    draw: float, weights: list[float], index: int
) -> None:
    assert weighted_choice(draw, weights) == index


def test_without_weights_there_is_no_choice() -> None:
    with pytest.raises(ValueError, match="no condition"):
        weighted_choice(0.5, [])


@given(DRAWS.filter(bool), WEIGHTS)
def test_a_condition_of_no_weight_is_not_chosen(draw: float, weights: list[float]) -> None:
    whole = [*weights, 100.0]
    assert whole[weighted_choice(draw, whole)] > 0


@given(ANY_TEXT, WEIGHTS.filter(bool))
def test_a_choice_is_one_of_the_conditions(user: str, weights: list[float]) -> None:
    assert 0 <= condition_index("experiment", user, weights) < len(weights)


def test_users_get_the_recorded_conditions() -> None:
    chosen = [condition_index(f"{EXPERIMENT}1", f"vec-{n}", [50, 30, 20]) for n in range(24)]
    assert letters(chosen) == "ACACAACABBBAABBABAAAAABA"


def test_groups_get_the_recorded_conditions() -> None:
    chosen = [condition_index(f"{EXPERIMENT}2", f"class-{n}", [50, 30, 20]) for n in range(7)]
    assert letters(chosen) == "BACBCCB"


def test_users_are_split_among_competing_experiments_as_recorded() -> None:
    first = {n for n in range(12) if competing_index(f"pool-{n}", 2) == 0}
    assert first == {0, 3, 4, 8}


@given(ANY_TEXT, st.integers(min_value=1, max_value=50))
def test_one_of_the_competing_experiments_is_taken(user: str, candidates: int) -> None:
    assert 0 <= competing_index(user, candidates) < candidates


def test_without_candidates_there_is_no_choice() -> None:
    with pytest.raises(ValueError, match="no experiment"):
        competing_index("user", 0)


@pytest.mark.parametrize(
    ("conditions", "marks", "queue"),
    [
        (3, 0, [0, 1, 2]),
        (3, 1, [1, 2, 0]),
        (3, 3, [0, 1, 2]),
        (3, 5, [2, 0, 1]),
        (1, 7, [0]),
        (0, 1, []),
    ],
)
def test_an_ordered_queue_is_turned_left_by_the_marks(
    conditions: int, marks: int, queue: list[int]
) -> None:
    assert ordered_queue(conditions, marks) == queue


@pytest.mark.parametrize(
    ("user", "queue"),
    [
        (
            "w-1",
            "BAABBABBBAAACCBAACCCABBBBACBACACBCBBCCBBBCBBBBCABACCCCCCAACBCBBBCCBABBAACCACACABCBBCB"
            "BBCBACBCBBACACC",
        ),
        (
            "w-2",
            "CBCCACBCABBABCACACBACABBACBAACBCCBBAAAACCABBACBCABBACBACCBACCBBBAACAABABABABBAABBCBAB"
            "BBCACABBBCBCABC",
        ),
    ],
)
def test_a_random_queue_is_the_recorded_one(user: str, queue: str) -> None:
    assert letters(random_queue(f"{EXPERIMENT}3", user, 3, 0)) == queue


@pytest.mark.parametrize(
    ("user", "queue"),
    [
        (
            "w-1",
            "ABCACBCBABACBCACABBACCBAACBCBACBACBABCAABCACBBACBACCBACBACBABACABCCABACBABCABCBCAABCB"
            "CABCACBACBAACBCAB",
        ),
        (
            "w-2",
            "CBAABCCABCBABCACBAABCABCCBACABACBCABBACACBCABCABACBABCBACCBAABCBCAABCCBAABCBCACABBACC"
            "BAACBABCBACCABBAC",
        ),
    ],
)
def test_a_random_round_robin_queue_is_the_recorded_one(user: str, queue: str) -> None:
    assert letters(random_round_robin_queue(f"{EXPERIMENT}4", user, 3, 0)) == queue


@pytest.mark.parametrize("conditions", [2, 3, 4, 7, 100, 101])
def test_a_round_holds_every_condition_once(conditions: int) -> None:
    queue = random_round_robin_queue("experiment", "user", conditions, 0)
    assert QUEUE_LENGTH <= len(queue) < QUEUE_LENGTH + conditions
    for start in range(0, len(queue), conditions):
        assert sorted(queue[start : start + conditions]) == list(range(conditions))


@pytest.mark.parametrize("queue_of", [random_queue, random_round_robin_queue])
@pytest.mark.parametrize("marks", [1, 101, 103, 250])
def test_random_queues_are_turned_left_by_the_marks(queue_of: QueueOf, marks: int) -> None:
    unmarked = queue_of("experiment", "user", 3, 0)
    turn = marks % len(unmarked)
    assert queue_of("experiment", "user", 3, marks) == unmarked[turn:] + unmarked[:turn]


@pytest.mark.parametrize("queue_of", [random_queue, random_round_robin_queue])
def test_a_single_condition_makes_a_queue_of_one(queue_of: QueueOf) -> None:
    assert queue_of("experiment", "user", 1, 5) == [0]
    assert queue_of("experiment", "user", 0, 5) == []
