"""HTTP: the only package, besides app.py, that knows Chalice."""

from __future__ import annotations

import gc

from chalice.app import Chalice
from pydantic import BaseModel

from chalicelib.api import documentation, health
from chalicelib.api.dashboard import pages as dashboard_pages
from chalicelib.api.dashboard.paths import PATHS
from chalicelib.api.http.routes import Route, Routes
from chalicelib.api.http.wrapper import Wrapper
from chalicelib.api.protocol.cors import Cors
from chalicelib.api.results import ROUTES as RESULTS
from chalicelib.api.testlab import ROUTES as TESTLAB
from chalicelib.api.upgrade import ROUTES as UPGRADE
from chalicelib.observability import Observer
from chalicelib.services import Services

ROUTES: tuple[Routes, ...] = (
    *TESTLAB,
    *UPGRADE,
    *RESULTS,
    documentation.routes,
    health.routes,
)


def all_routes() -> list[Route]:
    """Every route of an API, in the order of the resources."""
    return [route for routes in ROUTES for route in routes.declared]


def register(app: Chalice, services: Services, observer: Observer, cors: Cors) -> None:
    """Add all routes to `app`, answered by `services`, open to browsers as `cors` says.

    `observer` sees each request.
    """
    app.api.cors = cors
    wrapper = Wrapper(services, observer)
    for routes in ROUTES:
        app.register_blueprint(wrapper.blueprint(routes))
    app.register_blueprint(wrapper.late_blueprint(__name__, PATHS, dashboard_pages))
    # Modules, models and routes are there for good: the collector need not pass through them.
    gc.freeze()


def any_case_paths() -> frozenset[str]:
    """The paths that match whatever the letter case, where the server can do that."""
    return frozenset(route.path for route in all_routes() if route.any_case)


def build_models() -> None:
    """Build all that is built when it is first used, for a server whose threads share it."""
    routes = (*all_routes(), *dashboard_pages())
    waiting: list[type[BaseModel]] = [BaseModel]
    while waiting:
        model = waiting.pop()
        waiting.extend(model.__subclasses__())
        if model.__module__.startswith(__name__):
            model.model_rebuild()
    for route in routes:
        route.taken.build()
