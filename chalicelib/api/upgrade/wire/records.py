"""What every record of UpGrade's administration has: an id, times and a version."""

from __future__ import annotations

import random
import string
import uuid
from collections.abc import Collection
from datetime import UTC, datetime

from chalicelib.api.upgrade.wire.shapes import Stamps

Json = dict[str, object]

CHARACTERS = string.ascii_uppercase + string.digits


def new_id() -> str:
    """A random UUID."""
    return str(uuid.uuid4())


def now() -> datetime:
    """The time now in UTC, in whole milliseconds as it is stored."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def two_characters(taken: Collection[str]) -> str:
    """Two characters that name a part of an experiment for people; unlike those taken."""
    draw = random.SystemRandom()
    while (mark := "".join(draw.choices(CHARACTERS, k=2))) in taken:
        pass
    return mark


def iso(moment: datetime) -> str:
    """A time in UTC with milliseconds, as JavaScript writes it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def stamps(created_at: datetime, updated_at: datetime, version: int) -> Stamps:
    """The times and the version that every record shows."""
    return {
        "createdAt": iso(created_at),
        "updatedAt": iso(updated_at),
        "versionNumber": version,
    }
