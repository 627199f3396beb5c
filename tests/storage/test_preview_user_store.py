"""The rules of `PreviewUserStore`."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from chalicelib.domain.errors import LostRace
from chalicelib.domain.participants.participants import Profile
from chalicelib.domain.participants.preview_users import PreviewAssignment, PreviewUser
from chalicelib.services.stores import Stores
from tests.fakes.memory import START
from tests.unit.upgrade_service_samples import at_once

LATER = START + timedelta(milliseconds=1001)
HOSTILE = ["a", " ", "a#b", "%23", "#", "é" * 256, "#" * 512, "%" * 512]
PARALLEL = 6


def preview_user(user_id: str = "u", version: int = 1, **conditions: str) -> PreviewUser:
    assignments = tuple(
        PreviewAssignment(f"id of {experiment}", experiment, condition)
        for experiment, condition in conditions.items()
    )
    return PreviewUser(user_id, assignments, START, LATER, version)


def preview_of(stores: Stores, user_id: str = "u") -> object:
    """What the user's own records say."""
    return stores.participants.read(user_id).preview


def test_preview_users_come_back_as_stored(stores: Stores) -> None:
    user = preview_user(e="id of a", f="#")
    stores.preview_users.put(user)
    assert stores.preview_users.get("u") == user
    assert stores.preview_users.all() == [user]
    assert preview_of(stores) == {"e": "id of a", "f": "#"}


def test_an_ordinary_user_is_no_preview_user(stores: Stores) -> None:
    stores.profiles.create([Profile("u")])
    assert stores.preview_users.get("u") is None
    assert stores.preview_users.all() == []
    assert preview_of(stores) is None


def test_preview_users_may_be_called_anything(stores: Stores) -> None:
    users = {user_id: preview_user(user_id) for user_id in HOSTILE}
    for user in users.values():
        stores.preview_users.put(user)
    assert {user_id: stores.preview_users.get(user_id) for user_id in HOSTILE} == users
    assert {user.id: user for user in stores.preview_users.all()} == users


def test_a_preview_user_is_replaced_in_both_places(stores: Stores) -> None:
    stores.preview_users.put(preview_user(e="id of a"))
    after = preview_user(version=2)
    stores.preview_users.put(after)
    assert (stores.preview_users.get("u"), preview_of(stores)) == (after, {})


@pytest.mark.parametrize("version", [1, 3])
def test_what_follows_another_version_loses(stores: Stores, version: int) -> None:
    user = preview_user(e="id of a")
    stores.preview_users.put(user)
    with pytest.raises(LostRace):
        stores.preview_users.put(preview_user(version=version, e="id of b"))
    assert (stores.preview_users.get("u"), preview_of(stores)) == (user, {"e": "id of a"})


def test_a_new_preview_user_has_the_first_version(stores: Stores) -> None:
    with pytest.raises(LostRace):
        stores.preview_users.put(preview_user(version=2))
    assert (stores.preview_users.all(), preview_of(stores)) == ([], None)


def test_a_removed_preview_user_leaves_both_places(stores: Stores) -> None:
    stores.profiles.create([Profile("u")])
    for user_id in "uv":
        stores.preview_users.put(preview_user(user_id, e="id of a"))
    stores.preview_users.remove(preview_user())
    assert stores.preview_users.get("u") is None
    assert [user.id for user in stores.preview_users.all()] == ["v"]
    assert (preview_of(stores), preview_of(stores, "v")) == (None, {"e": "id of a"})
    user = stores.participants.get("u")
    assert user is not None
    assert user.revision == 1


def test_only_the_version_that_was_seen_is_removed(stores: Stores) -> None:
    user = preview_user(version=1)
    with pytest.raises(LostRace):
        stores.preview_users.remove(user)
    stores.preview_users.put(user)
    stores.preview_users.put(replace(user, version=2))
    with pytest.raises(LostRace):
        stores.preview_users.remove(user)
    assert preview_of(stores) == {}


def test_of_several_first_versions_at_once_one_is_stored(stores: Stores) -> None:
    def put(condition: str) -> str | None:
        try:
            stores.preview_users.put(preview_user(e=condition))
        except LostRace:
            return None
        return condition

    stored = at_once(*(partial(put, f"c{i}") for i in range(PARALLEL)))
    (winner,) = [condition for condition in stored if condition]
    assert preview_of(stores) == {"e": winner}
    assert stores.preview_users.get("u") == preview_user(e=winner)


def test_preview_users_do_not_lose_against_other_writers(stores: Stores) -> None:
    stores.profiles.create([Profile("u")])
    user = stores.participants.read("u")
    stores.preview_users.put(preview_user(e="id of a"))
    stores.members.note("s", 1, ["u"])
    after = stores.participants.read("u")
    assert (after.revision, after.preview) == (user.revision, {"e": "id of a"})
