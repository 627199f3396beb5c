"""The service itself: keys, settings, runs, queue, sizes and costs."""

from __future__ import annotations

from types import ModuleType

import pytest
from pydantic import SecretStr

from benchmarks.report import DASHBOARD, OPERATIONS
from chalicelib.api.dashboard.service_facts.costs import costs
from chalicelib.domain.access.api_keys import Role
from chalicelib.domain.catalogue.catalogue import CatalogueChange
from chalicelib.domain.catalogue.faults import Fault
from chalicelib.domain.errors import Unavailable
from chalicelib.settings import Settings
from tests.api.dashboard.pages import load, submit
from tests.api.dashboard.test_sign_in import (
    Keys,
    keys,  # noqa: F401 - a fixture
    send,
    session_of,
    sign_in,
    token_of,
)
from tests.api.test_features import create
from tests.fakes.memory import START
from tests.http import Gateway
from tests.unit.samples import experiment

SYSTEM = "/dashboard/system"


class TestPage:
    def test_a_new_service_says_what_it_does_not_know(self, gateway: Gateway) -> None:
        page = load(gateway, SYSTEM)
        assert page.status == 200
        assert "The scheduled function has not run yet" in page.text
        assert "There are no keys yet" in page.text
        assert "nothing to do" in page.testids["purge"][0]
        assert "No experiment is stuck" in page.text

    def test_the_last_run_and_its_failures_are_told(
        self, app: ModuleType, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        app.run_upkeep()
        (told,) = load(gateway, SYSTEM).testids["last-run"]
        assert "less than a minute ago" in told
        assert "failed" not in told

        def fail() -> None:
            raise Unavailable("slow")

        monkeypatch.setattr(app.services.user_blocks, "catch_up", fail)
        with pytest.raises(Unavailable):
            app.run_upkeep()
        (told,) = load(gateway, SYSTEM).testids["last-run"]
        assert "failed at: user blocks: Unavailable" in told

    def test_a_stuck_experiment_and_a_queue_are_told(
        self, app: ModuleType, gateway: Gateway
    ) -> None:
        faults = {"<b>gone</b>": Fault("<script>too large", START)}
        app.services.catalogue.change(lambda _: CatalogueChange(faults=faults, visible=False))
        made, _ = experiment(app.services, "to be deleted")
        app.services.features.delete(made)
        page = load(gateway, SYSTEM)
        assert "<script>too large" in page.text
        assert "<script>too" not in page.answer.text
        assert "1 entry to do" in page.testids["purge"][0]

    def test_sizes_and_settings_are_told(self, gateway: Gateway) -> None:
        create(gateway)
        page = load(gateway, SYSTEM)
        assert "experiments, rollouts and toggles of Test Lab 1" in page.text
        assert "TABLE_PREFIX" in page.text
        assert "what UpGrade's clients sign their tokens with" not in page.text

    def test_the_costs_are_those_of_the_document(self, gateway: Gateway) -> None:
        begin, end = "<!-- bench: costs -->", "<!-- /bench: costs -->"
        tables = [
            path.read_text().split(begin)[1].split(end)[0] for path in (OPERATIONS, DASHBOARD)
        ]
        assert tables[0] == tables[1], "`make bench ONLY=round_trips` writes both"
        found = costs()
        assert found.groups[0].name == "Test Lab"
        assert sum(len(group.rows) for group in found.groups) > 50
        assert {len(row) for group in found.groups for row in group.rows} == {len(found.columns)}
        assert "POST /api/events, the user's first" in load(gateway, SYSTEM).text


def test_settings_are_told_without_secrets() -> None:
    settings = Settings(
        dynamodb_endpoint="http://user:word@host:8000/?x=word",
        client_api_secret=SecretStr("a secret word"),
        cors_headers=("a", "b"),
        auth=True,
    )
    told = settings.shown()
    assert told["DYNAMODB_ENDPOINT"] == "http://host:8000/"
    assert (told["AUTH"], told["CORS_HEADERS"], told["STAGE"]) == ("on", "a, b", "local")
    assert "word" not in " ".join(told.values())
    assert told.keys() >= {name.upper() for name in Settings.model_fields}


class TestKeys:
    def test_a_new_key_is_shown_once_and_works(self, app: ModuleType, gateway: Gateway) -> None:
        page = submit(gateway, f"{SYSTEM}/keys", {"role": "client"})
        assert page.status == 200
        assert page.answer.headers["cache-control"] == "no-store"
        (made,) = app.services.access.in_force()
        assert made.role is Role.CLIENT
        assert page.answer.text.count("swy_") == 1
        (text,) = page.testids["key"]
        assert app.services.access.admit(Role.CLIENT, [text]) == made
        again = load(gateway, SYSTEM)
        assert made.id in again.text
        assert "swy_" not in again.answer.text
        assert made.digest not in again.answer.text
        app.services.access.revoke(made.id)

    @pytest.mark.parametrize("fields", [{}, {"role": "king"}, {"role": "admin", "key": "mine"}])
    def test_what_is_no_role_makes_no_key(
        self, app: ModuleType, gateway: Gateway, fields: dict[str, str]
    ) -> None:
        page = submit(gateway, f"{SYSTEM}/keys", fields)
        assert page.status == 422
        assert "New key for" in page.text
        assert app.services.access.in_force() == []

    def test_more_keys_than_there_may_be_are_refused(
        self, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("chalicelib.services.access.access.KEYS", 0)
        page = submit(gateway, f"{SYSTEM}/keys", {"role": "client"})
        assert page.status == 422
        assert "at most 0 keys" in page.text

    def test_a_key_is_revoked_after_it_was_said_what_that_does(
        self, app: ModuleType, gateway: Gateway
    ) -> None:
        made, _ = app.services.access.create(Role.ADMIN)
        place = f"{SYSTEM}/keys/{made.id}/revoke"
        asked = load(gateway, place)
        assert "refused from then on" in asked.text
        assert "last key of an administrator" in asked.text
        assert app.services.access.in_force() == [made]
        page = submit(gateway, place, {})
        assert "The key is revoked" in page.text
        assert app.services.access.in_force() == []
        assert submit(gateway, place, {}).status == 404
        assert load(gateway, place).status == 404


class TestSignedIn:
    def test_who_revokes_the_own_key_is_signed_out(self, gateway: Gateway, keys: Keys) -> None:  # noqa: F811
        cookie = session_of(sign_in(gateway, keys.admin))
        assert "you are signed in with it" in load(gateway, SYSTEM, cookie=cookie).text
        place = f"{SYSTEM}/keys/{keys.admin_id}/revoke"
        assert "you will be signed out" in load(gateway, place, cookie=cookie).text
        fields = {"token": token_of(gateway, cookie)}
        assert send(gateway, place, fields, cookie=cookie).status == 303
        assert load(gateway, SYSTEM, cookie=cookie).status == 303

    def test_a_form_of_another_session_makes_and_revokes_no_key(
        self,
        gateway: Gateway,
        keys: Keys,  # noqa: F811
    ) -> None:
        cookie = session_of(sign_in(gateway, keys.admin))
        before = keys.app.services.access.in_force()
        for path in (f"{SYSTEM}/keys", f"{SYSTEM}/keys/{keys.admin_id}/revoke"):
            answer = send(gateway, path, {"role": "admin", "token": "x"}, cookie=cookie)
            assert answer.status == 403
        assert keys.app.services.access.in_force() == before
