"""How the routes of plans and results refuse: problem details, and unknown names by name."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from chalicelib.api.protocol.problem_dialect import ProblemDialect

DIALECT = ProblemDialect(body_limit=100 * 1024)


class OwnQuery(BaseModel):
    """The query of a route of our own; what it does not know is refused by name."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)
