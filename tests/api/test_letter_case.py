"""Paths of UpGrade's administration in other letters than they are declared."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from chalicelib import api
from chalicelib.api.values.spellings import spellings
from chalicelib.domain.access.api_keys import Role
from tests.http import Gateway

RESOURCES = Path(__file__).parents[2] / "infra" / "resources.json"
VALUE = "aBc"


def filled(path: str, change: Callable[[str], str]) -> str:
    """A path with its literals in other letters, and values for its variables."""
    return "/".join(VALUE if part.startswith("{") else change(part) for part in path.split("/"))


def test_the_local_server_knows_paths_of_administration_whatever_the_letter_case(
    app: ModuleType, gateway: Gateway
) -> None:
    known = api.any_case_paths()
    assert len(known) > 50
    match = gateway._gateway.event_converter._route_matcher.match_route
    for path in known:
        for change in (str.upper, str.title, str.swapcase):
            found = match(filled(path, change))
            assert found.route in spellings(path), path
            assert set(found.captured.values()) <= {VALUE}
            declared = match(filled(path, str))
            assert set(app.app.routes[found.route]) >= set(app.app.routes[declared.route])


def test_a_gateway_knows_the_declared_spelling_the_one_of_small_letters_and_the_page_s(
    app: ModuleType,
) -> None:
    routes = app.app.routes
    for path in api.any_case_paths():
        assert path in spellings(path)
        for spelling in spellings(path):
            assert set(routes[spelling]) >= set(routes[path]), spelling
    for path in ("", "/{user_id}", "/paginated", "/assign"):
        assert set(routes[f"/api/previewUsers{path}"]) == set(routes[f"/api/previewusers{path}"])
    assert "/api/experiments/contextmetadata" in routes
    assert "/api/check/individualassignment" in routes


def test_a_request_is_answered_alike_by_each_spelling(gateway: Gateway) -> None:
    assert gateway.post("/api/PreviewUsers", {"id": "Ada"}).json["id"] == "Ada"
    for path in ("/api/previewUsers", "/api/previewusers", "/API/PREVIEWUSERS"):
        assert [user["id"] for user in gateway.get(path).json] == ["Ada"]
        assert gateway.get(f"{path}/Ada").status == 200
        assert gateway.get(f"{path}/ada").status == 404, "values are taken as they are"
    shown = gateway.get("/api/experiments/contextmetadata")
    assert shown.json == gateway.get("/api/experiments/contextMetaData").json
    refused = gateway.post("/api/Experiments", {})
    assert refused.json["endPoint"] == "/api/Experiments"


@pytest.mark.parametrize("path", ["/api/Feature", "/API/users", "/api/V6/init", "/Health"])
def test_other_paths_are_as_they_are_declared(gateway: Gateway, path: str) -> None:
    assert gateway.get(path).status == 404


@pytest.mark.parametrize("path", ["/api/v5/clearDB", "/api/v5/cleardb", "/api/V6/ClearDb"])
def test_no_spelling_lets_a_client_clear_the_database(
    app: ModuleType, gateway: Gateway, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(app.services.access, "enabled", True)
    made, key = app.services.access.create(Role.CLIENT)
    assert gateway.send("DELETE", path, headers={"x-api-key": key}).status == 403
    assert gateway.send("DELETE", path).status == 401
    app.services.access.revoke(made.id)


def test_limits_of_costly_routes_hold_for_each_of_their_spellings() -> None:
    found = re.findall(r'"ResourcePath": "([^"]+)"', RESOURCES.read_text(encoding="utf-8"))
    limited = {json.loads(f'"{path}"').removeprefix("/").replace("~1", "/") for path in found}
    assert "/api/experiments/import" in limited
    for path in limited:
        assert {spelling for spelling in spellings(path) if spelling not in limited} == set(), path
