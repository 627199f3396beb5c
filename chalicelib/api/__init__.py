"""HTTP: the only package, besides app.py, that knows Chalice."""

from __future__ import annotations

from chalice.app import Chalice, CORSConfig
from pydantic import BaseModel

from chalicelib.api import documentation, health
from chalicelib.api.blueprint import ApiBlueprint
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

ALLOWED_HEADERS = [
    "Authorization", "Client-Context", "Client-Version", "Content-Type", "Idempotency-Key",
    "If-Modified-Since", "If-None-Match", "Session-Id", "URL", "User-Id",
]  # fmt: skip
"""Besides those that Chalice allows by itself, X-Api-Key among them."""
EXPOSED_HEADERS = [
    "ETag", "Idempotent-Replayed", "Last-Modified", "Link", "Retry-After", "X-Error-Detail",
    "X-Stale",
]  # fmt: skip
PREFLIGHT_SECONDS = 86400


def register(app: Chalice, services: Services, observer: Observer, cors_origin: str) -> None:
    """Add all routes to `app`, answered by `services`, open to browsers of `cors_origin`.

    `observer` sees each request.
    """
    app.api.cors = CORSConfig(
        allow_origin=cors_origin,
        allow_headers=ALLOWED_HEADERS,
        expose_headers=EXPOSED_HEADERS,
        max_age=PREFLIGHT_SECONDS,
    )
    for blueprint in BLUEPRINTS:
        blueprint.services = services
        blueprint.observer = observer
        app.register_blueprint(blueprint)


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
