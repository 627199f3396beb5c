"""The steps around every view, each alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from unittest.mock import Mock

import pytest
from chalice.app import Chalice, Response

from chalicelib.api.http.access import (
    ADMIN,
    CLIENT,
    OPEN,
    PROVEN,
    SDK,
    SDK_READS_ADMIN_LIST,
    Access,
    Admission,
    admit,
)
from chalicelib.api.http.calls import GIVEN, READ, Arguments
from chalicelib.api.http.rendering import Reply, rendered
from chalicelib.api.http.routes import Misdeclared, Routes
from chalicelib.api.http.wrapper import Wrapper, performed
from chalicelib.api.pages.answer_sizes import LONGEST_ANSWER, AnswerTooLong
from chalicelib.api.protocol.problem_dialect import ProblemDialect
from chalicelib.domain.access.api_keys import Role
from chalicelib.domain.errors import Forbidden, Invalid, SwitchyardError, Unauthorized
from chalicelib.observability import Observer
from chalicelib.services import Services
from tests.fakes.memory import FixedClock, Memory
from tests.unit.samples import process


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Services:
    made = process(Memory(), FixedClock())
    monkeypatch.setattr(made.access, "enabled", True)
    return made


class TestAdmit:
    def test_an_open_route_asks_for_nothing(self, services: Services) -> None:
        assert admit(services, OPEN, {}) == Admission()

    def test_while_keys_are_not_asked_for_everybody_passes(self, services: Services) -> None:
        services.access.enabled = False
        assert admit(services, ADMIN, {}) == Admission()

    def test_a_key_names_its_caller(self, services: Services) -> None:
        key, text = services.access.create(Role.ADMIN)
        for access in (ADMIN, CLIENT):
            assert admit(services, access, {"x-api-key": text}) == Admission(key.id)

    def test_a_key_of_a_client_is_none_of_an_administrator(self, services: Services) -> None:
        _, text = services.access.create(Role.CLIENT)
        with pytest.raises(Forbidden):
            admit(services, ADMIN, {"authorization": f"Bearer {text}"})
        with pytest.raises(Unauthorized):
            admit(services, CLIENT, {})

    def test_the_sdks_of_test_lab_are_let_in_where_that_is_set(self, services: Services) -> None:
        services.access.open_testlab = True
        assert admit(services, SDK, {}) == Admission()
        assert admit(services, SDK_READS_ADMIN_LIST, {}) == Admission(sees_nothing=True)
        with pytest.raises(Unauthorized):
            admit(services, SDK, {"x-api-key": "nonsense"})

    def test_what_proves_who_calls_counts_as_a_key(self, services: Services) -> None:
        def proof(_: Services, headers: Mapping[str, str]) -> bool:
            return headers.get("authorization") == "signed"

        access = Access(Role.CLIENT, proof=proof)
        assert admit(services, access, {"authorization": "signed"}) == Admission(PROVEN)
        with pytest.raises(Unauthorized):
            admit(services, access, {"authorization": "forged"})


def test_a_view_gets_what_it_declares_and_no_more() -> None:
    def view(services: Services, body: dict[str, int], name: str) -> None:
        del services, body, name

    arguments = Arguments(view, None)
    assert set(arguments.types) == {"body", "name"}
    assert arguments.given == {"services"}


def refuse(error: SwitchyardError) -> Response:
    return Response(str(error), status_code=422)


def failing() -> object:
    raise Invalid("no")


class Once:
    """Keeps the refusal that it is told of."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def refused(self, error: SwitchyardError, refusal: Response) -> Response:
        self.told.append(f"{error} {refusal.status_code}")
        return refusal


def test_a_refusal_is_kept_where_a_request_is_not_to_be_repeated() -> None:
    once: Any = Once()
    assert performed(lambda: 1, once, refuse) == 1
    response = performed(failing, once, refuse)
    assert isinstance(response, Response)
    assert once.told == ["no 422"]
    with pytest.raises(Invalid):
        performed(failing, None, refuse)


def test_what_a_view_returns_becomes_a_response() -> None:
    as_it_is = Response("text")
    assert rendered(as_it_is) is as_it_is
    assert rendered({"a": 1}).body == '{"a":1}'
    reply = rendered(Reply([1], {"X-Own": "yes"}))
    assert (reply.body, reply.headers["X-Own"]) == ("[1]", "yes")


def test_what_no_answer_holds_is_not_sent() -> None:
    with pytest.raises(AnswerTooLong):
        rendered("x" * LONGEST_ANSWER)


def test_a_route_that_declares_nothing_is_an_administrator_s_and_takes_effect_each_time() -> None:
    routes = Routes(__name__, ProblemDialect())
    routes.endpoint("/things", "POST")(lambda: None)
    (route,) = routes.declared
    assert route.access is ADMIN
    declared = {route.idempotent, route.conditional, route.any_type, route.concerns}
    assert declared == {False, None}


@pytest.mark.parametrize("idempotent", [True, False])
def test_a_route_is_idempotent_if_and_only_if_its_view_acts_once(idempotent: bool) -> None:
    def acts_once(once: Once) -> None:
        del once

    def acts() -> None: ...

    routes = Routes(__name__, ProblemDialect())
    with pytest.raises(Misdeclared):
        routes.endpoint("/a", "POST", idempotent=idempotent)(acts if idempotent else acts_once)
    routes.endpoint("/a", "POST", idempotent=idempotent)(acts_once if idempotent else acts)


@pytest.mark.parametrize("name", sorted(GIVEN | READ))
def test_no_part_of_a_path_is_called_as_what_views_get_from_elsewhere(name: str) -> None:
    routes = Routes(__name__, ProblemDialect())
    with pytest.raises(Misdeclared, match=name):
        routes.endpoint(f"/things/{{{name}}}")(lambda: None)
    assert not routes.declared


def test_a_view_takes_nothing_that_its_path_does_not_have() -> None:
    def get_thing(thing_id: int) -> int:
        return thing_id

    routes = Routes(__name__, ProblemDialect())
    with pytest.raises(Misdeclared, match="thing_id"):
        routes.endpoint("/things/{id}")(get_thing)
    routes.endpoint("/things/{thing_id}")(get_thing)


def test_what_chalice_deploys_is_called_and_described_as_the_view() -> None:
    routes = Routes(__name__, ProblemDialect())

    @routes.endpoint("/things")
    def list_things() -> list[str]:
        """All things."""
        return []

    app = Chalice("things", configure_logs=False)
    services = process(Memory(), FixedClock())
    app.register_blueprint(Wrapper(services, Mock(spec=Observer)).blueprint(routes))
    published = app.routes["/things"]["GET"].view_function
    assert (published.__name__, published.__doc__) == ("list_things", "All things.")
