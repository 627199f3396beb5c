"""Emptying the database: DELETE /api/v5/clearDB and /api/v6/clearDB."""

from __future__ import annotations

from chalicelib.api.http.routes import Routes
from chalicelib.api.upgrade.access.dialect import DIALECT
from chalicelib.services import Services

routes = Routes(__name__, DIALECT)


@routes.endpoint("/api/v6/clearDB", "DELETE")
@routes.endpoint("/api/v5/clearDB", "DELETE")
def clear_database(services: Services) -> str:
    """Remove everything, where the setting DEMO_MODE allows it."""
    if services.demo.clear():
        return "DB truncate successful"
    return "DEMO mode is disabled. You cannot clear DB."
