"""The users of lists in DynamoDB: an entry of the segment for each, and a note at the user."""

from __future__ import annotations

from collections.abc import Sequence, Set

from chalicelib.services.running.pools import Pool
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import store_errors
from chalicelib.storage.dynamodb.reading import read_rows
from chalicelib.storage.dynamodb.tables import RecordRow

MEMBERS_AT_ONCE = 200
WRITERS = 8


class DynamoMemberStore:
    """`MemberStore` on the table `users`."""

    def note(self, segment_id: str, version: int, user_ids: Sequence[str]) -> None:
        noted = self._noted(segment_id, version, frozenset(user_ids))
        user_ids = [user_id for user_id in user_ids if user_id not in noted]
        chunks = [
            user_ids[start : start + MEMBERS_AT_ONCE]
            for start in range(0, len(user_ids), MEMBERS_AT_ONCE)
        ]
        with Pool(WRITERS) as pool:
            list(pool.map(lambda chunk: self._note_some(segment_id, version, chunk), chunks))

    @store_errors()
    def _note_some(self, segment_id: str, version: int, user_ids: Sequence[str]) -> None:
        with RecordRow.batch_write() as batch:
            for user_id in user_ids:
                sort_key, data = keys.member_of(version, user_id), {"user_id": user_id}
                batch.save(RecordRow(keys.segment(segment_id), sort_key, data=data))
        # Only then: whoever is told is named there, and found when the version goes.
        with RecordRow.batch_write() as batch:
            for user_id in user_ids:
                batch.save(RecordRow(keys.user(user_id), keys.member(segment_id, version)))

    def _noted(self, segment_id: str, version: int, user_ids: Set[str]) -> Set[str]:
        """The users of a list who have its note already, from an earlier attempt."""
        sort_key = keys.member(segment_id, version)
        named = {keys.user(each): each for each in self.of_version(segment_id, version)}
        wanted = [(pk, sort_key) for pk, each in named.items() if each in user_ids]
        return {named[row.pk] for row in read_rows(RecordRow, wanted)}

    @store_errors()
    def of_version(self, segment_id: str, version: int, limit: int | None = None) -> Sequence[str]:
        return [
            row.data["user_id"]
            for row in RecordRow.query(
                keys.segment(segment_id),
                RecordRow.sk.startswith(f"{version}#"),
                consistent_read=True,
                limit=limit,
            )
        ]

    @store_errors()
    def count(self, segment_id: str, version: int) -> int:
        return RecordRow.count(
            keys.segment(segment_id), RecordRow.sk.startswith(f"{version}#"), consistent_read=True
        )

    @store_errors()
    def forget(self, segment_id: str, version: int, user_ids: Sequence[str]) -> None:
        with RecordRow.batch_write() as batch:
            for user_id in user_ids:
                batch.delete(RecordRow(keys.user(user_id), keys.member(segment_id, version)))
        # Only then: by these the notes are found.
        with RecordRow.batch_write() as batch:
            for user_id in user_ids:
                batch.delete(RecordRow(keys.segment(segment_id), keys.member_of(version, user_id)))
