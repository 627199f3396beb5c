"""The records of all users and groups in DynamoDB, read by scans: for moving, not for clients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from chalicelib.domain.participants import GroupKey, Profile
from chalicelib.domain.transfer import GroupOwnRecord, OwnedRecord, RecordKind, UserRecord
from chalicelib.services.ports import Position, RecordPage
from chalicelib.storage import keys
from chalicelib.storage.connection import store_errors
from chalicelib.storage.reading import read_rows
from chalicelib.storage.records import (
    enrollment_of,
    exclusion_of,
    group_enrollment_of,
    point_of,
    profile_of,
)
from chalicelib.storage.tables import RecordRow

ROWS_AT_ONCE = 1000

PREFIXES = {
    RecordKind.ENROLLMENTS: ("user#", "enrollment#"),
    RecordKind.EXCLUSIONS: ("user#", "exclusion#"),
    RecordKind.POINTS: ("user#", "point#"),
    RecordKind.GROUP_ENROLLMENTS: ("group#", "enrollment#"),
    RecordKind.GROUP_EXCLUSIONS: ("group#", "exclusion#"),
}
"""What the keys of a kind begin with."""

READERS: dict[RecordKind, Callable[[RecordRow], Any]] = {
    RecordKind.ENROLLMENTS: enrollment_of,
    RecordKind.EXCLUSIONS: exclusion_of,
    RecordKind.POINTS: point_of,
    RecordKind.GROUP_ENROLLMENTS: group_enrollment_of,
    RecordKind.GROUP_EXCLUSIONS: exclusion_of,
}


class DynamoRecordStore:
    """`RecordStore` on the table `users`."""

    @store_errors()
    def page(self, kind: RecordKind, after: Position | None, limit: int) -> RecordPage:
        owner, record = PREFIXES[kind]
        rows = RecordRow.scan(
            RecordRow.pk.startswith(owner) & RecordRow.sk.startswith(record),
            consistent_read=True,
            limit=limit,
            page_size=ROWS_AT_ONCE,
            last_evaluated_key=None
            if after is None
            else {"pk": {"S": after[0]}, "sk": {"S": after[1]}},
        )
        found = list(rows)
        last = rows.last_evaluated_key
        return RecordPage(
            _owned(kind, found), None if last is None else (last["pk"]["S"], last["sk"]["S"])
        )


def _owned(kind: RecordKind, rows: Sequence[RecordRow]) -> list[OwnedRecord]:
    read = READERS[kind]
    if PREFIXES[kind][0] == "group#":
        return [GroupOwnRecord(GroupKey(*row.data["group"]), read(row)) for row in rows]
    profiles = _profiles({row.pk for row in rows})
    # A record without a profile is of a user who was erased in this moment.
    return [UserRecord(profiles[row.pk], read(row)) for row in rows if row.pk in profiles]


def _profiles(partition_keys: set[str]) -> dict[str, Profile]:
    wanted = [(pk, keys.PROFILE) for pk in sorted(partition_keys)]
    return {row.pk: profile_of(row) for row in read_rows(RecordRow, wanted)}
