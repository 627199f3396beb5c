"""What the service says of itself: /api and /api/version."""

from __future__ import annotations

from typing_extensions import TypedDict

from chalicelib import about
from chalicelib.api.http.access import OPEN
from chalicelib.api.http.routes import Routes
from chalicelib.api.upgrade.access.dialect import DIALECT
from chalicelib.api.upgrade.experiments.designs.answer_parts import BACKEND_VERSION

routes = Routes(__name__, DIALECT)


class ServiceDescription(TypedDict):
    name: str
    version: str
    description: str


@routes.endpoint("/api", access=OPEN)
def describe_service() -> ServiceDescription:
    """Name, version and description of the service."""
    return {"name": about.NAME, "version": about.VERSION, "description": about.DESCRIPTION}


@routes.endpoint("/api/version")
def upgrade_version() -> str:
    """The version of UpGrade's backend that clients may take this for."""
    return BACKEND_VERSION
