"""Preview users over HTTP."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import quote

import pytest

from tests.api.upgrade_setup import design
from tests.http import Answer, Gateway

STAMPS = {"createdAt", "updatedAt", "versionNumber"}


def experiment(gateway: Gateway, **fields: Any) -> Any:
    made = gateway.post("/api/experiments", design(("site", ""), **fields)).json
    state = {"experimentId": made["id"], "state": "preview"}
    assert gateway.post("/api/experiments/state", state).status == 200
    return made


def chosen(made: Any, code: str, **fields: Any) -> dict[str, Any]:
    """An assignment of a condition of an experiment, by its code."""
    condition = next(c["id"] for c in made["conditions"] if c["conditionCode"] == code)
    return {"experiment": {"id": made["id"]}, "experimentCondition": {"id": condition}, **fields}


def assign(gateway: Gateway, *assignments: Any, user_id: str = "ada") -> Answer:
    body = {"id": user_id, "assignments": list(assignments)}
    return gateway.post("/api/previewusers/assign", body)


def get(gateway: Gateway, user_id: str = "ada") -> Answer:
    return gateway.get(f"/api/previewusers/{quote(user_id, safe='')}")


def test_a_preview_user_without_conditions_shows_none(gateway: Gateway) -> None:
    for answer in (gateway.post("/api/previewusers", {"id": "ada"}), get(gateway)):
        assert answer.status == 200
        assert set(answer.json) == STAMPS | {"id"}


def test_conditions_are_shown_with_their_names(gateway: Gateway) -> None:
    made, own = experiment(gateway, name="one"), str(uuid.uuid4())
    for answer in (assign(gateway, chosen(made, "variant", id=own)), get(gateway)):
        (shown,) = answer.json["assignments"]
        assert set(shown) == STAMPS | {"id", "experiment", "experimentCondition"}
        assert shown["id"] == own
        assert shown["experiment"] == {"id": made["id"], "name": "one"}
        wanted = chosen(made, "variant")["experimentCondition"]
        assert shown["experimentCondition"] == {**wanted, "conditionCode": "variant"}


def test_what_is_not_sent_again_is_no_condition_any_more(gateway: Gateway) -> None:
    one, two = experiment(gateway), experiment(gateway)
    before = assign(gateway, chosen(one, "variant"), chosen(two, "control")).json
    assert len(before["assignments"]) == 2
    after = assign(gateway, chosen(two, "variant")).json
    (shown,) = after["assignments"]
    assert shown["experiment"]["id"] == two["id"]
    assert after["versionNumber"] > before["versionNumber"]
    assert "assignments" not in assign(gateway).json


def test_registering_again_leaves_the_conditions(gateway: Gateway) -> None:
    made = experiment(gateway)
    assign(gateway, chosen(made, "variant"))
    for answer in (
        gateway.post("/api/previewusers", {"id": "ada"}),
        gateway.put("/api/previewusers/ada", {}),
    ):
        assert len(answer.json["assignments"]) == 1


def test_the_path_says_who_is_changed(gateway: Gateway) -> None:
    made = experiment(gateway)
    body = {"id": "bob", "assignments": [chosen(made, "variant")]}
    answer = gateway.put("/api/previewusers/ada", body)
    assert (answer.json["id"], len(answer.json["assignments"])) == ("ada", 1)
    assert get(gateway, "bob").status == 404
    assert "assignments" not in gateway.put("/api/previewusers/ada", {"assignments": []}).json


def test_conditions_of_experiments_that_are_gone_are_not_shown(gateway: Gateway) -> None:
    made = experiment(gateway)
    assign(gateway, chosen(made, "variant"))
    gateway.delete(f"/api/experiments/{made['id']}")
    assert "assignments" not in get(gateway).json


def test_a_removed_preview_user_is_an_ordinary_one(gateway: Gateway) -> None:
    gateway.post("/api/previewusers", {"id": "ada"})
    (gone,) = gateway.delete("/api/previewusers/ada").json
    assert (set(gone), gone["id"]) == (STAMPS | {"id"}, "ada")
    missing = get(gateway)
    assert (missing.status, missing.json["message"]) == (404, "there is no preview user ada")
    assert gateway.delete("/api/previewusers/ada").json == []


def test_preview_users_are_listed_in_pages(gateway: Gateway) -> None:
    made = experiment(gateway)
    for user_id in ("ada", "bob", "eve"):
        gateway.post("/api/previewusers", {"id": user_id})
    assign(gateway, chosen(made, "variant"), user_id="bob")
    everybody = gateway.get("/api/previewusers").json
    assert sorted(user["id"] for user in everybody) == ["ada", "bob", "eve"]
    stamps = [user["createdAt"] for user in everybody]
    assert stamps == sorted(stamps, reverse=True)
    assert [user["id"] for user in everybody if "assignments" in user] == ["bob"]
    page = gateway.post("/api/previewusers/paginated", {"skip": 1, "take": 1}).json
    assert page == {"total": 3, "nodes": everybody[1:2], "skip": 1, "take": 1}


@pytest.mark.parametrize("user_id", ["a/b", "a b", "#", "%23", "é", "x" * 512])
def test_ids_are_free_text(gateway: Gateway, user_id: str) -> None:
    gateway.post("/api/previewusers", {"id": user_id})
    assert get(gateway, user_id).json["id"] == user_id
    path = f"/api/previewusers/{quote(user_id, safe='')}"
    assert gateway.delete(path).json[0]["id"] == user_id


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"id": ""},
        {"id": 5},
        {"id": "x" * 513},
        {"id": "ada", "assignments": {}},
        {"id": "ada", "assignments": [{"experiment": {"id": "e"}}]},
        {"id": "ada", "assignments": [{"experiment": "e", "experimentCondition": "c"}]},
        {
            "id": "ada",
            "assignments": [{"experiment": {"id": "e"}, "experimentCondition": {"id": "c"}}],
        },
    ],
)
@pytest.mark.parametrize("path", ["/api/previewusers", "/api/previewusers/assign"])
def test_what_cannot_be_registered_changes_nothing(gateway: Gateway, path: str, body: Any) -> None:
    answer = gateway.post(path, body)
    assert (answer.status, answer.json["name"]) == (400, "BadRequestError")
    assert gateway.get("/api/previewusers").json == []


def test_a_condition_of_another_experiment_is_refused(gateway: Gateway) -> None:
    one, two = experiment(gateway), experiment(gateway)
    wrong = {**chosen(one, "variant"), "experiment": {"id": two["id"]}}
    assert assign(gateway, wrong).status == 400
    assert gateway.put("/api/previewusers/ada", {"assignments": [wrong]}).status == 400
    assert get(gateway).status == 404


def test_so_many_conditions_and_no_more(gateway: Gateway) -> None:
    assert assign(gateway, *[chosen(experiment(gateway), "variant")] * 501).status == 400
