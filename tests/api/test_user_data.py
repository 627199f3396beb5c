"""Erasing and exporting all that is stored of a user, over HTTP."""

from __future__ import annotations

from types import ModuleType
from urllib.parse import quote

import pytest

from tests.everything import ALIASES, BOB, HOSTILE, World
from tests.http import Answer, Gateway
from tests.recount import all_items, items_naming, recounted, stored_counts

DELETE_REFUSED = "Error in deleting the user in postgres"
EXPORT_REFUSED = "Error in exporting the user"
PROBLEM = {"accept": "application/problem+json"}


@pytest.fixture
def world(gateway: Gateway) -> World:
    return World.made(gateway)


def path(user_id: str) -> str:
    return f"/api/users/{quote(user_id, safe='')}"


def erase(gateway: Gateway, user_id: str) -> Answer:
    return gateway.delete(f"{path(user_id)}?everything=true")


def export(gateway: Gateway, user_id: str) -> Answer:
    return gateway.get(f"{path(user_id)}/export")


def check_counters(app: ModuleType) -> None:
    tables = all_items()
    assert stored_counts(tables) == recounted(tables, app.services.catalogue.fresh())


def test_nothing_names_a_user_who_was_erased_and_others_stay_as_they_are(
    app: ModuleType, gateway: Gateway, world: World
) -> None:
    world.add_user(BOB, "alias of bob")
    counts = stored_counts(all_items())
    world.add_user(HOSTILE, *ALIASES)
    world.send("DELETE", f"/api/experiments/{world.ids['gone']}")
    others = items_naming(all_items(), BOB)
    check_counters(app)
    assert len(items_naming(all_items(), HOSTILE)) > 40

    answer = erase(gateway, HOSTILE)
    assert answer.status == 200, answer.text
    tables = all_items()
    for user_id in (HOSTILE, *ALIASES):
        assert items_naming(tables, user_id) == []
    assert items_naming(tables, BOB) == others
    check_counters(app)
    assert stored_counts(tables) == counts, "as if the user had never been"
