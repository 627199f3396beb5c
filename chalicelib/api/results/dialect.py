"""How the routes of our own speak: a true status, with problem details; unknown names refused."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from chalicelib.api.protocol.problem_dialect import ProblemDialect

BODY_LIMIT = 100_000
"""Bytes of a body."""


class OwnDialect(ProblemDialect):
    """Refusals as problem details, for requests with a body too."""

    body_limit = BODY_LIMIT


DIALECT = OwnDialect()


class OwnQuery(BaseModel):
    """The query of a route of our own; what it does not know is refused by name."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)
