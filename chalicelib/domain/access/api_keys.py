"""API keys: who may call what.

Keys are drawn, not chosen, so a plain digest keeps them as well as a slow one would.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.stored_words import Newer


class Role(StrEnum):
    """What a key is for; an administrator's is good for clients' calls too."""

    ADMIN = "admin"
    CLIENT = "client"


class Right(StrEnum):
    """What a person may do in the dashboard: look, change what is there, or manage the service."""

    SEE = "see"
    CHANGE = "change"
    MANAGE = "manage"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key that is in force; `digest` is the SHA-256 of the key itself, in hexadecimal digits."""

    id: str
    role: Role
    digest: str
    created_at: datetime
    newer: tuple[Newer, ...] = ()

    def may(self, role: Role) -> bool:
        """Whether it is good for calls that need `role`: not if its own is not known here."""
        return not self.newer and self.role in (role, Role.ADMIN)

    def grants(self, right: Right) -> bool:  # noqa: ARG002 - an administrator has all
        """Whether who signed in with it has a right."""
        return self.may(Role.ADMIN)


def digest_of(key: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def matching(keys: Iterable[ApiKey], presented: str) -> ApiKey | None:
    """The key that was presented; all are compared, each in constant time."""
    digest, found = digest_of(presented), None
    for key in keys:
        if hmac.compare_digest(key.digest, digest):
            found = key
    return found
