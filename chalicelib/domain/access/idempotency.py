"""Answers that are kept, so that a request that is sent again takes effect once.

The client marks requests that are the same by a header, `Idempotency-Key` (as the draft of the
IETF's HTTPAPI working group describes it, draft-ietf-httpapi-idempotency-key-header).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from chalicelib.domain.errors import Invalid, KeyReused

KEPT = timedelta(hours=24)
"""How long an answer is given again."""

KEY_LENGTH = 255
"""Characters that a client's key may have."""


@dataclass(frozen=True, slots=True)
class RequestKey:
    """The identity of a request (route, caller, key), and a digest of its body.

    `digest` stands for the route, the caller and the client's key, `fingerprint` for the body.
    The answer is kept among the records of the user `owner`; None for requests about no user.
    """

    owner: str | None
    digest: str
    fingerprint: str

    @classmethod
    def of(cls, owner: str | None, route: str, caller: str, key: str, body: bytes) -> RequestKey:
        """The key of a request.

        Raises:
            Invalid: if the client's key is empty, too long, or not of visible ASCII.
        """
        if not 0 < len(key) <= KEY_LENGTH or not (key.isascii() and key.isprintable()):
            raise Invalid(f"Idempotency-Key: 1 to {KEY_LENGTH} printable characters of ASCII")
        scope = "".join(f"{len(part)}:{part}" for part in (route, caller, key))
        return cls(owner, _digest(scope.encode()), _digest(body))


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """An answer as it was sent."""

    status: int
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """An answer with the key of its request, and when it was given."""

    key: RequestKey
    answer: StoredResponse
    at: datetime

    @property
    def expires_at(self) -> datetime:
        """When it counts as forgotten."""
        return self.at + KEPT

    def answer_to(self, key: RequestKey) -> StoredResponse:
        """The stored response, if the request has the same digest.

        Raises:
            KeyReused: if that asks for something else.
        """
        if key.fingerprint != self.key.fingerprint:
            raise KeyReused(
                "Idempotency-Key: it came before, with another body: draw a new one per request"
            )
        return self.answer


class AlreadyAnswered(Exception):
    """A write found that its request was answered before; nothing was changed."""

    def __init__(self, record: IdempotencyRecord) -> None:
        super().__init__("the request was answered before")
        self.record = record


T = TypeVar("T")

Seal = Callable[[T], IdempotencyRecord]
"""Makes the record that is to be stored in one transaction with an effect, of its result."""


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
