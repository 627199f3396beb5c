"""Two applications with different stores live in one process."""

from __future__ import annotations

from types import ModuleType

from chalice.app import Chalice

from chalicelib import api
from chalicelib.api.http.access import OPEN
from chalicelib.api.http.routes import Routes
from chalicelib.api.http.wrapper import Wrapper
from chalicelib.api.protocol.cors import Cors
from chalicelib.api.protocol.problem_dialect import ProblemDialect
from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.services import Services
from tests.api.upgrade_setup import flag
from tests.fakes.memory import FixedClock, Memory
from tests.http import Gateway
from tests.unit.samples import process


def served(name: str, services: Services, app: ModuleType) -> Gateway:
    application = Chalice(name, configure_logs=False)
    api.register(application, services, app.observer, Cors("*"))
    return Gateway(application)


def test_each_answers_from_its_own_stores(app: ModuleType) -> None:
    one, other = (served(name, process(Memory(), FixedClock()), app) for name in ("one", "other"))
    made = {
        gateway: gateway.post("/api/feature", {**FEATURE, "name": name}).json["id"]
        for gateway, name in ((one, "of one"), (other, "of the other"))
    }
    one.post("/api/flags", flag("only here"))
    for gateway, name in ((one, "of one"), (other, "of the other"), (one, "of one")):
        assert [each["name"] for each in gateway.get("/api/feature").json] == [name]
        assert gateway.get(f"/api/feature/{made[gateway]}").json["name"] == name
    assert len(one.get("/api/flags").json) == 1
    assert other.get("/api/flags").json == []


def test_each_keeps_its_answers_though_the_other_is_asked_in_between(app: ModuleType) -> None:
    written: list[str] = []
    routes = Routes(__name__, ProblemDialect(), OPEN)

    @routes.catalogue_endpoint("/api/feature", refusal="")
    def names(catalogue: Catalogue) -> list[str]:
        """The names of all features."""
        written.append("once")
        return [feature.name for feature in catalogue.features]

    gateways = []
    for name in ("one", "other"):
        application = Chalice(name, configure_logs=False)
        services = process(Memory(), FixedClock(), ttl=60)
        application.register_blueprint(Wrapper(services, app.observer).blueprint(routes))
        gateways.append(Gateway(application))
    for gateway in gateways * 2:
        assert gateway.get("/api/feature").json == []
    assert len(written) == len(gateways)


FEATURE = {"type_id": 1, "start_date": "2020-01-01", "end_date": "2099-12-31", "is_running": True}
