"""Sessions of people who signed in with an API key: signed texts that die with the key.

The signature is an HMAC under the digest of the key, which whoever revokes the key removes. So a
session needs no secret of its own, and nothing stored.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from chalicelib.domain.access.api_keys import ApiKey

LIFETIME = timedelta(hours=12)
"""How long a session is good for, whatever happens in it."""

PARTS = 4


@dataclass(frozen=True, slots=True)
class Session:
    """A session in force: the key that signed in, and the token that its forms carry."""

    key: ApiKey
    form_token: str


def issued(key: ApiKey, now: datetime, nonce: str) -> str:
    """The text of a new session; `nonce` is a random word that tells it from others."""
    ends = int((now + LIFETIME).timestamp())
    text = f"{key.id}.{ends}.{nonce}"
    return f"{text}.{_signature(key, 'session', text)}"


def opened(keys: Iterable[ApiKey], text: str, now: datetime) -> Session | None:
    """The session that a text stands for; None if it is forged, has ended, or its key is gone."""
    signed, _, signature = text.rpartition(".")
    key_id, _, rest = signed.partition(".")
    ends = rest.partition(".")[0]
    key = next((each for each in keys if each.id == key_id), None)
    if key is None or text.count(".") != PARTS - 1 or not ends.isdecimal():
        return None
    genuine = hmac.compare_digest(
        _signature(key, "session", signed).encode(), signature.encode("utf-8", "surrogatepass")
    )
    if not genuine or datetime.fromtimestamp(int(ends), UTC) <= now:
        return None
    return Session(key, _signature(key, "form", text))


def _signature(key: ApiKey, purpose: str, text: str) -> str:
    message = f"{purpose}:{text}".encode("utf-8", "surrogatepass")
    return hmac.new(key.digest.encode(), message, hashlib.sha256).hexdigest()
