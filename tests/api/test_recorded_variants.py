"""Whoever is recorded in an experiment of Test Lab keeps that variant, and has no other."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.catalogue.testlab_assignments import hash_share
from tests.api.test_round_trips import CallCounter, counter
from tests.http import Gateway

__all__ = ["counter"]

FEATURE = {
    "type_id": 3,
    "start_date": "2020-01-01",
    "end_date": "2099-12-31",
    "is_running": True,
    "description": "",
}
CONTEXT = "home"


class World:
    """Two experiments that share the users between them, one at whose blocks nobody stands."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.ids: dict[str, int] = {}
        self.variants: dict[str, int] = {}
        for name, share in (("first", 0.5), ("second", 0.5), ("apart", 0)):
            body = {**FEATURE, "name": name, "user_percentage": share}
            feature_id = self.ids[name] = gateway.post("/api/feature", body).json["id"]
            values = [f"{name} a", f"{name} b"]
            listed = [{"feature_id": feature_id, "value": value} for value in values]
            path = f"/api/feature/{feature_id}/variants"
            for made in gateway.post(path, {"variants": listed}).json:
                self.variants[made["value"]] = made["id"]
        gateway.get("/api/feature/current")

    def change(self, name: str, **fields: Any) -> None:
        path = f"/api/feature/{self.ids[name]}"
        feature = self.gateway.get(path).json
        assert self.gateway.put(path, {**feature, **fields}).status == 200

    def report(self, value: str, user_id: str = "ada") -> None:
        """What an SDK of Test Lab chose."""
        body = {"id": user_id, "variant_id": self.variants[value], "ip_address": "::1"}
        assert self.gateway.post("/api/users", body).status == 200

    def send(self, path: str, body: Any, user_id: str = "ada") -> Any:
        answer = self.gateway.send("POST", f"/api/v6/{path}", body, {"user-id": user_id})
        assert answer.status == 200, answer.text
        return answer.json

    def mark(self, name: str, value: str | None = None, user_id: str = "ada") -> None:
        data = {"site": name, "target": "", "assignedCondition": {"conditionCode": value}}
        self.send("mark", {"data": data}, user_id)

    def assigned(self, user_id: str = "ada") -> dict[str, str]:
        """The codes by site: by assign, and at each point the same by batch-assign."""
        items = self.send("assign", {"context": CONTEXT}, user_id)
        found = {item["site"]: item["assignedCondition"][0]["conditionCode"] for item in items}
        for name in self.ids:
            body = {"context": CONTEXT, "site": name, "target": "", "userIds": [user_id]}
            [item] = self.gateway.post("/api/batch-assign", body).json.values()
            assert (item is not None) == (name in found)
            if item is not None:
                assert item["assignedCondition"][0]["conditionCode"] == found[name]
        return found

    def users(self, name: str) -> list[int]:
        rows = self.gateway.get(f"/api/analysis/feature/{self.ids[name]}").json
        return [row["total_users"] for row in rows]


@pytest.fixture
def world(gateway: Gateway) -> World:
    made = World(gateway)
    made.send("init", {})
    return made


def test_the_row_of_a_user_decides_whatever_the_hash_says(world: World) -> None:
    [(by_hash, chosen)] = world.assigned().items()
    for value in ("first a", "first b", "second a", "second b", "apart a", "apart b"):
        user_id = f"reported {value}"
        world.send("init", {}, user_id)
        world.report(value, user_id)
        assert world.assigned(user_id) == {value[:-2]: value}
    assert world.assigned() == {by_hash: chosen}


@pytest.mark.parametrize("value", ["first a", "second b", "apart b"])
def test_a_mark_counts_no_user_twice_and_nobody_elsewhere(world: World, value: str) -> None:
    world.report(value)
    before = {name: world.users(name) for name in world.ids}
    for _ in range(2):
        for name in world.ids:
            world.mark(name, f"{name} a")
    assert {name: world.users(name) for name in world.ids} == before
    assert sum(map(sum, before.values())) == 1
    assert world.assigned() == {value[:-2]: value}


