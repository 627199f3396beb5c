"""What monitors ask: whether the program runs, and whether it reaches its tables."""

from __future__ import annotations

from chalicelib.api.http.blueprint import ApiBlueprint
from chalicelib.api.http.calls import Reply
from chalicelib.api.http.problem_dialect import ProblemDialect

blueprint = ApiBlueprint(__name__, ProblemDialect())
FINE = Reply({"status": "ok"}, {"Cache-Control": "no-store"})


@blueprint.endpoint("/health")
def report_health() -> Reply:
    """Whether the program runs; nothing is read for it."""
    return FINE


@blueprint.endpoint("/health/ready")
def report_readiness() -> Reply:
    """Whether the tables answer too: one read; 503 if they do not."""
    blueprint.services.catalogue.stored_revision()
    return FINE
