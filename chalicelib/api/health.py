"""What monitors ask: whether the program runs, and whether it reaches its tables."""

from __future__ import annotations

from chalicelib.api.http.access import OPEN
from chalicelib.api.http.rendering import Reply
from chalicelib.api.http.routes import Routes
from chalicelib.api.protocol.problem_dialect import ProblemDialect
from chalicelib.services import Services

routes = Routes(__name__, ProblemDialect())
FINE = Reply({"status": "ok"}, {"Cache-Control": "no-store"})


@routes.endpoint("/health", access=OPEN)
def report_health() -> Reply[dict[str, str]]:
    """Whether the program runs; nothing is read for it."""
    return FINE


@routes.endpoint("/health/ready", access=OPEN)
def report_readiness(services: Services) -> Reply[dict[str, str]]:
    """Whether the tables answer too: one read; 503 if they do not."""
    services.catalogue.stored_revision()
    return FINE
