"""Preview users in DynamoDB: in the user's own collection, and in one of them all."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.domain.participants.preview_users import PreviewAssignment, PreviewUser
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import store_errors, transaction
from chalicelib.storage.dynamodb.tables import RecordRow
from chalicelib.storage.dynamodb.times import from_ms, to_ms


class DynamoPreviewUserStore:
    """`PreviewUserStore` on the table `users`."""

    @store_errors()
    def get(self, user_id: str) -> PreviewUser | None:
        rows = RecordRow.query(
            keys.PREVIEW_USERS, RecordRow.sk == keys.part(user_id), consistent_read=True
        )
        return next(map(_user, rows), None)

    @store_errors()
    def all(self) -> Sequence[PreviewUser]:
        return [_user(row) for row in RecordRow.query(keys.PREVIEW_USERS, consistent_read=True)]

    def put(self, user: PreviewUser) -> None:
        before = user.version - 1
        unchanged = RecordRow.n == before if before else RecordRow.pk.does_not_exist()
        own = RecordRow(keys.user(user.id), keys.PREVIEW, data=dict(user.conditions()))
        with transaction() as write:
            write.save(_row(user), condition=unchanged)
            write.save(own)

    def remove(self, user: PreviewUser) -> None:
        with transaction() as write:
            write.delete(_row(user), condition=RecordRow.n == user.version)
            write.delete(RecordRow(keys.user(user.id), keys.PREVIEW))


def _row(user: PreviewUser) -> RecordRow:
    data = {
        "id": user.id,
        "assignments": [
            [each.id, each.experiment_id, each.condition_id] for each in user.assignments
        ],
        "created_at": to_ms(user.created_at),
        "updated_at": to_ms(user.updated_at),
    }
    return RecordRow(keys.PREVIEW_USERS, keys.part(user.id), data=data, n=user.version)


def _user(row: RecordRow) -> PreviewUser:
    data = row.data
    return PreviewUser(
        data["id"],
        tuple(PreviewAssignment(*each) for each in data["assignments"]),
        from_ms(data["created_at"]),
        from_ms(data["updated_at"]),
        int(row.n),
    )
