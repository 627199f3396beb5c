"""The records of all users and groups in DynamoDB, read by scans: for moving, not for clients."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from pynamodb.expressions.condition import Condition

from chalicelib.domain.experiments.transfer import (
    GroupOwnRecord,
    OwnedRecord,
    RecordKind,
    UserRecord,
)
from chalicelib.domain.participants.participants import GroupKey, Profile
from chalicelib.services.experiments.ports import Position, RecordPage
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import store_errors
from chalicelib.storage.dynamodb.reading import read_rows
from chalicelib.storage.dynamodb.tables import RecordRow
from chalicelib.storage.participants.records import (
    enrollment_of,
    exclusion_of,
    group_enrollment_of,
    point_of,
    profile_of,
)

ROWS_AT_ONCE = 1000
"""Rows of the table, whatever they hold, that one scan looks at."""

SCANS_AT_ONCE = 10
"""Scans for one page: a call must end, though there be nothing to find among millions of rows."""

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
        scans = RecordRow.scan(
            _of_kind(kind),
            consistent_read=True,
            page_size=ROWS_AT_ONCE,
            last_evaluated_key=None
            if after is None
            else {"pk": {"S": after[0]}, "sk": {"S": after[1]}},
        ).page_iter
        found: list[RecordRow] = []
        for scanned in itertools.islice(scans, SCANS_AT_ONCE):
            found.extend(map(RecordRow.from_raw_data, scanned["Items"]))
            if len(found) >= limit:
                break
        if len(found) > limit:
            last = found[limit - 1]
            return RecordPage(_owned(kind, found[:limit]), (last.pk, last.sk))
        end = scans.last_evaluated_key
        return RecordPage(
            _owned(kind, found), None if end is None else (end["pk"]["S"], end["sk"]["S"])
        )


def _of_kind(kind: RecordKind) -> Condition:
    owner, record = PREFIXES[kind]
    found: Condition = RecordRow.sk.startswith(record)
    if kind is RecordKind.POINTS:
        found |= RecordRow.sk.startswith("enrollment#") & RecordRow.point.exists()
    owned: Condition = RecordRow.pk.startswith(owner) & found
    return owned


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
