"""Assignments of many users at one decision point."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from chalicelib.api.http.routes import Routes
from chalicelib.api.upgrade.access.dialect import DIALECT
from chalicelib.api.upgrade.experiments.participation import (
    Assignment,
    assignment_item,
    testlab_item,
)
from chalicelib.api.upgrade.participants.client_models import AnyText, ClientBody, Name
from chalicelib.api.values.bounds import AtMost
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.services import Services
from chalicelib.services.experiments.assignment import Assigned

routes = Routes(__name__, DIALECT)

USERS = 1000
"""Users of one call: each costs a trip to the database."""

NOT_FOUND: Literal["NOT_FOUND"] = "NOT_FOUND"

BatchAssignment = dict[str, Assignment | Literal["NOT_FOUND"] | None]
"""By user; null for those who get nothing."""


class BatchAssignBody(ClientBody):
    """POST /api/batch-assign."""

    context: Name
    site: Name
    target: AnyText
    user_ids: Annotated[list[Name], Field(alias="userIds"), AtMost(USERS)]


@routes.endpoint("/api/batch-assign", "POST")
def batch_assign(services: Services, body: BatchAssignBody) -> BatchAssignment:
    """What each of some users gets at a decision point; nothing is stored."""
    point_key = DecisionPointKey(body.site, body.target)
    assigned = services.batch_assignment.assign(body.context, point_key, body.user_ids)
    return {user_id: _answer(each) for user_id, each in assigned.items()}


def _answer(assigned: Assigned | None) -> Assignment | Literal["NOT_FOUND"] | None:
    if assigned is None:
        return NOT_FOUND
    if assigned.assignments:
        return assignment_item(assigned.assignments[0])
    own = assigned.testlab
    return testlab_item(own.feature, own.variant) if own and own.variant else None
