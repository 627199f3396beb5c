"""Who replays the scenarios: anybody, or one who needs a key and has it."""

from __future__ import annotations

from dataclasses import dataclass, field

KEY = "a key of an administrator"


@dataclass(frozen=True, slots=True)
class Caller:
    """The settings of a server, and the headers that its callers send."""

    name: str
    settings: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


ANYBODY = Caller("anybody")
ADMINISTRATOR = Caller(
    "key",
    {"AUTH": "on", "TESTLAB_OPEN_CLIENT": "off", "ADMIN_KEY": KEY},
    {"X-API-Key": KEY},
)
