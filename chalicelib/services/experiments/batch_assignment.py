"""Assignments of many users at one decision point, for administrators."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.domain.audiences.contexts import configured
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.services.experiments.assignment import Assigned, AssignmentService
from chalicelib.services.participants.participants import ParticipantService
from chalicelib.services.running.compilation import UnknownContext
from chalicelib.services.running.pools import Pool

USERS_AT_ONCE = 16


class BatchAssignmentService:
    """Answers batch-assign."""

    def __init__(
        self,
        assignment: AssignmentService,
        participants: ParticipantService,
        contexts: Sequence[str],
    ) -> None:
        self._assignment = assignment
        self._participants = participants
        self._contexts = contexts

    def assign(
        self, context: str, point_key: DecisionPointKey, user_ids: Sequence[str]
    ) -> dict[str, Assigned | None]:
        """What each user gets at a point, an empty `Assigned` for nothing; None if unknown.

        An unknown context has nothing for anybody.
        """
        context = configured(context, self._contexts) or context
        distinct = list(dict.fromkeys(user_ids))
        self._assignment.prepare()
        with Pool(USERS_AT_ONCE) as pool:
            found = pool.map(lambda user_id: self._one(context, point_key, user_id), distinct)
            return dict(zip(distinct, found, strict=True))

    def _one(self, context: str, point_key: DecisionPointKey, user_id: str) -> Assigned | None:
        caller = self._participants.find(user_id)
        if caller is None:
            return None
        try:
            return self._assignment.assign_at(caller.user, context, point_key)
        except UnknownContext:
            return Assigned((), None)
