from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial

import pytest

from chalicelib.domain.errors import Invalid, LostRace, NotFound
from chalicelib.domain.participants.strata import StratificationFactor
from chalicelib.services import Services
from chalicelib.services.participants.stratification import USERS_PER_WRITE
from tests.fakes.memory import START, FixedClock, Memory
from tests.fakes.stores import once
from tests.unit.samples import process
from tests.unit.upgrade_service_samples import (
    Killed,
    at_once,
    counting,
    design,
    dying,
    join,
    known,
)

MANY = {f"user {number:04}": f"{number % 3}" for number in range(1000)}
WRITES = -(-len(MANY) // USERS_PER_WRITE)


def uses(services: Services) -> dict[str, object]:
    return {use.factor.name: use.users for use in services.stratification.uses()}


def told(memory: Memory) -> dict[str, str]:
    """What users' records say of the factor."""
    rows = memory.participants.values()
    return {row.id: row.strata["school"] for row in rows if "school" in row.strata}


# Storing


def test_values_of_several_factors_are_stored_at_once(services: Services) -> None:
    services.stratification.put({"school": {"u": "north", "v": "south"}, "age": {"u": "9"}})
    assert known(services, "u").strata == {"school": "north", "age": "9"}
    assert uses(services) == {"age": {"9": 1}, "school": {"north": 1, "south": 1}}


def test_a_file_may_have_many_users(services: Services, memory: Memory) -> None:
    services.stratification.put({"school": MANY})
    assert told(memory) == MANY
    assert uses(services) == {"school": {"0": 334, "1": 333, "2": 333}}
    assert all(row.revision == 1 for row in memory.participants.values())


@pytest.mark.parametrize(
    "factors",
    [
        {"é" * 128: {"u": "x"}},
        {"age": {"u": "9"}, "school": {"x" * 513: "north"}},
        {"age": {"u": "9"}, "school": {"u": "é" * 501}},
    ],
)
def test_what_is_too_long_changes_nothing(
    factors: dict[str, dict[str, str]], services: Services, memory: Memory
) -> None:
    with pytest.raises(Invalid, match="bytes in UTF-8"):
        services.stratification.put(factors)
    assert (memory.participants, memory.factors) == ({}, {})
    services.stratification.put({"é" * 127: {"x" * 512: "é" * 500}})


@pytest.mark.parametrize("call", [0, 1, 2, WRITES // 2, WRITES, WRITES + 1])
def test_an_upload_killed_at_any_call_can_be_repeated(
    call: int, services: Services, memory: Memory, clock: FixedClock
) -> None:
    with pytest.raises(Killed):
        process(memory, clock, before=dying(call)).stratification.put({"school": MANY})
    assert told(memory).items() <= MANY.items()
    assert not told(memory) or "school" in memory.factors
    services.stratification.put({"school": MANY})
    assert told(memory) == MANY


def test_uploads_at_once_are_all_kept(memory: Memory, clock: FixedClock) -> None:
    parts = [dict(list(MANY.items())[start::4]) for start in range(4)]
    at_once(
        *(partial(process(memory, clock).stratification.put, {"school": part}) for part in parts)
    )
    assert told(memory) == MANY


def test_a_factor_that_is_deleted_meanwhile_is_noted_again(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    rival = once("strata.store", lambda: services.stratification.delete("school"))
    process(memory, clock, before=rival).stratification.put({"school": {"u": "north"}})
    assert uses(services) == {"school": {"north": 1}}


# Reading


def test_a_factor_tells_the_experiments_that_go_by_it(services: Services) -> None:
    for experiment_id, factor in (("e", "school"), ("f", "age"), ("g", "school")):
        made = replace(design(experiment_id), stratification_factor=factor)
        services.experiments.create(made)
    services.stratification.put({"school": {"u": "north", "v": "", "w": "east"}})
    (use,) = services.stratification.uses()
    assert use.factor == StratificationFactor("school", START)
    assert list(use.users.items()) == [("east", 1), ("north", 1)]
    assert use.experiment_ids == ("e", "g")


def test_a_factor_without_values_is_not_listed(services: Services) -> None:
    services.stratification.put({"school": {"u": ""}, "age": {}})
    assert services.stratification.uses() == []
    for factor in ("school", "unknown"):
        with pytest.raises(NotFound, match=f"Stratification factor not found: {factor}"):
            services.stratification.values(factor)


def test_values_come_in_the_order_of_the_users(services: Services) -> None:
    services.stratification.put({"school": {"v": "a", "u": "b", "U": "c"}})
    assert services.stratification.values("school") == [("U", "c"), ("u", "b"), ("v", "a")]


# Deleting


def test_a_deleted_factor_leaves_nothing_but_the_users(services: Services, memory: Memory) -> None:
    join(services, "u")
    services.stratification.put({"school": MANY, "age": {"u": "9"}})
    assert services.stratification.delete("school") == StratificationFactor("school", START)
    assert (told(memory), uses(services)) == ({}, {"age": {"9": 1}})
    assert len(memory.participants) == len(MANY) + 1
    assert services.stratification.delete("school") is None


@pytest.mark.parametrize("call", [0, 1, 2, WRITES // 2, WRITES, WRITES + 2])
def test_a_deletion_killed_at_any_call_is_finished_by_the_next(
    call: int, services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.stratification.put({"school": MANY})
    with pytest.raises(Killed):
        process(memory, clock, before=dying(call)).stratification.delete("school")
    assert "school" in memory.factors
    assert services.stratification.delete("school") is not None
    assert (told(memory), memory.factors) == ({}, {})


def test_what_loses_a_race_is_tried_again(memory: Memory, clock: FixedClock) -> None:
    calls: Counter[str] = Counter()
    count = counting(calls)

    def step(call: str) -> None:
        count(call)
        if call in ("strata.store", "strata.drop") and calls[call] == 1:
            raise LostRace("a conflict")

    slow = process(memory, clock, before=step)
    slow.stratification.put({"school": {"u": "north"}})
    assert told(memory) == {"u": "north"}
    slow.stratification.delete("school")
    assert told(memory) == {}
    assert (calls["strata.store"], calls["strata.drop"]) == (2, 2)
