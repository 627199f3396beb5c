"""The users of lists, read once for each request."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakKeyDictionary

from chalicelib.domain.audiences.segments import Segment
from chalicelib.services.audiences.ports import MemberStore
from chalicelib.services.running import request_budget
from chalicelib.services.running.request_budget import RequestBudget


class ListMembers:
    """Reads the users of lists; what a request has read it is given again.

    The tag of an answer and the answer itself need the same lists.
    """

    def __init__(self, store: MemberStore) -> None:
        self._store = store
        self._read: WeakKeyDictionary[RequestBudget, dict[tuple[str, int], Sequence[str]]] = (
            WeakKeyDictionary()
        )

    def of(self, segment: Segment) -> Sequence[str]:
        """The users that a segment names itself."""
        budget = request_budget.current()
        read = {} if budget is None else self._read.setdefault(budget, {})
        version = segment.id, segment.version
        if version not in read:
            read[version] = self._store.of_version(*version) if segment.version else ()
        return read[version]
