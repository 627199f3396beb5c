"""The notes of lists at the users whom they name: written, and removed without fail.

Each version of a list has an entry for each user in the segment's own partition, and a note at the
user. The entries are written first and removed last, so that whatever is noted is found; and before
either an entry of the purge queue says which version it is. So it does not matter where a process
dies: what counts is what the catalogue has in force, and the purge removes what it has not. It does
so only when no process decides by an older catalogue any more, which needs the notes of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from chalicelib.domain.catalogue.purge import SECOND_PASS, LooseLists
from chalicelib.domain.errors import Unavailable
from chalicelib.services.audiences.ports import MemberStore
from chalicelib.services.running.ports import Clock, PurgeQueue


class ListNotes:
    """Keeps the notes of lists."""

    def __init__(self, members: MemberStore, queue: PurgeQueue, clock: Clock) -> None:
        self._members = members
        self._queue = queue
        self._clock = clock

    def write(
        self, segment_id: str, version: int, user_ids: Sequence[str], *, is_listed: bool
    ) -> LooseLists:
        """Note at users that a version of a segment names them; what the queue knows of it.

        With `is_listed` the segment is made to be a list of something, and goes if it is not by
        the time that the purge looks.

        Raises:
            LostRace: if the purge is removing what an earlier call of this kind left.
        """
        due = self._clock() + SECOND_PASS
        listed = (segment_id,) if is_listed else ()
        loose = LooseLists.written(segment_id, version, due, listed)
        self._queue.open(loose)
        self._members.note(segment_id, version, user_ids)
        return loose

    def settle(self, loose: LooseLists) -> None:
        """Take a version that is in force now out of the queue, unless the purge is to look."""
        if not loose.listed:
            with suppress(Unavailable):
                self._queue.close(loose)
