"""How the routes of plans and results refuse."""

from __future__ import annotations

from chalicelib.api.protocol.problem_dialect import ProblemDialect

DIALECT = ProblemDialect(body_limit=100 * 1024)
