"""The rules of `StratumStore`."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.domain.participants.participants import Participant, Profile
from chalicelib.domain.participants.strata import StratificationFactor
from chalicelib.services.participants.stratification import USERS_PER_WRITE
from chalicelib.services.stores import Stores
from tests.fakes.memory import START

LATER = START + timedelta(milliseconds=1001)
HOSTILE = ["a", " ", "a#b", "%23", "#", "é" * 127, "#" * 255, "%" * 255]
HOSTILE_USERS = ["a", " ", "a#b", "%23", "#", "é" * 256, "#" * 512, "%" * 512]


def known(stores: Stores, user_id: str = "u") -> Participant:
    found = stores.participants.get(user_id)
    assert found is not None
    return found


def values(stores: Stores, factor: str = "school") -> dict[str, str]:
    return dict(pair for some in stores.strata.users(factor) for pair in some)


# Factors


def test_a_factor_is_noted_once(stores: Stores) -> None:
    for at in (START, LATER):
        stores.strata.register(StratificationFactor("school", at))
    assert stores.strata.factors() == [StratificationFactor("school", START)]
    stores.strata.unregister("school")
    stores.strata.unregister("age")
    assert stores.strata.factors() == []


def test_factors_may_be_called_anything(stores: Stores) -> None:
    for number, name in enumerate(HOSTILE):
        stores.strata.register(StratificationFactor(name, START))
        stores.strata.store(name, {"u": f"{number}"}, START)
    assert {factor.name for factor in stores.strata.factors()} == {*HOSTILE}
    assert [values(stores, name) for name in HOSTILE] == [
        {"u": f"{number}"} for number in range(len(HOSTILE))
    ]
    assert known(stores).strata == {name: f"{number}" for number, name in enumerate(HOSTILE)}


# Values


def test_values_are_kept_by_factor_until_they_are_removed(stores: Stores) -> None:
    stores.strata.store("school", {"u": "north", "v": "south"}, START)
    stores.strata.store("age", {"u": "#"}, START)
    assert known(stores).strata == {"school": "north", "age": "#"}
    stores.strata.store("school", {"u": "", "v": "north", "w": ""}, START)
    assert known(stores).strata == {"age": "#"}
    assert known(stores, "v").strata == {"school": "north"}
    assert (values(stores), values(stores, "age")) == ({"v": "north"}, {"u": "#"})


def test_unknown_users_are_created_and_known_ones_stay(stores: Stores) -> None:
    stores.profiles.create([Profile("u", {"class": ("1a",)}, created_at=START)])
    stores.members.note("s", 1, ["v"])
    before = known(stores)
    stores.strata.store("school", {"u": "north", "v": "north", "w": ""}, LATER)
    assert (known(stores).profile, known(stores).revision) == (before.profile, before.revision)
    assert known(stores).profile.created_at == START
    for user_id in "vw":
        assert known(stores, user_id).revision == 1
        assert known(stores, user_id).profile == Profile(user_id)
        assert known(stores, user_id).profile.created_at == LATER
    assert known(stores, "v").members == {"s": frozenset({1})}


def test_users_may_be_called_anything(stores: Stores) -> None:
    wanted = {user_id: f"{number}" for number, user_id in enumerate(HOSTILE_USERS)}
    stores.strata.store("school", wanted, START)
    assert values(stores) == wanted
    assert {user_id: known(stores, user_id).strata["school"] for user_id in wanted} == wanted


def test_what_is_stored_already_may_be_stored_again(stores: Stores) -> None:
    for _ in range(2):
        stores.strata.store("school", {"u": "north", "v": ""}, START)
    stores.strata.store("school", {}, START)
    assert values(stores) == {"u": "north"}
    assert known(stores).revision == 1


def test_as_many_users_as_a_transaction_holds_are_stored_at_once(stores: Stores) -> None:
    users = [f"user {number}" for number in range(USERS_PER_WRITE)]
    stores.strata.store("school", dict.fromkeys(users, "x" * 1000), START)
    assert values(stores) == dict.fromkeys(users, "x" * 1000)
    stores.strata.drop("school", users)
    assert values(stores) == {}
    assert known(stores, users[0]).strata == {}


def test_a_factor_may_have_many_users(stores: Stores) -> None:
    users = [f"user {number:03}" for number in range(5 * USERS_PER_WRITE)]
    for start in range(0, len(users), USERS_PER_WRITE):
        some = dict.fromkeys(users[start : start + USERS_PER_WRITE], "north")
        stores.strata.store("school", some, START)
    assert sorted(values(stores)) == users


def test_dropped_values_leave_other_factors_and_the_user(stores: Stores) -> None:
    stores.strata.store("school", {"u": "north", "v": "north"}, START)
    stores.strata.store("age", {"u": "9"}, START)
    stores.strata.drop("school", ["u", "w"])
    assert (values(stores), values(stores, "age")) == ({"v": "north"}, {"u": "9"})
    assert known(stores).strata == {"age": "9"}
    assert stores.participants.get("w") is None


@pytest.mark.parametrize("factor", ["school", "other"])
def test_a_factor_without_values_has_no_users(stores: Stores, factor: str) -> None:
    stores.strata.register(StratificationFactor("school", START))
    assert values(stores, factor) == {}
