"""Assignments of many users at one decision point, for administrators."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from chalicelib.domain.experiments import Place
from chalicelib.services.assignment import Assigned, AssignmentService
from chalicelib.services.experiments import UnknownContext
from chalicelib.services.participants import ParticipantService

USERS_AT_ONCE = 16


class BatchAssignmentService:
    """Answers batch-assign."""

    def __init__(self, assignment: AssignmentService, participants: ParticipantService) -> None:
        self._assignment = assignment
        self._participants = participants

    def assign(
        self, context: str, place: Place, user_ids: Sequence[str]
    ) -> dict[str, Assigned | None]:
        """What each user gets at a point, an empty `Assigned` for nothing; None if unknown."""
        distinct = list(dict.fromkeys(user_ids))
        self._assignment.prepare()
        with ThreadPoolExecutor(USERS_AT_ONCE) as pool:
            # Each in a copy of this context, so that all see the catalogue of this request.
            waiting = [
                pool.submit(copy_context().run, self._one, context, place, user_id)
                for user_id in distinct
            ]
            return dict(zip(distinct, (each.result() for each in waiting), strict=True))

    def _one(self, context: str, place: Place, user_id: str) -> Assigned | None:
        caller = self._participants.find(user_id)
        if caller is None:
            return None
        try:
            return self._assignment.assign_at(caller.user, context, place)
        except UnknownContext:
            return Assigned((), None)