def test_a_user_counts_once_though_a_row_follows_a_mark(world: World) -> None:
    [(name, value)] = world.assigned().items()
    world.mark(name, value)
    before = world.users(name)
    assert sum(before) == 1
    world.report(value)
    assert world.users(name) == before
    world.mark(name, value)
    assert world.users(name) == before
    assert world.assigned() == {name: value}
    assert world.gateway.delete("/api/users/ada").status == 200
    assert world.users(name) == [0, 0]
    world.report(value)
    assert world.users(name) == before


def test_a_row_with_another_variant_than_a_mark_counts_in_its_place(world: World) -> None:
    [(name, value)] = world.assigned().items()
    world.mark(name, value)
    [other] = {f"{name} a", f"{name} b"} - {value}
    before = world.users(name)
    world.report(other)
    assert world.users(name) == before[::-1]
    assert world.assigned() == {name: value}, "what was recorded first decides"


def test_a_row_in_another_experiment_counts_beside_a_mark(world: World) -> None:
    [(name, value)] = world.assigned().items()
    world.mark(name, value)
    world.report("apart a")
    assert sum(sum(world.users(each)) for each in world.ids) == 2


def test_an_enrollment_by_a_mark_outlives_a_change_of_the_blocks(world: World) -> None:
    [(name, value)] = world.assigned().items()
    world.mark(name, value)
    world.change(name, user_percentage=0)
    for other in world.ids:
        if other != name:
            world.change(other, user_percentage=1)
    world.gateway.get("/api/feature/current")
    world.send("init", {}, "new")
    assert name not in world.assigned("new")
    assert world.assigned() == {name: value}


def test_a_paused_experiment_holds_the_users_that_were_recorded_in_it(world: World) -> None:
    world.report("apart a")
    world.change("apart", is_running=False)
    assert world.assigned() == {}
    for name in world.ids:
        world.mark(name)
    assert [world.users(name) for name in world.ids] == [[0, 0], [0, 0], [1, 0]]
    world.change("apart", is_running=True)
    assert world.assigned() == {"apart": "apart a"}


def test_when_an_experiment_is_over_the_hash_decides_again(world: World) -> None:
    before = world.assigned()
    world.report("apart a")
    world.change("apart", end_date="2020-01-02")
    assert world.assigned() == before
    world.change("apart", end_date="2099-12-31")
    assert world.assigned() == {"apart": "apart a"}


def test_a_row_whose_variant_was_replaced_decides_no_longer(world: World) -> None:
    before = world.assigned()
    world.report("apart a")
    listed = [{"feature_id": world.ids["apart"], "value": "new"}]
    path = f"/api/feature/{world.ids['apart']}/variants"
    assert world.gateway.post(path, {"variants": listed}).status == 200
    assert world.assigned() == before


def test_of_a_row_and_a_mark_the_earlier_one_decides(world: World) -> None:
    [(name, value)] = world.assigned().items()
    other = next(each for each in ("first", "second") if each != name)
    world.mark(name, value)
    world.report(f"{other} a")
    assert world.assigned() == {name: value}
    world.send("init", {}, "bob")
    world.report(f"{other} b", "bob")
    for each in world.ids:
        world.mark(each, user_id="bob")
    assert world.assigned("bob") == {other: f"{other} b"}


def test_a_record_costs_no_trip(world: World, counter: CallCounter) -> None:
    world.report("apart a")
    world.send("assign", {"context": CONTEXT})
    for path, body, trips in (
        ("assign", {"context": CONTEXT}, 2),
        ("mark", {"data": {"site": "apart", "target": ""}}, 3),
        ("mark", {"data": {"site": "second", "target": ""}}, 3),
    ):
        counter.calls.clear()
        world.send(path, body)
        assert len(counter.calls) == trips


def test_the_sdk_of_python_and_upgrade_name_the_same_variant_where_nothing_is_recorded(
    world: World,
) -> None:
    [name] = world.assigned()
    blocks = world.gateway.get("/api/userblocks").json
    assert blocks[int(20 * hash_share("ada"))]["feature_id"] == world.ids[name]
