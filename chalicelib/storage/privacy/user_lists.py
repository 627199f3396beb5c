"""Lists of records of a user in DynamoDB, a page of one Query at a time."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.domain.experiments.marks import Repeat
from chalicelib.domain.outcomes.logs import LogRecord
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import store_errors
from chalicelib.storage.dynamodb.tables import LogRecordRow, RepeatRow
from chalicelib.storage.experiments.repeats import kept_repeat
from chalicelib.storage.outcomes.logs import log_record_of


class DynamoUserListStore:
    """`UserListStore` on the table `events`."""

    @store_errors()
    def repeats(
        self, user_id: str, feature_id: int, after: str, limit: int
    ) -> Sequence[tuple[str, Repeat]]:
        rows = RepeatRow.query(
            keys.repeats(feature_id, user_id),
            RepeatRow.sk > after if after else None,
            consistent_read=True,
            limit=limit,
            page_size=limit,
        )
        return [(row.sk, kept_repeat(feature_id, row).repeat) for row in rows]

    @store_errors()
    def log_records(self, user_id: str, after: str, limit: int) -> Sequence[tuple[str, LogRecord]]:
        """One page: log records may be so large that it holds few of them."""
        pages = LogRecordRow.query(
            keys.logs(user_id),
            LogRecordRow.sk > after if after else None,
            consistent_read=True,
            page_size=limit,
        ).page_iter
        rows = map(LogRecordRow.from_raw_data, next(pages)["Items"])
        return [(row.sk, log_record_of(row)) for row in rows]
