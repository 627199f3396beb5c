"""HTTP: the only package, besides app.py, that knows Chalice."""

from __future__ import annotations

from chalice.app import Chalice
from pydantic import BaseModel

from chalicelib.api import documentation, health
from chalicelib.api.http.blueprint import ApiBlueprint
from chalicelib.api.http.cors import Cors
from chalicelib.api.testlab import BLUEPRINTS as TESTLAB
from chalicelib.api.upgrade import BLUEPRINTS as UPGRADE
from chalicelib.observability import Observer
from chalicelib.services import Services

BLUEPRINTS: tuple[ApiBlueprint, ...] = (
    *TESTLAB,
    *UPGRADE,
    documentation.blueprint,
    health.blueprint,
)


def register(app: Chalice, services: Services, observer: Observer, cors: Cors) -> None:
    """Add all routes to `app`, answered by `services`, open to browsers as `cors` says.

    `observer` sees each request.
    """
    app.api.cors = cors
    for blueprint in BLUEPRINTS:
        blueprint.services = services
        blueprint.observer = observer
        app.register_blueprint(blueprint)


def any_case_paths() -> frozenset[str]:
    """The paths that match whatever the letter case, where the server can do that."""
    return frozenset(path for blueprint in BLUEPRINTS for path in blueprint.any_case_paths)


def build_models() -> None:
    """Build all that is built when it is first used, for a server whose threads share it."""
    waiting: list[type[BaseModel]] = [BaseModel]
    while waiting:
        model = waiting.pop()
        waiting.extend(model.__subclasses__())
        if model.__module__.startswith(__name__):
            model.model_rebuild()
    for blueprint in BLUEPRINTS:
        blueprint.build()
