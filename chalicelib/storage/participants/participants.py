"""The records of users and groups in DynamoDB: one item collection each, read by one Query."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from chalicelib.domain.participants.participants import GroupKey, GroupRecord, Participant
from chalicelib.services.running.pools import Pool
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import store_errors
from chalicelib.storage.dynamodb.tables import RecordRow
from chalicelib.storage.participants.records import group_record_of, participant_of

GROUPS_AT_ONCE = 8


class DynamoParticipantStore:
    """`ParticipantStore` on the table `users`."""

    @store_errors()
    def read(self, user_id: str) -> Participant:
        # Kept answers lie behind: they would make the records dear to read.
        rows = RecordRow.query(keys.user(user_id), RecordRow.sk < keys.ASIDE, consistent_read=True)
        return participant_of(user_id, list(rows))

    def get(self, user_id: str) -> Participant | None:
        participant = self.read(user_id)
        return participant if participant.revision else None

    def groups(self, groups: Collection[GroupKey]) -> Mapping[GroupKey, GroupRecord]:
        if len(groups) <= 1:
            return {key: self._group(key) for key in groups}
        with Pool(min(len(groups), GROUPS_AT_ONCE)) as pool:
            return dict(zip(groups, pool.map(self._group, groups), strict=True))

    @store_errors()
    def _group(self, key: GroupKey) -> GroupRecord:
        rows = RecordRow.query(keys.group(key.type, key.id), consistent_read=True)
        return group_record_of(key, list(rows))
