"""Kept answers in DynamoDB: items of the user's collection that it forgets by itself (TTL)."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from chalicelib.domain.access.idempotency import (
    KEPT,
    AlreadyAnswered,
    IdempotencyRecord,
    RequestKey,
    StoredResponse,
)
from chalicelib.domain.errors import Invalid, LostRace
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import store_errors, transaction
from chalicelib.storage.dynamodb.stored_forms import read_as
from chalicelib.storage.dynamodb.tables import IdempotencyRow

ANSWER_BYTES = 380_000
"""Bytes of a compressed answer: an item may have 400 KB in all."""


class DynamoIdempotencyStore:
    """`IdempotencyStore` on the table `users`."""

    def find(self, key: RequestKey, now: datetime) -> IdempotencyRecord | None:
        return _find(key, now)

    def keep(self, record: IdempotencyRecord) -> None:
        try:
            with store_errors():
                _row(record).save(condition=_forgotten(record.at))
        except LostRace:
            _raise_if_answered(record)
            raise

    @store_errors()
    def of_user(
        self, owner: str, now: datetime, after: str, limit: int
    ) -> Sequence[IdempotencyRecord]:
        kept = keys.stored_response("")
        behind = IdempotencyRow.sk.between(f"{kept}{after}!", f"{kept}~")
        alive = IdempotencyRow.expires_at > int(now.timestamp())
        pages = IdempotencyRow.query(
            keys.user(owner), behind, alive, consistent_read=True, page_size=limit
        ).page_iter
        for page in pages:
            if page["Items"]:
                rows = map(IdempotencyRow.from_raw_data, page["Items"])
                return [_record(owner, row.sk.removeprefix(kept), row) for row in rows]
        return []


@contextmanager
def transaction_once(record: IdempotencyRecord | None) -> Iterator[TransactWrite]:
    """A transaction that stores `record` too, if there is one, and is refused if one is stored.

    Raises:
        AlreadyAnswered: if the request of the record was answered before.
        Invalid: if the answer is longer than an item may be.
        LostRace, Unavailable: as `transaction`.
    """
    try:
        with transaction() as write:
            yield write
            if record is not None:
                write.save(_row(record), condition=_forgotten(record.at))
    except LostRace:
        if record is not None:
            _raise_if_answered(record)
        raise


def _raise_if_answered(record: IdempotencyRecord) -> None:
    first = _find(record.key, record.at)
    if first is not None:
        raise AlreadyAnswered(first)


@store_errors()
def _find(key: RequestKey, now: datetime) -> IdempotencyRecord | None:
    try:
        row = IdempotencyRow.get(*_primary_key(key), consistent_read=True)
    except IdempotencyRow.DoesNotExist:
        return None
    found = _record(key.owner, key.digest, row)
    # DynamoDB removes what has expired some hours late.
    return found if found.expires_at > now else None


def _record(owner: str | None, digest: str, row: IdempotencyRow) -> IdempotencyRecord:
    expires_at = datetime.fromtimestamp(int(row.expires_at), UTC)
    answer = json.loads(zlib.decompress(row.answer))
    key = RequestKey(owner, digest, row.fingerprint)
    return IdempotencyRecord(key, read_as(StoredResponse, answer), expires_at - KEPT)


def _row(record: IdempotencyRecord) -> IdempotencyRow:
    answer = record.answer
    text = json.dumps(
        {"status": answer.status, "headers": dict(answer.headers), "body": answer.body}
    )
    compressed = zlib.compress(text.encode())
    if len(compressed) > ANSWER_BYTES:
        raise Invalid(
            "Idempotency-Key: the answer is too long to be kept: send less at a time, or no key"
        )
    return IdempotencyRow(
        *_primary_key(record.key),
        fingerprint=record.key.fingerprint,
        answer=compressed,
        expires_at=int(record.expires_at.timestamp()),
    )


def _primary_key(key: RequestKey) -> tuple[str, str]:
    partition = keys.answered(key.digest) if key.owner is None else keys.user(key.owner)
    return partition, keys.stored_response(key.digest)


def _forgotten(now: datetime) -> Condition:
    """The condition that no answer is kept, or one that has expired."""
    expired: Condition = IdempotencyRow.expires_at <= int(now.timestamp())
    unknown: Condition = IdempotencyRow.pk.does_not_exist()
    either: Condition = unknown | expired
    return either
