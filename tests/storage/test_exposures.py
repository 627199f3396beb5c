"""The rules of `ParticipantStore` for users who are not initialised, and for exposures."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from chalicelib.domain.errors import LostRace
from chalicelib.domain.participants.participants import Participant, Profile
from chalicelib.services.stores import Stores
from tests.fakes.memory import START
from tests.unit.upgrade_service_samples import at_once

HOSTILE = ["a", " ", "a#b", "a#", "exposures#0", "%23", "é" * 256, "#" * 512]
ITEM = 64
"""Flags that are noted in one item; what follows is about two of them and more."""

MANY = range(1, 4 * ITEM)
PARALLEL = 6


def note(stores: Stores, feature_ids: Collection[int], user_id: str = "u", shard: int = 0) -> None:
    stores.exposures.note(user_id, feature_ids, shard)


def noted(stores: Stores, user_id: str = "u") -> frozenset[int]:
    return stores.participants.read(user_id).exposures


def test_an_unknown_user_is_read_as_one_without_records(stores: Stores) -> None:
    assert stores.participants.read("u") == Participant(Profile("u"))
    assert stores.participants.get("u") is None


def test_a_user_who_was_never_initialised_is_read_with_what_is_noted(stores: Stores) -> None:
    stores.members.note("s", 3, ["u"])
    note(stores, [5])
    expected = Participant(Profile("u"), members={"s": frozenset({3})}, exposures=frozenset({5}))
    assert stores.participants.read("u") == expected
    assert stores.participants.get("u") is None
    stores.profiles.create([Profile("u")])
    user = stores.participants.get("u")
    assert user is not None
    assert user == replace(expected, revision=1)


def test_a_known_user_is_read_as_got(stores: Stores) -> None:
    stores.profiles.create([Profile("u", {"class": ("1a",)})])
    assert stores.participants.read("u") == stores.participants.get("u")


@pytest.mark.parametrize(
    "feature_ids", [[1], [63, 64], [1, 63, 64, 127, 128, 10**6], MANY, range(0, 64 * 120, 64)]
)
def test_flags_are_noted_and_counted_whatever_their_numbers(
    stores: Stores, feature_ids: Collection[int]
) -> None:
    note(stores, feature_ids)
    assert noted(stores) == frozenset(feature_ids)
    assert noted(stores, "v") == frozenset()
    assert {stores.exposures.count(feature_id) for feature_id in feature_ids} == {1}
    assert stores.exposures.count(max(feature_ids) + 1) == 0


def test_later_flags_come_to_those_noted_before(stores: Stores) -> None:
    for feature_ids in ([1, 70], [2], [3, 71, 200]):
        note(stores, feature_ids)
    assert noted(stores) == {1, 2, 3, 70, 71, 200}


def test_a_flag_that_was_noted_before_is_not_counted_again(stores: Stores) -> None:
    note(stores, [1, 2])
    for feature_ids in ([1], [2, 3], [1, 2, 3]):
        with pytest.raises(LostRace):
            note(stores, feature_ids)
    assert noted(stores) == {1, 2}
    counts = [stores.exposures.count(feature_id) for feature_id in (1, 2, 3)]
    assert counts == [1, 1, 0]


def test_who_loses_some_of_many_can_note_what_is_left(stores: Stores) -> None:
    note(stores, [ITEM + 1])
    with pytest.raises(LostRace):
        note(stores, MANY)
    left = frozenset(MANY) - noted(stores)
    note(stores, left)
    assert noted(stores) == frozenset(MANY)
    assert {stores.exposures.count(feature_id) for feature_id in MANY} == {1}


def test_counts_are_the_sum_of_all_shards(stores: Stores) -> None:
    for shard in range(12):
        note(stores, [7], f"user {shard}", shard)
    assert stores.exposures.count(7) == 12


@pytest.mark.parametrize("user_id", HOSTILE)
def test_users_may_be_called_anything(stores: Stores, user_id: str) -> None:
    note(stores, [1], user_id)
    for other in HOSTILE:
        assert noted(stores, other) == ({1} if other == user_id else frozenset())


def test_exposures_are_no_other_counters(stores: Stores) -> None:
    note(stores, [7])
    assert stores.enrollment_counts.in_all(7) == (0, 0)
    assert stores.enrollment_counts.in_stratum(7, "exposed") == {}


def test_parallel_callers_of_one_user_note_each_flag_once(stores: Stores) -> None:
    def note_all() -> None:
        for _ in range(100):
            new = frozenset(MANY) - noted(stores)
            if not new:
                return
            try:
                note(stores, new)
            except LostRace:
                continue
        raise AssertionError("it never ended")

    at_once(*(note_all for _ in range(PARALLEL)))
    assert noted(stores) == frozenset(MANY)
    assert {stores.exposures.count(feature_id) for feature_id in MANY} == {1}


def test_parallel_users_are_all_counted(stores: Stores) -> None:
    def note_as(user: int) -> None:
        for shard in range(100):
            try:
                note(stores, [1, 2, 3], f"user {user}", shard)
            except LostRace:
                continue
            return
        raise AssertionError("it never ended")

    at_once(*(partial(note_as, user) for user in range(PARALLEL)))
    assert [stores.exposures.count(feature_id) for feature_id in (1, 2, 3)] == [PARALLEL] * 3


def test_clearing_leaves_no_exposures(stores: Stores) -> None:
    note(stores, [1, 100])
    stores.eraser.clear(lambda: START, timedelta(0))
    assert noted(stores) == frozenset()
    assert stores.exposures.count(1) == 0
