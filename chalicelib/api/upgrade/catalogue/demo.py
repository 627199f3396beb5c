"""Emptying the database: DELETE /api/v5/clearDB and /api/v6/clearDB."""

from __future__ import annotations

from chalicelib.api.http.blueprint import ApiBlueprint
from chalicelib.api.upgrade.access.dialect import DIALECT

blueprint = ApiBlueprint(__name__, DIALECT)


@blueprint.endpoint("/api/v6/clearDB", "DELETE")
@blueprint.endpoint("/api/v5/clearDB", "DELETE")
def clear_database() -> str:
    """Remove everything, where the setting DEMO_MODE allows it."""
    if blueprint.services.demo.clear():
        return "DB truncate successful"
    return "DEMO mode is disabled. You cannot clear DB."
